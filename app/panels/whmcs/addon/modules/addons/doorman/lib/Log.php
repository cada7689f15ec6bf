<?php

namespace DoormanAddon;

/** WHMCS's activity log: at most one line about problems in each request, never a secret. */
final class Log
{
    /** @var bool */
    private static $spoken = false;

    /** Say what went wrong, unless this request said something already. */
    public static function problem(string $message): void
    {
        if (self::$spoken) {
            return;
        }
        self::$spoken = true;
        self::write($message);
    }

    /** Say what a person did; it is not kept back by an earlier problem. */
    public static function note(string $message): void
    {
        self::write($message);
    }

    /** Return an error as a short text, without the SQL and the values that Laravel appends. */
    public static function describe(\Throwable $error): string
    {
        $message = preg_split('/ \((?:SQL|Connection):/', $error->getMessage())[0];
        return substr(get_class($error) . ': ' . $message, 0, 200);
    }

    private static function write(string $message): void
    {
        try {
            if (function_exists('logActivity')) {
                logActivity('Doorman: ' . substr($message, 0, 400));
            }
        } catch (\Throwable $error) {
            unset($error); // the log is the last resort; a checkout must not fail for it
        }
    }
}
