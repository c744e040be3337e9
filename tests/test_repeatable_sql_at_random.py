"""Whatever query is taken for repeatable finds the same rows in whatever order the rows of the table lie."""

from __future__ import annotations

import random
from collections.abc import Iterator

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.compile.repeatable_sql import check_repeatable
from engine.errors import QueryRefusedError
from engine.execute.analyst.engine import syntax_tree

NAMES = ("email", "day", "v")
ORDERS = 5
ROW_COUNT = 24

columns = st.sampled_from(NAMES)
several = st.lists(columns, min_size=1, max_size=3, unique=True).map(", ".join)
aggregates = st.sampled_from(
    [
        *("count(*)", "max({0})", "min({0})", "first({0})", "first({0} ORDER BY {1}, {0})", "last({0} ORDER BY {1})"),
        *("list({0} ORDER BY {0})::VARCHAR", "list({0} ORDER BY {1})::VARCHAR", "string_agg({0}, '' ORDER BY {1})"),
    ]
)
functions = st.sampled_from(
    [
        *("row_number()", "rank()", "lag({0})", "lead({0}, 2)", "first_value({0})", "last_value({0})", "ntile(3)"),
        *("nth_value({0}, 2)", "count(*)", "max({0})", "list({0})::VARCHAR", "list({0} ORDER BY {0})::VARCHAR"),
        *("first({0})", "last_value({0} ORDER BY {1})"),
    ]
)


@st.composite
def windows(draw: st.DrawFn) -> str:
    """A function over a window."""
    function = draw(functions).format(draw(columns), draw(columns))
    partition = draw(st.sampled_from(["", "PARTITION BY {0}"])).format(draw(several))
    order = draw(st.sampled_from(["", "ORDER BY {0}", "ORDER BY {0}"])).format(draw(several))
    frame = draw(st.sampled_from(["", "", "ROWS 1 PRECEDING", "RANGE UNBOUNDED PRECEDING"])) if order else ""
    cast = "::VARCHAR"
    name, _, own_cast = function.partition(cast)
    return f"({name} OVER ({partition} {order} {frame})){cast if own_cast or cast in function else ''}"


@st.composite
def queries(draw: st.DrawFn, depth: int = 2) -> str:
    """A query of columns that are named like those of the table, each perhaps after another one."""
    source = "t" if depth == 0 or draw(st.booleans()) else f"({draw(queries(depth=depth - 1))}) AS q"
    is_grouped = draw(st.integers(0, 3)) == 0
    keys = draw(several) if is_grouped else ""
    items = []
    for name in draw(st.permutations(NAMES)):
        kinds = [st.sampled_from(keys.split(", ")), aggregates] if is_grouped else [columns, columns, windows()]
        item = draw(st.one_of(kinds)).format(draw(columns), draw(columns))
        items.append(f"{item} AS {name}")
    distinct = draw(st.sampled_from(["", "", "", "DISTINCT ", "DISTINCT ON ({0}) "])).format(draw(columns))
    tail = f" GROUP BY {keys}" if is_grouped else ""
    if not is_grouped and draw(st.integers(0, 3)) == 0:
        tail += f" QUALIFY {draw(windows())}::VARCHAR <= '2'"
    orders = ["", " ORDER BY {0}", " ORDER BY 1, 2, 3", " ORDER BY ALL", " ORDER BY day, email, v"]
    tail += draw(st.sampled_from(orders)).format(draw(several))
    tail += draw(st.sampled_from(["", "", " LIMIT 4", " OFFSET 3"]))
    return f"SELECT {distinct}{', '.join(items)} FROM {source}{tail}"


@pytest.fixture(scope="module")
def connections() -> Iterator[list[duckdb.DuckDBPyConnection]]:
    """The same rows with many ties, each time in another order."""
    rows = [(f"c{number % 3}", f"d{number % 4}", number % 2) for number in range(ROW_COUNT)]
    opened = []
    for seed in range(ORDERS):
        connection = duckdb.connect(config={"threads": 1})
        random.Random(seed).shuffle(rows)
        connection.execute("CREATE TABLE t (email VARCHAR, day VARCHAR, v VARCHAR)")
        connection.executemany("INSERT INTO t VALUES ($1, $2, $3)", rows)
        opened.append(connection)
    yield opened
    for connection in opened:
        connection.close()


@example("SELECT email AS day, day AS email, v FROM t ORDER BY email, v, 1 LIMIT 4")
@example("SELECT v AS email, email AS v, day FROM t ORDER BY email, day LIMIT 4")
@given(sql=queries())
def test_what_is_taken_for_repeatable_is(connections: list[duckdb.DuckDBPyConnection], sql: str) -> None:
    try:
        check_repeatable(syntax_tree(connections[0], sql))
    except QueryRefusedError:
        return
    try:
        found = {str(sorted(connection.execute(sql).fetchall(), key=str)) for connection in connections}
    except (duckdb.BinderException, duckdb.ConversionException):
        return
    assert len(found) == 1, sql
