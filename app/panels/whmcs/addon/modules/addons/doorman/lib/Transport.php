<?php

namespace DoormanAddon;

/** HTTP over curl: no proxy, no redirects, an answer of bounded size, and never longer than allowed. */
final class Transport
{
    const CONNECT_MS = 1000;
    const TOTAL_MS = 2000;
    const LARGEST_ANSWER = 262144;

    /** @var resource|\CurlHandle|null kept for its open connection: one TLS handshake serves the whole request */
    private static $handle;

    /**
     * Make one call within `$limitMs` and what is left of the budget. `$body` null makes it a GET.
     *
     * @param string[] $headers lines
     */
    public static function call(
        string $url,
        array $headers,
        ?string $body,
        Budget $budget,
        int $limitMs = self::TOTAL_MS
    ): Answer {
        if (!function_exists('curl_init')) {
            return Answer::notMade('PHP lacks its curl extension');
        }
        if (!$budget->allowsCall()) {
            return Answer::notMade('not tried: an earlier call of this page had no answer, or took all the time');
        }
        $limitMs = min($limitMs, self::TOTAL_MS, $budget->leftMs());
        $received = '';
        $tooLarge = false;
        $options = self::options($url, $headers, $body, $limitMs);
        $options[CURLOPT_WRITEFUNCTION] = static function ($handle, string $part) use (&$received, &$tooLarge): int {
            $received .= $part;
            $tooLarge = strlen($received) > self::LARGEST_ANSWER;
            return $tooLarge ? 0 : strlen($part); // another length than was given ends the call
        };
        $from = hrtime(true);
        $handle = self::prepare($options);
        curl_exec($handle);
        $took = (hrtime(true) - $from) / 1e6;
        $code = curl_errno($handle);
        $budget->spend($took, $code === 0 || $tooLarge);
        if ($code !== 0) {
            $failure = $tooLarge ? 'the answer is too large to be Doorman\'s' : self::failure($handle, $took);
            return Answer::missing($failure, (int) round($took));
        }
        return Answer::of((int) curl_getinfo($handle, CURLINFO_RESPONSE_CODE), $received, (int) round($took));
    }

    private static function prepare(array $options)
    {
        if (self::$handle === null) {
            self::$handle = curl_init();
        } else {
            curl_reset(self::$handle);
        }
        curl_setopt_array(self::$handle, $options);
        return self::$handle;
    }

    private static function options(string $url, array $headers, ?string $body, int $limitMs): array
    {
        $options = [
            CURLOPT_URL => $url,
            // An empty Expect stops curl from asking first and waiting a second for "100 Continue".
            CURLOPT_HTTPHEADER => array_merge($headers, ['Accept: application/json', 'Expect:']),
            CURLOPT_USERAGENT => 'doorman-whmcs/' . VERSION,
            CURLOPT_CONNECTTIMEOUT_MS => min(self::CONNECT_MS, $limitMs),
            CURLOPT_TIMEOUT_MS => $limitMs,
            CURLOPT_NOSIGNAL => true,
            CURLOPT_FOLLOWLOCATION => false,
            CURLOPT_PROXY => '',
            CURLOPT_SSL_VERIFYPEER => true,
            CURLOPT_SSL_VERIFYHOST => 2,
            CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
        ];
        if ($body !== null) {
            $options[CURLOPT_POST] = true;
            $options[CURLOPT_POSTFIELDS] = $body;
        }
        return $options;
    }

    /** Not curl's own sentence, which names addresses and changes from version to version. */
    private static function failure($handle, float $took): string
    {
        $code = curl_errno($handle);
        if ($code !== CURLE_OPERATION_TIMEDOUT) {
            return 'no connection: ' . curl_strerror($code);
        }
        $connected = curl_getinfo($handle, CURLINFO_PRETRANSFER_TIME) > 0;
        return sprintf('no %s within %.1f seconds', $connected ? 'answer' : 'connection', $took / 1000);
    }
}
