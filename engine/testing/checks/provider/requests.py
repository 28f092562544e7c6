"""Claims about a provider's requests: they say all of a conversation, in order and in its role, and show no key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import evolve

from ....core.capabilities import ContinuationForm
from ....core.continuation import NextRequest, next_request
from ....core.messages import Message, TextBlock, Tool, ToolCall, ToolResult
from ....core.planner import ContinueText
from ....core.provider import Provider, WireRequest
from ....core.request import InferenceRequest
from ....core.secret import Secret, is_secret_header
from ....core.snapshot import InterruptSnapshot
from ....core.usage_error import UsageError
from ...law import Law, Violation
from ...simulator.state import REQUEST
from ..purity import asked_twice

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


def takes_tools(provider: Provider) -> bool:
    """Whether a request with tools is written; a provider of an API that has none refuses it."""
    try:
        provider.encode(evolve(REQUEST, tools=(_TOOL,)))
    except UsageError:
        return False
    except Exception:  # whatever it raises is told where requests are judged
        return True
    return True


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
    for step in steps_of(provider, request, _SAID):
        try:
            wire = provider.encode(step.request, step.form)
        except UsageError:
            continue  # the claim about declared forms says so
        yield from _faults(wire, request, step)


def steps_of(provider: Provider, request: InferenceRequest, said: str) -> Iterator[NextRequest]:
    """Give the next request in each form that a provider declares, after an answer that broke after `said`."""
    declared = provider.capabilities(request)
    snapshot = InterruptSnapshot(text=said, blocks=(TextBlock(said),) if said else ())
    for form in declared.forms:
        step = next_request(request, snapshot, ContinueText(said), evolve(declared, forms=(form,)))
        if isinstance(step, NextRequest) and step.form is form:
            yield step


def _faults(wire: WireRequest, request: InferenceRequest, step: NextRequest | None = None) -> Iterator[Violation]:
    try:
        told = list(_told(json.loads(wire.body), frozenset()))
    except (ValueError, RecursionError):
        return  # the claim about any request says so
    said = f"in the form {step.form.value} " if step is not None else ""
    turns = [*(_TURNS if request.tools else (_TURNS[0], _TURNS[4], _TURNS[5])), *_added(step)]
    places = [_place(told, text) for text in turns]
    aside = [*(block.text for block in request.system), *(tool.name for tool in request.tools)]
    missing = [text for text in aside if _place(told, text) is None]
    missing += [text for text, place in zip(turns, places, strict=True) if place is None]
    if missing:
        yield Violation(Law.ONE_STREAM, f"{said}the request does not say {missing[0]!r}: {wire.body[-300:]!r}")
    elif places != sorted(cast("list[int]", places)):
        yield Violation(Law.ONE_STREAM, f"{said}the turns are in another order: {wire.body[-300:]!r}")
    else:
        spoken = {text: told[cast("int", place)] for text, place in zip(turns, places, strict=True)}
        yield from (Violation(Law.ONE_STREAM, said + fault) for fault in _role_faults(spoken, step))


def _added(step: NextRequest | None) -> list[str]:
    """What a continuation adds to the conversation: what the model said, and what a quoting user turn asks."""
    if step is None:
        return []
    quoting = step.form is ContinuationForm.QUOTE
    return [_SAID, step.request.messages[-1].text] if quoting else [_SAID]


def _role_faults(spoken: Mapping[str, tuple[str, _Pairs]], step: NextRequest | None) -> Iterator[str]:
    """Say which turn is told as another's; turns that are parts of one string tell their roles by its words."""
    (first, user), (answer, assistant) = spoken[_TURNS[0]], spoken[_TURNS[4]]
    if first != answer and not {pair for pair in user ^ assistant if pair[1] not in _TURNS}:
        yield "the request does not tell the user's turns from the model's"
    if step is None:
        return
    added = [(_SAID, user - assistant)]
    if step.form is ContinuationForm.QUOTE:
        added.append((step.request.messages[-1].text, assistant - user))
    for text, others in added:
        if wrong := {pair for pair in others & spoken[text][1] if pair[1]}:
            yield f"{text[:40]!r} is told as {dict(wrong)}, which is the other side's"


def _place(told: list[tuple[str, _Pairs]], text: str) -> int | None:
    return next((at for at, (one, _) in enumerate(told) if text in one), None)


