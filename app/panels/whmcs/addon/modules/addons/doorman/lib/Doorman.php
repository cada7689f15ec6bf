<?php

namespace DoormanAddon;

/** The three things that the addon asks of Doorman (its contract, as far as role "panel" reaches). */
final class Doorman
{
    /** Post an event, signed now. */
    public static function post(Settings $settings, Event $event): Answer
    {
        $problem = $settings->webhookProblem();
        if ($problem !== '') {
            return Answer::notMade($problem);
        }
        $key = (string) Signature::key($settings->webhookSecret);
        $headers = Signature::headers($event, $key, time());
        $headers[] = 'Content-Type: application/json';
        $answer = Transport::call($settings->url . '/webhooks', $headers, $event->body, Budget::rest());
        if ($answer->isSuccess()) {
            Contact::tookEvent();
        }
        return $answer;
    }

    /** Read from `/v1` within a budget; `$path` begins with a slash. */
    public static function get(
        Settings $settings,
        string $path,
        Budget $budget,
        int $limitMs = Transport::TOTAL_MS
    ): Answer {
        $problem = $settings->apiProblem();
        if ($problem !== '') {
            return Answer::notMade($problem);
        }
        $headers = ['Authorization: Bearer ' . $settings->apiKey];
        return Transport::call($settings->url . '/v1' . $path, $headers, null, $budget, $limitMs);
    }
}
