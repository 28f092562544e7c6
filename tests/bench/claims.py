"""What a first request to each fault sees on the wire, as its title says: how the HTTP body ends, and what was said."""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from itertools import pairwise

from attrs import frozen

from riverrun.engine.bench.faults.answers import answer_of
from riverrun.engine.bench.faults.fault import BenchFault
from riverrun.testing import Wire
from tests.bench.raw_client import End, Seen, events_in, text_in

SEED = 1


@frozen
class Look:
    """One answer that was seen, with what it should have been."""

    fault: BenchFault
    wire: Wire
    seen: Seen

    @property
    def body(self) -> bytes:
        return self.seen.body

    @property
    def text(self) -> str:
        return text_in(self.wire, self.body)

    @property
    def whole(self) -> str:
        return answer_of(SEED, self.fault.shape).text


Check = Callable[[Look], bool]


@frozen
class Claim:
    end: End = End.WHOLE
    status: int = 200
    checks: tuple[Check, ...] = ()
    or_end: End | None = None
    """Where it depends on how long an event is in the format."""

    def is_true_of(self, look: Look) -> bool:
        seen = look.seen
        is_end = seen.end in (self.end, self.or_end) and seen.status == self.status
        return is_end and all(check(look) for check in self.checks)


# -- what was said -------------------------------------------------------------------------------------------------


def nothing(look: Look) -> bool:
    return look.text == ""


def a_part(look: Look) -> bool:
    return 20 < len(look.text) < len(look.whole) and look.whole.startswith(look.text)


def all_of_it(look: Look) -> bool:
    return look.text == look.whole


def twice(look: Look) -> bool:
    return look.text.endswith(look.whole) and look.whole.startswith(look.text.removesuffix(look.whole))


def is_done(look: Look) -> bool:
    ends = {
        Wire.ANTHROPIC: b"message_stop",
        Wire.OPENAI: b"[DONE]",
        Wire.RESPONSES: b"response.completed",
        Wire.GEMINI: b'"finishReason":"STOP"',
        Wire.OLLAMA: b'"done":true',
    }
    return ends[look.wire] in look.body


def is_not_done(look: Look) -> bool:
    return not is_done(look)


def finished_without_trailer(look: Look) -> bool:
    return (b'"stop_reason":"end_turn"' in look.body or b'"finish_reason":"stop"' in look.body) and is_not_done(look)


def holds(*parts: bytes) -> Check:
    return lambda look: any(part in look.body for part in parts)


def ends_with(pattern: bytes) -> Check:
    return lambda look: re.search(pattern + rb"\Z", look.body, re.DOTALL) is not None


def is_cut_in_a_character(look: Look) -> bool:
    try:
        look.body.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return False


def has_crlf(look: Look) -> bool:
    return b"\n" not in look.body.replace(b"\r\n", b"") and look.body.endswith(b"\r")


def is_an_error(look: Look) -> bool:
    return any("error" in event for event in events_in(look.body))


def said_a_word(look: Look) -> bool:
    return a_part(look) and is_an_error(look)


def has_hint(look: Look) -> bool:
    return look.seen.headers.get("retry-after") == "1"


def has_date(look: Look) -> bool:
    return parsedate_to_datetime(look.seen.headers["retry-after"]).year > 2000


def no_hint(look: Look) -> bool:
    return "retry-after" not in look.seen.headers


def is_html(look: Look) -> bool:
    return look.seen.headers["content-type"].startswith("text/html") and b"<html>" in look.body


def length_belies(look: Look) -> bool:
    return int(look.seen.headers["content-length"]) > len(look.body)


def length_is_short(look: Look) -> bool:
    return int(look.seen.headers["content-length"]) == len(look.body)


def chunks_are_small(look: Look) -> bool:
    return look.seen.raw.count(b"\r\n5\r\n") > 100


def drips(look: Look) -> bool:
    return look.seen.raw.count(b"\r\n5\r\n") > 15 and look.whole.startswith(look.text)


def a_chunk_is_open(look: Look) -> bool:
    return not look.seen.raw.endswith(b"\r\n") and is_cut_in_a_character(look)


def has_thoughts(look: Look) -> bool:
    return nothing(look) and any(mark in look.body for mark in (b"thinking", b"reasoning", b'"thought":true'))


def in_arguments(look: Look) -> bool:
    return after_first_call(look) and is_not_done(look)


def after_first_call(look: Look) -> bool:
    return b"read_gauge" in look.body and b"forecast_wind" not in look.body


def both_calls(look: Look) -> bool:
    return b"read_gauge" in look.body and b"forecast_wind" in look.body and is_not_done(look)


def repeated_event(look: Look) -> bool:
    events = look.body.split(b"\n\n")
    return any(one == two and b"output_text.delta" in one for one, two in pairwise(events))


