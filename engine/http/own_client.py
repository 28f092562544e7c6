"""The engine's own client: the one module that imports httpx."""

from __future__ import annotations

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, cast

import httpx

from .environment import proxies, unusable_certificates, unusable_proxy
from .lookup import LookupBackend

NEVER_PROXIED = {f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")}
"""A server on this machine is asked directly, whatever proxy the environment names: the proxy would see the prompt."""

NO_QUEUE = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""As many connections as there are answers under way: with httpx's own 100, the 101st waits for us and not for the
provider, and no clock can tell. How many rest between answers is httpx's default."""

NO_COOKIES = DefaultCookiePolicy(allowed_domains=())
"""A jar with this takes nothing: kept, cookies were megabytes a request, and tied retries to a backend that fails."""


def trusted_certificates() -> ssl.SSLContext:
    """Load the certificates that are trusted: ~20 ms of CPU. Raises UsageError, without the client's as its context."""
    try:
        return httpx.create_ssl_context()
    except OSError as error:
        unusable = unusable_certificates(error)
        if unusable is None:
            raise
    raise unusable


def own_client(trusted: ssl.SSLContext) -> httpx.AsyncClient:
    """Make the engine's own client. Raises UsageError, without the client's as its context: it may quote a password."""
    try:
        client = httpx.AsyncClient(
            verify=trusted,
            http2=False,
            follow_redirects=False,
            mounts=NEVER_PROXIED,
            limits=NO_QUEUE,
            cookies=CookieJar(NO_COOKIES),
        )
        _look_up_here(client)
        return client
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        needs_socks = isinstance(error, ImportError)
    named = {name: value for name, value in proxies().items() if not _can_use(value, trusted)}
    raise unusable_proxy(named or proxies(), needs_socks=needs_socks)


def _look_up_here(client: httpx.AsyncClient) -> None:
    """Have a client connect by way of our backend: httpcore's pools take one, but httpx 0.28 does not hand it on."""
    inside = cast("Any", client)
    backend = LookupBackend()
    for transport in (inside._transport, *inside._mounts.values()):
        if transport is not None:
            transport._pool._network_backend = backend


def _can_use(proxy: str, trusted: ssl.SSLContext) -> bool:
    try:
        httpx.AsyncHTTPTransport(verify=trusted, proxy=proxy if "://" in proxy else f"http://{proxy}")
    except (ImportError, ValueError, httpx.InvalidURL):
        return False
    return True
