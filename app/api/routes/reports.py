"""The owner's month: figures from the stored rows, and their chart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated, Any, Final

from fastapi import Depends, Query, Response
from pydantic import BeforeValidator, Field, WithJsonSchema

from app.api.auth import OPS
from app.api.fields import Absent
from app.api.serving import ContextDep, answer, router
from app.context import Context
from app.errors import Invalid
from app.installation.zones import panel_zone
from app.reports import periods
from app.reports.chart import draw
from app.reports.month import month_report
from app.reports.periods import BadPeriod, Period
from app.reports.records import MonthReport

reports = router("/reports", "reports", OPS)
_SVG: Final = "image/svg+xml"
_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].{1,40})?", re.ASCII)


def _moment(value: Any) -> Any:
    """Allow a day or a moment, never a bare number."""
    if isinstance(value, str) and not _MOMENT.fullmatch(value):
        raise ValueError("must be a day such as 2026-11-01, or a moment such as 2026-11-01T08:00:00Z")
    return value


_Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    WithJsonSchema({"type": "string", "examples": ["2026-11-01", "2026-11-01T08:00:00Z"]}),
]
_Month = Annotated[str, Field(pattern=r"^2[0-9]{3}-(0[1-9]|1[0-2])$", examples=["2026-11"])]
_DESCRIPTION: Final = (
    "Orders by outcome, what was held and for how long, fees, staff hours, fraud stopped, good orders made to wait, "
    "and what people overruled, beside the month before. Money is by currency and never converted. Only what Doorman "
    "decided itself counts, not the imported past."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The time that is asked about."""

    month: str | None
    since: datetime | None
    until: datetime | None

    def period(self, zone: tzinfo, *, now: datetime) -> Period:
        """Return it in the panel's zone. Raises BadPeriod."""
        if self.month is not None and (self.since or self.until) is not None:
            raise BadPeriod("month", "give a month, or since and until, not both")
        if self.since is None and self.until is not None:
            raise BadPeriod("since", "is needed with until")
        if self.since is not None:
            return periods.span(self.since, self.until, zone, now=now)
        return periods.month_of(now, zone) if self.month is None else periods.month(self.month, zone)


def wanted(
    month: Annotated[
        _Month | Absent,
        Query(description="A month in the panel's time zone; the current one if nothing is given."),
    ] = None,
    since: Annotated[
        _Moment | Absent,
        Query(description="Instead of `month`: from then on. A day begins at midnight in the panel's time zone."),
    ] = None,
    until: Annotated[
        _Moment | Absent, Query(description="With `since`: up to then, which is not part of it; now if left out.")
    ] = None,
) -> Wanted:
    """Return the time that the query asks about."""
    return Wanted(month=month, since=since, until=until)


WantedDep = Annotated[Wanted, Depends(wanted)]


@reports.get("/month", response_model=MonthReport, summary="Show a month in figures", description=_DESCRIPTION)
async def month(context: ContextDep, asked: WantedDep) -> Response:
    report, _ = await _report(context, asked)
    return answer(report)


@reports.get(
    "/month.svg",
    response_class=Response,
    responses={200: {"content": {_SVG: {"schema": {"type": "string"}}}, "description": "The chart."}},
    summary="Draw a month",
    description="The figures of `GET /v1/reports/month` as a chart.",
)
async def month_chart(context: ContextDep, asked: WantedDep) -> Response:
    report, period = await _report(context, asked)
    return Response(draw(report, period), media_type=_SVG)


async def _report(context: Context, asked: Wanted) -> tuple[MonthReport, Period]:
    now = context.clock()
    async with context.db.read() as connection:
        zone = await panel_zone(connection, context.settings)
        try:
            period = asked.period(zone, now=now)
        except BadPeriod as error:
            found = [{"path": f"query.{error.parameter}", "message": str(error)}]
            raise Invalid("The request can't be understood; `errors` says where.", found) from None
        return await month_report(connection, period, now=now), period
