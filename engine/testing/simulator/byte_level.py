"""The simulated provider at the level of bytes: a real one over real httpx, httpcore and h11, on a scripted network.

The model says what it says at the level of events (`model`); here that is written in a provider's wire format, framed,
cut into reads and broken as the fault says. What the provider's decoder then made of it is what the engine was given,
and is what the oracles are told (`Attempt`): a decoder is held to its laws elsewhere, and here the engine to its own.

Two wire formats, by what the scenario's provider declares: the Messages API, and Chat Completions as vLLM speaks it,
which has a native continuation.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, cast

from attrs import define, evolve, field

from ...core.capabilities import Capabilities, ContinuationForm
from ...core.failures import Failure
from ...core.json_value import JSONObject
from ...core.policy import Limits
from ...core.provider import ErrorResponse, Provider, WireDecoder, WireRequest
from ...core.request import InferenceRequest
from ...core.stream_events import (
    AnswerRestarted,
    BlockStop,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from ...core.tool_json import parse_arguments
from ...http.transport import HTTPTransport
from ..law import Law, Violation
from ..network.http import ScriptedNetwork
from ..network.script import Connecting, SentRequest, Silence, Step
from ..script.faults import HONEST, FaultKind
from ..script.speech import Attempt
from ..wire.formats import GARBAGE, Wire, encode_events, error_body, ping, read_continuation
from .byte_script import UNENDED, error_script, hint_of, stream_script
from .model import Model
from .scenario import PROVIDERS

_REFUSED = "This model does not support assistant message prefill. The conversation must end with a user message."


@lru_cache(maxsize=32)
def _provider(name: str, wire: Wire) -> Provider:
    from ....providers.anthropic.provider import Anthropic
    from ....providers.openai_chat.presets import VLLM

    if wire is Wire.ANTHROPIC:
        declared, address = PROVIDERS[name], "http://127.0.0.1:9"
        return Anthropic("m", base_url=address, api_key="sk-simulated", capabilities=declared)
    return VLLM("m", base_url="http://127.0.0.1:9/v1", api_key="sk-simulated", capabilities=PROVIDERS[name])


def wire_of(scenario_provider: str, seed: int) -> Wire:
    """Choose the wire format that can say what a provider declares; either, by the seed, where both can."""
    forms = PROVIDERS[scenario_provider].forms
    if ContinuationForm.NATIVE in forms:
        return Wire.OPENAI
    if ContinuationForm.PREFILL in forms:
        return Wire.ANTHROPIC
    return Wire.OPENAI if seed % 2 else Wire.ANTHROPIC


class ByteWorld:
    """What surrounds the engine at the level of bytes. `library` is httpx, or httpx2."""

    def __init__(self, model: Model, request: InferenceRequest, dice: Callable[[], float], library: Any = None) -> None:
        scenario = model.scenario
        self.model = model
        self.wire: Wire = wire_of(scenario.provider, scenario.seed)
        self._dice = random.Random(scenario.seed ^ 0xB17E5).random  # noqa: S311 - a simulation's dice have to repeat
        self.network: ScriptedNetwork = ScriptedNetwork(
            self._script_for, connect=self._connect, hesitate=self._hesitate
        )
        client = self.network.client() if library is None else self.network.client(library)
        self.transport: HTTPTransport = HTTPTransport(client)
        self.source: SimulatedProvider = SimulatedProvider(_provider(scenario.provider, self.wire), self)
        self._asked: _Asked | None = None
        self._first: JSONObject | None = None

    @property
    def open_answers(self) -> int:
        """How many answers are open."""
        return self.network.connections_busy

    def let_go(self) -> None:
        """Forget what points back here: nothing more is asked."""
        self.network.let_go()
        self.source.let_go()

    # -- the request ----------------------------------------------------------------------------------------------

    def ask(self, wire: WireRequest, form: ContinuationForm | None) -> _Asked:
        """Take a request as it is made: what it says was said is read from its bytes."""
        body = cast("JSONObject", json.loads(wire.body))
        said = self._read_said(body, form)
        attempt = self.model.ask(form, said)
        self._asked = _Asked(attempt, wire.body, self.wire)
        if attempt.fault.kind is FaultKind.CONNECT_ERROR:
            self.network.close_idle()
        return self._asked

    def _read_said(self, body: JSONObject, form: ContinuationForm | None) -> str:
        first = self._first
        if first is None:
            first = self._first = body
        read = read_continuation(self.wire, body)
        if form is None:
            self._require(body == first, "a request without a continuation is not the first one")
            return ""
        turns = 2 if form is ContinuationForm.QUOTE else 1
        self._require(read.is_quote if turns == 2 else read.is_prefix, f"a request by {form.value} does not say so")
        before = cast("Sequence[object]", body.get("messages"))[:-turns]
        self._require(before == first.get("messages"), "a continuation changes the conversation before it")
        ceiling, left = first.get("max_tokens"), body.get("max_tokens")
        fits = isinstance(left, int) and 1 <= left <= cast("int", ceiling)
        self._require(fits, f"{left} tokens of {ceiling} are asked")
        return read.text

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            self.model.broken.append(Violation(Law.ONE_STREAM, otherwise))

    def _connect(self, _number: int) -> Connecting:
        asked = self._asked
        return Connecting(is_refused=asked is not None and asked.attempt.fault.kind is FaultKind.CONNECT_ERROR)

    def _hesitate(self) -> int:
        return int(self._dice() * 1.2)

    # -- the answer -----------------------------------------------------------------------------------------------

    def _script_for(self, sent: SentRequest) -> Iterable[Step]:
        asked = self._asked
        if asked is None:
            raise RuntimeError("a request crossed the wire that no provider had written")
        self._require(asked.body == sent.body, "what crossed the wire is not what was asked")
        attempt = asked.attempt
        fault = attempt.fault
        match fault.kind:
            case FaultKind.HTTP_ERROR:
                body = error_body(self.wire, fault.status, f"the scripted provider says {fault.status}")
                return error_script(self._dice, fault.status, body, hint_of(fault))
            case FaultKind.PREFILL_REFUSED if attempt.refused:
                return error_script(self._dice, 400, error_body(self.wire, 400, _REFUSED), {})
            case FaultKind.SLOW_HEADERS:
                return [Silence(fault.seconds), *self._stream(asked)]
            case _:
                return self._stream(asked)

    def _stream(self, asked: _Asked) -> Iterable[Step]:
        fault = asked.attempt.fault
        return stream_script(self._dice, fault, asked.said, ping=ping(self.wire), garbage=GARBAGE)


# -- the provider -------------------------------------------------------------------------------------------------


@define(eq=False)
class _Asked:
    """One request, what is said in answer to it, and what of that was decoded.

    `start` is the offset, in the model's answer, of the first text that the reply says.
    """

    attempt: Attempt
    body: bytes
    wire: Wire
    said: list[bytes] = field(init=False)
    start: int = field(init=False)
    arguments: dict[str, str] = field(init=False, factory=dict[str, str])

    def __attrs_post_init__(self) -> None:
        attempt = self.attempt
        self._drop_what_bytes_can_not_say()
        events, ends = attempt.reply.events, attempt.reply.ends
        texts = ((end - len(e.text)) for e, end in zip(events, ends, strict=True) if isinstance(e, TextDelta))
        self.start = next(texts, attempt.base)
        said = events[:-1] if attempt.fault.kind is FaultKind.GARBAGE else events
        self.said = encode_events(self.wire, said, is_whole=attempt.fault.kind not in UNENDED)
        attempt.reply.events, attempt.reply.ends, attempt.rewinds = [], [], None

    def _drop_what_bytes_can_not_say(self) -> None:
        """Take back of the fault what this wire format has no word for."""
        attempt, fault = self.attempt, self.attempt.fault
        if fault.kind is FaultKind.DUPLICATE and self.wire is Wire.OPENAI and attempt.rewinds is not None:
            del attempt.reply.events[: attempt.rewinds + 1]
            del attempt.reply.ends[: attempt.rewinds + 1]
            attempt.fault = HONEST
        has_hint = fault.retry_after_s is not None
        if has_hint and (
            fault.kind is FaultKind.IN_BAND_ERROR or fault.status == 402
        ):  # with a hint, 402 is a rate limit
            attempt.fault = evolve(fault, retry_after_s=None)
        attempt.refused = fault.kind is FaultKind.PREFILL_REFUSED and attempt.form is not None

    def note(self, events: Sequence[StreamEvent], log: Callable[..., None]) -> None:
        """Note what the engine is given."""
        attempt = self.attempt
        reply = attempt.reply
        for event in events:
            log("said", attempt.number, len(reply.events))
            at = reply.ends[-1] if reply.ends else self.start
            match event:
                case TextDelta(text):
                    at += len(text)
                case AnswerRestarted():
                    attempt.rewinds, at = len(reply.events), self.start
                case ToolCallStart(call_id):
                    self.arguments[call_id] = ""
                case ToolCallDelta(call_id, more):
                    self.arguments[call_id] += more
                case BlockStop(str() as call_id) if parse_arguments(self.arguments[call_id]) is None:
                    event = evolve(event, is_cut=True)
                case _:
                    pass
            reply.events.append(event)
            reply.ends.append(at)
            if isinstance(event, AnswerRestarted) and self._released:
                break  # the engine gives up here: what the same read says beyond is nobody's
        attempt.given = len(reply.events)

    @property
    def _released(self) -> bool:
        """Whether a call was closed whole."""
        return any(isinstance(e, BlockStop) and e.id and not e.is_cut for e in self.attempt.reply.events)

    def complete(self) -> None:
        """Note that the terminal event was seen: what said why the answer stops then comes last, as oracles expect."""
        attempt, events = self.attempt, self.attempt.reply.events
        attempt.ended = True
        place = next((at for at in reversed(range(len(events))) if isinstance(events[at], StopReported)), None)
        if place is not None:
            events.append(events.pop(place))


class SimulatedProvider:
    """A real provider, whose requests and decoded answers are noted."""

    client = None

    def __init__(self, provider: Provider, world: ByteWorld) -> None:
        self._provider = provider
        self._world = world
        self._asked: _Asked | None = None
        self.name: str = provider.name
        self.model: str = provider.model

    def let_go(self) -> None:
        """Forget the world: nothing more is asked."""
        del self._world

    def capabilities(self, request: InferenceRequest) -> Capabilities:
        """Return what the scenario's provider declares."""
        return self._provider.capabilities(request)

    def encode(self, request: InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        """Write a request, and ask the model."""
        wire = self._provider.encode(request, form)
        self._asked = self._world.ask(wire, form)
        return wire

    def decoder(self, limits: Limits) -> _NotedDecoder:
        """Make the decoder for the request that was just written."""
        if self._asked is None:
            raise RuntimeError("a decoder was made before a request was written")
        return _NotedDecoder(self._provider.decoder(limits), self._asked, self._world.model)

    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        """Name a response that is not a stream."""
        if self._asked is not None:
            self._asked.attempt.ended_s = self._world.model.now()
        return self._provider.classify(response, now_unix_s=now_unix_s)


class _NotedDecoder:
    """A provider's decoder that tells what it decoded."""

    def __init__(self, decoder: WireDecoder, asked: _Asked, model: Model) -> None:
        self._decoder = decoder
        self._asked = asked
        self._model = model

    @property
    def is_complete(self) -> bool:
        return self._decoder.is_complete

    @property
    def defect(self) -> str | None:
        return self._decoder.defect

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        return self._note(self._decoder.feed(data))

    def close(self) -> Sequence[StreamEvent]:
        attempt = self._asked.attempt
        events = self._note(self._decoder.close())
        if attempt.fault.kind is FaultKind.PREMATURE_END:
            attempt.ended = True  # of the bytes; what says why the answer stops is missing
        return events

    def _note(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        asked = self._asked
        asked.attempt.ended_s = self._model.now()
        if events:
            asked.note(events, self._model.log)
        if self._decoder.is_complete and not asked.attempt.ended:
            asked.complete()
        return events
