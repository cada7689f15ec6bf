<?php

namespace WHMCS\Database;

use ArrayAccess;
use ArrayIterator;
use Countable;
use IteratorAggregate;
use Traversable;

/** The result of get() and pluck() since WHMCS 8.0: behaves like an array but is an object. */
final class Collection implements IteratorAggregate, Countable, ArrayAccess
{
    /** @var array */
    private $items;

    public function __construct(array $items)
    {
        $this->items = $items;
    }

    public function all(): array
    {
        return $this->items;
    }

    public function toArray(): array
    {
        return $this->items;
    }

    public function first()
    {
        return $this->items === [] ? null : reset($this->items);
    }

    public function isEmpty(): bool
    {
        return $this->items === [];
    }

    public function map(callable $change): self
    {
        return new self(array_map($change, $this->items));
    }

    public function pluck(string $column, ?string $key = null): self
    {
        return new self(array_column(array_map(function ($row): array {
            return (array) $row;
        }, $this->items), $column, $key));
    }

    public function count(): int
    {
        return count($this->items);
    }

    public function getIterator(): Traversable
    {
        return new ArrayIterator($this->items);
    }

    public function offsetExists($offset): bool
    {
        return isset($this->items[$offset]);
    }

    #[\ReturnTypeWillChange]
    public function offsetGet($offset)
    {
        return $this->items[$offset];
    }

    public function offsetSet($offset, $value): void
    {
        $this->items[$offset] = $value;
    }

    public function offsetUnset($offset): void
    {
        unset($this->items[$offset]);
    }
}
