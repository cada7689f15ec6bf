<?php

namespace DoormanAddon;

/** What came back from Doorman, if anything. */
final class Answer
{
    /** @var bool whether a call was made at all */
    public $made;

    /** @var int HTTP status; 0 without an answer */
    public $status;

    /** @var string */
    public $body;

    /** @var string why there was no answer; empty otherwise */
    public $failure;

    /** @var int milliseconds */
    public $took;

    private function __construct(bool $made, int $status, string $body, string $failure, int $took)
    {
        $this->made = $made;
        $this->status = $status;
        $this->body = $body;
        $this->failure = $failure;
        $this->took = $took;
    }

    public static function notMade(string $why): self
    {
        return new self(false, 0, '', $why, 0);
    }

    public static function missing(string $failure, int $took): self
    {
        return new self(true, 0, '', $failure, $took);
    }

    public static function of(int $status, string $body, int $took): self
    {
        return new self(true, $status, $body, '', $took);
    }

    public function isSuccess(): bool
    {
        return $this->status >= 200 && $this->status < 300;
    }

    /** Whether the next event would fare no better: nobody answers, or secret, address or service are at fault. */
    public function concernsAll(): bool
    {
        return in_array($this->status, [0, 401, 404, 502, 503, 504], true);
    }

    /** Return the JSON object of a 200, or null. */
    public function json(): ?array
    {
        $value = $this->status === 200 ? json_decode($this->body, true, 64) : null;
        return is_array($value) ? $value : null;
    }
}
