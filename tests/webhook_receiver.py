"""A receiver of webhooks on the loopback, which answers as it is told and remembers what came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Received:
    """A message: its headers (in small letters), its body, and what was answered."""

    headers: dict[str, str]
    body: bytes
    status: int

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> Any:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        return str(self.message["type"])

    def check(self, *secrets: str) -> None:
        """Raises: standardwebhooks.WebhookVerificationError, unless each of the secrets signed it."""
        for secret in secrets:
            Webhook(secret).verify(self.body, self.headers)


Answers = Callable[[bytes], int | tuple[int, dict[str, str]]]


@dataclass(slots=True)
class Receiver:
    """`answers` says with which status (and headers) a body is answered; `received` is all that came, in order."""

    url: str
    answers: Answers
    received: list[Received] = field(default_factory=list)

    @property
    def taken(self) -> list[Received]:
        """What was answered with success."""
        return [item for item in list(self.received) if item.status < 300]

    def wait_for(self, count: int, *, seconds: float = 20) -> list[Received]:
        """What was taken, once it is so many."""
        deadline = time.monotonic() + seconds
        while len(self.taken) < count:
            assert time.monotonic() < deadline, [(item.type, item.status) for item in self.received]
            time.sleep(0.01)
        return self.taken


@contextmanager
def receiver(answers: Answers = lambda _: 204) -> Iterator[Receiver]:
    """A receiver while the context lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = found.answers(body)
            status, headers = answer if isinstance(answer, tuple) else (answer, {})
            found.received.append(Received({k.lower(): v for k, v in self.headers.items()}, body, status))
            self.send_response(status)
            for name, value in {**headers, "content-length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

        def handle_error(self, *_: object) -> None:
            """Servers are killed in the middle of a request here."""

    server = Server(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_port}/hook", answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
