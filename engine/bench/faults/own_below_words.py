"""The faults of ours that lie below an answer's words: connections, silences, cuts inside what bytes spell, errors.

Each strikes once, and leaves later requests well, so that it can be got over with one provider.
"""

from __future__ import annotations

import math

from ...testing.script.faults import BETWEEN_EVENTS, Fault, FaultKind, WireCut
from ...testing.wire.formats import Wire
from .fault import BenchFault
from .play import Place, Play, http_error

SSE = (Wire.ANTHROPIC, Wire.OPENAI, Wire.RESPONSES, Wire.GEMINI)
_IN_CHUNK, _BY_LENGTH = WireCut(in_chunk=True), WireCut(has_length=True)
CUT = Play(Fault(FaultKind.RESET), Place.TEXT)
MIDDLE = 30
"""About the middle of an answer, in events."""


def in_text(
    kind: FaultKind, *, seconds: float = 1.0, status: int = 500, count: int = 0, cut: WireCut = BETWEEN_EVENTS
) -> Play:
    """A fault between two words."""
    return Play(Fault(kind, seconds=seconds, status=status, count=count, cut=cut), Place.TEXT)


_CONNECTION = (
    BenchFault(
        name="reset",
        group="Connection",
        title="The connection is reset between two words.",
        plays=(CUT,),
        faults=(Fault(FaultKind.RESET, MIDDLE),),
    ),
    BenchFault(
        name="reset-in-chunk",
        group="Connection",
        title="The connection is reset inside an HTTP chunk.",
        plays=(Play(Fault(FaultKind.RESET, cut=_IN_CHUNK), Place.CHARACTER),),
        faults=(Fault(FaultKind.RESET, MIDDLE),),
    ),
    BenchFault(
        name="half-close",
        group="Connection",
        title="The server closes its side between two words; the HTTP body has no end.",
        plays=(in_text(FaultKind.HALF_CLOSE),),
        faults=(Fault(FaultKind.HALF_CLOSE, MIDDLE),),
    ),
    BenchFault(
        name="clean-early-end",
        group="Connection",
        title="The HTTP body ends properly in the middle of the answer.",
        plays=(in_text(FaultKind.PREMATURE_END),),
        faults=(Fault(FaultKind.HALF_CLOSE, MIDDLE),),
    ),
    BenchFault(
        name="length-too-long",
        group="Connection",
        title="The content-length is that of the whole answer; the server closes in the middle.",
        plays=(in_text(FaultKind.HALF_CLOSE, cut=_BY_LENGTH),),
        faults=(Fault(FaultKind.HALF_CLOSE, MIDDLE),),
    ),
    BenchFault(
        name="length-too-short",
        group="Connection",
        title="The content-length ends the body in the middle of the answer.",
        plays=(in_text(FaultKind.PREMATURE_END, cut=_BY_LENGTH),),
        faults=(Fault(FaultKind.HALF_CLOSE, MIDDLE),),
    ),
)

_SILENCE = (
    BenchFault(
        name="pause",
        group="Silence",
        title="Nothing for 10 s between two words; then the rest.",
        plays=(in_text(FaultKind.PAUSE, seconds=10.0),),
        faults=(Fault(FaultKind.DRIP, MIDDLE, seconds=10.0, count=1),),
    ),
    BenchFault(
        name="stall",
        group="Silence",
        title="Nothing more, for ever, between two words.",
        plays=(in_text(FaultKind.STALL),),
        faults=(Fault(FaultKind.STALL, MIDDLE),),
    ),
    BenchFault(
        name="stall-before-headers",
        group="Silence",
        title="The first request is never answered.",
        plays=(Play(Fault(FaultKind.SLOW_HEADERS, seconds=math.inf)),),
        faults=(Fault(FaultKind.SLOW_HEADERS, seconds=math.inf),),
    ),
    BenchFault(
        name="stall-before-first-word",
        group="Silence",
        title="Headers, and then nothing, for ever.",
        plays=(Play(Fault(FaultKind.STALL)),),
        faults=(Fault(FaultKind.STALL),),
    ),
    BenchFault(
        name="late-headers",
        group="Silence",
        title="The headers take 10 s; the rest is normal.",
        plays=(Play(Fault(FaultKind.SLOW_HEADERS, seconds=10.0)),),
        faults=(Fault(FaultKind.SLOW_HEADERS, seconds=10.0),),
    ),
    BenchFault(
        name="drip",
        group="Silence",
        title="Two events come five bytes at a time, 0.2 s apart.",
        plays=(in_text(FaultKind.DRIP, seconds=0.2, count=2),),
        faults=(Fault(FaultKind.DRIP, MIDDLE, seconds=2.0, count=2),),
    ),
    BenchFault(
        name="pings-only",
        group="Silence",
        title="After some words only pings come, 5 s apart, for ever.",
        plays=(in_text(FaultKind.PINGS_ONLY, seconds=5.0),),
        faults=(Fault(FaultKind.PINGS_ONLY, MIDDLE, seconds=5.0),),
    ),
    BenchFault(
        name="comments-only",
        group="Silence",
        title="After some words only comments of server-sent events come, 5 s apart, for ever.",
        plays=(in_text(FaultKind.COMMENTS_ONLY, seconds=5.0),),
        wires=SSE,
    ),
)

