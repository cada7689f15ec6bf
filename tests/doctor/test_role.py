"""`doorman doctor` after authentication: the API role, tested without changes, and whether the policy fits."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.core.policy.document import parse_policy
from app.core.records import Mode
from app.doctor.catalogue import check_policy, check_products
from app.doctor.findings import DoctorFinding, Level
from app.doctor.role import RoleStanding, check_role, try_actions
from app.panels.whmcs.permissions import DANGEROUS, IMPOSSIBLE_ID, PERMISSIONS, Need
from app.panels.whmcs.probe import RoleProbe
from app.sandbox import SandboxPanel
from app.sandbox.server import serving
from app.sandbox.town.people import populate
from tests.doctor.odd_panels import Scripted, answering, said
from tests.stories.house import settings_for

INSTALLING = Path(__file__).parents[2] / "app/handbook/whmcs-admin.md"
ADAPTER = Path(__file__).parents[2] / "app/panels/whmcs"


def asking(url: str) -> RoleProbe:
    return RoleProbe(settings_for("sqlite:///none.db", panel_url=url))


@pytest.fixture
async def sandbox() -> AsyncIterator[tuple[SandboxPanel, RoleProbe]]:
    panel = SandboxPanel()
    populate(panel)
    async with serving(panel, cron=False) as url:
        probe = asking(url)
        yield panel, probe
        await probe.aclose()


def codes(findings: list[DoctorFinding]) -> dict[str, Level]:
    return {finding.code: finding.level for finding in findings}


async def test_a_full_role_is_fine_and_trying_it_changes_nothing(sandbox: tuple[SandboxPanel, RoleProbe]) -> None:
    panel, probe = sandbox
    before = (len(panel.ctx.state.mails), len(panel.ctx.state.invoices), len(panel.ctx.state.orders))
    tried = await try_actions(probe)
    assert codes(check_role(tried, Mode.ENFORCE))["role"] is Level.OK
    assert [write.action for write in panel.writes if write.applied] == []
    assert (len(panel.ctx.state.mails), len(panel.ctx.state.invoices), len(panel.ctx.state.orders)) == before
    writes = {one.action for one in PERMISSIONS if one.need is Need.ACT and one.probe is not None}
    assert {write.action for write in panel.writes} == writes
    assert {action for action, times in panel.effects.items() if times} & (writes | set(DANGEROUS)) == set()
    assert panel.ctx.state.notifications == []


async def test_what_is_missing_is_listed_to_be_ticked(sandbox: tuple[SandboxPanel, RoleProbe]) -> None:
    panel, probe = sandbox
    lacking = {"GetCredits", "AddCredit", "OpenTicket"}
    panel.allowed_actions = {one.action for one in PERMISSIONS} - lacking
    tried = await try_actions(probe)
    found = {finding.code: finding for finding in check_role(tried, Mode.ENFORCE)}
    assert [line.split()[0] for line in found["role"].list_of] == ["GetCredits", "AddCredit", "OpenTicket"]
    assert found["role"].said == 'Invalid Permissions: API action "getcredits" is not allowed'
    assert found["role"].level is Level.FAULT
    assert codes(check_role(tried, Mode.SHADOW))["role"] is Level.FAULT
    writes = {name: one for name, one in tried.items() if name != "GetCredits"}
    [in_shadow] = [finding for finding in check_role(writes, Mode.SHADOW) if finding.code == "role"]
    assert in_shadow.level is Level.WARNING
    assert "Before DOORMAN_MODE=enforce" in in_shadow.cure


async def test_without_the_reading_that_shows_an_id_free_no_order_is_touched(
    sandbox: tuple[SandboxPanel, RoleProbe],
) -> None:
    panel, probe = sandbox
    panel.allowed_actions = {one.action for one in PERMISSIONS} - {"GetOrders"}
    tried = await try_actions(probe)
    assert tried["AcceptOrder"].standing is RoleStanding.NOT_TRIED
    assert not [write for write in panel.writes if write.action.endswith("Order")]
    found = check_role(tried, Mode.ENFORCE)
    assert any(finding.level is Level.UNCHECKED and "AcceptOrder" in finding.text for finding in found)


async def test_an_order_that_has_the_impossible_id_is_left_alone() -> None:
    row = {"id": IMPOSSIBLE_ID, "status": "Pending"}
    asked: list[str] = []

    def script(fields: dict[str, str]) -> Scripted:
        asked.append(fields["action"])
        return Scripted(body=json.dumps({"result": "success", "totalresults": 1, "orders": {"order": [row]}}))

    with answering(script) as url:
        probe = asking(url)
        tried = await try_actions(probe)
        await probe.aclose()
    assert tried["FraudOrder"].standing is RoleStanding.NOT_TRIED
    assert not [action for action in asked if action in {"AcceptOrder", "CancelOrder", "PendingOrder", "FraudOrder"}]


async def test_an_action_that_this_whmcs_does_not_know() -> None:
    with answering(lambda _: said('Invalid API Action: "x" is not a valid API action', 200)) as url:
        probe = asking(url)
        found = check_role(await try_actions(probe), Mode.ENFORCE)
        await probe.aclose()
    assert any(finding.code == "role-unknown" and "GetModuleQueue" in finding.text for finding in found)


def test_every_write_that_is_tried_surely_fails() -> None:
    """Order actions require only an id, so it is read first; all others lack something required or have it wrong."""
    locks = {
        "CreateInvoice": {"draft": True, "sendinvoice": True},
        "AddCredit": {"type": "doctor"},
    }
    required = {
        "AddCredit": "amount", "OpenTicket": "subject", "SendEmail": "customtype", "AddClientNote": "notes",
        "UpdateInvoice": "status", "AddTicketReply": "message",
    }  # fmt: skip
    for one in PERMISSIONS:
        if one.need is Need.READ or one.need is Need.OPTIONAL or one.probe is None:
            continue
        assert IMPOSSIBLE_ID in one.probe.values(), one.action
        if one.action.endswith("Order"):
            assert one.after == "GetOrders"
        else:
            assert one.action in locks or required[one.action] not in one.probe, one.action
            assert locks.get(one.action, {}).items() <= one.probe.items()


def test_the_list_of_actions_is_what_the_adapter_calls() -> None:
    sources = [file for file in ADAPTER.rglob("*.py") if file.name not in {"__init__.py", "permissions.py", "probe.py"}]
    trees = [ast.parse(file.read_text(encoding="utf-8")) for file in sources]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    parameters = {id(value) for node in nodes if isinstance(node, ast.Dict) for value in node.values}
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and id(node) not in parameters}
    named = {text for text in texts if isinstance(text, str) and re.fullmatch(r"(?:[A-Z][a-z]+){2,}", text)}
    by_the_doctor = {"GetCurrencies", "GetPaymentMethods", "GetSupportDepartments"}
    assert named == {one.action for one in PERMISSIONS} - by_the_doctor


def test_the_readme_lists_every_action_to_tick_and_every_one_not_to() -> None:
    installing = INSTALLING.read_text(encoding="utf-8")
    rows = [line for line in installing.splitlines() if line.startswith("| ")]
    never = [row for row in rows if row.startswith("| never tick")]
    assert set(re.findall(r"`([A-Za-z]+)`", "".join(never))) == set(DANGEROUS)
    optional = [row for row in rows if "(optional" in row]
    wanted = {one.action for one in PERMISSIONS if one.need is Need.OPTIONAL}
    assert set(re.findall(r"`([A-Z][A-Za-z]+)`", "".join(optional))) == wanted
    others = "".join(row for row in rows if "(always)" in row or "(enforce)" in row)
    assert set(re.findall(r"`([A-Z][A-Za-z]+)`", others)) == {one.action for one in PERMISSIONS} - wanted


# --- the policy -----------------------------------------------------------------------------------------------------


async def test_what_the_policy_names_and_the_panel_does_not_have(sandbox: tuple[SandboxPanel, RoleProbe]) -> None:
    panel, probe = sandbox
    tried = await try_actions(probe)
    department = min(panel.ctx.state.departments)
    gateway = min(panel.ctx.state.gateways)
    good = parse_policy(f'[messages]\ndepartment_id = {department}\n[fee]\ngateway = "{gateway}"\n')
    assert set(codes(check_policy(tried, good, Mode.ENFORCE)).values()) == {Level.OK}
    bad = parse_policy('[messages]\ndepartment_id = 987\n[fee]\ngateway = "BankTransfer"\n')
    found = {finding.code: finding for finding in check_policy(tried, bad, Mode.ENFORCE)}
    assert found["department"].level is Level.FAULT
    assert found["fee-gateway"].level is Level.FAULT
    assert gateway in found["fee-gateway"].cure
    none = codes(check_policy(tried, parse_policy(""), Mode.ENFORCE))
    assert none["department"] is Level.WARNING
    assert (
        codes(check_policy(tried, parse_policy('[messages]\nform = "mail"\n'), Mode.ENFORCE))["department"] is Level.OK
    )


async def test_a_currency_without_a_row(sandbox: tuple[SandboxPanel, RoleProbe]) -> None:
    tried = await try_actions(sandbox[1])
    policy = parse_policy("")
    poorer = policy.model_copy(update={"currencies": {"GBP": policy.currencies["GBP"]}})
    [finding] = [one for one in check_policy(tried, poorer, Mode.ENFORCE) if one.code == "currencies"]
    assert finding.level is Level.WARNING
    assert "EUR" in finding.text


async def test_a_role_without_the_checking_actions_says_what_was_not_looked_at(
    sandbox: tuple[SandboxPanel, RoleProbe],
) -> None:
    panel, probe = sandbox
    panel.allowed_actions = {one.action for one in PERMISSIONS if one.need is not Need.OPTIONAL}
    tried = await try_actions(probe)
    policy = parse_policy('[messages]\ndepartment_id = 1\n[fee]\ngateway = "stripe"\n')
    found = codes(check_policy(tried, policy, Mode.ENFORCE))
    assert found == dict.fromkeys(("currencies", "gateways", "department"), Level.UNCHECKED)
    assert codes(check_role(tried, Mode.ENFORCE))["role-optional"] is Level.UNCHECKED


async def test_products_that_a_module_builds_are_counted(sandbox: tuple[SandboxPanel, RoleProbe]) -> None:
    _, probe = sandbox
    [finding] = await check_products(probe, await try_actions(probe))
    assert finding.level is Level.UNCHECKED
    assert "gate" in finding.cure


async def test_a_catalogue_that_is_not_shown_is_not_called_harmless(sandbox: tuple[SandboxPanel, RoleProbe]) -> None:
    panel, probe = sandbox
    tried = await try_actions(probe)
    panel.allowed_actions = set()
    [finding] = await check_products(probe, tried)
    assert finding.level is Level.UNCHECKED
    assert finding.said.startswith("Invalid Permissions")
