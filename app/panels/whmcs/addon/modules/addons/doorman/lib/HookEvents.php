<?php

namespace DoormanAddon;

/**
 * What each hook of WHMCS says to Doorman: ids and a word or two of ours, never what the hook was given.
 *
 * Every function takes the hook's variables and returns the events as [type, data] pairs; none when an id is missing.
 */
final class HookEvents
{
    /** hook => function of this class, and its further arguments */
    const HOOKS = [
        'AfterShoppingCartCheckout' => ['orderCreated'],
        'OrderPaid' => ['orderPaid'],
        'AfterFraudCheck' => ['fraudChecked'],
        'FraudCheckPassed' => ['fraudChecked'],
        'FraudCheckFailed' => ['fraudChecked'],
        'FraudCheckAwaitingUserInput' => ['fraudChecked'],
        'AcceptOrder' => ['statusChanged', 'accepted'],
        'CancelOrder' => ['statusChanged', 'cancelled'],
        'CancelAndRefundOrder' => ['statusChanged', 'cancelled'],
        'FraudOrder' => ['statusChanged', 'fraud'],
        'PendingOrder' => ['statusChanged', 'pending'],
        'DeleteOrder' => ['statusChanged', 'deleted'],
        'InvoicePaid' => ['about', 'invoice.paid', 'invoice_id', 'invoiceid'],
        'InvoiceCancelled' => ['about', 'invoice.cancelled', 'invoice_id', 'invoiceid'],
        'InvoiceRefunded' => ['about', 'invoice.refunded', 'invoice_id', 'invoiceid'],
        'TicketOpen' => ['ticketOpened', 'customer'],
        'TicketOpenAdmin' => ['ticketOpened', 'staff'],
        'TicketUserReply' => ['ticketReplied', 'customer'],
        'TicketAdminReply' => ['ticketReplied', 'staff'],
        'TicketClose' => ['about', 'ticket.closed', 'ticket_id', 'ticketid'],
        'AcceptQuote' => ['quoteAccepted'],
        'QuoteStatusChange' => ['quoteChanged'],
        'AfterModuleCreate' => ['serviceBuilt', 'service.provisioned'],
        'AfterModuleCreateFailed' => ['serviceBuilt', 'service.failed'],
        'ClientEdit' => ['about', 'customer.changed', 'customer_id', 'userid'],
        'UserEmailVerificationComplete' => ['mailVerified'],
        'PreDeleteClient' => ['about', 'customer.closed', 'customer_id', 'userid'],
        'ClientClose' => ['about', 'customer.closed', 'customer_id', 'userid'],
        'AfterClientMerge' => ['merged'],
    ];

    /** @var array<int, true> orders whose fraud check this request told already: four hooks speak of one check */
    private static $checked = [];

    /** An event about one thing, such as an invoice: its type, the name of its id, the hook's name for it. */
    public static function about(array $vars, string $type, string $name, string $key): array
    {
        $id = Ids::of($vars, $key);
        return $id === null ? self::without($type, $name) : [[$type, [$name => $id]]];
    }

    public static function orderCreated(array $vars): array
    {
        $orderId = Ids::of($vars, 'OrderID');
        if ($orderId === null) {
            return self::without('order.created', 'order_id');
        }
        $customerId = null;
        $address = '';
        try {
            [$customerId, $address] = Lookup::orderOwner($orderId);
        } catch (\Throwable $error) {
            Log::problem('the owner of an order could not be read: ' . Log::describe($error));
        }
        $actor = Actor::current();
        $placedBy = $actor->placedBy();
        return [['order.created', self::known([
            'order_id' => $orderId,
            'invoice_id' => Ids::of($vars, 'InvoiceID'),
            'customer_id' => $customerId,
            'placed_by' => $placedBy,
            'staff_id' => $actor->adminId,
            'ip' => filter_var($address, FILTER_VALIDATE_IP) === false ? null : $address,
        ])]];
    }

