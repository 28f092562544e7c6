"""Judges one answer: what was true, what the caller was given and told, what the server saw; in, a `Trial` out. Pure.

Rules, in this order:
1. What was cut at the trial's time is a hang, whatever it had shown.
2. What was told as a success is exact if the text is the answer's to the letter and each call was given once with its
   arguments; anything else is a false success.
3. What was told not to be whole is a clean error if nothing was given, else partial.

What is missing is a finding only where it was told as a success: whoever says that an answer is not whole may lack some
of it. What is doubled, invented or half is a finding always. Reasoning is logged and not judged: half of the clients
have no way to show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from attrs import frozen

from ..result import Finding, Moment, Side, Trial, Verdict
from .align import difference

SAID_CHARS_MAX = 300
"""How much of an error's words is kept."""

NEW_WORDS = ("text", "reasoning", "call")
"""Moments of a caller that are an answer going on."""


@frozen
class Call:
    """A tool call; `arguments` is JSON text as it was given."""

    name: str
    arguments: str


@frozen
class Truth:
    """The answer as the server has it. `tokens` is what it says and charges for one telling of it."""

    text: str
    calls: tuple[Call, ...] = ()
    reasoning: str = ""
    tokens: int = 0


@frozen
class Given:
    """What a caller was given, and told.

    Attributes:
        whole: told as a success, with an end that says the answer is all there.
        said: an error's words, or why it is not whole.
        moments: the caller's log, in seconds of the machine's monotonic clock.
    """

    text: str = ""
    calls: tuple[Call, ...] = ()
    whole: bool = False
    said: str = ""
    moments: tuple[Moment, ...] = ()


@frozen
class Request:
    """One request as the server saw it; `tokens` is what was said and charged on it."""

    at_s: float
    tokens: int = 0


@frozen
class ServerLog:
    """The server's side of a trial, in seconds of the machine's monotonic clock."""

    requests: tuple[Request, ...] = ()
    moments: tuple[Moment, ...] = ()


@frozen
class Cell:
    """Who is judged, under what."""

    peer: str
    fault: str
    wire: str
    seed: int


def judge(
    cell: Cell,
    truth: Truth,
    given: Given,
    server: ServerLog,
    *,
    asked_s: float,
    ended_s: float,
    timed_out: bool = False,
) -> Trial:
    """Judge a trial that was asked at `asked_s` and was over at `ended_s`, on the clock of both logs."""
    text = difference(truth.text, given.text)
    calls = _compare_calls(truth.calls, given.calls)
    findings = tuple(_findings(text.lost, text.doubled, text.invented, calls, given, timed_out=timed_out))
    verdict = _verdict(given, exact=not findings, timed_out=timed_out)
    gave_up_s = None if timed_out or given.whole else ended_s
    detection_s, recovery_s = _reactions(given.moments, server, gave_up_s)
    return Trial(
        peer=cell.peer, fault=cell.fault, wire=cell.wire, seed=cell.seed,
        verdict=verdict, findings=findings, chars_lost=text.lost, chars_doubled=text.doubled,
        calls_lost=calls.lost, calls_doubled=calls.doubled, calls_half=calls.half,
        tokens_twice=max(sum(request.tokens for request in server.requests) - truth.tokens, 0),
        requests=len(server.requests), detection_s=detection_s, recovery_s=recovery_s,
        total_s=round(ended_s - asked_s, 4), said="" if verdict is Verdict.EXACT else given.said[:SAID_CHARS_MAX],
        moments=join_logs(given.moments, server.moments, asked_s),
    )  # fmt: skip


def _verdict(given: Given, *, exact: bool, timed_out: bool) -> Verdict:
    if timed_out:
        return Verdict.HANG
    if given.whole:
        return Verdict.EXACT if exact else Verdict.FALSE_SUCCESS
    return Verdict.PARTIAL if given.text or given.calls else Verdict.CLEAN_ERROR


