"""Words and limits that definitions and data share: statuses, goal types, names of events, sizes of values."""

from __future__ import annotations

SUBSCRIPTION_STATUSES = ("active", "pending", "unsubscribed", "bounced", "complained")

GOAL_TYPES = ("purchase", "subscription", "lead", "signup", "booking", "trial", "other")

GOAL_VALUE_DECIMALS = 9
MAX_GOAL_VALUE = 10**20
"""Goal values are smaller than this in size, so that a sum of a thousand million of them still has its decimals."""

CUSTOM_EVENT_PREFIX = "custom_event."
"""A timeline kind that begins so is a custom event; its name follows."""

OWN_KINDS = frozenset(
    {
        *("contact.created", "contact.updated", "contact.merged", "identity.added", "identity.removed"),
        *("tag.added", "tag.removed", "tag.renamed", "tag.merged", "event.deleted", "event.restored"),
        *("list.pending", "list.confirmed", "list.subscribed", "list.resubscribed"),
        *("list.unsubscribed", "list.bounced", "list.complained", "list.removed"),
    }
)
"""The kinds of the entries that populace writes into the timeline itself."""

E164_PATTERN = r"\+[1-9][0-9]{6,14}"
"""A phone number that can be dialled from everywhere. Source: ITU-T E.164."""

IDENTITY_KIND_PATTERN = r"[a-z][a-z0-9_]{0,31}"
LIST_ID_PATTERN = r"[A-Za-z0-9_.-]{1,64}"
EVENT_NAME_PATTERN = r"[A-Za-z0-9_.:/-]{1,100}"
KIND_PATTERN = rf"[a-z0-9_.:-]{{1,128}}|custom_event\.{EVENT_NAME_PATTERN}"

MAX_TEXT_CHARACTERS = 65_536

MOST_NESTED = 200
"""So many arrays and objects may lie in each other in a JSON value that is stored.

What tells of it (changes in the timeline, an export, a message of a webhook) puts it into a few more, and orjson writes
no more than 254."""
