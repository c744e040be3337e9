"""Mails as they are sent: headers, links and both bodies."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import urlencode

from api.mail.smtp import SmtpSettings
from engine.storage.subscription_rules import MailKind
from ingest.lists import OutboxMail
from ingest.mails import MailText
from ingest.workspace import Workspace


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
) -> EmailMessage:
    """The mail as it goes out; whoever is on a list can leave it with one click (RFC 8058)."""
    message = EmailMessage()
    message["From"], message["To"] = settings.sender, mail.email
    message["Subject"] = text.subject
    message["Date"], message["Message-ID"] = format_datetime(at), id_
    message["Auto-Submitted"] = "auto-generated"
    if mail.mail == MailKind.WELCOME:
        message["List-Unsubscribe"] = f"<{values['unsubscribe_url']}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    if text.text is not None:
        message.set_content(text.text)
        if text.html is not None:
            message.add_alternative(text.html, subtype="html")
    elif text.html is not None:
        message.set_content(text.html, subtype="html")
    return message


def _link(public_url: str, path: str, workspace_id: str, token: str) -> str:
    return f"{public_url.rstrip('/')}/{path}?{urlencode({'wid': workspace_id, 'token': token})}"
