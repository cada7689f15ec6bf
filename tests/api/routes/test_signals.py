"""The catalogue of signals over the API."""

from __future__ import annotations

from app.core.judgement.signals.catalogue import CATALOGUE
from app.core.records import Role
from app.policies import versions
from tests.api.api_support import NOW
from tests.api.conftest import Api


async def test_the_whole_catalogue_with_the_points_of_the_active_policy(api: Api) -> None:
    document = "[points.risk]\nshared_ip = 7\n[families]\nidentity = 33"
    async with api.db.begin() as tx:
        published = await versions.publish(tx, document, by="test", now=NOW)
        await versions.activate(tx, published.version, by="test", now=NOW)

    answered = (await api.ask("GET", "/v1/signals")).json()

    signals = {signal["code"]: signal for signal in answered["signals"]}
    assert answered["policy_version"] == published.version
    assert list(signals) == [entry.code for entry in CATALOGUE]
    assert signals["shared_ip"]["points"] == {"shared_ip": 7, "each_further": 10}
    assert signals["shared_ip"]["default_points"] == {"shared_ip": 20, "each_further": 10}
    assert (signals["shared_ip"]["family"], signals["shared_ip"]["family_cap"]) == ("identity", 33)
    assert signals["entered_by_staff"]["points"] == {"entered_by_staff": -20}
    assert signals["block_listed"]["family_cap"] is None


async def test_it_is_for_those_who_work_the_queue(api: Api) -> None:
    assert (await api.ask("GET", "/v1/signals", Role.PANEL)).status_code == 403
    assert (await api.ask("GET", "/v1/signals", Role.ADMIN)).status_code == 200
