"""The subscriptions that a group of writes reads and changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import duckdb

from engine.storage.arrow_rows import INCOMING, contact_ids, incoming, insert, instants, table_of, texts
from engine.storage.subscription_rules import Cause, Step, next_step, tightens


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A contact's status on a list. Instants are naive, in UTC; `updated_at` is that of the last change of status."""

    status: str
    created_at: datetime | None
    updated_at: datetime | None


class SubscriptionRows:
    """Subscriptions by contact and list."""

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._loaded: set[int] = set()
        self._stored: dict[int, dict[str, SubscriptionRow]] = {}
        self._changed: dict[int, dict[str, SubscriptionRow | None]] = {}

    def load(self, ids: Iterable[int]) -> None:
        """Read all subscriptions of contacts, of those that were not read before."""
        missing = sorted(set(ids) - self._loaded)
        if not missing:
            return
        self._loaded.update(missing)
        with incoming(self._cursor, table_of({"contact_id": contact_ids(missing)})):
            rows = self._cursor.execute(
                f"""
                SELECT contact_id, list_id, status, created_at, updated_at
                FROM subscriptions SEMI JOIN {INCOMING} USING (contact_id)
                """
            ).fetchall()
        for contact_id, list_id, *values in rows:
            self._stored.setdefault(contact_id, {})[list_id] = SubscriptionRow(*values)

    def get(self, contact_id: int, list_id: str) -> SubscriptionRow | None:
        """A contact's subscription to a list as it is now."""
        return self.of_contact(contact_id).get(list_id)

    def of_contact(self, contact_id: int) -> dict[str, SubscriptionRow]:
        """A contact's subscriptions as they are now, by list."""
        self.load([contact_id])
        rows = dict(self._stored.get(contact_id, {}))
        for list_id, row in self._changed.get(contact_id, {}).items():
            if row is None:
                rows.pop(list_id, None)
            else:
                rows[list_id] = row
        return rows

    def follow(self, contact_id: int, list_id: str, cause: Cause, *, is_double_optin: bool, at: datetime) -> Step:
        """Let a subscription take the step that the rules give it; which one that was."""
        old = self.get(contact_id, list_id)
        step = next_step(cause, None if old is None else old.status, is_double_optin=is_double_optin)
        if step.kind is not None and step.status is not None:
            self._set(contact_id, list_id, step.status, at)
        return step

    def tighten(self, contact_id: int, list_id: str, status: str, at: datetime) -> bool:
        """Give a subscription the status of an event where the rules let it; whether they did."""
        old = self.get(contact_id, list_id)
        if old is None:
            is_changed = tightens(None, None, event_status=status, event_at=at)
        else:
            chosen_at = old.updated_at or old.created_at
            is_changed = tightens(old.status, chosen_at, event_status=status, event_at=at)
        if is_changed:
            self._set(contact_id, list_id, status, at)
        return is_changed

    def _set(self, contact_id: int, list_id: str, status: str, at: datetime) -> None:
        old = self.get(contact_id, list_id)
        self.put(contact_id, list_id, SubscriptionRow(status, at if old is None else old.created_at, at))

    def put(self, contact_id: int, list_id: str, row: SubscriptionRow | None) -> None:
        """Change, add or (None) remove a subscription, by no rule: `follow` and `tighten` keep them."""
        self.load([contact_id])
        self._changed.setdefault(contact_id, {})[list_id] = row

    @property
    def touched(self) -> set[int]:
        """The contacts with subscriptions that were changed."""
        return set(self._changed)

    def write(self) -> bool:
        """Write what changed; whether anything did."""
        if not self._changed:
            return False
        changed = {(owner, list_id): row for owner, rows in self._changed.items() for list_id, row in rows.items()}
        self._delete(changed)
        kept = [(key, row) for key, row in changed.items() if row is not None]
        if kept:
            columns = {
                "contact_id": contact_ids([contact_id for (contact_id, _), _ in kept]),
                "list_id": texts([list_id for (_, list_id), _ in kept]),
                "status": texts([row.status for _, row in kept]),
                "created_at": instants([row.created_at for _, row in kept]),
                "updated_at": instants([row.updated_at for _, row in kept]),
            }
            insert(self._cursor, "subscriptions", table_of(columns))
        return True

    def _delete(self, keys: Collection[tuple[int, str]]) -> None:
        columns = {
            "contact_id": contact_ids([contact_id for contact_id, _ in keys]),
            "list_id": texts([list_id for _, list_id in keys]),
        }
        with incoming(self._cursor, table_of(columns)):
            self._cursor.execute(
                f"""
                DELETE FROM subscriptions USING {INCOMING} AS gone
                WHERE subscriptions.contact_id = gone.contact_id AND subscriptions.list_id = gone.list_id
                """
            )
