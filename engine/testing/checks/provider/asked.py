"""Claims about what was asked for: each thing, several of each, zero and once more, is in the request, or is refused.

A refusal (`UsageError`) is an answer, and no proof: it is noted, and the check hands it on. What a provider claims to
take, by its capabilities, it may not refuse; nor a conversation.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from attrs import evolve

from ....core.capabilities import ContinuationForm
from ....core.continuation import NextRequest, next_request
from ....core.json_value import JSONObject, JSONValue
from ....core.messages import ImageBlock, Message, TextBlock, Tool, ToolCall, ToolResult
from ....core.planner import ContinueText
from ....core.provider import Provider
from ....core.request import InferenceRequest
from ....core.snapshot import InterruptSnapshot
from ....core.usage_error import UsageError
from ...law import Law, Violation
from .runs import told_strings

NOTED_MAX = 8
"""So many reasons are noted of what is refused among drawn requests: some name a drawn value."""


class Refusals:
    """What was refused, and the reasons: each thing by itself, and drawn requests in which all of it is taken alone."""

    def __init__(self) -> None:
        self._named: dict[str, str] = {}
        self._drawn: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._named)

    def note(self, name: str, error: UsageError) -> None:
        """Note that a thing was refused."""
        self._named.setdefault(name, str(error)[:200])

    def note_drawn(self, request: InferenceRequest, error: UsageError) -> None:
        """Note the plainest request that was refused for a reason."""
        features, reason = features_of(request), str(error)[:200]
        known = self._drawn.get(reason)
        is_plainer = len(self._drawn) < NOTED_MAX if known is None else len(features) < len(known)
        if is_plainer and not any(name in self._named for name in features):
            self._drawn[reason] = features

    @property
    def told(self) -> tuple[str, ...]:
        """All of them, as sentences."""
        drawn = {" with ".join(("a request", *features)): reason for reason, features in self._drawn.items()}
        return tuple(f"{what}: {reason}" for what, reason in (self._named | drawn).items())


_PLACE: JSONObject = {"type": "object", "properties": {"place": {"type": "string", "description": "where to stand"}}}
_GAUGE = Tool("measure_level", "Reads a gauge at its place.", _PLACE)
_LIST = Tool("list_gauges", "Lists all gauges.", {"type": "object", "properties": {"river": {"type": "string"}}})
_PICTURES = (b"\x89PNG a picture of a weir", b"\x89PNG a picture of a lock")


def _asking(*content: str | TextBlock | ImageBlock, **asked: Any) -> InferenceRequest:
    fields: dict[str, Any] = {"max_tokens": 99, **asked}
    return InferenceRequest(Message.user(*content or ("a",)), **fields)


def _answered(*results: ToolResult, **arguments: Any) -> InferenceRequest:
    """A conversation in which the tool was called once for each result, with these arguments."""
    calls = (ToolCall(result.tool_call_id, _GAUGE.name, arguments or {"place": "weir"}) for result in results)
    turns = (Message.user("a"), Message.assistant(*calls), Message.tool_results(*results))
    return InferenceRequest(turns, max_tokens=99, tools=(_GAUGE,))


def _talk(*texts: str) -> InferenceRequest:
    turns = (Message.assistant(text) if place % 2 else Message.user(text) for place, text in enumerate(texts))
    return InferenceRequest(tuple(turns), max_tokens=99)


_IMAGES = tuple(ImageBlock(data=picture) for picture in _PICTURES)
_PICTURED = tuple(b64encode(picture).decode() for picture in _PICTURES)

ASKED: tuple[tuple[str, InferenceRequest, tuple[str, ...]], ...] = (
    ("max_tokens", _asking(max_tokens=12347), ("12347",)),
    ("temperature", _asking(temperature=0.125), ("0.125",)),
    ("stop_sequences", _asking(stop_sequences=("ENDMARK",)), ("ENDMARK",)),
    ("several stop sequences", _asking(stop_sequences=("ENDMARK", "HALT")), ("ENDMARK", "HALT")),
    ("a system text", _asking(system="first rule"), ("first rule",)),
    ("several system blocks", _asking(system=("first rule", "second rule")), ("first rule", "second rule")),
    ("an image", _asking("a", _IMAGES[0]), _PICTURED[:1]),
    ("several images", _asking("a", *_IMAGES), _PICTURED),
    ("a tool", _asking(tools=(_GAUGE,)), (_GAUGE.name, "Reads a gauge", "where to stand")),
    ("several tools", _asking(tools=(_GAUGE, _LIST)), (_GAUGE.name, _LIST.name, "Lists all gauges", "river")),
    ("a tool's result", _answered(ToolResult("call_1", "one metre")), ("one metre",)),
    (
        "several results of tools",
        _answered(ToolResult("call_1", "one metre"), ToolResult("call_2", "two metres")),
        ("one metre", "two metres"),
    ),
    (
        "two results that are equal",
        _answered(ToolResult("call_1", "one metre"), ToolResult("call_2", "one metre")),
        ("one metre", "one metre"),
    ),
    (
        "a result in several blocks",
        _answered(ToolResult("call_1", (TextBlock("one metre"), TextBlock("and rising")))),
        ("one metre", "and rising"),
    ),
    ("several texts in a turn", _asking("first half", "second half"), ("first half", "second half")),
    ("a text twice in a turn", _asking(TextBlock("once more"), TextBlock("once more")), ("once more",) * 2),
)
"""What can be asked for, and what then stands in the body, as often as here, whatever its fields are called."""

CONVERSATIONS: tuple[tuple[str, InferenceRequest, tuple[str, ...]], ...] = (
    ("a conversation", _talk("first question", "an answer", "last question"), ("first question", "an answer")),
    (
        "a conversation that repeats itself",
        _talk("once more", "as before", "once more", "as before", "once more"),
        ("once more",) * 3 + ("as before",) * 2,
    ),
)
"""What every provider takes: it is what a chat is."""


def asked_faults(provider: Provider, refused: Refusals) -> Iterator[Violation]:
    """Say what is asked for and not passed on; what is refused is noted."""
    for name, request, words in ASKED:
        yield from _missing(provider, name, request, words, refused)
    refused_talk = Refusals()
    for name, request, words in CONVERSATIONS:
        yield from _missing(provider, name, request, words, refused_talk)
    for said in refused_talk.told:
        yield Violation(Law.ONE_STREAM, f"refused is {said}; expected that a provider takes any conversation"[:400])


def _missing(
    provider: Provider, name: str, request: InferenceRequest, words: Iterable[str], refused: Refusals
) -> Iterator[Violation]:
    body = _body(provider, name, request, refused)
    if body is None:
        return
    for word, times in Counter(words).items():
        if (seen := body.count(word)) < times:
            often = f"{seen} of {times} times" if seen else "not at all"
            yield Violation(Law.ONE_STREAM, f"{name}: the body says {word!r} {often}: {body[-300:]!r}")


def _body(provider: Provider, name: str, request: InferenceRequest, refused: Refusals) -> str | None:
    try:
        return provider.encode(request).body.decode("utf-8", "replace")
    except UsageError as error:
        refused.note(name, error)
        return None


# -- what means different things ----------------------------------------------------------------------------------

_CHOICE = "tool_choice 'none' or 'required'"
_ONE, _OTHER = ToolResult("call_1", "one metre"), ToolResult("call_2", "two metres")

_ZEROS: tuple[JSONValue, ...] = (0, 0.5, False, "", [])

TOLD_APART: tuple[tuple[str, InferenceRequest, InferenceRequest], ...] = (
    (
        "that a tool failed (is_error)",
        _answered(ToolResult("call_1", "gone")),
        _answered(ToolResult("call_1", "gone", is_error=True)),
    ),
    (
        _CHOICE,
        _asking(tools=(_GAUGE,), tool_choice="none"),
        _asking(tools=(_GAUGE,), tool_choice="required"),
    ),
    ("a ceiling of 1", _asking(max_tokens=2), _asking(max_tokens=1)),
    ("temperature=0.0", _asking(), _asking(temperature=0.0)),
    ("temperature=0.0 or 0.125", _asking(temperature=0.125), _asking(temperature=0.0)),
    *(
        (f"an argument that is {zero!r}", _answered(_ONE, at="x", depth=None), _answered(_ONE, at="x", depth=zero))
        for zero in _ZEROS
    ),
    ("an argument that is None", _answered(_ONE, at="x"), _answered(_ONE, at="x", depth=None)),
    (
        "which result is of which call",
        _answered(_ONE, _OTHER),
        _answered(evolve(_ONE, content=_OTHER.content), evolve(_OTHER, content=_ONE.content)),
    ),
)
"""Two requests that mean different things, and so have different bodies: most of them differ by a zero."""


def told_apart_faults(provider: Provider, refused: Refusals) -> Iterator[Violation]:
    """Say what a body does not tell; what is refused is noted."""
    for name, one, other in TOLD_APART:
        bodies = _body(provider, name, one, refused), _body(provider, name, other, refused)
        if bodies[0] is not None and bodies[0] == bodies[1]:
            yield Violation(Law.ONE_STREAM, f"{name} is not told: the bodies are the same, {bodies[0][-300:]!r}")


# -- what is claimed ----------------------------------------------------------------------------------------------

_THINKS = {"reasoning_effort": "high", "reasoning_budget_tokens": 1024}


def claimed_faults(provider: Provider) -> Iterator[Violation]:
    """Say what a provider declares (`Capabilities`) and then refuses to write, in any request that it takes."""
    for name, request in _claiming(provider):
        declared = provider.capabilities(request)
        for form in declared.forms:
            yield from _form_faults(provider, name, request, form)
    declared = provider.capabilities(_asking())
    reads_on = declared.can_reattach or ContinuationForm.CURSOR in declared.forms
    if reads_on and not callable(getattr(provider, "reattach", None)):
        yield Violation(Law.ONE_END, "it declares can_reattach, and has no reattach()")
    if declared.reasons:
        asked = {name: {name: value} for name, value in _THINKS.items()}
        yield from _reason_faults(provider, asked)


def _reason_faults(provider: Provider, asked: Mapping[str, Mapping[str, Any]]) -> Iterator[Violation]:
    refused = Refusals()
    for name, fields in asked.items():
        _body(provider, name, _asking(**{"max_tokens": 4096, **fields}), refused)
    if len(refused) == len(asked):
        said = "; ".join(refused.told)
        yield Violation(
            Law.ONE_STREAM, f"it declares that the model reasons, and refuses every way to ask: {said}"[:400]
        )


def _claiming(provider: Provider) -> Iterator[tuple[str, InferenceRequest]]:
    """The requests that are taken, for a declaration is about one request."""
    for name, request, _ in (*ASKED, *CONVERSATIONS):
        if _body(provider, name, request, Refusals()) is not None:
            yield name, request


def _form_faults(
    provider: Provider, name: str, request: InferenceRequest, form: ContinuationForm
) -> Iterator[Violation]:
    declared = evolve(provider.capabilities(request), forms=(form,))
    snapshot = InterruptSnapshot(text="The river", blocks=(TextBlock("The river"),))
    step = next_request(request, snapshot, ContinueText("The river"), declared)
    if not isinstance(step, NextRequest) or step.form is not form:
        return
    try:
        provider.encode(step.request, form)
    except UsageError as error:
        yield Violation(Law.ONE_STREAM, f"for {name} it declares {form.value}, and refuses to write it: {error}"[:400])


# -- what is drawn ------------------------------------------------------------------------------------------------


def features_of(request: InferenceRequest) -> list[str]:
    """Name what a request asks for beyond texts, in the words of `ASKED`."""
    blocks = [block for message in request.messages for block in message.content]
    results = [sum(isinstance(block, ToolResult) for block in message.content) for message in request.messages]
    several = {
        ("a system text", "several system blocks"): len(request.system),
        ("stop_sequences", "several stop sequences"): len(request.stop_sequences),
        ("a tool", "several tools"): len(request.tools),
        ("an image", "several images"): sum(isinstance(block, ImageBlock) for block in blocks),
        ("a tool's result", "several results of tools"): max(results),
        ("temperature", ""): int(request.temperature is not None),
        ("max_tokens", ""): int(request.max_tokens is not None),
        (_CHOICE, ""): int(request.tool_choice is not None),
    }
    return [name for names, count in several.items() for name in names[:count] if name]


def drawn_faults(body: bytes, request: InferenceRequest) -> Iterator[Violation]:
    """Say what of a drawn request does not stand in its body, beyond the texts of its turns."""
    strings = told_strings(body) or []
    results = [b.content for m in request.messages for b in m.content if isinstance(b, ToolResult)]
    said = [*(block.text for block in request.system), *(tool.name for tool in request.tools)]
    said += [*request.stop_sequences, *(text for text in results if isinstance(text, str))]
    for text, times in Counter(said).items():
        if text.strip() and sum(one.count(text) for one in strings) < times:
            yield Violation(Law.ONE_STREAM, f"{text!r} was asked for, and the body does not say so: {body[-200:]!r}")
    numbers = set(_numbers(json.loads(body)))
    for name, number in (("temperature", request.temperature), ("max_tokens", request.max_tokens)):
        if number is not None and number not in numbers:
            yield Violation(Law.ONE_STREAM, f"{name}={number} was asked for, and the body says it not: {body[-200:]!r}")


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, dict | list):
        inner = cast("dict[str, object]", value).values() if isinstance(value, dict) else cast("list[object]", value)
        for one in inner:
            yield from _numbers(one)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
