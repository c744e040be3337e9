"""Which operator negates which, and how those that compare do so."""

import operator
from collections.abc import Callable
from typing import Any

POSITIVE_OF = {
    "is_not_set": "is_set",
    "not_equals": "equals",
    "not_contains": "contains",
    "not_starts_with": "starts_with",
    "not_ends_with": "ends_with",
    "is_not_one_of": "is_one_of",
    "not_in_date_range": "in_date_range",
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    **dict.fromkeys(["exactly", "eq"], operator.eq),
    **dict.fromkeys(["gt", "after_date"], operator.gt),
    **dict.fromkeys(["lt", "before_date"], operator.lt),
    **dict.fromkeys(["gte", "at_least"], operator.ge),
    **dict.fromkeys(["lte", "at_most"], operator.le),
}
