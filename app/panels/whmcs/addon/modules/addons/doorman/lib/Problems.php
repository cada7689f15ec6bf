<?php

namespace DoormanAddon;

/** What an answer means, in a sentence for the provider; empty when all is well. */
final class Problems
{
    const WEBHOOK = [
        401 => 'the webhook secrets differ or the clocks are more than five minutes apart',
        404 => 'nothing takes webhooks there: the address is wrong, or Doorman has no webhook secret set',
        413 => 'the event is too large',
        422 => 'Doorman cannot read this event: its version and the addon\'s differ',
    ];

    const API = [
        401 => 'Doorman does not know the API key: enter the one that "doorman keys create" printed',
        403 => 'the API key may not do this: it needs the role panel',
        404 => 'Doorman does not know this, or the address is wrong',
    ];

    public static function ofWebhook(Answer $answer): string
    {
        return self::sentence($answer, self::WEBHOOK);
    }

    public static function ofApi(Answer $answer): string
    {
        if ($answer->status === 200 && $answer->json() === null) {
            return 'HTTP 200: this is not an answer of Doorman, so the address is probably wrong';
        }
        return self::sentence($answer, self::API);
    }

    private static function sentence(Answer $answer, array $known): string
    {
        if ($answer->isSuccess()) {
            return '';
        }
        if ($answer->status === 0) {
            return $answer->failure;
        }
        return 'HTTP ' . $answer->status . ': ' . ($known[$answer->status] ?? self::general($answer->status));
    }

    private static function general(int $status): string
    {
        if ($status >= 300 && $status < 400) {
            return 'the address redirects elsewhere, which is not followed: enter the final one';
        }
        if ($status === 429) {
            return 'Doorman asks to be left alone for a while';
        }
        return $status >= 500 ? 'Doorman, or what stands before it, is in trouble' : 'Doorman refused this';
    }
}
