"""The tags of a workspace."""

from __future__ import annotations

from collections.abc import Collection

from engine.storage import Store
from engine.storage.tags import TagState, stored_tags
from ingest.writer import Writer
from ingest.writes.contact_address import Contact, read_address
from ingest.writes.kept import KEPT, Kept
from ingest.writes.tags import (
    ChangeTagsOfContact,
    DefineTag,
    DeleteTag,
    MergeTag,
    RenameTag,
    read_color,
    read_tag,
    read_tags,
)
from ingest.writes.write import Outcome


class Tags:
    """Reads and writes tags. A contact is an e-mail, or an object with `kind` and `value`.

    Every write is durable when it returns. A tag has 1 to 64 characters; segments that name a renamed, merged or
    deleted tag are not changed. Raises: InvalidValueError, UnknownTagError, UnknownContactError.
    """

    def __init__(self, store: Store, writer: Writer) -> None:
        self._store, self._writer = store, writer

    def define(self, name: str, color: str | Kept | None = KEPT) -> Outcome:
        """Let a tag be there before any contact has it, or give it a colour such as `#1f6feb`; None takes it away."""
        return self._writer.write_one(DefineTag(read_tag(name), read_color(color)))

    def all(self) -> list[TagState]:
        """All tags that were defined or that a contact has, in order of name."""
        return stored_tags(self._store)

    def rename(self, old: str, new: str) -> Outcome:
        """Give a tag another name, that of no other tag, on all contacts at once."""
        return self._writer.write_one(RenameTag(read_tag(old, path="old"), read_tag(new, path="new")))

    def merge(self, tag: str, into: str) -> Outcome:
        """Let whoever has a tag have another one instead."""
        return self._writer.write_one(MergeTag(read_tag(tag, path="tag"), read_tag(into, path="into")))

    def delete(self, name: str) -> Outcome:
        """Take a tag from all contacts, and forget its colour."""
        return self._writer.write_one(DeleteTag(read_tag(name)))

    def add(self, contact: Contact, names: Collection[str]) -> Outcome:
        """Give a contact tags; they need not be defined."""
        return self._writer.write_one(ChangeTagsOfContact(read_address(contact), read_tags(names), is_added=True))

    def remove(self, contact: Contact, names: Collection[str]) -> Outcome:
        """Take tags from a contact."""
        return self._writer.write_one(ChangeTagsOfContact(read_address(contact), read_tags(names), is_added=False))
