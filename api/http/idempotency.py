"""Requests that may come twice: what was done under a key is not done again for a day."""

from __future__ import annotations

import hashlib
import marshal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Self

import orjson
from fastapi import Header

from engine.errors import CallerError, StoreError

KEYS_FILE = "idempotency.sqlite"
KEPT_SECONDS = 24 * 3600
TRIM_SECONDS = 60.0
MOST_KEY_CHARACTERS = 255

IdempotencyKey = Annotated[
    str | None,
    Header(
        max_length=MOST_KEY_CHARACTERS,
        description="A random text of yours: a request that comes with it again within a day is not carried out again.",
    ),
]


class KeyReusedError(CallerError):
    """A key came with another request before."""

    def __init__(self) -> None:
        super().__init__("Idempotency-Key: came with another request before; give each request a key of its own")


@dataclass(slots=True)
class Attempt:
    """A request under a key. `status` is that of the answer: of the one given before, or (set it) of this one."""

    status: int | None

    @property
    def is_repeated(self) -> bool:
        """Whether it was carried out already."""
        return self.status is not None


class Keys:
    """The keys of a server, hashed, beside its workspaces. Close it. From any thread.

    A key is written down after what it stands for is durable: a kill between the two lets the request be carried out
    once more when it comes again.
    """

    def __init__(self, root: Path) -> None:
        self._lock, self._free = threading.Lock(), threading.Condition()
        self._under_way: set[bytes] = set()
        self._trimmed_at = 0.0
        try:
            path = root / KEYS_FILE
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.execute(
                """
                CREATE TABLE IF NOT EXISTS keys (
                    hash BLOB PRIMARY KEY, request BLOB NOT NULL, status INTEGER NOT NULL, at REAL NOT NULL
                ) WITHOUT ROWID
                """
            )
            self._connection.execute("CREATE INDEX IF NOT EXISTS keys_by_time ON keys (at)")
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{root / KEYS_FILE}: {error}; keys of requests must be kept there") from None

    @contextmanager
    def once(self, token_id: str, key: str | None, request: object) -> Iterator[Attempt]:
        """Carry out a request, unless it was already: the block asks, and sets the status of its answer.

        `request` is all that was asked, as a JSON value. The same key at the same time waits. Raises: KeyReusedError.
        """
        if key is None:
            yield Attempt(None)
            return
        hashed = hash_of(token_id, key)
        asked = hashlib.sha256(_written(request)).digest()
        with self._free:
            self._free.wait_for(lambda: hashed not in self._under_way)
            self._under_way.add(hashed)
        try:
            known = self._known(hashed)
            if known is not None and known[0] != asked:
                raise KeyReusedError
            attempt = Attempt(None if known is None else known[1])
            yield attempt
            if known is None and attempt.status is not None:
                self._keep(hashed, asked, attempt.status)
        finally:
            with self._free:
                self._under_way.discard(hashed)
                self._free.notify_all()

    def close(self) -> None:
        """Give the file back. Calling it twice is fine."""
        with self._lock:
            self._connection.close()

    def _known(self, hashed: bytes) -> tuple[bytes, int] | None:
        query = "SELECT request, status FROM keys WHERE hash = ? AND at > ?"
        with self._lock:
            rows = self._connection.execute(query, [hashed, time.time() - KEPT_SECONDS]).fetchall()
        return rows[0] if rows else None

    def _keep(self, hashed: bytes, asked: bytes, status: int) -> None:
        now = time.time()
        with self._lock:
            self._connection.execute("INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?)", [hashed, asked, status, now])
            if now - self._trimmed_at > TRIM_SECONDS:
                self._connection.execute("DELETE FROM keys WHERE at <= ?", [now - KEPT_SECONDS])
                self._trimmed_at = now

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def hash_of(token_id: str, key: str) -> bytes:
    """What a key of a token is known as."""
    return hashlib.sha256(f"{token_id}\n{key}".encode(errors="surrogatepass")).digest()


def _written(request: Any) -> bytes:
    """A request as bytes, the same for the same request."""
    try:
        return orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:  # an item that is nested too deep, which is to fail alone
        return marshal.dumps(request, 2)  # twice as deep as orjson reads; with 2, it writes no references
