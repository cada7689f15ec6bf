<?php
if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

// A half-copied or broken module must cost the events, never the shop: WHMCS includes this file on every page.
$doormanLoad = __DIR__ . '/lib/load.php';
try {
    if (is_file($doormanLoad) && require_once $doormanLoad) {
        DoormanAddon\Hooks::register();
    }
} catch (\Throwable $error) {
    unset($error); // nothing can be logged through classes that did not load
}
unset($doormanLoad);
