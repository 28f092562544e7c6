"""A simulated run as a readable timeline: what was asked and said, what was shown, what was stored, and what broke."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import cast

from ...core.codec import unstructure
from ...core.policy import Policy
from ...core.stream_events import (
    AnswerRestarted,
    BlockStop,
    ReasoningDelta,
    ReasoningSignature,
    ResponseStarted,
    StopReported,
    StreamEvent,
    StreamFailed,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...core.usage import UsageReport
from ..script.faults import Fault, FaultKind, Item
from ..script.speech import Attempt
from .runner import Outcome
from .scenario import Scenario
from .state import Entry

WIDTH = 110


def tell_story(outcome: Outcome, *, found_by: int | None = None) -> str:
    """Tell a run line by line; the broken laws come last. Ends with a line feed.

    `found_by`: the seed that the scenario was made from, where that is another one than its own.
    """
    lines = [_scene(outcome.scenario, found_by), *_policy(outcome.scenario.policy), *_timeline(outcome)]
    if outcome.faults_unmet:
        unmet, all_of_them = outcome.faults_unmet, len(outcome.scenario.faults)
        lines.append(f"note      {unmet} of the {all_of_them} faults never happened: no request was made for them")
    lines += [f"BROKEN  {violation.law}: {violation.message}" for violation in outcome.broken]
    return "\n".join(lines) + "\n"


def _scene(scenario: Scenario, found_by: int | None) -> str:
    answer = ", ".join(_item(item) for item in scenario.answer)
    store = "a store" if scenario.has_store else "no store"
    is_its_own = found_by in (None, scenario.seed)
    seed = f"seed {scenario.seed}" if is_its_own else f"seed {found_by}, with the dice of seed {scenario.seed}"
    return f"{seed}: a provider of kind {scenario.provider}, {store}; the model's answer: {answer}"


def _policy(policy: Policy) -> list[str]:
    """Name what is not the default."""
    parts = cast("dict[str, dict[str, object]]", unstructure(policy, Policy, sparse=True))
    named = [f"{part}.{name} {value}" for part, held in parts.items() for name, value in held.items()]
    return [_fit(f"policy: {', '.join(named)}")] if named else []


def _fit(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 1]}…"


def _item(item: Item) -> str:
    marks = " (signed)" * item.signed + " (never whole)" * item.broken
    unit = "calls" if item.kind == "calls" else f"tokens of {item.kind}"
    return f"{item.size} {unit}{marks}"


def _timeline(outcome: Outcome) -> Iterator[str]:
    """Neighbouring entries of one second and one kind become one line."""
    for (second, what), group in groupby(outcome.log, key=lambda entry: (entry[0], entry[1])):
        entries = list(group)
        told = _TELLERS.get(what, _any)(outcome, entries)
        for number, line in enumerate(told):
            yield f"{f'{second:9.3f} s' if not number else '':11}  {_fit(line)}"


def _lines(who: str, words: list[str]) -> list[str]:
    """Write words in as many lines as they need; one that is longer than a line is cut."""
    lines: list[str] = []
    for word in words:
        if lines and len(lines[-1]) + 1 + len(word) <= WIDTH:
            lines[-1] += f" {word}"
        else:
            lines.append(f"{'' if lines else who:8}  {word}")
    return lines


def _asked(outcome: Outcome, entries: list[Entry]) -> list[str]:
    requests = [_request(outcome.attempts[int(number)], form, said) for _, _, number, form, said, _ in entries]
    return [line for lines in requests for line in lines]


def _request(attempt: Attempt, form: str, said: int) -> list[str]:
    how = f"by {form}, says that {said} characters were said" if form else "from the start"
    return _lines("asked", [f"request {attempt.number + 1}, {how}", *_fault(attempt.fault)])


def _fault(fault: Fault) -> list[str]:
    if fault.kind is FaultKind.NONE:
        return []
    status = f" {fault.status}" if fault.kind in (FaultKind.HTTP_ERROR, FaultKind.IN_BAND_ERROR) else ""
    hint = f" with a hint of {fault.retry_after_s:g} s" if status and fault.retry_after_s is not None else ""
    manner = f", and it begins by: {fault.manner.value}" if fault.manner is not FaultKind.NONE else ""
    return [f"  [will go wrong: {fault.kind.value}{status}{hint} at event {fault.at}{manner}]"]


def _said(outcome: Outcome, entries: list[Entry]) -> list[str]:
    """An entry tells where a read begins; it ends where the next read of the attempt does."""
    words: list[str] = []
    for entry in entries:
        number: int = entry[2]
        at: int = entry[3]
        attempt = outcome.attempts[number]
        later = [other[3] for other in outcome.log if other[1] == "said" and other[2] == entry[2] and other[3] > at]
        words += [_event(attempt, place) for place in range(at, min([attempt.given, *later]))]
    return _lines("provider", [word for word in words if word])


def _event(attempt: Attempt, at: int) -> str:
    event: StreamEvent = attempt.reply.events[at]
    match event:
        case TextDelta(text) | ReasoningDelta(text):
            return repr(text) if isinstance(event, TextDelta) else f"(thinks {text!r})"
        case ToolCallStart(call_id):
            return f"<call {call_id}"
        case ToolCallDelta(call_id, arguments):
            return f"{call_id}:{arguments}"
        case BlockStop(call_id):
            return "|" if call_id is None else f"{call_id}>"
        case StopReported(reason):
            return f"STOP({reason.value})"
        case ReasoningSignature(signature):
            return f"signature({signature})"
        case AnswerRestarted():
            return "BEGINS-AGAIN"
        case StreamFailed(failure):
            return f"ERROR({failure.message})"
        case ResponseStarted() | UsageReport():
            return ""
        case _:
            return type(event).__name__


def _got(_outcome: Outcome, entries: list[Entry]) -> list[str]:
    return _lines("consumer", [_taken(kind, said) for _, _, kind, said in entries if kind != "UsageUpdate"])


def _taken(kind: str, said: str) -> str:
    if kind == "TextDelta":
        return repr(said)
    return f"{kind}({said})" if said else kind


def _planned(_outcome: Outcome, entries: list[Entry]) -> list[str]:
    return [line for _, _, *told in entries for line in _lines("planned", told)]


def _opened(_outcome: Outcome, entries: list[Entry]) -> list[str]:
    return [
        f"opened    by process {number + 1}{f', which has {kept} characters' if kept else ''}"
        for _, _, number, kept in entries
    ]


def _crashed(_outcome: Outcome, entries: list[Entry]) -> list[str]:
    return [f"crashed   process {number + 1}" for _, _, number in entries]


def _stored(_outcome: Outcome, entries: list[Entry]) -> list[str]:
    numbers = ", ".join(f"{sequence} ({size} bytes)" for _, _, _, sequence, size in entries)
    return [f"store     entry {numbers}"]


def _any(_outcome: Outcome, entries: list[Entry]) -> list[str]:
    return [f"{entry[1]:8}  {' '.join(str(part) for part in entry[2:])}".rstrip() for entry in entries]


_TELLERS = {
    "asked": _asked,
    "said": _said,
    "planned": _planned,
    "got": _got,
    "opened": _opened,
    "crashed": _crashed,
    "stored": _stored,
}