CUT = Claim(End.RESET, checks=(a_part, is_not_done))
CLAIMS: dict[str, Claim] = {
    "s01-429-retry-after": Claim(status=429, checks=(has_hint,)),
    "s02-429-persistent": Claim(status=429, checks=(no_hint,)),
    "s03-500-once": Claim(status=500),
    "s04-503-persistent": Claim(status=503, checks=(no_hint,)),
    "s05-reset": Claim(End.RESET, 0),
    "s06-no-response": Claim(End.SILENT, 0),
    "s07-slow-first-token": Claim(End.SILENT, checks=(nothing,)),
    "s08-stream-cut": Claim(End.CUT, checks=(a_part,)),
    "s09-stream-stall": Claim(End.SILENT, checks=(a_part,)),
    "s10-malformed-chunk": Claim(checks=(all_of_it, is_done, holds(b'"unfin\n'))),
    "s11-no-done": Claim(checks=(all_of_it, finished_without_trailer)),
    "s12-context-length": Claim(status=400, checks=(holds(b"maximum context length"),)),
    "s13-content-filter": Claim(status=400, checks=(holds(b"safety system"),)),
    "s14-prefill-refused": Claim(End.CUT, checks=(a_part,)),
    "s15-flap": Claim(status=503),
    "s16-503-accounting": Claim(status=503),
    "reset": CUT,
    "reset-in-chunk": Claim(End.RESET, checks=(a_part, a_chunk_is_open)),
    "half-close": Claim(End.CUT, checks=(a_part,)),
    "clean-early-end": Claim(checks=(a_part, is_not_done)),
    "length-too-long": Claim(End.CUT, checks=(a_part, length_belies)),
    "length-too-short": Claim(checks=(a_part, length_is_short)),
    "pause": Claim(End.SILENT, checks=(a_part,)),
    "stall": Claim(End.SILENT, checks=(a_part,)),
    "stall-before-headers": Claim(End.SILENT, 0),
    "stall-before-first-word": Claim(End.SILENT, checks=(nothing,)),
    "late-headers": Claim(End.SILENT, 0),
    "drip": Claim(End.TALKS, checks=(drips,), or_end=End.WHOLE),
    "pings-only": Claim(End.TALKS, checks=(a_part,)),
    "comments-only": Claim(End.TALKS, checks=(a_part, ends_with(rb": still here\n\n"))),
    "cut-in-character": Claim(End.CUT, checks=(a_part, is_cut_in_a_character)),
    "cut-in-crlf": Claim(End.RESET, checks=(a_part, has_crlf)),
    "cut-in-escape": Claim(End.RESET, checks=(a_part, ends_with(rb"\\"))),
    "cut-in-surrogates": Claim(checks=(a_part, ends_with(rb"\\ud8[0-9a-f]{2}"))),
    "five-byte-chunks": Claim(checks=(all_of_it, is_done, chunks_are_small)),
    "error-before-text": Claim(checks=(nothing, is_an_error)),
    "error-after-text": Claim(checks=(said_a_word,)),
    "rate-limit-after-text": Claim(checks=(said_a_word,)),
    "error-then-silence": Claim(End.SILENT, checks=(said_a_word,)),
    "429-no-hint": Claim(status=429, checks=(no_hint,)),
    "503-retry-after": Claim(status=503, checks=(has_hint,)),
    "503-retry-after-date": Claim(status=503, checks=(has_date,)),
    "529-no-hint": Claim(status=529, checks=(no_hint,)),
    "html-under-200": Claim(checks=(is_html,)),
    "html-502": Claim(status=502, checks=(is_html,)),
    "error-under-200": Claim(checks=(is_an_error,)),
    "garbage": Claim(checks=(a_part, is_not_done, holds(b"not an event"))),
    "duplicate-chunk": Claim(checks=(repeated_event, is_done)),
    "message-begins-again": Claim(checks=(twice, is_done)),
    "empty-data-lines": Claim(checks=(all_of_it, is_done, holds(b"\ndata:\n"))),
    "line-separators": Claim(checks=(all_of_it, is_done, holds("\u2029".encode()))),
    "unknown-event": Claim(checks=(all_of_it, is_done, holds(b"queue"))),
    "no-terminal-event": Claim(checks=(all_of_it, is_not_done)),
    "reset-after-end": Claim(End.RESET, checks=(all_of_it, is_done)),
    "silence-after-end": Claim(End.SILENT, checks=(all_of_it, is_done)),
    "failed-finish": Claim(checks=(a_part, holds(b'"error"', b'"ERROR"', b'"failed"'))),
    "empty-answer": Claim(checks=(nothing, is_done)),
    "cut-in-reasoning": Claim(End.RESET, checks=(has_thoughts,)),
    "cut-in-signature": Claim(End.CUT, checks=(ends_with(rb'"c2ln'),)),
    "cut-after-thoughts": CUT,
    "cut-in-arguments": Claim(End.RESET, checks=(in_arguments,)),
    "clean-end-in-arguments": Claim(checks=(in_arguments, is_not_done)),
    "stall-in-arguments": Claim(End.SILENT, checks=(in_arguments,)),
    "cut-between-calls": Claim(End.RESET, checks=(after_first_call,)),
    "cut-in-second-call": Claim(End.CUT, checks=(both_calls,)),
    "cut-after-calls": Claim(End.CUT, checks=(both_calls,)),
    "cut-twice": CUT,
    "second-cut-at-seam": CUT,
    "second-cut-in-character": CUT,
    "503-at-seam": CUT,
    "stall-at-seam": CUT,
    "echo": CUT,
    "overlap": CUT,
    "restart": CUT,
    "prefill-refused": Claim(checks=(a_part, is_not_done)),
}
