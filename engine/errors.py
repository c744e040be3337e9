"""The whole error tree: what the caller can fix, and what is a bug of ours.

Every message says where, what is wrong, and what to do.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

SHOWN_VALUE_CHARACTERS = 80


class PopulaceError(Exception):
    """Anything that populace raises on purpose."""


class CallerError(PopulaceError):
    """The caller can fix it: exit code 2, HTTP 4xx."""


class InternalError(PopulaceError):
    """A bug of ours: exit code 1, HTTP 500."""


# --- definitions ------------------------------------------------------------------------------------------------------


class DefinitionError(CallerError):
    """A definition is not in the language; `path` names the node."""

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


class UnknownFieldError(DefinitionError):
    """A condition names a contact field that does not exist."""

    def __init__(self, field_name: str, *, path: str, known: Collection[str]) -> None:
        self.field_name = field_name
        super().__init__(path, f"no contact field is named {shown(field_name)}; {did_you_mean(field_name, known)}")


class UnknownListError(DefinitionError):
    """A condition names a list that the data does not have."""

    def __init__(self, list_id: str, *, path: str, known: Collection[str]) -> None:
        self.list_id = list_id
        hint = did_you_mean(list_id, known) if known else "the data has no lists at all"
        super().__init__(path, f"no list has the id {shown(list_id)}; {hint}")


class UnknownReferenceError(DefinitionError):
    """A condition names a segment that is not there."""

    def __init__(self, segment_id: str, *, path: str, known: Collection[str]) -> None:
        self.segment_id = segment_id
        super().__init__(path, f"no segment has the id {shown(segment_id)}; {did_you_mean(segment_id, known)}")


class UnknownSegmentError(CallerError):
    """A workspace has no segment of that id."""

    def __init__(self, segment_id: str, *, known: Collection[str]) -> None:
        self.segment_id = segment_id
        hint = did_you_mean(segment_id, known) if known else "there are none yet; apply some first"
        super().__init__(f"no segment has the id {shown(segment_id)}; {hint}")


class SegmentInUseError(CallerError):
    """A segment cannot go: others name it."""

    def __init__(self, segment_id: str, users: Collection[str]) -> None:
        self.segment_id, self.users = segment_id, tuple(users)
        super().__init__(
            f"segment {segment_id!r} is named by {', '.join(map(repr, self.users))}; change or delete those first"
        )


class NotAsPlannedError(CallerError):
    """Applying segments would not do what was planned."""

    def __init__(self, surprises: Sequence[str]) -> None:
        self.surprises = tuple(surprises)
        super().__init__(
            f"not as planned, nothing was stored: {'; '.join(surprises)}; plan again, or apply without --exactly"
        )


class NotComputedError(CallerError):
    """A segment has no members to show yet."""

    def __init__(self, segment_id: str, failure: str | None) -> None:
        self.segment_id = segment_id
        why = f"it failed: {failure}" if failure else "run: populace recompute"
        super().__init__(f"segment {segment_id!r} was not computed yet; {why}")


_IDENTITY_WORDS = {"email": "e-mail", "external_id": "external id"}


class UnknownContactError(CallerError):
    """A workspace has no contact of that e-mail, or of another identity."""

    def __init__(self, value: str, *, kind: str = "email") -> None:
        self.kind, self.value = kind, value
        super().__init__(f"no contact has the {_IDENTITY_WORDS.get(kind, kind)} {shown(value)}")


class NotYetContactError(CallerError):
    """An e-mail is a contact's, and was nobody's yet at an instant that has passed."""

    def __init__(self, email: str, as_of: datetime) -> None:
        self.email, self.as_of = email, as_of
        at = as_of.isoformat().replace("+00:00", "Z")
        super().__init__(f"{shown(email)} was not a contact yet at {at}: nobody's member; give a later instant")


class SegmentsFileError(CallerError):
    """A segments file cannot be read, or one of its segments is not valid."""


class UnsupportedByDialectError(CallerError):
    """Another SQL engine cannot say what a segment asks for, at least not with the same members."""

    def __init__(self, dialect: str, problem: str) -> None:
        self.dialect, self.problem = dialect, problem
        super().__init__(f"{dialect} cannot {problem}")


class InvalidPlanError(InternalError):
    """A plan node was built with arguments that cannot be: a bug in the planner."""

    def __init__(self, argument: str, problem: str) -> None:
        super().__init__(f"{argument}: {problem}")


# --- data that comes in -----------------------------------------------------------------------------------------------


class DatasetError(CallerError):
    """A dataset folder, or a file in it, cannot be used as a whole."""

    def __init__(self, file: Path | str, problem: str) -> None:
        self.file, self.problem = str(file), problem
        super().__init__(f"{file}: {problem}")


class BadRowError(DatasetError):
    """One row of a dataset file is not valid."""

    def __init__(self, file: Path | str, row: int, column: str, value: object, problem: str) -> None:
        super().__init__(file, f"row {row}, column {column}: {shown(value)} {problem}")
        self.row, self.column, self.value, self.problem = row, column, value, problem


class InvalidValueError(CallerError):
    """A value of a write is not valid; `path` names where it stands in what was given."""

    def __init__(self, path: str, value: object, problem: str) -> None:
        self.path, self.value, self.problem = path, value, problem
        super().__init__(f"{path}: {shown(value)} {problem}")


class InvalidWriteError(CallerError):
    """A write as a whole cannot be; `path` names where in what was given."""

    def __init__(self, path: str, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(f"{path}: {problem}")


class SuppressedContactError(CallerError):
    """A contact was deleted, and its e-mail must not come in again."""

    def __init__(self, email: str) -> None:
        self.email = email
        super().__init__(f"{shown(email)} was deleted and is not to come in again; leave this contact out")


class EventConflictError(CallerError):
    """An event has the id of another one that says something else."""

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        super().__init__(f"event {shown(event_id)} is there already, and says something else; give this one its own id")


class UnknownCustomEventError(CallerError):
    """A workspace has no custom event of that name and external id."""

    def __init__(self, event_name: str, external_id: str) -> None:
        self.event_name, self.external_id = event_name, external_id
        super().__init__(f"no custom event {shown(event_name)} has the external id {shown(external_id)}")


class IdentityConflictError(CallerError):
    """A write names identities of several contacts that may not be merged by them."""


class PrivateListError(CallerError):
    """A public form asks for a list that is not public."""

    def __init__(self, list_id: str) -> None:
        self.list_id = list_id
        super().__init__(f"list {shown(list_id)} is private: no form may subscribe to it; save it with is_public first")


class SubscriptionBlockedError(CallerError):
    """A subscription was refused by its mailbox or its owner, and an application asks for it again."""

    def __init__(self, contact: str, list_id: str, status: str) -> None:
        self.list_id, self.status = list_id, status
        super().__init__(
            f"{shown(contact)} has {status} on list {shown(list_id)}, and stays so; "
            "subscribe with force if you know that it is over"
        )


class UnknownTagError(CallerError):
    """A workspace has no tag of that name."""

    def __init__(self, name: str, *, known: Collection[str]) -> None:
        self.name = name
        hint = did_you_mean(name, known) if known else "there are none yet"
        super().__init__(f"no tag is named {shown(name)}; {hint}")


class UnknownMailTemplateError(CallerError):
    """A workspace has no template of mails of that id."""

    def __init__(self, template_id: str) -> None:
        self.template_id = template_id
        super().__init__(f"no template has the id {shown(template_id)}; save one, or list them to see which there are")


class UnknownWebhookError(CallerError):
    """A workspace has no webhook of that id."""

    def __init__(self, webhook_id: str) -> None:
        self.webhook_id = webhook_id
        super().__init__(f"no webhook has the id {shown(webhook_id)}; list them to see which there are")


class UnknownImportError(CallerError):
    """A workspace has no import of that id."""

    def __init__(self, import_id: str) -> None:
        self.import_id = import_id
        super().__init__(f"no import has the id {shown(import_id)}; list them to see which there are")


class UnknownCustomFieldError(CallerError):
    """A workspace has no custom field of that key, or it was retired."""

    def __init__(self, key: str, *, known: Collection[str]) -> None:
        self.key = key
        hint = did_you_mean(key, known) if known else "there are none; define one first"
        super().__init__(f"no custom field has the key {shown(key)}; {hint}")


class FieldInUseError(CallerError):
    """A custom field cannot be retired: segments look at it."""

    def __init__(self, key: str, segment_ids: Sequence[str]) -> None:
        self.key, self.segment_ids = key, tuple(segment_ids)
        names = ", ".join(repr(segment_id) for segment_id in segment_ids)
        super().__init__(f"{shown(key)} is in use by {names}; change or delete what uses it first")


class InvalidTokenError(CallerError):
    """The token of a link was not made by this workspace, or for another purpose, or its contact is no more."""


class ExpiredTokenError(InvalidTokenError):
    """The token of a link is genuine, and too old."""


# --- computing --------------------------------------------------------------------------------------------------------


class OutputError(CallerError):
    """A result cannot be written where the caller asked."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


