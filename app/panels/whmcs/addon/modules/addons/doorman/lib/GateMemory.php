<?php

namespace DoormanAddon;

use WHMCS\Database\Capsule;

/** The last answer for each order, so that a known hold stays shut when Doorman can't be reached. */
final class GateMemory
{
    /** Return the last answer, or null when there is none. Throws what the database throws. */
    public static function last(int $orderId): ?GateAnswer
    {
        $row = Capsule::table(Tables::GATE)->where('order_id', '=', $orderId)->first(['provision', 'reason']);
        return $row === null ? null : new GateAnswer((int) $row->provision === 1, (string) $row->reason);
    }

    /**
     * Keep answers by order: one statement for those that say the same, and one for those that are new.
     *
     * Throws what the database throws.
     *
     * @param array<int, GateAnswer> $answers not empty
     */
    public static function keep(array $answers): void
    {
        ksort($answers); // two requests that keep the same ones don't lock each other out
        $said = [];
        $rows = [];
        foreach ($answers as $orderId => $answer) {
            $row = ['provision' => (int) $answer->provision, 'reason' => $answer->reason, 'asked_at' => time()];
            $said[json_encode($row)][] = $orderId;
            $rows[] = ['order_id' => $orderId] + $row;
        }
        foreach ($said as $row => $orderIds) {
            Capsule::table(Tables::GATE)->whereIn('order_id', $orderIds)->update(json_decode($row, true));
        }
        Capsule::table(Tables::GATE)->insertOrIgnore($rows);
    }
}
