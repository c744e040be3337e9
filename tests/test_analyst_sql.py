"""What analysts ask in SQL is answered, exactly, and what is wrong with a question is said."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from engine.errors import QueryFailedError, QueryLimitError
from engine.execute.analyst import QueryLimits, open_query
from tests.published import published_file

ADA, BO, CY, DI = "ada@x.example", "bo@x.example", "cy@x.example", "di@x.example"

Rows = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_file(tmp_path_factory.mktemp("published"))


def rows_of(published: Path, sql: str) -> Rows:
    with open_query(published, sql) as result:
        return [tuple(row) for batch in result.batches() for row in zip(*map(_values, batch.columns), strict=True)]


def _values(column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return values


ANSWERS: dict[str, tuple[str, Rows]] = {
    "view": ("SELECT email FROM contacts ORDER BY email LIMIT 2", [(ADA,), (BO,)]),
    "schema-main": ("SELECT count(*) FROM main.contacts", [(4,)]),
    "other-case": ("select COUNT(*) from CONTACTS as C where c.Country = 'US'", [(2,)]),
    "segment": ("SELECT email FROM segment.vip ORDER BY 1", [(ADA,), (CY,)]),
    "segment-with-a-dash": ('SELECT email FROM segment."win-back"', [(BO,)]),
    "from-first": ("FROM lists", [("news", "News")]),
    "table-statement": ("TABLE lists", [("news", "News")]),
    "values": ("VALUES (1, 'a'), (2, 'b')", [(1, "a"), (2, "b")]),
    "join": (
        "SELECT c.country, count(*) FROM contacts c JOIN timeline t USING (email) GROUP BY ALL ORDER BY ALL",
        [("FR", 3), ("US", 1)],
    ),
    "left-join": (
        "SELECT c.email, s.status FROM contacts c LEFT JOIN subscriptions s ON s.email = c.email ORDER BY 1",
        [(ADA, "active"), (BO, "bounced"), (CY, None), (DI, None)],
    ),
    "semi-join": ("SELECT email FROM contacts SEMI JOIN subscriptions USING (email) ORDER BY 1", [(ADA,), (BO,)]),
    "anti-join": ("SELECT email FROM contacts ANTI JOIN subscriptions USING (email) ORDER BY 1", [(CY,), (DI,)]),
    "asof-join": (
        """
        SELECT e.external_id, t.kind FROM custom_events e
        ASOF JOIN timeline t ON e.email = t.email AND e.occurred_at >= t.occurred_at ORDER BY 1
        """,
        [("o1", "click_email"), ("o2", "open_email")],
    ),
    "lateral-join": (
        "SELECT c.email, x.n FROM contacts c, LATERAL (SELECT count(*) n FROM timeline t WHERE t.email = c.email) x "
        "ORDER BY 1 LIMIT 2",
        [(ADA, 3), (BO, 0)],
    ),
    "cte": (
        "WITH us AS (SELECT email FROM contacts WHERE country = 'US'), n AS (SELECT count(*) c FROM us) FROM n",
        [(2,)],
    ),
    "cte-that-shadows-a-view": ("WITH contacts AS (SELECT 1 AS x) SELECT * FROM contacts", [(1,)]),
    "cte-of-the-view-of-its-name": (
        "WITH contacts AS (SELECT email FROM contacts WHERE country = 'FR') SELECT * FROM contacts",
        [(ADA,)],
    ),
    "cte-in-a-subquery": ("SELECT (WITH x AS (SELECT 5 AS a) SELECT a FROM x)", [(5,)]),
    "cte-materialized": ("WITH x AS MATERIALIZED (SELECT 5 AS a) SELECT x.a FROM x, x AS y", [(5,)]),
    "recursive-cte": (
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT sum(n)::INT FROM r",
        [(10,)],
    ),
    "recursive-cte-using-key": (
        "WITH RECURSIVE r(k, n) USING KEY (k) AS (SELECT 1, 1 UNION SELECT k, n + 1 FROM recurring.r WHERE n < 3) "
        "SELECT n FROM r",
        [(3,)],
    ),
    "window": (
        "SELECT email, row_number() OVER (PARTITION BY email ORDER BY occurred_at DESC) FROM timeline ORDER BY 1, 2",
        [(ADA, 1), (ADA, 2), (ADA, 3), (CY, 1)],
    ),
    "named-window": (
        "SELECT lag(kind) OVER w, first_value(kind) OVER w FROM timeline WHERE email = 'ada@x.example' "
        "WINDOW w AS (ORDER BY occurred_at ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) ORDER BY occurred_at",
        [(None, "open_email"), ("open_email", "open_email"), ("click_email", "click_email")],
    ),
    "qualify": (
        "SELECT email, kind FROM timeline QUALIFY rank() OVER (PARTITION BY email ORDER BY occurred_at DESC) = 1 "
        "ORDER BY 1",
        [(ADA, "open_email"), (CY, "open_email")],
    ),
    "filter": ("SELECT count(*) FILTER (WHERE country = 'US'), count(country) FROM contacts", [(2, 3)]),
    "rollup": (
        "SELECT country, count(*), grouping(country) FROM contacts GROUP BY ROLLUP (country) HAVING count(*) > 1 "
        "ORDER BY 2",
        [("US", 2, 0), (None, 4, 1)],
    ),
    "distinct-on": (
        "SELECT DISTINCT ON (country) country, email FROM contacts ORDER BY country NULLS LAST, email",
        [("FR", ADA), ("US", CY), (None, BO)],
    ),
    "union": ("SELECT 1 AS a UNION SELECT 1 UNION ALL SELECT 2 ORDER BY a", [(1,), (2,)]),
    "union-by-name": ("SELECT 1 AS a, 2 AS b UNION ALL BY NAME SELECT 3 AS b ORDER BY b", [(1, 2), (None, 3)]),
    "except": ("SELECT email FROM contacts EXCEPT SELECT email FROM timeline ORDER BY 1", [(BO,), (DI,)]),
    "intersect": ("SELECT email FROM contacts INTERSECT SELECT email FROM custom_events ORDER BY 1", [(ADA,), (CY,)]),
    "in-subquery": (
        "SELECT email FROM contacts WHERE email NOT IN (SELECT email FROM timeline) ORDER BY 1",
        [(BO,), (DI,)],
    ),
    "exists": (
        "SELECT email FROM contacts c WHERE EXISTS (FROM custom_events e WHERE e.email = c.email) ORDER BY 1",
        [(ADA,), (CY,)],
    ),
    "any": ("SELECT email FROM contacts WHERE 'new' = ANY (tags)", [(ADA,)]),
    "scalar-subquery": ("SELECT (SELECT max(lifetime_value) FROM contacts)", [(120.5,)]),
    "case": (
        "SELECT CASE WHEN lifetime_value > 100 THEN 'high' ELSE 'low' END FROM segment.vip ORDER BY 1",
        [("high",), ("low",)],
    ),
    "coalesce": ("SELECT coalesce(country, '?') FROM contacts ORDER BY email", [("FR",), ("?",), ("US",), ("US",)]),
    "try": ("SELECT TRY_CAST('x' AS INT), TRY('y'::INT), 7 // 2, 7 % 4, 2 ** 3", [(None, None, 3, 3, 8.0)]),
    "like": ("SELECT email FROM contacts WHERE email LIKE 'a%' OR email SIMILAR TO 'b.*' ORDER BY 1", [(ADA,), (BO,)]),
    "collate": ("SELECT 'ABC' COLLATE NOCASE = 'abc'", [(True,)]),
    "text-functions": (
        "SELECT upper(left('ada', 1)) || lower('DA'), regexp_replace('a1b2', '[0-9]', '', 'g'), "
        "split_part('a,b', ',', 2)",
        [("Ada", "ab", "b")],
    ),
    "method": ("SELECT email.upper().left(3) FROM contacts ORDER BY 1 LIMIT 1", [("ADA",)]),
    "lists": (
        "SELECT tags[1], len(tags), list_contains(tags, 'vip'), list_sort(tags)[-1] FROM contacts "
        "ORDER BY email LIMIT 2",
        [("new", 2, True, "vip"), (None, 0, False, None)],
    ),
    "unnest": (
        "SELECT email, unnest(tags) AS tag FROM contacts ORDER BY ALL",
        [(ADA, "new"), (ADA, "vip"), (CY, "vip")],
    ),
    "unnest-in-from": (
        "SELECT tag, count(*) FROM contacts, unnest(tags) AS t(tag) GROUP BY 1 ORDER BY 1",
        [("new", 1), ("vip", 2)],
    ),
    "list-aggregates": (
        "SELECT list(email ORDER BY email), string_agg(id, '+') FROM segment.vip, lists",
        [([ADA, CY], "news+news")],
    ),
    "lambda": (
        "SELECT list_transform([1, 2, 3], lambda x: x * 2), list_filter([1, 2], lambda x: x > 1)",
        [([2, 4, 6], [2])],
    ),
    "list-comprehension": ("SELECT [x + 1 FOR x IN [1, 2, 3] IF x > 1]", [([3, 4],)]),
    "struct": ("SELECT s.b.c, s['a'] FROM (SELECT {'a': 1, 'b': {'c': 'x'}} AS s)", [("x", 1)]),
    "map": ("SELECT MAP {'a': 1}['a'], map_keys(MAP {'b': 2})", [(1, ["b"])]),
    "json": (
        "SELECT custom_json_1->>'$.plan.seats', (custom_json_1->'plan'->>'seats')::INT, json_type(custom_json_1) "
        "FROM contacts ORDER BY email LIMIT 2",
        [("3", 3, "OBJECT"), (None, None, None)],
    ),
    "times": (
        "SELECT date_trunc('month', created_at), created_at + INTERVAL 3 DAY, extract(dow FROM created_at), "
        "date_diff('day', created_at, TIMESTAMP '2026-01-04') FROM contacts WHERE email = 'bo@x.example'",
        [(datetime(2026, 1, 1), datetime(2026, 1, 5, 10), 5, 2)],
    ),
    "time-zones": (
        "SELECT (TIMESTAMP '2026-07-01 12:00:00' AT TIME ZONE 'UTC') AT TIME ZONE 'Europe/Paris'",
        [(datetime(2026, 7, 1, 14),)],
    ),
    "now": (
        "SELECT now() > TIMESTAMPTZ '2020-01-01', current_date > DATE '2020-01-01', today() = current_date",
        [(True, True, True)],
    ),
    "exact-decimals": ("SELECT goal_value FROM custom_events ORDER BY 1", [(Decimal("0.1"),), (Decimal("99.5"),)]),
    "statistics": ("SELECT median(lifetime_value), quantile_cont(lifetime_value, 0.5) FROM contacts", [(80.0, 80.0)]),
    "columns-expression": ("SELECT max(COLUMNS('^(em|cou)')) FROM contacts", [(DI, "US")]),
    "star-exclude": ("SELECT * EXCLUDE (id) REPLACE (upper(name) AS name) FROM lists", [("NEWS",)]),
    "range": ("SELECT n FROM range(3) AS r(n) WHERE n IN (FROM range(2))", [(0,), (1,)]),
    "pivot": (
        "PIVOT timeline ON kind IN ('open_email', 'click_email') USING count(*) GROUP BY email ORDER BY email",
        [(ADA, 2, 1), (CY, 1, 0)],
    ),
    "unpivot": ("SELECT * FROM lists UNPIVOT (v FOR k IN (id, name)) ORDER BY 1", [("id", "news"), ("name", "News")]),
    "sample": ("SELECT count(*) FROM (FROM contacts USING SAMPLE 2 ROWS)", [(2,)]),
    "describe": ("SELECT column_name, column_type FROM (DESCRIBE lists)", [("id", "VARCHAR"), ("name", "VARCHAR")]),
    "describe-a-query": ("SELECT column_name FROM (DESCRIBE SELECT 1 AS x)", [("x",)]),
    "summarize": ('SELECT column_name, "min" FROM (SUMMARIZE lists)', [("id", "news"), ("name", "News")]),
    "semicolon-and-comments": ("-- how many\nSELECT /* all */ count(*) FROM contacts; -- that is all", [(4,)]),
    "comment-in-a-comment": ("SELECT 1 /* /* */ ; DROP VIEW contacts; -- */", [(1,)]),
    "words-that-are-refused-as-statements": (
        "SELECT 'DROP TABLE x; COPY y TO ''z''' AS \"delete\"",
        [("DROP TABLE x; COPY y TO 'z'",)],
    ),
    "no-rows": ("SELECT email FROM contacts WHERE false", []),
    "deep-but-fair": ("SELECT " + "(" * 200 + "1" + ")" * 200, [(1,)]),
    "many-values": (
        f"SELECT count(*) FROM contacts WHERE email IN ({', '.join(map(repr, map(str, range(10_000))))})",
        [(0,)],
    ),
}


@pytest.mark.parametrize(("sql", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_a_question_gets_its_answer(published: Path, sql: str, expected: Rows) -> None:
    assert rows_of(published, sql) == expected


def test_statements_that_describe_stand_alone(published: Path) -> None:
    assert next(row[:2] for row in rows_of(published, "DESCRIBE segment.vip")) == ("email", "VARCHAR")
    assert [row[0] for row in rows_of(published, "SUMMARIZE lists")] == ["id", "name"]


def test_the_schema_is_there_before_the_rows_and_the_time_after(published: Path) -> None:
    with open_query(published, "SELECT email, lifetime_value, tags FROM contacts WHERE false") as result:
        assert result.schema.names == ["email", "lifetime_value", "tags"]
        assert result.schema.types == [pa.string(), pa.float64(), pa.list_(pa.field("l", pa.string()))]
        before = result.engine_seconds
        assert list(result.batches()) == []
        assert before is None
        assert 0 < (result.engine_seconds or 0) < 30


WRONG = {
    "syntax": ("SELEC 1", "SELEC"),
    "half-a-statement": ("SELECT (1", "syntax error"),
    "unknown-column": ("SELECT nosuch FROM contacts", "nosuch"),
    "cast": ("SELECT 'abc'::INT", "abc"),
    "cast-in-the-midst-of-the-rows": (
        "SELECT CASE WHEN n < 150000 THEN 1 ELSE ('x' || n)::INT END FROM range(200000) r(n)",
        "x150000",
    ),
    "types": ("SELECT 1 + 'a' || lists FROM lists", "Error"),
    "overflow": ("SELECT 9223372036854775807 + n FROM range(2) r(n)", "Overflow"),
    "two-rows-for-one": ("SELECT (SELECT email FROM contacts)", "More than one row"),
    "ambiguous": ("SELECT email FROM contacts, timeline", "mbiguous"),
    "value-that-is-long": ("SELECT '" + "[" * 400_000 + "'::INT[]", "VARCHAR"),
    "lists-in-lists": ("SELECT " + "[" * 100 + "1" + "]" * 100, "Recursion level"),
    "arguments-of-a-function": ("SELECT left('a')", "left"),
    "aggregate-in-where": ("SELECT 1 FROM contacts WHERE count(*) > 1", "WHERE"),
}


@pytest.mark.parametrize(("sql", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_question_is_told_what_is_wrong(published: Path, sql: str, said: str) -> None:
    with pytest.raises(QueryFailedError) as caught:
        rows_of(published, sql)
    message = str(caught.value)
    assert said in message
    assert len(message) < 2_100
    for betrayed in (str(published.parent), "SET ", "https://", "Traceback"):
        assert betrayed not in message


@pytest.mark.parametrize("limits", [(0.0, 1 << 30), (float("nan"), 1 << 30), (float("inf"), 1 << 30), (60, 1 << 20)])
def test_limits_that_nothing_could_meet_are_refused(limits: tuple[float, int]) -> None:
    with pytest.raises(QueryLimitError, match=r"--timeout|--memory-limit"):
        QueryLimits(*limits)
