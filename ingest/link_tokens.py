"""The signed texts in links of mails, which let whoever got the mail do one thing, and for some time only."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from itsdangerous import BadData, TimestampSigner, URLSafeTimedSerializer

from engine.errors import ExpiredTokenError, InvalidTokenError

MOST_TOKEN_CHARACTERS = 1024


class Purpose(StrEnum):
    """What a link is for; a token of one purpose is worth nothing for another."""

    CONFIRMATION = "confirmation"
    UNSUBSCRIBE = "unsubscribe"
    NOTIFICATION_CENTER = "notification_center"


VALID_DAYS = {Purpose.CONFIRMATION: 7, Purpose.UNSUBSCRIBE: 365, Purpose.NOTIFICATION_CENTER: 30}
"""How long a link works if the one who reads it does not say otherwise."""


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Whom a token was made for, perhaps merged into another contact since, and for which list; None for all lists."""

    contact_id: int
    list_id: str | None


class LinkTokens:
    """Makes and reads the tokens of one workspace, by its secret. Instants are aware."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def token(self, purpose: Purpose, holder: TokenHolder, *, at: datetime) -> str:
        """A text of A-Z a-z 0-9 _ . - that only this workspace can make."""
        serializer = self._serializer(purpose, at)
        text = serializer.dumps([holder.contact_id, holder.list_id])
        return text if isinstance(text, str) else text.decode()

    def holder(self, purpose: Purpose, token: str, *, at: datetime, valid_days: float | None = None) -> TokenHolder:
        """Whom a token was made for. Raises: InvalidTokenError, ExpiredTokenError."""
        wrong = InvalidTokenError(
            f"token: is no {purpose.replace('_', ' ')} token of this workspace; use the whole link"
        )
        if not isinstance(token, str) or not token.isascii() or len(token) > MOST_TOKEN_CHARACTERS:
            raise wrong
        try:
            (contact_id, list_id), made_at = self._serializer(purpose, at).loads(token, return_timestamp=True)
        except BadData:
            raise wrong from None
        days = VALID_DAYS[purpose] if valid_days is None else valid_days
        if at - made_at > timedelta(days=days):
            raise ExpiredTokenError(f"token: was made more than {days:g} days ago; ask for a new link")
        return TokenHolder(contact_id, list_id)

    def proof(self, email: str) -> str:
        """64 hexadecimal digits that only this workspace can make of an e-mail (normalised)."""
        return hmac.new(self._secret.encode(), f"populace.email:{email}".encode(), hashlib.sha256).hexdigest()

    def proves(self, proof: str, email: str) -> bool:
        """Whether a text is the proof of an e-mail."""
        return hmac.compare_digest(proof.encode(errors="replace"), self.proof(email).encode())

    def _serializer(self, purpose: Purpose, at: datetime) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(
            self._secret,
            salt=f"populace.{purpose}",
            signer=_SignerAt,
            signer_kwargs={"at": at, "key_derivation": "hmac", "digest_method": hashlib.sha256},
        )


class _SignerAt(TimestampSigner):
    """Signs as of an instant that is given, so that nothing here reads a clock."""

    def __init__(self, *arguments: object, at: datetime, **options: object) -> None:
        super().__init__(*arguments, **options)  # type: ignore[arg-type]  # as given by the serializer
        self._at = at

    def get_timestamp(self) -> int:
        """Seconds since 1970."""
        return int(self._at.timestamp())
