"""Whether an analyst's statement may run, judged by its syntax tree against lists of what is allowed.

The tree is DuckDB's own (`json_serialize_sql`), so that the parser that is asked is the parser that runs. What is not
on a list is refused: kinds of node, functions, types, tables.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from string import ascii_lowercase, ascii_uppercase
from typing import TypeAlias

from engine.compile.analyst_functions import FUNCTIONS, TABLE_FUNCTIONS, TYPES
from engine.compile.analyst_nodes import EXPRESSIONS, QUERY_PARTS, REFUSED_IN_WORDS
from engine.errors import QueryFailedError, QueryRefusedError, did_you_mean, one_of, shown

Node: TypeAlias = Mapping[str, object]
Scope: TypeAlias = frozenset[str]
"""The names of the CTEs that can be read at a place, in lower case."""

_ONE_SELECT = "one SELECT is allowed, with or without WITH; or VALUES, DESCRIBE, SUMMARIZE"
_USUAL_TYPES = "VARCHAR, BIGINT, DOUBLE, DECIMAL, BOOLEAN, DATE, TIMESTAMP, INTERVAL, JSON"
_SESSION_WORDS = frozenset({"current_catalog", "current_role", "current_schema", "current_user", "session_user"})
"""Columns that, where no table has them, tell of the connection."""

_ASCII_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)


def check_statement(
    document: Node,
    *,
    views: Collection[str],
    segment_views: Collection[str],
    hidden: Collection[str] = (),
    parameters: Collection[str] = (),
) -> None:
    """Pass the statement, or say what of it may not run.

    `document` is what `json_serialize_sql` made of it; `views` and `segment_views` are what it can read; `hidden` are
    the other tables that are there, whose names no CTE may take (a second guard, should a scope be misjudged);
    `parameters` are those that have a value.

    Raises: QueryRefusedError, QueryFailedError if it is not SQL.
    """
    check = _Check(
        {folded(name): name for name in views},
        {folded(name): name for name in segment_views},
        frozenset(map(folded, hidden)) - frozenset(map(folded, views)),
        frozenset(parameters),
    )
    pending: list[tuple[object, Scope]] = [(_only_statement(document), frozenset())]
    while pending:
        part, scope = pending.pop()
        if isinstance(part, dict):
            pending.extend(check.parts(part, scope))
        elif isinstance(part, list):
            pending.extend((item, scope) for item in part)


def _only_statement(document: Node) -> object:
    if document.get("error") is not False:
        raise _not_a_tree(document)
    statements = document.get("statements")
    if not isinstance(statements, list) or not statements:
        raise QueryRefusedError(f"the statement is empty; {_ONE_SELECT}")
    if len(statements) > 1:
        raise QueryRefusedError(f"there are {len(statements)} statements; only {_ONE_SELECT}")
    return statements[0]


def _not_a_tree(document: Node) -> QueryRefusedError | QueryFailedError:
    kind, message = document.get("error_type"), str(document.get("error_message"))
    if "expression depth" in message:
        return QueryRefusedError("the statement is nested too deeply; make it flatter")
    if "A CTE body must be" in message:
        return QueryRefusedError(f"a CTE holds what is no query; in it too, only {_ONE_SELECT}")
    if kind != "not implemented":
        return QueryFailedError(f"not SQL: {message}")
    return QueryRefusedError(
        f"only {_ONE_SELECT}; a PIVOT is allowed if it names its values: PIVOT t ON kind IN ('a', 'b') USING count(*)"
    )


@dataclass(frozen=True, slots=True)
class _Check:
    """What can be read, by folded name; and the judgement of one node."""

    views: Mapping[str, str]
    segment_views: Mapping[str, str]
    hidden: frozenset[str]
    parameters: frozenset[str]

    def parts(self, node: Node, scope: Scope) -> Iterator[tuple[object, Scope]]:
        """Judge the node itself; what it holds is to be judged next, each part with the CTEs that it can read."""
        kind = node.get("type")
        if isinstance(kind, str):
            self._check_kind(node, kind)
            match kind:
                case "BASE_TABLE":
                    self._check_table(node, scope)
                case "SHOW_REF":
                    self._check_show(node)
                case "TABLE_FUNCTION":
                    # The function is judged here, by another list than those in expressions.
                    yield from ((part, scope) for part in self._checked_table_function(node).values())
                    yield from ((part, scope) for key, part in node.items() if key != "function")
                    return
                case "FUNCTION":
                    _check_function(node)
                case "TYPE":
                    _check_type(node)
                case "COLUMN_REF":
                    _check_column(node)
                case _ if node.get("class") == "WINDOW":
                    _check_function(node)
        if node.get("pivot_enum"):
            raise QueryRefusedError("PIVOT over a type is not allowed; name the values: ON kind IN ('a', 'b')")
        yield from self._with_ctes(node, scope)

    def _with_ctes(self, node: Node, scope: Scope) -> Iterator[tuple[object, Scope]]:
        """The parts of a node; each CTE reads those before it, the rest of the node reads them all.

        A CTE reads itself in one place: in the recursive half of a recursive one.
        """
        for name, value in _ctes(node):
            own = folded(name)
            if own in self.hidden:
                raise QueryRefusedError(f"a CTE cannot be named {shown(name)}; choose another name")
            query = value.get("query_node")
            if isinstance(query, dict) and query.get("type") == "RECURSIVE_CTE_NODE":
                self._check_kind(query, "RECURSIVE_CTE_NODE")
                if any(True for _ in _ctes(query)):
                    raise QueryRefusedError("a WITH inside a recursive CTE belongs before it")
                yield from ((part, scope | {own} if key == "right" else scope) for key, part in query.items())
            else:
                yield query, scope
            yield from ((part, scope) for key, part in value.items() if key != "query_node")
            scope |= {own}
        yield from ((part, scope) for key, part in node.items() if key != "cte_map")

    def _check_kind(self, node: Node, kind: str) -> None:
        expression_class = node.get("class")
        if kind == "VALUE_PARAMETER" and self.parameters:
            self._check_parameter(node)
            return
        if expression_class is None:
            known = kind in QUERY_PARTS
        else:
            known = isinstance(expression_class, str) and kind in EXPRESSIONS.get(expression_class, ())
        if not known:
            words = REFUSED_IN_WORDS.get(kind, f"{kind.replace('_', ' ')} is not among what is allowed")
            raise QueryRefusedError(words if expression_class else f"{words}; only {_ONE_SELECT}")

    def _check_parameter(self, node: Node) -> None:
        name = node.get("identifier")
        if name not in self.parameters:
            known = [f"${known}" for known in sorted(self.parameters)]
            hint = f"it can be {one_of(known)}" if known else "none was given any"
            raise QueryRefusedError(f"the parameter {shown(name)} has no value here; {hint}")

    def _check_table(self, node: Node, scope: Scope) -> None:
        if node.get("at_clause"):
            raise QueryRefusedError("AT (...) after a table is not allowed; the data is as of its publication")
        path = path_of(node)
        match [folded(part) for part in path]:
            case [name] if name in scope or name in self.views:
                return
            case ["main", name] if name in self.views:
                return
            case ["segment", name] if name in self.segment_views:
                return
            case ["recurring", name] if name in scope:
                return
            case ["segment", _]:
                hint = did_you_mean(path[-1], self.segment_views.values()) if self.segment_views else "there are none"
                raise QueryRefusedError(f"no segment that was computed has the id {shown(path[-1])}; {hint}")
        hint = did_you_mean(path[-1] if path else "", [*self.views.values(), *sorted(scope)])
        raise QueryRefusedError(
            f"there is no table {shown('.'.join(path))} to read; {hint} (and segment.ID for each segment)"
        )

    def _check_show(self, node: Node) -> None:
        """DESCRIBE and SUMMARIZE hold a query, whose parts are judged in turn; SHOW lists what is there."""
        if node.get("show_type") not in {"DESCRIBE", "SUMMARY"} or not isinstance(node.get("query"), dict):
            views = one_of(sorted(self.views.values())) if self.views else "the published ones"
            raise QueryRefusedError(f"SHOW is not allowed; the tables are {views}, and DESCRIBE NAME tells of one")

    def _checked_table_function(self, node: Node) -> Node:
        function = node.get("function")
        if not isinstance(function, dict):
            raise QueryRefusedError("what stands in FROM is no function that is known")
        self._check_kind(function, str(function.get("type")))
        name = function_name(function)
        if folded(name) not in TABLE_FUNCTIONS:
            known = one_of(sorted(TABLE_FUNCTIONS))
            raise QueryRefusedError(f"the function {shown(name)} cannot stand in FROM; it can be {known}")
        return function


def _ctes(node: Node) -> Iterator[tuple[str, Node]]:
    """The CTEs of a query, in the order in which they were written."""
    cte_map = node.get("cte_map")
    if cte_map is None:
        return
    entries = cte_map.get("map") if isinstance(cte_map, dict) else None
    if not isinstance(entries, list):
        raise QueryRefusedError("WITH is not of a form that is known")
    for entry in entries:
        match entry:
            case {"key": str(name), "value": dict(value)}:
                yield name, value
            case _:
                raise QueryRefusedError("WITH is not of a form that is known")


def _check_function(node: Node) -> None:
    name = function_name(node)
    if folded(name) not in FUNCTIONS:
        close = get_close_matches(folded(name), FUNCTIONS, n=1)
        hint = f"did you mean {close[0]!r}?" if close else "those that compute a value of their arguments are"
        raise QueryRefusedError(f"the function {shown(name)} is not allowed; {hint}")


def _check_type(node: Node) -> None:
    path = path_of(node)
    if len(path) != 1 or folded(path[0]) not in TYPES or folded(path[0]) != folded(str(node.get("type_name"))):
        close = get_close_matches(folded(path[-1]) if path else "", TYPES, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"it can be {_USUAL_TYPES}, and lists and structs of them"
        raise QueryRefusedError(f"the type {shown('.'.join(path))} is not allowed; {hint}")


def _check_column(node: Node) -> None:
    match node.get("column_names"):
        case [str(name)] if folded(name) in _SESSION_WORDS:
            raise QueryRefusedError(f"{name} tells of the connection; for a column of that name write its table too")


def function_name(node: Node) -> str:
    """The last part of a name; before it stands a schema, or the column whose method it is."""
    name, path = node.get("function_name"), path_of(node)
    if not path or name != path[-1]:
        raise QueryRefusedError(f"the function {shown(name)} is not of a form that is known")
    return path[-1]


def path_of(node: Node) -> list[str]:
    """The parts of the name of a table, a type or a function, the outermost first. Raises: QueryRefusedError."""
    match node.get("qualified_name"):
        case {"path": list(path)} if all(isinstance(part, str) for part in path):
            return path
    raise QueryRefusedError("a name is not of a form that is known")


def folded(name: str) -> str:
    """The name as DuckDB compares it: without regard to the case of ASCII letters, and of those alone."""
    return name.translate(_ASCII_LOWER)
