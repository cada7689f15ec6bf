"""The command line: ``doorman …``, or ``python -m app …``."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.errors import plain_errors
from app.core.records import Role

if TYPE_CHECKING:
    from app.config import Settings

# Each command imports what it runs: `--help` would take seconds otherwise.

cli = typer.Typer(
    name="doorman",
    help="Stands at the door of a billing panel: scores orders, holds custom work for a fee, lets the regulars in.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys = typer.Typer(help="API keys: shown once, stored hashed.", no_args_is_help=True)
policy = typer.Typer(help="The provider's rules and numbers, as a TOML document.", no_args_is_help=True)
cli.add_typer(keys, name="keys")
cli.add_typer(policy, name="policy")


def load_settings() -> Settings:
    """Read the settings. Raises SettingsError."""
    from app.config import load_settings as load

    return load()


@cli.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(help="API processes; more than one needs PostgreSQL.", min=1, max=64)] = 1,
    no_worker: Annotated[bool, typer.Option("--no-worker", help="Serve the API without a worker.")] = False,
) -> None:
    """Serve the API and, unless --no-worker is given, run the worker."""
    from app.processes.serve import serve as run

    with plain_errors():
        run(load_settings(), host=host, port=port, workers=workers, with_worker=not no_worker)


@cli.command()
def worker(pipe: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Run only the worker."""
    from app.processes.worker import run

    with plain_errors():
        run(load_settings(), pipe=pipe)


@cli.command(hidden=True)
def api_process(listener_fd: int, wake_fd: int, life_fd: int) -> None:
    """One API process of `serve`."""
    from app.processes.api import api_process as run

    with plain_errors():
        run(load_settings(), listener_fd=listener_fd, wake_fd=wake_fd, life_fd=life_fd)


@cli.command()
def migrate() -> None:
    """Upgrade the database to the newest schema."""
    from app.installation import schema

    with plain_errors():
        schema.migrate(load_settings().database_url)
    typer.echo(f"database is at revision {schema.head()}")


@cli.command()
def openapi(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("openapi.yaml"),
) -> None:
    """Write the OpenAPI document."""
    from app.cli.openapi import openapi_yaml

    file.write_text(openapi_yaml(), encoding="utf-8")
    typer.echo(f"wrote {file}")


@cli.command()
def whmcs_addon(
    directory: Annotated[Path, typer.Argument(help="The WHMCS folder, or any other folder to copy the files from.")],
) -> None:
    """Write the WHMCS addon module into a folder."""
    from app.panels.whmcs.addon import write

    with plain_errors():
        written = write(directory)
    typer.echo(f"wrote {len(written)} files to {directory / 'modules' / 'addons' / 'doorman'}")
    typer.echo("Now activate it in WHMCS (System Settings, Addon Modules) and fill in its settings.")


@policy.command("check")
def policy_check(file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)]) -> None:
    """Check a policy document: is it valid, what are its warnings, and how many of the last orders would it hold?"""
    from app.cli import policy as policy_desk

    with plain_errors():
        parsed = policy_desk.check(file)
        share = asyncio.run(policy_desk.share(load_settings(), parsed))
    if share is not None:
        typer.echo(share.text)
    typer.echo(policy_desk.hash_of(parsed))


@policy.command("publish")
def policy_publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask, however many orders it would hold.")] = False,
) -> None:
    """Publish a policy document and make it the active policy."""
    from app.cli import policy as policy_desk
    from app.evaluation.share import HeldShare
    from app.policies.versions import read_file

    def confirm(share: HeldShare) -> bool:
        if yes:
            return True
        typer.echo(f"That is more than {share.at_most} % (limits.confirm_hold_percent).")
        if sys.stdin.isatty():
            return typer.confirm("Make it the active policy?")
        typer.echo("Confirm with --yes.", err=True)
        return False

    with plain_errors():
        asyncio.run(policy_desk.publish(load_settings(), read_file(file), confirm=confirm))


