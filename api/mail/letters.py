"""Mails as they are sent: headers, links and both bodies."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.message import Message
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime, formataddr, parseaddr
from urllib.parse import urlencode

from api.mail.smtp import SmtpSettings
from engine.storage.subscription_rules import MailKind
from ingest.lists import OutboxMail
from ingest.mails import MailText
from ingest.workspace import Workspace

_WIRE = compat32.clone(linesep="\r\n", max_line_length=998)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to be handed over: the address that it goes to, and all its bytes."""

    address: str
    content: bytes


def message_id(workspace_id: str, mail: OutboxMail, domain: str) -> str:
    """The id of a mail: the same whenever it is sent."""
    place = f"{mail.sequence} {mail.created_at.isoformat()} {mail.email}"
    digest = hmac.digest(workspace_id.encode(), place.encode(), hashlib.sha256)
    return f"<{digest.hex()[:32]}@{domain}>"


def values_of(workspace: Workspace, workspace_id: str, mail: OutboxMail, public_url: str) -> dict[str, object]:
    """What a template may say: contact, list, and the links. Raises: UnknownContactError, UnknownListError."""
    record = workspace.record(mail.email)
    state = workspace.lists.get(mail.list_id)
    center = workspace.lists.token("notification_center", mail.email)
    unsubscribe = workspace.lists.token("unsubscribe", mail.email, mail.list_id)
    values: dict[str, object] = {
        "contact": {**record.fields, "tags": list(record.tags)},
        "list": {"id": state.id, "name": state.name, "description": state.description},
        "workspace": {"id": workspace_id},
        "unsubscribe_url": _link(public_url, "unsubscribe", workspace_id, unsubscribe),
        "notification_center_url": _link(public_url, "notification-center", workspace_id, center),
    }
    if mail.mail == MailKind.CONFIRMATION and mail.token is not None:
        values["confirm_url"] = _link(public_url, "confirm", workspace_id, mail.token)
    return values


def letter(
    mail: OutboxMail, text: MailText, values: dict[str, object], settings: SmtpSettings, *, id_: str, at: datetime
) -> Letter:
    """The mail as it goes out; whoever is on a list can leave it with one click (RFC 8058).

    What people entered stands in headers as one encoded word after the other: no text becomes a header of its own.
    Raises: UnicodeError for an address whose domain is none.
    """
    local, _, domain = mail.email.rpartition("@")
    address = f"{local}@{domain.encode('idna').decode()}"
    message = _body(text)
    message["From"] = formataddr(parseaddr(settings.sender), "utf-8")
    message["To"] = address
    message["Subject"] = Header(_in_one_line(text.subject), "utf-8", header_name="Subject").encode()
    message["Date"], message["Message-ID"] = format_datetime(at), id_
    message["Auto-Submitted"] = "auto-generated"
    if mail.mail == MailKind.WELCOME:
        message["List-Unsubscribe"] = f"<{values['unsubscribe_url']}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return Letter(address, message.as_bytes(policy=_WIRE))


def _body(text: MailText) -> Message:
    said = ((text.text, "plain"), (text.html, "html"))
    parts = [MIMEText(content, kind, "utf-8") for content, kind in said if content is not None]
    if len(parts) == 1:
        return parts[0]
    both = MIMEMultipart("alternative")
    for part in parts:
        both.attach(part)
    return both


def _in_one_line(text: str) -> str:
    """A text without any character that ends a line, or is none to be seen."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


def _link(public_url: str, path: str, workspace_id: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/{path}?{urlencode({'wid': workspace_id, 'token': token})}"