def _told(value: object, around: _Pairs) -> Iterator[tuple[str, _Pairs]]:
    """All strings of a body, each with the fields of the objects around it, and the names of the way to it."""
    if isinstance(value, str):
        yield value, around
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _told(one, around)
    elif isinstance(value, Mapping):
        fields = cast("Mapping[str, object]", value)
        texts = {(name, one) for name, one in fields.items() if isinstance(one, str) and len(one) < 20}
        for name, one in fields.items():
            yield from _told(one, around | texts | {(name, "")})


def world_faults(provider: Provider) -> Iterator[Violation]:
    """Say what a request takes from the world: it is a function of what is asked, or no test of it repeats."""
    one, other, called = asked_twice(lambda: provider.encode(REQUEST), 1)
    if called:
        yield Violation(Law.PURE, f"{called[0]}, and a request is a function of what is asked alone")
        return
    if (one.url, one.headers, one.body) != (other.url, other.headers, other.body):
        yield Violation(
            Law.PURE, f"at another time, and with other dice, the request was another: {other.body[-300:]!r}"
        )


def form_faults(provider: Provider) -> Iterator[Violation]:
    """Say what a continuation lacks that every request has: a header (a key, a version) or a field (the model)."""
    plain = provider.encode(REQUEST)
    for step in steps_of(provider, REQUEST, _SAID):
        try:
            wire = provider.encode(step.request, step.form)
        except UsageError:
            continue  # the claim about declared forms says so
        headers = sorted(_lower(plain) - _lower(wire))
        if missing := headers or sorted(_fields(plain) - _fields(wire)):
            what = "header" if headers else "field"
            yield Violation(
                Law.ONE_STREAM, f"in the form {step.form.value} the request lacks the {what} {missing[0]!r}"
            )


def _lower(wire: WireRequest) -> set[str]:
    return {name.lower() for name in wire.headers}


def _fields(wire: WireRequest) -> set[str]:
    try:
        body: object = json.loads(wire.body)
    except (ValueError, RecursionError):
        return set()  # the claim about any request says so
    return set(cast("dict[str, object]", body)) if isinstance(body, dict) else set()


# -- its key ------------------------------------------------------------------------------------------------------

KEY_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
KEY_PARAMETERS = ("key", "api_key", "api-key", "apikey", "access_token", "token")
SECRET_CHARS_MIN = 8
"""A key shorter than this opens local servers only, and is a part of other words."""


def secrets_of(provider: Provider, key: str | None) -> list[str]:
    """Give what has to stay hidden: the key, if it is known, and what the headers of a plain request wrap or name."""
    shown = [key] if key is not None else []
    try:
        headers = list(provider.encode(REQUEST).headers.items())
    except Exception:  # whatever it raises is told by the claim about its members
        headers = []
    shown += [value.reveal() for _, value in headers if isinstance(value, Secret)]
    shown += [value for name, value in headers if isinstance(value, str) and _is_key(name, value, key is not None)]
    return [part for value in shown for part in value.split() if len(part) >= SECRET_CHARS_MIN]


def _is_key(header: str, value: str, is_known: bool) -> bool:
    return header.lower() in KEY_HEADERS if is_known else is_secret_header(header, value)


def keys_in_sight(wire: WireRequest, secrets: Sequence[str], *, is_known: bool) -> Iterator[Violation]:
    """Say where a request carries a key in plain text; `is_known` says that names alone are no evidence."""
    for name, value in wire.headers.items():
        if isinstance(value, str) and (_is_key(name, value, is_known) or any(secret in value for secret in secrets)):
            said = f"the header {name} is plain text, and shown by every repr of the request; expected a Secret"
            yield Violation(Law.NO_LEAKS, said if is_known else f"{said} (give key= where it holds no key)")
    for name, value in parse_qsl(urlsplit(wire.url).query):
        if name.lower() in KEY_PARAMETERS and value:
            yield Violation(Law.NO_LEAKS, f"the key is shown in a request: its URL has a parameter {name}")
    shown = f"{wire.url} {unquote(wire.url)} {wire!r} {wire.body.decode('utf-8', 'replace')}"
    if any(secret in shown for secret in secrets):
        yield Violation(Law.NO_LEAKS, "the key is shown in a request: its URL, its repr or its body")
