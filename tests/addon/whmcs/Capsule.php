<?php

/**
 * The part of WHMCS's database layer (Illuminate's query builder) that modules use, over PDO.
 */

namespace WHMCS\Database;

use PDO;
use RuntimeException;
use Throwable;

/** The static entry point: Capsule::table(), ::schema(), ::connection(). */
final class Capsule
{
    /** @var Connection|null */
    private static $connection;

    public static function open(Connection $connection): void
    {
        self::$connection = $connection;
    }

    public static function connection(): Connection
    {
        return self::$connection;
    }

    public static function table(string $name): Builder
    {
        return new Builder(self::$connection, $name);
    }

    public static function schema(): Schema
    {
        return new Schema(self::$connection);
    }

    public static function raw(string $sql): Expression
    {
        return new Expression($sql);
    }

    public static function __callStatic(string $name, array $arguments)
    {
        return self::$connection->$name(...$arguments);
    }
}

/** Raw SQL. */
final class Expression
{
    /** @var string */
    public $sql;

    public function __construct(string $sql)
    {
        $this->sql = $sql;
    }

    public function __toString(): string
    {
        return $this->sql;
    }
}

/** One PDO connection that can be set to fail on a table, and records its queries. */
final class Connection
{
    /** @var PDO */
    private $pdo;

    /** @var string[] a query that contains one of these words throws; `*` is every query */
    public $broken = [];

    /** @var string[] */
    public $queries = [];

    public function __construct(string $dsn, bool $stringify)
    {
        $options = [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
            PDO::ATTR_EMULATE_PREPARES => false,
            PDO::ATTR_STRINGIFY_FETCHES => $stringify,
        ];
        $this->pdo = new PDO($dsn, 'root', '', $options);
        if ($this->isMysql()) {
            $this->pdo->exec("SET SESSION sql_mode='', time_zone='+02:00'");
        } else {
            $this->pdo->exec('PRAGMA busy_timeout=5000');
            $this->pdo->exec('PRAGMA synchronous=OFF');
        }
    }

    public function isMysql(): bool
    {
        return $this->pdo->getAttribute(PDO::ATTR_DRIVER_NAME) === 'mysql';
    }

    public function getPdo(): PDO
    {
        return $this->pdo;
    }

    public function getDriverName(): string
    {
        return $this->isMysql() ? 'mysql' : 'sqlite';
    }

    public function run(string $sql, array $values = []): \PDOStatement
    {
        $this->queries[] = $sql;
        foreach ($this->broken as $word) {
            if ($word === '*' || strpos($sql, $word) !== false) {
                throw new RuntimeException('SQLSTATE[HY000]: General error: the database is away');
            }
        }
        $statement = $this->pdo->prepare($sql);
        foreach (array_values($values) as $index => $value) {
            $statement->bindValue($index + 1, is_bool($value) ? (int) $value : $value, $this->typeOf($value));
        }
        $statement->execute();
        return $statement;
    }

    private function typeOf($value): int
    {
        if ($value === null) {
            return PDO::PARAM_NULL;
        }
        return is_int($value) || is_bool($value) ? PDO::PARAM_INT : PDO::PARAM_STR;
    }

    public function select(string $sql, array $values = []): array
    {
        return $this->run($sql, $values)->fetchAll(PDO::FETCH_OBJ);
    }

    public function statement(string $sql, array $values = []): bool
    {
        $this->run($sql, $values);
        return true;
    }

    public function affectingStatement(string $sql, array $values = []): int
    {
        return $this->run($sql, $values)->rowCount();
    }

    public function update(string $sql, array $values = []): int
    {
        return $this->affectingStatement($sql, $values);
    }

    public function table(string $name): Builder
    {
        return new Builder($this, $name);
    }

    public function beginTransaction(): void
    {
        $this->pdo->beginTransaction();
    }

    public function commit(): void
    {
        $this->pdo->commit();
    }

    public function rollBack(): void
    {
        $this->pdo->rollBack();
    }

    public function transaction(callable $work)
    {
        $this->beginTransaction();
        try {
            $result = $work($this);
        } catch (Throwable $error) {
            $this->rollBack();
            throw $error;
        }
        $this->commit();
        return $result;
    }
}
