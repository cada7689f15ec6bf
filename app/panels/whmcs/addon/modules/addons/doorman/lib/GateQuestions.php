<?php

namespace DoormanAddon;

/**
 * What this request asks the gate, and what it was told.
 *
 * One payment may let WHMCS build many orders in one request, and each question costs the way to Doorman and back. So
 * the first one names all orders that may come up; what it leaves open is asked for by itself when it comes up.
 */
final class GateQuestions
{
    /** So many orders Doorman takes in one question. */
    const MOST_ORDERS = 100;

    /** Cron goes on for minutes: what was told longer ago is asked again. */
    const FRESH_SECONDS = 30;

    /** @var array<int, GateAnswer> */
    private static $answers = [];

    /** @var array<int, float> when an order's answer was kept, or when it was named in a question for several */
    private static $askedAt = [];

    /** @var bool whether this Doorman, or what stands before it, refused a question for several */
    private static $oneByOne = false;

    /** Return what is known of an order in this request, or null. */
    public static function known(int $orderId): ?GateAnswer
    {
        return self::isRecent($orderId) ? self::$answers[$orderId] ?? null : null;
    }

    /** Keep an answer for the rest of this request. */
    public static function keep(int $orderId, GateAnswer $answer): void
    {
        self::$answers[$orderId] = $answer;
        self::$askedAt[$orderId] = self::now();
    }

    /** Ask about an order, and about those that may come up next; return what came back last. `known` has the answers. */
    public static function ask(Settings $settings, int $orderId): Answer
    {
        $others = self::$oneByOne || self::isRecent($orderId) ? [] : self::others($orderId);
        if ($others !== []) {
            $reply = self::askForAll($settings, array_merge([$orderId], $others));
            $isRefused = $reply->status >= 400 && $reply->status < 500;
            self::$oneByOne = $isRefused; // an older Doorman does not know this question
            if (self::known($orderId) !== null || !($isRefused || $reply->isSuccess())) {
                return $reply;
            }
        }
        return self::askForOne($settings, $orderId);
    }

    private static function askForOne(Settings $settings, int $orderId): Answer
    {
        $reply = Doorman::get($settings, "/orders/$orderId/gate", Budget::gate());
        $answer = GateAnswer::from($reply->json());
        self::take($answer === null ? [] : [$orderId => $answer]);
        return $reply;
    }

    /** @param int[] $orderIds */
    private static function askForAll(Settings $settings, array $orderIds): Answer
    {
        $reply = Doorman::get($settings, '/gate?order_ids=' . implode(',', $orderIds), Budget::gate());
        foreach ($orderIds as $orderId) {
            unset(self::$answers[$orderId]); // what was told long ago
            self::$askedAt[$orderId] = self::now();
        }
        $rows = $reply->json()['orders'] ?? null;
        $answers = [];
        foreach (is_array($rows) ? $rows : [] as $row) {
            $answer = is_array($row) ? GateAnswer::from($row) : null;
            $orderId = $answer === null ? null : Ids::positive($row['order_id'] ?? null);
            if ($orderId !== null && in_array($orderId, $orderIds, true)) {
                $answers[$orderId] = $answer;
            }
        }
        self::take($answers);
        return $reply;
    }

    /** @param array<int, GateAnswer> $answers what Doorman said */
    private static function take(array $answers): void
    {
        if ($answers === []) {
            return;
        }
        Contact::answeredGate();
        foreach ($answers as $orderId => $answer) {
            self::keep($orderId, $answer);
        }
        try {
            GateMemory::keep($answers);
        } catch (\Throwable $error) {
            Log::problem('the answers of the gate could not be kept: ' . Log::describe($error));
        }
    }

    /** Return the orders to ask about together with this one; without them it is asked about alone. */
    private static function others(int $orderId): array
    {
        try {
            $others = array_filter(Lookup::ordersBeside($orderId), static function (int $other): bool {
                return !self::isRecent($other);
            });
        } catch (\Throwable $error) {
            Log::problem('the other orders of a client could not be read: ' . Log::describe($error));
            $others = [];
        }
        return array_slice($others, 0, self::MOST_ORDERS - 1);
    }

    private static function isRecent(int $orderId): bool
    {
        return isset(self::$askedAt[$orderId]) && self::now() - self::$askedAt[$orderId] < self::FRESH_SECONDS;
    }

    private static function now(): float
    {
        return hrtime(true) / 1e9;
    }
}
