"""Whether the connection of an answer may carry another one: only if nothing lies behind the answer's end.

What lies there would be taken for the answer to the next request. httpcore looks into the socket before it uses a
connection again; it does not look at what h11 or TLS hold already. Public interfaces do not show h11's connection, so
it is looked for below the response, where httpx 0.28 and httpx2 keep it (tests/sockets/test_reuse.py holds both to it).
"""

from __future__ import annotations

import ssl
from typing import Any, cast

from .client import Response

LAYERS_MAX = 8
"""How many streams a client wraps around the connection: httpx has three, a caller's transport may add some."""


def _below(response: Response) -> Any | None:
    """Find the h11 connection under a response; None for HTTP/2, and for a transport that is not httpcore's."""
    layer: Any = response.stream
    for _ in range(LAYERS_MAX):
        connection = getattr(layer, "_connection", None)
        if connection is not None:
            return getattr(connection, "_h11_state", None)
        layer = getattr(layer, "_stream", None) or getattr(layer, "_httpcore_stream", None)
    return None


def nothing_behind(response: Response) -> bool:
    """Whether nothing has come after the end of a body that was read to its end. Does not wait.

    True for HTTP/2, whose frames say to which request they belong.
    """
    connection = _below(response)
    if connection is None:
        return True
    behind, is_closed = cast("tuple[bytes, bool]", connection.trailing_data)
    return not behind and not is_closed and not _is_readable(response)


def _is_readable(response: Response) -> bool:
    """Whether TLS or the socket hold something: a TLS record is read whole, and the next one waits outside of h11."""
    network: Any = getattr(response, "extensions", {}).get("network_stream")
    if network is None:
        return False
    tls: Any = network.get_extra_info("ssl_object")
    try:
        if tls is not None and tls.read(1):
            return True
    except ssl.SSLWantReadError:
        pass
    except (ssl.SSLError, OSError):  # an end, or what is no TLS
        return True
    return bool(network.get_extra_info("is_readable"))


def forbid_reuse(response: Response) -> None:
    """Have a response's connection closed with it, though its body has ended; nothing for HTTP/2.

    h11 takes no next request after a failed send, so httpcore closes instead of keeping.
    """
    connection = _below(response)
    if connection is not None:
        connection.send_failed()
