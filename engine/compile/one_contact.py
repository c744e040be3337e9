"""What explaining one contact reads: its fields and its events, each with what time cannot change about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp

from engine.compile.dialects import DUCKDB
from engine.compile.event_sources import CONTACTS, EVENTS
from engine.compile.expressions import Columns, condition
from engine.compile.sql import any_of, column, is_not_null, named, table, text
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.tree import EVENT_PROPERTIES
from engine.definition.value_tests import Subject
from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX
from engine.plan.nodes import Expression

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EventColumns:
    """What is read of an event beside its own columns, in this order.

    `tests`: expressions over it, each a boolean. `times`: values of its properties, each in its own type. `decimals`:
    paths to numbers, exact. `texts_and_numbers`: paths, for each a text and a number.
    """

    tests: tuple[Expression, ...] = ()
    times: tuple[Subject, ...] = ()
    decimals: tuple[Path, ...] = ()
    texts_and_numbers: tuple[Path, ...] = ()


CUSTOM_EVENT_COLUMNS = (
    *("event_name", "external_id", "occurred_at", "goal_type", "goal_name", "goal_value"),
    *("deleted_at", "superseded_at", "properties"),
)
TIMELINE_COLUMNS = ("kind", "occurred_at", "template_id", "entity_id", "properties")


@lru_cache(maxsize=256)
def contact_sql(tests: tuple[Expression, ...], subjects: tuple[Subject, ...]) -> str:
    """The query of the fields of the contact with id $1. Rows: one.

    Columns: the name of its time zone, its tags, a boolean for each test, and for each subject its value: of JSON the
    text of whatever is there, and then the value in the type of the subject where that is a time or a date.
    """
    columns = Columns(DUCKDB, CONTACTS, {}, {})
    values = [value for subject in subjects for value in _shown(subject)]
    selected = [column("name", "z"), column("tags", CONTACTS), *(condition(test, columns) for test in tests), *values]
    same_zone = exp.EQ(this=column("zone_id", "z"), expression=column("zone_id", CONTACTS))
    zones = exp.Join(this=table("zones", "z"), side="LEFT", on=same_zone)
    query = exp.select(*_numbered(selected)).from_(table("contacts", CONTACTS)).join(zones)
    return DUCKDB.sql(query.where(_is_asked_for(CONTACTS)))


def shown_column_count(subject: Subject) -> int:
    """How many columns `contact_sql` gives for a subject."""
    return len(_shown(subject))


@lru_cache(maxsize=256)
def timeline_sql(kinds: frozenset[str], columns: EventColumns) -> str:
    """The query of the events of some kinds of the contact with id $1, in order of time.

    Columns: TIMELINE_COLUMNS, then those asked for.
    """
    own = [column(name, EVENTS) for name in TIMELINE_COLUMNS]
    is_of_kind = exp.In(this=column("kind", EVENTS), expressions=[text(kind) for kind in sorted(kinds)])
    return _events_sql("timeline", own, columns, is_of_kind)


@lru_cache(maxsize=256)
def custom_events_sql(kinds: frozenset[str], columns: EventColumns, *, with_goals: bool) -> str:
    """The query of the custom events of some kinds, and if wanted of all goals, of the contact with id $1.

    Rows: every version, deleted ones too, in order of time. Columns: CUSTOM_EVENT_COLUMNS, then those asked for.
    """
    own = [column(name, EVENTS) for name in CUSTOM_EVENT_COLUMNS]
    names = [text(kind.removeprefix(CUSTOM_EVENT_PREFIX)) for kind in sorted(kinds)]
    wanted: list[exp.Expr] = [exp.In(this=column("event_name", EVENTS), expressions=names)] if names else []
    if with_goals:
        wanted.append(is_not_null(column("goal_type", EVENTS)))
    return _events_sql("custom_events", own, columns, any_of(wanted))


def _events_sql(source: str, own: Sequence[exp.Expr], columns: EventColumns, where: exp.Expr) -> str:
    properties = column(EVENT_PROPERTIES, EVENTS)
    found = [condition(test, Columns(DUCKDB, EVENTS, {}, {})) for test in columns.tests]
    found += [DUCKDB.json_value(properties, subject.path, subject.type) for subject in columns.times]
    found += [DUCKDB.json_decimal(properties, path) for path in columns.decimals]
    for path in columns.texts_and_numbers:
        found += [DUCKDB.json_value(properties, path, kind) for kind in (FieldType.STRING, FieldType.NUMBER)]
    query = exp.select(*own, *_numbered(found)).from_(table(source, EVENTS)).where(_is_asked_for(EVENTS), where)
    return DUCKDB.sql(query.order_by(column("occurred_at", EVENTS)))


def _is_asked_for(alias: str) -> exp.Expr:
    return exp.EQ(this=column("contact_id", alias), expression=exp.Parameter(this=exp.Literal.number(1)))


def _shown(subject: Subject) -> list[exp.Expr]:
    value: exp.Expr = column(subject.field_name, CONTACTS, quoted=subject.field_name not in CONTACT_FIELDS)
    if not subject.is_json:
        return [value]
    shown: list[exp.Expr] = [exp.cast(DUCKDB.json_value(value, subject.path, FieldType.JSON), "varchar")]
    if subject.type in (FieldType.TIME, FieldType.DATE):
        shown.append(DUCKDB.json_value(value, subject.path, subject.type))
    return shown


def _numbered(columns: Sequence[exp.Expr]) -> list[exp.Alias]:
    return [named(value, f"value_{number}") for number, value in enumerate(columns)]