class StoreError(CallerError):
    """The place that holds the tables cannot be used: no room, no permission."""


class SnapshotError(CallerError):
    """A snapshot cannot be written where the caller asked, or cannot be restored."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")


class BusyError(StoreError):
    """More writes wait than the workspace takes; nothing of this one was written."""

    def __init__(self, waiting_count: int) -> None:
        self.waiting_count = waiting_count
        super().__init__(f"{waiting_count:,} writes wait already; try again in a moment, or write from fewer threads")


class ClosedError(StoreError):
    """The workspace was closed, or stopped, before the write was committed."""

    def __init__(self) -> None:
        super().__init__("the workspace is closed; open it again to write")


class StepFailedError(InternalError):
    """A query step that we wrote failed; `sql` is its text."""

    def __init__(self, step: str, sql: str, cause: str) -> None:
        self.step, self.sql, self.cause = step, sql, cause
        super().__init__(f"step {step} failed: {cause}")


# --- the SQL door -----------------------------------------------------------------------------------------------------


class QueryRefusedError(CallerError):
    """An analyst's statement is not one that may run; the message says which part, and what may stand there."""


class QueryFailedError(CallerError):
    """An analyst's statement may run, and is wrong: a column that is not there, a cast that fails."""


class QueryLimitError(CallerError):
    """An analyst's statement needs more time or memory than it was given; `option` is what gives more."""

    def __init__(self, problem: str, *, option: str) -> None:
        self.problem, self.option = problem, option
        super().__init__(f"{problem}; ask for less, or give more with {option}")


# --- wording ----------------------------------------------------------------------------------------------------------


def shown(value: object) -> str:
    """The value as an error message quotes it: printable and short."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deep, or an integer of more digits than Python writes
        return f"a value of type {type(value).__name__}"
    if len(text) <= SHOWN_VALUE_CHARACTERS:
        return text
    return f"{text[:SHOWN_VALUE_CHARACTERS]}... ({len(text):,} characters)"


def did_you_mean(name: str, known: Collection[str]) -> str:
    """A hint for a name that does not exist: the nearest that does, else all of them (up to 50)."""
    close = get_close_matches(name, known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    names = sorted(known)
    more = f" and {len(names) - 50} more" if len(names) > 50 else ""
    return f"it can be {one_of(list(islice(names, 50)))}{more}"


def one_of(names: Sequence[str]) -> str:
    """`a, b or c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
