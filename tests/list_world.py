"""A workspace with lists and one contact, and how tests look at it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

import populace
from ingest.workspace import Workspace

ADA, NEW = "ada@x.example.com", "new@x.example.com"


@contextmanager
def shop_with_lists(folder: Path) -> Iterator[Workspace]:
    """One contact; two public lists with all templates, a private one, and one that has no templates."""
    with populace.init(folder / "shop") as opened:
        for list_id, is_public, is_double_optin in (
            ("single", True, False),
            ("double", True, True),
            ("private", False, False),
        ):
            opened.lists.save(
                list_id,
                is_public=is_public,
                is_double_optin=is_double_optin,
                welcome_template_id="w",
                unsubscribe_template_id="g",
                confirmation_template_id="c",
            )
        opened.lists.save("bare", is_public=True)
        opened.upsert({"email": ADA, "external_id": "a-1"})
        yield opened


def status(shop: Workspace, list_id: str, email: str = ADA) -> str | None:
    rows = shop._store.rows(
        "SELECT status FROM subscriptions JOIN contacts USING (contact_id) WHERE email = $1 AND list_id = $2",
        [email, list_id],
    )
    assert len(rows) <= 1
    return rows[0][0] if rows else None


def have(shop: Workspace, list_id: str, wanted: str, email: str = ADA) -> None:
    """Bring a contact to a status, and empty the outbox."""
    if wanted == "pending":
        shop.lists.save(list_id, is_public=True, is_double_optin=True)
        shop.lists.subscribe(email, list_id, source="form")
        shop.lists.save(list_id, is_public=list_id != "private", is_double_optin=list_id == "double")
    else:
        shop.lists.subscribe(email, list_id)
    if wanted == "unsubscribed":
        shop.lists.unsubscribe(email, list_id)
    elif wanted in {"bounced", "complained"}:
        shop.lists.set_status(email, list_id, wanted)
    assert status(shop, list_id, email) == wanted
    shop.lists.mark_sent(mail.sequence for mail in shop.lists.outbox())


def mails(shop: Workspace) -> list[tuple[str, str, str, str | None]]:
    return [(mail.mail, mail.email, mail.list_id, mail.template_id) for mail in shop.lists.outbox()]


def entries(shop: Workspace, email: str = ADA) -> list[tuple[str, str, str, str | None, str | None]]:
    """What the timeline says of lists: kind, list, who, old status, new status."""
    rows = shop._store.rows(
        """
        SELECT kind, entity_id, operation, changes FROM timeline JOIN contacts USING (contact_id)
        WHERE entity_type = 'list' AND email = $1 ORDER BY sequence
        """,
        [email],
    )
    found = []
    for kind, list_id, operation, changes in rows:
        said = orjson.loads(changes)["status"]
        found.append((kind, list_id, operation, said["old"], said["new"]))
    return found
