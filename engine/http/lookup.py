"""Connects the engine's own client: few lookups of a name at a time, shared, and told by their own name if they hang.

trio looks names up in threads, forty for all of a program, and one that hangs keeps its thread though nobody waits for
it any more: 45 of them made a healthy provider fail with "connect stall", and every store stand still.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from ipaddress import ip_address
from math import inf
from typing import Any, TypeAlias, cast

import httpcore
import trio
from attrs import define, field

LOOKUPS_MAX = 4
"""How many lookups of one name are under way at most: a resolver that answers needs one, and each is a thread."""

SHARED_S = 1.0
"""For how long another request joins a lookup instead of beginning one: longer than a resolver that is well takes."""

STAGGER_S = 0.25
"""How long an address has before the next one is tried beside it: RFC 8305, and what trio does."""

SocketOptions: TypeAlias = Iterable[Any] | None


class ResolveTimeout(httpcore.ConnectTimeout):
    """The name was not looked up in time."""


@define(eq=False)
class _Lookup:
    """One question to the resolver; any number of tasks wait for it."""

    began: float = field(factory=trio.current_time)
    done: trio.Event = field(factory=trio.Event)
    addresses: Sequence[str] = ()
    error: Exception | None = None

    async def run(self, host: str, port: int, under_way: list[_Lookup]) -> None:
        """Ask, as a system task: who waits may leave, and the thread is counted until the resolver has answered."""
        try:
            found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self.addresses = _in_turn([(family, str(address[0])) for family, _, _, _, address in found])
        except Exception as error:  # a custom resolver is foreign code: raised where somebody waits for it
            self.error = error
        finally:
            under_way.remove(self)
            self.done.set()

    async def wait(self) -> Sequence[str]:
        """Wait for the addresses, at least one. Raises ConnectError, or what a custom resolver raised."""
        await self.done.wait()
        if isinstance(self.error, OSError):
            raise httpcore.ConnectError(str(self.error)) from self.error
        if self.error is not None:
            raise self.error
        if not self.addresses:
            raise httpcore.ConnectError("the name has no address")
        return self.addresses


def _in_turn(found: Sequence[tuple[int, str]]) -> Sequence[str]:
    """Put the first address of another family second, as RFC 8305 asks: one of the two may lead nowhere."""
    other = next((one for one in found if one[0] != found[0][0]), None)
    ordered = found if other is None else [found[0], other, *(one for one in found[1:] if one is not other)]
    return list(dict.fromkeys(address for _, address in ordered))


class LookupBackend(httpcore.AsyncNetworkBackend):
    """httpcore's trio backend, which connects to addresses that were looked up here."""

    def __init__(self) -> None:
        self._trio = cast("httpcore.AsyncNetworkBackend", httpcore.TrioBackend())
        self._under_way: dict[str, list[_Lookup]] = {}

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: SocketOptions = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host that answers.

        Raises:
            ResolveTimeout: no address in time.
            ConnectTimeout: no connection in time; both together have `timeout` seconds.
            ConnectError: the name has no address, or none of them took a connection.
        """
        until = inf if timeout is None else trio.current_time() + timeout
        addresses = [host] if _is_address(host) else await self._resolve(host, port, until)

        def connect(address: str) -> Any:
            left_s = None if timeout is None else max(until - trio.current_time(), 0.0)
            return self._trio.connect_tcp(address, port, left_s, local_address, socket_options)

        if len(addresses) == 1:
            return await connect(addresses[0])  # type: ignore[no-any-return]
        return await _first_connected([partial(connect, address) for address in addresses])

    async def _resolve(self, host: str, port: int, until: float) -> Sequence[str]:
        with trio.CancelScope(deadline=until):
            return await self._lookup(host, port).wait()
        raise ResolveTimeout(f"{host} was not looked up in time")

    def _lookup(self, host: str, port: int) -> _Lookup:
        """Return the lookup to wait for: the last one, or a new one if that is old and there is room."""
        under_way = self._under_way.setdefault(host, [])
        if under_way and (trio.current_time() - under_way[-1].began < SHARED_S or len(under_way) >= LOOKUPS_MAX):
            return under_way[-1]
        lookup = _Lookup()
        under_way.append(lookup)
        trio.lowlevel.spawn_system_task(lookup.run, host, port, under_way, name="riverrun: a lookup")
        return lookup

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        socket_options: SocketOptions = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to a socket in the file system: there is nothing to look up."""
        return await self._trio.connect_unix_socket(path, timeout, socket_options)

    async def sleep(self, seconds: float) -> None:
        """Sleep, for httpcore's retries."""
        await self._trio.sleep(seconds)


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        ip_address(host.partition("%")[0])
        return True
    return False


async def _first_connected(ways: Sequence[Any]) -> httpcore.AsyncNetworkStream:
    """Try each, the next one beside those before it when they have had `STAGGER_S`; the first that connects is it.

    Raises:
        ConnectError, ConnectTimeout: none did; what the last one said.
    If cancelled: none is left open.
    """
    connected: list[httpcore.AsyncNetworkStream] = []
    errors: list[Exception] = []

    async def attempt(way: Any, over: trio.Event) -> None:
        try:
            connected.append(await way())
            nursery.cancel_scope.cancel(reason="another address has answered")
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            errors.append(error)
        over.set()

    try:
        async with trio.open_nursery() as nursery:
            for way in ways:
                over = trio.Event()
                nursery.start_soon(attempt, way, over)
                with trio.move_on_after(STAGGER_S):
                    await over.wait()
        if not connected:
            raise errors[-1]
        return connected.pop(0)
    finally:
        for other in connected:  # two at once, or a cancel just then
            other.get_extra_info("socket").close()