    public static function orderPaid(array $vars): array
    {
        $data = self::known([
            'order_id' => Ids::of($vars, 'orderId'),
            'customer_id' => Ids::of($vars, 'userId'),
            'invoice_id' => Ids::of($vars, 'invoiceId'),
        ]);
        return count($data) === 3 ? [['order.paid', $data]] : self::without('order.paid', 'order, client, invoice id');
    }

    public static function fraudChecked(array $vars): array
    {
        $orderId = Ids::of($vars, 'orderid');
        if ($orderId === null) {
            return self::without('order.fraud_checked', 'order_id');
        }
        if (isset(self::$checked[$orderId])) {
            return [];
        }
        self::$checked[$orderId] = true;
        return [['order.fraud_checked', ['order_id' => $orderId]]];
    }

    public static function statusChanged(array $vars, string $to): array
    {
        $orderId = Ids::of($vars, 'orderid');
        if ($orderId === null) {
            return self::without('order.status_changed', 'order_id');
        }
        $actor = Actor::current();
        $staffId = $actor->isStaffAtWork() ? $actor->adminId : null;
        return [['order.status_changed', self::known(['order_id' => $orderId, 'to' => $to, 'staff_id' => $staffId])]];
    }

    public static function ticketOpened(array $vars, string $by): array
    {
        $ticketId = Ids::of($vars, 'ticketid');
        if ($ticketId === null) {
            return self::without('ticket.opened', 'ticket_id');
        }
        $data = ['ticket_id' => $ticketId, 'customer_id' => Ids::of($vars, 'userid'), 'opened_by' => $by];
        return [['ticket.opened', self::known($data)]];
    }

    public static function ticketReplied(array $vars, string $by): array
    {
        $ticketId = Ids::of($vars, 'ticketid');
        if ($ticketId === null) {
            return self::without('ticket.replied', 'ticket_id');
        }
        return [['ticket.replied', ['ticket_id' => $ticketId, 'by' => $by]]];
    }

    public static function quoteAccepted(array $vars): array
    {
        $quoteId = Ids::of($vars, 'quoteid');
        if ($quoteId === null) {
            return self::without('quote.accepted', 'quote_id');
        }
        return [['quote.accepted', self::known(['quote_id' => $quoteId, 'invoice_id' => Ids::of($vars, 'invoiceid')])]];
    }

    public static function quoteChanged(array $vars): array
    {
        $status = $vars['status'] ?? null;
        return is_string($status) && strtolower(trim($status)) === 'accepted' ? self::quoteAccepted($vars) : [];
    }

    public static function serviceBuilt(array $vars, string $type): array
    {
        $params = is_array($vars['params'] ?? null) ? $vars['params'] : [];
        $serviceId = Ids::of($params, 'serviceid');
        if ($serviceId === null) {
            return self::without($type, 'service_id');
        }
        $orderId = null;
        try {
            $orderId = Lookup::orderOfModule($params);
        } catch (\Throwable $error) {
            Log::problem('the order of a service could not be read: ' . Log::describe($error));
        }
        return [[$type, self::known(['service_id' => $serviceId, 'order_id' => $orderId])]];
    }

    /** `userId` is a login here, which may belong to several clients. */
    public static function mailVerified(array $vars): array
    {
        $userId = Ids::of($vars, 'userId');
        if ($userId === null) {
            return self::without('customer.changed', 'customer_id');
        }
        $events = [];
        foreach (Lookup::clientsOfUser($userId) as $clientId) {
            $events[] = ['customer.changed', ['customer_id' => $clientId]];
        }
        return $events;
    }

    public static function merged(array $vars): array
    {
        $data = self::known(['from' => Ids::of($vars, 'fromUserID'), 'to' => Ids::of($vars, 'toUserID')]);
        return count($data) < 2 ? self::without('customer.merged', 'from, to') : [['customer.merged', $data]];
    }

    private static function known(array $data): array
    {
        return array_filter($data, static function ($value): bool {
            return $value !== null;
        });
    }

    private static function without(string $type, string $names): array
    {
        Log::problem("WHMCS gave no $names for an event $type, so it was not sent");
        return [];
    }
}
