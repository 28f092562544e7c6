"""Records a run: a transport that writes down what another one sends and reads, and a file at the end.

    with Recorder("stall.jsonl", provider, request) as recorder:
        engine = Engine(provider, transport=recorder.transport)
        result = await engine.complete(request)

For one run at a time: exchanges stand in the file in the order in which they were asked. What is recorded waits in
memory until the block is left, however it is left; placeholders are made then, away from every clock.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import trio
from attrs import evolve

from ..core.causes import InterruptCause
from ..core.codec import from_json, to_json
from ..core.policy import Policy
from ..core.provider import Provider, WireRequest
from ..core.request import InferenceRequest
from ..core.secret import SCRUBBED_CHARS_MIN, Secret, secrets_among
from ..core.usage_error import UsageError
from ..http.transport import Body, HTTPTransport, Transport, TransportError
from .format import Exchange, Read, Recording, safe_headers, split_like, without_content
from .redaction import Placeholders


def _random_key() -> bytes:
    return secrets.token_bytes(32)


class Recorder:
    """Records the run whose engine uses `transport`, and writes `path` when its block is left.

    Args:
        path: the file to write; it must not exist.
        provider: who is asked; its name and model stand in the file.
        request: what is asked.
        policy: the engine's.
        transport: what really sends; None is httpx with the provider's `client`.
        with_content: whether texts may stand in the file. Without it there are placeholders, here and in the request.
        words: words that stay in error messages, so that a replay classifies them as they were: those of
            `providers.refusal_words()` are all that riverrun's providers look for.
        wall_clock: seconds since 1970: when the recording began.
        key: 32 random bytes that placeholders are drawn with; it is kept nowhere.

    Raises:
        UsageError: the file exists, or can not be made.
    """

    def __init__(
        self,
        path: str | Path,
        provider: Provider,
        request: InferenceRequest,
        *,
        policy: Policy | None = None,
        transport: Transport | None = None,
        with_content: bool = False,
        words: frozenset[str] = frozenset(),
        wall_clock: Callable[[], float] = time.time,
        key: Callable[[], bytes] = _random_key,
    ) -> None:
        self.path: Path = Path(path)
        self._with_content = with_content
        self._words = words
        self._key = key
        self._recording = Recording(provider.name, provider.model, request, policy or Policy(), True, wall_clock())
        inner = transport or HTTPTransport(getattr(provider, "client", None))
        self.transport: RecordingTransport = RecordingTransport(inner)
        self._file = _make_file(self.path)

    @property
    def recording(self) -> Recording:
        """What was recorded so far, keys scrubbed, content as it came."""
        return self.transport.recorded(self._recording)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the file. Blocking. Raises UsageError where it can not be written, unless the block raised."""
        recording = self.recording
        if not self._with_content:
            recording = without_content(recording, Placeholders(self._key(), self._words))
        try:
            with os.fdopen(self._file, "w", encoding="ascii", newline="\n") as file:
                file.writelines(recording.to_lines())
        except OSError as failed:
            if error is None:
                raise UsageError(f"{self.path} could not be written: {failed.strerror or failed}; make room") from None


def _make_file(path: Path) -> int:
    """Make the file, for its owner alone, before anything is asked."""
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise UsageError(f"{path} exists; expected the name of a new file: a recording replaces none") from None
    except OSError as error:
        raise UsageError(
            f"{path} can not be made: {error.strerror or error}; expected the name of a new file"
        ) from None


