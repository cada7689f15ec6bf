<?php

/**
 * The global functions of WHMCS that an addon may call; the calls are recorded in Whmcs.
 */

/** The state of this pretend WHMCS during one request. */
final class Whmcs
{
    /** @var array<string, array<int, array<int, callable>>> */
    public static $hooks = [];

    /** @var string[] */
    public static $activity = [];

    /** @var array[] */
    public static $moduleLog = [];

    /** @var array[] */
    public static $localCalls = [];

    /** @var array<string, array> answers of localAPI by command */
    public static $localAnswers = [];

    /** @var string[] notices, warnings, deprecations */
    public static $errors = [];

    /** @var bool a WHMCS whose activity log can't be written */
    public static $logBroken = false;
}

function add_hook($point, $priority, $function)
{
    Whmcs::$hooks[$point][(int) $priority][] = $function;
}

/** Runs the callbacks of one point, low priorities first. */
function run_hook(string $point, $vars): array
{
    $outcome = ['returned' => [], 'thrown' => []];
    $byPriority = Whmcs::$hooks[$point] ?? [];
    ksort($byPriority);
    foreach ($byPriority as $callbacks) {
        foreach ($callbacks as $callback) {
            try {
                $outcome['returned'][] = call_user_func($callback, $vars);
            } catch (Throwable $error) {
                $outcome['thrown'][] = get_class($error) . ': ' . $error->getMessage();
            }
        }
    }
    return $outcome;
}

function localAPI($command, $values = [], $adminUser = '')
{
    Whmcs::$localCalls[] = [$command, $values, $adminUser];
    return Whmcs::$localAnswers[$command] ?? ['result' => 'success'];
}

function logActivity($message, $clientId = 0)
{
    if (Whmcs::$logBroken) {
        throw new RuntimeException('tblactivitylog is marked as crashed');
    }
    Whmcs::$activity[] = (string) $message;
}

function logModuleCall($module, $action, $request, $response, $processed = '', $replaceVars = [])
{
    $entry = var_export([$request, $response, $processed], true);
    Whmcs::$moduleLog[] = "$module $action " . str_replace($replaceVars, '********', $entry);
}

/** WHMCS encrypts with $cc_encryption_hash; here any reversible, unreadable encoding will do. */
function encrypt($text)
{
    return base64_encode(strrev('salted:' . $text));
}

/** Text that encrypt() did not make decrypts to garbage, as in WHMCS. */
function decrypt($text)
{
    $plain = strrev((string) base64_decode((string) $text, true));
    return strpos($plain, 'salted:') === 0 ? substr($plain, 7) : "\xFFrubbish\x00";
}

function generate_token($type = 'form')
{
    $token = $_SESSION['token'] ?? '';
    return $type === 'plain' ? $token : '<input type="hidden" name="token" value="' . $token . '" />';
}

/** WHMCS ends the request for a bad token; here it throws. */
function check_token($namespace = 'WHMCS.default', $token = null)
{
    $given = $token ?? ($_REQUEST['token'] ?? '');
    if (!isset($_SESSION['token']) || !hash_equals($_SESSION['token'], (string) $given)) {
        throw new RuntimeException('Invalid token');
    }
}
