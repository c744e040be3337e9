"""The functions whose result is not the same each time, by what makes it differ, and what to write instead."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

CLOCK_WORDS = frozenset({"current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"})
"""Columns that, where no table has them, are the present time."""

IN_ORDER = frozenset({"array_agg", "first", "group_concat", "last", "list", "listagg", "string_agg"})
"""Aggregates that depend on the order of rows, and take an ORDER BY to settle it."""

AFTER_TIES = frozenset({"fill", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "row_number"})
"""Functions of windows that give rows different results which tie in the order of the window."""

_BY_CHANCE = """
    gen_random_uuid random uuid uuidv4 uuidv7
"""
_BY_THE_CLOCK = """
    ago current_localtime current_localtimestamp get_current_time get_current_timestamp now today
    transaction_timestamp
"""
_BY_TIES = """
    any_value arbitrary arg_max arg_max_null arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last argmax argmin
    max_by min_by
"""
_BY_ESTIMATE = """
    approx_count_distinct approx_quantile approx_top_k list_approx_count_distinct reservoir_quantile
"""
_BY_ORDER = """
    json_group_array json_group_object json_group_structure
"""

UNREPEATABLE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(_BY_CHANCE.split(), "gives another value each time; hash(email) is the same each time"),
        **dict.fromkeys([*_BY_THE_CLOCK.split(), *CLOCK_WORDS], "reads the clock; write $as_of"),
        **dict.fromkeys(
            _BY_TIES.split(),
            "picks one of the rows that tie, by chance; write min or max, or first(x ORDER BY occurred_at, x)",
        ),
        **dict.fromkeys(_BY_ESTIMATE.split(), "estimates; write count(DISTINCT x), or quantile_disc"),
        **dict.fromkeys(_BY_ORDER.split(), "depends on the order of rows; write list(x ORDER BY x)"),
        "mode": "picks one of the values that are equally frequent, by chance; count the values instead",
    }
)
"""What is to be said of each, in lower case."""
