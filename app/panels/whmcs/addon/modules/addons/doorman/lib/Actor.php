<?php

namespace DoormanAddon;

/** Who is behind this request, as far as WHMCS knows. */
final class Actor
{
    /** @var string customer, staff, api, cron; empty where nobody is logged in, such as in a gateway's callback */
    public $kind;

    /** @var int|null tbladmins.id, only of an admin who acts */
    public $adminId;

    /** @var int|null tblusers.id */
    public $userId;

    /** @var bool whether an admin acts as a customer ("Login as Owner") */
    public $masquerade;

    private function __construct(string $kind, ?int $adminId, ?int $userId, bool $masquerade)
    {
        $this->kind = $kind;
        $this->adminId = $kind === 'staff' ? $adminId : null;
        $this->userId = $userId;
        $this->masquerade = $masquerade;
    }

    /** Look anew each time: people log in during a checkout. */
    public static function current(): self
    {
        $current = self::currentUser();
        $admin = self::ask($current, 'isAuthenticatedAdmin') ? self::idOf(self::ask($current, 'admin')) : null;
        $user = self::ask($current, 'isAuthenticatedUser') ? self::idOf(self::ask($current, 'user')) : null;
        $masquerade = !Request::isAdminArea() && (bool) self::ask($current, 'isMasqueradingAdmin');
        if ($masquerade && $admin === null) {
            $admin = self::idOf(self::ask($current, 'admin'));
        }
        return new self(self::kind($admin, $user, $masquerade), $admin, $user, $masquerade);
    }

    private static function kind(?int $admin, ?int $user, bool $masquerade): string
    {
        if (Request::isApi()) {
            return 'api';
        }
        if (Request::isCron()) {
            return 'cron';
        }
        // An admin who merely shops in another tab is a customer.
        if ($masquerade || (Request::isAdminArea() && $admin !== null)) {
            return 'staff';
        }
        return $user === null ? '' : 'customer';
    }

    /** Whether this is a person at work in the admin area, who may do what Doorman would stop. */
    public function isStaffAtWork(): bool
    {
        return $this->kind === 'staff' && !$this->masquerade;
    }

    /** Return who placed an order in this request, or null when nobody can be named. */
    public function placedBy(): ?string
    {
        if ($this->kind === 'staff') {
            return $this->masquerade ? 'staff_as_customer' : 'staff';
        }
        if ($this->kind === 'cron') {
            return $this->userId === null ? 'api' : 'customer';
        }
        return $this->kind === '' ? null : $this->kind;
    }

    /** Return it as the contract has it. */
    public function toArray(): array
    {
        $actor = ['admin_id' => $this->adminId, 'user_id' => $this->userId, 'masquerade' => $this->masquerade];
        return $this->kind === '' ? $actor : ['kind' => $this->kind] + $actor;
    }

    private static function currentUser()
    {
        try {
            return class_exists('WHMCS\Authentication\CurrentUser') ? new \WHMCS\Authentication\CurrentUser() : null;
        } catch (\Throwable $error) {
            return null;
        }
    }

    private static function ask($current, string $question)
    {
        try {
            return $current !== null && is_callable([$current, $question]) ? $current->$question() : null;
        } catch (\Throwable $error) {
            return null;
        }
    }

    private static function idOf($person): ?int
    {
        try {
            return is_object($person) ? Ids::positive($person->id ?? null) : null;
        } catch (\Throwable $error) {
            return null;
        }
    }
}