@policy.command("list")
def policy_list() -> None:
    """List the published policies, newest first."""
    from app.cli import policy_list as listing

    with plain_errors():
        asyncio.run(listing.show_all(load_settings()))


@policy.command("show")
def policy_show(version: Annotated[int, typer.Argument(min=1, max=2**31 - 1)]) -> None:
    """Print the document of a published policy."""
    from app.cli import policy_list as listing

    with plain_errors():
        typer.echo(asyncio.run(listing.show(load_settings(), version)))


@policy.command("diff")
def policy_diff(
    one: Annotated[str, typer.Argument(help="A version or a file.")],
    other: Annotated[str | None, typer.Argument(help="What to compare it with; default: the active policy.")] = None,
) -> None:
    """Describe in words how one policy differs from another."""
    from app.cli import policy as policy_desk

    with plain_errors():
        asyncio.run(policy_desk.compare(load_settings(), one, other))


@policy.command("rollback")
def policy_rollback() -> None:
    """Activate the policy that was active before; repeating the command undoes it."""
    from app.cli import policy as policy_desk

    with plain_errors():
        version = asyncio.run(policy_desk.roll_back(load_settings()))
    typer.echo(f"version {version} is active again")


@policy.command("candidate")
def policy_candidate(version: Annotated[str, typer.Argument(help="A version, or `none`.")]) -> None:
    """Run a policy in shadow next to the active one; GET /v1/reports/candidate shows where they differ."""
    from app.cli import policy as policy_desk

    if version != "none" and not (version.isdecimal() and len(version) < 10 and int(version) > 0):
        raise typer.BadParameter("a version such as 3, or none")
    number = None if version == "none" else int(version)
    with plain_errors():
        asyncio.run(policy_desk.choose_candidate(load_settings(), number))
    typer.echo(
        "no candidate is running" if number is None else f"version {number} runs in shadow next to the active policy"
    )


@policy.command("texts")
def policy_texts(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="A policy document; default: the active policy.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Only in this currency, such as EUR.")] = None,
) -> None:
    """Describe a policy's prices in words, ready to copy into cart, terms of service and e-mails."""
    from app.cli import texts as texts_command

    with plain_errors():
        source = texts_command.from_file(file) if file else asyncio.run(texts_command.in_force(load_settings()))
        found = list(texts_command.written(source.policy, currency))
    typer.echo(f"From {source.words}; the wording is in its [texts.prices].", err=True)
    typer.echo("\n".join(found))


@keys.command("create")
def keys_create(
    name: Annotated[str, typer.Argument(help="Whose key it is; shown in the timeline with each action.")],
    role: Annotated[Role, typer.Option(help="scores, panel, ops or admin.")],
) -> None:
    """Create an API key and show it, only this once."""
    from app.installation.administration import create_key

    with plain_errors():
        key = asyncio.run(create_key(load_settings(), name, role))
    typer.echo(key)


@keys.command("list")
def keys_list() -> None:
    """List the keys, never the secrets."""
    from app.installation.administration import list_keys

    with plain_errors():
        rows = asyncio.run(list_keys(load_settings()))
    if not rows:
        typer.echo("no keys yet: doorman keys create NAME --role ops")
    for row in rows:
        state = f"revoked {row.revoked_at:%Y-%m-%d}" if row.revoked_at else "active"
        typer.echo(f"{row.name:<30} {row.role.value:<8} {row.created_at:%Y-%m-%d}  {state}")


@keys.command("revoke")
def keys_revoke(name: Annotated[str, typer.Argument(help="The name of the key.")]) -> None:
    """Revoke a key; it stops working within seconds."""
    from app.installation.administration import revoke_key

    with plain_errors():
        asyncio.run(revoke_key(load_settings(), name))
    typer.echo(f"revoked {name}")


@cli.command()
def doctor() -> None:
    """Check an installation without changing it, and say what to do about each fault."""
    from rich.console import Console

    from app.doctor.report import run_doctor

    with plain_errors():
        raise typer.Exit(run_doctor(load_settings(), Console(highlight=False)))


