"""Polars: one lazy query per segment, over frames in memory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import reduce

import polars as pl

from benchmarks.peers.conditions import excludes
from benchmarks.peers.peer import ContactIds
from benchmarks.workload import Both, Bought, Counted, Either, HasField, Negation, Question, Subscribed, Workload
from engine.storage import Store

COLUMNS = {
    "contacts": "contact_id, country, language, first_name, lifetime_value, orders_count, phone, job_title",
    "timeline": "contact_id, kind, occurred_at, template_id",
    "custom_events": "contact_id, goal_type, goal_value, occurred_at, deleted_at",
    "subscriptions": "contact_id, list_id, status",
}


class PolarsLazy:
    """Frames with the rows of a store, in the store's order, with text of few values as categories."""

    name = "polars_lazy"

    def __init__(self, store: Store) -> None:
        self._frames: Mapping[str, pl.LazyFrame] = {table: _frame(store, table).lazy() for table in COLUMNS}

    def contact_ids(self, item: Workload) -> ContactIds:
        """The members of a segment, each once."""
        found: ContactIds = self._asked(item.question, item.as_of).collect().get_column("contact_id").to_numpy()
        return found

    def _asked(self, question: Question, as_of: datetime) -> pl.LazyFrame:
        match question:
            case Either():
                return pl.concat([self._asked(part, as_of) for part in question.parts]).unique()
            case Both():
                return self._all(question.parts, as_of)
            case _ if isinstance(question, HasField | Negation) or excludes(question):
                return self._all((question,), as_of)
            case _:
                return self._set_of(question, as_of).unique()

    def _all(self, parts: tuple[Question, ...], as_of: datetime) -> pl.LazyFrame:
        found = self._frames["contacts"]
        fields = [pl.sql_expr(part.sql) for part in parts if isinstance(part, HasField)]
        if fields:
            found = found.filter(reduce(lambda one, other: one & other, fields))
        found = found.select("contact_id")
        for part in parts:
            if not isinstance(part, HasField):
                how = "anti" if excludes(part) else "semi"
                found = found.join(self._set_of(part, as_of), on="contact_id", how=how)  # type: ignore[arg-type]
        return found

    def _set_of(self, question: Question, as_of: datetime) -> pl.LazyFrame:
        now = as_of.replace(tzinfo=None)
        match question:
            case Counted():
                is_asked = (pl.col("kind") == question.kind) & (pl.col("occurred_at") <= now)
                is_asked &= pl.col("occurred_at") > question.since.replace(tzinfo=None)
                if question.template:
                    is_asked &= pl.col("template_id") == question.template
                events = self._frames["timeline"].filter(is_asked).select("contact_id")
                at_least = question.number + (question.operator == "at_most")
                return events if at_least <= 1 else _having(events, pl.len() >= at_least)
            case Bought():
                is_asked = (pl.col("goal_type") == "purchase") & (pl.col("occurred_at") <= now)
                is_asked &= pl.col("deleted_at").is_null() | (pl.col("deleted_at") > now)
                if question.since:
                    is_asked &= pl.col("occurred_at") > question.since.replace(tzinfo=None)
                events = self._frames["custom_events"].filter(is_asked)
                value = pl.col("goal_value")
                measure = {"sum": value.sum(), "count": pl.len(), "max": value.max()}[question.measure]
                return (
                    events.select("contact_id") if question.excludes else _having(events, measure >= question.at_least)
                )
            case Subscribed():
                is_asked = pl.col("list_id") == question.list_id
                if question.status:
                    is_asked &= pl.col("status") == question.status
                return self._frames["subscriptions"].filter(is_asked).select("contact_id")
            case Negation():
                return self._set_of(question.part, as_of)
            case _:
                return self._asked(question, as_of)


def _having(events: pl.LazyFrame, holds: pl.Expr) -> pl.LazyFrame:
    """The contacts of whose rows something holds."""
    return events.group_by("contact_id").agg(holds.alias("holds")).filter("holds").select("contact_id")


def _frame(store: Store, table: str) -> pl.DataFrame:
    where = "WHERE superseded_at IS NULL" if table == "custom_events" else ""
    rows = store.cursor().sql(f"SELECT {COLUMNS[table]} FROM {table} {where}").to_arrow_table()
    frame = pl.from_arrow(rows)
    assert isinstance(frame, pl.DataFrame)
    few = [name for name in ("kind", "template_id", "goal_type", "list_id", "status") if name in frame.columns]
    return frame.with_columns(pl.col(few).cast(pl.Categorical)) if few else frame
