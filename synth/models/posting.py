"""One address that is posted to, over aiohttp: the least work per request of the clients there are. httpx looks through
all its connections for each request, and reads and checks twice over aiohttp what aiohttp has read already."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.request import getproxies, proxy_bypass

import aiohttp
import certifi
from yarl import URL

IDLE_S = 5.0  # a connection that is not used for so long is closed: servers drop them sooner or later


@dataclass(frozen=True)
class Answer:
    """What came back. `body` is decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", errors="replace")


class Poster:
    """Posts JSON to one address. Has no deadline and follows no redirect. The proxy, the certificates and their
    variables are those of the environment."""

    def __init__(self, url: str, headers: Mapping[str, str], connections: int) -> None:
        self._url, self._connections = URL(url), connections
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **headers}
        self._proxy = _proxy(self._url)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, body: bytes) -> Answer:
        """Raises aiohttp.ClientError where no whole answer came."""
        session = self._session or self._open()
        async with session.post(self._url, data=body, proxy=self._proxy, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await response.read())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        """A session belongs to the event loop that runs when it is made."""
        trusted = ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or certifi.where())
        connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=IDLE_S, ssl=trusted)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._headers, cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )  # fmt: skip
        return self._session


def _proxy(url: URL) -> str | None:
    """The proxy that the environment names for an address."""
    found = getproxies().get(url.scheme)
    return found if found and not proxy_bypass(url.host or "") else None
