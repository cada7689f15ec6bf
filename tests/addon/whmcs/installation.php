<?php

/**
 * WHMCS's own tables as far as an addon reads them, and what its admin area does with an addon.
 */

use WHMCS\Database\Blueprint;
use WHMCS\Database\Capsule;

const MODULE = 'doorman';

function install_whmcs(): void
{
    $schema = Capsule::schema();
    $schema->create('tbladdonmodules', function (Blueprint $table): void {
        $table->increments('id');
        $table->string('module');
        $table->string('setting');
        $table->text('value');
    });
    $schema->create('tblorders', function (Blueprint $table): void {
        $table->increments('id');
        $table->bigInteger('ordernum');
        $table->integer('userid');
        $table->integer('contactid')->default(0);
        $table->integer('requestor_id')->default(0);
        $table->integer('admin_requestor_id')->default(0);
        $table->dateTime('date');
        $table->integer('invoiceid')->default(0);
        $table->string('status')->default('Pending');
        $table->string('ipaddress')->default('');
        $table->string('paymentmethod')->default('stripe');
        $table->text('notes');
        $table->decimal('amount', 16, 2);
    });
    foreach (['tblhosting', 'tblhostingaddons', 'tbldomains'] as $name) {
        $schema->create($name, function (Blueprint $table) use ($name): void {
            $table->increments('id');
            $table->integer('userid');
            $table->integer('orderid')->default(0);
            $table->string('password')->default('MARKER-row');
            if ($name === 'tblhostingaddons') {
                $table->integer('hostingid')->default(0);
                $table->integer('addonid')->default(0);
                $table->string('status')->default('Pending');
            } else {
                $table->string('domain')->default('');
                $table->string($name === 'tbldomains' ? 'status' : 'domainstatus')->default('Pending');
                $table->integer('packageid')->default(0);
            }
        });
    }
    $schema->create('tblinvoices', function (Blueprint $table): void {
        $table->increments('id');
        $table->integer('userid');
        $table->string('status')->default('Unpaid');
    });
    $schema->create('tblinvoiceitems', function (Blueprint $table): void {
        $table->increments('id');
        $table->integer('invoiceid');
        $table->string('type');
        $table->integer('relid')->default(0);
    });
    $schema->create('tblusers_clients', function (Blueprint $table): void {
        $table->increments('id');
        $table->integer('auth_user_id');
        $table->integer('client_id');
        $table->integer('owner')->default(1);
    });
    $schema->create('tblticketdepartments', function (Blueprint $table): void {
        $table->increments('id');
        $table->string('name');
    });
    $schema->create('tblconfiguration', function (Blueprint $table): void {
        $table->increments('id');
        $table->string('setting');
        $table->text('value');
    });
    Capsule::table('tblconfiguration')->insert([
        ['setting' => 'Version', 'value' => '9.0.3-release.1'],
        ['setting' => 'SystemURL', 'value' => 'https://billing.example.com/'],
    ]);
}

/** Recreates the same tables: nothing of an earlier installation remains. */
function reset_whmcs(): void
{
    $names = array_column(Capsule::connection()->select('SHOW TABLES'), 'Tables_in_' . Capsule::connection()
        ->select('SELECT DATABASE() AS name')[0]->name);
    foreach ($names as $name) {
        Capsule::table($name)->delete();
    }
    if ($names === []) {
        install_whmcs();
    }
}

function addon_is_active(): bool
{
    return Capsule::schema()->hasTable('tbladdonmodules')
        && Capsule::table('tbladdonmodules')->where('module', MODULE)->exists();
}

function load_addon(): void
{
    require_once ROOTDIR . '/modules/addons/' . MODULE . '/' . MODULE . '.php';
}

function addon_rows(): array
{
    return Capsule::table('tbladdonmodules')->where('module', MODULE)->pluck('value', 'setting')->all();
}

/** The button Activate: fields get their defaults. */
function activate_addon(): array
{
    load_addon();
    $config = doorman_config();
    $answer = doorman_activate();
    if (($answer['status'] ?? 'success') !== 'success') {
        return $answer;
    }
    Capsule::table('tbladdonmodules')->where('module', MODULE)->delete();
    $rows = ['version' => $config['version'], 'access' => '1'];
    foreach ($config['fields'] as $name => $field) {
        $rows[$name] = $field['Default'] ?? '';
    }
    save_settings($rows);
    return $answer;
}

/** The button Save Changes: text fields are sent as shown, unticked boxes are not sent. */
function save_settings(array $values): void
{
    foreach ($values as $name => $value) {
        Capsule::table('tbladdonmodules')->updateOrInsert(
            ['module' => MODULE, 'setting' => $name],
            ['value' => (string) $value]
        );
    }
}

/** The button Deactivate: WHMCS deletes the settings. */
function deactivate_addon(): array
{
    load_addon();
    $answer = doorman_deactivate();
    Capsule::table('tbladdonmodules')->where('module', MODULE)->delete();
    return $answer;
}

/** A newer version of the files than the one in the table: WHMCS calls the upgrade once. */
function upgrade_addon(): bool
{
    load_addon();
    $rows = addon_rows();
    $config = doorman_config();
    if (!version_compare($config['version'], $rows['version'], '>')) {
        return false;
    }
    if (function_exists('doorman_upgrade')) {
        doorman_upgrade($rows);
    }
    save_settings(['version' => $config['version']]);
    return true;
}

/** The addon's own page in the admin area. */
function admin_page(): void
{
    load_addon();
    $link = 'addonmodules.php?module=' . MODULE;
    doorman_output(addon_rows() + ['module' => MODULE, 'modulelink' => $link, '_lang' => []]);
}
