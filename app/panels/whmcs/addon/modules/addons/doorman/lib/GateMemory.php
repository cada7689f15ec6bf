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

    /** Throws what the database throws. */
    public static function keep(int $orderId, GateAnswer $answer): void
    {
        $row = ['provision' => (int) $answer->provision, 'reason' => $answer->reason, 'asked_at' => time()];
        if (Capsule::table(Tables::GATE)->where('order_id', '=', $orderId)->update($row) === 0) {
            // Two requests may come here at once; and a row that changes nothing counts as not updated.
            Capsule::table(Tables::GATE)->insertOrIgnore(['order_id' => $orderId] + $row);
        }
    }
}
