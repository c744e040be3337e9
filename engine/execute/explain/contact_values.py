"""What is known of one contact, as far as some conditions look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from engine.definition.tree import Filter, IdentityCondition, SqlCondition, TagCondition
from engine.definition.value_tests import Subject

Path = tuple[str, ...]

Settled = Filter | TagCondition | IdentityCondition | SqlCondition
"""Conditions on a contact that are answered once: the instant does not matter, or nobody can tell how."""


@dataclass(frozen=True, slots=True)
class Event:
    """A timeline event, or one version of a custom event. Instants are UTC.

    `ends_at`: when it was deleted, or a later version took its place. `holds`: the filters that time cannot change, of
    all conditions on events; `times`, `decimals`, `different`: the values at paths of its properties that the other
    conditions look at, None where there is none; of `different` its text and its number.
    """

    kind: str
    occurred_at: datetime
    reference: str | None
    properties: str | None
    template_id: str | None = None
    goal_type: str | None = None
    goal_name: str | None = None
    goal_value: Decimal | None = None
    ends_at: datetime | None = None
    holds: Mapping[Filter, bool] = field(default_factory=dict)
    times: Mapping[Subject, datetime | date | None] = field(default_factory=dict)
    decimals: Mapping[Path, Decimal | None] = field(default_factory=dict)
    different: Mapping[Path, tuple[str | None, float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContactValues:
    """The values of a contact that some conditions look at. Instants are UTC.

    `zone_name` is the contact's own, or the fallback. `values`: what is there, of JSON its text; `times`: instants and
    dates in the type of their subject, None where there is none. `statuses`: list id -> status; `lists`: list id ->
    when it was deleted. `events` and `goals` are in order of time, versions that are no more included.
    """

    contact_id: int
    zone_name: str
    tags: tuple[str, ...]
    holds: Mapping[Settled, bool]
    values: Mapping[Subject, object]
    times: Mapping[Subject, datetime | date | None]
    identity_kinds: frozenset[str]
    statuses: Mapping[str, str]
    lists: Mapping[str, datetime | None]
    events: Mapping[str, tuple[Event, ...]]
    goals: tuple[Event, ...]
