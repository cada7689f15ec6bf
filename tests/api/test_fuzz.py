"""Whatever is sent, the answer is declared in the document and never a 5xx."""

from __future__ import annotations

import asyncio
import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import app
from app.api.application import create_app
from app.config import Settings
from app.context import Context
from app.core.records import Mode, Role
from app.db import Database
from tests.api.api_support import CUSTOMER, NOW, ORDER, TICKET, add_world, make_keys
from tests.api.conftest import Api
from tests.asked import examples

#: Half of the generated values are valid for their field, so that they pass the first check.
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.sampled_from(["25.00", "0", "customer_withdrew", "new", "billing", "\x00", "\ud800", "1e9", "9" * 40, ""])
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    ["note", "fraud", "minutes", "amount", "reason", "force", "topic", "pinned_segment", "white_glove", "customer_ids",
     "document", "subject", "message"]
)  # fmt: skip
_BODIES = (
    st.dictionaries(_NAMES | st.text(max_size=5), _VALUES, max_size=4).map(lambda body: json.dumps(body).encode())
    | _VALUES.map(lambda body: json.dumps(body).encode())
    | st.binary(max_size=60)
)
_IDS = st.sampled_from([str(ORDER), str(CUSTOMER), str(TICKET), "1", "0", str(2**63 - 1), str(2**63)]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="/?#"), min_size=1, max_size=12
).filter(lambda text: text not in {".", ".."})
_WORDS = st.sampled_from(
    ["1", "held", "dead", "approve", "new", "25", "ada@example.com", "2026-05-04", "2026-05-04T12:00:00Z", "#N100001"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_KEYS = st.none() | st.sampled_from(["a", "b"])


@pytest.fixture(scope="module", autouse=True)
def _all_imported() -> None:
    """Import what routes import when they are first asked: Hypothesis draws constants of whatever is imported."""
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all examples."""
    with asyncio.Runner() as loop:
        yield loop


@pytest.fixture
def api(runner: asyncio.Runner, sqlite_template: Any, document: dict[str, Any], tmp_path: Any) -> Iterator[Api]:
    """An application on SQLite, shared by all examples."""
    (tmp_path / "doorman.db").write_bytes(sqlite_template.read_bytes())
    made = Settings(mode=Mode.ENFORCE, database_url=f"sqlite:///{tmp_path / 'doorman.db'}")
    db = Database.open(made.database_url)
    served = create_app(made, context=Context(db=db, settings=made, clock=lambda: NOW), freeze=False)
    lifespan = served.router.lifespan_context(served)
    runner.run(lifespan.__aenter__())
    keys = runner.run(make_keys(db))
    runner.run(add_world(db))
    client = httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://doorman.test")
    yield Api(app=served, db=db, keys=keys, document=document, client=client)
    runner.run(client.aclose())
    runner.run(lifespan.__aexit__(None, None, None))
    runner.run(db.close())


def _operations(document: dict[str, Any], *methods: str) -> list[tuple[str, str]]:
    return [
        (method.upper(), template)
        for template, declared in document["paths"].items()
        for method in declared
        if method in methods and template.startswith("/v1") and "gate" not in template
    ]


def _queries(operation: dict[str, Any]) -> st.SearchStrategy[dict[str, str]]:
    """Return queries of parameters that the operation knows, and now and then of one that it does not."""
    known = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
    drawn = st.dictionaries(st.sampled_from(known), _WORDS, max_size=3) if known else st.just({})
    return drawn | drawn | st.dictionaries(st.sampled_from(["sort", "state"]), _WORDS, max_size=2)


@settings(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_is_our_fault(api: Api, runner: asyncio.Runner, data: st.DataObject) -> None:
    method, template = data.draw(st.sampled_from(_operations(api.document, "get", "post", "patch")))
    path = template
    for name in ("order_id", "customer_id", "ticket_id", "version", "call_id", "event_id", "backtest_id"):
        path = path.replace(f"{{{name}}}", quote(data.draw(_IDS), safe=""))
    more: dict[str, Any] = {"params": data.draw(_queries(api.document["paths"][template][method.lower()]))}
    headers = {"content-type": data.draw(st.sampled_from(["application/json", "application/json; a=b", "text/plain"]))}
    if method != "GET":
        more["content"] = data.draw(_BODIES)
        key = data.draw(_KEYS)
        headers |= {} if key is None else {"Idempotency-Key": key}
    answer = runner.run(api.ask(method, path, Role.ADMIN, headers=headers, **more))
    assert answer.status_code < 500, answer.text
    assert answer.headers["content-type"] in {"application/json", "application/problem+json"}
