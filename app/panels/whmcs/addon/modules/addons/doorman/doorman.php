<?php

/**
 * Doorman at the door of WHMCS: settings, tables and the admin page. The hooks are in hooks.php.
 *
 * Written for PHP 7.4 to 8.3 and WHMCS 8 and 9; needs nothing but PHP's curl extension.
 */

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

require_once __DIR__ . '/lib/load.php';

use DoormanAddon\AdminPage;
use DoormanAddon\Log;
use DoormanAddon\Tables;

/** What WHMCS shows on its addon page, and the settings that it keeps for us in tbladdonmodules. */
function doorman_config()
{
    return [
        'name' => 'Doorman',
        'description' => 'Tells Doorman about orders, invoices and tickets, and asks it before provisioning.',
        'version' => DoormanAddon\VERSION,
        'author' => 'Doorman',
        'fields' => [
            'url' => [
                'FriendlyName' => 'Address of Doorman',
                'Type' => 'text',
                'Size' => '60',
                'Description' => 'Where Doorman answers: https://doorman.example.com, say (http: this machine only).',
            ],
            'webhook_secret' => [
                'FriendlyName' => 'Webhook secret',
                'Type' => 'password',
                'Size' => '60',
                'Description' => 'The value of DOORMAN_WEBHOOK_SECRET (whsec_...), which signs every event.',
            ],
            'api_key' => [
                'FriendlyName' => 'API key',
                'Type' => 'password',
                'Size' => '60',
                'Description' => 'What "doorman keys create whmcs --role panel" printed, for the gate and this page.',
            ],
            'gate' => [
                'FriendlyName' => 'Gate',
                'Type' => 'yesno',
                'Default' => 'on',
                'Description' => 'Tick to ask Doorman before each provisioning and to stop it while the order is held.',
            ],
            'unreachable' => [
                'FriendlyName' => 'Doorman unreachable',
                'Type' => 'dropdown',
                'Options' => 'open,closed',
                'Default' => 'open',
                'Description' => 'Without an answer orders pass (open) or stop (closed); a known hold stays shut.',
            ],
        ],
    ];
}

/** Make the tables; those that are there already stay as they are. */
function doorman_activate()
{
    try {
        if (!function_exists('curl_init')) {
            return ['status' => 'error', 'description' => 'PHP lacks its curl extension. Install it and try again.'];
        }
        Tables::create();
    } catch (\Throwable $error) {
        return ['status' => 'error', 'description' => 'The tables could not be made: ' . Log::describe($error)];
    }
    return [
        'status' => 'success',
        'description' => 'Doorman is active. Now give yourself access, and enter its address, secret and key.',
    ];
}

/** Nothing is deleted: events that wait are delivered after the next activation. */
function doorman_deactivate()
{
    return [
        'status' => 'success',
        'description' => 'Doorman is off and its gate is open. Its tables (' . Tables::EVENTS . ', ' . Tables::GATE
            . ') are kept; WHMCS forgets the settings.',
    ];
}

/** Make what a newer version needs and an older one did not have. */
function doorman_upgrade($vars)
{
    try {
        Tables::create();
    } catch (\Throwable $error) {
        Log::problem('the tables could not be made: ' . Log::describe($error));
    }
}

/** The admin page. */
function doorman_output($vars)
{
    try {
        echo AdminPage::render(is_array($vars) ? $vars : []);
    } catch (\Throwable $error) {
        echo '<div class="alert alert-danger">' . DoormanAddon\Html::text(
            'This page could not be made: ' . Log::describe($error)
        ) . '</div>';
    }
}
