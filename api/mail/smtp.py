"""A connection to the server that delivers mails."""

from __future__ import annotations

import re
import smtplib
import ssl
from dataclasses import dataclass
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from engine.errors import CallerError

TIMEOUT_SECONDS = 30.0
_PORTS = {"smtp": 25, "smtps": 465}
_PERMANENT, _TOO_LARGE = 500, 552
_NO_MAILBOX = frozenset({550, 551, 553})
_ENHANCED = re.compile(r"5\.(\d{1,3})\.(\d{1,3})\b")


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """Where mails go, and from whom. `sender` is an address, perhaps with a name: `Shop <news@shop.example>`."""

    host: str
    port: int
    is_tls: bool
    user: str | None
    password: str | None
    sender: str

    @classmethod
    def of(cls, url: str, sender: str) -> SmtpSettings:
        """The settings that a text such as `smtps://user:password@mail.example:465` means. Raises: CallerError."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = None, None
        if parts is None or parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/"):
            raise CallerError("--smtp: must be such as smtp://mail.example:587 or smtps://user:password@mail.example")
        name, address = parseaddr(sender)
        if "@" not in address or any(ord(character) < 32 for character in name + address):
            raise CallerError(f"--mail-from: {sender!r} is no address such as 'Shop <news@shop.example>'")
        user, password = (None if text is None else unquote(text) for text in (parts.username, parts.password))
        return cls(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "smtps", user, password, sender)

    @property
    def domain(self) -> str:
        """The domain of the sender."""
        return parseaddr(self.sender)[1].rpartition("@")[2]


class RefusedMailError(Exception):
    """A mail was refused: because its mailbox will never take any (`is_permanent`), or for now."""

    def __init__(self, reason: str, *, is_permanent: bool) -> None:
        self.reason, self.is_permanent = reason, is_permanent
        super().__init__(reason)


class Delivery:
    """Hands mails to a server, over one connection that is made when it is needed. Close it."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._connection: smtplib.SMTP | None = None

    def send(self, address: str, content: bytes) -> None:
        """Hand over one mail. Raises: RefusedMailError; OSError or smtplib.SMTPException where no server can be had."""
        try:
            if self._connection is None:
                self._connection = self._connected()
            options = () if address.isascii() else ("SMTPUTF8",)
            if options and not self._connection.has_extn("smtputf8"):
                raise RefusedMailError("the mail server takes no addresses with such letters", is_permanent=False)
            sender = parseaddr(self._settings.sender)[1]
            self._connection.sendmail(sender, [address], content, mail_options=options)
        except smtplib.SMTPRecipientsRefused as error:
            said = [*error.recipients.values()]
            code, text = said[0] if said else (0, b"")
            reason = f"{code} {_text(text)}"
            raise RefusedMailError(reason, is_permanent=is_of_the_mailbox(code, _text(text))) from None
        except smtplib.SMTPSenderRefused as error:
            if error.smtp_code != _TOO_LARGE:
                self.close()
                raise  # every mail has this sender: it is not about this one
            raise RefusedMailError(f"{error.smtp_code} {_text(error.smtp_error)}", is_permanent=False) from None
        except smtplib.SMTPDataError as error:
            raise RefusedMailError(f"{error.smtp_code} {_text(error.smtp_error)}", is_permanent=False) from None
        except (ValueError, smtplib.SMTPNotSupportedError) as error:
            raise RefusedMailError(str(error), is_permanent=False) from None
        except (OSError, smtplib.SMTPException):
            self.close()
            raise

    def close(self) -> None:
        """End the connection. Calling it twice is fine."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self) -> smtplib.SMTP:
        wanted, context = self._settings, ssl.create_default_context()
        if wanted.is_tls:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                wanted.host, wanted.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            connection = smtplib.SMTP(wanted.host, wanted.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.ehlo()
            is_safe = wanted.is_tls
            if not is_safe and connection.has_extn("starttls"):
                connection.starttls(context=context)
                connection.ehlo()
                is_safe = True
            if wanted.user is not None:
                if not is_safe:
                    raise smtplib.SMTPException("the server has no TLS: the password is not sent")
                connection.login(wanted.user, wanted.password or "")
        except BaseException:
            connection.close()
            raise
        return connection


def is_of_the_mailbox(code: int, text: str) -> bool:
    """Whether a refusal says that a mailbox is not there, or takes no mails at all; not that it is full, or policy."""
    if code < _PERMANENT:
        return False
    enhanced = _ENHANCED.match(text)
    if enhanced is not None:
        return enhanced[1] == "1" or (enhanced[1], enhanced[2]) == ("2", "1")
    return code in _NO_MAILBOX and "relay" not in text.lower()


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
