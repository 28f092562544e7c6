"""Heads that say one thing over bodies that are another: the first bytes tell, and one request is enough."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.http.coding import STEP_BYTES, Unpacker
from riverrun.engine.http.first_look import BodyKind, kind_of_body
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from riverrun.engine.testing.wire.formats import Reply, Wire, events_of, whole_of

TEXT = "The Rhine rises in the Alps."
REPLY = Reply(1, "m", ["The Rhine ", "rises in the Alps."])
KEY = {"api_key": "k" * 20, "base_url": "https://api.example"}
MODELS: dict[Wire, Any] = {
    Wire.ANTHROPIC: rr.Anthropic("claude-x", **KEY),
    Wire.OPENAI: rr.OpenAIChat("some-model", **KEY),
    Wire.RESPONSES: rr.OpenAIResponses("gpt-x", **KEY),
    Wire.GEMINI: rr.Gemini("gemini-x", **KEY),
    Wire.INTERACTIONS: rr.GeminiInteractions("gemini-x", **KEY),
    Wire.OLLAMA: rr.Ollama("llama", **KEY),
}
TRANSLATED = [wire for wire in Wire if wire not in (Wire.GEMINI, Wire.OLLAMA)]
JSON = {"content-type": "application/json; charset=utf-8"}
EVENTS = {"content-type": "text/event-stream"}

every_wire = pytest.mark.parametrize("wire", Wire)


async def asked(provider: Any, *scripts: Script) -> tuple[Any, list[WireRequest]]:
    """Ask for an answer; return the result or the error, and the requests. The last script answers what is left."""
    left = list(scripts)
    transport = ScriptedTransport(lambda _: left.pop(0) if len(left) > 1 else left[0])
    try:
        seen: Any = await rr.Engine(provider, transport=transport).complete(rr.InferenceRequest(rr.Message.user("?")))
    except rr.InferenceError as error:
        seen = error
    return seen, transport.requests


def body_of(wire: Wire) -> bytes:
    return b"".join(events_of(wire, REPLY))


def in_bytes(body: bytes) -> Sequence[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


def counted(result: Any) -> list[str]:
    return [str(kind) for kind in result.attempts[-1].ignored]


@every_wire
@pytest.mark.parametrize("headers", [JSON, {}, {"content-type": "text/plain"}, {"content-type": "application/x"}])
@pytest.mark.parametrize("status", [200, 201, 203])
async def test_a_stream_is_read_whatever_its_label(wire: Wire, headers: dict[str, str], status: int) -> None:
    result, requests = await asked(MODELS[wire], Script([body_of(wire)], status, headers))
    assert (result.text, len(requests)) == (TEXT, 1)


@pytest.mark.parametrize("wire", TRANSLATED)
async def test_a_wrong_label_is_counted(wire: Wire) -> None:
    result, _ = await asked(MODELS[wire], Script(in_bytes(body_of(wire)), headers=JSON))
    assert result.text == TEXT
    assert "a stream labelled as JSON" in counted(result)


@every_wire
@pytest.mark.parametrize("headers", [JSON, EVENTS, {}])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\n \r\n"])
async def test_an_answer_in_one_piece_is_read_whatever_its_label(
    wire: Wire, headers: dict[str, str], before: bytes
) -> None:
    body = before + whole_of(wire, REPLY)
    for steps in ([body], in_bytes(body)):
        result, requests = await asked(MODELS[wire], Script(steps, headers=headers))
        assert (result.text, result.stop_reason, len(requests)) == (TEXT, rr.StopReason.END_TURN, 1)


@pytest.mark.parametrize("wire", TRANSLATED)
async def test_an_answer_in_one_piece_is_counted_where_a_stream_was_asked_for(wire: Wire) -> None:
    result, _ = await asked(MODELS[wire], Script([whole_of(wire, REPLY)], headers=JSON))
    assert "an answer in one piece where a stream was asked for" in counted(result)


@pytest.mark.parametrize("wire", TRANSLATED)
async def test_an_answer_in_one_piece_that_is_cut_is_asked_for_again(wire: Wire) -> None:
    body = whole_of(wire, REPLY)
    result, requests = await asked(MODELS[wire], Script([body[:-9]], headers=JSON), Script([body], headers=JSON))
    assert (result.text, len(requests), len(result.attempts)) == (TEXT, 2, 2)


# -- errors in place of an answer -----------------------------------------------------------------------------------

REFUSED: dict[str, Any] = {
    "OpenAI's": {"error": {"message": "Invalid token", "type": "invalid_request_error", "code": "invalid_api_key"}},
    "a list": [{"error": {"message": "Invalid token", "code": 401, "status": "UNAUTHENTICATED"}}],
    "a gateway's": {"code": 401, "message": "Invalid token", "data": None},
    "words alone": {"detail": "Invalid token", "status": 401},
    "MiniMax's": {"base_resp": {"status_code": 1004, "status_msg": "Invalid token"}},
}


@pytest.mark.parametrize("wire", TRANSLATED)
@pytest.mark.parametrize("headers", [JSON, EVENTS, {}])
@pytest.mark.parametrize("name", REFUSED)
async def test_a_key_refused_under_200_is_told_once_in_the_providers_words(
    wire: Wire, headers: dict[str, str], name: str
) -> None:
    error, requests = await asked(MODELS[wire], Script([json.dumps(REFUSED[name], indent=1).encode()], headers=headers))
    assert type(error) is rr.errors.Unauthorized
    assert "Invalid token" in str(error)
    assert len(requests) == 1


async def test_a_hint_in_the_head_of_such_an_error_counts(autojump_clock: MockClock) -> None:
    slow = Script([b'{"error":{"message":"slow","code":429}}'], headers={**JSON, "retry-after": "7"})
    result, requests = await asked(MODELS[Wire.OPENAI], slow, Script([body_of(Wire.OPENAI)]))
    assert (result.text, len(requests)) == (TEXT, 2)
    assert result.attempts[0].cause == rr.causes.RateLimited(7.0)


async def test_minimax_says_its_error_inside_a_stream_too() -> None:
    chunk = {"id": "x", "choices": None, "base_resp": {"status_code": 1004, "status_msg": "not authorized"}}
    error, requests = await asked(MODELS[Wire.OPENAI], Script([b"data: " + json.dumps(chunk).encode() + b"\n\n"]))
    assert (type(error), len(requests)) == (rr.errors.Unauthorized, 1)


@pytest.mark.parametrize("body", [b"upstream says no", b"null", b'"no"', b"<html>"])
async def test_what_is_labelled_json_and_is_neither_keeps_its_words(body: bytes, autojump_clock: MockClock) -> None:
    error, _ = await asked(MODELS[Wire.OPENAI], Script([body], headers=JSON))
    assert type(error) is rr.errors.ProviderError
    assert body.decode() in str(error)


class Foreign(rr.OpenAIChat):
    """A provider that can not read whole answers."""

    encode_whole = whole_decoder = property()  # type: ignore[assignment]


async def test_a_provider_that_reads_no_whole_answers_takes_json_for_an_error() -> None:
    error, requests = await asked(Foreign("m", **KEY), Script([json.dumps(REFUSED["OpenAI's"]).encode()], headers=JSON))
    assert (type(error), len(requests)) == (rr.errors.Unauthorized, 1)
    result, _ = await asked(Foreign("m", **KEY), Script([body_of(Wire.OPENAI)], headers=JSON))
    assert result.text == TEXT


# -- coded bodies -----------------------------------------------------------------------------------------------------


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


CODERS: dict[str, tuple[str, Any]] = {
    "gzip": ("gzip", gzip.compress),
    "GZIP": ("x-gzip", gzip.compress),
    "several members": ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:]) + b"\0\0"),
    "zlib": ("deflate", zlib.compress),
    "bare deflate": ("deflate", bare_deflate),
    "identity too": ("identity, gzip", gzip.compress),
}


@every_wire
@pytest.mark.parametrize("name", CODERS)
async def test_a_coded_answer_is_unpacked_and_counted(wire: Wire, name: str) -> None:
    coding, pack = CODERS[name]
    for body in (body_of(wire), whole_of(wire, REPLY)):
        coded = pack(body)
        for steps in ([coded], in_bytes(coded)):
            result, requests = await asked(MODELS[wire], Script(steps, headers={**EVENTS, "content-encoding": coding}))
            assert (result.text, len(requests)) == (TEXT, 1)
            assert "a coded body where none was asked for" in counted(result)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip, deflate", "none-such"])
async def test_another_coding_is_refused_unread_and_once(coding: str) -> None:
    error, requests = await asked(MODELS[Wire.OPENAI], Script([b"?"], headers={**EVENTS, "content-encoding": coding}))
    assert (type(error), len(requests)) == (rr.errors.ProviderError, 1)
    assert f"content-encoding seen: {coding}" in str(error)


@pytest.mark.parametrize(("status", "kind"), [(429, rr.errors.RateLimited), (401, rr.errors.Unauthorized)])
async def test_a_coded_error_keeps_its_words(status: int, kind: type[Exception], autojump_clock: MockClock) -> None:
    said = gzip.compress(b'{"error":{"message":"in words"}}')
    error, _ = await asked(MODELS[Wire.OPENAI], Script([said], status, {**JSON, "content-encoding": "gzip"}))
    assert type(error) is kind
    assert "in words" in str(error)


async def test_an_error_in_a_coding_that_is_not_read_keeps_its_class(autojump_clock: MockClock) -> None:
    error, requests = await asked(MODELS[Wire.OPENAI], Script([b"?"], 429, {**JSON, "content-encoding": "br"}))
    assert (type(error), len(requests) > 1) == (rr.errors.RateLimited, True)


async def test_what_is_not_coded_as_its_head_says_is_malformed_and_asked_for_again() -> None:
    broken = Script([b"data: {}\n\n"], headers={**EVENTS, "content-encoding": "gzip"})
    result, requests = await asked(MODELS[Wire.OPENAI], broken, Script([body_of(Wire.OPENAI)]))
    assert (result.text, len(requests)) == (TEXT, 2)
    assert isinstance(result.attempts[0].cause, rr.causes.MalformedStream)


async def test_a_coded_answer_that_is_cut_goes_on() -> None:
    body = body_of(Wire.ANTHROPIC)
    packer = zlib.compressobj(wbits=31)
    half = packer.compress(body[: body.index(b"rises in") + 40]) + packer.flush(zlib.Z_SYNC_FLUSH)
    rest = Script([b"".join(events_of(Wire.ANTHROPIC, Reply(2, "m", [" in the Alps."])))])
    result, requests = await asked(
        MODELS[Wire.ANTHROPIC], Script([half], headers={**EVENTS, "content-encoding": "gzip"}), rest
    )
    assert result.text.startswith("The Rhine ")
    assert len(requests) == 2


def test_a_bomb_is_unpacked_a_step_at_a_time() -> None:
    unpacker = Unpacker("gzip")
    unpacker.put(gzip.compress(b"a" * 2**22))
    steps = [len(unpacker.next())]
    while unpacker.has_more:
        steps.append(len(unpacker.next()))
    assert (sum(steps), max(steps)) == (2**22, STEP_BYTES)


async def test_a_body_that_unpacks_to_too_many_times_its_size_is_malformed() -> None:
    pings = gzip.compress(b": ping\n\n" * 2**21)
    policy = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
    transport = ScriptedTransport(lambda _: Script([pings], headers={**EVENTS, "content-encoding": "gzip"}))
    with pytest.raises(rr.errors.ProviderError, match="unpacks to more than 100 times its size"):
        await rr.Engine(MODELS[Wire.OPENAI], transport=transport, policy=policy).complete(
            rr.InferenceRequest(rr.Message.user("?"))
        )


@pytest.mark.parametrize(
    ("begins", "is_json", "kind"),
    [
        (b" \n", True, BodyKind.UNSEEN),
        (b"d", True, BodyKind.STREAM),
        (b": ping", True, BodyKind.STREAM),
        (b"event: x", False, BodyKind.STREAM),
        (b'\xef\xbb\xbf{"a"', False, BodyKind.JSON),
        (b"[", True, BodyKind.JSON),
        (b"denied", True, BodyKind.NEITHER),
        (b"denied", False, BodyKind.STREAM),
    ],
)
def test_the_first_bytes_tell(begins: bytes, is_json: bool, kind: BodyKind) -> None:
    assert kind_of_body(begins, is_json=is_json) is kind


@pytest.mark.parametrize("headers", [JSON, {"content-type": "application/json"}, {}, EVENTS])
@pytest.mark.parametrize("indent", [None, 2])
async def test_geminis_array_of_chunks_is_its_answer_whatever_its_label(
    headers: dict[str, str], indent: int | None
) -> None:
    chunks = [json.loads(event[6:]) for event in events_of(Wire.GEMINI, REPLY) if event.startswith(b"data: ")]
    body = json.dumps(chunks, indent=indent).encode()
    for steps in ([body], in_bytes(body)):
        result, requests = await asked(MODELS[Wire.GEMINI], Script(steps, headers=headers))
        assert (result.text, result.stop_reason, len(requests)) == (TEXT, rr.StopReason.END_TURN, 1)


async def test_geminis_array_that_is_cut_goes_on() -> None:
    chunks = [json.loads(event[6:]) for event in events_of(Wire.GEMINI, REPLY) if event.startswith(b"data: ")]
    half = json.dumps(chunks).encode().partition(b"rises")[0]
    rest = Script([b"".join(events_of(Wire.GEMINI, Reply(2, "m", ["rises in the Alps."])))])
    result, requests = await asked(MODELS[Wire.GEMINI], Script([half], headers=JSON), rest)
    assert (result.text, len(requests)) == (TEXT, 2)
