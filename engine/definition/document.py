"""Typed access to one JSON object of a definition, with errors that name the path."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeVar

from engine.definition.vocabulary import MAX_TEXT_CHARACTERS
from engine.errors import DefinitionError, did_you_mean, one_of, shown

SHOWN_KEY_CHARACTERS = 64

Text = TypeVar("Text", bound=str)


@dataclass(frozen=True, slots=True)
class Document:
    """A JSON object and where it stands in the definition. A key with the value null counts as absent."""

    values: dict[str, object]
    path: str

    @classmethod
    def of(cls, value: object, path: str, *, keys: Collection[str]) -> Document:
        """The value as an object that has none but the given keys.

        Raises: DefinitionError if it is no object, or has another key.
        """
        if not isinstance(value, dict):
            raise DefinitionError(path, f"must be an object, got {shown(value)}")
        for key in value:
            if key not in keys:
                name = key if key.isprintable() and len(key) <= SHOWN_KEY_CHARACTERS else shown(key)
                raise DefinitionError(f"{path}.{name}", f"is not a key of this object; {did_you_mean(key, keys)}")
        return cls(value, path)

    def at(self, key: str) -> str:
        """The path of a key."""
        return f"{self.path}.{key}"

    def refuse(self, key: str, problem: str) -> DefinitionError:
        """The error to raise about a key."""
        return DefinitionError(self.at(key), problem)

    def get(self, key: str) -> object:
        """The value of a key, None where absent."""
        return self.values.get(key)

    def require(self, key: str) -> object:
        """The value of a key that must be there."""
        value = self.values.get(key)
        if value is None:
            raise self.refuse(key, "is missing")
        return value

    def choice(self, key: str, choices: Collection[Text], *, default: Text | None = None) -> Text:
        """One of the choices. Absent and empty text mean the default, where there is one."""
        value = self.values.get(key)
        if value in (None, "") and default is not None:
            return default
        for choice in choices:
            if value == choice and isinstance(value, str):
                return choice
        problem = "is missing" if value is None else f"is {shown(value)}"
        raise self.refuse(key, f"{problem}; it must be {one_of([str(choice) for choice in choices])}")

    def text(self, key: str) -> str:
        """A text that is not empty, in NFC."""
        text = checked_text(self.require(key), self.at(key))
        if not text:
            raise self.refuse(key, "must not be empty")
        return text

    def optional_text(self, key: str) -> str | None:
        """A text in NFC; None where absent or empty."""
        return None if self.values.get(key) in (None, "") else self.text(key)

    def count(self, key: str) -> int:
        """A whole number, 0 or more."""
        value = self.require(key)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
            raise self.refuse(key, f"must be a whole number from 0 to 2147483647, got {shown(value)}")
        return value

    def items(self, key: str) -> Iterator[tuple[object, str]]:
        """The elements of an array with their paths; none where absent."""
        value = self.values.get(key)
        if value is None:
            return
        if not isinstance(value, list):
            raise self.refuse(key, f"must be an array, got {shown(value)}")
        for index, item in enumerate(value):
            yield item, f"{self.at(key)}[{index}]"


def checked_text(value: object, path: str) -> str:
    """The value as text in NFC that a database can hold."""
    if not isinstance(value, str):
        raise DefinitionError(path, f"must be text, got {shown(value)}")
    if "\0" in value:
        raise DefinitionError(path, "must not contain the NUL character")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise DefinitionError(path, "must not contain a lone surrogate: it is no Unicode character")
    if len(value) > MAX_TEXT_CHARACTERS:
        raise DefinitionError(path, f"must have at most {MAX_TEXT_CHARACTERS:,} characters, got {len(value):,}")
    return unicodedata.normalize("NFC", value)


def checked_number(value: object, path: str) -> float:
    """The value as a finite double."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DefinitionError(path, f"must be a number, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise DefinitionError(path, f"must be a finite number, got {shown(value)}")
    return number


def checked_boolean(value: object, path: str) -> bool:
    """The value as true or false."""
    if not isinstance(value, bool):
        raise DefinitionError(path, f"must be true or false, got {shown(value)}")
    return value