def _findings(
    lost: int, doubled: int, invented: int, calls: _Calls, given: Given, *, timed_out: bool
) -> Iterator[Finding]:
    told_whole = given.whole and not timed_out
    if told_whole and (lost or calls.lost):
        yield Finding.LIED
    if told_whole and lost:
        yield Finding.LOST
    if doubled:
        yield Finding.DOUBLED
    if invented:
        yield Finding.INVENTED
    if told_whole and calls.lost:
        yield Finding.CALL_LOST
    if calls.doubled:
        yield Finding.CALL_DOUBLED
    if calls.half:
        yield Finding.CALL_HALF
    if timed_out:
        yield Finding.HUNG


# -- calls ------------------------------------------------------------------------------------------------------------


@frozen
class _Calls:
    lost: int
    doubled: int
    half: int


def _compare_calls(truth: Sequence[Call], given: Sequence[Call]) -> _Calls:
    """Count: a call given once more is doubled, one whose arguments nobody said is half, what was not given is lost."""
    missing = [_sense(call) for call in truth]
    said = set(missing)
    doubled = half = 0
    for call in map(_sense, given):
        if call in missing:
            missing.remove(call)
        elif call in said:
            doubled += 1
        else:
            half += 1
    return _Calls(len(missing), doubled, half)


def _sense(call: Call) -> tuple[str, str]:
    """Return what a call means: the order of keys and the spaces do not count; what is no JSON stands as it is."""
    try:
        return call.name, json.dumps(json.loads(call.arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return call.name, call.arguments


# -- time -------------------------------------------------------------------------------------------------------------


def _reactions(
    caller: Sequence[Moment], server: ServerLog, gave_up_s: float | None
) -> tuple[float | None, float | None]:
    """Return the longest detection and the longest recovery, over the faults of the trial."""
    faults = [moment.at_s for moment in server.moments if moment.kind == "fault"]
    found = [_reaction(fault_s, caller, server, gave_up_s) for fault_s in faults]
    detected = [detection for detection, _ in found if detection is not None]
    recovered = [recovery for _, recovery in found if recovery is not None]
    return _longest(detected), _longest(recovered)


def _longest(spans: Sequence[float]) -> float | None:
    return round(max(spans), 4) if spans else None


def _reaction(
    fault_s: float, caller: Sequence[Moment], server: ServerLog, gave_up_s: float | None
) -> tuple[float | None, float | None]:
    """Return how long a fault went unseen, and how long it then took to the next word.

    A caller's next step is its next request, or the error it ends with. Who takes none has seen nothing.
    """
    step_s = next((request.at_s for request in server.requests if request.at_s > fault_s), None)
    if step_s is None:
        return None if gave_up_s is None else max(gave_up_s - fault_s, 0.0), None
    word_s = next((moment.at_s for moment in caller if moment.kind in NEW_WORDS and moment.at_s > step_s), None)
    return step_s - fault_s, None if word_s is None else word_s - step_s


def join_logs(caller: Sequence[Moment], server: Sequence[Moment], asked_s: float) -> tuple[Moment, ...]:
    """Return one timeline, in seconds since the caller asked; at the same instant the server speaks first."""
    order = {Side.SERVER: 0, Side.CALLER: 1}
    both = sorted((*server, *caller), key=lambda moment: (moment.at_s, order[moment.side]))
    return tuple(
        Moment(round(moment.at_s - asked_s, 4), moment.side, moment.kind, moment.words, moment.request)
        for moment in merged(both)
    )


MERGED_S, MERGED_KINDS = 0.02, ("text", "reasoning", "event")
"""Words and events that come within this are one moment: as a reader sees them."""


def merged(moments: Sequence[Moment]) -> Iterator[Moment]:
    """Join words that follow each other at once on one side: a moment for each token makes a file of megabytes."""
    for (side, kind, request), group in groupby(moments, key=lambda moment: (moment.side, moment.kind, moment.request)):
        run: list[Moment] = []
        for moment in group:
            if run and (kind not in MERGED_KINDS or moment.at_s - run[0].at_s > MERGED_S):
                yield Moment(run[0].at_s, side, kind, "".join(each.words for each in run), request)
                run = []
            run.append(moment)
        yield Moment(run[0].at_s, side, kind, "".join(each.words for each in run), request)
