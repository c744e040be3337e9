"""Which status follows which: the table of rules, written out by hand once more."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations

import pytest

from engine.storage.subscription_rules import Cause, next_step, tightens

STATUSES = (None, "pending", "active", "unsubscribed", "bounced", "complained")

# status after, and in brackets the mail that is sent; `=` stays, `!` stays against the wish
TABLE = """
                | none                   | pending         | active             | unsubscribed           | bounced | complained
api             | active                 | active          | =                  | active again           | !       | !
api_forced      | active                 | active          | =                  | active again           | active again | active again
import          | active                 | active          | =                  | !                      | !       | !
form, single    | active (welcome)       | = (confirmation)| =                  | pending (confirmation) | !       | !
form, double    | pending (confirmation) | = (confirmation)| =                  | pending (confirmation) | !       | !
confirmation    | =                      | active (welcome)| =                  | =                      | =       | =
unsubscribe     | unsubscribed           | unsubscribed    | unsubscribed (goodbye) | =                  | =       | =
"""  # noqa: E501 - a table


def cells() -> list[tuple[str, str | None, str]]:
    _, *lines = TABLE.strip("\n").splitlines()
    found = []
    for line in lines:
        cause, *cells = (cell.strip() for cell in line.split("|"))
        found += [(cause, status, cell) for status, cell in zip(STATUSES, cells, strict=True)]
    return found


@pytest.mark.parametrize(("cause", "status", "cell"), cells(), ids=str)
def test_every_cell_of_the_table(cause: str, status: str | None, cell: str) -> None:
    name, _, form = cause.partition(", ")
    step = next_step(Cause(name), status, is_double_optin=form == "double")
    after, _, mail = cell.partition("(")
    after = after.strip()
    stays = after in {"=", "!"}
    assert step.status == (status if stays else after.removesuffix(" again"))
    assert (step.mail or "") == mail.rstrip(")")
    assert step.is_blocked == (after == "!")
    assert (step.kind is None) == stays
    if name == "confirmation" and not stays:
        assert step.kind == "list.confirmed"
    elif after == "active again":
        assert step.kind == "list.resubscribed"
    elif not stays:
        assert step.kind == {"active": "list.subscribed"}.get(after, f"list.{after}")


@pytest.mark.parametrize("cause", [Cause.API, Cause.IMPORT, Cause.CONFIRMATION, Cause.UNSUBSCRIBE])
@pytest.mark.parametrize("status", STATUSES)
def test_only_a_form_cares_about_double_opt_in(cause: Cause, status: str | None) -> None:
    assert next_step(cause, status, is_double_optin=True) == next_step(cause, status, is_double_optin=False)


NOON = datetime(2026, 6, 1, 12)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("status", "event", "expected"),
    [
        (None, "unsubscribed", True),
        (None, "bounced", True),
        (None, "complained", True),
        ("pending", "unsubscribed", True),
        ("pending", "bounced", True),
        ("active", "unsubscribed", True),
        ("active", "bounced", True),
        ("active", "complained", True),
        ("unsubscribed", "unsubscribed", False),
        ("unsubscribed", "bounced", True),
        ("unsubscribed", "complained", True),
        ("bounced", "unsubscribed", False),
        ("bounced", "bounced", False),
        ("bounced", "complained", True),
        ("complained", "unsubscribed", False),
        ("complained", "bounced", False),
        ("complained", "complained", False),
        # What is no refusal is not for events to say, even where it would be the more restrictive one.
        ("pending", "active", False),
        ("unsubscribed", "active", False),
        (None, "active", False),
        (None, "pending", False),
    ],
)
def test_events_only_tighten(status: str | None, event: str, expected: bool) -> None:
    assert tightens(status, NOON, event_status=event, event_at=NOON + SECOND) is expected


@pytest.mark.parametrize(
    ("event", "seconds", "expected"),
    [
        ("unsubscribed", -1, False),  # somebody chose anew since
        ("unsubscribed", 0, True),
        ("unsubscribed", 1, True),
        ("bounced", -1, True),  # a mailbox that takes no mails takes none whatever was chosen
        ("complained", -1, True),
    ],
)
def test_an_event_that_is_older_than_the_choice(event: str, seconds: int, expected: bool) -> None:
    assert tightens("active", NOON, event_status=event, event_at=NOON + seconds * SECOND) is expected
    assert tightens("active", None, event_status=event, event_at=NOON) is True


@pytest.mark.parametrize("start", STATUSES)
def test_events_come_to_the_same_in_any_order(start: str | None) -> None:
    """Whatever the order in which they arrive, and whatever their instants."""
    events = [("unsubscribed", NOON - SECOND), ("unsubscribed", NOON + SECOND), ("bounced", NOON - 5 * SECOND)]
    ends = set()
    for order in permutations(events):
        status, updated_at = start, NOON
        for event, at in order:
            if tightens(status, updated_at, event_status=event, event_at=at):
                status, updated_at = event, at
        ends.add(status)
    assert len(ends) == 1
