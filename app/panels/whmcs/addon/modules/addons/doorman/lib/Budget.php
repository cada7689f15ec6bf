<?php

namespace DoormanAddon;

/** How long one PHP request may wait for Doorman in all: its calls share this, and one failure ends them. */
final class Budget
{
    const REQUEST_MS = 2000;
    const CRON_MS = 20000;

    /** Less than this is not worth a call. */
    const LEAST_MS = 20;

    /** @var float */
    private static $spentMs = 0.0;

    /** @var int|null what drain() asked for */
    private static $drainMs;

    /** @var bool */
    private static $ended = false;

    /** Return the milliseconds that are left; 0 after the first call that had no answer. */
    public static function leftMs(): int
    {
        if (self::$ended) {
            return 0;
        }
        // Nobody waits for cron, and what it provisions must be asked about too.
        $total = self::$drainMs ?? (Request::isCron() ? self::CRON_MS : self::REQUEST_MS);
        return (int) max(0, $total - self::$spentMs);
    }

    /** Whether one more call may be made. */
    public static function allowsCall(): bool
    {
        return self::leftMs() >= self::LEAST_MS;
    }

    /** Let the rest of this request take as long as cron may. */
    public static function allowDrain(): void
    {
        self::$drainMs = self::CRON_MS;
    }

    /** Count a call; `$answered` false means a time-out or a failed connection, after which no more is made. */
    public static function spend(float $milliseconds, bool $answered): void
    {
        self::$spentMs += $milliseconds;
        self::$ended = self::$ended || !$answered;
    }
}
