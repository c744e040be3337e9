"""Lists, and which contacts are on them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.generator.columns import INSTANT, PICKED, Column, instant_column, picked_column
from ingest.generator.journeys import Step
from ingest.generator.randomness import draw_slots, weighted_slots
from ingest.generator.rhythm import DAY_US, SECOND_US
from ingest.generator.steps import Steps

_LIST_TYPES: dict[str, pa.DataType] = {
    "id": pa.string(),
    "name": pa.string(),
    "is_public": pa.bool_(),
    "is_double_optin": pa.bool_(),
    "deleted_at": INSTANT,
}
LIST_SCHEMA = pa.schema(_LIST_TYPES)
SUBSCRIPTION_SCHEMA = pa.schema({"email": PICKED, "list_id": PICKED, "status": PICKED, "created_at": INSTANT})

_STATUSES = ("active", "pending", "unsubscribed", "bounced", "complained")
_ACTIVE, _PENDING, _UNSUBSCRIBED, _BOUNCED, _COMPLAINED = range(len(_STATUSES))
_STATUS_OF_GOODBYE = {Step.UNSUBSCRIBE: _UNSUBSCRIBED, Step.HARD_BOUNCE: _BOUNCED, Step.COMPLAIN: _COMPLAINED}

# A contact that is still written to can only have left by hand; one without any event may have come with any status.
_STAYING_SLOTS = weighted_slots((96, 0, 4))
_STAYING_DOUBLE_OPTIN_SLOTS = weighted_slots((89, 7, 4))
_UNTOUCHED_SLOTS = weighted_slots((80, 10, 6, 3.5, 0.5))

_DELETED_LIST_AGE_US = 200 * DAY_US


@dataclass(frozen=True, slots=True)
class MailingList:
    """A list of the generated world and the ratio of contacts that are on it."""

    id: str
    name: str
    is_public: bool
    is_double_optin: bool
    is_deleted: bool
    member_ratio: float


LISTS: tuple[MailingList, ...] = (
    MailingList("news", "Weekly news", True, False, False, 0.85),
    MailingList("products", "New products", True, True, False, 0.40),
    MailingList("vip", "VIP customers", False, False, False, 0.06),
    MailingList("beta", "Beta testers – früh dabei", True, True, False, 0.12),
    MailingList("winter-sale", "Winter sale", True, False, True, 0.25),
)


def list_table(until_us: int) -> pa.Table:
    """The lists, one of them deleted. Columns: those of LIST_SCHEMA."""
    deleted = np.array([entry.is_deleted for entry in LISTS])
    columns = {
        "id": [entry.id for entry in LISTS],
        "name": [entry.name for entry in LISTS],
        "is_public": [entry.is_public for entry in LISTS],
        "is_double_optin": [entry.is_double_optin for entry in LISTS],
        "deleted_at": instant_column(np.full(len(LISTS), until_us - _DELETED_LIST_AGE_US), ~deleted),
    }
    return pa.table(columns, schema=LIST_SCHEMA)


def goodbyes(steps: Steps, contact_count: int) -> npt.NDArray[np.uint8]:
    """Status that each contact's goodbye in these steps leads to, 0 for contacts that stay."""
    status = np.zeros(contact_count, dtype=np.uint8)
    for step, code in _STATUS_OF_GOODBYE.items():
        status[steps.contact[steps.step == step]] = code
    return status


def subscription_table(
    emails: Column,
    *,
    created_us: npt.NDArray[np.int64],
    event_count: npt.NDArray[np.int64],
    goodbye: npt.NDArray[np.uint8],
    until_us: int,
    rng: np.random.Generator,
) -> pa.Table:
    """Subscriptions of a chunk's contacts, list by list. Columns: those of SUBSCRIPTION_SCHEMA.

    Shape: emails, created_us, event_count and goodbye have one entry per contact.
    """
    contacts, lists, statuses, instants = [], [], [], []
    for code, entry in enumerate(LISTS):
        closed_us = until_us - _DELETED_LIST_AGE_US if entry.is_deleted else until_us
        joined = (rng.random(created_us.size) < entry.member_ratio) & (created_us < closed_us)
        contact = np.flatnonzero(joined)
        slots = draw_slots(rng, contact.size)
        staying = (_STAYING_DOUBLE_OPTIN_SLOTS if entry.is_double_optin else _STAYING_SLOTS)[slots]
        status = np.where(event_count[contact] == 0, _UNTOUCHED_SLOTS[slots], staying)
        # Whoever said goodbye had joined at the start: nobody joins a list after leaving it.
        early = (code == 0) | (goodbye[contact] > 0)
        wait_us = ((closed_us - created_us[contact]) * rng.random(contact.size) ** 4).astype(np.int64)
        contacts.append(contact)
        lists.append(np.full(contact.size, code))
        statuses.append(np.where(goodbye[contact] > 0, goodbye[contact], status))
        instants.append(created_us[contact] + np.where(early, np.minimum(wait_us, SECOND_US), wait_us))
    columns = {
        "email": picked_column(np.concatenate(contacts), emails),
        "list_id": picked_column(np.concatenate(lists), pa.array([entry.id for entry in LISTS])),
        "status": picked_column(np.concatenate(statuses), pa.array(_STATUSES)),
        "created_at": instant_column(np.concatenate(instants)),
    }
    return pa.table(columns, schema=SUBSCRIPTION_SCHEMA)
