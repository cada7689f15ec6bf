"""Activate, configure, upgrade, deactivate: a provider needs five minutes, and nothing breaks."""

from __future__ import annotations

import base64
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.addon.conftest import KEY, connect
from tests.addon.pretend_doorman import PretendDoorman, nobody
from tests.addon.service import SECRET
from tests.addon.whmcs_request import ADDON, CALLBACK, CRON, CUSTOMER, STAFF, Whmcs, hook

EVENT = hook("InvoicePaid", invoiceid=2041)
MODULE = hook("PreModuleCreate", params={"serviceid": 5})
SECRETS = ("webhook_secret", "api_key")


def whmcs_encrypts(text: str) -> str:
    """Return what the harness's `encrypt()` returns."""
    return base64.b64encode(f"salted:{text}"[::-1].encode()).decode()


def test_activation_makes_the_tables_and_its_defaults_are_safe(stored_whmcs: Whmcs) -> None:
    assert stored_whmcs.events() == []
    assert stored_whmcs.sql("SELECT * FROM mod_doorman_gate") == []
    assert (stored_whmcs.setting("gate"), stored_whmcs.setting("unreachable")) == ("on", "open")
    config = stored_whmcs.request({"do": "load_addon"}, {"do": "doorman_config"}, **STAFF).returned()
    assert set(config["fields"]) == {"url", "webhook_secret", "api_key", "gate", "unreachable"}
    for name in SECRETS:
        assert config["fields"][name]["Type"] == "password"
    assert (config["fields"]["gate"]["Type"], config["fields"]["unreachable"]["Type"]) == ("yesno", "dropdown")


def test_activation_twice_keeps_what_is_there(stored_whmcs: Whmcs) -> None:
    connect(stored_whmcs, nobody())
    stored_whmcs.request(EVENT, **CUSTOMER)
    [before] = stored_whmcs.events()
    stored_whmcs.activate()
    assert stored_whmcs.events() == [before]


def test_deactivation_keeps_the_data_and_opens_the_gate(stored_whmcs: Whmcs, doorman: PretendDoorman) -> None:
    stored_whmcs.add_order(41)
    stored_whmcs.insert("tblhosting", id=5, userid=101, orderid=41)
    connect(stored_whmcs, doorman.url)
    doorman.gate(provision=False, reason="held_for_fee")
    assert stored_whmcs.request(MODULE, **CALLBACK).returned() == [{"abortcmd": True}]
    connect(stored_whmcs, nobody())
    stored_whmcs.request(EVENT, **CUSTOMER)
    assert stored_whmcs.request({"do": "deactivate_addon"}, **STAFF).returned()["status"] == "success"
    answer = stored_whmcs.request(MODULE, EVENT, hook("AfterCronJob"), **CALLBACK)
    assert [step["returned"] for step in answer.steps] == [[], [], []]
    assert len(stored_whmcs.waiting()) == 1
    stored_whmcs.activate()
    connect(stored_whmcs, doorman.url)
    stored_whmcs.make_due()
    stored_whmcs.cron()
    assert [sent.event["data"]["invoice_id"] for sent in doorman.webhooks] == [2041]
    assert len(stored_whmcs.sql("SELECT * FROM mod_doorman_gate")) == 1


def test_upgrade_makes_what_an_older_version_did_not_have(stored_whmcs: Whmcs) -> None:
    connect(stored_whmcs, nobody())
    stored_whmcs.request(EVENT, **CUSTOMER)
    stored_whmcs.sql("DROP TABLE mod_doorman_gate")
    stored_whmcs.set(version="0.0.1")
    assert stored_whmcs.request({"do": "upgrade_addon"}, **STAFF).returned() is True
    assert stored_whmcs.sql("SELECT * FROM mod_doorman_gate") == []
    assert len(stored_whmcs.waiting()) == 1
    assert stored_whmcs.request({"do": "upgrade_addon"}, **STAFF).returned() is False


