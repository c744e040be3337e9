"""The server under load, beside its client on the same processors: lookups, upserts, imports, streams, all at once."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copytree, rmtree
from tempfile import mkdtemp
from typing import Any

import orjson
import psutil

from api.http.tokens import Tokens
from benchmarks.generated import DATA
from benchmarks.live import prepared
from benchmarks.measuring import machine

CONNECTIONS = 32
SECONDS = 10.0
TOGETHER_SECONDS = 60.0
IMPORTED, AT_ONCE = 20_000, 2_000
STREAMED, LINES_AT_ONCE = 400_000, 100_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contacts", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--segments", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each part")
    parser.add_argument("--together", type=float, default=TOGETHER_SECONDS, help="seconds of all at once")
    arguments = parser.parse_args()
    source = prepared(arguments.contacts, arguments.events, arguments.segments)
    root = Path(mkdtemp(dir=DATA))
    try:
        copytree(source, root / "main")
        with Tokens(root) as tokens:
            token = tokens.create("main", ["admin"])
        results = asyncio.run(_measured(root, token, arguments))
    finally:
        rmtree(root)
    print(json.dumps({"benchmark": "http", **vars(arguments), **results, **machine()}))


async def _measured(root: Path, token: str, arguments: argparse.Namespace) -> dict[str, object]:
    async with _server(root) as (port, process):
        client = _Client(port, token)
        while not await client.is_current():
            await asyncio.sleep(0.5)
        emails = await client.emails()
        before = _rss_mib(process)
        found: dict[str, object] = {"rss_mib_before": before}

        async def lookup(number: int) -> tuple[str, str, bytes]:
            return "GET", f"/v1/segments/segment-000/members/{emails[number * 7919 % len(emails)]}", b""

        async def upsert(number: int) -> tuple[str, str, bytes]:
            contact = {"email": emails[number * 104_729 % len(emails)], "custom_string_5": f"n{number}"}
            return "POST", "/api/contacts.upsert", orjson.dumps({"workspace_id": "main", "contact": contact})

        found["lookup"] = await client.load(lookup, CONNECTIONS, arguments.seconds)
        found["upsert"] = await client.load(upsert, CONNECTIONS, arguments.seconds)
        found["import_contacts_per_s"] = round(await client.import_contacts(emails))
        found["events_per_s"] = round(await client.stream_events(emails))
        together = await asyncio.gather(
            client.load(lookup, CONNECTIONS // 2, arguments.together),
            client.load(upsert, CONNECTIONS // 4, arguments.together),
            _for(arguments.together, lambda: client.import_contacts(emails, 2_000)),
            _for(arguments.together, lambda: client.stream_events(emails, 20_000)),
        )
        found["together"] = dict(zip(("lookup", "upsert", "imports_per_s", "events_per_s"), together, strict=True))
        found["failures"] = client.failures
        found["rss_mib_after"] = _rss_mib(process)
    return found


async def _for(seconds: float, work: Callable[[], Awaitable[float]]) -> float:
    """Do some work again and again; the median of its rates."""
    until, rates = time.monotonic() + seconds, []
    while time.monotonic() < until:
        rates.append(await work())
    return round(statistics.median(rates))


@asynccontextmanager
async def _server(root: Path) -> AsyncIterator[tuple[int, psutil.Process]]:
    command = [sys.executable, "-m", "api.cli.entry", "serve", str(root), "--port", "0", "--log-level", "warning"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        port = await _port_of(psutil.Process(process.pid))
        yield port, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


async def _port_of(process: psutil.Process) -> int:
    while True:
        for connection in process.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN:
                return int(connection.laddr.port)
        await asyncio.sleep(0.2)


class _Client:
    """HTTP/1.1 with as little work of its own as can be: it takes from the same processors."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = f"Host: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
        self.failures = 0

    async def load(
        self, make: Callable[[int], Awaitable[tuple[str, str, bytes]]], connections: int, seconds: float
    ) -> dict[str, float]:
        """Ask over so many connections, one request after the other on each. Units: requests/s, milliseconds."""
        times: list[float] = []
        until = time.perf_counter() + seconds
        numbers = iter(range(10**9))

        async def one() -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            while time.perf_counter() < until:
                request = await make(next(numbers))
                started = time.perf_counter()
                status, _ = await self._ask(reader, writer, *request)
                times.append(time.perf_counter() - started)
                self.failures += status not in {200, 201}
            writer.close()

        await asyncio.gather(*(one() for _ in range(connections)))
        times.sort()
        p50, p99 = (round(times[int(len(times) * share)] * 1000, 2) for share in (0.5, 0.99))
        return {"per_s": round(len(times) / seconds), "p50_ms": p50, "p99_ms": p99}

    async def is_current(self) -> bool:
        """Whether the server has caught up with the time that passed since the data were made."""
        _, answer = await self._once("GET", "/ready", b"")
        return bool(orjson.loads(answer)["is_current"])

    async def emails(self) -> list[str]:
        """Some e-mails of contacts."""
        sql = "SELECT email FROM contacts ORDER BY hash(email) LIMIT 50000"
        body = orjson.dumps({"sql": sql, "timeout_ms": 120_000})
        _, answer = await self._once("POST", "/v1/sql", body)
        return [row["email"] for row in orjson.loads(answer)]

    async def import_contacts(self, emails: list[str], count: int = IMPORTED) -> float:
        """Contacts per second of `contacts.import`, a quarter of them new."""
        started = time.perf_counter()
        for first in range(0, count, AT_ONCE):
            stamp = time.time_ns()
            contacts = [
                {
                    "email": f"new-{stamp}-{n}@load.example" if n % 4 == 0 else emails[(first + n) % len(emails)],
                    "custom_string_4": f"{stamp}",
                    "country": "DE",
                    "lifetime_value": n,
                }
                for n in range(AT_ONCE)
            ]
            status, _ = await self._once(
                "POST", "/api/contacts.import", orjson.dumps({"workspace_id": "main", "contacts": contacts})
            )
            self.failures += status != 200
        return count / (time.perf_counter() - started)

    async def stream_events(self, emails: list[str], count: int = STREAMED) -> float:
        """Events per second of `/v1/events`, as lines."""
        started = time.perf_counter()
        for first in range(0, count, LINES_AT_ONCE):
            stamp = time.time_ns()
            size = min(LINES_AT_ONCE, count)
            body = b"\n".join(
                b'{"email":"%s","kind":"open_email","occurred_at":"2026-05-30T10:00:00Z","id":"l-%d-%d"}'
                % (emails[(first + n) % len(emails)].encode(), stamp, n)
                for n in range(size)
            )
            status, answer = await self._once("POST", "/v1/events", body, "application/x-ndjson")
            self.failures += status != 200 or orjson.loads(answer)["created"] != size
        return count / (time.perf_counter() - started)

    async def _once(self, method: str, path: str, body: bytes, media_type: str | None = None) -> tuple[int, bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 26)
        answer = await self._ask(reader, writer, method, path, body, media_type)
        writer.close()
        return answer

    async def _ask(
        self, reader: Any, writer: Any, method: str, path: str, body: bytes, media_type: str | None = None
    ) -> tuple[int, bytes]:
        head = self._head if media_type is None else self._head.replace("application/json", media_type)
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        status, headers = int(answer[9:12]), answer.lower()
        if b"transfer-encoding: chunked" in headers:
            parts = []
            while size := int(await reader.readuntil(b"\r\n"), 16):
                parts.append((await reader.readexactly(size + 2))[:-2])
            await reader.readexactly(2)
            return status, b"".join(parts)
        length = int(headers.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return status, await reader.readexactly(length)


def _rss_mib(process: psutil.Process) -> int:
    return int(process.memory_info().rss) >> 20


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    main()