@cli.command()
def reconcile(
    fix: Annotated[bool, typer.Option("--fix", help="Have the worker resolve each difference.")] = False,
) -> None:
    """Compare our view with the panel's and print the differences; status 1 if there are any."""
    from app.cli import reconcile as reconciling

    with plain_errors():
        status = asyncio.run(reconciling.run_reconcile(load_settings(), reconciling.console(), fix=fix))
    raise typer.Exit(status)


@cli.command("import")
def import_(
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Leave out orders placed before this day; later imports keep it."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(help="Panel calls per second; 0: as fast as it answers. Default: DOORMAN_PANEL_RATE.", min=0),
    ] = None,
) -> None:
    """Read the panel's history; can be stopped and continued. Changes nothing in the panel."""
    from app.cli import history as importing
    from app.history.cases.build import CaseBuilder

    with plain_errors():
        since_day = None if since is None else since.date()
        out = importing.console()
        status = importing.import_to_the_end(load_settings(), out, since=since_day, rate=rate, make_builder=CaseBuilder)
    raise typer.Exit(status)


@cli.command()
def adopt() -> None:
    """List the orders from before the cut-over that are still Pending in the panel; changes nothing."""
    from app.cli import reconcile as reconciling

    with plain_errors():
        status = asyncio.run(reconciling.run_adopt(load_settings(), reconciling.console()))
    raise typer.Exit(status)


@cli.command()
def suggest(
    out: Annotated[Path, typer.Option(help="Where to write the proposed policy.")] = Path("suggested-policy.toml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the proposal as JSON and nothing else.")] = False,
) -> None:
    """Propose points and thresholds from your own history; writes a policy file and changes nothing."""
    from app.cli import reconcile as reconciling
    from app.cli import suggest as suggesting

    with plain_errors():
        proposed = suggesting.run_suggest(load_settings(), reconciling.console(), out=out, as_json=as_json)
    raise typer.Exit(0 if proposed else 1)


@cli.command()
def backtest(
    policy_file: Annotated[Path, typer.Option("--policy", exists=True, dir_okay=False, help="The policy to try.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
    chart: Annotated[Path | None, typer.Option(dir_okay=False, help="Draw the result to this SVG file.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only orders since this day.")] = None,
    with_today: Annotated[bool, typer.Option(help="Also show the figures with what only became known later.")] = False,
) -> None:
    """Decide the imported history again with a policy, and show what would have been different; changes nothing."""
    from app.cli.backtest.command import run_backtest
    from app.policies.versions import read_file

    start = None if since is None else since.replace(tzinfo=UTC)
    with plain_errors():
        document = read_file(policy_file)
        run_backtest(load_settings(), document, since=start, with_today=with_today, as_json=as_json, chart=chart)


@cli.command(hidden=True)
def backtest_process(backtest_id: str) -> None:
    """Run a backtest that the API has started."""
    from app.cli.backtest.command import run_begun

    with plain_errors():
        asyncio.run(run_begun(load_settings(), backtest_id))


@cli.command()
def handbook(page: Annotated[str | None, typer.Argument(help="The page; default: the list of pages.")] = None) -> None:
    """Print a page of the handbook."""
    from app.cli.handbook import console, show

    with plain_errors():
        show(console(), page)


@cli.command()
def demo(
    port: Annotated[int, typer.Option(help="Port of the service; 0 takes a free one.", min=0, max=65535)] = 8000,
    panel_port: Annotated[int, typer.Option(help="Port of the sandbox panel.", min=0, max=65535)] = 8080,
    seconds: Annotated[float | None, typer.Option(help="Stop after this many seconds.")] = None,
) -> None:
    """Run a sandbox panel, the service and a stream of orders; Ctrl-C stops them."""
    from app.demo.command import run_demo

    with plain_errors():
        sys.exit(run_demo(port=port, panel_port=panel_port, seconds=seconds))


if __name__ == "__main__":
    cli()
