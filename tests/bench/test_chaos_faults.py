"""Every kind of fault as a raw client sees it, and the answer that riverrun and official clients make of it."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Callable
from typing import Any

import anthropic
import httpx
import openai
import pytest
import trio

import riverrun as rr
from riverrun import from_name
from riverrun.engine.bench.chaos.meddling import BodyHead, EndOfBody, Meddler
from riverrun.engine.bench.chaos.proxy import Chaos, open_chaos
from riverrun.engine.bench.chaos.rows import Ended
from riverrun.engine.bench.chaos.spelling import KINDS, parse_rule
from riverrun.engine.core.provider import Provider
from riverrun.engine.testing.network.script import Close, Reset, Silence
from riverrun.engine.testing.wire.formats import GARBAGE, Reply, events_of, ping, stream_error
from riverrun.engine.testing.wire.odd import COMMENT, EMPTY_DATA, bad_event, failed_finish, unknown_event
from riverrun.testing import RIVERS, TABLE, Wire, open_loopback
from tests.bench.chaos_clients import Got, ask_once, asking, open_client, run
from tests.sockets.peers import impatient
from tests.sockets.raw import CHUNKED, END, RawServer, chunk, head, saying

pytestmark = pytest.mark.sockets

TEXT = "Rivers go on, and on. " * 40
EVENTS = events_of(Wire.OPENAI, Reply(1, "m", [TEXT[at : at + 8] for at in range(0, len(TEXT), 8)]))
BODY = b"".join(EVENTS)


def in_front_of(server: RawServer, *faults: str) -> Chaos:
    return open_chaos(faults, upstream=f"http://127.0.0.1:{server.port}")


async def broken(fault: str, limit_s: float = 5.0) -> tuple[Got, Chaos]:
    """Ask once for a stream whose upstream would say all of `BODY`."""
    answer = saying(head("200 OK", CHUNKED), *map(chunk, EVENTS), END)
    async with RawServer(answer) as server:
        async with in_front_of(server, fault) as chaos:
            got = await ask_once(chaos.port, asking(), limit_s)
        return got, chaos


def upto(count: int) -> bytes:
    return b"".join(EVENTS[:count])


SEEN: dict[str, tuple[bytes, str]] = {
    "half-close@2ev": (upto(2), "closed"),
    "half-close@100b": (BODY[:100], "closed"),
    "half-close@end": (BODY, "closed"),
    "premature-end@3ev": (upto(3), "whole"),
    "premature-end@0.2kb": (BODY[:200], "whole"),
    "error@2ev:529": (upto(2) + stream_error(Wire.OPENAI, 529), "whole"),
    "overloaded@end": (BODY + stream_error(Wire.OPENAI, 529), "whole"),
    "failed-finish@4ev": (upto(4) + failed_finish(Wire.OPENAI), "whole"),
    "garbage@77b": (BODY[:77] + GARBAGE, "whole"),
    "bad-event@2ev": (upto(2) + bad_event(Wire.OPENAI) + BODY[len(upto(2)) :], "whole"),
    "unknown-event@0": (unknown_event(Wire.OPENAI) + BODY, "whole"),
    "duplicate-event@5ev": (upto(5) + EVENTS[4] + BODY[len(upto(5)) :], "whole"),
    "empty-data@3ev": (upto(3) + b"".join(event + EMPTY_DATA for event in EVENTS[3:]), "whole"),
    "stall@2ev": (upto(2), "silent"),
    "stall@2ev:10ms": (BODY, "whole"),
    "stall@0:10ms": (BODY, "whole"),
    "stall@end": (BODY, "silent"),
    "slow@100ev:1ms": (BODY, "whole"),
    "drip@20kb:1ms": (BODY, "whole"),
    "slow-headers:20ms": (BODY, "whole"),
}


@pytest.mark.parametrize("fault", SEEN)
def test_a_raw_client_sees_exactly_what_the_fault_says(fault: str) -> None:
    body, end = SEEN[fault]
    got, chaos = run(lambda: broken(fault, 0.25 if end == "silent" else 5.0))
    assert (got.body, got.end) == (body, end)
    row = chaos.rows.rows[0]
    assert (row.fault, row.has_struck) == (fault, True)
    assert row.ended in ((Ended.CLIENT_LEFT, Ended.STOPPED) if end == "silent" else (Ended.FAULT, Ended.WHOLE))
    assert row.bytes == len(body)
    assert chaos.rows.struck[fault] == 1


def test_a_reset_is_an_rst_after_what_was_said() -> None:
    async def main() -> tuple[bytes, str]:
        gate = trio.Event()

        async def answer(stream: trio.SocketStream, number: int) -> bool:
            await stream.send_all(head("200 OK", CHUNKED) + chunk(BODY[:500]))
            await gate.wait()  # an RST overtakes what was not read yet
            await stream.send_all(chunk(BODY[500:]) + END)
            return False

        async with RawServer(answer) as server, in_front_of(server, "reset@0.5kb") as chaos:
            client = await open_client(chaos.port)
            got = await client.ask(asking())
            gate.set()
            await client.stream.aclose()
            return got.body, got.end

    body, end = run(main)
    assert end == "reset"
    assert BODY.startswith(body)


@pytest.mark.parametrize(("fault", "sign"), [("pings@2ev:10ms", ping(Wire.OPENAI)), ("comments@2ev:10ms", COMMENT)])
def test_signs_of_life_come_for_as_long_as_the_client_waits(fault: str, sign: bytes) -> None:
    got, _ = run(lambda: broken(fault, 0.2))
    signs = got.body.removeprefix(upto(2))
    assert (got.end, signs.replace(sign, b"")) == ("silent", b"")
    assert signs.count(sign) > 3


@pytest.mark.parametrize(
    ("fault", "status", "kind", "retry_after"),
    [
        ("429:5s", 429, "application/json", "5"),
        ("529", 529, "application/json", None),
        ("status:503", 503, "application/json", None),
        ("html", 200, "text/html; charset=utf-8", None),
        ("html-error", 503, "text/html; charset=utf-8", None),
        ("error-under-200:500", 200, "application/json", None),
    ],
)
def test_what_stands_in_place_of_an_answer_does_not_ask_the_upstream(
    fault: str, status: int, kind: str, retry_after: str | None
) -> None:
    async def main() -> Got:
        async with RawServer(saying()) as server, in_front_of(server, fault) as chaos:
            client = await open_client(chaos.port)
            got = await client.ask(asking())
            assert (await client.ask(asking())).status == status  # the connection is kept
            await client.stream.aclose()
            assert server.accepts == 0
            return got

    got = run(main)
    assert (got.status, got.headers["content-type"], got.headers.get("retry-after")) == (status, kind, retry_after)


def test_a_connect_error_is_an_rst_before_an_answer() -> None:
    got, chaos = run(lambda: broken("connect-error"))
    assert (got.head, got.end, chaos.rows.rows[0].ended) == (b"", "reset", Ended.FAULT)


@pytest.mark.parametrize(
    ("turn", "status"), [({"role": "assistant", "content": "Rivers"}, 400), ({"role": "user", "content": "x"}, 200)]
)
def test_a_refused_prefill_is_400_for_whoever_sends_one(turn: dict[str, str], status: int) -> None:
    async def main() -> int:
        async with open_chaos(["refuse-prefill"]) as chaos:
            return (await ask_once(chaos.port, asking(Wire.ANTHROPIC, messages=[turn]))).status

    assert run(main) == status


@pytest.mark.parametrize("wire", list(Wire))
@pytest.mark.parametrize("tokens", [1, 60, 150])
def test_a_place_in_tokens_is_about_four_characters_each(wire: Wire, tokens: int) -> None:
    pieces = [TEXT[at : at + 8] for at in range(0, len(TEXT), 8)]
    body = b"".join(events_of(wire, Reply(1, "m", pieces)))
    meddler = Meddler(parse_rule(f"reset@{tokens}tok"), BodyHead(wire, wire.content_type))
    said = b"".join(move for move in meddler.feed(body) if isinstance(move, bytes))
    decoder = from_name(f"{wire.value}/m", api_key="k").decoder(rr.Limits())
    chars = sum(len(event.text) for event in decoder.feed(said) if isinstance(event, rr.TextDelta))
    assert meddler.has_struck
    assert body.startswith(said)
    assert tokens * 4 <= chars < tokens * 4 + 8


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
@pytest.mark.parametrize(
    "fault", ["error@3ev", "reset@200b", "stall@20tok:1s", "duplicate-event@2ev", "empty-data@2ev"]
)
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_how_the_bytes_are_cut_into_reads_changes_nothing(fault: str, size: int, line_end: bytes) -> None:
    body = BODY[:4000].replace(b"\n", line_end)

    def said(cut: int) -> tuple[bytes, list[str]]:
        meddler = Meddler(parse_rule(fault), BodyHead(Wire.OPENAI, "text/event-stream"))
        moves = list(meddler.feed(b""))
        for at in range(0, len(body), cut):
            moves += [] if meddler.is_over else meddler.feed(body[at : at + cut])
        data = b"".join(move for move in moves if isinstance(move, bytes))
        return data, [repr(move) for move in moves if not isinstance(move, bytes)]

    assert said(size) == said(len(body))


def test_the_steps_of_a_fault_are_the_kits() -> None:
    def moves(fault: str) -> list[object]:
        meddler = Meddler(parse_rule(fault), BodyHead(Wire.OLLAMA, "application/x-ndjson"))
        return [*meddler.feed(b"{}\n{}\n"), *([] if meddler.is_over else meddler.end())]

    assert moves("reset@1ev") == [b"{}\n", Reset()]
    assert moves("half-close@end") == [b"{}\n{}\n", Close()]
    assert moves("stall@1ev:2s") == [b"{}\n", Silence(2.0), b"{}\n", EndOfBody()]
    assert moves("slow@1ev:2s") == [b"{}\n", Silence(2.0), b"{}\n", EndOfBody()]
    assert moves("stall@1ev") == [b"{}\n", Silence()]


# -- what a fault has no room in --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "content_type", "coding", "note"),
    [
        ("reset@900ev", "text/event-stream", "", "not played: the body ended before 900ev"),
        ("reset@1ev", "application/json", "", "not played: the body has no events"),
        ("reset@1ev", "text/event-stream", "gzip", "not played: the body is coded (gzip)"),
        ("error@end", "text/event-stream", "gzip", "not played: the body is coded (gzip)"),
    ],
)
def test_a_fault_that_finds_no_place_changes_nothing_and_says_why(
    fault: str, content_type: str, coding: str, note: str
) -> None:
    body = gzip.compress(BODY) if coding else BODY
    line = [f"content-encoding: {coding}"] if coding else []
    answer = saying(head("200 OK", CHUNKED, *line, kind=content_type), chunk(body), END)

    async def main() -> tuple[Got, Chaos, bytes]:
        async with RawServer(answer) as server:
            async with in_front_of(server, fault) as chaos:
                got = await ask_once(chaos.port, asking(Wire.OPENAI, "Accept-Encoding: gzip"))
                await trio.sleep(0.05)
            return got, chaos, server.requests[0]

    got, chaos, asked = run(main)
    row = chaos.rows.rows[0]
    assert (got.body, row.note, row.has_struck, row.ended) == (body, note, False, Ended.WHOLE)
    assert b"Accept-Encoding: identity" in asked  # a fault that has to read the body asks for it plain


def test_a_fault_in_bytes_asks_for_the_coding_that_the_client_asked_for() -> None:
    coded = gzip.compress(BODY)
    answer = saying(head("200 OK", CHUNKED, "content-encoding: gzip"), chunk(coded), END)

    async def main() -> tuple[bytes, bytes]:
        async with RawServer(answer) as server, in_front_of(server, "half-close@50b") as chaos:
            got = await ask_once(chaos.port, asking(Wire.OPENAI, "Accept-Encoding: gzip"))
            return got.body, server.requests[0]

    body, asked = run(main)
    assert body == coded[:50]
    assert b"Accept-Encoding: gzip" in asked


@pytest.mark.parametrize("fault", ["premature-end@20b", "garbage@20b"])
def test_a_length_that_no_longer_holds_is_not_sent(fault: str) -> None:
    async def main() -> Got:
        async with open_chaos([fault]) as chaos:
            return await ask_once(chaos.port, asking(stream=False))

    got = run(main)
    assert "content-length" not in got.headers
    assert got.end == "whole"
    assert len(got.body) in (20, 20 + len(GARBAGE))


def test_a_share_of_an_answer_of_its_own_is_that_share() -> None:
    async def main() -> tuple[int, int]:
        async with open_chaos(["half-close@50%#1"]) as chaos:
            first = await ask_once(chaos.port, asking())
            chaos.draws.restart()
            chaos.draws.replace([])
            return len(first.body), len((await ask_once(chaos.port, asking())).body)

    half, whole = run(main)
    assert abs(half - whole / 2) < whole * 0.05


# -- alone ------------------------------------------------------------------------------------------------------------


def test_alone_it_answers_what_is_not_a_models_with_404_and_no_json_with_400() -> None:
    async def main() -> list[int]:
        async with open_chaos() as chaos:
            no_json = asking()[:-1] + b"!"
            lie = asking(Wire.OLLAMA, messages=[{"role": "assistant", "content": "nobody said this"}])
            space = asking(Wire.ANTHROPIC, messages=[{"role": "assistant", "content": RIVERS.text[:5] + " "}])
            other = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
            return [(await ask_once(chaos.port, each)).status for each in (other, no_json, lie, space)]

    assert run(main) == [404, 400, 400, 400]


# -- riverrun ---------------------------------------------------------------------------------------------------------

POLICY = impatient("first_event_s", "first_event_s_max", "idle_s")
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
PROVIDERS: dict[Wire, Callable[[str, httpx.AsyncClient], Provider]] = {
    Wire.ANTHROPIC: lambda url, client: rr.Anthropic("claude-sonnet-4-5", api_key="k", base_url=url, client=client),
    Wire.OPENAI: lambda url, client: rr.OpenAIChat("gpt-4o", api_key="k", base_url=f"{url}/v1", client=client),
    Wire.GEMINI: lambda url, client: rr.Gemini("gemini-2.5-flash", api_key="k", base_url=url, client=client),
    Wire.OLLAMA: lambda url, client: rr.Ollama("llama3.2", base_url=url, client=client),
}
SURVIVED = [
    "reset@2kb#2", "half-close@3kb#2", "premature-end@30ev#1", "error@20ev:529#2", "overloaded@5ev#1",
    "garbage@1.5kb#1",
    "failed-finish@25ev#1", "stall@60tok#1", "stall@30ev:20ms", "slow@0:1ms", "pings@20ev:50ms#1",
    "slow-headers:20ms", "unknown-event@12ev", "status:500#1", "429:20ms#2", "html#1", "html-error#1",
    "error-under-200:503#1", "connect-error#1", "reset@end#1", "drip@70kb:1ms",
]  # fmt: skip


ASKED = rr.InferenceRequest(rr.Message.user("Tell me of rivers."), max_tokens=9999)


async def answered(fault: str, wire: Wire) -> tuple[rr.StreamResult, Chaos]:
    async with (
        open_loopback(RIVERS) as server,
        open_chaos([fault], upstream=f"http://127.0.0.1:{server.port}") as chaos,
        httpx.AsyncClient(verify=NO_TLS, trust_env=False) as client,
    ):
        engine = rr.Engine(PROVIDERS[wire](chaos.url, client), policy=POLICY)
        result = await engine.complete(ASKED)
        return result, chaos


@pytest.mark.parametrize("fault", SURVIVED)
def test_riverrun_gets_the_exact_answer_through_it(fault: str) -> None:
    wire = list(PROVIDERS)[SURVIVED.index(fault) % len(PROVIDERS)]
    result, chaos = run(lambda: answered(fault, wire))
    assert result.text == RIVERS.text
    assert result.stop_reason is rr.StopReason.END_TURN
    if not fault.startswith("drip"):
        assert sum(chaos.rows.struck.values()) >= 1


def test_the_same_seed_and_order_of_requests_give_the_same_faults_on_sockets() -> None:
    async def main() -> list[str]:
        async with open_chaos(["reset@2kb%40", "429:1ms%20", "half-close@4kb%20"], seed=3) as chaos:
            async with httpx.AsyncClient(verify=NO_TLS, trust_env=False) as client:
                engine = rr.Engine(PROVIDERS[Wire.ANTHROPIC](chaos.url, client), policy=POLICY)
                for _ in range(4):
                    assert (await engine.complete(ASKED)).text == RIVERS.text
            return [row.fault for row in chaos.rows.rows]

    first = run(main)
    assert first == run(main)
    assert len({*first}) > 2


# -- official clients -------------------------------------------------------------------------------------------------


def in_thread(main: Callable[[str], Any], *faults: str, answer: Any = TABLE) -> tuple[Any, Chaos]:
    async def bounded() -> tuple[Any, Chaos]:
        async with open_chaos(faults, answer=answer) as chaos:
            return await trio.to_thread.run_sync(main, chaos.url), chaos

    return run(bounded)  # type: ignore[no-any-return]


def ask_openai(url: str) -> str:
    with openai.OpenAI(api_key="k", base_url=f"{url}/v1", max_retries=2) as client:
        stream = client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "x"}], stream=True
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)


def ask_anthropic(url: str) -> str:
    with anthropic.Anthropic(api_key="k", base_url=url, max_retries=2) as client:
        messages: Any = [{"role": "user", "content": "x"}]
        with client.messages.stream(model="claude-sonnet-5", max_tokens=999, messages=messages) as stream:
            return "".join(stream.text_stream)


def test_the_official_clients_work_through_it() -> None:
    for ask in (ask_openai, ask_anthropic):
        text, chaos = in_thread(ask)
        assert text == TABLE.text
        assert [row.ended for row in chaos.rows.rows] == [Ended.WHOLE]


def test_the_official_clients_retry_what_stands_in_place_of_an_answer() -> None:
    for ask in (ask_openai, ask_anthropic):
        text, chaos = in_thread(ask, "429:1ms#1")
        assert (text, [row.status for row in chaos.rows.rows]) == (TABLE.text, [429, 200])


def test_an_official_client_meets_a_break_that_is_really_one() -> None:
    with pytest.raises(openai.APIConnectionError):
        in_thread(ask_openai, "half-close@20ev")
    with pytest.raises(openai.APIError, match="overloaded"):
        in_thread(ask_openai, "overloaded@20ev")


def test_every_kind_is_played_here() -> None:
    played = {fault.partition("@")[0].partition(":")[0].partition("#")[0] for fault in (*SEEN, *SURVIVED)}
    others = {"pings", "comments", "status", "html", "html-error", "error-under-200", "connect-error", "refuse-prefill"}
    assert KINDS.keys() <= played | others
