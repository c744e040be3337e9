"""Serving an application: sockets, patience with clients, and a stop that loses nothing."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from socket import socket
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_HEAD_SECONDS = 10.0
"""So long a client may take until the head of its request is there, from its connection or its last answer on."""

IDLE_SECONDS = 75
STOP_SECONDS = 30
BACKLOG = 2048

SWITCH_SECONDS = 0.0002
"""How long a thread that computes in Python keeps others waiting: the default, 5 ms, is felt in every answer."""


COLLECT_AFTER = (50_000, 50, 1_000)
"""Python looks for cycles after so many new objects: the default, 700, has it look through 100,000 events of one body
again and again (measured: 20,000 events/s became 30,000)."""


class PatientProtocol(HttpToolsProtocol):
    """Closes connections whose request does not come: nobody can hold the server by saying nothing, or little."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for the head of a request."""
        super().connection_made(transport)
        self._waiting = self.loop.call_later(REQUEST_HEAD_SECONDS, self._give_up)

    def on_message_begin(self) -> None:
        """Wait for the rest of a head that has begun."""
        super().on_message_begin()
        self._stop_waiting()
        self._waiting = self.loop.call_later(REQUEST_HEAD_SECONDS, self._give_up)

    def on_headers_complete(self) -> None:
        """It is there."""
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


OnListening = Callable[[str], None]
"""Is told the address once requests are answered there."""


class Server(uvicorn.Server):
    """Says when it listens, and where."""

    def __init__(self, config: uvicorn.Config, on_listening: OnListening) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            host, port, *_ = self.servers[0].sockets[0].getsockname()
            self._on_listening(f"http://{f'[{host}]' if ':' in host else host}:{port}")


def serve(
    app: FastAPI, *, host: str, port: int, on_listening: OnListening, trusted_proxies: Sequence[str] = ()
) -> None:
    """Answer requests until SIGINT or SIGTERM comes; those under way are answered first. SIGHUP is the same.

    Of requests that come from `trusted_proxies` (addresses, networks) it is believed for whom they are
    (`X-Forwarded-For`).
    Raises: SystemExit when the address cannot be had.
    """
    _raise_open_files()
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # what is there now stays
    gc.set_threshold(*COLLECT_AFTER)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    server_of(app, host=host, port=port, on_listening=on_listening, trusted_proxies=trusted_proxies).run()


def server_of(
    app: FastAPI,
    *,
    host: str,
    port: int,
    on_listening: OnListening = lambda _: None,
    trusted_proxies: Sequence[str] = (),
) -> Server:
    """What `serve` runs; its `run` may also be called in a thread."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=PatientProtocol,
        ws="none",
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=True,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
    )
    return Server(config, on_listening)


def _raise_open_files() -> None:
    """Let the process have as many connections as the machine lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
