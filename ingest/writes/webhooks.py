"""Webhooks: where to, of what, and signed with which secret."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import orjson

from engine.definition.vocabulary import EVENT_NAME_PATTERN, GOAL_TYPES, LIST_ID_PATTERN
from engine.errors import InvalidValueError, UnknownWebhookError, did_you_mean, one_of
from engine.execute.transitions import Cause
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.webhook_types import FAMILIES, TYPES, is_pattern
from engine.storage.webhooks import WebhookRow
from ingest.values import RefusedValueError
from ingest.values.text import trimmed_text
from ingest.writes.kept import KEPT
from ingest.writes.write import Outcome

MOST_URL_CHARACTERS = 2_048
MOST_FILTER_VALUES = 1_000
SECRET_BYTES = 32

FILTERS = ("segment_ids", "causes", "list_ids", "event_names", "goal_types")
"""What narrows a webhook: `segment.*` to segments and causes, `list.*` to lists, `custom_event.*` to names, goals."""


@dataclass(frozen=True, slots=True)
class SaveWebhook:
    """A webhook with the values that it is to have, by column; what is not given stays as it is."""

    webhook_id: str
    values: Mapping[str, Any]
    is_new: bool

    def needs(self) -> Needs:
        """Nothing: webhooks are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Create it, or change it. Raises: UnknownWebhookError."""
        if self.is_new:
            row = WebhookRow(
                id=self.webhook_id,
                secret=new_secret(),
                previous_secret=None,
                secret_changed_at=None,
                created_at=changes.now,
                updated_at=changes.now,
                **self.values,
            )
            changes.put_webhook(row.id, row)
            return Outcome.CREATED
        old = known_webhook(changes, self.webhook_id)
        new = replace(old, **self.values)
        if new == old:
            return Outcome.UNCHANGED
        changes.put_webhook(old.id, replace(new, updated_at=changes.now))
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class ChangeSecret:
    """A webhook is to sign with a new secret; for a while with the old one, too."""

    webhook_id: str

    def needs(self) -> Needs:
        """Nothing: webhooks are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Give it one. Raises: UnknownWebhookError."""
        old = known_webhook(changes, self.webhook_id)
        new = replace(old, secret=new_secret(), previous_secret=old.secret, secret_changed_at=changes.now)
        changes.put_webhook(old.id, replace(new, updated_at=changes.now))
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class TurnOff:
    """A webhook is to be turned off if it still has this address."""

    webhook_id: str
    url: str

    def needs(self) -> Needs:
        """Nothing: webhooks are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Turn it off. Raises: UnknownWebhookError."""
        old = known_webhook(changes, self.webhook_id)
        if old.url != self.url or not old.is_enabled:
            return Outcome.UNCHANGED
        changes.put_webhook(old.id, replace(old, is_enabled=False, updated_at=changes.now))
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class DeleteWebhook:
    """A webhook is to be there no more, with all that waits for it."""

    webhook_id: str

    def needs(self) -> Needs:
        """Nothing: webhooks are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Remove it. Raises: UnknownWebhookError."""
        changes.put_webhook(known_webhook(changes, self.webhook_id).id, None)
        return Outcome.DELETED


def known_webhook(changes: ChangeSet, webhook_id: str) -> WebhookRow:
    """The webhook of an id. Raises: UnknownWebhookError."""
    row = changes.webhook(webhook_id)
    if row is None:
        raise UnknownWebhookError(webhook_id)
    return row


def new_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"


def read_webhook_values(given: Mapping[str, object]) -> dict[str, Any]:
    """The given ones of the values of a webhook, as they are stored. Raises: InvalidValueError."""
    stored: dict[str, Any] = {}
    for name, value in given.items():
        if value is not KEPT:
            stored[name] = _READERS[name](value)
    return stored


def _name(value: object) -> str:
    try:
        return trimmed_text(value)
    except RefusedValueError as error:
        raise InvalidValueError("name", value, str(error)) from None


def _url(value: object) -> str:
    if not isinstance(value, str) or len(value) > MOST_URL_CHARACTERS:
        raise InvalidValueError("url", value, f"must be a text of at most {MOST_URL_CHARACTERS} characters")
    problem = None
    try:
        parts = urlsplit(value)
        is_plain = value.isascii() and value.isprintable() and " " not in value
        if parts.scheme not in {"http", "https"} or not parts.hostname or not is_plain:
            problem = "is no address of the web; give one such as https://shop.example/hooks"
        elif parts.username is not None or parts.fragment:
            problem = "must have no user name, password or fragment; check signatures instead"
        elif parts.port == 0:
            problem = "has no port"
    except ValueError:
        problem = "is no address of the web"
    if problem is not None:
        raise InvalidValueError("url", value, problem)
    return value


def _event_types(value: object) -> tuple[str, ...]:
    if not isinstance(value, Collection) or isinstance(value, str) or not value:
        raise InvalidValueError("event_types", value, "must be a list with at least one type")
    for number, item in enumerate(value):
        if not isinstance(item, str) or not is_pattern(item):
            known = [*TYPES, *(f"{family}.*" for family in FAMILIES)]
            hint = did_you_mean(item, known) if isinstance(item, str) else "it is a text"
            raise InvalidValueError(f"event_types[{number}]", item, f"is no type of event; {hint}")
    return tuple(dict.fromkeys(str(item) for item in value))


_OF_FILTER = {
    "segment_ids": re.compile(r"[a-z0-9_-]{1,64}"),
    "list_ids": re.compile(LIST_ID_PATTERN),
    "event_names": re.compile(EVENT_NAME_PATTERN),
}
_WORDS_OF_FILTER: Mapping[str, Sequence[str]] = {"causes": tuple(Cause), "goal_types": GOAL_TYPES}


def _filters(value: object) -> str:
    if not isinstance(value, Mapping):
        raise InvalidValueError("filters", value, f"must be an object with some of {one_of(FILTERS)}")
    read: dict[str, list[str]] = {}
    for name, items in value.items():
        path = f"filters.{name}"
        if name not in FILTERS:
            raise InvalidValueError("filters", name, f"is no filter; it must be {one_of(FILTERS)}")
        if not isinstance(items, Collection) or isinstance(items, str) or len(items) > MOST_FILTER_VALUES:
            raise InvalidValueError(path, items, f"must be a list of at most {MOST_FILTER_VALUES} texts")
        for item in items:
            if name in _WORDS_OF_FILTER:
                if item not in _WORDS_OF_FILTER[name]:
                    raise InvalidValueError(path, item, f"must be {one_of(_WORDS_OF_FILTER[name])}")
            elif not isinstance(item, str) or _OF_FILTER[name].fullmatch(item) is None:
                raise InvalidValueError(path, item, "is none that there can be")
        read[str(name)] = sorted({str(item) for item in items})
    return orjson.dumps(read, option=orjson.OPT_SORT_KEYS).decode()


def _is_enabled(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValueError("is_enabled", value, "must be true or false")
    return value


_READERS = {"name": _name, "url": _url, "event_types": _event_types, "filters": _filters, "is_enabled": _is_enabled}
