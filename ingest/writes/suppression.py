"""E-mails that were deleted and must not come in again: kept as hashes with the workspace's own secret."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.errors import SuppressedContactError
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.changes.identity_rows import kind_of
from engine.storage.suppressed import suppressed_hash
from ingest.writes.write import Outcome


def check_none_suppressed(changes: ChangeSet, identities: Iterable[str]) -> None:
    """Raises: SuppressedContactError for an e-mail that is new here, was deleted, and must not come in again."""
    if not changes.memory.has_suppressed:
        return
    for identity in identities:
        if kind_of(identity) == "email" and changes.identities.owner(identity) is None:
            _, _, email = identity.partition(":")
            email_hash = suppressed_hash(changes.memory.secret, email)
            if changes.cursor.execute("SELECT 1 FROM suppressed WHERE email_hash = $1", [email_hash]).fetchall():
                raise SuppressedContactError(email)


def suppress(changes: ChangeSet, emails: Iterable[str]) -> None:
    """Let e-mails not come in again."""
    for email in emails:
        row = [suppressed_hash(changes.memory.secret, email), changes.now]
        changes.execute("INSERT INTO suppressed VALUES ($1, $2) ON CONFLICT DO NOTHING", row)
        changes.memory.has_suppressed = True  # too early if the transaction fails, and then only slower


@dataclass(frozen=True, slots=True)
class Unsuppress:
    """An e-mail (normalised) that may come in again."""

    email: str

    def needs(self) -> Needs:
        """Nothing."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Forget its hash."""
        query = "DELETE FROM suppressed WHERE email_hash = $1 RETURNING 1"
        is_found = changes.execute(query, [suppressed_hash(changes.memory.secret, self.email)])
        return Outcome.UPDATED if is_found else Outcome.UNCHANGED
