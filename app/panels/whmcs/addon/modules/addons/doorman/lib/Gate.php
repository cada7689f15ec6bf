<?php

namespace DoormanAddon;

/** Asks Doorman before something is provisioned. Staff in the admin area pass; nothing here ever throws. */
final class Gate
{
    const NOTICE = 'doorman_notice';

    /** @var array<int, true> orders whose override was told already */
    private static $overridden = [];

    /** Return why a module must not create this service or addon now, null when it may. */
    public static function holdOfModule(array $params): ?string
    {
        return self::hold(static function () use ($params): ?int {
            return Lookup::orderOfModule($params);
        });
    }

    /** Return why a registrar must not register or transfer this domain now, null when it may. */
    public static function holdOfDomain(array $params): ?string
    {
        return self::hold(static function () use ($params): ?int {
            $domainId = Ids::of($params, 'domainid');
            return $domainId === null ? null : Lookup::orderOfDomain($domainId);
        });
    }

    private static function hold(callable $findOrder): ?string
    {
        $settings = null;
        $orderId = null;
        try {
            $settings = Settings::load();
            if (!$settings->gates()) {
                return null;
            }
            $orderId = $findOrder();
            return $orderId === null ? null : self::holdOf($settings, $orderId);
        } catch (\Throwable $error) {
            Log::problem('the gate failed: ' . Log::describe($error));
        }
        if ($settings === null || Actor::current()->isStaffAtWork()) {
            return null; // without its settings nobody can say that a gate was wanted
        }
        $answer = $orderId === null
            ? self::unreachable($settings)
            : self::withoutAnswer($settings, $orderId, Answer::notMade('the gate failed'));
        return $answer->provision ? null : self::sentence($answer);
    }

    private static function holdOf(Settings $settings, int $orderId): ?string
    {
        $answer = self::ask($settings, $orderId);
        if ($answer->provision) {
            return null;
        }
        $actor = Actor::current();
        if ($actor->isStaffAtWork()) {
            if ($answer->isHold()) {
                self::override($orderId, $answer, $actor);
            }
            return null;
        }
        return self::sentence($answer);
    }

    private static function ask(Settings $settings, int $orderId): GateAnswer
    {
        $answer = GateQuestions::known($orderId);
        if ($answer !== null) {
            return $answer;
        }
        $reply = GateQuestions::ask($settings, $orderId);
        $answer = GateQuestions::known($orderId);
        if ($answer === null) {
            $problem = Problems::ofApi($reply) ?: 'it makes no sense';
            Log::problem("the gate had no answer for order $orderId: $problem");
            $answer = self::withoutAnswer($settings, $orderId, $reply);
            GateQuestions::keep($orderId, $answer);
        }
        return $answer;
    }

    /** Nobody knows: a known hold stays shut. Where Doorman is there, so does the rest; it accepts what it approves. */
    private static function withoutAnswer(Settings $settings, int $orderId, Answer $reply): GateAnswer
    {
        try {
            $last = GateMemory::last($orderId);
        } catch (\Throwable $error) {
            Log::problem('the last answer of the gate could not be read: ' . Log::describe($error));
            $last = null;
        }
        if ($last !== null && $last->isHold()) {
            return $last;
        }
        return Contact::isThere($reply) ? new GateAnswer(false, 'unanswered') : self::unreachable($settings);
    }

    private static function unreachable(Settings $settings): GateAnswer
    {
        return new GateAnswer($settings->openWhenUnreachable, 'unreachable');
    }

    /** Let the person know, and Doorman. */
    private static function override(int $orderId, GateAnswer $answer, Actor $actor): void
    {
        if (isset(self::$overridden[$orderId])) {
            return;
        }
        self::$overridden[$orderId] = true;
        $notice = "Doorman holds this order (id $orderId): {$answer->sentence()}. It was provisioned by hand all the"
            . ' same, and Doorman is told so.';
        Log::note("admin {$actor->adminId} provisioned by hand. $notice");
        $_SESSION[self::NOTICE] = $notice;
        $data = ['order_id' => $orderId, 'staff_id' => $actor->adminId, 'actor' => $actor->toArray()];
        Outbox::send(Event::make('order.overridden', $data));
    }

    private static function sentence(GateAnswer $answer): string
    {
        return 'Doorman holds this order: ' . $answer->sentence() . '.';
    }
}
