"""What the writer remembers from one group of writes to the next, so that it need not be read anew."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import duckdb
import pyarrow as pa

from engine.definition.fields import JSON_FIELDS
from engine.storage.changes.custom_event_rows import loaded_keys
from engine.storage.changes.event_ids import EventIds
from engine.storage.changes.identity_index import IdentityIndex, loaded_identities
from engine.storage.changes.identity_rows import MOST_KEYS_BY_INDEX
from engine.storage.changes.timeline_rows import loaded_ids
from engine.storage.custom_fields import CustomField, CustomFieldType, stored_fields
from engine.storage.webhooks import WebhookRow, stored_webhooks


@dataclass(frozen=True, slots=True)
class ListRow:
    """A list as the store has it. Instants are naive, in UTC."""

    id: str
    name: str
    is_public: bool
    is_double_optin: bool
    welcome_template_id: str | None
    unsubscribe_template_id: str | None
    confirmation_template_id: str | None
    description: str | None
    created_at: datetime | None
    updated_at: datetime | None
    deleted_at: datetime | None


LIST_COLUMNS = tuple(ListRow.__slots__)

SECONDS_PER_KEY = 50e-6
SECONDS_PER_JOINED_ROW = 10e-9
SECONDS_PER_READ_ROW = 300e-9
"""What it costs to look an identity up by the index, to join a group with all, and to read all of them (measured)."""

LAST_SENT_MAIL = "last_sent_mail"
"""The setting with the highest number of a mail that left the outbox: numbers are not given again."""


@dataclass(frozen=True, slots=True)
class TagRow:
    """A tag that has a colour. `created_at` is naive, in UTC."""

    name: str
    color: str | None
    created_at: datetime


class ContactFlags:
    """A set of contacts, one byte for each contact of the workspace."""

    def __init__(self, contact_ids: Iterable[int] = ()) -> None:
        self._flags = bytearray()
        self.add(contact_ids)

    def missing(self, contact_ids: Iterable[int]) -> list[int]:
        """Those of the contacts that are not in it, sorted."""
        flags = self._flags
        return sorted(i for i in contact_ids if i >= len(flags) or not flags[i])

    def add(self, contact_ids: Iterable[int]) -> None:
        """Put contacts in."""
        ids = list(contact_ids)
        lacking = max(ids, default=-1) + 1 - len(self._flags)
        if lacking > 0:
            self._flags.extend(bytes(lacking + len(self._flags) // 4))
        for contact_id in ids:
            self._flags[contact_id] = 1


@dataclass(slots=True)
class WriterMemory:
    """The small tables, the next numbers, and the ids of all events once one has been asked for.

    It is right as long as nobody but the writer writes: `change_count` is that of the store when it was read, and
    `touched_epoch`, which says when `touched` was emptied.
    """

    change_count: int
    schema: pa.Schema
    next_contact_id: int
    next_sequence: int
    next_mail_sequence: int
    zones: Mapping[str, int]
    lists: dict[str, ListRow]
    fields: dict[str, CustomField]
    tags: dict[str, TagRow]
    webhooks: dict[str, WebhookRow]
    next_outbox_sequence: int
    settings: Mapping[str, object]
    has_suppressed: bool
    event_ids: EventIds | None = None
    custom_event_keys: EventIds | None = None
    touched: ContactFlags = field(default_factory=ContactFlags)
    touched_epoch: int = 0
    identity_count: int = 0
    identities: IdentityIndex | None = None
    """The owners of all identities, once looking them up has cost as much as reading them."""
    _lookup_seconds: float = 0.0
    _timeline_custom_events: bool | None = None
    json_fields: frozenset[str] = field(init=False)
    """The columns of contacts that hold JSON text."""

    def __post_init__(self) -> None:
        custom = (item.key for item in self.fields.values() if item.type is CustomFieldType.JSON)
        self.json_fields = frozenset((*JSON_FIELDS, *custom))

    @classmethod
    def read(cls, cursor: duckdb.DuckDBPyConnection, change_count: int) -> WriterMemory:
        """What the store says now."""
        (numbers,) = cursor.execute(
            """
            SELECT (SELECT greatest(coalesce(max(contact_id), -1), (SELECT coalesce(max(contact_id), -1) FROM retired))
                    FROM contacts),
                (SELECT coalesce(max(sequence), 0) FROM timeline),
                (SELECT coalesce(max(sequence), 0) FROM outbox),
                (SELECT count(*) > 0 FROM suppressed),
                (SELECT count(*) FROM identities),
                greatest((SELECT coalesce(max(sequence), 0) FROM webhook_outbox),
                    (SELECT coalesce(max(outbox_sequence), 0) FROM webhook_progress))
            """
        ).fetchall()
        lists = cursor.execute(f"SELECT {', '.join(LIST_COLUMNS)} FROM lists").fetchall()
        tags = cursor.execute("SELECT name, color, created_at FROM tags").fetchall()
        settings = cursor.execute("SELECT name, value FROM settings").fetchall()
        return cls(
            change_count=change_count,
            schema=cursor.sql("FROM contacts LIMIT 0").to_arrow_table().schema,
            next_contact_id=numbers[0] + 1,
            next_sequence=numbers[1] + 1,
            next_mail_sequence=max(numbers[2], _last_sent(dict(settings))) + 1,
            zones={name: number for number, name in cursor.execute("SELECT zone_id, name FROM zones").fetchall()},
            lists={row[0]: ListRow(*row[:2], *(bool(flag) for flag in row[2:4]), *row[4:]) for row in lists},
            fields={item.key: item for item in stored_fields(cursor)},
            tags={row[0]: TagRow(*row) for row in tags},
            webhooks=stored_webhooks(cursor),
            next_outbox_sequence=numbers[5] + 1,
            settings={name: json.loads(value) for name, value in settings},
            has_suppressed=numbers[3],
            identity_count=numbers[4],
            touched=ContactFlags(i for (i,) in cursor.execute("SELECT DISTINCT contact_id FROM touched").fetchall()),
        )

    def forget_touched(self, epoch: int) -> None:
        """Nobody is touched any more: the store's `touched_epoch` says so."""
        self.touched, self.touched_epoch = ContactFlags(), epoch

    @property
    def merging_identities(self) -> frozenset[str]:
        """The kinds of identity by which contacts are merged."""
        kinds = self.settings["merging_identities"]
        assert isinstance(kinds, list)
        return frozenset(kinds)

    @property
    def told_types(self) -> frozenset[str]:
        """Types, and patterns of types, that webhooks are to be told of."""
        return frozenset(name for row in self.webhooks.values() if row.is_enabled for name in row.event_types)

    @property
    def secret(self) -> str:
        """What signs links and hides suppressed e-mails."""
        return str(self.settings["secret"])

    def count_lookups(self, cursor: duckdb.DuckDBPyConnection, count: int) -> None:
        """Say that so many identities are to be looked up now. Sooner or later all are read, when that is cheaper.

        So looking up and reading never cost more than twice what the better one of them would have.
        """
        by_key = count <= MOST_KEYS_BY_INDEX
        self._lookup_seconds += count * SECONDS_PER_KEY if by_key else self.identity_count * SECONDS_PER_JOINED_ROW
        if self._lookup_seconds > self.identity_count * SECONDS_PER_READ_ROW:
            self.load_identities(cursor)

    def load_identities(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Read the owners of all identities, if they were not read before."""
        if self.identities is None:
            self.identities = loaded_identities(cursor)

    def has_timeline_custom_events(self, cursor: duckdb.DuckDBPyConnection) -> bool:
        """Whether files brought custom events into the timeline itself; looked up at the first call."""
        if self._timeline_custom_events is None:
            query = "SELECT count(*) > 0 FROM (SELECT 1 FROM timeline WHERE starts_with(kind, 'custom_event.') LIMIT 1)"
            ((self._timeline_custom_events,),) = cursor.execute(query).fetchall()
        return bool(self._timeline_custom_events)

    def known_event_ids(self, cursor: duckdb.DuckDBPyConnection) -> EventIds:
        """The ids of all timeline events; read at the first call."""
        if self.event_ids is None:
            self.event_ids = loaded_ids(cursor)
        return self.event_ids

    def known_custom_events(self, cursor: duckdb.DuckDBPyConnection) -> EventIds:
        """The keys of all custom events; read at the first call."""
        if self.custom_event_keys is None:
            self.custom_event_keys = loaded_keys(cursor)
        return self.custom_event_keys


def _last_sent(settings: Mapping[str, str]) -> int:
    return int(settings.get(LAST_SENT_MAIL, "0"))
