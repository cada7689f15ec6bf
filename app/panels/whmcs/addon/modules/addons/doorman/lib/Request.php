<?php

namespace DoormanAddon;

/** What kind of PHP request this is: WHMCS runs the same hooks in all of them. */
final class Request
{
    public static function isApi(): bool
    {
        return substr(self::script(), -17) === '/includes/api.php';
    }

    /** Whether it is cron: the command line, or cron.php called over the web. */
    public static function isCron(): bool
    {
        return !isset($_SERVER['REQUEST_METHOD']) || basename(self::script()) === 'cron.php';
    }

    /** Whether it is a page of the admin area. */
    public static function isAdminArea(): bool
    {
        return defined('ADMINAREA') && !self::isApi() && !self::isCron();
    }

    /** Return the order that this page of the admin area shows, or null. */
    public static function shownOrder(): ?int
    {
        if (!self::isAdminArea() || basename(self::script()) !== 'orders.php' || ($_GET['action'] ?? '') !== 'view') {
            return null;
        }
        return Ids::positive($_GET['id'] ?? null);
    }

    private static function script(): string
    {
        $script = $_SERVER['SCRIPT_NAME'] ?? '';
        return is_string($script) ? str_replace('\\', '/', $script) : '';
    }
}
