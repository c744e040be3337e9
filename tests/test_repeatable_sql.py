"""A query that is kept as a condition finds the same whenever it is asked of the same data, or is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import duckdb
import pytest

from engine.compile.analyst_functions import FUNCTIONS
from engine.compile.analyst_sql import check_statement
from engine.compile.repeatable_functions import AFTER_TIES, CLOCK_WORDS, IN_ORDER, UNREPEATABLE
from engine.compile.repeatable_sql import check_repeatable
from engine.errors import QueryRefusedError
from engine.execute.analyst.engine import syntax_tree

ROW_COUNT = 60
ORDERS = 6

REFUSED = {
    "SELECT email FROM contacts WHERE random() < 0.5": "random gives another value each time; hash(email)",
    "SELECT uuid()::VARCHAR": "uuid gives another value",
    "SELECT email FROM timeline WHERE day > now()": "now reads the clock; write $as_of",
    "SELECT email FROM timeline WHERE day > current_date": "current_date reads the clock",
    "SELECT email FROM timeline WHERE day > Current_Timestamp": "reads the clock; write $as_of",
    "SELECT email FROM timeline WHERE day > today() - 3": "today reads the clock",
    "SELECT email FROM timeline WHERE day > ago(INTERVAL 1 DAY)": "ago reads the clock",
    "SELECT email FROM timeline WHERE age(day) > INTERVAL 1 DAY": "write age($as_of, ...)",
    "SELECT first(email) FROM contacts": "first depends on the order of rows",
    "SELECT last(email ORDER BY v) FROM contacts": "let its ORDER BY end in what it collects",
    "SELECT any_value(email) FROM contacts": "any_value picks one of the rows that tie",
    "SELECT arg_max(email, v) FROM contacts": "arg_max picks one of the rows that tie",
    "SELECT max_by(email, v) FROM contacts": "max_by picks one",
    "SELECT mode(email) FROM contacts": "mode picks one of the values that are equally frequent",
    "SELECT string_agg(email, ',') FROM contacts": "string_agg depends on the order of rows",
    "SELECT list(email ORDER BY v)[1] FROM contacts": "list depends on the order of rows",
    "SELECT json_group_array(email)::VARCHAR FROM contacts": "write list(x ORDER BY x)",
    "SELECT array(SELECT email FROM contacts)[1]": "array_agg depends on the order of rows",
    "SELECT email FROM contacts GROUP BY 1 HAVING approx_count_distinct(v) > 2": "approx_count_distinct estimates",
    "SELECT email FROM contacts GROUP BY 1 HAVING reservoir_quantile(v, 0.5) > 2": "reservoir_quantile estimates",
    "SELECT email FROM contacts LIMIT 3": "LIMIT keeps some of the rows that tie",
    "SELECT email FROM contacts ORDER BY v LIMIT 3": "(column 1 is missing), or write ORDER BY ALL",
    "SELECT email FROM contacts ORDER BY v OFFSET 3": "LIMIT keeps some",
    "SELECT email FROM (SELECT email, v FROM contacts ORDER BY email LIMIT 3)": "(column 2 is missing)",
    "SELECT email FROM (SELECT v AS email, email AS v FROM contacts ORDER BY email LIMIT 3)": "(column 2 is missing)",
    "SELECT email FROM (SELECT * FROM contacts ORDER BY email LIMIT 3)": "ORDER BY ALL",
    "FROM contacts SELECT email WHERE v = (SELECT v FROM timeline ORDER BY day LIMIT 1)": "LIMIT keeps some",
    "(SELECT email FROM contacts) UNION ALL (SELECT email FROM timeline) LIMIT 3": "LIMIT keeps some",
    "SELECT a.email FROM (SELECT DISTINCT ON (v) email, v FROM contacts) AS a": "DISTINCT ON keeps some",
    "SELECT email FROM contacts USING SAMPLE 10": "a sample is another one each time",
    "SELECT email FROM contacts TABLESAMPLE 10%": "a sample is another one each time",
    "SELECT contacts.email FROM contacts POSITIONAL JOIN timeline": "a join of the kind POSITIONAL picks one",
    "SELECT c.email FROM contacts AS c ASOF JOIN timeline AS t ON c.v >= t.v": "a join of the kind ASOF picks one",
    "SELECT email FROM contacts QUALIFY row_number() OVER (ORDER BY v) < 3": "'email' is not in its PARTITION BY",
    "SELECT email FROM (SELECT email, lag(v) OVER (PARTITION BY email ORDER BY day) AS d FROM timeline)": "'v' is not",
    "SELECT email FROM (SELECT *, row_number() OVER (ORDER BY email) AS n FROM contacts)": "'*' is not in its",
    "SELECT email FROM (SELECT email, row_number() OVER (ORDER BY email) AS n FROM timeline GROUP BY 1, v)": "groups",
    "SELECT email FROM (SELECT email, row_number() OVER (ORDER BY email) AS n FROM timeline GROUP BY ALL)": "groups",
    "SELECT email FROM (SELECT email, row_number() OVER (ORDER BY email) AS a, row_number() OVER (ORDER BY email DESC)"
    " AS b FROM timeline)": "two windows order rows that tie each in its way",
    "SELECT email FROM (SELECT email, sum(v) OVER (ORDER BY day ROWS 2 PRECEDING) AS s FROM timeline)": "is not in its",
    "SELECT email FROM (SELECT email, list(v ORDER BY day) OVER (PARTITION BY v) AS s FROM timeline)": "list depends",
    "SELECT email FROM (SELECT email, last_value(v ORDER BY day) OVER (PARTITION BY email) AS s FROM timeline)": "own",
    "SELECT email FROM (SELECT email, arg_max(v, day) OVER (PARTITION BY email) AS s FROM timeline)": "arg_max picks",
    "WITH RECURSIVE r(k, v) USING KEY (k) AS (SELECT 1, 2 UNION SELECT k, v + 1 FROM recurring.r WHERE v < 5)"
    " SELECT email FROM contacts JOIN r ON true": "USING KEY keeps the row that comes last",
    "SELECT max(email COLLATE NOCASE) FROM contacts": "COLLATE makes texts equal that are not",
    "SUMMARIZE contacts": "DESCRIBE and SUMMARIZE are no condition",
    "SELECT email FROM memberships": 'memberships changes with every recompute.*"source": "segment"',
    "SELECT id FROM main.segments": "main.segments changes with every recompute",
    "SELECT email FROM segment.vip": "segment.vip changes with every recompute",
    "WITH c AS (SELECT email FROM contacts LIMIT 2) FROM c": "LIMIT keeps some",
}
"""What is refused, and a part of the reason."""

ALLOWED = [
    "SELECT email FROM contacts WHERE v > (SELECT avg(v) FROM contacts)",
    "SELECT email FROM contacts ORDER BY v DESC, email LIMIT 7",
    "SELECT email FROM contacts ORDER BY ALL LIMIT 7 OFFSET 2",
    "SELECT email AS e FROM contacts ORDER BY 1 DESC LIMIT 7",
    "SELECT email FROM (SELECT email, count(*) AS n FROM timeline GROUP BY email ORDER BY n DESC, email LIMIT 5)",
    "SELECT email FROM (SELECT DISTINCT ON (v) v, email FROM contacts ORDER BY v, email)",
    "SELECT email FROM (SELECT email, first(v ORDER BY day DESC, v) AS f FROM timeline GROUP BY email) WHERE f > 0",
    "SELECT string_agg(email, ',' ORDER BY v, email) FROM contacts",
    "SELECT list(DISTINCT email ORDER BY email)[3] FROM timeline",
    "SELECT email FROM contacts WHERE hash(email) % 3 = 0",
    "SELECT email FROM contacts QUALIFY row_number() OVER (ORDER BY v DESC, email) <= 5",
    "SELECT email FROM contacts QUALIFY rank() OVER (ORDER BY v DESC) <= 5",
    "SELECT email FROM (SELECT email, day, lag(day) OVER (PARTITION BY email ORDER BY day) AS b FROM timeline "
    "WHERE v < 3) WHERE b IS NOT NULL AND day - b < INTERVAL 5 DAY",
    "SELECT email FROM (SELECT email, day, row_number() OVER (PARTITION BY email ORDER BY day) AS n FROM timeline) "
    "WHERE n = 3 AND day > $as_of - INTERVAL 130 DAY",
    "SELECT email FROM (SELECT email, sum(v) OVER (PARTITION BY email ORDER BY day) AS s FROM timeline) WHERE s > 4",
    "SELECT email FROM (SELECT email, v, sum(v) OVER (ORDER BY email, v ROWS 2 PRECEDING) AS s FROM timeline) "
    "WHERE s > 4",
    "SELECT email FROM (SELECT email, list(v ORDER BY v) OVER (PARTITION BY email) AS s FROM timeline) WHERE s[1] = 0",
    "SELECT email FROM (SELECT email, v, first_value(v) OVER w AS f, row_number() OVER w AS n FROM timeline "
    "WINDOW w AS (PARTITION BY email ORDER BY v)) WHERE f = 0 AND n = 2",
    "SELECT c.email FROM contacts AS c, LATERAL (SELECT max(day) AS m FROM timeline AS t WHERE t.email = c.email) "
    "WHERE m > $as_of - INTERVAL 40 DAY",
    "SELECT email FROM timeline GROUP BY email HAVING median(v) >= 1 AND histogram(v)[0] > 2",
    "SELECT email FROM contacts EXCEPT SELECT email FROM timeline WHERE v = 2",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) "
    "SELECT email FROM contacts WHERE v IN (FROM n)",
    'SELECT email FROM (PIVOT timeline ON v IN (0, 1, 2) USING count(*) GROUP BY email) WHERE "1" > 1',
]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


def fill(connection: duckdb.DuckDBPyConnection, seed: int) -> None:
    """The same rows with many ties, in an order of their own."""
    contacts = [(f"c{number}@x.example", number % 5) for number in range(ROW_COUNT)]
    timeline = [(f"c{number % 7}@x.example", f"2026-0{1 + number % 4}-01", number % 3) for number in range(ROW_COUNT)]
    for rows in (contacts, timeline):
        random.Random(seed).shuffle(rows)
    connection.execute("CREATE OR REPLACE TABLE contacts (email VARCHAR, v INTEGER)")
    connection.executemany("INSERT INTO contacts VALUES ($1, $2)", contacts)
    connection.execute("CREATE OR REPLACE TABLE timeline (email VARCHAR, day TIMESTAMP, v INTEGER)")
    connection.executemany("INSERT INTO timeline VALUES ($1, $2, $3)", timeline)


def check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    tree = syntax_tree(connection, sql)
    views = ["contacts", "timeline", "segments", "memberships"]
    check_statement(tree, views=views, segment_views=["vip"], parameters=["as_of"])
    check_repeatable(tree)


@pytest.mark.parametrize(("sql", "reason"), REFUSED.items())
def test_what_may_differ_is_refused_with_what_to_write_instead(
    connection: duckdb.DuckDBPyConnection, sql: str, reason: str
) -> None:
    with pytest.raises(QueryRefusedError) as caught:
        check(connection, sql)
    for part in reason.split(".*"):
        assert part in str(caught.value)


@pytest.mark.parametrize("sql", ALLOWED)
def test_what_passes_finds_the_same_in_whatever_order_the_rows_lie(
    connection: duckdb.DuckDBPyConnection, sql: str
) -> None:
    check(connection, sql)
    parameters = {"as_of": "2026-05-01 00:00:00"} if "$as_of" in sql else None
    found = set()
    for seed in range(ORDERS):
        fill(connection, seed)
        rows = connection.execute(sql.replace("$as_of", "$as_of::TIMESTAMP"), parameters).fetchall()
        found.add(json.dumps(sorted(rows)))
    assert len(found) == 1
    assert found != {"[]"}


def test_every_function_that_duckdb_calls_unstable_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    rows = connection.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'")
    unstable = {name for (name,) in rows.fetchall()} & FUNCTIONS
    assert len(unstable) > 5
    assert unstable - UNREPEATABLE.keys() == set()


def test_the_functions_that_are_named_are_functions_that_may_be_called() -> None:
    assert IN_ORDER | AFTER_TIES | (UNREPEATABLE.keys() - CLOCK_WORDS) <= FUNCTIONS
    assert not {name for name in FUNCTIONS if "approx" in name or "random" in name} - UNREPEATABLE.keys()
