"""A client generated from `openapi.yaml` reads every list of a running service as the service wrote it."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from app.db import Database
from tests.api.api_support import add_backtest
from tests.billing.test_limits import place
from tests.stories.house import ADMIN_KEY, POLICY, House, open_house
from tests.stories.test_orders import SUSPECT, WISH

ROOT = Path(__file__).parents[2]
NAME = "doorman_generated_client"
#: The parameters that some lists ask for.
GIVEN: dict[str, dict[str, Any]] = {"search_find": {"q": "client"}}

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)  # independent of the database


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    """The package that openapi-python-client makes of the document."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "config.yml").write_text("post_hooks: []\n")
    command = ("generate", "--path", ROOT / "openapi.yaml", "--meta", "none", "--config", "config.yml")
    made = subprocess.run(
        [sys.executable, "-m", "openapi_python_client", *command, "--output-path", NAME],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    left_out = [line for line in (made.stdout + made.stderr).splitlines() if line.startswith("WARNING parsing")]
    assert left_out == [  # pictures
        "WARNING parsing GET /v1/backtests/{backtest_id}.svg within backtests.",
        "WARNING parsing GET /v1/reports/month.svg within reports.",
    ]
    sys.path.insert(0, str(folder))
    yield importlib.import_module(NAME)
    sys.path.remove(str(folder))


def lists(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Return module and path of every list: of each answer that is made of `items`."""
    for path, methods in document["paths"].items():
        operation = methods.get("get")
        if operation is None:
            continue
        content = operation["responses"]["200"].get("content", {})
        reference = content.get("application/json", {}).get("schema", {}).get("$ref", "")
        schema = document["components"]["schemas"].get(reference.rsplit("/", 1)[-1], {})
        if {"items"} <= schema.get("properties", {}).keys() <= {"items", "next_cursor"}:
            yield f"{operation['tags'][0].replace(' ', '_')}.{operation['operationId']}", path


@pytest.mark.slow("generates a client")
async def test_a_generated_client_reads_every_list(db: Database, generated: ModuleType) -> None:
    found = dict(lists(yaml.safe_load((ROOT / "openapi.yaml").read_text(encoding="utf-8"))))
    assert len(found) >= 11
    async with open_house(db, policy=POLICY) as house:
        customer_id = await fill(house)
        client = generated.AuthenticatedClient(base_url="http://doorman", token=ADMIN_KEY)
        client.set_async_httpx_client(house.api)
        for name, path in found.items():
            function = importlib.import_module(f"{NAME}.api.{name}").asyncio_detailed
            more = {"customer_id": customer_id} if "{customer_id}" in path else {}
            answer = await function(client=client, **more, **GIVEN.get(name.split(".")[1], {}))
            assert answer.status_code == 200, name
            assert answer.parsed.items, f"{name}: nothing to read"
            assert plain(answer.parsed.to_dict()) == plain(json.loads(answer.content)), name


async def fill(house: House) -> int:
    """Play orders of several outcomes, a ticket and a credit, and return a customer."""
    plain_order, _, _ = [await place(house, notes) for notes in ("", WISH, SUSPECT)]
    customer_id = int((await house.order(plain_order))["customer_id"])
    credit = {"amount": "5.00", "reason": "sorry"}
    assert (await house.api.post(f"/v1/customers/{customer_id}/credits", json=credit)).status_code == 202
    await house.panel.open_ticket(customer_id, "Where is my server?", "I paid five minutes ago.")
    await add_backtest(house.db)
    await house.settle(seconds=5)
    return customer_id


def plain(value: Any) -> Any:
    """Return a value with its times as times: the client writes the offset from UTC in another way."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    if isinstance(value, str) and len(value) >= 19:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            return value
    return value
