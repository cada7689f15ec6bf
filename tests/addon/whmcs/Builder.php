<?php

namespace WHMCS\Database;

use BadMethodCallException;
use Closure;

/** A query builder; an unsupported method throws, as a typo would. */
final class Builder
{
    /** @var Connection */
    private $connection;

    /** @var string */
    private $table;

    /** @var array<int, array{0: string, 1: string, 2: array}> and/or, SQL, values */
    private $wheres = [];

    /** @var string[] */
    private $joins = [];

    /** @var string[] */
    private $orders = [];

    /** @var string[] */
    private $groups = [];

    /** @var array */
    private $columns = ['*'];

    /** @var int|null */
    private $limit;

    /** @var int|null */
    private $offset;

    /** @var bool */
    private $locked = false;

    public function __construct(Connection $connection, string $table)
    {
        $this->connection = $connection;
        $this->table = $table;
    }

    private function quote($name): string
    {
        if ($name instanceof Expression || $name === '*') {
            return (string) $name;
        }
        if (preg_match('/^(.+) as (.+)$/i', $name, $found)) {
            return $this->quote($found[1]) . ' AS ' . $this->quote($found[2]);
        }
        $parts = array_map(function (string $part): string {
            return $part === '*' ? $part : '`' . str_replace('`', '``', $part) . '`';
        }, explode('.', $name));
        return implode('.', $parts);
    }

    // --- conditions ------------------------------------------------------------------------------------------------

    public function where($column, $operator = null, $value = null, string $glue = 'AND'): self
    {
        if ($column instanceof Closure) {
            return $this->nested($column, $glue);
        }
        if (is_array($column)) {
            foreach ($column as $key => $entry) {
                is_array($entry) ? $this->where(...$entry) : $this->where($key, '=', $entry);
            }
            return $this;
        }
        if (func_num_args() === 2) {
            [$operator, $value] = ['=', $operator];
        }
        if ($value === null) {
            return $this->condition($glue, $this->quote($column) . ($operator === '=' ? ' IS NULL' : ' IS NOT NULL'));
        }
        if (!in_array(strtolower($operator), ['=', '<', '>', '<=', '>=', '<>', '!=', 'like', 'not like'], true)) {
            throw new BadMethodCallException("no such operator: $operator");
        }
        if ($value instanceof Expression) {
            return $this->condition($glue, $this->quote($column) . " $operator $value");
        }
        return $this->condition($glue, $this->quote($column) . " $operator ?", [$value]);
    }

    public function orWhere($column, $operator = null, $value = null): self
    {
        if (func_num_args() === 2) {
            [$operator, $value] = ['=', $operator];
        }
        return $this->where($column, $operator, $value, 'OR');
    }

    private function nested(Closure $fill, string $glue): self
    {
        $inner = new self($this->connection, $this->table);
        $fill($inner);
        [$sql, $values] = $inner->conditions();
        return $this->condition($glue, "($sql)", $values);
    }

    private function condition(string $glue, string $sql, array $values = []): self
    {
        $this->wheres[] = [$glue, $sql, $values];
        return $this;
    }

    public function whereNull(string $column): self
    {
        return $this->condition('AND', $this->quote($column) . ' IS NULL');
    }

    public function orWhereNull(string $column): self
    {
        return $this->condition('OR', $this->quote($column) . ' IS NULL');
    }

    public function whereNotNull(string $column): self
    {
        return $this->condition('AND', $this->quote($column) . ' IS NOT NULL');
    }

    public function whereIn(string $column, $values, bool $not = false): self
    {
        $values = $values instanceof Collection ? $values->all() : array_values($values);
        if ($values === []) {
            return $this->condition('AND', $not ? '1 = 1' : '0 = 1');
        }
        $marks = implode(', ', array_fill(0, count($values), '?'));
        return $this->condition('AND', $this->quote($column) . ($not ? ' NOT' : '') . " IN ($marks)", $values);
    }

    public function whereNotIn(string $column, $values): self
    {
        return $this->whereIn($column, $values, true);
    }

    public function whereBetween(string $column, array $range): self
    {
        return $this->condition('AND', $this->quote($column) . ' BETWEEN ? AND ?', $range);
    }

    public function whereRaw(string $sql, array $values = []): self
    {
        return $this->condition('AND', $sql, $values);
    }

    public function whereColumn(string $left, string $operator, ?string $right = null): self
    {
        [$operator, $right] = $right === null ? ['=', $operator] : [$operator, $right];
        return $this->condition('AND', $this->quote($left) . " $operator " . $this->quote($right));
    }

    private function conditions(): array
    {
        $sql = '';
        $values = [];
        foreach ($this->wheres as [$glue, $condition, $bound]) {
            $sql .= ($sql === '' ? '' : " $glue ") . $condition;
            $values = array_merge($values, $bound);
        }
        return [$sql, $values];
    }

    private function whereSql(): array
    {
        [$sql, $values] = $this->conditions();
        return [$sql === '' ? '' : " WHERE $sql", $values];
    }

    // --- shape -----------------------------------------------------------------------------------------------------

    public function join(string $table, string $left, string $operator, string $right, string $kind = 'INNER'): self
    {
        $on = $this->quote($left) . " $operator " . $this->quote($right);
        $this->joins[] = " $kind JOIN " . $this->quote($table) . " ON $on";
        return $this;
    }

    public function leftJoin(string $table, string $left, string $operator, string $right): self
    {
        return $this->join($table, $left, $operator, $right, 'LEFT');
    }

    public function select(...$columns): self
    {
        $this->columns = is_array($columns[0] ?? null) ? $columns[0] : $columns;
        return $this;
    }

    public function selectRaw(string $sql): self
    {
        $this->columns = [new Expression($sql)];
        return $this;
    }

