"""All that a group of writes reads and changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import duckdb

from engine.storage.arrow_rows import (
    INCOMING,
    contact_ids,
    incoming,
    insert,
    instants,
    numbers,
    table_of,
    texts,
)
from engine.storage.changes.contact_rows import ContactRows
from engine.storage.changes.custom_event_rows import CustomEventRows, Key, key_hashes
from engine.storage.changes.earlier_rows import write_earlier_identities, write_earlier_lists
from engine.storage.changes.event_ids import id_hashes
from engine.storage.changes.identity_rows import IdentityRows
from engine.storage.changes.memory import LAST_SENT_MAIL, LIST_COLUMNS, ListRow, TagRow, WriterMemory
from engine.storage.changes.subscription_rows import SubscriptionRows
from engine.storage.changes.timeline_rows import (
    TimelineRow,
    TimelineRows,
    add_entries,
    entries_between,
    json_text,
    move_rows,
)
from engine.storage.changes.webhook_outbox import OutboxRow, WebhookOutbox, write_outbox
from engine.storage.contact_lookup import stored_retired, successor_by
from engine.storage.store import begin_generation, history_begins
from engine.storage.webhooks import WebhookRow, write_webhooks


class Needs(NamedTuple):
    """What a write will read, so that a group's needs are read together.

    Only the ids of events must be named; whatever else is not is read when it is asked for. A tuple, because many are
    made in a second.
    """

    identities: tuple[str, ...] = ()
    contacts: bool = False
    subscriptions: bool = False
    event_ids: tuple[str, ...] = ()
    custom_events: tuple[Key, ...] = ()
    contact_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """What must be mailed: a row of the outbox."""

    mail: str
    contact_id: int
    list_id: str
    template_id: str | None


@dataclass(slots=True)
class _SmallTables:
    """Changes of lists, tags and webhooks, which are few."""

    lists: dict[str, ListRow] = field(default_factory=dict)
    tags: dict[str, TagRow | None] = field(default_factory=dict)
    webhooks: dict[str, WebhookRow | None] = field(default_factory=dict)


class ChangeSet:
    """What a group of writes reads and changes, in memory until `write` puts it into the store in a few statements.

    A write first checks, then changes: one that raises has changed nothing. Instants are naive, in UTC; `now` is the
    same for the whole group.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection, memory: WriterMemory, now: datetime) -> None:
        self.cursor, self.memory, self.now = cursor, memory, now
        self.contacts = ContactRows(cursor, memory.schema, memory.next_contact_id)
        self.identities = IdentityRows(cursor, memory.identities)
        self.subscriptions = SubscriptionRows(cursor)
        self.timeline = TimelineRows(cursor, None)
        self.custom_events = CustomEventRows(cursor, None)
        self._small = _SmallTables()
        self._mails: list[Mail] = []
        self._outbox = WebhookOutbox(memory.told_types)
        self._outbox_count = 0
        self._retired: list[tuple[int, int | None, str | None]] = []
        self._has_direct_changes = False
        self._direct_entry_count = 0
        self._touched: set[int] = set()
        self._touched_in_all: set[int] = set()
        self.needs_new_memory = False
        """Whether the small tables or columns were changed by statements that were run at once."""

    # --- reading ------------------------------------------------------------------------------------------------------

    def load(self, needs: Iterable[Needs]) -> None:
        """Read what a group of writes needs, all of it together."""
        needs = list(needs)
        if event_ids := [event_id for need in needs for event_id in need.event_ids]:
            self.timeline = TimelineRows(self.cursor, self.memory.known_event_ids(self.cursor))
            self.timeline.load(event_ids)
        if keys := [key for need in needs for key in need.custom_events]:
            self.custom_events = CustomEventRows(self.cursor, self.memory.known_custom_events(self.cursor))
            self.custom_events.load(keys)
        self.identities.load(identity for need in needs for identity in need.identities)
        self.contacts.load(self._owners(need for need in needs if need.contacts))
        self.subscriptions.load(self._owners(need for need in needs if need.subscriptions))

    def _owners(self, needs: Iterable[Needs]) -> set[int]:
        found: set[int | None] = set()
        for need in needs:
            found.update(self.identities.owner(identity) for identity in need.identities)
            found.update(need.contact_ids)
        return {owner for owner in found if owner is not None}

    def known_list(self, list_id: str) -> ListRow | None:
        """A list as it is now, perhaps deleted; None where there never was one."""
        return self._small.lists.get(list_id) or self.memory.lists.get(list_id)

    def live_list(self, list_id: str) -> ListRow | None:
        """A list as it is now; None where there is none, or it was deleted."""
        row = self.known_list(list_id)
        return row if row is not None and row.deleted_at is None else None

    def live_lists(self) -> list[ListRow]:
        """All lists as they are now, but deleted ones."""
        rows = {**self.memory.lists, **self._small.lists}
        return [row for row in rows.values() if row.deleted_at is None]

    def successor(self, contact_id: int) -> int | None:
        """The contact that one was merged into, itself where it is there as it was, None where it was deleted."""
        retired = {contact_id: merged_into for contact_id, merged_into, _ in self._retired}
        return successor_by({**dict(stored_retired(self.cursor, contact_id)), **retired}, contact_id)

    def tag(self, name: str) -> TagRow | None:
        """A tag as it is now; None where it was not defined."""
        return self._small.tags[name] if name in self._small.tags else self.memory.tags.get(name)

    # --- changing -----------------------------------------------------------------------------------------------------

    def put_list(self, row: ListRow) -> None:
        """Add or change a list."""
        self._small.lists[row.id] = row

    def put_tag(self, name: str, row: TagRow | None) -> None:
        """Add, change or (None) remove a tag."""
        self._small.tags[name] = row

    def webhook(self, webhook_id: str) -> WebhookRow | None:
        """A webhook as it is now; None where there is none."""
        changed = self._small.webhooks
        return changed[webhook_id] if webhook_id in changed else self.memory.webhooks.get(webhook_id)

    def put_webhook(self, webhook_id: str, row: WebhookRow | None) -> None:
        """Add, change or (None) remove a webhook; it is told of what comes after this group of writes."""
        self._small.webhooks[webhook_id] = row

    def tell(self, kind: str, contact_id: int, data: object) -> None:
        """Tell webhooks of something that no entry of the timeline says."""
        if self._outbox.wants(kind):
            self._outbox.tell(OutboxRow(kind, contact_id, self.now, json_text(data)), after=self.timeline.count)

    def send(self, mail: Mail) -> None:
        """Have something mailed."""
        self._mails.append(mail)

    def keep_mail_numbers(self) -> None:
        """See to it that no number of a mail is given again, although mails of the outbox go."""
        last = str(self.memory.next_mail_sequence - 1)
        self.cursor.execute("DELETE FROM settings WHERE name = $1", [LAST_SENT_MAIL])
        self.cursor.execute("INSERT INTO settings VALUES ($1, $2)", [LAST_SENT_MAIL, last])

    def retire(self, contact_id: int, *, merged_into: int | None, last_row: str | None) -> None:
        """Remove a contact for good. `last_row` is what it was, as a JSON object, None if it is to be forgotten."""
        self.contacts.remove(contact_id)
        self._retired.append((contact_id, merged_into, last_row))

    def history_begins_now(self) -> None:
        """Say that what was before cannot be told exactly any more."""
        self._has_direct_changes = True
        history_begins(self.cursor, self.now)

    def move_messages(self, from_ids: Collection[int], to_id: int) -> None:
        """Let what must be mailed to some contacts, or told of them, be mailed to and told of another one."""
        for table in ("outbox", "webhook_outbox", "webhook_deliveries"):
            move_rows(self.cursor, table, from_ids, to_id)
        self._outbox.move(from_ids, to_id)
        self._mails = [replace(mail, contact_id=to_id) if mail.contact_id in from_ids else mail for mail in self._mails]

    def execute(self, statement: str, parameters: Iterable[object] = ()) -> list[tuple[object, ...]]:
        """Run a statement that changes stored rows at once, within the group's transaction."""
        self._has_direct_changes = True
        return self.cursor.execute(statement, list(parameters)).fetchall()

    def add_entries(self, rows: str, parameters: Iterable[object] = ()) -> None:
        """Add a timeline entry for every row of a query, at once.

        Columns: contact_id, kind, entity_type, entity_id, operation, changes, old_values. Entries that wait in memory
        follow them.
        """
        self._has_direct_changes = True
        first = self.memory.next_sequence + self._direct_entry_count
        self._direct_entry_count += add_entries(self.cursor, rows, list(parameters), first_sequence=first, at=self.now)

    def touch(self, ids: Iterable[int]) -> None:
        """Say that memberships of contacts may have changed through a statement that was run at once."""
        self._touched.update(ids)

    # --- writing ------------------------------------------------------------------------------------------------------

    def write(self) -> bool:
        """Put all changes into the store; whether there were any."""
        touched = self._touched_in_all = self._all_touched()
        self.contacts.write()
        changed = [
            self.identities.write(),
            self.subscriptions.write(),
            self.custom_events.write(self.now),
            bool(self.timeline.write(self.memory.next_sequence + self._direct_entry_count, self.now)),
            self._write_lists(),
            self._write_tags(),
            self._write_mails(),
            self._write_webhooks(),
            self._write_retired(),
            bool(touched),
            self._has_direct_changes,
        ]
        if not any(changed):
            return False
        self._write_earlier()
        if new_keys := self.custom_events.new_keys:
            self._touched_in_all = touched = touched | self._drop_events_counted_twice(new_keys)
        self._write_touched(self.memory.touched.missing(touched))
        begin_generation(self.cursor)
        return True

    def remember(self) -> None:
        """Let the writer's memory know what `write` wrote, once it is committed."""
        memory = self.memory
        memory.next_contact_id = self.contacts.next_id
        memory.next_sequence += self._direct_entry_count + self.timeline.count
        memory.next_mail_sequence += len(self._mails)
        memory.next_outbox_sequence += self._outbox_count
        if memory.identities is not None:
            memory.identities.change(self.identities.written)
        memory.lists.update(self._small.lists)
        for name, row in self._small.tags.items():
            if row is None:
                memory.tags.pop(name, None)
            else:
                memory.tags[name] = row
        for webhook_id, webhook in self._small.webhooks.items():
            if webhook is None:
                memory.webhooks.pop(webhook_id, None)
            else:
                memory.webhooks[webhook_id] = webhook
        memory.touched.add(self._touched_in_all)
        if memory.event_ids is not None:
            memory.event_ids.add(id_hashes(self.timeline.new_ids))
        if memory.custom_event_keys is not None:
            memory.custom_event_keys.add(key_hashes(self.custom_events.new_keys))

    def _all_touched(self) -> set[int]:
        return (
            self.contacts.touched
            | self.subscriptions.touched
            | self.timeline.touched
            | self.custom_events.touched
            | self._touched
        )

    def _drop_events_counted_twice(self, keys: Collection[Key]) -> set[int]:
        """Take events out of the timeline that are custom events now: files may have brought them in as both.

        Whose they were: perhaps others than those whom the custom events are of now. What they said of the time before
        is not known any more where the custom event says something else.
        """
        if not self.memory.has_timeline_custom_events(self.cursor):
            return set()
        columns = {
            "kind": texts([f"custom_event.{name}" for name, _ in keys]),
            "entity_id": texts([external_id for _, external_id in keys]),
        }
        with incoming(self.cursor, table_of(columns)):
            dropped = self.cursor.execute(
                f"""
                DELETE FROM timeline USING {INCOMING} AS k
                WHERE timeline.kind = k.kind AND timeline.entity_id = k.entity_id
                RETURNING timeline.contact_id, timeline.kind, timeline.entity_id, timeline.occurred_at
                """
            ).fetchall()
        for contact_id, kind, external_id, at in dropped:
            versions = self.custom_events.versions((kind.removeprefix("custom_event."), external_id))
            if all((row.contact_id, row.occurred_at) != (contact_id, at) for row in versions):
                history_begins(self.cursor, self.now)
                break
        return {contact_id for contact_id, *_ in dropped}

    def _write_earlier(self) -> None:
        """Keep what this replaces, where no entry of the timeline says it.

        New contacts replace nothing, and of who is deleted nothing is kept.
        """
        sequence = self.memory.next_sequence
        new_owners = self.identities.written
        deleted_ids = {contact_id for contact_id, merged_into, _ in self._retired if merged_into is None}
        owners = {
            identity: owner
            for identity, owner in self.identities.earlier.items()
            if owner not in deleted_ids and (owner is not None or not self.contacts.is_new(new_owners[identity]))
        }
        write_earlier_identities(self.cursor, owners, sequence=sequence, until_at=self.now)
        deleted = {
            list_id: old.deleted_at
            for list_id, row in self._small.lists.items()
            if (old := self.memory.lists.get(list_id)) is not None and old.deleted_at != row.deleted_at
        }
        write_earlier_lists(self.cursor, deleted, sequence=sequence, until_at=self.now)

    def _write_lists(self) -> bool:
        rows = list(self._small.lists.values())
        for row in rows:
            self.cursor.execute("DELETE FROM lists WHERE id = $1", [row.id])
            names, places = ", ".join(LIST_COLUMNS), ", ".join(f"${n}" for n in range(1, len(LIST_COLUMNS) + 1))
            values = [getattr(row, name) for name in LIST_COLUMNS]
            self.cursor.execute(f"INSERT INTO lists ({names}) VALUES ({places})", values)
        return bool(rows)

    def _write_tags(self) -> bool:
        for name, row in self._small.tags.items():
            self.cursor.execute("DELETE FROM tags WHERE name = $1", [name])
            if row is not None:
                self.cursor.execute("INSERT INTO tags VALUES ($1, $2, $3)", [row.name, row.color, row.created_at])
        return bool(self._small.tags)

    def _write_mails(self) -> bool:
        mails, first = self._mails, self.memory.next_mail_sequence
        if mails:
            columns = {
                "sequence": numbers(range(first, first + len(mails))),
                "mail": texts([mail.mail for mail in mails]),
                "contact_id": contact_ids([mail.contact_id for mail in mails]),
                "list_id": texts([mail.list_id for mail in mails]),
                "template_id": texts([mail.template_id for mail in mails]),
                "created_at": instants([self.now] * len(mails)),
            }
            insert(self.cursor, "outbox", table_of(columns))
        return bool(mails)

    def _write_webhooks(self) -> bool:
        """What there is to tell, then the webhooks that are others: whoever is new hears of what comes next."""
        direct = self._direct_entries() if self._direct_entry_count and self._outbox.wants_any else []
        rows = self._outbox.rows(direct, self.timeline.added)
        first = self.memory.next_outbox_sequence
        write_outbox(self.cursor, rows, first_sequence=first, recorded_at=self.now)
        self._outbox_count = len(rows)
        last = first + len(rows) - 1
        write_webhooks(self.cursor, self._small.webhooks, self.memory.webhooks, last_sequence=last)
        return bool(rows or self._small.webhooks)

    def _direct_entries(self) -> list[TimelineRow]:
        first = self.memory.next_sequence
        return entries_between(self.cursor, first, first + self._direct_entry_count - 1)

    def _write_retired(self) -> bool:
        rows = self._retired
        if rows:
            columns = {
                "contact_id": contact_ids([contact_id for contact_id, _, _ in rows]),
                "merged_into": contact_ids([merged_into for _, merged_into, _ in rows]),
                "last_row": texts([last_row for _, _, last_row in rows]),
                "retired_at": instants([self.now] * len(rows)),
            }
            insert(self.cursor, "retired", table_of(columns))
        return bool(rows)

    def _write_touched(self, touched: Sequence[int]) -> None:
        if touched:
            insert(self.cursor, "touched", table_of({"contact_id": contact_ids(touched)}))
