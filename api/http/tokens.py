"""The tokens of a server: who may do what in which workspace, kept beside the workspaces as hashes."""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import CallerError, InvalidValueError, StoreError, one_of

TOKENS_FILE = "tokens.sqlite"
_PREFIX = "populace_"
_SECRET_BYTES = 32
_BUSY_SECONDS = 10.0
_COLUMNS = "id, workspace_id, scopes, created_at, last_used_at, revoked_at"


class Scope(StrEnum):
    """What a token is good for. Who may write may read; `admin` may everything, `sql` nothing but ask in SQL."""

    READ = "read"
    WRITE = "write"
    SQL = "sql"
    ADMIN = "admin"


_ALSO = {Scope.WRITE: {Scope.READ}, Scope.ADMIN: {*Scope}}


@dataclass(frozen=True, slots=True)
class Token:
    """A token, without its secret. Instants are UTC."""

    id: str
    workspace_id: str
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    def allows(self, scope: Scope) -> bool:
        """Whether it is good for what needs a scope."""
        return any(scope is own or scope in _ALSO.get(own, ()) for own in self.scopes)


class UnknownTokenError(CallerError):
    """A server has no token of that id."""

    def __init__(self, token_id: str) -> None:
        super().__init__(f"no token has the id {token_id!r}; populace token list shows all")


class Tokens:
    """The tokens of one server folder. Close it, or use it in `with`; from any thread, and beside other processes.

    A token is a random text of 256 bits: of it nothing but its SHA-256 is stored.
    """

    def __init__(self, root: Path) -> None:
        self._lock = threading.Lock()
        try:
            root.mkdir(parents=True, exist_ok=True)
            path = root / TOKENS_FILE
            path.touch(mode=0o600)
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None
            )
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute(
                """
                CREATE TABLE IF NOT EXISTS tokens (
                    id TEXT PRIMARY KEY, hash BLOB UNIQUE NOT NULL, workspace_id TEXT NOT NULL, scopes TEXT NOT NULL,
                    created_at TEXT NOT NULL, last_used_at TEXT, revoked_at TEXT
                )
                """
            )
        except (OSError, sqlite3.Error) as error:
            raise StoreError(f"{root / TOKENS_FILE}: {error}; tokens must be kept there") from None
        self._data_version = -1
        self._by_hash: dict[bytes, Token] = {}
        self._used: dict[str, datetime] = {}

    def create(self, workspace_id: str, scopes: Collection[str]) -> str:
        """A new token for a workspace, as the text that stands in requests; it cannot be shown again."""
        wanted = sorted({_scope(scope) for scope in scopes})
        if not wanted:
            raise InvalidValueError("scope", "", f"must be given: {one_of([*Scope])}")
        token_id, text = secrets.token_hex(4), _PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
        with self._lock:
            self._connection.execute(
                "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, NULL, NULL)",
                [token_id, _hash_of(text), workspace_id, " ".join(wanted), _now().isoformat()],
            )
        return text

    def revoke(self, token_id: str) -> bool:
        """Let a token be worth nothing from now on; whether it was worth something. Raises: UnknownTokenError."""
        with self._lock:
            known = self._connection.execute("SELECT revoked_at FROM tokens WHERE id = ?", [token_id]).fetchall()
            if not known:
                raise UnknownTokenError(token_id)
            query = "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL"
            return self._connection.execute(query, [_now().isoformat(), token_id]).rowcount > 0

    def all(self) -> list[Token]:
        """All tokens, revoked ones included, oldest first."""
        with self._lock:
            rows = self._connection.execute(f"SELECT {_COLUMNS} FROM tokens ORDER BY created_at, id").fetchall()
        return [_token(*row) for row in rows]

    def known(self, text: str) -> Token | None:
        """The token that a text is, if it is one that was not revoked; it counts as used."""
        hashed = _hash_of(text)
        with self._lock:
            self._read_if_changed()
            token = self._by_hash.get(hashed)
            if token is not None:
                self._used[token.id] = _now()
        return token

    def write_last_used(self) -> None:
        """Bring to disk when tokens were used last: not with every use."""
        with self._lock:
            used, self._used = self._used, {}
            if used:
                rows = [(at.isoformat(), token_id) for token_id, at in used.items()]
                self._connection.execute("BEGIN IMMEDIATE")
                self._connection.executemany("UPDATE tokens SET last_used_at = ? WHERE id = ?", rows)
                self._connection.execute("COMMIT")

    def close(self) -> None:
        """Give the file back. Calling it twice is fine."""
        with self._lock:
            self._connection.close()

    def _read_if_changed(self) -> None:
        # The one number changes with commits of others, the other one with our own.
        ((version,),) = self._connection.execute("PRAGMA data_version").fetchall()
        key = hash((version, self._connection.total_changes))
        if key != self._data_version:
            query = f"SELECT hash, {_COLUMNS} FROM tokens WHERE revoked_at IS NULL"
            self._by_hash = {row[0]: _token(*row[1:]) for row in self._connection.execute(query)}
            self._data_version = key

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _token(
    token_id: str, workspace_id: str, scopes: str, created_at: str, last_used_at: str | None, revoked_at: str | None
) -> Token:
    return Token(
        token_id,
        workspace_id,
        frozenset(Scope(scope) for scope in scopes.split()),
        datetime.fromisoformat(created_at),
        None if last_used_at is None else datetime.fromisoformat(last_used_at),
        None if revoked_at is None else datetime.fromisoformat(revoked_at),
    )


def _scope(name: str) -> Scope:
    try:
        return Scope(name)
    except ValueError:
        raise InvalidValueError("scope", name, f"is none: it can be {one_of([*Scope])}") from None


def _hash_of(text: str) -> bytes:
    # A random text of 256 bits cannot be guessed from its hash, however fast that is.
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _now() -> datetime:
    return datetime.now(UTC)
