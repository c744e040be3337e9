"""Which status of a subscription may follow which, whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

RESTRICTIVE_FIRST = ("complained", "bounced", "unsubscribed", "active", "pending")
"""Of two statuses of one person on one list, the one that stands first counts."""

KEPT_BY_IMPORTS = frozenset({"complained", "bounced", "unsubscribed"})
"""What somebody or some mailbox has refused is not overwritten by a file or by an application's subscribe."""

STATUS_OF_EVENTS = ("unsubscribed", "bounced", "complained")
"""What events of the timeline may make of a subscription."""

STATUS_OF_KIND: Mapping[str, str] = {
    "bounce_email": "bounced",
    "complain_email": "complained",
    "unsubscribe_email": "unsubscribed",
}
"""Events that say what becomes of a contact's subscriptions."""

KIND_OF_EVENT_STATUS: Mapping[str, str] = {status: f"list.{status}" for status in STATUS_OF_EVENTS}


class Cause(StrEnum):
    """Who asks for a change of status."""

    API = "api"
    API_FORCED = "api_forced"
    IMPORT = "import"
    FORM = "form"
    CONFIRMATION = "confirmation"
    UNSUBSCRIBE = "unsubscribe"


class MailKind(StrEnum):
    """What a step has mailed."""

    CONFIRMATION = "confirmation"
    WELCOME = "welcome"
    GOODBYE = "goodbye"


@dataclass(frozen=True, slots=True)
class Step:
    """What becomes of a subscription: its status, None where there still is none.

    `kind` is that of the timeline entry, None where the status stays; `is_blocked` where it stays against the wish.
    """

    status: str | None
    kind: str | None = None
    mail: MailKind | None = None
    is_blocked: bool = False


_SUBSCRIBED = Step("active", "list.subscribed")
_WELCOMED = Step("active", "list.subscribed", MailKind.WELCOME)
_RESUBSCRIBED = Step("active", "list.resubscribed")
_CONFIRMED = Step("active", "list.confirmed", MailKind.WELCOME)
_ASKED = Step("pending", "list.pending", MailKind.CONFIRMATION)
_ASKED_AGAIN = Step("pending", None, MailKind.CONFIRMATION)
_UNSUBSCRIBED = Step("unsubscribed", "list.unsubscribed")
_SAID_GOODBYE = Step("unsubscribed", "list.unsubscribed", MailKind.GOODBYE)


def _kept(*statuses: str | None) -> dict[str | None, Step]:
    return {status: Step(status) for status in statuses}


def _blocked(*statuses: str) -> dict[str | None, Step]:
    return {status: Step(status, is_blocked=True) for status in statuses}


RULES: Mapping[Cause, Mapping[str | None, Step]] = {
    Cause.API: {
        None: _SUBSCRIBED,
        "pending": _SUBSCRIBED,
        "unsubscribed": _RESUBSCRIBED,
        **_kept("active"),
        **_blocked("bounced", "complained"),
    },
    Cause.API_FORCED: {
        None: _SUBSCRIBED,
        "pending": _SUBSCRIBED,
        "unsubscribed": _RESUBSCRIBED,
        "bounced": _RESUBSCRIBED,
        "complained": _RESUBSCRIBED,
        **_kept("active"),
    },
    Cause.IMPORT: {
        None: _SUBSCRIBED,
        "pending": _SUBSCRIBED,
        **_kept("active"),
        **_blocked(*sorted(KEPT_BY_IMPORTS)),
    },
    # On a double opt-in list the first step is another one: see `next_step`.
    Cause.FORM: {
        None: _WELCOMED,
        "pending": _ASKED_AGAIN,
        "unsubscribed": _ASKED,
        **_kept("active"),
        **_blocked("bounced", "complained"),
    },
    Cause.CONFIRMATION: {
        "pending": _CONFIRMED,
        **_kept(None, "active", "unsubscribed", "bounced", "complained"),
    },
    # Whoever never confirmed gets no further mail. A refusal counts before there is anything to refuse.
    Cause.UNSUBSCRIBE: {
        None: _UNSUBSCRIBED,
        "pending": _UNSUBSCRIBED,
        "active": _SAID_GOODBYE,
        **_kept("unsubscribed", "bounced", "complained"),
    },
}
"""The step from each status (None: no subscription), for each who asks."""


def next_step(cause: Cause, status: str | None, *, is_double_optin: bool) -> Step:
    """What becomes of a subscription that has a status, or is not there (None)."""
    if cause is Cause.FORM and status is None and is_double_optin:
        return _ASKED
    return RULES[cause][status]


def tightens(status: str | None, updated_at: datetime | None, *, event_status: str, event_at: datetime) -> bool:
    """Whether an event changes a status, which was chosen at `updated_at`, to that of the event.

    Events only ever make a status more restrictive. One that is older than the choice says nothing against it, unless
    the mailbox does not take mails or its owner complained: that holds whatever was chosen since.
    """
    if event_status not in STATUS_OF_EVENTS:
        return False
    if status is None:
        return True
    if RESTRICTIVE_FIRST.index(event_status) >= RESTRICTIVE_FIRST.index(status):
        return False
    return event_status != "unsubscribed" or updated_at is None or event_at >= updated_at


def most_restrictive(one: str, other: str) -> str:
    """The status that counts when a person turns out to have both."""
    return min(one, other, key=RESTRICTIVE_FIRST.index)