    public function orderBy(string $column, string $direction = 'asc'): self
    {
        $this->orders[] = $this->quote($column) . (strtolower($direction) === 'desc' ? ' DESC' : ' ASC');
        return $this;
    }

    public function orderByDesc(string $column): self
    {
        return $this->orderBy($column, 'desc');
    }

    public function groupBy(...$columns): self
    {
        $this->groups = array_map([$this, 'quote'], $columns);
        return $this;
    }

    public function limit(int $count): self
    {
        $this->limit = $count;
        return $this;
    }

    public function take(int $count): self
    {
        return $this->limit($count);
    }

    public function offset(int $count): self
    {
        $this->offset = $count;
        return $this;
    }

    public function skip(int $count): self
    {
        return $this->offset($count);
    }

    public function lockForUpdate(): self
    {
        $this->locked = $this->connection->isMysql();
        return $this;
    }

    // --- reading ---------------------------------------------------------------------------------------------------

    private function rows(array $columns): array
    {
        [$where, $values] = $this->whereSql();
        $sql = 'SELECT ' . implode(', ', array_map([$this, 'quote'], $columns)) . ' FROM ' . $this->quote($this->table)
            . implode('', $this->joins) . $where
            . ($this->groups === [] ? '' : ' GROUP BY ' . implode(', ', $this->groups))
            . ($this->orders === [] ? '' : ' ORDER BY ' . implode(', ', $this->orders))
            . ($this->limit === null ? '' : " LIMIT {$this->limit}")
            . ($this->offset === null ? '' : " OFFSET {$this->offset}")
            . ($this->locked ? ' FOR UPDATE' : '');
        return $this->connection->select($sql, $values);
    }

    public function get($columns = ['*']): Collection
    {
        $asked = $columns === ['*'] ? $this->columns : (array) $columns;
        return new Collection($this->rows($asked));
    }

    public function first($columns = ['*'])
    {
        return $this->limit(1)->get($columns)->first();
    }

    public function find($id)
    {
        return $this->where('id', '=', $id)->first();
    }

    public function value(string $column)
    {
        $row = $this->first([$column]);
        return $row === null ? null : current((array) $row);
    }

    public function pluck(string $column, ?string $key = null): Collection
    {
        return $this->get($key === null ? [$column] : [$column, $key])->pluck($column, $key);
    }

    private function aggregate(string $function, $column)
    {
        $row = (clone $this)->rows([new Expression("$function(" . $this->quote($column) . ') AS aggregate')]);
        return $row[0]->aggregate ?? null;
    }

    public function count($column = '*'): int
    {
        return (int) $this->aggregate('COUNT', $column);
    }

    public function min(string $column)
    {
        return $this->aggregate('MIN', $column);
    }

    public function max(string $column)
    {
        return $this->aggregate('MAX', $column);
    }

    public function sum(string $column)
    {
        return $this->aggregate('SUM', $column) ?: 0;
    }

    public function exists(): bool
    {
        return (clone $this)->limit(1)->rows([new Expression('1 AS one')]) !== [];
    }

    public function doesntExist(): bool
    {
        return !$this->exists();
    }

    // --- writing ---------------------------------------------------------------------------------------------------

    public function insert(array $rows, string $verb = 'INSERT'): bool
    {
        return $this->put($rows, $verb) >= 0;
    }

    private function put(array $rows, string $verb): int
    {
        $rows = is_array(reset($rows)) ? array_values($rows) : [$rows];
        $names = array_keys($rows[0]);
        $marks = '(' . implode(', ', array_fill(0, count($names), '?')) . ')';
        $values = array_merge(...array_map('array_values', $rows));
        $sql = "$verb INTO " . $this->quote($this->table) . ' (' . implode(', ', array_map([$this, 'quote'], $names))
            . ') VALUES ' . implode(', ', array_fill(0, count($rows), $marks));
        return $this->connection->affectingStatement($sql, $values);
    }

    public function insertOrIgnore(array $rows): int
    {
        return $this->put($rows, $this->connection->isMysql() ? 'INSERT IGNORE' : 'INSERT OR IGNORE');
    }

    public function insertGetId(array $row): int
    {
        $this->insert($row);
        return (int) $this->connection->getPdo()->lastInsertId();
    }

    public function update(array $row): int
    {
        $sets = [];
        $values = [];
        foreach ($row as $name => $value) {
            $sets[] = $this->quote($name) . ' = ' . ($value instanceof Expression ? (string) $value : '?');
            if (!$value instanceof Expression) {
                $values[] = $value;
            }
        }
        [$where, $bound] = $this->whereSql();
        $bounds = '';
        if ($this->connection->isMysql()) {
            $bounds = ($this->orders === [] ? '' : ' ORDER BY ' . implode(', ', $this->orders))
                . ($this->limit === null ? '' : " LIMIT {$this->limit}");
        }
        $sql = 'UPDATE ' . $this->quote($this->table) . ' SET ' . implode(', ', $sets) . $where . $bounds;
        return $this->connection->affectingStatement($sql, array_merge($values, $bound));
    }

    public function updateOrInsert(array $keys, array $values = []): bool
    {
        if (!(clone $this)->where($keys)->exists()) {
            return $this->insert(array_merge($keys, $values));
        }
        if ($values === []) {
            return true;
        }
        return (bool) $this->where($keys)->update($values);
    }

    public function increment(string $column, int $by = 1, array $more = []): int
    {
        return $this->update([$column => new Expression($this->quote($column) . " + $by")] + $more);
    }

    public function delete(): int
    {
        [$where, $values] = $this->whereSql();
        $sql = 'DELETE FROM ' . $this->quote($this->table) . $where;
        return $this->connection->affectingStatement($sql, $values);
    }
}
