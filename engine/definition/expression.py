"""Filters as people type them, such as `country = 'DE' and not has_tag('vip')`: read into the tree of a definition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.segment import read_tree
from engine.errors import DefinitionError, UnknownFieldError, shown

MOST_CHARACTERS = 10_000
MOST_DEPTH = 50

_TOKEN = re.compile(
    r"""
    \s* (?:
        (?P<text> '(?:[^']|'')*' )
        | (?P<number> [-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)? )
        | (?P<quoted> "(?:[^"]|"")+" )
        | (?P<word> [^\W\d]\w* )
        | (?P<sign> <> | != | >= | <= | [=<>(),.] )
        | (?P<end> $ )
    )
    """,
    re.VERBOSE,
)

_COMPARISONS = {"=": "equals", "!=": "not_equals", "<>": "not_equals", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
_RESERVED = frozenset({"and", "or", "not", "in", "is", "between", "null", "true", "false"})
_FUNCTIONS = {
    "has_tag": ("a tag", "tags"),
    "on_list": ("a list, and if wanted a status", "lists"),
    "in_segment": ("the id of a segment", "segments"),
}
_KEY_OF_TYPE = {str: "string_values", bool: "boolean_values", float: "number_values", int: "number_values"}

Literal = str | float | bool


@dataclass(frozen=True, slots=True)
class _Token:
    """A word, a sign or a value, and where it begins and ends."""

    kind: str
    value: str
    start: int
    end: int


def read_expression(text: str, *, fields: Mapping[str, FieldType] = CONTACT_FIELDS) -> dict[str, Any]:
    """The tree of a filter, as a definition has it; `fields` are all that it may name. Grammar: docs/http.md.

    Raises: DefinitionError, which quotes the part that is wrong.
    """
    if len(text) > MOST_CHARACTERS:
        raise DefinitionError("filter", f"is longer than {MOST_CHARACTERS:,} characters; store a segment instead")
    parser = _Parser(text, fields)
    tree = parser.alternatives(depth=0)
    parser.expect_end()
    return tree


class _Parser:
    """Reads from left to right; each condition is checked as soon as it is read."""

    def __init__(self, text: str, fields: Mapping[str, FieldType]) -> None:
        self._text, self._fields = text, fields
        self._tokens = list(_tokens(text))
        self._place = 0

    def alternatives(self, *, depth: int) -> dict[str, Any]:
        """What `or` joins."""
        parts = [self._all(depth)]
        while self._take_word("or"):
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else _branch("or", parts)

    def expect_end(self) -> None:
        """Refuse what is left over."""
        if self._next.kind != "end":
            raise self._unexpected("and, or, or the end")

    def _all(self, depth: int) -> dict[str, Any]:
        parts = [self._one(depth)]
        while self._take_word("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else _branch("and", parts)

    def _one(self, depth: int) -> dict[str, Any]:
        if depth > MOST_DEPTH:
            raise DefinitionError("filter", f"is nested deeper than {MOST_DEPTH}")
        if self._take_word("not"):
            return _branch("not", [self._one(depth + 1)])
        if self._take("("):
            inner = self.alternatives(depth=depth + 1)
            self._expect(")")
            return inner
        start = self._next.start
        condition = self._condition()
        try:
            read_tree(condition, fields=self._fields)
        except UnknownFieldError as error:
            raise DefinitionError("filter", error.problem) from None
        except DefinitionError as error:
            part = self._text[start : self._tokens[self._place - 1].end]
            raise DefinitionError("filter", f"in {shown(part)}: {error.problem}") from None
        return condition

    def _condition(self) -> dict[str, Any]:
        token = self._advance("a field, has_tag, on_list or in_segment")
        if token.kind == "word" and token.value.lower() in _FUNCTIONS and self._next.value == "(":
            return self._function(token.value.lower())
        if token.kind not in {"word", "quoted"} or (token.kind == "word" and token.value.lower() in _RESERVED):
            self._place -= 1
            raise self._unexpected("a field, has_tag, on_list or in_segment")
        body: dict[str, Any] = {"field_name": token.value}
        path: list[str] = []
        while self._take("."):
            path += self._steps()
        if path:
            body["json_path"] = path
        self._test(body, is_json=bool(path))
        return _leaf("contacts", "contact", {"filters": [body]})

    def _steps(self) -> list[str]:
        """A step of a path; places in arrays may look like a number with decimals."""
        step = self._next
        if step.kind not in {"word", "quoted", "number"}:
            raise self._unexpected("the next step of the path")
        self._place += 1
        return step.value.split(".") if step.kind == "number" else [step.value]

    def _function(self, name: str) -> dict[str, Any]:
        self._expect("(")
        values = self._values()
        self._expect(")")
        wanted, _ = _FUNCTIONS[name]
        most = 2 if name == "on_list" else len(values) if name == "has_tag" else 1
        if not all(isinstance(value, str) for value in values) or len(values) > most:
            raise DefinitionError("filter", f"{name} takes {wanted}, in single quotes")
        match name:
            case "has_tag":
                return _leaf("tag", "tag", {"operator": "in", "tags": values})
            case "on_list":
                status = values[1] if len(values) > 1 else None
                return _leaf(
                    "contact_lists", "contact_list", {"operator": "in", "list_id": values[0], "status": status}
                )
            case _:
                return _leaf("segment", "segment", {"operator": "in", "segment_id": values[0]})

    def _test(self, body: dict[str, Any], *, is_json: bool) -> None:
        """What is asked of the field."""
        sign = self._next
        if sign.value in _COMPARISONS:
            self._place += 1
            values: list[Literal] = [self._value()]
            body["operator"] = _COMPARISONS[sign.value]
        elif self._take_word("is"):
            negated = self._take_word("not")
            if not (self._take_word("null") or self._take_word("set")):
                raise self._unexpected("null or set")
            is_null = self._tokens[self._place - 1].value.lower() == "null"
            body["operator"] = "is_not_set" if is_null != negated else "is_set"
            return
        else:
            values = self._worded_test(body)
        key = _KEY_OF_TYPE[type(values[0])]
        if any(_KEY_OF_TYPE[type(value)] != key for value in values):
            raise DefinitionError("filter", f"{shown(values)}: must be all texts, or all numbers")
        body[key] = values
        if is_json and key != "string_values":
            body["field_type"] = "number" if key == "number_values" else "boolean"

    def _worded_test(self, body: dict[str, Any]) -> list[Literal]:
        negated = "not_" if self._take_word("not") else ""
        if self._take_word("in"):
            self._expect("(")
            values = self._values()
            self._expect(")")
            body["operator"] = f"is_{negated}one_of"
            return values
        if not negated and self._take_word("between"):
            first = self._value()
            if not self._take_word("and"):
                raise self._unexpected("and")
            body["operator"] = "in_date_range" if isinstance(first, str) else "between"
            return [first, self._value()]
        for words, operator in (
            (("contains",), "contains"),
            (("starts", "with"), "starts_with"),
            (("ends", "with"), "ends_with"),
        ):
            if self._take_word(words[0]):
                if len(words) > 1 and not self._take_word(words[1]):
                    raise self._unexpected(words[1])
                body["operator"] = f"{negated}{operator}"
                return [self._value()]
        raise self._unexpected("=, <>, <, <=, >, >=, in, between, contains, starts with, ends with, is null or is set")

    def _values(self) -> list[Literal]:
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        return values

    def _value(self) -> Literal:
        token = self._advance("a text in single quotes, a number, true or false")
        match token.kind, token.value.lower():
            case "text", _:
                return token.value
            case "number", _:
                number = float(token.value)
                return int(number) if number.is_integer() and abs(number) < 2**53 else number
            case "word", ("true" | "false") as word:
                return word == "true"
        self._place -= 1
        raise self._unexpected("a text in single quotes, a number, true or false")

    # --- tokens -------------------------------------------------------------------------------------------------------

    @property
    def _next(self) -> _Token:
        return self._tokens[self._place]

    def _advance(self, expected: str) -> _Token:
        token = self._next
        if token.kind == "end":
            raise self._unexpected(expected)
        self._place += 1
        return token

    def _take(self, sign: str) -> bool:
        is_there = self._next.kind == "sign" and self._next.value == sign
        self._place += is_there
        return is_there

    def _take_word(self, word: str) -> bool:
        is_there = self._next.kind == "word" and self._next.value.lower() == word
        self._place += is_there
        return is_there

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise self._unexpected(sign)

    def _unexpected(self, expected: str) -> DefinitionError:
        token = self._next
        found = "the end" if token.kind == "end" else shown(self._text[token.start : token.end])
        return DefinitionError("filter", f"at character {token.start + 1}: expected {expected}, found {found}")


def _tokens(text: str) -> Iterator[_Token]:
    place = 0
    while True:
        match = _TOKEN.match(text, place)
        if match is None:
            start = place + len(text[place:]) - len(text[place:].lstrip())
            raise DefinitionError(
                "filter", f"at character {start + 1}: {shown(text[start : start + 20])} means nothing"
            )
        kind = match.lastgroup
        assert kind is not None
        value = match[kind]
        if kind in {"text", "quoted"}:
            value = value[1:-1].replace(value[0] * 2, value[0])
        yield _Token(kind, value, match.start(kind), match.end(kind))
        if kind == "end":
            return
        place = match.end()


def _leaf(source: str, key: str, body: Mapping[str, object]) -> dict[str, Any]:
    return {"kind": "leaf", "leaf": {"source": source, key: dict(body)}}


def _branch(operator: str, parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": "branch", "branch": {"operator": operator, "leaves": parts}}
