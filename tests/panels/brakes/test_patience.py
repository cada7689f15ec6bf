"""Repeated reads: transient failures are waited for; those that people have to fix are not."""

import pytest

from app.panels.base import PanelDown, PanelUnavailable
from app.panels.brakes.patience import LONGEST_WAIT, PAUSES, patiently


class Reading:
    """Raises these exceptions in turn, then answers; records the waiting times."""

    def __init__(self, *errors: PanelUnavailable) -> None:
        self.errors = list(errors)
        self.waited: list[float] = []

    async def read(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "there"

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)

    async def patiently(self) -> str:
        return await patiently(self.read, sleep=self.sleep)


async def test_what_passes_is_waited_for_and_longer_where_the_panel_says_so() -> None:
    asked = PanelUnavailable("slow down", retry_after=30)
    reading = Reading(PanelUnavailable("500"), asked, PanelDown("away", retry_after=LONGEST_WAIT))
    assert await reading.patiently() == "there"
    assert reading.waited == [PAUSES[0], 30, LONGEST_WAIT]


async def test_what_does_not_pass_is_raised_in_the_end() -> None:
    reading = Reading(*[PanelUnavailable(str(number)) for number in range(9)])
    with pytest.raises(PanelUnavailable, match="3"):
        await reading.patiently()
    assert reading.waited == list(PAUSES)


async def test_what_people_have_to_see_to_is_raised_at_once() -> None:
    reading = Reading(PanelUnavailable("Invalid IP", alarm=True))
    with pytest.raises(PanelUnavailable, match="Invalid IP"):
        await reading.patiently()
    assert reading.waited == []


async def test_nobody_watches_a_bar_stand_for_an_hour() -> None:
    reading = Reading(PanelUnavailable("the panel asks us to slow down (HTTP 429)", retry_after=3600))
    with pytest.raises(PanelUnavailable, match=r"slow down \(HTTP 429\): retry in 3,600 s"):
        await reading.patiently()
    assert reading.waited == []