_CUTS = (
    BenchFault(
        name="cut-in-character",
        group="Cuts",
        title="The server closes inside a character of several bytes.",
        plays=(Play(Fault(FaultKind.HALF_CLOSE), Place.CHARACTER),),
    ),
    BenchFault(
        name="cut-in-crlf",
        group="Cuts",
        title="Lines end with CRLF, and the connection is reset between the two bytes.",
        plays=(Play(Fault(FaultKind.RESET), Place.CRLF),),
        wires=SSE,
    ),
    BenchFault(
        name="cut-in-escape",
        group="Cuts",
        title="The connection is reset inside an escape of JSON, after the backslash.",
        plays=(Play(Fault(FaultKind.RESET), Place.ESCAPE),),
    ),
    BenchFault(
        name="cut-in-surrogates",
        group="Cuts",
        title="Characters are escaped, and the body ends between the two halves of one.",
        plays=(Play(Fault(FaultKind.PREMATURE_END), Place.SURROGATE),),
    ),
    BenchFault(
        name="five-byte-chunks",
        group="Cuts",
        title="The whole answer in chunks of five bytes; nothing is wrong.",
        plays=(Play(Fault(FaultKind.DRIP, seconds=0.0, count=9_999)),),
    ),
)

_ERRORS = (
    BenchFault(
        name="error-before-text",
        group="Errors",
        title="An overload told inside the stream, before a word.",
        plays=(Play(Fault(FaultKind.IN_BAND_ERROR, status=529), Place.START),),
        faults=(Fault(FaultKind.IN_BAND_ERROR, 2, status=529),),
    ),
    BenchFault(
        name="error-after-text",
        group="Errors",
        title="An overload told inside the stream, between two words.",
        plays=(in_text(FaultKind.IN_BAND_ERROR, status=529),),
        faults=(Fault(FaultKind.IN_BAND_ERROR, MIDDLE, status=529),),
    ),
    BenchFault(
        name="rate-limit-after-text",
        group="Errors",
        title="A rate limit told inside the stream, between two words.",
        plays=(in_text(FaultKind.IN_BAND_ERROR, status=429),),
        faults=(Fault(FaultKind.IN_BAND_ERROR, MIDDLE, status=429),),
    ),
    BenchFault(
        name="error-then-silence",
        group="Errors",
        title="A server error told inside the stream, which then stays open in silence.",
        plays=(in_text(FaultKind.IN_BAND_ERROR, count=1),),
        faults=(Fault(FaultKind.IN_BAND_ERROR, MIDDLE),),
    ),
    BenchFault(
        name="429-no-hint",
        group="Errors",
        title="429 without a hint, once.",
        plays=(Play(http_error(429)),),
        faults=(http_error(429),),
    ),
    BenchFault(
        name="503-retry-after",
        group="Errors",
        title="503 with a Retry-After of 1 s, once.",
        plays=(Play(http_error(503, 1.0)),),
        faults=(http_error(503, 1.0),),
    ),
    BenchFault(
        name="503-retry-after-date",
        group="Errors",
        title="503 with a Retry-After that is a date, 1 s ahead, once.",
        plays=(Play(http_error(503, 1.0), hint_is_date=True),),
        faults=(http_error(503, 1.0),),
    ),
    BenchFault(
        name="529-no-hint",
        group="Errors",
        title="529 without a hint, once.",
        plays=(Play(http_error(529)),),
        faults=(http_error(529),),
    ),
    BenchFault(
        name="html-under-200",
        group="Errors",
        title="Status 200 and a web page, once.",
        plays=(Play(Fault(FaultKind.HTML)),),
    ),
    BenchFault(
        name="html-502",
        group="Errors",
        title="Status 502 and a web page, once.",
        plays=(Play(Fault(FaultKind.HTML_ERROR, status=502)),),
        faults=(http_error(502),),
    ),
    BenchFault(
        name="error-under-200",
        group="Errors",
        title="Status 200 and an error in JSON in place of the stream, once.",
        plays=(Play(Fault(FaultKind.ERROR_UNDER_200, status=503)),),
        faults=(http_error(503),),
    ),
)

FAULTS_BELOW: tuple[BenchFault, ...] = (*_CONNECTION, *_SILENCE, *_CUTS, *_ERRORS)
"""In the order of the report."""
