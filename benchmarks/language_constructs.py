"""Each construct of the language once, beside the SQL that a person would write for it by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

Json = dict[str, object]

CLICKED_LAMPS = {"field_name": "url", "operator": "contains", "string_values": ["lamp"]}
ORDERS = "FROM custom_events WHERE goal_type = 'purchase' AND deleted_at IS NULL AND superseded_at IS NULL"


@dataclass(frozen=True, slots=True)
class Construct:
    """A segment of one condition, and the best query by hand that gives its contact ids, each once."""

    name: str
    leaf: Json
    sql: str
    timezone: str = "UTC"


def constructs(as_of: datetime) -> Iterator[Construct]:
    """All of them, in the order of docs/language.md. `as_of` is UTC."""
    yield from _fields(as_of)
    yield from _sets()
    yield from _counts(as_of)
    yield from _days(as_of)
    yield from _properties(as_of)
    yield from _goals(as_of)
    yield from _sequences(as_of)


# --- contacts ---------------------------------------------------------------------------------------------------------


def _fields(as_of: datetime) -> Iterator[Construct]:
    def contacts(where: str) -> str:
        return f"SELECT contact_id FROM contacts WHERE {where}"

    texts = ["US", "FR", "IT", "ES", "PL", "SE", "NO", "DK"]
    listed = ", ".join(f"'{text}'" for text in texts)
    yield Construct("text equals", _field("country", "equals", "US"), contacts("country = 'US'"))
    not_us = contacts("country IS DISTINCT FROM 'US'")
    yield Construct("text not_equals", _field("country", "not_equals", "US"), not_us)
    yield Construct("text is_one_of", _field("country", "is_one_of", *texts), contacts(f"country IN ({listed})"))
    for operator in ("contains", "starts_with", "ends_with"):
        sql = contacts(f"{operator}(lower(first_name), 'an')")
        yield Construct(f"text {operator}", _field("first_name", operator, "an"), sql)
    yield Construct("text gt", _field("last_name", "gt", "M"), contacts("last_name > 'M'"))
    yield Construct("is_not_set", _field("job_title", "is_not_set"), contacts("job_title IS NULL"))
    yield Construct("number gte", _field("lifetime_value", "gte", 1000), contacts("lifetime_value >= 1000"))
    between = contacts("orders_count BETWEEN 2 AND 5")
    yield Construct("number between", _field("orders_count", "between", 2, 5), between)
    last = contacts(f"last_order_at > {_at(as_of, -30)} AND last_order_at <= {_at(as_of)}")
    yield Construct("time in_the_last_days", _field("last_order_at", "in_the_last_days", "30"), last)
    month = f"created_at >= date_trunc('month', {_at(as_of)}) AND created_at < date_trunc('month', {_at(as_of)}) + "
    sql = contacts(f"{month} INTERVAL 1 MONTH")
    yield Construct("time this_month", _field("created_at", "this_month"), sql)
    here = f"timezone(coalesce(timezone, 'UTC'), {_at(as_of)}::TIMESTAMP AT TIME ZONE 'UTC')"
    there = "timezone(coalesce(timezone, 'UTC'), created_at AT TIME ZONE 'UTC')"
    sql = contacts(f"date_trunc('month', {there}) = date_trunc('month', {here})")
    yield Construct("time this_month, own zone", _field("created_at", "this_month"), sql, "contact")
    days = ", ".join(f"'{as_of + timedelta(days=number):%m-%d}'" for number in range(8))
    sql = contacts(f"strftime(created_at, '%m-%d') IN ({days}) AND year(created_at) < {as_of.year}")
    yield Construct("time anniversary", _field("created_at", "anniversary", "7"), sql)
    path = {"json_path": ["plan", "tier"], "field_type": "number"}
    tier = "custom_json_1, '/plan/tier'"
    is_number = f"json_type({tier}) IN ('UBIGINT', 'BIGINT', 'DOUBLE')"
    sql = contacts(f"{is_number} AND json_extract({tier})::DOUBLE >= 2")
    yield Construct("json path, number gte", _field("custom_json_1", "gte", 2, **path), sql)
    path = {"json_path": ["plan", "tags"]}
    sql = contacts("""list_contains(json_extract_string(custom_json_1, '$.plan.tags[*]'), 'x')""")
    yield Construct("json in_array", _field("custom_json_1", "in_array", "x", **path), sql)


def _sets() -> Iterator[Construct]:
    on_list = "SELECT contact_id FROM subscriptions WHERE list_id = 'news'"
    body: Json = {"operator": "in", "list_id": "news", "status": "active"}
    yield Construct("list in", _leaf("contact_lists", "contact_list", body), f"{on_list} AND status = 'active'")
    sql = f"SELECT contact_id FROM contacts ANTI JOIN ({on_list}) USING (contact_id)"
    body = {"operator": "not_in", "list_id": "news"}
    yield Construct("list not_in", _leaf("contact_lists", "contact_list", body), sql)
    sql = "SELECT contact_id FROM contacts WHERE list_contains(tags, 'vip')"
    yield Construct("tag in", _leaf("tag", "tag", {"tags": ["vip"]}), sql)
    sql = "SELECT DISTINCT contact_id FROM identities WHERE identity LIKE 'push_token:%'"
    yield Construct("identity", _leaf("identity", "identity", {"kind": "push_token"}), sql)


# --- events -----------------------------------------------------------------------------------------------------------


def _counts(as_of: datetime) -> Iterator[Construct]:
    opened = f"FROM timeline WHERE kind = 'open_email' AND occurred_at <= {_at(as_of)}"
    recent = f"{opened} AND occurred_at > {_at(as_of, -30)}"
    grouped = "GROUP BY contact_id HAVING count(*)"
    last_days: Json = {"timeframe_operator": "in_the_last_days", "timeframe_values": ["30"]}
    once = f"SELECT DISTINCT contact_id {recent}"
    yield Construct("count at_least 1, 30 days", _events("at_least", 1, **last_days), once)
    sql = f"SELECT contact_id {recent} {grouped} >= 3"
    yield Construct("count at_least 3, 30 days", _events("at_least", 3, **last_days), sql)
    sql = f"SELECT contact_id {recent} {grouped} BETWEEN 2 AND 4"
    yield Construct("count between, 30 days", _events("between", 2, count_value_2=4, **last_days), sql)
    sql = f"SELECT contact_id FROM contacts ANTI JOIN ({once}) USING (contact_id)"
    yield Construct("count exactly 0, 30 days", _events("exactly", 0, **last_days), sql)
    yield Construct(
        "count at_least 10, anytime", _events("at_least", 10), f"SELECT contact_id {opened} {grouped} >= 10"
    )
    sql = f"SELECT contact_id {recent} AND template_id = 'welcome' {grouped} >= 1"
    yield Construct("count of a template", _events("at_least", 1, template_id="welcome", **last_days), sql)
    week = f"date_trunc('week', {_at(as_of)})"
    sql = f"SELECT DISTINCT contact_id {opened} AND occurred_at >= {week} - INTERVAL 7 DAY AND occurred_at < {week}"
    yield Construct("count last_week", _events("at_least", 1, timeframe_operator="last_week"), sql)
    weeks = ", ".join(
        f"count(*) FILTER (WHERE occurred_at > {_at(as_of, -7 * week)} AND occurred_at <= {_at(as_of, 7 - 7 * week)})"
        for week in range(1, 5)
    )
    having = f"GROUP BY contact_id HAVING least({weeks}) >= 1"
    sql = f"SELECT contact_id {opened} AND occurred_at > {_at(as_of, -28)} {having}"
    each: Json = {"timeframe_operator": "in_each_of_the_last_weeks", "timeframe_values": ["4"]}
    yield Construct("count in each of 4 weeks", _events("at_least", 1, **each), sql)
    first = f"GROUP BY contact_id HAVING min(occurred_at) > {_at(as_of, -30)}"
    yield Construct("first in 30 days", _event_time("first", last_days), f"SELECT contact_id {opened} {first}")
    ago: Json = {"timeframe_operator": "more_than_days_ago", "timeframe_values": ["90"]}
    last = f"GROUP BY contact_id HAVING max(occurred_at) <= {_at(as_of, -90)}"
    yield Construct("last over 90 days ago", _event_time("last", ago), f"SELECT contact_id {opened} {last}")


def _days(as_of: datetime) -> Iterator[Construct]:
    last_days: Json = {"timeframe_operator": "in_the_last_days", "timeframe_values": ["90"]}
    opened = f"t.kind = 'open_email' AND t.occurred_at <= {_at(as_of)} AND t.occurred_at > {_at(as_of, -90)}"
    leaf = _events("at_least", 3, count_of="days", **last_days)
    sql = f"SELECT contact_id FROM timeline AS t WHERE {opened} GROUP BY contact_id HAVING count(DISTINCT %s) >= 3"
    yield Construct("days, UTC", leaf, sql % "occurred_at::DATE")
    berlin = "timezone('Europe/Berlin', occurred_at AT TIME ZONE 'UTC')::DATE"
    yield Construct("days, Berlin", leaf, sql % berlin, "Europe/Berlin")
    own = "timezone(coalesce(c.timezone, 'UTC'), t.occurred_at AT TIME ZONE 'UTC')::DATE"
    joined = "timeline AS t JOIN contacts AS c USING (contact_id)"
    sql = f"SELECT contact_id FROM {joined} WHERE {opened} GROUP BY contact_id HAVING count(DISTINCT {own}) >= 3"
    yield Construct("days, own zone", leaf, sql, "contact")


def _properties(as_of: datetime) -> Iterator[Construct]:
    clicked = f"FROM timeline WHERE kind = 'click_email' AND occurred_at <= {_at(as_of)}"
    recent = f"{clicked} AND occurred_at > {_at(as_of, -90)}"
    last_days: Json = {"timeframe_operator": "in_the_last_days", "timeframe_values": ["90"]}
    body: Json = {"kind": "click_email", "count_operator": "at_least", "count_value": 1, "filters": [CLICKED_LAMPS]}
    sql = f"SELECT DISTINCT contact_id {recent} AND contains(lower(properties ->> '/url'), 'lamp')"
    yield Construct("count with a filter", _leaf("contact_timeline", "contact_timeline", body | last_days), sql)
    position = "TRY_CAST(json_extract_string(properties, '/position') AS DECIMAL(38, 9))"
    for name, measure, path, value in (
        ("sum", f"sum({position})", "position", 10),
        ("avg", f"avg({position})", "position", 3),
        ("max", f"max({position})", "position", 5),
        ("distinct_count", "count(DISTINCT json_extract_string(properties, '/url'))", "url", 3),
    ):
        body = {
            "kind": "click_email",
            "aggregate_operator": name,
            "property": [path],
            "operator": "gte",
            "value": value,
        }
        sql = f"SELECT contact_id {recent} GROUP BY contact_id HAVING {measure} >= {value}"
        leaf = _leaf("contact_timeline", "contact_timeline", body | last_days)
        yield Construct(f"property {name}", leaf, sql)


def _goals(as_of: datetime) -> Iterator[Construct]:
    past = f"{ORDERS} AND occurred_at <= {_at(as_of)}"
    for name, measure, value in (
        ("sum", "sum(goal_value)", 100),
        ("avg", "avg(goal_value)", 50),
        ("min", "min(goal_value)", 20),
        ("count", "count(*)", 2),
    ):
        body: Json = {"goal_type": "purchase", "aggregate_operator": name, "operator": "gte", "value": value}
        sql = f"SELECT contact_id {past} GROUP BY contact_id HAVING {measure} >= {value}"
        yield Construct(f"goal {name}", _leaf("custom_events_goals", "custom_events_goal", body), sql)
    alive = (
        f"event_name = 'shop.order' AND deleted_at IS NULL AND superseded_at IS NULL AND occurred_at <= {_at(as_of)}"
    )
    sql = f"SELECT contact_id FROM custom_events WHERE {alive} GROUP BY contact_id HAVING count(*) >= 2"
    yield Construct("custom event count", _events("at_least", 2, kind="custom_event.shop.order"), sql)


def _sequences(as_of: datetime) -> Iterator[Construct]:
    def times(kind: str) -> str:
        names = "contact_id, occurred_at AS moment, properties"
        past = f"occurred_at <= {_at(as_of)} AND occurred_at > {_at(as_of, -90)}"
        return f"(SELECT {names} FROM timeline WHERE kind = '{kind}' AND {past})"

    opened, clicked = times("open_email"), times("click_email")
    a: Json = {"kind": "open_email"}
    b: Json = {"kind": "click_email"}
    sql = f"""
        SELECT contact_id FROM (SELECT contact_id, min(moment) AS first_at FROM {opened} GROUP BY contact_id)
        JOIN (SELECT contact_id, max(moment) AS last_at FROM {clicked} GROUP BY contact_id) USING (contact_id)
        WHERE last_at > first_at"""
    yield Construct("sequence", _sequence(a, b), sql)
    same = "b.contact_id = a.contact_id"
    asof = f"SELECT DISTINCT b.contact_id FROM {clicked} AS b ASOF JOIN {opened} AS a ON {same} AND b.moment > a.moment"
    sql = f"{asof} WHERE b.moment - a.moment <= INTERVAL 1 HOUR"
    soon: Json = {"within_value": 1, "within_unit": "hours"}
    yield Construct("sequence within", _sequence(a, b | soon), sql)
    between = f"SELECT 1 FROM {times('insert_message_history')} AS x WHERE x.contact_id = b.contact_id"
    sql = f"{asof} WHERE NOT EXISTS ({between} AND x.moment > a.moment AND x.moment < b.moment)"
    without = b | {"without": [{"kind": "insert_message_history"}]}
    yield Construct("sequence without", _sequence(a, without), sql)
    sql = f"""
        SELECT DISTINCT a.contact_id FROM {opened} AS a ASOF LEFT JOIN {clicked} AS b ON {same} AND b.moment > a.moment
        WHERE a.moment <= {_at(as_of, -1)} AND (b.moment IS NULL OR b.moment - a.moment > INTERVAL 1 DAY)"""
    absent = b | {"operator": "not_done", "within_value": 1, "within_unit": "days"}
    yield Construct("sequence not_done", _sequence(a, absent), sql)
    device = "json_extract_string({}.properties, '/device')"
    alike = f"{device.format('a')} = {device.format('b')}"
    joined = f"{clicked} AS b ASOF JOIN {opened} AS a ON {same} AND {alike} AND b.moment > a.moment"
    sql = f"SELECT DISTINCT b.contact_id FROM {joined}"
    leaf = _sequence(a, b, same_property=["device"])
    yield Construct("sequence same_property", leaf, sql)


# --- how they are written ---------------------------------------------------------------------------------------------


def _leaf(source: str, key: str, body: Json) -> Json:
    return {"kind": "leaf", "leaf": {"source": source, key: body}}


def _field(name: str, operator: str, *values: object, **more: object) -> Json:
    body: Json = {"field_name": name, "operator": operator, **more}
    if values:
        body["string_values" if isinstance(values[0], str) else "number_values"] = list(values)
    return _leaf("contacts", "contact", {"filters": [body]})


def _events(operator: str, number: int, **more: object) -> Json:
    body: Json = {"kind": "open_email", "count_operator": operator, "count_value": number, **more}
    return _leaf("contact_timeline", "contact_timeline", body)


def _event_time(which: str, timeframe: Json) -> Json:
    return _leaf("contact_timeline", "contact_timeline", {"kind": "open_email", "which": which, **timeframe})


def _sequence(*steps: Json, **more: object) -> Json:
    frame: Json = {"timeframe_operator": "in_the_last_days", "timeframe_values": ["90"]}
    return _leaf("sequence", "sequence", {"steps": list(steps), **frame, **more})


def _at(as_of: datetime, days: int = 0) -> str:
    return f"TIMESTAMP '{(as_of + timedelta(days=days)).replace(tzinfo=None).isoformat(sep=' ')}'"
