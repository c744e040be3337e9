"""Tags: which there are, in which colour, and who has them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from engine.errors import InvalidValueError, InvalidWriteError, UnknownTagError, shown
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.changes.memory import TagRow
from engine.storage.changes.tag_statements import has_contacts, remove_tag, replace_tag, tags_of_contacts
from engine.storage.changes.timeline_rows import TimelineRow, json_text
from ingest import values
from ingest.values import RefusedValueError
from ingest.writes.kept import KEPT, Kept
from ingest.writes.matching import known_contact
from ingest.writes.write import CommittedAlone, Outcome

_COLOR = re.compile(r"#[0-9a-f]{6}")


@dataclass(frozen=True, slots=True)
class DefineTag:
    """A tag is to be there, whoever has it, perhaps in a colour."""

    name: str
    color: str | Kept | None

    def needs(self) -> Needs:
        """Nothing: tags are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Add it, or change its colour."""
        old = changes.tag(self.name)
        if old is None:
            changes.put_tag(self.name, TagRow(self.name, None if self.color is KEPT else self.color, changes.now))
            return Outcome.CREATED
        if self.color is KEPT or self.color == old.color:
            return Outcome.UNCHANGED
        changes.put_tag(self.name, replace(old, color=self.color))
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class ChangeTagsOfContact:
    """A contact is to have tags, or not (`is_added`)."""

    identity: str
    names: tuple[str, ...]
    is_added: bool

    def needs(self) -> Needs:
        """The contact."""
        return Needs(identities=(self.identity,), contacts=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Change its tags, with an entry for each. Raises: UnknownContactError."""
        contact_id = known_contact(changes, self.identity)
        changes.contacts.load_one(contact_id)
        old = changes.contacts.get(contact_id, "tags") or []
        changed = [name for name in self.names if (name in old) is not self.is_added]
        if not changed:
            return Outcome.UNCHANGED
        new = [*old, *changed] if self.is_added else [name for name in old if name not in changed]
        replaced = {"tags": old or None, "updated_at": changes.contacts.get(contact_id, "updated_at")}
        changes.contacts.change(contact_id, {"tags": new or None, "updated_at": changes.now})
        kind, operation = ("tag.added", "add") if self.is_added else ("tag.removed", "remove")
        for number, name in enumerate(changed):
            entry = TimelineRow(
                contact_id,
                kind,
                changes.now,
                entity_type="tag",
                entity_id=name,
                operation=operation,
                old_values=None if number else json_text(replaced),
            )
            changes.timeline.add(entry)
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class RenameTag(CommittedAlone):
    """A tag is to have another name, everywhere."""

    old: str
    new: str

    def needs(self) -> Needs:
        """Nothing: contacts are changed where they are stored."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Rename it. Raises: UnknownTagError, InvalidWriteError if the other name is that of a tag already."""
        check_known(changes, self.old)
        if self.old == self.new:
            return Outcome.UNCHANGED
        if is_known(changes, self.new):
            raise InvalidWriteError(
                "new", f"{shown(self.new)} is a tag already; merge {shown(self.old)} into it instead"
            )
        row = changes.tag(self.old)
        if row is not None:
            changes.put_tag(self.old, None)
            changes.put_tag(self.new, replace(row, name=self.new))
        replace_tag(changes, self.old, self.new, kind="tag.renamed", operation="rename")
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class MergeTag(CommittedAlone):
    """A tag is to be another one: whoever had it has the other."""

    tag: str
    into: str

    def needs(self) -> Needs:
        """Nothing: contacts are changed where they are stored."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Merge it; the other one keeps its colour, if it has one. Raises: UnknownTagError, InvalidWriteError."""
        if self.tag == self.into:
            raise InvalidWriteError("into", f"{shown(self.into)} is the tag itself; name another one")
        check_known(changes, self.tag)
        check_known(changes, self.into)
        row, other = changes.tag(self.tag), changes.tag(self.into)
        if row is not None:
            changes.put_tag(self.tag, None)
            if other is None:
                changes.put_tag(self.into, replace(row, name=self.into))
            elif other.color is None:
                changes.put_tag(self.into, replace(other, color=row.color))
        replace_tag(changes, self.tag, self.into, kind="tag.merged", operation="merge")
        return Outcome.MERGED


@dataclass(frozen=True, slots=True)
class DeleteTag(CommittedAlone):
    """A tag is to be there no more, and nobody's."""

    name: str

    def needs(self) -> Needs:
        """Nothing: contacts are changed where they are stored."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Delete it. Raises: UnknownTagError."""
        check_known(changes, self.name)
        if changes.tag(self.name) is not None:
            changes.put_tag(self.name, None)
        remove_tag(changes, self.name)
        return Outcome.DELETED


def read_tag(name: object, *, path: str = "name") -> str:
    """The name of a tag. Raises: InvalidValueError."""
    if not isinstance(name, str):
        raise InvalidValueError(path, name, "is no name of a tag: it must be text")
    return read_tags([name], path=path)[0]


def read_tags(names: object, *, path: str = "names") -> tuple[str, ...]:
    """Names of tags, each once. Raises: InvalidValueError."""
    given = list(names) if isinstance(names, tuple | set | frozenset) else names
    try:
        return tuple(values.tags(given))
    except RefusedValueError as error:
        raise InvalidValueError(path, names, str(error)) from None


def read_color(color: str | Kept | None) -> str | Kept | None:
    """A colour. Raises: InvalidValueError."""
    if color is None or color is KEPT:
        return color
    if not isinstance(color, str) or not _COLOR.fullmatch(color.lower()):
        raise InvalidValueError("color", color, "is no colour; write it like #1f6feb, or give null for none")
    return color.lower()


def is_known(changes: ChangeSet, name: str) -> bool:
    """Whether a tag was defined, or a contact has it."""
    return changes.tag(name) is not None or has_contacts(changes.cursor, name)


def check_known(changes: ChangeSet, name: str) -> None:
    """Raises: UnknownTagError."""
    if not is_known(changes, name):
        raise UnknownTagError(name, known={*changes.memory.tags, *tags_of_contacts(changes.cursor)})
