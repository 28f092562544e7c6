"""What a provider's request has to say of a conversation: everything, in order and in its role; and no key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TypeAlias, cast
from urllib.parse import parse_qsl, urlsplit

from attrs import evolve

from ..core.capabilities import ContinuationForm
from ..core.continuation import NextRequest, next_request
from ..core.messages import Message, TextBlock, Tool, ToolCall, ToolResult
from ..core.planner import ContinueText
from ..core.provider import Provider, WireRequest
from ..core.request import InferenceRequest
from ..core.snapshot import InterruptSnapshot
from ..core.usage_error import UsageError
from .law_broken import NO_LEAKS, ONE_STREAM
from .model import Violation

KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
KEY_PARAMETERS = ("key", "api_key", "api-key", "apikey", "access_token", "token")

_TOOL = Tool("measure_level", "Measures.", {"type": "object", "properties": {"place": {"type": "string"}}})
_OTHER_TOOL = Tool("list_gauges", "Lists.", {"type": "object", "properties": {}})
"""One that is not called: nothing but the list of the tools names it."""

_TURNS = ("first question", "first answer", "place of the call", "result of the call", "second answer", "last question")
_SAID = "beginning of the last answer"
_CONVERSATION = InferenceRequest(
    (
        Message.user(_TURNS[0]),
        Message.assistant(_TURNS[1], ToolCall("call_1", _TOOL.name, {"place": _TURNS[2]})),
        Message.tool_results(ToolResult("call_1", _TURNS[3])),
        Message.assistant(_TURNS[4]),
        Message.user(_TURNS[5]),
    ),
    system=(TextBlock("system text"),),
    tools=(_TOOL, _OTHER_TOOL),
)
_SIMPLE = evolve(
    _CONVERSATION,
    messages=(Message.user(_TURNS[0]), Message.assistant(_TURNS[4]), Message.user(_TURNS[5])),
    tools=(),
)
"""For APIs without tools."""

_Pairs: TypeAlias = frozenset[tuple[str, str]]


def keys_in_sight(wire: WireRequest) -> Iterator[Violation]:
    """Say where a request carries a key in plain text."""
    for name, value in wire.headers.items():
        if name.lower() in KEY_HEADERS and isinstance(value, str):
            said = f"the header {name} is plain text, and shown by every repr of the request; expected a Secret"
            yield Violation(NO_LEAKS, said)
    for name, value in parse_qsl(urlsplit(wire.url).query):
        if name.lower() in KEY_PARAMETERS and value:
            yield Violation(NO_LEAKS, f"the key is shown in a request: its URL has a parameter {name}")


def conversation_faults(provider: Provider) -> Iterator[Violation]:
    """Say what a request loses of a conversation, or moves; also of one that goes on in the assistant's own turn."""
    for request in (_CONVERSATION, _SIMPLE, evolve(_SIMPLE, system=())):
        try:
            wire = provider.encode(request)
        except UsageError:
            continue
        yield from _faults(wire, request)
        yield from _continued(provider, request)
        return


def _continued(provider: Provider, request: InferenceRequest) -> Iterator[Violation]:
    declared = provider.capabilities(request)
    snapshot = InterruptSnapshot(text=_SAID, blocks=(TextBlock(_SAID),))
    for form in (ContinuationForm.PREFILL, ContinuationForm.NATIVE):
        step = next_request(request, snapshot, ContinueText(_SAID), evolve(declared, forms=(form,)))
        if form not in declared.forms or not isinstance(step, NextRequest) or step.form is not form:
            continue
        try:
            wire = provider.encode(step.request, step.form)
        except UsageError:
            continue  # the claim about declared forms says so
        yield from _faults(wire, request, form)


def _faults(wire: WireRequest, request: InferenceRequest, form: ContinuationForm | None = None) -> Iterator[Violation]:
    try:
        told = list(_told(json.loads(wire.body), frozenset()))
    except (ValueError, RecursionError):
        return  # the claim about any request says so
    said = f"in the form {form.value} " if form is not None else ""
    turns = _TURNS if request.tools else (_TURNS[0], _TURNS[4], _TURNS[5])
    places = [_place(told, text) for text in (*turns, *([_SAID] if form is not None else []))]
    aside = [*(block.text for block in request.system), *(tool.name for tool in request.tools)]
    missing = [text for text in aside if _place(told, text) is None]
    missing += [text for text, place in zip((*turns, _SAID), places, strict=False) if place is None]
    if missing:
        yield Violation(ONE_STREAM, f"{said}the request does not say {missing[0]!r}: {wire.body[-300:]!r}")
    elif places != sorted(cast("list[int]", places)):
        yield Violation(ONE_STREAM, f"{said}the turns are in another order: {wire.body[-300:]!r}")
    elif form is not None:
        user, assistant = (told[cast("int", places[at])][1] for at in (0, turns.index(_TURNS[4])))
        if wrong := (user - assistant) & told[cast("int", places[-1])][1]:
            yield Violation(ONE_STREAM, f"{said}what the model said is told as {dict(wrong)}, which is the user's")


def _place(told: list[tuple[str, _Pairs]], text: str) -> int | None:
    return next((at for at, (one, _) in enumerate(told) if text in one), None)


def _told(value: object, around: _Pairs) -> Iterator[tuple[str, _Pairs]]:
    """All strings of a body, each with the fields of the objects around it: a role is one of these."""
    if isinstance(value, str):
        yield value, around
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _told(one, around)
    elif isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        texts = {(name, one) for name, one in fields.items() if isinstance(one, str) and len(one) < 20}
        for one in fields.values():
            yield from _told(one, around | texts)
