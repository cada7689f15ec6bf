<?php

namespace DoormanAddon;

use WHMCS\Database\Capsule;

/**
 * One secret among the addon's settings, kept as "enc:" and WHMCS's own encryption.
 *
 * WHMCS may keep password fields in clear, or encrypt them itself when they are saved; so both are undone, and whatever
 * is found without our mark is stored with it.
 */
final class StoredSecret
{
    const MARK = 'enc:';

    /** @var string the secret; empty when there is none or it can't be read */
    public $value = '';

    /** @var bool whether something is stored that can't be read any more */
    public $unreadable = false;

    /** Read the secret of a stored row; `$shape` is a pattern that tells it from something encrypted. */
    public static function read(string $setting, string $stored, string $shape): self
    {
        $secret = new self();
        $given = trim($stored);
        if ($given === '') {
            return $secret;
        }
        $marked = strncmp($given, self::MARK, strlen(self::MARK)) === 0;
        $value = self::unwrap($given, $shape);
        // WHMCS's decrypt() answers nothing, or rubbish, for what another installation encrypted.
        $secret->unreadable = $value === '' || ($marked && preg_match('/[^\x20-\x7e]/', $value) === 1);
        $secret->value = $secret->unreadable ? '' : $value;
        if (!$marked && !$secret->unreadable) {
            self::keep($setting, $stored, $secret->value);
        }
        return $secret;
    }

    /** Undo our encryption and, around or within it, WHMCS's own. */
    private static function unwrap(string $value, string $shape): string
    {
        if (strncmp($value, self::MARK, strlen(self::MARK)) === 0) {
            $value = self::decrypt(substr($value, strlen(self::MARK)));
        }
        if ($value === '' || preg_match($shape, $value)) {
            return $value;
        }
        $inner = self::decrypt($value);
        if (strncmp($inner, self::MARK, strlen(self::MARK)) === 0) {
            return self::decrypt(substr($inner, strlen(self::MARK)));
        }
        return preg_match($shape, $inner) ? $inner : $value;
    }

    private static function decrypt(string $value): string
    {
        try {
            $plain = function_exists('decrypt') ? decrypt($value) : '';
            return is_string($plain) ? trim($plain) : '';
        } catch (\Throwable $error) {
            return '';
        }
    }

    private static function keep(string $setting, string $stored, string $value): void
    {
        try {
            $encrypted = function_exists('encrypt') ? encrypt($value) : null;
            // What can't be read back would be lost: then the row stays as it is.
            if (is_string($encrypted) && self::decrypt($encrypted) === $value) {
                Capsule::table('tbladdonmodules')
                    ->where('module', '=', 'doorman')->where('setting', '=', $setting)->where('value', '=', $stored)
                    ->update(['value' => self::MARK . $encrypted]);
            }
        } catch (\Throwable $error) {
            Log::problem("the setting $setting could not be encrypted: " . Log::describe($error));
        }
    }
}
