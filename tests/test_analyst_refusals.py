"""What an analyst must not reach is refused, whatever it hides in; what would take too much is stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import duckdb
import pytest

from engine.compile.analyst_sql import check_statement
from engine.errors import QueryLimitError, QueryRefusedError
from engine.execute.analyst import QueryLimits, open_query
from engine.execute.analyst.engine import open_published, published_names, syntax_tree
from tests.hostile_statements import FORMS, REFUSED, TOO_MUCH
from tests.published import SECRET, published_file

TIMEOUT_SECONDS = 3


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published_file(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def connection(published: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = open_published(str(published), memory_bytes=1 << 30)
    yield connection
    connection.close()


@pytest.mark.parametrize("sql", [pytest.param(sql, id=name) for name, sql in REFUSED.items() if name not in FORMS])
def test_the_syntax_tree_of_a_hostile_statement_is_refused(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    names = published_names(connection)
    with pytest.raises(QueryRefusedError) as caught:
        check_statement(
            syntax_tree(connection, sql), views=names.views, segment_views=names.segment_views, hidden=names.hidden
        )
    assert_says_no_more_than_it_should(str(caught.value))


THROUGH_THE_DOOR = {*FORMS, *islice(REFUSED, 0, None, 10)}


@pytest.mark.parametrize("sql", [pytest.param(REFUSED[name], id=name) for name in sorted(THROUGH_THE_DOOR)])
def test_a_hostile_statement_is_refused_at_the_door(published: Path, sql: str) -> None:
    before = published.read_bytes()
    with pytest.raises(QueryRefusedError) as caught, open_query(published, sql) as result:
        list(result.batches())
    message = str(caught.value)
    assert str(published.parent) not in message
    assert_says_no_more_than_it_should(message)
    assert published.read_bytes() == before
    assert [path.name for path in published.parent.iterdir()] == [published.name]


def assert_says_no_more_than_it_should(message: str) -> None:
    assert SECRET not in message
    assert len(message) < 1_500


@pytest.mark.parametrize("sql", TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_statement_that_takes_too_much_is_stopped_by_a_limit(published: Path, sql: str) -> None:
    started = time.monotonic()
    limits = QueryLimits(timeout_seconds=TIMEOUT_SECONDS, memory_bytes=512 << 20)
    with (
        pytest.raises(QueryLimitError, match=r"--timeout|--memory-limit"),
        open_query(published, sql, limits) as result,
    ):
        for _ in result.batches():
            pass
    assert time.monotonic() - started < TIMEOUT_SECONDS + 15


def test_a_refusal_says_which_part_and_what_is_allowed(published: Path) -> None:
    said = {
        "SELECT * FROM contatcs": "there is no table 'contatcs' to read; did you mean 'contacts'?",
        "SELECT * FROM segment.vap": "no segment that was computed has the id 'vap'; did you mean 'vip'?",
        "SELECT cuont(*) FROM contacts": "the function 'cuont' is not allowed; did you mean 'count'?",
        "SELECT getenv('HOME')": "the function 'getenv' is not allowed",
        "FROM read_csv('x')": "'read_csv' cannot stand in FROM; it can be generate_series, range or unnest",
        "SHOW TABLES": "the tables are contacts, custom_events, lists, memberships,",
        "SELECT 1; SELECT 2": "there are 2 statements; only one SELECT is allowed",
        "WITH x AS (DELETE FROM contacts RETURNING *) FROM x": "DELETE changes data",
        "WITH x AS (COPY contacts TO 'x') FROM x": "COPY writes or reads files",
        "PIVOT timeline ON kind USING count(*)": "PIVOT t ON kind IN ('a', 'b')",
        "SELECT $1": "a parameter ($1, ?, $name) has no value here",
        "": "the statement is empty",
        "SELECT 'a'::mood": "the type 'mood' is not allowed",
    }
    for sql, expected in said.items():
        with pytest.raises(QueryRefusedError) as caught:
            open_query(published, sql)
        assert expected in str(caught.value)
