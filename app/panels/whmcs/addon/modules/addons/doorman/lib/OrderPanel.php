<?php

namespace DoormanAddon;

/** What AdminAreaFooterOutput prints: the notice of an override, and on the page of an order Doorman's verdict. */
final class OrderPanel
{
    const LIMIT_MS = 1000;

    const OUTCOMES = [
        'approve' => 'Approved',
        'hold_for_fee' => 'Held for a fee',
        'hold_for_review' => 'Held for review',
        'reject' => 'Rejected',
    ];

    const FLAGS = [
        'hold_breached' => 'Provisioned although held.',
        'accepted_by_automation' => 'Accepted in WHMCS by a program although held.',
        'provisioning_failed' => 'Not wholly set up: see Doorman and the module queue.',
    ];

    /** WHMCS prints the footer last; this brings the panel to the top of the page. */
    const TO_THE_TOP = '<script>(function () {'
        . 'var panel = document.getElementById("doorman-panel"), area = document.getElementById("contentarea");'
        . 'if (panel && area) { area.insertBefore(panel, area.firstChild); }'
        . '})();</script>';

    /** Return HTML, empty on pages that we have nothing to say on. */
    public static function render(): string
    {
        $notice = self::takeNotice();
        $orderId = Request::shownOrder();
        $verdict = $orderId === null ? '' : self::verdict($orderId);
        if ($notice === '' && $verdict === '') {
            return '';
        }
        return '<div id="doorman-panel">' . $notice . $verdict . '</div>' . self::TO_THE_TOP;
    }

    private static function takeNotice(): string
    {
        $notice = $_SESSION[Gate::NOTICE] ?? null;
        unset($_SESSION[Gate::NOTICE]);
        return is_string($notice) ? Html::alert('warning', $notice) : '';
    }

    private static function verdict(int $orderId): string
    {
        $settings = Settings::load();
        $answer = Doorman::get($settings, "/orders/$orderId", Budget::rest(), self::LIMIT_MS);
        $order = $answer->json();
        if ($order === null) {
            $problem = $answer->status === 404 ? 'it does not know this order' : Problems::ofApi($answer);
            return '<p class="text-muted">Doorman has no verdict to show: ' . Html::text($problem) . '.</p>';
        }
        return '<div class="panel panel-default"><div class="panel-heading">Doorman</div><div class="panel-body">'
            . self::facts($order) . '<p>' . Html::link('addonmodules.php?module=doorman', 'Queue') . ' · '
            . Html::link($settings->url . '/docs', 'Open Doorman to act') . '</p></div></div>';
    }

    private static function facts(array $order): string
    {
        $decision = is_array($order['decision'] ?? null) ? $order['decision'] : [];
        $outcome = is_string($decision['outcome'] ?? null) ? $decision['outcome'] : '';
        $html = '';
        foreach (self::flags($order['flags'] ?? null) as $flag) { // a breach on top, each in Doorman's order
            $html .= isset(self::FLAGS[$flag]) ? Html::alert('warning', self::FLAGS[$flag]) : '';
        }
        $html .= '<p><strong>' . Html::text(self::OUTCOMES[$outcome] ?? ($outcome ?: 'Not decided yet')) . '</strong>';
        if (($decision['by'] ?? null) !== null) {
            $html .= ', by ' . Html::text($decision['by']) . ', ' . Html::moment($decision['at'] ?? null);
        }
        $html .= '</p><p>' . Html::reasons($decision['reasons'] ?? null) . '</p>';
        $lines = [self::fee($order['fee'] ?? null), self::unpaidWork($order), self::hold($order['hold'] ?? null)];
        foreach (array_filter($lines) as $line) {
            $html .= "<p>$line</p>";
        }
        return $html . self::steps($order['panel_steps'] ?? null);
    }

    /** What approving would give away, where nobody pays for the work. */
    private static function unpaidWork(array $order): string
    {
        if (($order['work_unpaid'] ?? false) !== true) {
            return '';
        }
        $labour = is_array($order['labour'] ?? null) ? $order['labour'] : [];
        $minutes = Html::text($labour['minutes'] ?? '');
        return '<strong>Asks for ' . ($minutes === '' ? 'work' : "about $minutes minutes of work")
            . ' that nobody pays for:</strong> approving it needs a word, for free or for the fee.';
    }

    /** What is left to staff on this page. */
    private static function steps($steps): string
    {
        $html = '';
        foreach (is_array($steps) ? $steps : [] as $step) {
            $text = is_array($step) && is_string($step['text'] ?? null) ? $step['text'] : '';
            $html .= $text === '' ? '' : Html::alert('info', $text);
        }
        return $html;
    }

    private static function flags($flags): array
    {
        return is_array($flags) ? array_filter($flags, 'is_string') : [];
    }

    private static function fee($fee): string
    {
        if (!is_array($fee)) {
            return '';
        }
        $amount = $fee['total'] ?? $fee['amount'] ?? '';
        $state = is_string($fee['state'] ?? null) ? str_replace('_', ' ', $fee['state']) : '';
        $invoiceId = Ids::positive($fee['invoice_id'] ?? null);
        $link = $invoiceId === null ? '' : ', '
            . Html::link('invoices.php?action=edit&id=' . $invoiceId, "invoice $invoiceId");
        return 'Fee: ' . Html::text($amount) . ' ' . Html::text($fee['currency'] ?? '') . ', '
            . Html::text($state) . $link;
    }

    private static function hold($hold): string
    {
        if (!is_array($hold)) {
            return '';
        }
        return 'Held since ' . Html::moment($hold['since'] ?? null) . ' (' . Html::text($hold['kind'] ?? '') . '), due '
            . Html::moment($hold['due_at'] ?? null);
    }
}
