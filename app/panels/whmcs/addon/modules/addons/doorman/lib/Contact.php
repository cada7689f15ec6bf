<?php

namespace DoormanAddon;

/** Whether Doorman has shown itself in this request: then silence means that it is busy, not that it is away. */
final class Contact
{
    /** @var bool */
    private static $answeredGate = false;

    /** @var bool */
    private static $tookEvent = false;

    public static function answeredGate(): void
    {
        self::$answeredGate = true;
    }

    public static function tookEvent(): void
    {
        self::$tookEvent = true;
    }

    /**
     * Whether Doorman is there although this is no answer of its gate.
     *
     * A taken event says nothing where the gate refuses: then key, role or address of the gate alone are wrong.
     */
    public static function isThere(Answer $answer): bool
    {
        return self::$answeredGate || (self::$tookEvent && ($answer->status === 0 || $answer->status >= 500));
    }
}
