"""The mails of a workspace: their templates, those that wait, and what became of those that were sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from engine.errors import UnknownMailTemplateError
from engine.storage import Store
from engine.storage.changes.identity_rows import identity_of
from engine.storage.changes.timeline_rows import TimelineRow, json_text
from engine.storage.instants import stored_instant
from engine.storage.mail_templates import MailTemplate, stored_mail_templates
from engine.storage.subscription_rules import MailKind
from engine.storage.webhook_types import KIND_OF_EMAIL
from ingest.lists import Lists, OutboxMail
from ingest.mail_texts import rendered
from ingest.writer import Clock, Writer
from ingest.writes.events import RecordEvent
from ingest.writes.lists import MarkSent
from ingest.writes.mail_templates import DeleteMailTemplate, SaveMailTemplate, read_template_id, read_template_values
from ingest.writes.write import Outcome

MOST_REASON_CHARACTERS = 500

CONFIRMATION = {
    "subject": "Please confirm: {{ list.name }}",
    "text": (
        "Somebody, perhaps you, asked to get {{ list.name }} at {{ contact.email }}.\n\n"
        "If you want it, confirm here:\n{{ confirm_url }}\n\nIf not, there is nothing to do.\n"
    ),
    "html": (
        "<p>Somebody, perhaps you, asked to get <b>{{ list.name }}</b> at {{ contact.email }}.</p>"
        '<p>If you want it, <a href="{{ confirm_url }}">confirm here</a>. If not, there is nothing to do.</p>'
    ),
}
"""What asks to confirm where a list has no template of its own for it."""


@dataclass(frozen=True, slots=True)
class MailText:
    """What a mail says; one of `html` and `text` may be None."""

    subject: str
    html: str | None
    text: str | None


class Mails:
    """Reads and writes templates; whoever sends takes mails here, and says what became of them.

    Rules: see docs/mail.md. Raises: InvalidValueError, InvalidWriteError, UnknownMailTemplateError.
    """

    def __init__(self, store: Store, writer: Writer, lists: Lists, clock: Clock) -> None:
        self._store, self._writer, self._lists, self._clock = store, writer, lists, clock

    def save_template(
        self,
        template_id: str,
        *,
        subject: str,
        html: str | None = None,
        text: str | None = None,
        name: str | None = None,
    ) -> Outcome:
        """Create or replace a template: Liquid, with `contact`, `list`, `confirm_url`, `unsubscribe_url`, ..."""
        read_template_id(template_id)
        values = {"name": name, "subject": subject, "html": html, "text": text}
        return self._writer.write_one(SaveMailTemplate(template_id, read_template_values(template_id, values)))

    def delete_template(self, template_id: str) -> Outcome:
        """Delete a template that no list uses."""
        return self._writer.write_one(DeleteMailTemplate(template_id))

    def templates(self) -> list[MailTemplate]:
        """All templates, in order of id."""
        return stored_mail_templates(self._store)

    def template(self, template_id: str) -> MailTemplate:
        """One template."""
        found = stored_mail_templates(self._store, template_id)
        if not found:
            raise UnknownMailTemplateError(template_id)
        return found[0]

    # --- for whoever sends --------------------------------------------------------------------------------------------

    @property
    def news(self) -> int:
        """Another number whenever there may be something to mail: cheap to look at."""
        return self._store.change_count

    def waiting(self, *, after: int = 0, limit: int = 100) -> list[OutboxMail]:
        """What is to be mailed, oldest first."""
        return self._lists.outbox(after=after, limit=limit)

    def waiting_count(self) -> int:
        """How many mails wait."""
        return self._store.row_count("outbox")

    def text_of(self, mail: OutboxMail, values: Mapping[str, object]) -> MailText:
        """What a mail says, with these values. Raises: UnknownMailTemplateError, liquid.exceptions.LiquidError."""
        if mail.template_id is None and mail.mail == MailKind.CONFIRMATION:
            subject, html, text = (CONFIRMATION[name] for name in ("subject", "html", "text"))
            return _rendered(MailText(subject, html, text), values)
        template = self.template(str(mail.template_id))
        return _rendered(MailText(template.subject, template.html, template.text), values)

    def sent(self, mail: OutboxMail, message_id: str) -> None:
        """A mail was taken by the server that delivers it: its timeline says so, and it waits no more."""
        self._done(mail, KIND_OF_EMAIL["sent"], {"message_id": message_id, "list_id": mail.list_id})

    def refused(self, mail: OutboxMail, message_id: str, reason: str, *, is_permanent: bool) -> None:
        """A mail cannot be delivered; a mailbox that will never take any is off its lists."""
        bounce = {
            "bounce_type": "permanent" if is_permanent else "transient",
            "reason": reason[:MOST_REASON_CHARACTERS],
        }
        of_list = {} if is_permanent else {"list_id": mail.list_id}  # a mailbox that is not there is off all its lists
        self._done(mail, KIND_OF_EMAIL["bounced"], {"message_id": message_id, **bounce, **of_list})

    def _done(self, mail: OutboxMail, kind: str, properties: Mapping[str, str]) -> None:
        at = stored_instant(self._clock())
        row = TimelineRow(
            -1,
            kind,
            at,
            id=f"{properties['message_id']}:{kind}",
            template_id=mail.template_id,
            properties=json_text({**properties, "mail": mail.mail}),
        )
        event = RecordEvent(identity_of("email", mail.email), row)
        # A contact that was erased meanwhile has no timeline any more: the mail is done all the same.
        _, marked = self._writer.write([event, MarkSent((mail.sequence,))])
        if marked.error is not None:
            raise marked.error

    def now(self) -> datetime:
        """The workspace's clock."""
        return self._clock().astimezone(UTC)


def _rendered(source: MailText, values: Mapping[str, object]) -> MailText:
    return MailText(
        " ".join(rendered(source.subject, values, is_html=False).split()),
        None if source.html is None else rendered(source.html, values, is_html=True),
        None if source.text is None else rendered(source.text, values, is_html=False),
    )
