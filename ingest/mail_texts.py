"""Liquid in mails: parsed and rendered, with limits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from liquid import Environment
from liquid.template import BoundTemplate

MOST_OUTPUT_CHARACTERS = 2_000_000
MOST_LOOPS = 10_000


class _Environment(Environment):
    """No file can be included, and no loop goes on for ever."""

    loop_iteration_limit = MOST_LOOPS
    output_stream_limit = MOST_OUTPUT_CHARACTERS
    context_depth_limit = 30
    local_namespace_limit = 1_000_000


_PLAIN, _HTML = _Environment(), _Environment(autoescape=True)


@lru_cache(256)
def parsed(template: str, *, is_html: bool) -> BoundTemplate:
    """A template, ready to be rendered. Raises: liquid.exceptions.LiquidError."""
    return (_HTML if is_html else _PLAIN).from_string(template)


def rendered(template: str, values: Mapping[str, object], *, is_html: bool) -> str:
    """A text of a mail; in HTML values are escaped. Raises: liquid.exceptions.LiquidError."""
    return parsed(template, is_html=is_html).render(**values)
