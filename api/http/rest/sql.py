"""`/v1/sql`: one SELECT over the documented views."""

from __future__ import annotations

from typing import Any

from fastapi.responses import StreamingResponse
from pydantic import Field

from api.http.authentication import Analyst
from api.http.rest.shapes import v1_router
from api.http.shapes import Strict
from api.http.streams import MEDIA_TYPES, Format, StreamedRows

PATH = "/sql"
MOST_AGE_SECONDS = 30.0
MOST_TIMEOUT_MS, TIMEOUT_MS = 600_000, 60_000

TAG = {"name": "v1 sql", "description": "Questions in SQL."}

router = v1_router("sql")

_CONTENT: dict[str, Any] = {name.partition(";")[0]: {} for name in MEDIA_TYPES.values()}


class AskSql(Strict):
    """A question. `parameters` are the values of `$name` in it; `fresh`: of the data as they are now."""

    sql: str = Field(examples=["SELECT country, count(*) AS n FROM contacts WHERE country <> $but GROUP BY 1"])
    parameters: dict[str, str | int | float | bool | None] = Field(default={}, examples=[{"but": "US"}])
    timeout_ms: int = Field(default=TIMEOUT_MS, ge=1, le=MOST_TIMEOUT_MS)
    format: Format = "json"
    fresh: bool = False


@router.post(
    PATH,
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The rows. Populace-As-Of: the instant that they show, at most 30 s ago, or as asked.",
            "content": _CONTENT,
        }
    },
)
def ask_sql(body: AskSql, caller: Analyst) -> StreamingResponse:
    """Answer one SELECT (docs/sql.md), streamed; who hangs up ends the question."""
    result, shown_at = caller.workspace().query_recent(
        body.sql,
        max_age_seconds=0.0 if body.fresh else MOST_AGE_SECONDS,
        parameters=body.parameters,
        timeout_seconds=body.timeout_ms / 1000,
    )
    headers = {"Populace-As-Of": shown_at.isoformat().replace("+00:00", "Z")}
    return StreamedRows(result.schema, result.batches(), body.format, headers=headers, close=result.close)
