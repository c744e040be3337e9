"""Contacts page by page, newest first: all of them, or those that a filter finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from types import MappingProxyType

import pyarrow as pa

from engine.errors import InvalidValueError, UnknownListError, UnknownSegmentError, did_you_mean
from engine.execute.contact_records import ContactRecord, contact_records
from engine.execute.contact_set import ContactSet
from engine.execute.memberships import Memberships
from engine.storage import Store
from engine.storage.segments import stored_segments

FULL_NAME = "full_name"

SEARCHED_FIELDS = ("email", "external_id", "first_name", "last_name", FULL_NAME, "phone", "country", "language")
"""What a part of can be looked for; the full name is the first and the last one."""

_FULL_NAME_SQL = "concat_ws(' ', c.first_name, c.last_name)"


@dataclass(frozen=True, slots=True)
class ContactFilter:
    """Which contacts: all that hold. `parts` are looked for in fields, whatever the case.

    `list_id`: on this list, with `list_status` if that is given; a status alone is that on any list. `segment_ids`: in
    any of these segments, as last computed. `among`: these alone.
    """

    parts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    list_id: str | None = None
    list_status: str | None = None
    segment_ids: tuple[str, ...] = ()
    among: ContactSet | None = None

    def __post_init__(self) -> None:
        for name in self.parts:
            if name not in SEARCHED_FIELDS:
                raise InvalidValueError("parts", name, f"cannot be searched; {did_you_mean(name, SEARCHED_FIELDS)}")


@dataclass(frozen=True, slots=True)
class ContactPage:
    """Some contacts, newest first; `next_before` is where the next page begins, None on the last one."""

    contacts: tuple[ContactRecord, ...]
    next_before: int | None


def list_contacts(
    store: Store, wanted: ContactFilter, memberships: Memberships, *, before: int | None, limit: int
) -> ContactPage:
    """A page of contacts that came before one; from the newest on if `before` is None.

    Pages do not shift when contacts come or go between them. Raises: UnknownListError, UnknownSegmentError.
    """
    with store.reading() as cursor:
        conditions = ["c.contact_id < $before"]
        values: dict[str, object] = {"before": 2**31 if before is None else before, "limit": limit + 1}
        for number, (name, part) in enumerate(wanted.parts.items()):
            column = _FULL_NAME_SQL if name == FULL_NAME else f'c."{name}"'
            conditions.append(f"contains(lower({column}), lower($part_{number}))")
            values[f"part_{number}"] = part
        if wanted.list_id is not None or wanted.list_status is not None:
            conditions.append(_subscribed(store, wanted, values))
        in_any = _in_any(store, wanted.segment_ids, memberships) if wanted.segment_ids else None
        for name, members in (("in_any", in_any), ("among", wanted.among)):
            if members is not None:
                cursor.register(name, pa.table({"contact_id": members.ids()}))
                conditions.append(f"c.contact_id IN (SELECT contact_id FROM {name})")
        query = f"""
            SELECT c.contact_id FROM contacts AS c WHERE {" AND ".join(conditions)}
            ORDER BY c.contact_id DESC LIMIT $limit
        """
        contact_ids = [contact_id for (contact_id,) in cursor.execute(query, values).fetchall()]
        page = contact_ids[:limit]
        records = contact_records(cursor, page, memberships)
    return ContactPage(tuple(records), page[-1] if len(contact_ids) > limit else None)


def _subscribed(store: Store, wanted: ContactFilter, values: dict[str, object]) -> str:
    conditions = ["s.contact_id = c.contact_id", "l.deleted_at IS NULL"]
    if wanted.list_id is not None:
        known = {list_id for list_id, deleted_at in store.catalog(has_zones=False).lists.items() if deleted_at is None}
        if wanted.list_id not in known:
            raise UnknownListError(wanted.list_id, path="list_id", known=known)
        conditions.append("s.list_id = $list_id")
        values["list_id"] = wanted.list_id
    if wanted.list_status is not None:
        conditions.append("s.status = $list_status")
        values["list_status"] = wanted.list_status
    where = " AND ".join(conditions)
    return f"EXISTS (SELECT 1 FROM subscriptions AS s JOIN lists AS l ON l.id = s.list_id WHERE {where})"


def _in_any(store: Store, segment_ids: tuple[str, ...], memberships: Memberships) -> ContactSet:
    known = stored_segments(store)
    for segment_id in segment_ids:
        if segment_id not in known:
            raise UnknownSegmentError(segment_id, known=known)
    members = [memberships[name].members for name in segment_ids if name in memberships]
    capacity = max((item.capacity for item in members), default=0)
    return reduce(or_, (item.widened(capacity) for item in members), ContactSet.none(capacity))
