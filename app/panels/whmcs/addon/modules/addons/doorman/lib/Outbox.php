<?php

namespace DoormanAddon;

use WHMCS\Database\Capsule;

/** Events on their way to Doorman: a row first, then one post; what fails is tried again by cron, for ever. */
final class Outbox
{
    /** Seconds after the first, second, ... failed attempt; the last one repeats. */
    const DELAYS = [60, 300, 1800, 7200, 21600];
    const MOST_PER_RUN = 200;
    const KEEP_SECONDS = 2592000;
    const MOST_PRUNED = 500;
    const MOST_SHOWN = 10;

    /** How long a row is left alone by other crons while this one posts it, in seconds. */
    const CLAIM_SECONDS = 120;

    /** Store an event and post it once; without a table it is posted all the same. */
    public static function send(Event $event): Answer
    {
        $stored = self::store($event);
        $answer = Doorman::post(Settings::load(), $event);
        if ($stored) {
            self::settle($event->id, 0, $answer);
        }
        return $answer;
    }

    /** Post what waits, oldest first; stops where the next one would fare no better. */
    public static function drain(): void
    {
        $settings = Settings::load();
        if ($settings->webhookProblem() !== '') {
            return;
        }
        Budget::rest()->allowDrain();
        $rows = Capsule::table(Tables::EVENTS)->whereNull('delivered_at')->where('next_at', '<=', time())
            ->orderBy('id')->limit(self::MOST_PER_RUN)->get();
        foreach ($rows as $row) {
            if (!Budget::rest()->allowsCall()) {
                return;
            }
            if (!self::claim($row)) {
                continue;
            }
            $event = new Event($row->event_id, $row->type, $row->body, (int) $row->created_at);
            $answer = Doorman::post($settings, $event);
            self::settle($event->id, (int) $row->attempts, $answer);
            if (!$answer->isSuccess() && $answer->concernsAll()) {
                Log::problem('events wait: ' . Problems::ofWebhook($answer));
                return;
            }
        }
    }

    /** Delete delivered events of long ago, a bounded number at a time. */
    public static function prune(): void
    {
        $ids = [];
        $rows = Capsule::table(Tables::EVENTS)->whereNotNull('delivered_at')
            ->where('delivered_at', '<', time() - self::KEEP_SECONDS)
            ->orderBy('delivered_at')->limit(self::MOST_PRUNED)->get(['id']);
        foreach ($rows as $row) {
            $ids[] = $row->id;
        }
        if ($ids !== []) {
            Capsule::table(Tables::EVENTS)->whereIn('id', $ids)->delete();
        }
    }

    /** Return what the admin page shows: waiting, oldest, last_error, last_delivered (unix seconds or null), rows. */
    public static function state(): array
    {
        $waiting = static function () {
            return Capsule::table(Tables::EVENTS)->whereNull('delivered_at');
        };
        $failed = $waiting()->whereNotNull('last_error')->orderBy('id', 'desc')->first(['last_error']);
        return [
            'waiting' => (int) $waiting()->count(),
            'oldest' => $waiting()->min('created_at'),
            'last_error' => $failed === null ? null : (string) $failed->last_error,
            'last_delivered' => Capsule::table(Tables::EVENTS)->max('delivered_at'),
            'rows' => $waiting()->orderBy('id')->limit(self::MOST_SHOWN)
                ->get(['type', 'created_at', 'attempts', 'next_at', 'last_error']),
        ];
    }

    /** Return how many seconds to wait after so many failed attempts (1 and more). */
    public static function delay(int $attempts): int
    {
        return self::DELAYS[min(max($attempts, 1), count(self::DELAYS)) - 1];
    }

    private static function store(Event $event): bool
    {
        try {
            return (bool) Capsule::table(Tables::EVENTS)->insert([
                'event_id' => $event->id,
                'type' => $event->type,
                'body' => $event->body,
                'created_at' => $event->createdAt,
                'attempts' => 0,
                'next_at' => $event->createdAt + self::delay(1), // this request posts it now; cron stays off meanwhile
            ]);
        } catch (\Throwable $error) {
            Log::problem('an event could not be stored: ' . Log::describe($error));
            return false;
        }
    }

    /** Whether this cron, and no other at the same moment, may post the row. */
    private static function claim($row): bool
    {
        $claimed = Capsule::table(Tables::EVENTS)
            ->where('id', '=', $row->id)->where('next_at', '=', $row->next_at)->whereNull('delivered_at')
            ->update(['next_at' => time() + self::CLAIM_SECONDS]);
        return $claimed > 0;
    }

    /** Write down how it went. A failure to do so costs nothing but a repeat, which Doorman recognises by the id. */
    private static function settle(string $eventId, int $attempts, Answer $answer): void
    {
        $now = time();
        $attempts += $answer->made ? 1 : 0;
        $change = ['attempts' => $attempts, 'last_error' => null, 'delivered_at' => $now];
        if (!$answer->isSuccess()) {
            $change = [
                'attempts' => $attempts,
                'last_error' => substr(Problems::ofWebhook($answer), 0, 255),
                'next_at' => $answer->made ? $now + self::delay($attempts) : $now,
            ];
        }
        try {
            Capsule::table(Tables::EVENTS)->where('event_id', '=', $eventId)->whereNull('delivered_at')
                ->update($change);
        } catch (\Throwable $error) {
            Log::problem('the fate of an event could not be written down: ' . Log::describe($error));
        }
    }
}
