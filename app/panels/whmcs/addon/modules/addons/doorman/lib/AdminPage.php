<?php

namespace DoormanAddon;

/** The addon's page in the admin area: what waits to be delivered, what waits for a person, and a test. */
final class AdminPage
{
    const SHOWN = 25;

    const WHY = [
        'fee' => 'a fee is to be paid',
        'review' => 'to be looked at',
        'answer' => 'the customer answered',
        'refund_due' => 'a refund is due',
        'breach' => 'provisioned although held',
        'dead_call' => 'a change in WHMCS failed for good',
        'group' => 'new accounts that ordered together',
    ];

    /** Return the page. */
    public static function render(array $vars): string
    {
        $link = is_string($vars['modulelink'] ?? null) ? $vars['modulelink'] : 'addonmodules.php?module=doorman';
        $settings = Settings::load();
        $html = '';
        foreach (array_unique(array_filter([$settings->webhookProblem(), $settings->apiProblem()])) as $problem) {
            $html .= Html::alert('warning', ucfirst($problem) . ' (Configuration > System Settings > Addon Modules).');
        }
        if (!$settings->gate) {
            $html .= Html::alert('warning', 'The gate is off: what Doorman holds is provisioned all the same.');
        }
        if (($_SERVER['REQUEST_METHOD'] ?? '') === 'POST' && ($_POST['doorman_action'] ?? '') === 'test') {
            $html .= self::test();
        }
        $html .= self::delivery() . self::testForm($link) . self::queue($settings);
        if ($settings->url !== '') {
            $html .= '<p>' . Html::link($settings->url . '/docs', 'Open Doorman to act (its API page)') . '</p>';
        }
        return $html;
    }

    private static function test(): string
    {
        if (function_exists('check_token') && check_token('WHMCS.admin.default') === false) {
            return Html::alert('danger', 'The form was too old: send it again.');
        }
        $answer = Outbox::send(Event::make('addon.test', []));
        if ($answer->isSuccess()) {
            $how = "HTTP {$answer->status} after {$answer->took} ms";
            return Html::alert('success', "Doorman took the test event: $how.");
        }
        $after = $answer->made ? " (after {$answer->took} ms)" : '';
        return Html::alert('danger', 'The test event did not arrive: ' . Problems::ofWebhook($answer) . $after
            . '. It stays in the outbox, and cron tries it again.');
    }

    private static function testForm(string $link): string
    {
        $token = function_exists('generate_token') ? (string) generate_token() : '';
        if ($token !== '' && strpos($token, '<') === false) {
            $token = '<input type="hidden" name="token" value="' . Html::text($token) . '">';
        }
        return '<form method="post" action="' . Html::text($link) . '">' . $token
            . '<input type="hidden" name="doorman_action" value="test">'
            . '<button type="submit" class="btn btn-default">Send test event</button></form>';
    }

    private static function delivery(): string
    {
        $head = '<h2>Delivery</h2>';
        try {
            Tables::create(); // somebody may have dropped one
            $state = Outbox::state();
        } catch (\Throwable $error) {
            return $head . Html::alert('danger', 'The outbox cannot be read: ' . Log::describe($error) . '.');
        }
        $html = $head . Html::table(['Events waiting', 'Oldest', 'Last error', 'Last delivered'], [[
            Html::text($state['waiting']),
            Html::moment($state['oldest']),
            $state['last_error'] === null ? '–' : Html::text($state['last_error']),
            Html::moment($state['last_delivered']),
        ]]);
        $rows = [];
        foreach ($state['rows'] as $row) {
            $rows[] = [
                Html::text($row->type), Html::moment($row->created_at), Html::text($row->attempts),
                Html::moment($row->next_at), Html::text($row->last_error),
            ];
        }
        return $rows === [] ? $html : $html . Html::table(['Event', 'Since', 'Attempts', 'Next', 'Error'], $rows);
    }

    private static function queue(Settings $settings): string
    {
        $head = '<h2>Waiting for a person</h2>';
        $answer = Doorman::get($settings, '/queue?limit=' . self::SHOWN, Budget::rest());
        $page = $answer->json();
        if ($page === null || !is_array($page['items'] ?? null)) {
            $problem = Problems::ofApi($answer) ?: 'the answer makes no sense';
            return $head . Html::alert('warning', "The queue cannot be shown: $problem.");
        }
        $items = array_filter($page['items'], 'is_array');
        if ($items === []) {
            return $head . '<p>Nothing waits.</p>';
        }
        // Doorman lists the most urgent first, a breach on top: its order is kept.
        $heads = ['Order', 'Customer', 'Product', 'Amount', 'Work', 'Risk', 'Why', 'Since', 'Due'];
        $html = $head . Html::table($heads, array_map([self::class, 'row'], $items));
        $more = ($page['next_cursor'] ?? null) !== null;
        return $more ? $html . '<p>The ' . self::SHOWN . ' most urgent are shown; Doorman has more.</p>' : $html;
    }

    private static function row(array $item): array
    {
        $orderId = Ids::positive($item['order_id'] ?? null);
        $number = is_scalar($item['order_number'] ?? null) ? (string) $item['order_number'] : '';
        return [
            $orderId === null ? '–' : Html::orderLink($orderId, $number === '' ? "id $orderId" : "#$number"),
            self::customer($item),
            self::orDash(Html::text($item['product'] ?? '')),
            self::orDash(Html::money($item['amount'] ?? null, $item['currency'] ?? null)),
            self::work($item),
            self::orDash(Html::text($item['risk'] ?? '')),
            self::why($item),
            Html::moment($item['since'] ?? null),
            Html::moment($item['due_at'] ?? null),
        ];
    }

    private static function customer(array $item): string
    {
        $customerId = Ids::positive($item['customer_id'] ?? null);
        $name = is_string($item['customer_name'] ?? null) ? $item['customer_name'] : '';
        if ($customerId === null) {
            return self::orDash(Html::text($name));
        }
        return Html::link("clientssummary.php?userid=$customerId", $name === '' ? "client $customerId" : $name);
    }

    /** The minutes and the fee; marked where approving would give the work away. */
    private static function work(array $item): string
    {
        $minutes = Html::text($item['minutes'] ?? '');
        $fee = Html::money($item['fee'] ?? null, $item['currency'] ?? null);
        $parts = array_filter([$minutes === '' || $minutes === '0' ? '' : "$minutes min", $fee]);
        if (($item['work_unpaid'] ?? false) === true) {
            $parts[] = '<strong>not paid for</strong>';
        }
        return self::orDash(implode(', ', $parts));
    }

    /** What it waits for and the one sentence why; an older Doorman sends reasons only. */
    private static function why(array $item): string
    {
        $why = is_string($item['why'] ?? null) ? $item['why'] : '';
        $label = '<strong>' . Html::text(ucfirst(self::WHY[$why] ?? $why)) . '</strong>';
        $sentence = Html::text($item['sentence'] ?? '');
        return "$label<br>" . ($sentence === '' ? Html::reasons($item['reasons'] ?? null) : $sentence);
    }

    private static function orDash(string $html): string
    {
        return $html === '' ? '–' : $html;
    }
}
