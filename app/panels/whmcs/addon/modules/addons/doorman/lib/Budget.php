<?php

namespace DoormanAddon;

/**
 * How long one PHP request may wait for Doorman. The gate has time of its own, which nothing takes from it. The rest,
 * events above all, makes do with what is left of a page's time; cron sends what finds none.
 */
final class Budget
{
    /** The gate answers within 1.5 seconds; the way there and back comes on top. */
    const GATE_MS = 2000;

    /** What a page may take in all before the rest is put off, */
    const PAGE_MS = 2000;

    /** and what of it the rest may take where customers wait. */
    const REST_MS = 1000;

    /** Nobody waits for cron, and what it provisions must be asked about too. */
    const CRON_MS = 20000;

    /** Less than this is not worth a call. */
    const LEAST_MS = 20;

    /** @var self|null */
    private static $gate;

    /** @var self|null */
    private static $rest;

    /** @var int|null what is allowed instead of the usual */
    private $allowedMs;

    /** @var float */
    private $spentMs = 0.0;

    /** @var bool */
    private $ended = false;

    /** Return what the gate's questions share. */
    public static function gate(): self
    {
        return self::$gate = self::$gate ?? new self();
    }

    /** Return what everything else shares. */
    public static function rest(): self
    {
        return self::$rest = self::$rest ?? new self();
    }

    /** Return the milliseconds that are left; 0 after the first call that had no answer. */
    public function leftMs(): int
    {
        if ($this->ended) {
            return 0;
        }
        $left = $this === self::gate() ? $this->ofGate() : $this->ofRest();
        return (int) max(0, $left - $this->spentMs);
    }

    /** Whether one more call may be made. */
    public function allowsCall(): bool
    {
        return $this->leftMs() >= self::LEAST_MS;
    }

    /** Let the rest of this request take as long as cron may. */
    public function allowDrain(): void
    {
        $this->allowedMs = self::CRON_MS;
    }

    /** Count a call; `$answered` false means a time-out or a failed connection, after which no more is made. */
    public function spend(float $milliseconds, bool $answered): void
    {
        $this->spentMs += $milliseconds;
        $this->ended = $this->ended || !$answered;
    }

    private function ofGate(): float
    {
        return Request::isCron() ? self::CRON_MS : self::GATE_MS;
    }

    private function ofRest(): float
    {
        $gate = self::gate();
        if ($gate->ended) {
            return 0; // who does not answer the gate would not take events either
        }
        if ($this->allowedMs !== null || Request::isCron()) {
            return $this->allowedMs ?? self::CRON_MS;
        }
        $left = self::PAGE_MS - $gate->spentMs;
        return Request::isAdminArea() ? $left : min(self::REST_MS, $left);
    }
}
