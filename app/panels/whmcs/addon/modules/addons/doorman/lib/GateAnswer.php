<?php

namespace DoormanAddon;

/** Whether an order may be provisioned, and why: a word of Doorman's, or `unanswered` or `unreachable`. */
final class GateAnswer
{
    const SENTENCES = [
        'held_for_fee' => 'a fee for work on it is not paid yet',
        'held_for_review' => 'a person is to look at it first',
        'rejected' => 'it was rejected',
        'undecided' => 'it is not decided yet',
        'unanswered' => 'Doorman, which is there, did not answer for it in time',
        'unreachable' => 'Doorman cannot be reached, and the addon is set to stop orders then',
    ];

    /** @var bool */
    public $provision;

    /** @var string */
    public $reason;

    public function __construct(bool $provision, string $reason)
    {
        $this->provision = $provision;
        $this->reason = $reason;
    }

    /** Return what Doorman said of one order, or null when this is no answer of its gate. */
    public static function from(?array $json): ?self
    {
        if ($json === null || !is_bool($json['provision'] ?? null)) {
            return null;
        }
        $reason = $json['reason'] ?? '';
        $isWord = is_string($reason) && preg_match('/\A[a-z_]{1,64}\z/', $reason);
        return new self($json['provision'], $isWord ? $reason : '');
    }

    /** Whether Doorman decided to hold it; what is not decided, or was not answered, is stopped without being that. */
    public function isHold(): bool
    {
        return !$this->provision && !in_array($this->reason, ['undecided', 'unanswered', 'unreachable'], true);
    }

    public function sentence(): string
    {
        return self::SENTENCES[$this->reason] ?? 'it is held';
    }
}
