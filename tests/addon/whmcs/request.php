<?php

/**
 * One web request of a pretend WHMCS: reads a scenario (JSON) from stdin, runs its steps, writes the result.
 */

use WHMCS\Authentication\CurrentUser;
use WHMCS\Authentication\Untouchable;
use WHMCS\Database\Capsule;
use WHMCS\Database\Connection;

foreach (['Capsule', 'Builder', 'Collection', 'Schema', 'functions', 'people', 'installation'] as $part) {
    require __DIR__ . "/$part.php";
}

error_reporting(-1);
set_error_handler(function (int $level, string $message, string $file, int $line): bool {
    if (error_reporting() & $level) {
        Whmcs::$errors[] = "$message ($file:$line)";
    }
    return true;
});

/** Lists and texts of a scenario, with values inserted that JSON can't represent. */
function alive($value)
{
    if (!is_array($value)) {
        return $value;
    }
    if (isset($value['__object'])) {
        return new Untouchable();
    }
    if (isset($value['__megabytes'])) {
        static $bulk = null; // one copy: the test is not about the harness's memory
        return $bulk = $bulk ?? str_repeat('MARKER-bulk ', (int) ($value['__megabytes'] * 1024 * 1024 / 12));
    }
    if (isset($value['__bytes'])) {
        return base64_decode($value['__bytes']);
    }
    return array_map('alive', $value);
}

function step(array $step): array
{
    switch ($step['do']) {
        case 'hook':
            return run_hook($step['point'], alive(array_key_exists('vars', $step) ? $step['vars'] : []));
        case 'call':
            return ['returned' => call_user_func_array($step['function'], alive($step['arguments'] ?? []))];
        case 'insert':
            return ['returned' => Capsule::table($step['table'])->insert($step['rows'])];
        case 'sql':
            return ['returned' => Capsule::connection()->statement($step['sql'], $step['values'] ?? [])];
        case 'rows':
            return ['returned' => Capsule::connection()->select($step['sql'], $step['values'] ?? [])];
        case 'break':
            Capsule::connection()->broken = $step['words'];
            return [];
        case 'wait':
            usleep((int) ($step['seconds'] * 1e6));
            return [];
        default:
            return ['returned' => call_user_func_array($step['do'], $step['arguments'] ?? [])];
    }
}

$scenario = json_decode(stream_get_contents(STDIN), true);
$results = [];
$started = hrtime(true);
$finished = false;

register_shutdown_function(function () use (&$results, &$finished, $started): void {
    while (ob_get_level() > 0) {
        $results[] = ['printed' => ob_get_clean(), 'thrown' => ['ended inside the step'], 'returned' => null];
    }
    $last = error_get_last();
    fwrite(STDOUT, json_encode([
        'steps' => $results,
        'seconds' => (hrtime(true) - $started) / 1e9,
        'activity' => Whmcs::$activity,
        'module_log' => Whmcs::$moduleLog,
        'local_calls' => Whmcs::$localCalls,
        'errors' => Whmcs::$errors,
        'session' => $_SESSION ?? [],
        'fatal' => $last['message'] ?? null,
        'finished' => $finished,
        'hooks' => array_keys(Whmcs::$hooks),
        'files' => get_included_files(),
        'memory' => memory_get_peak_usage(),
    ], JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR));
});

define('WHMCS', true);
define('ROOTDIR', $scenario['root']);
define(($scenario['adminarea'] ?? false) ? 'ADMINAREA' : 'CLIENTAREA', true);
$_SERVER['SCRIPT_NAME'] = $_SERVER['PHP_SELF'] = $scenario['script'];
$_SERVER['REMOTE_ADDR'] = $scenario['ip'] ?? '203.0.113.7';
if (isset($scenario['session'])) {
    $_SESSION = $scenario['session']; // the command line has no session
}
$_GET = $scenario['get'] ?? [];
$_POST = $scenario['post'] ?? [];
$_REQUEST = $_POST + $_GET;
if (!($scenario['cli'] ?? false)) {
    $_SERVER['REQUEST_METHOD'] = $_POST === [] ? 'GET' : 'POST';
}
$CONFIG = ['SystemURL' => 'https://billing.example.com'];
CurrentUser::$scenario = $scenario;
Whmcs::$localAnswers = $scenario['local_answers'] ?? [];
Whmcs::$logBroken = $scenario['log_broken'] ?? false;
Capsule::open(new Connection($scenario['database'], $scenario['stringify'] ?? false));
Capsule::connection()->broken = $scenario['broken'] ?? [];

if ($scenario['loads_hooks'] ?? addon_is_active()) {
    require ROOTDIR . '/modules/addons/' . MODULE . '/hooks.php';
}
foreach ($scenario['steps'] as $step) {
    $before = hrtime(true);
    ob_start();
    try {
        $outcome = step($step) + ['returned' => null, 'thrown' => []];
    } catch (Throwable $error) {
        $outcome = ['returned' => null, 'thrown' => [get_class($error) . ': ' . $error->getMessage()]];
    }
    $results[] = $outcome + ['printed' => ob_get_clean(), 'seconds' => (hrtime(true) - $before) / 1e9];
}
$finished = true;
