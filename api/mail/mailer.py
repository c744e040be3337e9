"""Sends what waits in the outboxes of all open workspaces, in a thread of its own."""

from __future__ import annotations

import smtplib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from liquid.exceptions import LiquidError

from api.mail.letters import letter, message_id, values_of
from api.mail.smtp import Delivery, RefusedMailError, SmtpSettings
from api.webhooks.schedule import next_attempt_at, pause_after
from engine.errors import PopulaceError, UnknownContactError, UnknownListError, UnknownMailTemplateError
from engine.storage.instants import stored_instant
from ingest.lists import OutboxMail
from ingest.workspace import Workspace

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
MOST_AT_ONCE = 100

OpenWorkspaces = Callable[[], Mapping[str, Workspace]]


@dataclass(slots=True)
class _Waiting:
    """A mail that was refused for now: so often, and when (monotonic seconds) it is tried again."""

    attempt_count: int
    until: float


class Mailer:
    """Sends from `start` to `stop`. What was sent and not noted when it is killed is sent again, with the same id.

    Mails whose template is not there wait for it. A mailbox that refuses for good is off its lists; what is refused for
    now is tried for a day.
    """

    def __init__(self, open_workspaces: OpenWorkspaces, settings: SmtpSettings, public_url: str) -> None:
        self._open_workspaces, self._settings, self._public_url = open_workspaces, settings, public_url
        self._delivery = Delivery(settings)
        self._waiting: dict[tuple[str, int], _Waiting] = {}
        self._seen: dict[str, int] = {}
        self._said: set[tuple[str, int]] = set()
        self._failure_count = 0
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="populace-mails", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the mail under way."""
        self._is_stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._is_stopping.wait(LOOK_SECONDS):
            try:
                for workspace_id, workspace in self._open_workspaces().items():
                    self._look_at(workspace_id, workspace)
                self._failure_count = 0
            except (OSError, smtplib.SMTPException) as error:
                self._failure_count += 1
                log.warning("mail_server_fails", host=self._settings.host, error=str(error))
                self._seen.clear()
                self._is_stopping.wait(pause_after(self._failure_count))
            except PopulaceError as error:
                log.warning("mails_not_read", error=str(error))
                self._seen.clear()
                self._is_stopping.wait(1.0)
            except Exception:
                log.exception("mailer_failed")
                self._seen.clear()
                self._is_stopping.wait(1.0)
        self._delivery.close()

    def _look_at(self, workspace_id: str, workspace: Workspace) -> None:
        """Send what waits, if anything may have changed, or something is to be tried again."""
        news = workspace.mails.news
        now = time.monotonic()
        is_due = any(item.until <= now for (name, _), item in self._waiting.items() if name == workspace_id)
        if self._seen.get(workspace_id) == news and not is_due:
            return
        after = 0
        while mails := workspace.mails.waiting(after=after, limit=MOST_AT_ONCE):
            for mail in mails:
                if self._is_stopping.is_set():
                    return
                self._send(workspace_id, workspace, mail)
                after = mail.sequence
        self._seen[workspace_id] = news
        self._delivery.close()  # servers end connections on which nothing is said

    def _send(self, workspace_id: str, workspace: Workspace, mail: OutboxMail) -> None:
        key = workspace_id, mail.sequence
        waiting = self._waiting.get(key)
        if waiting is not None and waiting.until > time.monotonic():
            return
        id_, at = message_id(workspace_id, mail, self._settings.domain), workspace.mails.now()
        try:
            values = values_of(workspace, workspace_id, mail, self._public_url)
            text = workspace.mails.text_of(mail, values)
            message = letter(mail, text, values, self._settings, id_=id_, at=at)
        except (UnknownMailTemplateError, LiquidError) as error:
            if key not in self._said:
                self._said.add(key)
                log.warning("mail_waits_for_its_template", workspace=workspace_id, error=str(error))
            return
        except (UnknownContactError, UnknownListError):
            workspace.lists.mark_sent([mail.sequence])  # there is nobody, or no list, to write of any more
            return
        except ValueError as error:  # what a template gives cannot stand in a mail
            self._refused(workspace_id, workspace, mail, RefusedMailError(str(error), is_permanent=False))
            return
        try:
            self._delivery.send(message)
        except RefusedMailError as error:
            self._refused(workspace_id, workspace, mail, error)
            return
        workspace.mails.sent(mail, id_)
        self._waiting.pop(key, None)

    def _refused(self, workspace_id: str, workspace: Workspace, mail: OutboxMail, error: RefusedMailError) -> None:
        """Try again later, or give up."""
        key = workspace_id, mail.sequence
        count = 1 if key not in self._waiting else self._waiting[key].attempt_count + 1
        now = stored_instant(workspace.mails.now())
        again = next_attempt_at(count, since=stored_instant(mail.created_at), now=now)
        if error.is_permanent or again is None:
            id_ = message_id(workspace_id, mail, self._settings.domain)
            workspace.mails.refused(mail, id_, error.reason, is_permanent=error.is_permanent)
            self._waiting.pop(key, None)
        else:
            self._waiting[key] = _Waiting(count, time.monotonic() + (again - now).total_seconds())
        log.warning("mail_refused", workspace=workspace_id, reason=error.reason, again=str(again))
