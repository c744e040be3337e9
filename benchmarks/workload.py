"""Two hundred mixed segments, each as a definition and as the SQL that a person would write for it by hand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

Json = dict[str, object]

KINDS = ("insert_message_history", "open_email", "click_email", "bounce_email", "unsubscribe_email")
TEMPLATES = ("product-lamp", "product-chair", "welcome", "cart-reminder", "newsletter-03", "win-back")
WINDOWS_DAYS = (7, 14, 30, 60, 90, 180, 365)


@dataclass(frozen=True, slots=True)
class Part:
    """A condition: its wire format, and by hand either a set of contacts or a predicate on their profile.

    `contacts_sql` gives contact_id rows, perhaps several times the same; `excludes` means everyone but those.
    """

    definition: Json
    contacts_sql: str | None = None
    excludes: bool = False
    profile_sql: str | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """A segment's definition, and the best query by hand that gives its contact ids, each once."""

    segment: Json
    sql: str


def workload(count: int, as_of: datetime, list_ids: Sequence[str], seed: int = 20) -> list[Workload]:
    """So many segments: a fifth each of counts, goals, profile with counts, lists with counts, nested."""
    choose = random.Random(seed)
    shapes = (_counts, _goals, _profile_and_counts, _lists_and_counts, _nested)
    made = []
    for number in range(count):
        part, sql = shapes[number % len(shapes)](_Chooser(choose, as_of, list_ids))
        segment: Json = {"id": f"segment-{number:03}", "name": f"Segment {number}", "timezone": "UTC", "tree": part}
        made.append(Workload(segment, sql))
    return made


@dataclass(frozen=True, slots=True)
class _Chooser:
    choose: random.Random
    as_of: datetime
    list_ids: Sequence[str]

    def count(self) -> Part:
        """How often something happened, in one of a few windows: so some conditions recur."""
        kind, days = self.choose.choice(KINDS), self.choose.choice(WINDOWS_DAYS)
        operator, number = self.choose.choice(
            [("at_least", 1), ("at_least", 1), ("at_least", 3), ("at_least", 5), ("exactly", 0), ("at_most", 2)]
        )
        template = self.choose.choice(TEMPLATES) if kind == "click_email" and self.choose.random() < 0.5 else None
        body: Json = {
            "kind": kind,
            "count_operator": operator,
            "count_value": number,
            "timeframe_operator": "in_the_last_days",
            "timeframe_values": [str(days)],
            "template_id": template,
            "filters": [],
        }
        since = self.as_of - timedelta(days=days)
        events = f"FROM timeline WHERE kind = '{kind}' AND {_after(since)} AND {_until(self.as_of)}"
        if template:
            events += f" AND template_id = '{template}'"
        return Part(_leaf("contact_timeline", "contact_timeline", body), *_counted(events, operator, number))

    def goal(self) -> Part:
        """What a contact bought."""
        days = self.choose.choice((30, 90, 365, None))
        aggregate, operator, value = self.choose.choice(
            [("sum", "gte", 100), ("sum", "gte", 1000), ("count", "gte", 2), ("max", "gte", 500), ("count", "lte", 0)]
        )
        body: Json = {
            "goal_type": "purchase",
            "goal_name": None,
            "aggregate_operator": aggregate,
            "operator": operator,
            "value": value,
            "timeframe_operator": "in_the_last_days" if days else "anytime",
            "timeframe_values": [str(days)] if days else [],
        }
        deleted = f"(deleted_at IS NULL OR deleted_at > {_instant(self.as_of)})"
        events = f"FROM custom_events WHERE goal_type = 'purchase' AND {deleted} AND {_until(self.as_of)}"
        if days:
            events += f" AND {_after(self.as_of - timedelta(days=days))}"
        leaf = _leaf("custom_events_goals", "custom_events_goal", body)
        if operator == "lte":
            return Part(leaf, f"SELECT contact_id {events}", excludes=True)
        measure = {"sum": "sum(goal_value)", "count": "count(*)", "max": "max(goal_value)"}[aggregate]
        return Part(leaf, f"SELECT contact_id {events} GROUP BY contact_id HAVING {measure} >= {value}")

    def profile(self) -> Part:
        """A field of the contact."""
        field, kind, operator, values, sql = self.choose.choice(
            [
                ("country", "string", "equals", ["US"], "country = 'US'"),
                ("country", "string", "equals", ["DE", "FR"], "country IN ('DE', 'FR')"),
                ("country", "string", "not_equals", ["US"], "country IS DISTINCT FROM 'US'"),
                ("language", "string", "equals", ["en"], "language = 'en'"),
                ("first_name", "string", "contains", ["an"], "contains(lower(first_name), 'an')"),
                ("lifetime_value", "number", "gte", [1000], "lifetime_value >= 1000"),
                ("orders_count", "number", "gte", [5], "orders_count >= 5"),
                ("phone", "string", "is_set", [], "phone IS NOT NULL"),
                ("job_title", "string", "is_not_set", [], "job_title IS NULL"),
            ]
        )
        key = "number_values" if kind == "number" else "string_values"
        body: Json = {"field_name": field, "field_type": kind, "operator": operator, key: values}
        return Part(_leaf("contacts", "contact", {"filters": [body]}), profile_sql=sql)

    def list(self) -> Part:
        """A subscription."""
        list_id, status = self.choose.choice(self.list_ids), self.choose.choice(("active", "unsubscribed", None))
        operator = self.choose.choice(("in", "in", "not_in"))
        body: Json = {"operator": operator, "list_id": list_id, "status": status}
        where = f"list_id = '{list_id}'" + (f" AND status = '{status}'" if status else "")
        sql = f"SELECT contact_id FROM subscriptions WHERE {where}"
        return Part(_leaf("contact_lists", "contact_list", body), sql, excludes=operator == "not_in")


