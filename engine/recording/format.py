"""A recording of one run: what was asked, and every byte that came, with its time; as JSON lines, one a happening.

    {"what": "recording", "schema": 1, "provider": "anthropic", …}      the first line: who was asked, and how patiently
    {"what": "asked", "exchange": 0, "at_s": 0.0, "path": "/v1/messages", "body_bytes": 412}
    {"what": "opened", "exchange": 0, "at_s": 0.41, "status": 200, "headers": {"content-type": "text/event-stream"}}
    {"what": "read", "exchange": 0, "at_s": 0.43, "text": "event: message_start …"}
    {"what": "ended", "exchange": 0, "at_s": 60.9, "how": "left"}

Rules:
- No key, no URL's query, no header that is not in `_HEADERS` or one of rate limits. A key that a body quotes is `*`.
- Unless `with_content`, texts, thoughts, arguments, names and the user's keys are placeholders of the same shape
  (`redaction`), and the secret they are drawn from is gone. Of the request the sizes are left, and what may change
  a recovery.
- `at_s` counts from the recording's beginning. `how` is "end" (the body's own), "broke" (with its `cause`) or "left":
  the engine closed it, be it that a clock ran out, the run was cancelled, or nothing more was needed.
- A read that is not UTF-8 by itself stands as `base64` instead of `text`.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from attrs import define, evolve, field, frozen

from ..bounded_file import read_bounded
from ..core.causes import InterruptCause, MalformedStream
from ..core.codec import CodecError, structure, unstructure
from ..core.policy import Policy
from ..core.printable import named, printable
from ..core.request import InferenceRequest
from ..core.usage_error import UsageError
from ..core.validators import is_whole_number, seen
from .redaction import Placeholders
from .request_shape import shaped_request

SCHEMA_VERSION = 1

RECORDING_BYTES_MAX = 64 * 1024 * 1024
"""The largest file that is read: as much as a whole answer may hold (`Limits.text_bytes_max`)."""

LINE_VALUES_MAX = 1_000_000
"""The most values of a line: 64 MiB of `[],` are 1.4 GB as objects. The line of a read has six."""

_TEXTS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_HEADERS = frozenset({"content-type", "content-encoding", "retry-after", "retry-after-ms", "x-should-retry"})
_HEADER_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-")


class RecordingUnusable(UsageError):
    """A file that is no recording of this schema, or whose lines do not fit together. Names the file and the line."""


@frozen
class Read:
    """What the engine took at once."""

    at_s: float
    data: bytes = field(repr=lambda data: f"<{len(data)} bytes>")


@frozen
class Exchange:
    """One request and its answer. `opened_s` and `status` are None if no headers came; `cause` says how it broke."""

    asked_s: float
    path: str
    body_bytes: int
    opened_s: float | None = None
    status: int | None = None
    headers: Mapping[str, str] = field(factory=dict[str, str])
    reads: tuple[Read, ...] = ()
    ended_s: float = 0.0
    how: str = "left"
    cause: InterruptCause | None = None

    @property
    def body(self) -> bytes:
        """Everything that came."""
        return b"".join(read.data for read in self.reads)


@frozen
class Recording:
    """One run as it was on the wire."""

    provider: str
    model: str
    request: InferenceRequest
    policy: Policy = field(factory=Policy)
    with_content: bool = False
    began_unix_s: float = 0.0
    exchanges: tuple[Exchange, ...] = ()

    def to_lines(self) -> Iterator[str]:
        """Write it, line by line, each with its line feed."""
        head = {name: getattr(self, name) for name in ("provider", "model", "with_content", "began_unix_s")}
        request = unstructure(self.request, InferenceRequest)
        policy = unstructure(self.policy, Policy)
        yield _line({"what": "recording", "schema": SCHEMA_VERSION, **head, "policy": policy, "request": request})
        for number, exchange in enumerate(self.exchanges):
            yield from (_line(entry) for entry in _entries(number, exchange))


def _line(entry: Mapping[str, object]) -> str:
    return json.dumps(entry, ensure_ascii=True, separators=(",", ":"), allow_nan=False) + "\n"


def _entries(number: int, exchange: Exchange) -> Iterator[dict[str, object]]:
    def entry(what: str, at_s: float, **rest: object) -> dict[str, object]:
        return {"what": what, "exchange": number, "at_s": round(at_s, 6), **rest}

    yield entry("asked", exchange.asked_s, path=exchange.path, body_bytes=exchange.body_bytes)
    if exchange.opened_s is not None:
        yield entry("opened", exchange.opened_s, status=exchange.status, headers=dict(exchange.headers))
    for read in exchange.reads:
        yield entry("read", read.at_s, **_plain(read.data))
    cause = {} if exchange.cause is None else {"cause": unstructure(exchange.cause, InterruptCause)}
    yield entry("ended", exchange.ended_s, how=exchange.how, **cause)


def _plain(data: bytes) -> dict[str, object]:
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode("ascii")}


# -- reading ------------------------------------------------------------------------------------------------------


def read_recording(path: str | Path) -> Recording:
    """Read a file. Blocking.

    Raises:
        RecordingUnusable: it can not be read, or is no recording: what was seen, in which line, and what was expected.
    """
    name = printable(str(path))
    try:
        text = read_bounded(path, RECORDING_BYTES_MAX, "a recording").decode()
    except UnicodeDecodeError:
        raise RecordingUnusable(
            f"{name}: bytes that are not UTF-8; expected a recording, which is JSON lines"
        ) from None
    except UsageError as error:
        raise RecordingUnusable(str(error)) from None
    return recording_of(text.split("\n"), name)


def recording_of(lines: Sequence[str], name: str = "recording") -> Recording:
    """Build a recording from its lines. Raises RecordingUnusable, with `name` and the line's number."""
    reader = _Reading()
    number = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            reader.take(_object(line))
        except (CodecError, KeyError, TypeError, ValueError) as error:
            said = f"{type(error).__name__}: {error}" if not isinstance(error, UsageError | CodecError) else str(error)
            asked = "" if reader.recording is not None else "; is it a recording?"
            raise RecordingUnusable(f"{name}, line {number}: {printable(said)}{asked}") from None
    if reader.recording is None:
        raise RecordingUnusable(f"{name}: no line of what 'recording' seen; is it a recording, and was it written?")
    if reader.is_open:
        raise RecordingUnusable(f"{name}: exchange {len(reader.exchanges) - 1} has no 'ended'; was the file cut off?")
    return evolve(reader.recording, exchanges=tuple(reader.exchanges))


