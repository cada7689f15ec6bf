<?php

namespace DoormanAddon;

/** Text, times and tables as HTML of WHMCS's admin area; everything is escaped here. */
final class Html
{
    /** Return a value from anywhere as escaped text; what is no text becomes nothing. */
    public static function text($value): string
    {
        $text = is_scalar($value) && !is_bool($value) ? (string) $value : '';
        return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
    }

    /** Return unix seconds or ISO 8601 as "2026-01-31 12:00 UTC", a dash for nothing. */
    public static function moment($value): string
    {
        $seconds = is_numeric($value) ? (int) $value : (is_string($value) ? strtotime($value) : false);
        return $seconds === false ? '–' : gmdate('Y-m-d H:i', $seconds) . ' UTC';
    }

    /** Return an amount with its currency, empty where there is none. */
    public static function money($amount, $currency): string
    {
        $text = self::text($amount);
        return $text === '' ? '' : trim($text . ' ' . self::text($currency));
    }

    /** Return a link; `$href` is text, not yet escaped, and only an address of the web or one within the admin area. */
    public static function link(string $href, string $label): string
    {
        if (preg_match('#\A[a-z][a-z0-9+.-]*:#i', $href) && !preg_match('#\Ahttps?://#i', $href)) {
            return self::text($label);
        }
        $outside = preg_match('#\Ahttps?://#i', $href) ? ' target="_blank" rel="noopener noreferrer"' : '';
        return '<a href="' . self::text($href) . '"' . $outside . '>' . self::text($label) . '</a>';
    }

    public static function orderLink(int $orderId, string $label): string
    {
        return self::link('orders.php?action=view&id=' . $orderId, $label);
    }

    /** Return a table; heads are text, cells are HTML. */
    public static function table(array $heads, array $rows): string
    {
        $html = '<table class="table table-striped table-condensed"><thead><tr>';
        foreach ($heads as $head) {
            $html .= '<th>' . self::text($head) . '</th>';
        }
        $html .= '</tr></thead><tbody>';
        foreach ($rows as $cells) {
            $html .= '<tr><td>' . implode('</td><td>', $cells) . '</td></tr>';
        }
        return $html . '</tbody></table>';
    }

    /** Return a box; the text is not yet escaped, `$kind` is success, info, warning or danger. */
    public static function alert(string $kind, string $text): string
    {
        return '<div class="alert alert-' . $kind . '">' . self::text($text) . '</div>';
    }

    /** Return the texts of Doorman's reasons, one below the other. */
    public static function reasons($reasons): string
    {
        $texts = [];
        foreach (is_array($reasons) ? $reasons : [] as $reason) {
            $texts[] = self::text(is_array($reason) ? ($reason['text'] ?? $reason['code'] ?? '') : '');
        }
        return implode('<br>', array_filter($texts));
    }
}
