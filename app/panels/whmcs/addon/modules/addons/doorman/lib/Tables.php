<?php

namespace DoormanAddon;

use WHMCS\Database\Capsule;

/** The addon's own tables. */
final class Tables
{
    /** Events for Doorman: written first, then posted. */
    const EVENTS = 'mod_doorman_events';

    /** The last answer of the gate for each order, for when Doorman can't be reached. */
    const GATE = 'mod_doorman_gate';

    /** Make what is missing. Throws what the database throws. */
    public static function create(): void
    {
        $schema = Capsule::schema();
        if (!$schema->hasTable(self::EVENTS)) {
            $schema->create(self::EVENTS, static function ($table) {
                $table->bigIncrements('id');
                $table->string('event_id', 64)->unique();
                $table->string('type', 64);
                $table->text('body');
                $table->unsignedInteger('created_at');
                $table->unsignedInteger('attempts')->default(0);
                $table->unsignedInteger('next_at');
                $table->unsignedInteger('delivered_at')->nullable();
                $table->string('last_error', 255)->nullable();
                $table->index(['delivered_at', 'next_at'], 'mod_doorman_events_due');
            });
        }
        if (!$schema->hasTable(self::GATE)) {
            $schema->create(self::GATE, static function ($table) {
                $table->bigInteger('order_id')->primary();
                $table->tinyInteger('provision');
                $table->string('reason', 64);
                $table->unsignedInteger('asked_at');
            });
        }
    }
}
