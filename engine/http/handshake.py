"""Follows what one request does to a connection: makes it or finds it, and closes it if it is broken off before use.

httpcore's trio backend closes it when a TLS handshake raises an `Exception`; `Cancelled` is none, and the socket would
stay open until the garbage collector comes. The `trace` extension is public in httpx and httpx2, so this serves a
client of the caller's too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

_CONNECTING = ("connect_tcp.started", "connect_unix_socket.started")


class Handshake:
    """Follows the connection that one request makes, if it makes one. Used with `with` around sending."""

    __slots__ = ("_has_connected", "_is_sending", "_network")

    def __init__(self) -> None:
        self._network: Any = None
        self._is_sending = self._has_connected = False

    @property
    def kept(self) -> bool:
        """Whether the request went over a connection that was there before; not of a client that does not say."""
        return self._is_sending and not self._has_connected

    async def __call__(self, name: str, info: Mapping[str, Any]) -> None:
        """Take what the client says it does: the `trace` extension. No checkpoint."""
        step = name.partition(".")[2]
        self._has_connected = self._has_connected or step in _CONNECTING
        if step in ("connect_tcp.complete", "connect_unix_socket.complete"):
            self._network = info["return_value"]
        elif step == "start_tls.failed":  # also after a proxy has been asked for a tunnel
            self._close()
        elif step == "send_request_headers.started":
            self._is_sending = True  # from here on the client closes it

    def _close(self) -> None:
        network, self._network = self._network, None
        connected = None if network is None else network.get_extra_info("socket")
        if connected is not None:
            connected.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Close what was connected and not used: a cancel may come right after the handshake, too."""
        if kind is not None and not self._is_sending:
            self._close()
        self._network = None
