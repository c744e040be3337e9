"""The kinds of node that may stand in the syntax tree of an analyst's SQL, by the names that DuckDB gives them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

QUERY_PARTS = frozenset(
    {
        # queries
        "SELECT_NODE",
        "SET_OPERATION_NODE",
        "RECURSIVE_CTE_NODE",
        # what stands in FROM
        "BASE_TABLE",
        "EMPTY",
        "EXPRESSION_LIST",
        "JOIN",
        "PIVOT",
        "SHOW_REF",
        "SUBQUERY",
        "TABLE_FUNCTION",
        # what follows a query
        "DISTINCT_MODIFIER",
        "LIMIT_MODIFIER",
        "ORDER_MODIFIER",
        "ASCENDING",
        "DESCENDING",
        "ORDER_DEFAULT",
    }
)
"""The types of nodes without a class."""

EXPRESSIONS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "BETWEEN": frozenset({"COMPARE_BETWEEN", "COMPARE_NOT_BETWEEN"}),
        "CASE": frozenset({"CASE_EXPR"}),
        "CAST": frozenset({"OPERATOR_CAST"}),
        "COLLATE": frozenset({"COLLATE"}),
        "COLUMN_REF": frozenset({"COLUMN_REF"}),
        "COMPARISON": frozenset(
            {
                "COMPARE_EQUAL",
                "COMPARE_NOTEQUAL",
                "COMPARE_LESSTHAN",
                "COMPARE_LESSTHANOREQUALTO",
                "COMPARE_GREATERTHAN",
                "COMPARE_GREATERTHANOREQUALTO",
                "COMPARE_DISTINCT_FROM",
                "COMPARE_NOT_DISTINCT_FROM",
            }
        ),
        "CONJUNCTION": frozenset({"CONJUNCTION_AND", "CONJUNCTION_OR"}),
        "CONSTANT": frozenset({"VALUE_CONSTANT"}),
        "FUNCTION": frozenset({"FUNCTION"}),
        "LAMBDA": frozenset({"LAMBDA"}),
        "OPERATOR": frozenset(
            {
                "ARRAY_CONSTRUCTOR",
                "ARRAY_EXTRACT",
                "ARRAY_SLICE",
                "COMPARE_IN",
                "COMPARE_NOT_IN",
                "GROUPING_FUNCTION",
                "OPERATOR_COALESCE",
                "OPERATOR_IS_NOT_NULL",
                "OPERATOR_IS_NULL",
                "OPERATOR_NOT",
                "OPERATOR_TRY",
                "OPERATOR_UNPACK",
                "STRUCT_EXTRACT",
            }
        ),
        "POSITIONAL_REFERENCE": frozenset({"POSITIONAL_REFERENCE"}),
        "STAR": frozenset({"STAR"}),
        "SUBQUERY": frozenset({"SUBQUERY"}),
        "TYPE": frozenset({"TYPE"}),
        "WINDOW": frozenset(
            {
                "WINDOW_AGGREGATE",
                "WINDOW_CUME_DIST",
                "WINDOW_FILL",
                "WINDOW_FIRST_VALUE",
                "WINDOW_LAG",
                "WINDOW_LAST_VALUE",
                "WINDOW_LEAD",
                "WINDOW_NTH_VALUE",
                "WINDOW_NTILE",
                "WINDOW_PERCENT_RANK",
                "WINDOW_RANK",
                "WINDOW_RANK_DENSE",
                "WINDOW_ROW_NUMBER",
            }
        ),
    }
)
"""The types of expressions, by their class."""

REFUSED_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "COPY_QUERY_NODE": "COPY writes or reads files",
        "DELETE_QUERY_NODE": "DELETE changes data",
        "INSERT_QUERY_NODE": "INSERT changes data",
        "MERGE_INTO_QUERY_NODE": "MERGE changes data",
        "UPDATE_QUERY_NODE": "UPDATE changes data",
        "VALUE_PARAMETER": "a parameter ($1, ?, $name) has no value here; write the value itself",
        "VALUE_DEFAULT": "DEFAULT has no meaning in a query",
    }
)
"""What to say of kinds that are known and may not stand here; any other is said by its name."""
