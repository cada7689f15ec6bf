<?php

namespace WHMCS\Authentication;

use RuntimeException;

/** Who is logged in; the states don't exclude each other. */
final class CurrentUser
{
    /** @var array the scenario's `admin`, `user`, `masquerade`, `broken_session` */
    public static $scenario = [];

    public function __construct()
    {
        if (self::$scenario['broken_session'] ?? false) {
            throw new RuntimeException('no session store');
        }
    }

    public function isAuthenticatedUser()
    {
        return $this->user() !== null;
    }

    public function isAuthenticatedAdmin()
    {
        return $this->admin() !== null;
    }

    public function isMasqueradingAdmin()
    {
        return (bool) (self::$scenario['masquerade'] ?? false);
    }

    public function user()
    {
        $id = self::$scenario['user'] ?? null;
        return $id === null ? null : new Person($id);
    }

    public function admin()
    {
        $id = self::$scenario['admin'] ?? null;
        return $id === null ? null : new Person($id);
    }

    public function client()
    {
        $id = self::$scenario['client'] ?? null;
        return $id === null ? null : new Person($id);
    }
}

/** A record like WHMCS's models: fields by __get, including secrets, and a text form that shows all of them. */
final class Person
{
    /** @var array */
    private $fields;

    public function __construct(int $id)
    {
        $this->fields = ['id' => $id, 'username' => 'MARKER-username', 'password' => 'MARKER-person'];
    }

    public function __get(string $name)
    {
        return $this->fields[$name] ?? null;
    }

    public function __isset(string $name): bool
    {
        return isset($this->fields[$name]);
    }

    public function __toString(): string
    {
        return (string) json_encode($this->fields);
    }
}

/** An object that a hook must never touch: any use throws. */
final class Untouchable implements \JsonSerializable
{
    public function __get(string $name)
    {
        throw new RuntimeException("MARKER-object read: $name");
    }

    public function __toString(): string
    {
        throw new RuntimeException('MARKER-object as text');
    }

    #[\ReturnTypeWillChange]
    public function jsonSerialize()
    {
        throw new RuntimeException('MARKER-object as JSON');
    }
}
