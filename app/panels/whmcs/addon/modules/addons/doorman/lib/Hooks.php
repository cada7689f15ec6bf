<?php

namespace DoormanAddon;

/** Registers everything with WHMCS. No callback ever throws, and only the gate's return anything. */
final class Hooks
{
    /** The gate speaks first, so that what comes after may know; the rest can wait for other hooks. */
    const GATE_PRIORITY = 1;
    const EVENT_PRIORITY = 50;

    public static function register(): void
    {
        foreach (HookEvents::HOOKS as $hook => $call) {
            add_hook($hook, self::EVENT_PRIORITY, static function ($vars = []) use ($hook, $call): void {
                self::raise($hook, $call, is_array($vars) ? $vars : []);
            });
        }
        add_hook('PreModuleCreate', self::GATE_PRIORITY, static function ($vars = []) {
            return Gate::holdOfModule(self::params($vars)) === null ? null : ['abortcmd' => true];
        });
        foreach (['PreRegistrarRegisterDomain', 'PreRegistrarTransferDomain'] as $hook) {
            add_hook($hook, self::GATE_PRIORITY, static function ($vars = []) {
                $hold = Gate::holdOfDomain(self::params($vars));
                return $hold === null ? null : ['abortWithError' => $hold];
            });
        }
        add_hook('AfterCronJob', self::EVENT_PRIORITY, static function (): void {
            self::afterCron();
        });
        add_hook('AdminAreaFooterOutput', self::EVENT_PRIORITY, static function (): string {
            return self::footer();
        });
    }

    private static function raise(string $hook, array $call, array $vars): void
    {
        try {
            $function = array_shift($call);
            $events = HookEvents::$function($vars, ...$call);
            $actor = $events === [] ? [] : Actor::current()->toArray();
            foreach ($events as [$type, $data]) {
                $answer = Outbox::send(Event::make($type, $data + ['actor' => $actor]));
                if (!$answer->isSuccess()) {
                    Log::problem("an event $type waits to be sent: " . Problems::ofWebhook($answer));
                }
            }
        } catch (\Throwable $error) {
            Log::problem("the hook $hook failed: " . Log::describe($error));
        }
    }

    private static function afterCron(): void
    {
        foreach (['drain', 'prune'] as $work) {
            try {
                Outbox::$work();
            } catch (\Throwable $error) {
                Log::problem("events could not be worked on ($work): " . Log::describe($error));
            }
        }
    }

    private static function footer(): string
    {
        try {
            return OrderPanel::render();
        } catch (\Throwable $error) {
            Log::problem('the panel of the order page could not be made: ' . Log::describe($error));
            return '';
        }
    }

    private static function params($vars): array
    {
        return is_array($vars) && is_array($vars['params'] ?? null) ? $vars['params'] : [];
    }
}
