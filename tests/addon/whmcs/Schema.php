<?php

namespace WHMCS\Database;

use BadMethodCallException;
use RuntimeException;

/** Capsule::schema(): creates, changes and drops tables of a module. */
final class Schema
{
    /** @var Connection */
    private $connection;

    public function __construct(Connection $connection)
    {
        $this->connection = $connection;
    }

    public function hasTable(string $name): bool
    {
        $sql = $this->connection->isMysql()
            ? 'SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?'
            : "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?";
        return $this->connection->select($sql, [$name]) !== [];
    }

    public function hasColumn(string $table, string $column): bool
    {
        $sql = $this->connection->isMysql()
            ? 'SELECT 1 FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ? '
                . 'AND column_name = ?'
            : 'SELECT 1 FROM pragma_table_info(?) WHERE name = ?';
        return $this->connection->select($sql, [$table, $column]) !== [];
    }

    public function create(string $name, callable $fill): void
    {
        $blueprint = new Blueprint($this->connection->isMysql());
        $fill($blueprint);
        $options = $this->connection->isMysql() ? ' ENGINE=InnoDB DEFAULT CHARSET=utf8mb4' : '';
        $this->connection->statement("CREATE TABLE `$name` (" . implode(', ', $blueprint->parts()) . ")$options");
        foreach ($blueprint->indexes($name) as $sql) {
            $this->connection->statement($sql);
        }
    }

    public function table(string $name, callable $fill): void
    {
        $blueprint = new Blueprint($this->connection->isMysql());
        $fill($blueprint);
        foreach ($blueprint->parts() as $part) {
            $this->connection->statement("ALTER TABLE `$name` ADD COLUMN $part");
        }
        foreach ($blueprint->indexes($name) as $sql) {
            $this->connection->statement($sql);
        }
    }

    public function dropIfExists(string $name): void
    {
        $this->connection->statement("DROP TABLE IF EXISTS `$name`");
    }

    public function drop(string $name): void
    {
        if (!$this->hasTable($name)) {
            throw new RuntimeException("no such table: $name");
        }
        $this->dropIfExists($name);
    }
}

/** The columns and indexes of one table. */
final class Blueprint
{
    private const TYPES = [
        'increments' => ['INT UNSIGNED', 'INTEGER'],
        'bigIncrements' => ['BIGINT UNSIGNED', 'INTEGER'],
        'integer' => ['INT', 'INTEGER'],
        'unsignedInteger' => ['INT UNSIGNED', 'INTEGER'],
        'bigInteger' => ['BIGINT', 'INTEGER'],
        'unsignedBigInteger' => ['BIGINT UNSIGNED', 'INTEGER'],
        'smallInteger' => ['SMALLINT', 'INTEGER'],
        'unsignedSmallInteger' => ['SMALLINT UNSIGNED', 'INTEGER'],
        'tinyInteger' => ['TINYINT', 'INTEGER'],
        'unsignedTinyInteger' => ['TINYINT UNSIGNED', 'INTEGER'],
        'boolean' => ['TINYINT(1)', 'INTEGER'],
        'double' => ['DOUBLE', 'REAL'],
        'text' => ['TEXT', 'TEXT'],
        'mediumText' => ['MEDIUMTEXT', 'TEXT'],
        'longText' => ['LONGTEXT', 'TEXT'],
        'dateTime' => ['DATETIME', 'TEXT'],
        'timestamp' => ['TIMESTAMP NULL', 'TEXT'],
        'uuid' => ['CHAR(36)', 'TEXT'],
    ];

    /** @var bool */
    private $mysql;

    /** @var Column[] */
    private $columns = [];

    /** @var array<int, array{0: string, 1: string[], 2: string|null}> */
    private $indexes = [];

    /** @var string[]|null */
    private $primary;

    public function __construct(bool $mysql)
    {
        $this->mysql = $mysql;
    }

