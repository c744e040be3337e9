"""How an e-mail that must not come in again is remembered without being kept."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable

from engine.storage.store import Store


def suppressed_hash(secret: str, email: str) -> str:
    """The hash of an e-mail (normalised) under the workspace's secret: 64 hexadecimal digits. Source: RFC 2104."""
    return hmac.new(secret.encode(), email.encode(), hashlib.sha256).hexdigest()


def suppressed_among(store: Store, emails: Iterable[str]) -> list[str]:
    """Those of some e-mails that must not come in again."""
    suppressed = {email_hash for (email_hash,) in store.rows("SELECT email_hash FROM suppressed")}
    if not suppressed:
        return []
    ((value,),) = store.rows("SELECT value FROM settings WHERE name = 'secret'")
    secret = json.loads(value)
    return [email for email in emails if suppressed_hash(secret, email) in suppressed]


def drop_suppressed(store: Store, arrived: Store) -> None:
    """Take contacts out of an arrived store that must not come into this one again; what is theirs goes with them."""
    gone = suppressed_among(store, (email for (email,) in arrived.rows("SELECT email FROM contacts")))
    if gone:
        with arrived.transaction() as cursor:
            cursor.execute("DELETE FROM contacts WHERE email IN (SELECT unnest($1))", [gone])
