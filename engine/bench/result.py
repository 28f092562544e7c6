"""What a run of `riverrun bench faults` found: a trial for each client, fault, wire format and seed.

The file's schema is these classes: a field is a key of JSON, None is null. All times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from attrs import frozen
from cattrs import BaseValidationError
from cattrs.preconf.json import make_converter

from ..core.usage_error import UsageError

SCHEMA = 1


class Verdict(StrEnum):
    """What a caller was given in the end."""

    EXACT = "exact"
    """The whole answer to the letter, each call once, told as a success."""
    PARTIAL = "partial"
    """A part of the answer, or with words too many, and told that it is no whole one."""
    CLEAN_ERROR = "clean error"
    """An error, and not a word of the answer."""
    FALSE_SUCCESS = "false success"
    """Told as a success, and it is not the answer: something is missing, doubled, changed or half."""
    HANG = "hang"
    """No end within the trial's time; it was cut."""


class Finding(StrEnum):
    """One thing that is wrong with what a caller was given."""

    LIED = "told as whole, and cut"
    LOST = "characters lost"
    DOUBLED = "characters doubled"
    INVENTED = "characters that were never said"
    CALL_LOST = "a call lost"
    CALL_DOUBLED = "a call doubled"
    CALL_HALF = "half a call released"
    HUNG = "no end"


class Side(StrEnum):
    """Whose log a moment stood in."""

    CALLER = "caller"
    SERVER = "server"


@frozen
class Moment:
    """One line of the joined timeline.

    Attributes:
        at_s: seconds since the caller asked.
        side: whose log it stood in.
        kind: "ask", "request", "headers", "text", "reasoning", "call", "event", "fault", "resume", "end" or "error".
        words: what was said: the text, the fault's name, the error; "" where the kind says it all.
        request: which of the trial's requests it belongs to, from 1; None where the caller can not know.
    """

    at_s: float
    side: Side
    kind: str
    words: str = ""
    request: int | None = None


@frozen
class Trial:
    """One answer asked of one client under one fault.

    Attributes:
        peer: the client's name.
        fault: the fault's name.
        wire: the wire format that was spoken.
        seed: what the server's words and the fault's place were drawn from.
        verdict: what the caller was given in the end.
        findings: what was wrong with it.
        chars_lost: characters of the answer that the caller never had.
        chars_doubled: characters that the caller had more than once.
        calls_lost: calls that were said and not handed over.
        calls_doubled: calls that were handed over more than once.
        calls_half: calls that were handed over with half of their arguments.
        requests: how often the server was asked.
        total_s: from the question to the end.
        detection_s: from the fault to the client's next step (its next request, or its end); None: it took none.
        recovery_s: from that step to the next new word; None: there was none.
        tokens_twice: output tokens that the server said (and charged) beyond the answer's own.
        said: the error's words, cut to 300 characters; "" for a success.
        moments: both logs, joined by time.
    """

    peer: str
    fault: str
    wire: str
    seed: int
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    chars_lost: int = 0
    chars_doubled: int = 0
    calls_lost: int = 0
    calls_doubled: int = 0
    calls_half: int = 0
    tokens_twice: int = 0
    requests: int = 0
    detection_s: float | None = None
    recovery_s: float | None = None
    total_s: float = 0.0
    said: str = ""
    moments: tuple[Moment, ...] = ()


@frozen
class FaultRow:
    """A fault of the run.

    Attributes:
        name: the model name that draws it.
        group: the heading it stands under.
        title: what happens, in a line.
        cannot_win: for each peer (or "*") that can not be exact here, why; stated before the run.
    """

    name: str
    group: str
    title: str
    cannot_win: Mapping[str, str] = {}


@frozen
class PeerRow:
    """A client of the run.

    Attributes:
        name: what it is called in trials.
        version: of the package that was installed.
        title: what it is and how it was set up, in a line.
        missing: why it could not be installed; "" for one that ran.
    """

    name: str
    version: str
    title: str = ""
    missing: str = ""


@frozen
class BenchResult:
    """All of a run.

    Attributes:
        schema: the version of this form.
        profile: "quick" or "full".
        command: the command line that made it, without keys.
        environment: "python", "system", "processors", "riverrun" …
        started_at: wall-clock, ISO 8601 in UTC; told by the caller, for readers only.
        seeds: each fault was drawn anew for each of them.
        faults: what was done to streams.
        peers: who had to read them.
        trials: an answer for each client, fault, wire format and seed.
    """

    schema: int
    profile: str
    command: str
    environment: Mapping[str, str]
    started_at: str
    seeds: tuple[int, ...]
    faults: tuple[FaultRow, ...]
    peers: tuple[PeerRow, ...]
    trials: tuple[Trial, ...]


_CONVERTER = make_converter()


def write_result(result: BenchResult) -> str:
    """Write a result as JSON text, the same for the same result."""
    return _CONVERTER.dumps(result, indent=1, ensure_ascii=False) + "\n"


def read_result(text: str | bytes) -> BenchResult:
    """Read what `write_result` wrote. Raises UsageError."""
    try:
        result = _CONVERTER.loads(text, BenchResult)
    except (BaseValidationError, ValueError, TypeError, KeyError, RecursionError) as error:
        name = type(error).__name__
        raise UsageError(f"no result of `riverrun bench faults`: {name}; expected its --json") from error
    if result.schema != SCHEMA:
        raise UsageError(f"a result of schema {result.schema}; expected {SCHEMA}")
    return result