    public function __call(string $type, array $arguments): Column
    {
        if (!isset(self::TYPES[$type])) {
            throw new BadMethodCallException("no such column type: $type");
        }
        $column = new Column($arguments[0], self::TYPES[$type][$this->mysql ? 0 : 1]);
        $column->counts = $type === 'increments' || $type === 'bigIncrements';
        return $this->columns[] = $column;
    }

    public function string(string $name, int $length = 255): Column
    {
        return $this->columns[] = new Column($name, $this->mysql ? "VARCHAR($length)" : 'TEXT');
    }

    public function char(string $name, int $length = 255): Column
    {
        return $this->columns[] = new Column($name, $this->mysql ? "CHAR($length)" : 'TEXT');
    }

    public function decimal(string $name, int $total = 8, int $places = 2): Column
    {
        return $this->columns[] = new Column($name, $this->mysql ? "DECIMAL($total, $places)" : 'NUMERIC');
    }

    public function timestamps(): void
    {
        $this->timestamp('created_at')->nullable();
        $this->timestamp('updated_at')->nullable();
    }

    public function index($columns, ?string $name = null): void
    {
        $this->indexes[] = ['INDEX', (array) $columns, $name];
    }

    public function unique($columns, ?string $name = null): void
    {
        $this->indexes[] = ['UNIQUE INDEX', (array) $columns, $name];
    }

    public function primary($columns): void
    {
        $this->primary = (array) $columns;
    }

    /** @return string[] */
    public function parts(): array
    {
        $mysql = $this->mysql;
        $parts = array_map(function (Column $column) use ($mysql): string {
            return $column->sql($mysql);
        }, $this->columns);
        if ($this->primary !== null) {
            $parts[] = 'PRIMARY KEY (`' . implode('`, `', $this->primary) . '`)';
        }
        return $parts;
    }

    /** @return string[] */
    public function indexes(string $table): array
    {
        foreach ($this->columns as $column) {
            if ($column->index !== null) {
                $this->indexes[] = [$column->index, [$column->name], null];
            }
        }
        return array_map(function (array $index) use ($table): string {
            [$kind, $columns, $name] = $index;
            $name = $name ?: $table . '_' . implode('_', $columns) . '_index';
            return "CREATE $kind `$name` ON `$table` (`" . implode('`, `', $columns) . '`)';
        }, $this->indexes);
    }
}

/** One column; its modifiers can be chained. */
final class Column
{
    /** @var string */
    public $name;

    /** @var string */
    private $type;

    /** @var bool */
    public $counts = false;

    /** @var string|null */
    public $index;

    /** @var bool */
    private $null = false;

    /** @var string */
    private $default = '';

    /** @var bool */
    private $primary = false;

    public function __construct(string $name, string $type)
    {
        $this->name = $name;
        $this->type = $type;
    }

    public function nullable(): self
    {
        $this->null = true;
        return $this;
    }

    public function default($value): self
    {
        $text = is_int($value) || is_float($value) ? (string) $value : "'" . str_replace("'", "''", (string) $value) . "'";
        $this->default = ' DEFAULT ' . (is_bool($value) ? (string) (int) $value : $text);
        return $this;
    }

    public function unsigned(): self
    {
        return $this;
    }

    public function unique(): self
    {
        $this->index = 'UNIQUE INDEX';
        return $this;
    }

    public function index(): self
    {
        $this->index = 'INDEX';
        return $this;
    }

    public function primary(): self
    {
        $this->primary = true;
        return $this;
    }

    public function after(string $column): self
    {
        return $this;
    }

    public function sql(bool $mysql): string
    {
        if ($this->counts) {
            return "`{$this->name}` {$this->type} " . ($mysql ? 'AUTO_INCREMENT PRIMARY KEY' : 'PRIMARY KEY AUTOINCREMENT');
        }
        $null = $this->null ? '' : ' NOT NULL';
        return "`{$this->name}` {$this->type}$null{$this->default}" . ($this->primary ? ' PRIMARY KEY' : '');
    }
}
