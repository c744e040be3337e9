"""Which CTE a name means is judged as DuckDB judges it: what passes the check never reads a hidden table."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.compile.analyst_sql import check_statement
from engine.errors import QueryFailedError, QueryRefusedError
from engine.execute.analyst.engine import syntax_tree
from tests.published import SECRET

NAMES = st.sampled_from(["contacts", "hidden", "Hidden", "x", "main.contacts", "main.hidden", "recurring.x"])
CTE_NAMES = st.sampled_from(["contacts", "hidden", "HIDDEN", "x"])


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE hidden AS SELECT '{SECRET}' AS word")
    connection.execute("CREATE VIEW contacts AS SELECT 'seen' AS word FROM hidden")
    yield connection
    connection.close()


@st.composite
def queries(draw: st.DrawFn, depth: int = 3) -> str:
    """A query of one column `word`. Every set operation drops doubles, so that recursions end."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return f"SELECT word FROM {draw(NAMES)}"
    inner = queries(depth=depth - 1)
    body = draw(
        st.sampled_from(
            [
                "SELECT 'made' AS word",
                "SELECT word FROM ({0}) AS q",
                "({0}) UNION ({1})",
                "SELECT word FROM {name} WHERE word IN ({0})",
                "SELECT (SELECT max(word) FROM ({0}) AS q) AS word",
                "SELECT l.word FROM {name} AS l, LATERAL ({0}) AS r",
                "SELECT word FROM {name} ORDER BY (SELECT max(word) FROM ({0}) AS q)",
                "SELECT word FROM {name} LIMIT (SELECT count(*) FROM ({0}) AS q)",
                "SELECT word FROM unnest((SELECT list(word) FROM ({0}) AS q)) AS u(word)",
                'SELECT "min" AS word FROM (SUMMARIZE {0})',
                "SELECT max(word) OVER (PARTITION BY (SELECT max(word) FROM ({0}) AS q)) AS word FROM {name}",
                "SELECT v AS word FROM ({0}) AS q UNPIVOT (v FOR k IN (word))",
            ]
        )
    ).format(draw(inner), draw(inner), name=draw(NAMES))
    ctes = draw(st.lists(st.tuples(CTE_NAMES, inner), max_size=2, unique_by=lambda cte: cte[0].lower()))
    if not ctes:
        return body
    written = []
    for name, query in ctes:
        form = draw(st.sampled_from(["{0}", "SELECT 'cte' AS word UNION {0}", "{0} UNION SELECT word FROM {1}"]))
        written.append(f"{name} AS ({form.format(f'({query})', name)})")
    return f"{draw(st.sampled_from(['WITH', 'WITH RECURSIVE']))} {', '.join(written)} {body}"


# The second guard is off here, by which a CTE could not even have the name of a hidden table.
@example("WITH hidden AS (SELECT word FROM hidden) SELECT word FROM hidden")
@example("WITH RECURSIVE hidden AS (SELECT word FROM hidden) SELECT word FROM hidden")
@example("WITH RECURSIVE hidden AS (SELECT word FROM hidden UNION SELECT word FROM hidden) SELECT word FROM hidden")
@example("WITH hidden AS (SELECT 'cte' AS word UNION SELECT word FROM hidden) SELECT word FROM hidden")
@example("WITH x AS (SELECT word FROM hidden), hidden AS (SELECT 'cte' AS word) SELECT word FROM x")
@example("WITH x AS (WITH hidden AS (SELECT 'cte' AS word) FROM hidden) SELECT word FROM hidden")
@example("(WITH hidden AS (SELECT 'cte' AS word) FROM hidden) UNION SELECT word FROM hidden")
@example("WITH hidden AS (SELECT 'cte' AS word) SELECT word FROM main.hidden")
@given(sql=queries())
def test_no_statement_that_passes_reads_a_hidden_table(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    try:
        check_statement(syntax_tree(connection, sql), views=["contacts"], segment_views=[], hidden=())
    except (QueryRefusedError, QueryFailedError):
        return
    try:
        found = connection.cursor().execute(sql).fetchall()
    except (duckdb.BinderException, duckdb.CatalogException):  # recurring.x of what is no recursion
        return
    assert SECRET not in str(found), sql
