"""The OpenAPI document, on which clients and the Swagger UI rely."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator

from app.api.application import create_app
from app.api.docs import TAGS
from app.config import Settings
from app.core.reading.topics import classify
from app.core.records import Mode
from app.core.webhooks import MAX_ID
from tests.api.test_auth import PUBLIC

#: The operations that the document has to describe.
CONTRACT = """
GET /v1/orders
GET /v1/orders/{order_id}
GET /v1/orders/{order_id}/explanation
GET /v1/orders/{order_id}/gate
GET /v1/gate
POST /v1/orders/{order_id}/approve
POST /v1/orders/{order_id}/reject
POST /v1/orders/{order_id}/charge-fee
POST /v1/orders/{order_id}/waive-fee
POST /v1/orders/{order_id}/drop-request
POST /v1/orders/{order_id}/cancel
POST /v1/orders/{order_id}/ask
POST /v1/orders/{order_id}/hold
POST /v1/orders/{order_id}/refund-done
GET /v1/groups/{group_id}
POST /v1/groups/{group_id}/hold
POST /v1/groups/{group_id}/reject
POST /v1/groups/{group_id}/approve
GET /v1/queue
GET /v1/search
GET /v1/fees
GET /v1/customers
GET /v1/customers/{customer_id}
GET /v1/customers/{customer_id}/score
POST /v1/customers/scores
PATCH /v1/customers/{customer_id}
GET /v1/customers/{customer_id}/credits
POST /v1/customers/{customer_id}/credits
GET /v1/tickets
GET /v1/tickets/{ticket_id}
PATCH /v1/tickets/{ticket_id}
POST /v1/tickets/classify
GET /v1/policies
GET /v1/policies/{version}
GET /v1/policies/{version}/texts
POST /v1/policies
POST /v1/policies/{version}/activate
POST /v1/policies/check
POST /v1/policies/rollback
GET /v1/policies/{version}/diff
POST /v1/policies/{version}/candidate
DELETE /v1/policies/candidate
GET /v1/reports/candidate
GET /v1/reports/agreement
GET /v1/reports/suggestions
GET /v1/signals
GET /v1/backtests
GET /v1/backtests/{backtest_id}
GET /v1/backtests/{backtest_id}.svg
POST /v1/backtests
GET /v1/panel-calls
POST /v1/panel-calls/{call_id}/retry
POST /v1/panel-calls/{call_id}/abandon
GET /v1/events
POST /v1/events/{event_id}/replay
GET /v1/reports/questions
GET /v1/reports/month
GET /v1/reports/month.svg
POST /v1/ops/pause
POST /v1/ops/resume
POST /webhooks
GET /healthz
GET /readyz
GET /metrics
"""


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return method, template and declaration of everything."""
    for template, declared in document["paths"].items():
        for method, operation in declared.items():
            yield method.upper(), template, operation


def test_it_has_the_routes_of_the_contract_and_no_others(document: dict[str, Any]) -> None:
    found = {f"{method} {template}" for method, template, _ in operations(document)}
    assert found == set(CONTRACT.split("\n")) - {""}


def test_it_is_the_same_whatever_the_settings(document: dict[str, Any]) -> None:
    settings = Settings(
        database_url="sqlite://", mode=Mode.ENFORCE, panel_url="https://x.example", admin_key="x" * 32,
        public_url="https://doorman.example",
    )  # fmt: skip
    assert json.dumps(create_app(settings).openapi()) == json.dumps(document)


