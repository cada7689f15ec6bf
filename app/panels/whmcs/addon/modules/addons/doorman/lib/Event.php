<?php

namespace DoormanAddon;

/** One event for Doorman. Its id and body are made once; the signature is made at each sending. */
final class Event
{
    /** @var string a UUID */
    public $id;

    /** @var string */
    public $type;

    /** @var string JSON */
    public $body;

    /** @var int unix seconds */
    public $createdAt;

    public function __construct(string $id, string $type, string $body, int $createdAt)
    {
        $this->id = $id;
        $this->type = $type;
        $this->body = $body;
        $this->createdAt = $createdAt;
    }

    /** Make an event of now; `$data` holds ids and words of ours, nothing else. Throws when there is no randomness. */
    public static function make(string $type, array $data): self
    {
        $now = time();
        $envelope = [
            'type' => $type,
            'timestamp' => gmdate('Y-m-d\TH:i:s\Z', $now),
            'data' => $data === [] ? new \stdClass() : $data,
        ];
        $flags = JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE | JSON_THROW_ON_ERROR;
        return new self(self::uuid(), $type, json_encode($envelope, $flags), $now);
    }

    private static function uuid(): string
    {
        $bytes = random_bytes(16);
        $bytes[6] = chr((ord($bytes[6]) & 0x0f) | 0x40);
        $bytes[8] = chr((ord($bytes[8]) & 0x3f) | 0x80);
        return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
    }
}