# --- shapes -----------------------------------------------------------------------------------------------------------


def _counts(chooser: _Chooser) -> tuple[Json, str]:
    return _combined(chooser, [chooser.count() for _ in range(chooser.choose.choice((1, 1, 2)))])


def _goals(chooser: _Chooser) -> tuple[Json, str]:
    return _combined(chooser, [chooser.goal() for _ in range(chooser.choose.choice((1, 1, 2)))])


def _profile_and_counts(chooser: _Chooser) -> tuple[Json, str]:
    return _combined(chooser, [chooser.profile(), chooser.profile(), chooser.count()])


def _lists_and_counts(chooser: _Chooser) -> tuple[Json, str]:
    return _combined(chooser, [chooser.list(), chooser.count()])


def _nested(chooser: _Chooser) -> tuple[Json, str]:
    """a AND (b OR c) AND NOT d."""
    first, second, third, last = chooser.profile(), chooser.count(), chooser.goal(), chooser.count()
    either = Part(_branch("or", [second, third]), _either([second, third]))
    negated = Part(_branch("not", [last]), last.contacts_sql, excludes=not last.excludes)
    return _branch("and", [first, either, negated]), _all([first, either, negated])


def _combined(chooser: _Chooser, parts: Sequence[Part]) -> tuple[Json, str]:
    if len(parts) == 1:
        return parts[0].definition, _all(parts)
    operator, combine = chooser.choose.choice([("and", _all), ("and", _all), ("or", _either)])
    return _branch(operator, parts), combine(parts)


# --- by hand ----------------------------------------------------------------------------------------------------------


def _counted(events: str, operator: str, number: int) -> tuple[str, bool]:
    """The contacts, and whether everyone but those is meant."""
    if operator == "at_least" and number == 1:
        return f"SELECT contact_id {events}", False
    if operator == "exactly" and number == 0:
        return f"SELECT contact_id {events}", True
    if operator == "at_most":
        return f"SELECT contact_id {events} GROUP BY contact_id HAVING count(*) > {number}", True
    return f"SELECT contact_id {events} GROUP BY contact_id HAVING count(*) >= {number}", False


def _all(parts: Sequence[Part]) -> str:
    """Semi and anti joins with the contacts; a single set of contacts needs no join."""
    if len(parts) == 1 and parts[0].contacts_sql and not parts[0].excludes:
        sql = parts[0].contacts_sql
        return sql if "HAVING" in sql else sql.replace("SELECT", "SELECT DISTINCT", 1)
    joins = [
        f"{'ANTI' if part.excludes else 'SEMI'} JOIN ({part.contacts_sql}) AS p{number} USING (contact_id)"
        for number, part in enumerate(parts)
        if part.contacts_sql
    ]
    where = " AND ".join(part.profile_sql for part in parts if part.profile_sql)
    contacts = f"(SELECT contact_id FROM contacts WHERE {where})" if where else "contacts"
    return f"SELECT c.contact_id FROM {contacts} AS c {' '.join(joins)}"


def _either(parts: Sequence[Part]) -> str:
    """The union of the sets."""
    return " UNION ".join(f"({_all([part])})" for part in parts)


def _instant(at: datetime) -> str:
    return f"TIMESTAMP '{at.replace(tzinfo=None).isoformat(sep=' ')}'"


def _after(at: datetime) -> str:
    return f"occurred_at > {_instant(at)}"


def _until(at: datetime) -> str:
    return f"occurred_at <= {_instant(at)}"


# --- wire format ------------------------------------------------------------------------------------------------------


def _leaf(source: str, key: str, body: Json) -> Json:
    return {"kind": "leaf", "leaf": {"source": source, key: body}}


def _branch(operator: str, parts: Sequence[Part]) -> Json:
    leaves = [part.definition for part in parts]
    return {"kind": "branch", "branch": {"operator": operator, "leaves": leaves}}
