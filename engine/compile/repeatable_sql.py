"""Whether an analyst's statement gives the same rows however often it is asked of the same data.

Judged by its syntax tree alone, so that some statements are refused that would. Where rows can tie, nothing may show
which of them came first: each rule below asks that rows which tie are the same in all that is seen of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from engine.compile.analyst_sql import folded, function_name, path_of
from engine.compile.repeatable_functions import (
    AFTER_TIES,
    CLOCK_WORDS,
    IN_ORDER,
    UNREPEATABLE,
)
from engine.errors import QueryRefusedError, shown

Node: TypeAlias = Mapping[str, object]
Comparable: TypeAlias = tuple[object, ...] | str | int | float | bool | None
"""A part of a tree without where it stands and what it is called, for comparing."""

MEMBER_VIEWS = frozenset({"segments", "memberships"})
"""The views that a recompute itself changes."""
_SEGMENT_SCHEMA = "segment"
_JOINS = frozenset({"REGULAR", "NATURAL", "CROSS", "DEPENDENT"})
_UNSEEN = frozenset({"alias", "query_location", "query_location_length"})


def check_repeatable(document: Node) -> None:
    """Pass the statement, or say what in it may differ from time to time, and what to write instead.

    `document` is what `json_serialize_sql` made of it. That it may run at all is for `check_statement` to say.
    Raises: QueryRefusedError.
    """
    judged: set[int] = set()
    for node in _nodes(document):
        kind = node.get("type")
        _check_sample(node)
        match kind:
            case "SELECT_NODE":
                _check_modifiers(node)
                judged.update(map(id, _checked_windows(node)))
            case "SET_OPERATION_NODE" | "RECURSIVE_CTE_NODE":
                _check_modifiers(node)
            case "BASE_TABLE":
                _check_table(node)
            case "JOIN":
                _check_join(node)
            case "SHOW_REF":
                raise QueryRefusedError("DESCRIBE and SUMMARIZE are no condition; write a SELECT of e-mails")
            case "COLLATE":
                raise QueryRefusedError(
                    "COLLATE makes texts equal that are not, and which of them is kept is chance; use lower(...)"
                )
            case "FUNCTION":
                _check_function(node)
            case "COLUMN_REF":
                _check_column(node)
            case _ if node.get("class") == "WINDOW" and id(node) not in judged:
                raise QueryRefusedError("a window function cannot stand there; it can in SELECT, QUALIFY and ORDER BY")
        if node.get("key_targets"):
            raise QueryRefusedError("USING KEY keeps the row that comes last, which is chance; leave it out")


def parameters_of(document: Node) -> set[str]:
    """The names of the parameters that a statement has."""
    return {str(node.get("identifier")) for node in _nodes(document) if node.get("type") == "VALUE_PARAMETER"}


def _nodes(part: object) -> Iterator[Node]:
    """Every object of a tree, outer ones first. Without recursion: a tree can be deep."""
    pending = [part]
    while pending:
        current = pending.pop()
        if isinstance(current, dict):
            yield current
            pending.extend(current.values())
        elif isinstance(current, list):
            pending.extend(current)


# --- tables and functions ---------------------------------------------------------------------------------------------


def _check_sample(node: Node) -> None:
    if node.get("sample"):
        raise QueryRefusedError("a sample is another one each time; take a share by hash(email) % 10 = 0, for one")


def _check_table(node: Node) -> None:
    path = [folded(part) for part in path_of(node)]
    if path[0] == _SEGMENT_SCHEMA or path[-1] in MEMBER_VIEWS:
        raise QueryRefusedError(
            f"{'.'.join(path_of(node))} changes with every recompute, and so with this condition; "
            'name the other segment in a condition of its own: {"source": "segment", ...}'
        )


def _check_join(node: Node) -> None:
    kind = str(node.get("ref_type"))
    if kind not in _JOINS or node.get("ranking_expression") is not None:
        raise QueryRefusedError(
            f"a join of the kind {kind} picks one of the rows that tie, by chance; "
            "join on equality, and take min, max or first(x ORDER BY x) of what is joined"
        )


def _check_function(node: Node) -> None:
    name = function_name(node)
    arguments = _expressions(node.get("arguments"))
    if folded(name) == "age" and len(arguments) == 1:
        raise QueryRefusedError("age of one argument reads the clock; write age($as_of, ...)")
    _check_name(name)
    if folded(name) in IN_ORDER and not _are_ordered(arguments, node.get("order_bys")):
        raise _unordered(name)


def _check_name(name: str) -> None:
    instead = UNREPEATABLE.get(folded(name))
    if instead is not None:
        raise QueryRefusedError(f"the function {name} {instead}")


def _check_column(node: Node) -> None:
    match node.get("column_names"):
        case [str(name)] if folded(name) in CLOCK_WORDS:
            raise QueryRefusedError(f"{name} reads the clock; write $as_of; for a column of that name its table too")


def _are_ordered(arguments: list[Node], order_bys: object) -> bool:
    """Whether rows that tie in the order have the same arguments: each is a constant, or in the ORDER BY itself."""
    orders = {_comparable(order) for order in _expressions(order_bys)}
    return bool(arguments) and all(
        argument.get("class") == "CONSTANT" or _comparable(argument) in orders for argument in arguments
    )


def _unordered(name: str) -> QueryRefusedError:
    return QueryRefusedError(
        f"the function {name} depends on the order of rows; "
        f"let its ORDER BY end in what it collects: {name}(x ORDER BY occurred_at, x)"
    )


# --- LIMIT and DISTINCT ON --------------------------------------------------------------------------------------------


def _check_modifiers(node: Node) -> None:
    """Refuse what keeps some rows, unless the rows that tie are equal in every column."""
    modifiers = [item for item in _list(node.get("modifiers")) if isinstance(item, dict)]
    picking = [
        "LIMIT" if item.get("type") == "LIMIT_MODIFIER" else "DISTINCT ON"
        for item in modifiers
        if item.get("type") == "LIMIT_MODIFIER" or item.get("distinct_on_targets")
    ]
    if not picking:
        return
    orders = [order for item in modifiers if item.get("type") == "ORDER_MODIFIER" for order in _expressions(item)]
    if any(order.get("type") == "STAR" and order.get("columns") for order in orders):  # ORDER BY ALL
        return
    items = _selected(node)
    covered = {_item_of(order, items) for order in orders}
    for index, item in enumerate(items):
        if item.get("class") != "CONSTANT" and index not in covered:
            raise QueryRefusedError(
                f"{picking[0]} keeps some of the rows that tie, by chance; "
                f"let ORDER BY name every column of the SELECT (column {index + 1} is missing), or write ORDER BY ALL"
            )
    if not items:
        raise QueryRefusedError(f"{picking[0]} needs ORDER BY ALL here")


def _selected(node: Node) -> list[Node]:
    """The columns of a query; of a set operation those of its first part. None for what has no SELECT."""
    while node.get("type") == "SET_OPERATION_NODE":
        first = next((child for child in _list(node.get("children")) if isinstance(child, dict)), None)
        if first is None:
            return []
        node = first
    return [item for item in _list(node.get("select_list")) if isinstance(item, dict)]


def _item_of(order: Node, items: list[Node]) -> int | None:
    """The column that an ORDER BY names: by its number, by its alias, which DuckDB looks for first, or by itself."""
    match order:
        case {"type": "VALUE_CONSTANT", "literal": {"kind": "INTEGER", "text": str(number)}}:
            return int(number) - 1
        case {"type": "COLUMN_REF", "column_names": [str(name)]}:
            aliases = [folded(str(item.get("alias") or "")) for item in items]
            if folded(name) in aliases:
                return aliases.index(folded(name))
    asked = _comparable(order)
    return next(
        (index for index, item in enumerate(items) if item.get("type") != "STAR" and _comparable(item) == asked), None
    )


# --- windows ----------------------------------------------------------------------------------------------------------


def _checked_windows(select: Node) -> list[Node]:
    """The window functions of a SELECT, all of them repeatable.

    Those that tell rows that tie apart are so if all columns that the SELECT shows are among those by which the window
    divides and orders: then rows that tie are the same, and it does not matter which is which.
    """
    shown_parts = [select.get("select_list"), select.get("qualify"), select.get("modifiers")]
    windows = [node for part in shown_parts for node in _own_windows(part)]
    telling = [window for window in windows if _tells_ties_apart(window)]
    if not telling:
        return windows
    name = function_name(telling[0])
    advice = f"put {name} into a subquery that selects only what its window divides (PARTITION BY) and orders by"
    if select.get("group_expressions") or select.get("aggregate_handling") != "STANDARD_HANDLING":
        raise QueryRefusedError(f"the function {name} numbers groups that may tie; group in a subquery before it")
    if len({(_comparable(item.get("partitions")), _comparable(item.get("orders"))) for item in telling}) > 1:
        raise QueryRefusedError(f"two windows order rows that tie each in its way; {advice}, one for each window")
    keys = {_comparable(key) for part in ("partitions", "orders") for key in _expressions(telling[0].get(part))}
    for column in _columns(shown_parts):
        if _comparable(column) not in keys:
            named = ".".join(map(str, _list(column.get("column_names")))) or "*"
            raise QueryRefusedError(
                f"the function {name} tells rows apart that tie in its window, by chance, and {shown(named)} is not "
                f"in its PARTITION BY or ORDER BY; {advice}"
            )
    return windows


def _own_windows(part: object) -> Iterator[Node]:
    """The window functions of a part of a SELECT, not those of queries within it."""
    pending = [part]
    while pending:
        current = pending.pop()
        if isinstance(current, dict) and current.get("class") != "SUBQUERY":
            if current.get("class") == "WINDOW":
                yield current
            pending.extend(current.values())
        elif isinstance(current, list):
            pending.extend(current)


def _tells_ties_apart(window: Node) -> bool:
    """Whether rows that tie in the window's order can have different results."""
    name = function_name(window)
    _check_name(name)
    has_own_order = bool(_expressions(window.get("arg_orders")))
    if folded(name) in IN_ORDER and has_own_order:
        if not _are_ordered(_expressions(window.get("arguments")), window.get("arg_orders")):
            raise _unordered(name)
        return _counts_rows(window)
    if not (folded(name) in AFTER_TIES or folded(name) in IN_ORDER or _counts_rows(window)):
        return False
    if has_own_order:
        raise QueryRefusedError(f"the function {name} has an ORDER BY of its own; leave that to its window")
    return True


