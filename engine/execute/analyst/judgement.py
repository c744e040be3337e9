"""The worker's judgement of a statement before it runs: of a condition more is asked than of a question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import duckdb

from engine.compile.analyst_sql import check_statement
from engine.compile.repeatable_sql import MEMBER_VIEWS, check_repeatable, parameters_of
from engine.errors import QueryRefusedError
from engine.execute.analyst.engine import PublishedNames, bound, syntax_tree
from engine.execute.analyst.protocol import Job, Purpose

AS_OF = "as_of"
"""The parameter of a condition."""


def judged(connection: duckdb.DuckDBPyConnection, names: PublishedNames, job: Job) -> duckdb.DuckDBPyRelation:
    """The statement, ready to run. Raises: QueryRefusedError, QueryFailedError; what DuckDB says of it."""
    tree = syntax_tree(connection, job.sql)
    if job.purpose is Purpose.QUESTION:
        check_statement(
            tree, views=names.views, segment_views=names.segment_views, hidden=names.hidden, parameters=job.parameters
        )
        unused = set(job.parameters) - parameters_of(tree)
        if unused:
            raise QueryRefusedError(f"the statement has no parameter ${min(unused)}; leave its value out")
        return bound(connection, job.sql, job.parameters)
    return _judged_condition(connection, names, job, tree)


def _judged_condition(
    connection: duckdb.DuckDBPyConnection, names: PublishedNames, job: Job, tree: Mapping[str, object]
) -> duckdb.DuckDBPyRelation:
    check_repeatable(tree)
    check_statement(
        tree,
        views=[name for name in names.views if name not in MEMBER_VIEWS],
        segment_views=(),
        hidden=[*names.hidden, *MEMBER_VIEWS],
        parameters=(AS_OF,),
    )
    as_of = datetime.fromisoformat(job.as_of or "")
    # DuckDB refuses the value of a parameter that the statement does not have.
    relation = bound(connection, job.sql, {AS_OF: as_of} if parameters_of(tree) else None)
    columns, types = relation.columns, [str(kind) for kind in relation.types]
    if len(columns) != 1:
        raise QueryRefusedError(f"the query gives {len(columns)} columns; it must give one, of e-mails: SELECT email")
    if types != ["VARCHAR"]:
        raise QueryRefusedError(f"the query gives a column of type {types[0]}; it must be of text, the e-mails")
    return relation
