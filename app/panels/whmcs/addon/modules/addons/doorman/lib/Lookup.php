<?php

namespace DoormanAddon;

use WHMCS\Database\Capsule;

/** What a hook does not say and WHMCS's tables do. Every function throws what the database throws. */
final class Lookup
{
    const MOST_CLIENTS = 20;
    const MOST_ORDERS = 500;

    /** Return [client id or null, address that it was placed from or empty] of an order. */
    public static function orderOwner(int $orderId): array
    {
        $row = Capsule::table('tblorders')->where('id', '=', $orderId)->first(['userid', 'ipaddress']);
        if ($row === null) {
            return [null, ''];
        }
        return [Ids::positive($row->userid), trim((string) $row->ipaddress)];
    }

    public static function orderOfService(int $serviceId): ?int
    {
        return self::orderIn('tblhosting', $serviceId);
    }

    public static function orderOfAddon(int $addonId): ?int
    {
        return self::orderIn('tblhostingaddons', $addonId);
    }

    public static function orderOfDomain(int $domainId): ?int
    {
        return self::orderIn('tbldomains', $domainId);
    }

    /** Return the order behind the parameters of a module call: an addon's own before its service's. */
    public static function orderOfModule(array $params): ?int
    {
        $addonId = Ids::of($params, 'addonId');
        $orderId = $addonId === null ? null : self::orderOfAddon($addonId);
        $serviceId = Ids::of($params, 'serviceid');
        return $orderId === null && $serviceId !== null ? self::orderOfService($serviceId) : $orderId;
    }

    /**
     * Return the client's other orders that may be built in the same request: Pending, with something not set up yet.
     *
     * Those of the same invoice come first, as they were placed; then the newest.
     */
    public static function ordersBeside(int $orderId): array
    {
        $order = Capsule::table('tblorders')->where('id', '=', $orderId)->first(['userid', 'invoiceid']);
        $clientId = $order === null ? null : Ids::positive($order->userid);
        if ($clientId === null) {
            return [];
        }
        $rows = Capsule::table('tblorders')->where('userid', '=', $clientId)->where('status', '=', 'Pending')
            ->where('id', '<>', $orderId)->orderBy('id', 'desc')->limit(self::MOST_ORDERS)->get(['id', 'invoiceid']);
        $invoiceId = Ids::positive($order->invoiceid);
        $together = [];
        $others = [];
        foreach ($rows as $row) {
            if ($invoiceId !== null && Ids::positive($row->invoiceid) === $invoiceId) {
                array_unshift($together, (int) $row->id);
            } else {
                $others[] = (int) $row->id;
            }
        }
        $orderIds = array_merge($together, $others);
        return array_values(array_intersect($orderIds, self::ordersToBuild($orderIds)));
    }

    /** Return those of these orders that hold something not set up yet. */
    private static function ordersToBuild(array $orderIds): array
    {
        $found = [];
        $tables = ['tblhosting' => 'domainstatus', 'tblhostingaddons' => 'status', 'tbldomains' => 'status'];
        foreach ($orderIds === [] ? [] : $tables as $table => $status) {
            $rows = Capsule::table($table)->whereIn('orderid', $orderIds)->where($status, 'like', 'Pending%')
                ->get(['orderid']); // domains: also "Pending Registration" and "Pending Transfer"
            foreach ($rows as $row) {
                $found[] = (int) $row->orderid;
            }
        }
        return $found;
    }

    /** Return the clients that a login belongs to, at most so many. */
    public static function clientsOfUser(int $userId): array
    {
        $ids = [];
        $rows = Capsule::table('tblusers_clients')->where('auth_user_id', '=', $userId)->orderBy('client_id')
            ->limit(self::MOST_CLIENTS)->get(['client_id']);
        foreach ($rows as $row) {
            $ids[] = Ids::positive($row->client_id);
        }
        return array_values(array_unique(array_filter($ids)));
    }

    private static function orderIn(string $table, int $id): ?int
    {
        return Ids::positive(Capsule::table($table)->where('id', '=', $id)->value('orderid'));
    }
}