class RecordingTransport:
    """Sends by another transport, and keeps what came."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self._began_s: float | None = None
        self._secrets: list[Secret] = []
        self._live: list[_Live] = []

    async def open(self, wire: WireRequest, *, connect_s: float | None) -> Body:
        """Send a request, and note what comes. Raises TransportError. If cancelled: it is noted as left."""
        now = trio.current_time()
        if self._began_s is None:
            self._began_s = now
        live = _Live(self._began_s, Exchange(now - self._began_s, urlsplit(wire.url).path, len(wire.body)))
        self._live.append(live)
        known = {secret.reveal() for secret in self._secrets}
        self._secrets.extend(secret for secret in secrets_among(wire.headers) if secret.reveal() not in known)
        try:
            opened = await self._inner.open(wire, connect_s=connect_s)
        except TransportError as error:
            live.end("broke", error.cause)
            raise
        finally:
            live.touch()
        live.opened(opened.status, opened.headers)
        return _RecordedBody(opened, live)

    async def aclose(self) -> None:
        """Close the other transport."""
        await self._inner.aclose()

    def recorded(self, recording: Recording) -> Recording:
        """Return a recording with all exchanges, without the keys that were used."""
        exchanges = tuple(_scrubbed(live.exchange(), self._secrets) for live in self._live)
        return evolve(recording, exchanges=exchanges, request=_scrubbed_request(recording.request, self._secrets))


class _Live:
    """One exchange under way."""

    def __init__(self, began_s: float, asked: Exchange) -> None:
        self._began_s = began_s
        self._asked = asked
        self._reads: list[Read] = []
        self._ended_s = asked.asked_s
        self._end: tuple[str, InterruptCause | None] | None = None

    def touch(self) -> float:
        """Note that it lasts until now."""
        self._ended_s = trio.current_time() - self._began_s
        return self._ended_s

    def opened(self, status: int, headers: Mapping[str, str]) -> None:
        """Note its headers."""
        self._asked = evolve(self._asked, opened_s=self.touch(), status=status, headers=safe_headers(headers))

    def take(self, data: bytes) -> None:
        """Note a read; b"" is the end."""
        if data:
            self._reads.append(Read(self.touch(), data))
        else:
            self.end("end", None)

    def end(self, how: str, cause: InterruptCause | None) -> None:
        """Note how it ended; the first word counts."""
        self.touch()
        self._end = self._end or (how, cause)

    def exchange(self) -> Exchange:
        """Return it as it is now."""
        how, cause = self._end or ("left", None)
        return evolve(self._asked, reads=tuple(self._reads), ended_s=self._ended_s, how=how, cause=cause)


class _RecordedBody:
    """A body whose reads are noted as they are taken."""

    def __init__(self, opened: Body, live: _Live) -> None:
        self._opened = opened
        self._live = live
        self.status = opened.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._opened.headers

    async def pump(self) -> None:
        try:
            await self._opened.pump()
        finally:
            self._live.touch()

    async def receive(self) -> bytes:
        try:
            data = await self._opened.receive()
        except TransportError as error:
            self._live.end("broke", error.cause)
            raise
        self._live.take(data)
        return data

    async def drain(self) -> None:
        await self._opened.drain()


# -- keys ---------------------------------------------------------------------------------------------------------


def _scrubbed(exchange: Exchange, keys: list[Secret]) -> Exchange:
    """Put `*` for every key, or beginning of one, that was quoted; across reads too."""
    body = _starred(exchange.body, keys)
    headers = {name: _starred(value.encode(), keys).decode() for name, value in exchange.headers.items()}
    path = _starred(exchange.path.encode(), keys).decode()  # some gateways take the key there
    return evolve(exchange, path=path, reads=split_like(exchange.reads, body), headers=headers)


def _starred(data: bytes, keys: list[Secret]) -> bytes:
    for key in keys:
        for part in key.reveal().encode().split():
            if part[:SCRUBBED_CHARS_MIN] in data:
                for end in range(len(part), SCRUBBED_CHARS_MIN - 1, -1):
                    data = data.replace(part[:end], b"*" * end)
    return data


def _scrubbed_request(request: InferenceRequest, keys: list[Secret]) -> InferenceRequest:
    """Take a key out of the request's own texts: somebody may have pasted it there."""
    plain = to_json(request).encode()
    cleaned = _starred(plain, keys)
    return request if cleaned == plain else from_json(cleaned, InferenceRequest)
