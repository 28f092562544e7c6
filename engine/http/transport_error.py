"""What a client raises, by our names: the connection failed, and how.

Exceptions of httpx and httpx2 are told by class name, so neither is imported for the other's sake.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..core.causes import ConnectionReset, GoAway, IdleStall, InterruptCause, MalformedStream, PrematureEnd
from ..core.errors import InvalidRequest
from ..core.printable import printable
from ..core.provider import WireRequest
from ..core.secret import Secret
from .client import reasons

POOL_FULL = "every connection of the client passed in is in use, and none came free in time; raise its limits="
"""What a client's PoolTimeout means: it has no words of its own."""


class TransportError(Exception):
    """The connection failed; `cause` says how. Raised to the attempt only, which makes it a value.

    `what` takes the place of the cause's own words, where there are better ones. `kept_closed`: the request went over a
    kept connection, which was closed before a byte of the answer.
    """

    def __init__(self, cause: InterruptCause, detail: str = "", *, what: str = "", kept_closed: bool = False) -> None:
        said = what or str(cause)
        super().__init__(f"{said}: {detail}" if detail else said)
        self.cause = cause
        self.kept_closed = kept_closed


def cause_of(error: Exception) -> InterruptCause | None:
    """Name a client's exception; None if it is not one of the transport's.

    By class name along the MRO, for httpx and httpx2 have equal names and no common base. Words are looked at only
    where one class covers several things: h2's GOAWAY and RST_STREAM, and a body that ends before its announced end.
    """
    if type(error).__module__.partition(".")[0] == "h2":  # httpcore lets these through: a frame came, or was to be
        return GoAway()  # sent, on a connection that the server had closed
    names = {kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith(("httpx", "httpcore", "trio"))}
    text = str(error)
    for kinds, word, cause in _CAUSES:  # the first that fits: a subclass stands before its parents
        if names & kinds and word in text:
            if cause == IdleStall("connect") and any(
                type(inner).__name__ == "ResolveTimeout" for inner in reasons(error)
            ):
                return IdleStall("resolve", setting="connect_s")
            return MalformedStream(printable(text)) if cause is None else cause
    return None


_CAUSES: tuple[tuple[frozenset[str], str, InterruptCause | None], ...] = (
    (frozenset({"PoolTimeout"}), "", IdleStall("pool", setting="connect_s")),
    (frozenset({"ConnectTimeout"}), "", IdleStall("connect", setting="connect_s")),
    (frozenset({"TimeoutException"}), "", IdleStall("headers")),
    (frozenset({"TransportError", "ProtocolError"}), "ConnectionTerminated", GoAway()),
    (frozenset({"LocalProtocolError"}), "CLOSED", GoAway()),
    (frozenset({"RemoteProtocolError"}), "StreamReset", ConnectionReset()),
    (frozenset({"RemoteProtocolError"}), "peer closed connection", PrematureEnd()),
    (frozenset({"RemoteProtocolError"}), "Server disconnected", PrematureEnd()),
    (frozenset({"RemoteProtocolError", "DecodingError", "LocalProtocolError"}), "", None),
    (frozenset({"TransportError", "StreamError"}), "", ConnectionReset()),
    (frozenset({"BrokenResourceError", "ClosedResourceError"}), "", ConnectionReset()),
)
"""Which class, with which word in its text, is which cause; None is a `MalformedStream` of that text."""


def translated(error: Exception, secrets: Sequence[Secret], *, kept: bool = False) -> Exception:
    """Make a client's exception ours, without the key: some quote the bytes they choked on, which may quote it.

    `kept`: the request went over a kept connection, and no headers have come.
    """
    cause = cause_of(error)
    if cause is None:
        return error
    if isinstance(cause, MalformedStream):
        cause = MalformedStream(printable(str(error), secrets=secrets))
    if cause == IdleStall("pool"):
        return TransportError(cause, POOL_FULL)
    not_connected = type(error).__name__ == "ConnectError"
    text = str(error)
    if not_connected or not text:  # "all attempts failed", or nothing: the reason is inside
        text = next((text for inner in reversed([*reasons(error)]) if (text := str(inner))), "")
    what = "could not connect" if not_connected else ""
    # httpcore does not tell half a status line from none: whoever is cut there is asked again as well.
    kept_closed = kept and isinstance(cause, ConnectionReset | GoAway | PrematureEnd)
    return TransportError(cause, printable(text, secrets=secrets), what=what, kept_closed=kept_closed)


def distrusted(error: Exception, wire: WireRequest) -> InvalidRequest | None:
    """Say which certificate was not accepted, if that is why; to ask again would meet the same one."""
    for inner in reasons(error):
        if isinstance(inner, ssl.SSLCertVerificationError):
            why = printable(getattr(inner, "verify_message", "") or str(inner))
            return InvalidRequest(
                f"the certificate of {urlsplit(wire.url).hostname} was not accepted: {why}; nothing was sent. "
                "To trust it, name its authority's PEM file in SSL_CERT_FILE, or give the provider a client that does"
            )
    return None