def test_it_hangs_together(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    assert "HTTPValidationError" not in text
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    for reference in set(_references(document)):
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_every_operation_says_what_it_does_and_what_it_refuses(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in TAGS}
    for method, template, operation in operations(document):
        where = f"{method} {template}"
        assert operation["summary"], where
        assert set(operation["tags"]) <= tags, where
        if template in PUBLIC:
            continue
        assert operation["security"] == [{"key": []}], where
        expected = {"401", "403", "422", "503"} | ({"404"} if "{" in template and "gate" not in template else set())
        assert expected <= set(operation["responses"]), where
        if method == "POST" and template not in {"/v1/customers/scores", "/v1/tickets/classify", "/v1/policies/check"}:
            assert "409" in operation["responses"], where
            refused = operation["responses"]["422"]["content"]["application/problem+json"]["examples"]
            assert {"invalid", "key-reused"} <= set(refused), where
            assert "Idempotency-Key" in [one["name"] for one in operation["parameters"]], where
        for status, response in operation["responses"].items():
            media = set(response.get("content", {}))
            drawn = {"image/svg+xml"} if template.endswith(".svg") else {"application/json"}
            assert media == ({"application/problem+json"} if int(status) >= 400 else drawn), where


def test_examples_keep_to_their_schemas(document: dict[str, Any]) -> None:
    for method, template, operation in operations(document):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            schema = {**media["schema"], "components": document["components"]}
            examples = media.get("examples") or {}
            assert examples, f"{method} {template}: an example that works is missing"
            for name, example in examples.items():
                errors = list(Draft202012Validator(schema).iter_errors(example["value"]))
                assert not errors, f"{method} {template} {name}: {errors[0].message}"


def test_each_schema_has_a_name_and_a_title_of_its_own_without_paths_of_modules(document: dict[str, Any]) -> None:
    """Generated clients name their classes by the titles: of two with one title, only one survives."""
    schemas = document["components"]["schemas"]
    titles = [schema["title"] for schema in schemas.values()]
    assert len(set(titles)) == len(titles)
    for name, schema in schemas.items():
        assert re.fullmatch(r"[A-Z][A-Za-z]+(_[A-Z][A-Za-z]+_)?", name), name
        assert re.fullmatch(r"[A-Z][A-Za-z]+", schema["title"]), name


def test_operation_names_are_unique(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))


def test_the_swagger_ui_fills_in_nothing_that_may_be_somebodys(document: dict[str, Any]) -> None:
    """A click on Execute must not change an order, customer or policy that an example happens to name."""
    for method, template, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if method != "GET" and parameter["in"] == "path":
                assert not {"example", "examples", "default"} & {*parameter, *parameter["schema"]}, (
                    f"{method} {template}"
                )


def test_what_stands_in_a_body_at_first_says_nothing_that_nobody_said(document: dict[str, Any]) -> None:
    first = {}
    for _, template, operation in operations(document):
        if template.startswith("/v1/orders/{order_id}/") and "requestBody" in operation:
            examples = operation["requestBody"]["content"]["application/json"]["examples"]
            first[template.rsplit("/", 1)[1]] = next(iter(examples.values()))["value"]

    said = {"cancel": {"reason": "other"}, "reject": {"fraud": False}}  # the same as an empty body, said aloud
    assert {action: value for action, value in first.items() if value} == said
    assert len(first) == 9


def test_what_may_be_refused_as_a_duplicate_says_so(document: dict[str, Any]) -> None:
    guarded = [
        template
        for _, template, operation in operations(document)
        if "looks-duplicate" in str(operation["responses"].get("409"))
    ]

    assert guarded == ["/v1/orders/{order_id}/ask", "/v1/customers/{customer_id}/credits"]


def test_a_text_to_try_is_taken_for_what_its_name_says(document: dict[str, Any]) -> None:
    body = document["paths"]["/v1/tickets/classify"]["post"]["requestBody"]["content"]["application/json"]
    read = {name: classify(**example["value"]) for name, example in body["examples"].items()}

    assert (read["an order by ticket"].topic, read["an order by ticket"].order_intent) == ("order", "custom_order")
    assert (read["a how-to"].topic, read["a how-to"].self_service) == ("how_to", True)


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if isinstance(node.get("type"), str):
            yield node
        for value in node.values():
            yield from _schemas(value)
    elif isinstance(node, list):
        for value in node:
            yield from _schemas(value)


def test_the_document_has_bounds_in_words_that_clients_know(document: dict[str, Any]) -> None:
    largest = 0
    for schema in _schemas(document):
        assert not {"ge", "le", "gt", "lt"} & set(schema), schema
        if schema["type"] == "integer":
            bounds = [schema[name] for name in ("minimum", "maximum") if name in schema]
            assert all(type(bound) is int for bound in bounds), schema
            largest = max([largest, *bounds])
    assert largest == MAX_ID
    assert str(MAX_ID) in json.dumps(document)


def test_the_document_names_the_pattern_of_an_idempotency_key(document: dict[str, Any]) -> None:
    parameters = document["paths"]["/v1/ops/pause"]["post"]["parameters"]
    schema = next(one["schema"] for one in parameters if one["name"] == "Idempotency-Key")
    assert schema["pattern"] == r"^[\x21-\x7e]+$"
    assert (schema["minLength"], schema["maxLength"]) == (1, 255)
