"""`populace listen`: a receiver of webhooks, to look at what comes."""

from __future__ import annotations

import sys
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Annotated

import orjson
import typer
from standardwebhooks import Webhook as Signer
from standardwebhooks.webhooks import EmptyWebhookSecretError, WebhookVerificationError

from api.cli.console import err
from engine.errors import CallerError

MOST_BYTES = 2**22
SILENCE_SECONDS = 30


def listen(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on, on this machine only.")] = 8090,
    secret: Annotated[
        str | None,
        typer.Option(envvar="POPULACE_WEBHOOK_SECRET", help="Secret of the webhook: what it did not sign is refused."),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="End after so many messages.")] = None,
) -> None:
    """Receive webhooks, and print each message as a line of JSON: to see what your application is going to get.

    The server must be told that webhooks may lead to this machine. Signatures are checked as an application should;
    without --secret nothing is checked.

    Example: populace serve shops --private-webhooks, then populace listen --port 8090 --secret whsec_...
    """
    signer = None if secret is None else _signer(secret)
    try:
        server = _Server(("127.0.0.1", port), _Handler)
    except OSError as error:
        raise CallerError(f"port {port}: {error.strerror}; give another one with --port") from None
    server.signer, server.count_left = signer, count
    err.print(f"listening on http://127.0.0.1:{server.server_port}/", soft_wrap=True)
    with server, suppress(KeyboardInterrupt):
        while server.count_left is None or server.count_left > 0:
            server.handle_request()


def _signer(secret: str) -> Signer:
    try:
        return Signer(secret)
    except (ValueError, RuntimeError, EmptyWebhookSecretError) as error:
        raise CallerError(f"--secret is none: {error}; it begins with whsec_") from None


class _Server(ThreadingHTTPServer):
    """Prints one message at a time."""

    daemon_threads = True
    timeout = 0.2
    signer: Signer | None = None
    count_left: int | None = None
    printing = Lock()


class _Handler(BaseHTTPRequestHandler):
    """Takes messages."""

    protocol_version = "HTTP/1.1"
    timeout = SILENCE_SECONDS
    server: _Server

    def do_POST(self) -> None:
        """Check the signature, print the body."""
        length = self.headers.get("content-length", "")
        if not length.isascii() or not length.isdigit() or int(length) > MOST_BYTES:
            return self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = self.rfile.read(int(length))
        try:
            if self.server.signer is not None:
                self.server.signer.verify(body, dict(self.headers.items()), json_parse=False)
            line = orjson.dumps(orjson.loads(body), option=orjson.OPT_APPEND_NEWLINE)
        except (WebhookVerificationError, ValueError) as error:
            err.print(f"refused a message: {error}", soft_wrap=True, markup=False)
            return self._answer(HTTPStatus.BAD_REQUEST)
        with self.server.printing:
            if self.server.count_left == 0:
                return self._answer(HTTPStatus.SERVICE_UNAVAILABLE)
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()
            self._answer(HTTPStatus.NO_CONTENT)
            if self.server.count_left is not None:
                self.server.count_left -= 1
        return None

    def _answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.send_header("connection", "close")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
        """Say nothing of what is taken."""
