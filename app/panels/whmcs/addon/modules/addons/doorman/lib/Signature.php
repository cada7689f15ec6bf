<?php

namespace DoormanAddon;

/** Standard Webhooks: HMAC-SHA256 of "id.timestamp.body". */
final class Signature
{
    /** Return the raw key behind the first of the "whsec_..." secrets, or null when it is none. */
    public static function key(string $secrets): ?string
    {
        $first = preg_split('/\s+/', trim($secrets))[0];
        if (strncmp($first, 'whsec_', 6) !== 0) {
            return null;
        }
        $encoded = rtrim(substr($first, 6), '=');
        $key = base64_decode($encoded . str_repeat('=', (4 - strlen($encoded) % 4) % 4), true);
        return $key === false || $key === '' ? null : $key;
    }

    /** Return the header lines that a sender adds; `$now` in unix seconds. */
    public static function headers(Event $event, string $key, int $now): array
    {
        $hash = hash_hmac('sha256', $event->id . '.' . $now . '.' . $event->body, $key, true);
        return [
            'webhook-id: ' . $event->id,
            'webhook-timestamp: ' . $now,
            'webhook-signature: v1,' . base64_encode($hash),
        ];
    }
}
