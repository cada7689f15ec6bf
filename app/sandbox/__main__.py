"""`python -m app.sandbox`: the pretend panel in its own process."""

import argparse
import asyncio
import json
import random
import signal
import sys

from app.sandbox.control import IDENTIFIER, SECRET, SandboxPanel
from app.sandbox.server import serving
from app.sandbox.town.people import Cast, populate
from app.sandbox.town.stories import stories


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m app.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    parser.add_argument("--doorman-url", default="", help="base URL of Doorman, for webhooks and the gate")
    parser.add_argument("--webhook-secret", default="", help="whsec_…")
    parser.add_argument("--panel-key", default="", help="Doorman's API key of role panel, for the gate")
    parser.add_argument("--identifier", default=IDENTIFIER)
    parser.add_argument("--secret", default=SECRET)
    parser.add_argument("--timezone", default="Europe/Berlin", help="time zone of the panel server")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--people", action=argparse.BooleanOptionalAction, default=True, help="create a catalogue and clients"
    )
    parser.add_argument("--history", type=int, default=0, metavar="N", help="how many past orders to create")
    parser.add_argument(
        "--stories", action=argparse.BooleanOptionalAction, default=False, help="play orders without end"
    )
    parser.add_argument("--pace", type=float, default=2.0, help="seconds between events")
    return parser.parse_args()


def _say(**line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def _play(panel: SandboxPanel, cast: Cast, *, seed: int, pace: float) -> None:
    async for line in stories(panel, random.Random(seed), cast, pace=pace):
        _say(story=line)


async def _run(options: argparse.Namespace) -> None:
    panel = SandboxPanel(
        doorman_url=options.doorman_url,
        webhook_secret=options.webhook_secret,
        panel_key=options.panel_key,
        identifier=options.identifier,
        secret=options.secret,
        seed=options.seed,
    )
    panel.configure(timezone=options.timezone)
    cast = populate(panel) if options.people or options.stories else None
    if options.history > 0:
        panel.add_history(orders=options.history, seed=options.seed)
    stop = asyncio.Event()
    for signum in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    async with serving(panel, port=options.port) as url:
        _say(url=url, api=f"{url}/includes/api.php", identifier=panel.identifier)
        playing = []
        if cast is not None and options.stories:
            playing.append(asyncio.create_task(_play(panel, cast, seed=options.seed, pace=options.pace)))
        await stop.wait()
        for task in playing:
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(_run(_arguments()))
