"""Sends what waits in the outboxes of all open workspaces, in a thread of its own."""

from __future__ import annotations

import smtplib
import time
from dataclasses import dataclass

import structlog

from api.mail.letters import Letter, letter, message_id, values_of
from api.mail.smtp import Delivery, RefusedMailError, SmtpSettings
from api.retry_schedule import next_attempt_at, pause_after
from api.worker import OpenWorkspaces, Worker
from engine.errors import PopulaceError, UnknownContactError, UnknownListError, UnknownMailTemplateError
from engine.storage.instants import stored_instant
from ingest.lists import OutboxMail
from ingest.workspace import Workspace

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
AGAIN_SECONDS = 2.0
MOST_AT_ONCE = 100


@dataclass(slots=True)
class _Waiting:
    """A mail that was refused so often, and when (monotonic seconds) it is tried again.

    `is_sent`: it was sent, and that could not be noted.
    """

    attempt_count: int
    until: float
    is_sent: bool = False


class Mailer(Worker):
    """Sends from `start` to `stop`. What was sent and not noted when it is killed is sent again, with the same id.

    Mails whose template is not there wait for it. A mailbox that refuses for good is off its lists; what is refused for
    now is tried for a day.
    """

    def __init__(self, open_workspaces: OpenWorkspaces, settings: SmtpSettings, public_url: str) -> None:
        super().__init__("populace-mails")
        self._open_workspaces, self._settings, self._public_url = open_workspaces, settings, public_url
        self._delivery = Delivery(settings)
        self._waiting: dict[str, dict[int, _Waiting]] = {}
        self._seen: dict[str, int] = {}
        self._failure_counts: dict[str, int] = {}
        self._paused_until: dict[str, float] = {}

    def _run(self) -> None:
        while not self._is_stopping.wait(LOOK_SECONDS):
            for workspace_id, workspace in self._open_workspaces().items():
                if self._paused_until.get(workspace_id, 0.0) > time.monotonic():
                    continue
                try:
                    self._look_at(workspace_id, workspace)
                    self._failure_counts.pop(workspace_id, None)
                except Exception as error:  # mails of others must not end with those that were looked at
                    self._fails(workspace_id, error)
        self._delivery.close()

    def _fails(self, workspace_id: str, error: Exception) -> None:
        """Leave a workspace alone for a while, ever longer: its mails wait."""
        is_server = isinstance(error, OSError | smtplib.SMTPException)
        if is_server or isinstance(error, PopulaceError):
            event = "mail_server_fails" if is_server else "mails_not_read"
            log.warning(event, workspace=workspace_id, host=self._settings.host, error=str(error))
        else:
            log.error("mailer_failed", workspace=workspace_id, exc_info=error)
        self._delivery.close()
        count = self._failure_counts[workspace_id] = self._failure_counts.get(workspace_id, 0) + 1
        self._paused_until[workspace_id] = time.monotonic() + pause_after(count)
        self._seen.pop(workspace_id, None)

    def _look_at(self, workspace_id: str, workspace: Workspace) -> None:
        """Send what waits, if anything may have changed, or something is to be tried again."""
        news, now = workspace.mails.news, time.monotonic()
        waiting = self._waiting.setdefault(workspace_id, {})
        is_due = any(item.until <= now for item in waiting.values())
        if self._seen.get(workspace_id) == news and not is_due:
            return
        after, there = 0, set[int]()
        while mails := workspace.mails.waiting(after=after, limit=MOST_AT_ONCE):
            for mail in mails:
                if self._is_stopping.is_set():
                    return
                after = mail.sequence
                there.add(after)
                if after not in waiting or waiting[after].until <= time.monotonic():
                    self._handle(workspace_id, workspace, mail)
        self._seen[workspace_id] = news
        self._waiting[workspace_id] = {number: item for number, item in waiting.items() if number in there}
        self._delivery.close()  # servers end connections on which nothing is said

    def _handle(self, workspace_id: str, workspace: Workspace, mail: OutboxMail) -> None:
        """Send one mail, and note what came of it. One that was sent is not sent again because that was not noted."""
        waiting = self._waiting[workspace_id]
        id_ = message_id(workspace_id, mail, self._settings.domain)
        earlier = waiting.get(mail.sequence)
        if earlier is None or not earlier.is_sent:
            try:
                made = self._made(workspace_id, workspace, mail, id_)
                if made is None:
                    return
                self._delivery.send(made.address, made.content)
            except RefusedMailError as error:
                self._refused(workspace_id, workspace, mail, id_, error)
                return
            waiting[mail.sequence] = _Waiting(0, time.monotonic() + AGAIN_SECONDS, is_sent=True)
        workspace.mails.sent(mail, id_)
        waiting.pop(mail.sequence, None)

    def _made(self, workspace_id: str, workspace: Workspace, mail: OutboxMail, id_: str) -> Letter | None:
        """The mail as it goes out; None if it cannot be sent now. Raises: RefusedMailError if it cannot be made."""
        try:
            values = values_of(workspace, workspace_id, mail, self._public_url)
            text = workspace.mails.text_of(mail, values)
            return letter(mail, text, values, self._settings, id_=id_, at=workspace.mails.now())
        except UnknownMailTemplateError as error:
            if mail.sequence not in self._waiting[workspace_id]:
                log.warning("mail_waits_for_its_template", workspace=workspace_id, error=str(error))
            self._waiting[workspace_id][mail.sequence] = _Waiting(0, time.monotonic() + AGAIN_SECONDS)
            return None
        except (UnknownContactError, UnknownListError):
            workspace.lists.mark_sent([mail.sequence])  # there is nobody, or no list, to write of any more
            return None
        except PopulaceError:
            raise  # of the workspace, not of this mail
        except Exception as error:  # filters of Liquid, and odd addresses, fail in many ways
            raise RefusedMailError(f"{type(error).__name__}: {error}", is_permanent=False) from None

    def _refused(
        self, workspace_id: str, workspace: Workspace, mail: OutboxMail, id_: str, error: RefusedMailError
    ) -> None:
        """Try again later, or give up."""
        waiting = self._waiting[workspace_id]
        count = 1 + (waiting[mail.sequence].attempt_count if mail.sequence in waiting else 0)
        now = stored_instant(workspace.mails.now())
        again = next_attempt_at(count, since=stored_instant(mail.created_at), now=now)
        log.warning("mail_refused", workspace=workspace_id, reason=error.reason, again=str(again))
        if error.is_permanent or again is None:
            workspace.mails.refused(mail, id_, error.reason, is_permanent=error.is_permanent)
            waiting.pop(mail.sequence, None)
        else:
            waiting[mail.sequence] = _Waiting(count, time.monotonic() + (again - now).total_seconds())
