"""Whom a chaos proxy listens to: requests that name this machine as their host, and no web page of another site.

A page in a browser can have its own name lead to 127.0.0.1 (DNS rebinding) and then reads what a server there answers.
Its requests still name the page's host: they are refused, for the control endpoint and for what is passed on alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

from attrs import frozen

from ....providers.endpoint import is_loopback
from ...core.usage_error import UsageError

_HOST = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 - compared with, not listened on
"""Listening there is listening on every address of the machine."""


@frozen
class Listen:
    """Where a proxy listens."""

    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


def parse_listen(told: str) -> Listen:
    """Read `HOST:PORT`, `[IPV6]:PORT` or `PORT`; without a host, and for localhost, it is 127.0.0.1's.

    Raises:
        UsageError: it is none of these.
    """
    found = _HOST.fullmatch(f"127.0.0.1:{told}" if told.isdecimal() else told.lower())
    if found is None or found["port"] is None or int(found["port"]) > 65_535:
        raise UsageError(
            f"listen is {told[:80]!r}; expected HOST:PORT, as in 127.0.0.1:9100 (port 0: any that is free)",
            argument="listen",
        )
    host = found["host"].strip("[]")
    return Listen("127.0.0.1" if host == "localhost" else host, int(found["port"]))


@frozen
class Refusal:
    """A request that is not listened to: the status and the words it gets."""

    status: int
    words: str


@frozen
class Guard:
    """Decides from a request's headers, by lower-case name; nothing is looked up.

    Args:
        listen: where the proxy listens.
        hosts: further names that a request may have as its host.
    """

    listen: Listen
    hosts: Collection[str] = ()

    def refusal(self, headers: Mapping[str, str], local_address: str) -> Refusal | None:
        """Say why a request is not listened to, None if it is. `local_address`: the one that it came to."""
        told = headers.get("host", "")
        found = _HOST.fullmatch(told.lower())
        host = "" if found is None else found["host"].strip("[]")
        if host and (is_loopback(host) or host in (self.listen.host, local_address, *self.hosts)):
            return None
        return Refusal(
            421,
            "the request's Host names neither this machine nor where chaos listens; expected a loopback name, or one "
            "that was allowed by --allow-host",
        )

    def control_refusal(self, headers: Mapping[str, str], *, is_local: bool, allows_remote: bool) -> Refusal | None:
        """Say why a request to the control endpoint is not listened to. `is_local`: it comes from this machine."""
        if not (is_local or allows_remote):
            return Refusal(403, "the control endpoint is for this machine only; expected --allow-remote-control")
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "none")
        if (origin is not None and not _is_of(origin, headers["host"])) or site not in ("none", "same-origin"):
            return Refusal(403, "the request is a web page's of another site; expected none, or one of this address")
        return None


def _is_of(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()