@pytest.mark.parametrize("words", [["CREATE"], ["*"]])
def test_activation_says_why_it_failed(whmcs: Whmcs, words: list[str]) -> None:
    whmcs.sql("DROP TABLE mod_doorman_events")
    breaks = {"do": "break", "words": words}
    answer = whmcs.request({"do": "load_addon"}, breaks, {"do": "doorman_activate"}, **STAFF).returned()
    assert answer["status"] == "error"
    assert "the database is away" in answer["description"]


def test_a_php_without_curl_is_told_and_loses_nothing(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    bare = replace(whmcs, php_options=("disable_functions=curl_init",))
    refused = bare.request({"do": "load_addon"}, {"do": "doorman_activate"}, **STAFF).returned()
    assert refused["status"] == "error"
    assert "curl" in refused["description"]
    bare.request(EVENT, **CUSTOMER)
    assert len(whmcs.waiting()) == 1
    whmcs.make_due()
    whmcs.cron()
    assert whmcs.waiting() == []


# --- secrets -------------------------------------------------------------------------------------------------------


def works(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    """Check that events are signed with the secret, and the gate is asked with the key."""
    from standardwebhooks import Webhook

    doorman.got.clear()
    doorman.gate(provision=True, reason="approved")
    whmcs.request(EVENT, MODULE, **CUSTOMER)
    [sent], [asked] = doorman.webhooks, doorman.gate_asked
    assert Webhook(SECRET).verify(sent.body, sent.headers) == sent.event
    assert asked.headers["authorization"] == f"Bearer {KEY}"


@pytest.fixture
def shop(stored_whmcs: Whmcs) -> Whmcs:
    """Service 5 belongs to order 41."""
    stored_whmcs.add_order(41)
    stored_whmcs.insert("tblhosting", id=5, userid=101, orderid=41)
    return stored_whmcs


@pytest.mark.parametrize("as_saved", ["in clear", "encrypted by WHMCS"])
def test_secrets_are_kept_encrypted_and_survive_a_save(shop: Whmcs, doorman: PretendDoorman, as_saved: str) -> None:
    keep = (lambda text: text) if as_saved == "in clear" else whmcs_encrypts
    shop.set(url=doorman.url, webhook_secret=keep(SECRET), api_key=keep(KEY))
    works(shop, doorman)
    for name in SECRETS:
        stored = shop.setting(name)
        assert stored.startswith("enc:")
        assert SECRET not in stored
        assert KEY not in stored
    works(shop, doorman)
    shop.set(**{name: keep(shop.setting(name)) for name in SECRETS})  # Save Changes without editing the fields
    works(shop, doorman)
    works(shop, doorman)
    assert all(shop.setting(name).startswith("enc:") for name in SECRETS)


def test_a_key_of_any_shape_is_sent_as_it_was_entered(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    """The bootstrap key is whatever the provider chose."""
    whmcs.add_order(41)
    whmcs.insert("tblhosting", id=5, userid=101, orderid=41)
    own = "a-key-of-our-own=choice/0123456789+abcdef"
    connect(whmcs, doorman.url, key=f" {own} ")
    for _ in range(3):
        whmcs.request(MODULE, **CUSTOMER)
    assert {sent.headers["authorization"] for sent in doorman.gate_asked} == {f"Bearer {own}"}
    assert own not in whmcs.setting("api_key")


def test_a_new_secret_takes_the_place_of_the_old(shop: Whmcs, doorman: PretendDoorman) -> None:
    shop.set(url=doorman.url, webhook_secret="whsec_b2xkb2xkb2xkb2xk", api_key="doorman_" + "o" * 43)
    shop.request(EVENT, MODULE, **CUSTOMER)
    shop.set(webhook_secret=SECRET, api_key=KEY)
    works(shop, doorman)


@pytest.mark.parametrize("stored", ["enc:", "enc:b3RoZXIgaGFzaA==", "enc:!!!", "enc:" + whmcs_encrypts("")])
def test_a_secret_that_cannot_be_decrypted_is_said_and_nothing_is_sent_with_it(
    whmcs: Whmcs, doorman: PretendDoorman, stored: str
) -> None:
    """`$cc_encryption_hash` changed, as after a move without configuration.php."""
    connect(whmcs, doorman.url, webhook_secret=stored, key=stored)
    answer = whmcs.request(EVENT, MODULE, **CUSTOMER)
    assert doorman.got == []
    assert len(whmcs.waiting()) == 1
    assert "secret" in answer.activity[0]
    assert whmcs.setting("webhook_secret") == stored


def test_a_row_that_cannot_be_rewritten_still_works(whmcs: Whmcs, doorman: PretendDoorman) -> None:
    connect(whmcs, doorman.url)
    whmcs.request({"do": "break", "words": ["UPDATE `tbladdonmodules`"]}, EVENT, **CUSTOMER)
    assert len(whmcs.events()) == 1


# --- what is broken ------------------------------------------------------------------------------------------------

ALL = (
    EVENT, MODULE, hook("PreRegistrarRegisterDomain", params={"domainid": 6}),
    hook("AfterShoppingCartCheckout", OrderID=41, InvoiceID=1), hook("UserEmailVerificationComplete", userId=50001),
    hook("AfterModuleCreate", params={"serviceid": 5}), hook("AfterCronJob"), hook("AdminAreaFooterOutput"),
)  # fmt: skip


@pytest.mark.parametrize(
    "table", ["mod_doorman_events", "mod_doorman_gate", "tbladdonmodules", "tblorders", "tblhosting"]
)
def test_a_missing_table_throws_nothing(whmcs: Whmcs, doorman: PretendDoorman, table: str) -> None:
    connect(whmcs, doorman.url)
    whmcs.sql(f"DROP TABLE {table}")
    for scenario in (CUSTOMER, CRON, {**STAFF, "get": {"action": "view", "id": "41"}}):
        whmcs.request(*ALL, loads_hooks=True, **scenario)
    if table == "mod_doorman_events":
        assert doorman.webhooks != [], "what cannot be stored is posted all the same"


@pytest.mark.parametrize("scenario", [CUSTOMER, CRON, STAFF], ids=["customer", "cron", "staff"])
def test_a_database_that_is_away_throws_nothing(whmcs: Whmcs, scenario: dict[str, Any]) -> None:
    connect(whmcs, nobody())
    answer = whmcs.request({"do": "break", "words": ["*"]}, *ALL, **scenario)
    assert len(answer.activity) <= 1


def test_a_log_that_cannot_be_written_throws_nothing(whmcs: Whmcs) -> None:
    connect(whmcs, nobody())
    whmcs.request(*ALL, log_broken=True, **CUSTOMER)


def test_the_database_error_in_the_log_holds_no_values(whmcs: Whmcs) -> None:
    whmcs.set(webhook_secret=SECRET)
    answer = whmcs.request({"do": "break", "words": ["*"]}, *ALL, **CUSTOMER)
    assert all(len(line) < 450 and SECRET not in line for line in answer.activity)


@pytest.mark.parametrize("damage", ["missing file", "broken file", "empty folder"])
def test_a_half_copied_module_costs_the_events_and_never_the_shop(whmcs: Whmcs, tmp_path: Path, damage: str) -> None:
    root = tmp_path / "whmcs"
    module = root / "modules" / "addons" / "doorman"
    shutil.copytree(ADDON, module)
    if damage == "missing file":
        (module / "lib" / "Outbox.php").unlink()
    elif damage == "broken file":
        (module / "lib" / "Outbox.php").write_text("<?php namespace DoormanAddon; final class Outbox {")
    else:
        shutil.rmtree(module / "lib")
    answer = replace(whmcs, root=root).request(*ALL, **CUSTOMER)
    assert answer.hooks == []


def test_files_called_from_the_web_do_nothing(php: str) -> None:
    for file in sorted(ADDON.rglob("*.php")):
        done = subprocess.run([php, str(file)], capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stderr) == (0, ""), file
        assert done.stdout in {"", "This file cannot be accessed directly"}, file
