<?php

namespace DoormanAddon;

use WHMCS\Database\Capsule;

/** What the provider entered; read once in each request. */
final class Settings
{
    const SECRET_SHAPE = '/\Awhsec_[A-Za-z0-9+\/=]+( +whsec_[A-Za-z0-9+\/=]+)*\z/';
    const KEY_SHAPE = '/\Adoorman_[A-Za-z0-9_-]{20,}\z/';

    /** @var self|null */
    private static $loaded;

    /** @var string without a slash at its end; empty when there is none that may be used */
    public $url = '';

    /** @var string */
    public $webhookSecret = '';

    /** @var string */
    public $apiKey = '';

    /** @var bool whether provisioning is asked about */
    public $gate = true;

    /** @var bool whether an order passes when nobody answers and nothing is known of it */
    public $openWhenUnreachable = true;

    /** @var string */
    private $urlProblem = '';

    /** @var string */
    private $secretProblem = '';

    /** @var string */
    private $keyProblem = '';

    /** Throws what the database throws. */
    public static function load(): self
    {
        if (self::$loaded === null) {
            $rows = Capsule::table('tbladdonmodules')->where('module', '=', 'doorman')->get(['setting', 'value']);
            $values = [];
            foreach ($rows as $row) {
                $values[(string) $row->setting] = (string) $row->value;
            }
            self::$loaded = new self($values);
        }
        return self::$loaded;
    }

    private function __construct(array $rows)
    {
        $this->takeUrl(trim($rows['url'] ?? ''));
        $secret = StoredSecret::read('webhook_secret', $rows['webhook_secret'] ?? '', self::SECRET_SHAPE);
        $this->webhookSecret = $secret->value;
        $this->secretProblem = self::problemOf($secret, 'webhook secret');
        if ($this->secretProblem === '' && Signature::key($secret->value) === null) {
            $this->secretProblem = 'the webhook secret is not one: it begins with whsec_, with base64 behind it';
        }
        $key = StoredSecret::read('api_key', $rows['api_key'] ?? '', self::KEY_SHAPE);
        $this->apiKey = $key->value;
        $this->keyProblem = self::problemOf($key, 'API key');
        if ($this->keyProblem === '' && !preg_match('/\A[\x21-\x7e]+\z/', $key->value)) {
            $this->keyProblem = 'the API key holds characters that no key has: enter it again';
        }
        $this->gate = in_array($rows['gate'] ?? 'on', ['on', 'yes', '1'], true);
        $this->openWhenUnreachable = ($rows['unreachable'] ?? 'open') !== 'closed';
    }

    /** Whether the gate is to be asked. */
    public function gates(): bool
    {
        return $this->gate && $this->apiProblem() === '';
    }

    /** Return why no event can be posted, empty when it can. */
    public function webhookProblem(): string
    {
        return $this->urlProblem !== '' ? $this->urlProblem : $this->secretProblem;
    }

    /** Return why nothing can be asked, empty when it can. */
    public function apiProblem(): string
    {
        return $this->urlProblem !== '' ? $this->urlProblem : $this->keyProblem;
    }

    private static function problemOf(StoredSecret $secret, string $name): string
    {
        if ($secret->unreadable) {
            return "the $name can't be decrypted any more: enter it again";
        }
        return $secret->value === '' ? "the $name is not entered yet" : '';
    }

    private function takeUrl(string $url): void
    {
        $parts = preg_match('/[\x00-\x20\x7f"<>\\\\]/', $url) ? [] : (parse_url($url) ?: []);
        $host = strtolower((string) ($parts['host'] ?? ''));
        $scheme = strtolower((string) ($parts['scheme'] ?? ''));
        if ($url === '') {
            $this->urlProblem = 'the address of Doorman is not entered yet';
        } elseif ($host === '' || !in_array($scheme, ['http', 'https'], true)) {
            $this->urlProblem = 'the address of Doorman is not one: it looks like https://doorman.example.com';
        } elseif (array_intersect(['user', 'pass', 'query', 'fragment'], array_keys($parts)) !== []) {
            $this->urlProblem = 'the address of Doorman must have no name, password, ? or # in it';
        } elseif ($scheme === 'http' && !self::isLoopback($host)) {
            $this->urlProblem = 'the address of Doorman must begin with https:// (http is for this machine only)';
        } else {
            $this->url = rtrim($url, '/');
        }
    }

    private static function isLoopback(string $host): bool
    {
        $address = trim($host, '[]');
        $isIpv4 = filter_var($address, FILTER_VALIDATE_IP, FILTER_FLAG_IPV4) !== false;
        return $host === 'localhost' || $address === '::1' || ($isIpv4 && strncmp($address, '127.', 4) === 0);
    }
}
