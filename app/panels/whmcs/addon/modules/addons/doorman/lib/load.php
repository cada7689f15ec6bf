<?php

namespace DoormanAddon;

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

/** Sent as User-Agent, and shown by WHMCS. */
const VERSION = '0.2.0';

return (static function (): bool {
    $files = [
        'Actor', 'AdminPage', 'Answer', 'Budget', 'Contact', 'Doorman', 'Event', 'Gate', 'GateAnswer', 'GateMemory',
        'GateQuestions', 'HookEvents', 'Hooks', 'Html', 'Ids', 'Log', 'Lookup', 'OrderPanel', 'Outbox', 'Problems',
        'Request', 'Settings', 'Signature', 'StoredSecret', 'Tables', 'Transport',
    ];
    foreach ($files as $file) {
        if (!is_file(__DIR__ . "/$file.php")) {
            return false; // require would end the whole page
        }
    }
    foreach ($files as $file) {
        require_once __DIR__ . "/$file.php";
    }
    return true;
})();
