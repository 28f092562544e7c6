"""Recordings: what was on the wire comes again as it was; neither a key nor, unasked, a word of content is in them."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from trio.testing import MockClock

import riverrun as rr
from riverrun import Anthropic, from_name
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import WireRequest
from riverrun.engine.core.result import StreamResult
from riverrun.engine.core.stream_events import StreamEvent
from riverrun.engine.core.wire_fields import WireFields
from riverrun.engine.recording import redaction
from riverrun.engine.recording.format import Recording, RecordingUnusable, read_recording, recording_of, without_content
from riverrun.engine.recording.recorder import Recorder, RecordingTransport
from riverrun.engine.recording.redaction import Placeholders
from riverrun.engine.testing.network.http import ScriptedNetwork
from riverrun.engine.testing.network.recorded import RecordingEnded, recorded
from riverrun.engine.testing.network.script import GoesAway, Reset, Silence, Step, response
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from riverrun.lowlevel import error_words
from riverrun.providers.by_name import provider_classes
from tests.providers.recordings import load, recordings
from tests.testing.wire_fields import ALL_FIELDS

KEY = "sk-canary-0123456789abcdef"
ASK = rr.InferenceRequest(
    rr.Message.user("Where do hippopotamuses sleep?"),
    system="You are a zoologist.",
    tools=[rr.Tool("find_hippo", "finds a hippopotamus", {"type": "object", "properties": {"river": {}}})],
    stop_sequences=["zebra"],
    max_tokens=500,
)
WORDS = ("hippopotamus", "zoologist", "find_hippo", "river", "zebra", "Okavango", "papyrus", "白い", KEY)
ONCE = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))
FOLDERS = {
    "anthropic": "anthropic",
    "openai-chat": "openai",
    "openai-responses": "openai-responses",
    "gemini": "gemini",
    "gemini-interactions": "gemini-interactions",
    "ollama": "ollama",
    "groq": "groq",
    "deepseek": "deepseek",
    "mistral": "mistral",
    "openrouter": "openrouter",
}


def said(*texts: str, first: bool = True, whole: bool = False) -> list[Step]:
    """A message of the Messages API; a read for each text."""

    def event(**fields: Any) -> bytes:
        return f"event: {fields['type']}\ndata: {json.dumps(fields, ensure_ascii=False)}\n\n".encode()

    start = event(type="message_start", message={"id": "m", "model": "m", "usage": {"input_tokens": 3}})
    block = event(type="content_block_start", index=0, content_block={"type": "text", "text": ""})
    deltas = [event(type="content_block_delta", index=0, delta={"type": "text_delta", "text": text}) for text in texts]
    end = event(type="content_block_stop", index=0)
    end += event(type="message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 9})
    return [start + block, *deltas, *([end + event(type="message_stop")] if whole else [])]


async def record(path: Path, bodies: Sequence[Sequence[Step]], **options: Any) -> StreamResult | None:
    """Ask over the real HTTP client; None if the run failed."""
    scripts = iter(bodies)
    network = ScriptedNetwork(lambda _: response(next(scripts)))
    async with network.client() as client:
        provider = rr.Anthropic("claude-sonnet-4-5", api_key=KEY, client=client)
        with Recorder(path, provider, ASK, words=error_words(), **options) as recorder:
            try:
                return await rr.Engine(provider, transport=recorder.transport).complete(ASK)
            except rr.InferenceError:
                return None


async def replay(path: Path) -> StreamResult:
    recording = recorded(path)
    return await recording.engine().complete(recording.request)


def story(result: StreamResult) -> list[tuple[object, ...]]:
    """What happened to each attempt, without times."""
    return [(str(a.cause), type(a.plan), a.continuation, a.seam, a.usage) for a in result.attempts]


STALL = [*said("In the Okavango, ", "白い papyrus "), Silence(7.5), *said("beds, ")[1:], Silence()]
TEXT = "In the Okavango, 白い papyrus beds, "
ENDINGS = pytest.mark.parametrize(
    "bodies",
    [
        [STALL, said("they sleep.", whole=True)],
        [[*said(TEXT), Reset()], [*said("they "), GoesAway()], said("sleep.", whole=True)],
        [[*said(TEXT), b"no SSE", Reset()], said(TEXT + "they sleep.", whole=True)],
        [[*said(TEXT), Reset()], said(TEXT[6:] + "they sleep.", whole=True)],
        [[*said(TEXT), Reset()], said(" \n they sleep.", whole=True)],
        [[*said(TEXT)], said("they sleep.", whole=True)],
    ],
    ids=["stall", "reset and goaway", "echo", "overlap", "white space", "premature end"],
)


@ENDINGS
@pytest.mark.parametrize("with_content", [True, False])
async def test_a_replay_is_the_run_that_was_recorded(
    tmp_path: Path, bodies: list[list[Step]], with_content: bool, autojump_clock: MockClock
) -> None:
    was = await record(tmp_path / "it.jsonl", bodies, with_content=with_content)
    again = await replay(tmp_path / "it.jsonl")
    assert was is not None
    assert story(again) == story(was)
    assert (again.text == was.text) == with_content
    assert len(again.text.encode()) == len(was.text.encode())


@ENDINGS
async def test_without_content_no_word_of_it_is_in_the_file(
    tmp_path: Path, bodies: list[list[Step]], autojump_clock: MockClock
) -> None:
    await record(tmp_path / "it.jsonl", bodies)
    text = (tmp_path / "it.jsonl").read_text()
    assert not [word for word in WORDS if word in text or json.dumps(word)[1:-1] in text]


async def test_with_content_the_words_are_there_and_the_key_is_not(tmp_path: Path, autojump_clock: MockClock) -> None:
    await record(tmp_path / "it.jsonl", [[*said(f"the key is {KEY}"), Reset()]] * 3, with_content=True)
    text = (tmp_path / "it.jsonl").read_text()
    assert "hippopotamus" in text
    assert KEY[:8] not in text


async def test_a_key_that_a_server_quotes_is_stars_even_across_two_reads(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    quoted = [b": you sent " + KEY[:12].encode(), KEY[12:].encode() + b"\n\n", *said("It.", whole=True)]
    await record(tmp_path / "it.jsonl", [quoted], with_content=True)
    body = read_recording(tmp_path / "it.jsonl").exchanges[0].body
    assert body.startswith(b": you sent " + b"*" * len(KEY) + b"\n\n")


PLANTED = "planted-canary-1"
PLAIN_SECRETS = [("x-jwt", PLANTED), ("x-upstream", f"Bearer {PLANTED}"), ("x-session", PLANTED)]


@pytest.mark.parametrize("header", PLAIN_SECRETS)
async def test_what_a_provider_of_anybodys_sends_in_plain_headers_is_stars_too(
    header: tuple[str, str], autojump_clock: MockClock
) -> None:
    transport = RecordingTransport(ScriptedTransport(lambda _: Script([f": you sent {PLANTED}\n\n".encode()])))

    body = await transport.open(WireRequest("http://localhost/", dict([header]), b"{}"), connect_s=None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body.pump)
        assert await body.receive()
        nursery.cancel_scope.cancel()
    recording = transport.recorded(Recording("mine", "m", ASK))
    assert recording.exchanges[0].body == b": you sent " + b"*" * len(PLANTED) + b"\n\n"


async def test_reads_keep_their_sizes_and_their_times(tmp_path: Path, autojump_clock: MockClock) -> None:
    await record(tmp_path / "it.jsonl", [STALL, said("x", whole=True)], with_content=True)
    plain = read_recording(tmp_path / "it.jsonl")
    shape = without_content(plain, Placeholders(b"k", fields=ALL_FIELDS))
    for one, other in zip(plain.exchanges, shape.exchanges, strict=True):
        assert [(r.at_s, len(r.data)) for r in one.reads] == [(r.at_s, len(r.data)) for r in other.reads]
    assert plain.exchanges[0].reads[-1].at_s == 7.5


def test_an_error_without_content_is_still_the_same_error(tmp_path: Path) -> None:
    message = "This model does not support assistant message prefill. The conversation must end with a user message."
    body = json.dumps({"type": "error", "error": {"type": "invalid_request_error", "message": message}}).encode()
    shape = Placeholders(b"k", error_words(), Anthropic.wire_fields).body(body.replace(b"This model", b"hippopotamus"))
    assert b"does not support assistant message prefill" in shape
    assert b"hippopotamus" not in shape


async def test_the_file_is_for_its_owner_alone_and_replaces_none(tmp_path: Path, autojump_clock: MockClock) -> None:
    await record(tmp_path / "it.jsonl", [said("x", whole=True)])
    assert stat.S_IMODE((tmp_path / "it.jsonl").stat().st_mode) == 0o600
    with pytest.raises(rr.UsageError, match="exists; expected the name of a new file"):
        await record(tmp_path / "it.jsonl", [said("x", whole=True)])


async def test_a_run_that_asks_oftener_than_the_recorded_one_is_told_so(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    assert await record(tmp_path / "it.jsonl", [[*said("x"), Reset()]] * 3) is None
    path = tmp_path / "it.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    second = next(at for at, line in enumerate(lines) if '"exchange":1' in line)
    path.write_text("".join(lines[:second]))
    with pytest.raises(RecordingEnded, match="request 2 was made, and the recording holds 1"):
        await replay(path)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda _: ["nonsense"], r"line 1: 8 characters that are not JSON"),
        (lambda _: ["[]"], "line 1: a list seen"),
        (lambda _: [], "no line of what 'recording' seen"),
        (lambda lines: lines[:-1], "exchange 0 has no 'ended'; was the file cut off"),
        (lambda lines: lines[1:], "line 1: what 'asked' seen; expected 'recording'"),
        (lambda lines: [lines[0].replace('"schema":1', '"schema":9'), *lines[1:]], "schema 9 seen, 1 expected"),
        (lambda lines: [lines[0], lines[0]], "a second 'recording'"),
        (lambda lines: [lines[0].replace('"provider"', '"p"')], "KeyError: 'provider'"),
        (
            lambda lines: [re.sub('"request":{.*}', '"request":{}}', lines[0])],
            "line 1: no InferenceRequest .*, at messages",
        ),
        (lambda lines: [lines[0], *lines[2:]], "line 2: what 'opened' seen; expected 'asked'"),
        (lambda lines: [*lines[:2], *lines[1:2]], "line 3: what 'asked' seen before the last exchange's 'ended'"),
        (lambda lines: [*lines, *lines[1:]], "exchange 0 seen; expected 1: they come in turn"),
        (lambda lines: [*lines[:3], *lines[2:]], "line 4: what 'opened' seen; expected one 'opened', and reads after"),
        (lambda lines: [*lines[:2], *lines[3:]], "line 3: what 'read' seen; expected one 'opened'"),
        (lambda lines: [*lines, lines[-1]], "what 'ended' seen; expected 'asked'"),
        (lambda lines: [*lines[:2], lines[2].replace('"at_s":0', '"at_s":-1')], "times that do not go back"),
        (lambda lines: [lines[0], lines[1].replace('"at_s":0.0', '"at_s":NaN')], "expected a finite number of seconds"),
        (lambda lines: [*lines[:2], lines[2].replace("opened", "what")], "what 'what' seen"),
        (lambda lines: [*lines[:2], re.sub('"headers":{.*?}', '"headers":[1]', lines[2])], "headers are a list"),
        (lambda lines: [*lines[:2], re.sub('"status":200', '"status":"abc"', lines[2])], "expected a whole number"),
        (lambda lines: [*lines[:3], re.sub('"text":".*"', '"base64":"%%"', lines[3])], "line 4: Error: "),
        (lambda lines: [*lines[:-1], lines[-1].replace('"left"', '"broke"')], "broke with its cause"),
    ],
)
async def test_a_file_that_is_no_recording_is_refused_by_line(
    tmp_path: Path, change: Callable[[list[str]], list[str]], complaint: str, autojump_clock: MockClock
) -> None:
    await record(tmp_path / "it.jsonl", [said("x", whole=True)])
    lines = (tmp_path / "it.jsonl").read_text().splitlines()
    with pytest.raises(RecordingUnusable, match=complaint):
        recording_of(change(lines), "it.jsonl")


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, complaint in (("none", "No such file"), ("bytes", "not UTF-8")):
        with pytest.raises(RecordingUnusable, match=complaint):
            recorded(tmp_path / name)


# -- placeholders -------------------------------------------------------------------------------------------------


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=8))
@example(b'data: {"delta":{"text":"a\\u00e', b"k")
@example(b'{"arguments":"{\\"a\\":\\"\\\\', b"k")
def test_any_body_is_replaced_by_one_of_its_size(body: bytes, key: bytes) -> None:
    assert len(Placeholders(key, fields=ALL_FIELDS).body(body)) == len(body)


@given(st.text(min_size=1), st.text(min_size=1), st.integers(0, 3))
def test_a_text_is_replaced_by_one_that_begins_alike_just_where_it_does(one: str, other: str, at: int) -> None:
    texts = (one, one[:at] + other)
    common = next((n for n, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    first, second = (shape_of(Placeholders(b"k", fields=ALL_FIELDS), text) for text in texts)
    assert first[:common] == second[:common]


def shape_of(placeholders: Placeholders, text: str) -> str:
    body = json.dumps({"delta": {"text": text}}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    shaped: str = json.loads(placeholders.body(body).decode("utf-8", "replace"))["delta"]["text"]
    return shaped


def test_an_echo_and_an_overlap_are_still_what_they_were() -> None:
    placeholders, long = Placeholders(b"k", fields=ALL_FIELDS), "The hippopotamus sleeps in the papyrus by day, "
    first = shape_of(placeholders, long)
    assert shape_of(placeholders, long + "and eats.").startswith(first)
    again = Placeholders(b"k", fields=ALL_FIELDS)
    assert shape_of(again, long) == first
    assert shape_of(again, long[20:] + "and eats.").startswith(first[20:])


class Added(str):
    """A text that counts the characters that are copied when it is added to another."""

    copied = 0

    def __radd__(self, before: str) -> str:
        Added.copied += len(before) + len(self)
        return str.__add__(before, self)


def test_a_long_stream_is_joined_once(monkeypatch: pytest.MonkeyPatch) -> None:
    cut = redaction.cut_body
    monkeypatch.setattr(redaction, "cut_body", lambda *of: [evolve(p, text=Added(p.text)) for p in cut(*of)])
    body = b'data: {"delta":{"text":"some words"}}\n\n' * 500
    assert len(Placeholders(b"k", fields=ALL_FIELDS).body(body)) == len(body)
    assert Added.copied <= len(body)


@pytest.mark.parametrize(
    "said",
    [
        {"type": "response.code_interpreter_call_code.done", "code": "patient"},
        {"type": "response.output_item.done", "item": {"type": "code_interpreter_call", "code": "patient"}},
        {"candidates": [{"content": {"parts": [{"executableCode": {"language": "PYTHON", "code": "patient"}}]}}]},
        {"code": "patient"},
        {"message": {"code": "patient"}},
    ],
)
def test_a_program_is_content(said: dict[str, object]) -> None:
    assert b"patient" not in Placeholders(b"k", fields=ALL_FIELDS).body(json.dumps(said).encode())


@pytest.mark.parametrize(
    "said",
    [
        {"error": {"code": "patient", "type": "x"}},
        {"type": "error", "code": "patient"},
        {"object": "error", "type": "patient", "code": "patient"},
        {"type": "response.failed", "response": {"error": {"code": "patient"}}},
    ],
)
def test_the_code_of_an_error_stays(said: dict[str, object]) -> None:
    body = json.dumps({**said, "text": "x"}).encode()
    assert Placeholders(b"k", fields=ALL_FIELDS).body(body).count(b"patient") == body.count(b"patient")


def test_of_a_provider_that_declares_no_fields_all_is_content() -> None:
    said = {"type": "patient", "id": "patient", "patient": [{"delta": "patient"}], "error": {"code": "patient"}}
    assert b"patient" not in Placeholders(b"k", error_words()).body(json.dumps(said).encode())


async def test_a_provider_of_one_s_own_says_which_fields_are_its_own(tmp_path: Path, autojump_clock: MockClock) -> None:
    class Mine(Anthropic):
        wire_fields = WireFields(keys="kind hippo", names="kind")

    body = b'{"kind":"patient","hippo":"patient","type":"patient"}'
    scripted = ScriptedTransport(lambda _: Script([body], 500))
    provider = Mine("m", api_key=KEY)

    recorder = Recorder(tmp_path / "it.jsonl", provider, ASK, transport=scripted)
    with recorder, pytest.raises(rr.InferenceError):
        await rr.Engine(provider, transport=recorder.transport, policy=ONCE).complete(ASK)
    shaped = read_recording(tmp_path / "it.jsonl").exchanges[0].body
    assert shaped.startswith(b'{"kind":"patient","hippo":"')
    assert shaped.count(b"patient") == 1
    assert b"type" not in shaped


def shapes(name: str, body: bytes) -> tuple[list[tuple[object, ...]], bool, bool]:
    """What a body is decoded to, as kinds and sizes."""
    decoder = from_name(f"{name}/m", api_key="sk-x").decoder(Limits())
    events: list[StreamEvent] = [*decoder.feed(body), *decoder.close()]
    sizes = ("text", "args_delta", "name", "arguments")
    told = [
        (type(event), *(len(v) for size in sizes if isinstance(v := getattr(event, size, None), str)))
        for event in events
    ]
    return told, decoder.is_complete, decoder.defect is not None


@pytest.mark.recordings
@pytest.mark.parametrize("folder", FOLDERS)
def test_without_its_content_every_recorded_stream_is_decoded_to_the_same_shape(folder: str) -> None:
    for parameter in recordings(folder):
        described, body = load(parameter.values[0])
        if len(body) < 20_000:
            fields = provider_classes()[FOLDERS[folder]].wire_fields
            shaped = Placeholders(b"k", error_words(), fields).body(body)
            assert shapes(FOLDERS[folder], shaped) == shapes(FOLDERS[folder], body), described["file"]
