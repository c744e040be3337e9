"""Sending one message: signed as Standard Webhooks has it, to an address that was looked at, no redirect followed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from importlib.metadata import version
from types import TracebackType
from typing import Self

import httpx
from standardwebhooks import Webhook as Signer

from api.webhooks.addresses import RefusedAddressError, addresses_of
from engine.storage.webhooks import WebhookRow

CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0
WHOLE_SECONDS = CONNECT_SECONDS + ANSWER_SECONDS
MOST_ANSWER_BYTES = 2_048
CONNECTIONS = 8
LOOKUPS = 2
"""So many names are looked up at once: one that takes long keeps nobody else waiting."""

BOTH_SECRETS = timedelta(days=1)
"""So long after a secret was changed messages are signed with the one before, too."""

_BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an attempt. `failure` says what is wrong, None where nothing is.

    `retry_after`: how long the receiver asks to be left alone, if it does.
    """

    status_code: int | None
    failure: str | None
    body: str = ""
    retry_after: timedelta | None = None

    @property
    def is_down(self) -> bool:
        """Whether the receiver as a whole seems to fail, or to be overrun: not only this message is refused."""
        status = self.status_code
        is_failing = status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _BUSY
        return self.failure is not None and is_failing

    @property
    def is_gone(self) -> bool:
        """Whether the receiver says that it wants nothing any more."""
        return self.status_code == HTTPStatus.GONE


class Sender:
    """Sends messages, over connections that stay open. Use it in `async with`."""

    def __init__(self, *, allows_private: bool) -> None:
        self._allows_private = allows_private
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="populace-names")
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
        agent = f"populace/{version('populace')} (webhooks)"
        self._client = httpx.AsyncClient(
            limits=limits, timeout=timeout, trust_env=False, follow_redirects=False, headers={"user-agent": agent}
        )

    async def send(self, webhook: WebhookRow, message_id: str, payload: str) -> Answer:
        """Send a message once; whatever goes wrong is in the answer."""
        try:
            url = httpx.URL(webhook.url)
            port = url.port or _PORTS[url.scheme]
            host = url.raw_host.decode("ascii")  # as it stands in the address: names with other letters are encoded
            addresses = await addresses_of(host, port, allows_private=self._allows_private, threads=self._threads)
        except (httpx.InvalidURL, UnicodeError, RefusedAddressError) as error:
            return Answer(None, str(error))
        failure = ""
        for address in addresses:
            try:
                async with asyncio.timeout(WHOLE_SECONDS):
                    return await self._send_to(address, url, headers_of(webhook, message_id, payload), payload)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = _words(error)
            except TimeoutError:
                return Answer(None, f"no whole answer within {WHOLE_SECONDS:g} s")
            except Exception as error:  # one that is not known yet must not stop the messages behind it
                return Answer(None, _words(error))
        return Answer(None, failure)

    async def _send_to(self, address: str, url: httpx.URL, headers: dict[str, str], payload: str) -> Answer:
        """To this address, whatever the name says when the connection is made."""
        request = self._client.build_request(
            "POST",
            url.copy_with(host=address),
            content=payload.encode(),
            headers={**headers, "host": url.netloc.decode(), "content-type": "application/json"},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        response = await self._client.send(request, stream=True)
        try:
            body = b""
            async for part in response.aiter_raw():
                body += part
                if len(body) >= MOST_ANSWER_BYTES:
                    break
        finally:
            await response.aclose()
            self._client.cookies.clear()
        text = body[:MOST_ANSWER_BYTES].decode(errors="replace")
        return Answer(response.status_code, _failure(response), text, _retry_after(response))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._client.aclose()
        self._threads.shutdown(wait=False, cancel_futures=True)


def headers_of(webhook: WebhookRow, message_id: str, payload: str) -> dict[str, str]:
    """The headers that sign a message."""
    now = datetime.now(UTC)
    secrets = [webhook.secret]
    changed_at = webhook.secret_changed_at
    if webhook.previous_secret and changed_at and now.replace(tzinfo=None) - changed_at < BOTH_SECRETS:
        secrets.append(webhook.previous_secret)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(message_id, now, payload) for secret in secrets),
    }


def _failure(response: httpx.Response) -> str | None:
    if response.is_success:
        return None
    if response.is_redirect:
        return f"answered {response.status_code}: redirects are not followed, give the address itself"
    return f"answered {response.status_code}"


def _words(error: Exception) -> str:
    name = type(error).__name__
    return f"{name}: {error}" if str(error) else name


def _retry_after(response: httpx.Response) -> timedelta | None:
    """What `Retry-After` asks for, in seconds or as a date."""
    text = response.headers.get("retry-after", "")
    if text.isascii() and text.isdigit():
        return timedelta(seconds=int(text)) if len(text) < 6 else timedelta(days=1)
    try:
        return max(parsedate_to_datetime(text) - datetime.now(UTC), timedelta(0)) if text else None
    except (ValueError, TypeError, OverflowError):
        return None
