<?php

namespace DoormanAddon;

/** Ids as hooks give them: numbers, numeric text, nothing, or something else altogether. */
final class Ids
{
    /** Return the first of these keys that holds an id, or null. Keys are compared in lower case. */
    public static function of(array $vars, string ...$names): ?int
    {
        $lower = array_change_key_case($vars, CASE_LOWER);
        foreach ($names as $name) {
            $id = self::positive($lower[strtolower($name)] ?? null);
            if ($id !== null) {
                return $id;
            }
        }
        return null;
    }

    /** Return the id, from 1 to 2^63-1, or null for anything else. */
    public static function positive($value): ?int
    {
        if (is_float($value) && $value < 1e15) {
            $value = $value === floor($value) ? (int) $value : null;
        }
        if (is_string($value) && preg_match('/\A0*([0-9]{1,19})\z/', trim($value), $found)) {
            // A number above 63 bits is cut off by the cast, and so differs from its text.
            $value = (string) (int) $found[1] === $found[1] ? (int) $found[1] : null;
        }
        return is_int($value) && $value > 0 ? $value : null;
    }
}
