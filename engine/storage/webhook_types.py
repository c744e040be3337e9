"""What webhooks can be told of: types such as `contact.created`, and patterns such as `contact.*`."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from engine.definition.vocabulary import OWN_KINDS

TYPES: Mapping[str, str] = MappingProxyType(
    {
        "contact.created": "A contact is new.",
        "contact.updated": "Fields or tags of a contact are others.",
        "contact.merged": "Contacts turned out to be one.",
        "contact.deleted": "A contact was erased.",
        "list.pending": "A contact was asked to confirm that it wants to be on a list.",
        "list.confirmed": "It has confirmed.",
        "list.subscribed": "A contact is on a list.",
        "list.resubscribed": "It had left, and is on it again.",
        "list.unsubscribed": "A contact left a list.",
        "list.bounced": "Its mailbox takes no mails: it is on the list no more.",
        "list.complained": "It called mails spam: it is on the list no more.",
        "list.removed": "A subscription was taken off the record.",
        "segment.joined": "A contact entered a segment.",
        "segment.left": "A contact left a segment.",
        "email.sent": "A message was sent (`insert_message_history`).",
        "email.delivered": "It arrived (`deliver_email`).",
        "email.opened": "It was opened (`open_email`).",
        "email.clicked": "A link in it was followed (`click_email`).",
        "email.bounced": "It came back (`bounce_email`).",
        "email.complained": "It was called spam (`complain_email`).",
        "email.unsubscribed": "Its link to leave was followed (`unsubscribe_email`).",
        "custom_event.created": "A custom event is new.",
        "custom_event.updated": "A custom event has another version.",
        "custom_event.deleted": "A custom event does not count any more.",
        "custom_event.restored": "A deleted custom event counts again.",
        "tag.added": "A contact was given a tag.",
        "tag.removed": "A tag was taken from a contact.",
        "tag.renamed": "A tag of a contact has another name.",
        "tag.merged": "A tag of a contact went into another one.",
    }
)
"""Every type that is known beforehand, and what it says; `event.KIND` is there for any other kind of the timeline."""

FAMILIES = tuple(dict.fromkeys([*(name.partition(".")[0] for name in TYPES), "event"]))

JOINED, LEFT = "segment.joined", "segment.left"
CONTACT_DELETED = "contact.deleted"

TYPES_WITHOUT_ENTRY = frozenset({JOINED, LEFT, CONTACT_DELETED})
"""Types of what populace tells of itself, and of which the timeline has no entry."""

_TYPE_OF_KIND: Mapping[str, str] = {
    "insert_message_history": "email.sent",
    "deliver_email": "email.delivered",
    "open_email": "email.opened",
    "click_email": "email.clicked",
    "bounce_email": "email.bounced",
    "complain_email": "email.complained",
    "unsubscribe_email": "email.unsubscribed",
    "event.deleted": "custom_event.deleted",
    "event.restored": "custom_event.restored",
}

KIND_OF_EMAIL: Mapping[str, str] = {
    name.removeprefix("email."): kind for kind, name in _TYPE_OF_KIND.items() if name.startswith("email.")
}
"""The kind under which the timeline has what became of a mail: `sent`, `delivered`, `opened`, ..."""

_PATTERN = re.compile(r"event\.[a-z0-9_.:-]{1,128}")


def type_of_kind(kind: str) -> str:
    """The type under which an entry of the timeline is told."""
    known = _TYPE_OF_KIND.get(kind)
    if known is not None:
        return known
    # A kind of somebody else's that is spelled like a type, such as segment.joined, is not what the type says.
    return kind if kind in OWN_KINDS and kind in TYPES else f"event.{kind}"


def is_pattern(text: str) -> bool:
    """Whether it is a type, all of a family (`contact.*`), or everything (`*`)."""
    if text == "*" or text in TYPES:
        return True
    family, _, rest = text.partition(".")
    return (rest == "*" and family in FAMILIES) or _PATTERN.fullmatch(text) is not None


def matches(kind: str, patterns: Collection[str]) -> bool:
    """Whether a type is among those that patterns name."""
    return kind in patterns or "*" in patterns or f"{kind.partition('.')[0]}.*" in patterns


def wants_segments(patterns: Collection[str]) -> bool:
    """Whether any transition may be among those that patterns name."""
    return matches(JOINED, patterns) or matches(LEFT, patterns)