def _object(line: str) -> dict[str, Any]:
    if (count := _values_in(line)) > LINE_VALUES_MAX:
        raise CodecError(f"about {count:,} values seen; expected at most {LINE_VALUES_MAX:,} a line")
    try:
        held: object = json.loads(line)
    except (ValueError, RecursionError):
        raise CodecError(f"{len(line)} characters that are not JSON; expected one object a line") from None
    if not isinstance(held, dict):
        raise CodecError(f"a {type(held).__name__} seen; expected one object a line")
    return cast("dict[str, Any]", held)


def _values_in(line: str) -> int:
    """Count what begins a value, roughly; only where there may be too many, without what stands in texts."""
    if sum(map(line.count, ",[{")) <= LINE_VALUES_MAX:
        return 0
    return sum(map(_TEXTS.sub("", line).count, ",[{"))


@define
class _Reading:
    """Takes the lines of a recording in turn."""

    recording: Recording | None = None
    exchanges: list[Exchange] = field(factory=list[Exchange])
    is_open: bool = False
    """Whether the last exchange has not ended yet."""
    reads: list[Read] = field(factory=list[Read])
    """The last exchange's, until it ends: a tuple that grew read by read was copied each time."""

    def take(self, entry: dict[str, Any]) -> None:
        """Take one line. Raises what a line that does not fit raises."""
        what = entry.get("what")
        if what == "recording":
            self._begin(entry)
            return
        if self.recording is None:
            raise CodecError(f"what {what!r} seen; expected 'recording' in the first line")
        if what == "asked":
            self._ask(entry)
            return
        if not self.is_open:
            raise CodecError(f"what {what!r} seen; expected 'asked', for no exchange is under way")
        self._require(entry, len(self.exchanges) - 1)
        exchange = _with(self.exchanges[-1], what, entry)
        if what == "read":
            self.reads.append(Read(exchange.ended_s, _data(entry)))
        elif what == "ended":
            exchange = evolve(exchange, reads=tuple(self.reads))
            self.is_open = False
            self.reads.clear()
        self.exchanges[-1] = exchange

    def _ask(self, entry: dict[str, Any]) -> None:
        if self.is_open:
            raise CodecError("what 'asked' seen before the last exchange's 'ended'; expected one exchange at a time")
        self._require(entry, len(self.exchanges))
        at_s, before_s = _number(entry["at_s"]), self.exchanges[-1].asked_s if self.exchanges else 0.0
        _check_order(at_s, before_s)
        self.exchanges.append(Exchange(at_s, str(entry["path"]), _whole(entry["body_bytes"]), ended_s=at_s))
        self.is_open = True

    def _begin(self, entry: dict[str, Any]) -> None:
        if entry.get("schema") != SCHEMA_VERSION:
            raise CodecError(f"schema {named(repr(entry.get('schema')))} seen, {SCHEMA_VERSION} expected")
        if self.recording is not None:
            raise CodecError("a second 'recording'; expected one, in the first line")
        self.recording = Recording(
            str(entry["provider"]),
            str(entry["model"]),
            structure(entry["request"], InferenceRequest),
            structure(entry["policy"], Policy),
            bool(entry["with_content"]),
            _number(entry["began_unix_s"]),
        )

    @staticmethod
    def _require(entry: dict[str, Any], number: int) -> None:
        if entry.get("exchange") != number:
            raise CodecError(f"exchange {entry.get('exchange')!r} seen; expected {number}: they come in turn")


