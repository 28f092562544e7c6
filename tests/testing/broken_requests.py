"""Providers with one fault each in what they write, in how they name an error response, and in where they put a key."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any, cast

from attrs import evolve

import riverrun as rr
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.provider import ErrorResponse, WireRequest
from riverrun.engine.core.secret import Secret

from .broken_providers import KEY, Broken, Rewrites


class _Prefills(Rewrites):
    """The text of its prefilled turn is bent; subclasses say how."""

    def capabilities(self, request: rr.InferenceRequest) -> Capabilities:
        return Capabilities(forms=(ContinuationForm.PREFILL, ContinuationForm.QUOTE), prefix_trailing_space=False)

    def said(self, text: str) -> str:
        raise NotImplementedError

    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        if form is ContinuationForm.PREFILL:
            last = body["messages"][-1]
            if isinstance(last["content"], list):
                last["content"][-1]["text"] = self.said(last["content"][-1]["text"])
            else:
                last["content"] = self.said(last["content"])
        return None


class PrefillsWithASpaceMore(_Prefills):
    def said(self, text: str) -> str:
        return text + " \n"


class PrefillsWithAnEllipsis(_Prefills):
    def said(self, text: str) -> str:
        return text + "\N{HORIZONTAL ELLIPSIS}"


class SaysItTwiceOver(_Prefills):
    def said(self, text: str) -> str:
        return text + text


class PrefillsTwice(_Prefills):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body["messages"].append(body["messages"][-1]) if form is ContinuationForm.PREFILL else None


class JoinsWhatTheCallerBeganByALine(_Prefills):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        last = body["messages"][-1]
        if form is ContinuationForm.PREFILL and isinstance(last["content"], list):
            last["content"] = "\n".join(part["text"] for part in last["content"])
        return None


class _Quotes(Rewrites):
    def capabilities(self, request: rr.InferenceRequest) -> Capabilities:
        return Capabilities(forms=(ContinuationForm.QUOTE,))


class QuotesWithoutAsking(_Quotes):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body["messages"].pop() if form is ContinuationForm.QUOTE else None


class TellsAllAsTheUser(_Quotes):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for turn in body["messages"]:
            turn["role"] = "user"
        return None


class QuotesAsTheUser(_Quotes):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        if form is ContinuationForm.QUOTE:
            body["messages"][-2]["role"] = "user"
        return None


class ContinuesWithoutItsKey(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        return wire if form is None else WireRequest(wire.url, {"content-type": "application/json"}, wire.body)


class ContinuesWithoutStreaming(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.pop("stream") if form is not None else None


# -- error responses --------------------------------------------------------------------------------------------------


class RetriesNothing(Broken):
    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        return Failure(FailureKind.INVALID_REQUEST, "request failed", response.status)


class RetriesEverything(Broken):
    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        return Failure(FailureKind.OVERLOADED, "try again", response.status)


class LosesTheHint(Broken):
    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        return evolve(super().classify(response, now_unix_s=now_unix_s), retry_after_s=None)


class TakesMillisecondsForSeconds(Broken):
    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        headers = {name.removesuffix("-ms"): value for name, value in response.headers.items()}
        return super().classify(ErrorResponse(response.status, headers, response.body), now_unix_s=now_unix_s)


# -- what was asked for -----------------------------------------------------------------------------------------------


class HasACeilingOfItsOwn(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.update(max_tokens=4096)


class DropsStopSequences(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.pop("stop_sequences", None)


class DropsTheTemperature(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.pop("temperature", None)


class DropsIsError(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for turn in body["messages"]:
            for part in turn["content"] if isinstance(turn["content"], list) else ():
                part.pop("is_error", None)
        return None


class DropsToolChoice(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.pop("tool_choice", None)


class HasAClockInItsBody(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        return body.update(metadata={"sent": time.time()})


class HasDiceInAHeader(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        return WireRequest(wire.url, {**wire.headers, "x-trace": uuid.uuid4().hex}, wire.body)


class DropsImages(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for turn in body["messages"]:
            if isinstance(turn["content"], list):
                turn["content"] = [part for part in turn["content"] if part["type"] != "image"]
        return None


class DropsSchemas(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for tool in body.get("tools", ()):
            tool["input_schema"] = {"type": "object"}
        return None


class DropsDescriptions(Rewrites):
    def bend(self, body: dict[str, Any], form: ContinuationForm | None) -> object:
        for tool in body.get("tools", ()):
            tool.pop("description", None)
        return None


# -- members that raise, or are of other types ------------------------------------------------------------------------


class RaisesWithTools(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        if request.tools:
            raise KeyError("tools")
        return super().encode(request, form)


class RaisesAlways(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        raise TypeError("max_tokens")


class RaisesInItsRepr(Broken):
    def __repr__(self) -> str:
        raise AttributeError("nope")


class RaisesInCapabilities(Broken):
    def capabilities(self, request: rr.InferenceRequest) -> Capabilities:
        raise AttributeError("forms")


class DeclaresAList(Broken):
    def capabilities(self, request: rr.InferenceRequest) -> Any:
        return [ContinuationForm.QUOTE]


class WritesHeadersAsAList(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        return WireRequest(wire.url, cast("Any", list(wire.headers.items())), wire.body)


class WritesABodyAsText(Broken):
    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        return WireRequest(wire.url, wire.headers, cast("Any", wire.body.decode()))


# -- keys that only key= can find, and one that it need not -----------------------------------------------------------


class _HidesNothing(Broken):
    """No header is a `Secret`."""

    def place(self, wire: WireRequest) -> WireRequest:
        raise NotImplementedError

    def encode(self, request: rr.InferenceRequest, form: ContinuationForm | None = None) -> WireRequest:
        wire = super().encode(request, form)
        plain = {name: value for name, value in wire.headers.items() if not isinstance(value, Secret)}
        return self.place(WireRequest(wire.url, plain, wire.body))


class PutsTheKeyInAnOddHeader(_HidesNothing):
    def place(self, wire: WireRequest) -> WireRequest:
        return WireRequest(wire.url, {**wire.headers, "x-auth-token": KEY}, wire.body)


class PutsTheKeyInThePath(_HidesNothing):
    def place(self, wire: WireRequest) -> WireRequest:
        return WireRequest(f"{wire.url}/{KEY}", wire.headers, wire.body)


class PutsTheKeyInTheBody(_HidesNothing):
    def place(self, wire: WireRequest) -> WireRequest:
        body = json.dumps({**json.loads(wire.body), "api_key": KEY}).encode()
        return WireRequest(wire.url, wire.headers, body)


class PutsTheKeyInAnUnnamedHeader(_HidesNothing):
    def place(self, wire: WireRequest) -> WireRequest:
        return WireRequest(wire.url, {**wire.headers, "x-customer": KEY}, wire.body)


class HasNoKey(_HidesNothing):
    def place(self, wire: WireRequest) -> WireRequest:
        return wire


class RaisesItsKey(Broken):
    def classify(self, response: ErrorResponse, *, now_unix_s: float) -> Failure:
        raise KeyError(f"refused {KEY}")


KNOWN_BY_KEY = (PutsTheKeyInThePath, PutsTheKeyInTheBody, PutsTheKeyInAnUnnamedHeader)
"""Refuted where key= is given; without it nobody knows what is secret."""


REQUESTS: dict[type[Broken], tuple[str, ...]] = {
    PrefillsWithASpaceMore: ("one stream",),
    PrefillsWithAnEllipsis: ("one stream",),
    SaysItTwiceOver: ("one stream",),
    PrefillsTwice: ("one stream",),
    JoinsWhatTheCallerBeganByALine: ("one stream",),
    QuotesWithoutAsking: ("one stream",),
    TellsAllAsTheUser: ("one stream",),
    QuotesAsTheUser: ("one stream",),
    ContinuesWithoutItsKey: ("one stream",),
    ContinuesWithoutStreaming: ("one stream",),
    HasACeilingOfItsOwn: ("one stream",),
    DropsStopSequences: ("one stream",),
    DropsTheTemperature: ("one stream",),
    DropsImages: ("one stream",),
    DropsIsError: ("one stream",),
    DropsToolChoice: ("one stream",),
    HasAClockInItsBody: ("planning is pure",),
    HasDiceInAHeader: ("planning is pure",),
    DropsSchemas: ("one stream",),
    DropsDescriptions: ("one stream",),
    RaisesWithTools: ("exactly one end",),
    RaisesAlways: ("exactly one end",),
    RaisesInItsRepr: ("exactly one end",),
    RaisesInCapabilities: ("exactly one end",),
    DeclaresAList: ("exactly one end",),
    WritesHeadersAsAList: ("exactly one end",),
    WritesABodyAsText: ("exactly one end",),
    RetriesNothing: ("budgets",),
    RetriesEverything: ("budgets",),
    LosesTheHint: ("budgets",),
    TakesMillisecondsForSeconds: ("budgets",),
    PutsTheKeyInAnOddHeader: ("nothing leaks",),
    RaisesItsKey: ("nothing leaks",),
}