def _counts_rows(window: Node) -> bool:
    """Whether the frame is of so many rows."""
    return any("_ROWS" in str(window.get(edge)) for edge in ("start", "end"))


def _columns(parts: Iterable[object]) -> Iterator[Node]:
    """What names a column of a row: by its name, its number, or all of them at once."""
    for node in _nodes(list(parts)):
        if node.get("type") in {"COLUMN_REF", "POSITIONAL_REFERENCE", "STAR"}:
            yield node


# --- parts of a tree --------------------------------------------------------------------------------------------------


def _expressions(part: object) -> list[Node]:
    """The expressions of a list of them, of arguments, or of an ORDER BY."""
    items = _list(part.get("orders")) if isinstance(part, dict) else _list(part)
    found: list[Node] = []
    for item in items:
        if isinstance(item, dict):
            inner = item.get("expression")
            found.append(inner if isinstance(inner, dict) else item)
    return found


def _list(part: object) -> list[object]:
    return part if isinstance(part, list) else []


def _comparable(part: object, key: str = "") -> Comparable:
    match part:
        case dict():
            kept = sorted((name, value) for name, value in part.items() if name not in _UNSEEN)
            return tuple((name, _comparable(value, name)) for name, value in kept)
        case list():
            return ("list", *(_comparable(item, key) for item in part))
        case str():
            return folded(part) if key in {"column_names", "path", "function_name"} else part
        case int() | float() | None:
            return part
        case _:
            raise QueryRefusedError("a part of the statement is not of a form that is known")