def _with(exchange: Exchange, what: object, entry: dict[str, Any]) -> Exchange:
    """Return the exchange after one line more; what was read is its reader's to keep."""
    at_s = _number(entry["at_s"])
    _check_order(at_s, exchange.ended_s)
    if what in ("opened", "read") and (what == "opened") == (exchange.opened_s is not None):
        raise CodecError(f"what {what!r} seen; expected one 'opened', and reads after it")
    match what:
        case "opened":
            return evolve(exchange, opened_s=at_s, ended_s=at_s, status=_whole(entry["status"]), headers=_texts(entry))
        case "read":
            return evolve(exchange, ended_s=at_s)
        case "ended":
            cause = structure(entry["cause"], InterruptCause) if "cause" in entry else None
            if entry["how"] not in ("end", "broke", "left") or (cause is None) == (entry["how"] == "broke"):
                raise CodecError(f"how {entry['how']!r} seen; expected end, left, or broke with its cause")
            return evolve(exchange, ended_s=at_s, how=str(entry["how"]), cause=cause)
        case _:
            raise CodecError(f"what {what!r} seen; expected recording, asked, opened, read or ended")


def _check_order(at_s: float, before_s: float) -> None:
    if at_s < before_s:
        raise CodecError(f"at_s {at_s:g} after {before_s:g}; expected times that do not go back")


def _number(value: object) -> float:
    if not (isinstance(value, float) and math.isfinite(value)) and not is_whole_number(value):
        raise CodecError(f"{seen(value)} seen; expected a finite number of seconds")
    return float(value)


def _whole(value: object) -> int:
    if not is_whole_number(value):
        raise CodecError(f"{seen(value)} seen; expected a whole number")
    return value


def _texts(entry: dict[str, Any]) -> dict[str, str]:
    headers: object = entry["headers"]
    if not isinstance(headers, dict):
        raise CodecError(f"headers are a {type(headers).__name__}; expected an object")
    return {str(key): str(value) for key, value in cast("dict[object, object]", headers).items()}


def _data(entry: dict[str, Any]) -> bytes:
    return base64.b64decode(entry["base64"], validate=True) if "base64" in entry else str(entry["text"]).encode()


# -- what may not be shown ----------------------------------------------------------------------------------------


def without_content(recording: Recording, placeholders: Placeholders) -> Recording:
    """Return the recording with placeholders for its content. Cost: about 2 µs a character."""
    exchanges = tuple(_shaped(exchange, placeholders) for exchange in recording.exchanges)
    request = shaped_request(recording.request)
    return evolve(recording, with_content=False, request=request, exchanges=exchanges)


def _shaped(exchange: Exchange, placeholders: Placeholders) -> Exchange:
    cause = exchange.cause
    if isinstance(cause, MalformedStream):
        cause = MalformedStream("what was seen is not recorded")  # it quotes bytes
    return evolve(exchange, reads=split_like(exchange.reads, placeholders.body(exchange.body)), cause=cause)


def split_like(reads: Sequence[Read], body: bytes) -> tuple[Read, ...]:
    """Cut a body of the same length where the reads were cut."""
    at, cut = 0, list[Read]()
    for read in reads:
        cut.append(Read(read.at_s, body[at : at + len(read.data)]))
        at += len(read.data)
    return tuple(cut)


def safe_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that change what an engine does, and those of limits; no others."""
    return {name: value for name, value in headers.items() if name in _HEADERS or name.startswith(_HEADER_PREFIXES)}
