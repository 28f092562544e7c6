"""The control endpoint of a chaos proxy, whom it and the proxy listen to, and that no key is kept or shown."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from riverrun.engine.bench.chaos.guard import Guard, Listen, parse_listen
from riverrun.engine.bench.chaos.proxy import Chaos, open_chaos
from riverrun.engine.bench.chaos.rows import Ended
from riverrun.engine.cli.chaos.lines import JSONView, LineView, head_words, sum_words
from riverrun.testing import Wire
from tests.bench.chaos_clients import Got, ask_once, asking, control, open_client, run
from tests.sockets.raw import RawServer, leave, whole

pytestmark = pytest.mark.sockets


def asked(*requests: tuple[Any, ...], faults: tuple[str, ...] = (), **options: Any) -> list[Got]:
    """Ask the control endpoint, in order."""

    async def main() -> list[Got]:
        async with open_chaos(faults, **options) as chaos:
            return [await control(chaos.port, *request) for request in requests]

    return run(main)  # type: ignore[no-any-return]


def standing(got: Got) -> list[str]:
    return [each["fault"] for each in got.json["faults"]]


def test_faults_are_listed_added_replaced_and_removed() -> None:
    answers = asked(
        ("GET", "faults"),
        ("POST", "faults", {"fault": "429:5s#1"}),
        ("PUT", "faults", {"faults": ["stall@120tok:30s%25", "error@2ev:529#2"]}),
        ("DELETE", "faults/0"),
        ("DELETE", "faults"),
        ("POST", "reset"),
        ("PUT", "faults", {"faults": []}),
        faults=("reset@3kb#1",),
    )
    assert [got.status for got in answers] == [200, 201, 200, 200, 200, 200, 200]
    assert [standing(got) for got in answers] == [
        ["reset@3kb#1"], ["reset@3kb#1", "429:5s#1"], ["stall@120tok:30s%25", "error@2ev:529#2"], ["error@2ev:529#2"],
        [], ["reset@3kb#1"], [],
    ]  # fmt: skip
    assert answers[2].json["faults"][0] == {
        "fault": "stall@120tok:30s%25", "kind": "stall", "place": "120tok", "seconds": 30.0, "status": None,
        "odds": 0.25, "times": None, "drawn": 0,
    }  # fmt: skip


def test_a_fault_that_is_changed_while_it_runs_is_played_from_the_next_request_on() -> None:
    async def main() -> list[int]:
        async with open_chaos() as chaos:
            client = await open_client(chaos.port)
            statuses = [(await client.ask(asking())).status]
            await control(chaos.port, "POST", "faults", {"fault": "503#1"})
            statuses += [(await client.ask(asking())).status, (await client.ask(asking())).status]
            await client.stream.aclose()
            told = (await control(chaos.port, "GET", "requests")).json
            assert [row["fault"] for row in told["rows"]] == [None, "503#1", None]
            assert told["ended"] == {"fault": 1, "whole": 2}
            assert told["struck"] == {"503#1": 1}
            assert told["rows"][0]["format"] == "openai"
            assert (await control(chaos.port, "POST", "reset")).status == 200
            assert (await control(chaos.port, "GET", "requests")).json["rows"] == []
            return statuses

    assert run(main) == [200, 503, 200]


WRONG: dict[str, tuple[tuple[Any, ...], int, str]] = {
    "a fault that is none": (("POST", "faults", {"fault": "nope"}), 400, "names no kind 'nope'; expected"),
    "no JSON": (("PUT", "faults", b"reset@3kb"), 400, 'the body is no JSON; expected {"fault":'),
    "deep JSON": (("PUT", "faults", b"[" * 60_000), 400, "the body is no JSON"),
    "no faults": (("POST", "faults", {"faulty": "x"}), 400, "the body names no faults"),
    "numbers": (("POST", "faults", {"faults": [1]}), 400, "the body names no faults"),
    "no such fault": (("DELETE", "faults/7"), 400, "there is no fault 7"),
    "no such method": (("PATCH", "faults"), 405, "this takes GET, POST, PUT, DELETE"),
    "one is not read": (("GET", "faults/0"), 405, "this takes DELETE"),
    "a get that resets": (("GET", "reset"), 405, "this takes POST"),
    "elsewhere": (("GET", "nothing"), 404, "expected /_chaos/faults, /_chaos/requests or /_chaos/reset"),
    "too large": (("PUT", "faults", b" " * 70_000), 413, "the body has more than 65,536 bytes"),
    "another site": (("POST", "reset", None, "Origin: http://evil.example"), 403, "a web page's of another site"),
    "another port": (("POST", "reset", None, "Origin: http://127.0.0.1:1"), 403, "a web page's of another site"),
    "an opaque origin": (("GET", "faults", None, "Origin: null"), 403, "a web page's of another site"),
    "across sites": (("GET", "faults", None, "Sec-Fetch-Site: cross-site"), 403, "a web page's of another site"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_says_so_and_changes_nothing(name: str) -> None:
    request, status, says = WRONG[name]
    got, after = asked(request, ("GET", "faults"), faults=("reset@3kb",))
    assert (got.status, says in got.json["error"]) == (status, True), got
    assert standing(after) == ["reset@3kb"]


def test_a_page_of_its_own_address_may_ask() -> None:
    assert asked(("GET", "faults", None, "Origin: http://127.0.0.1"))[0].status == 200


# -- whom it listens to -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200), ("LOCALHOST:9100", 200), ("127.0.0.1:1", 200), ("127.8.8.8", 200), ("[::1]:9100", 200),
        ("evil.example", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example:9100", 421), ("", 421),
        ("10.0.0.7", 421), ("local host", 421), ("allowed.example", 200),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/_chaos/faults", "/v1/chat/completions"])
def test_another_host_is_refused_on_every_path(host: str, status: int, path: str) -> None:
    request = asking(path=path).replace(b"POST /_chaos", b"PUT /_chaos").replace(b"localhost", host.encode(), 1)

    async def main() -> tuple[Got, Chaos]:
        async with open_chaos(allow_hosts=["Allowed.example"]) as chaos:
            return await ask_once(chaos.port, request), chaos

    got, chaos = run(main)
    expected = 400 if status == 200 and "_chaos" in path else status  # that body names no faults
    assert got.status == expected
    if status == 421:
        assert "names neither this machine nor where chaos listens" in got.json["error"]
        assert [row.ended for row in chaos.rows.rows] == ([] if "_chaos" in path else [Ended.REFUSED])


def test_a_proxy_for_other_machines_keeps_its_control_endpoint_for_this_one() -> None:
    guard = Guard(Listen("0.0.0.0", 9100))
    headers = {"host": "10.0.0.7:9100"}
    assert guard.refusal(headers, "10.0.0.7") is None
    refused = guard.control_refusal(headers, is_local=False, allows_remote=False)
    assert refused is not None
    assert (refused.status, "for this machine only" in refused.words) == (403, True)
    assert guard.control_refusal(headers, is_local=False, allows_remote=True) is None
    assert guard.control_refusal(headers, is_local=True, allows_remote=False) is None
    assert guard.control_refusal({**headers, "origin": "http://[x"}, is_local=True, allows_remote=False) is not None


def test_every_address_is_listened_on_only_if_told() -> None:
    async def main() -> str:
        async with open_chaos(listen="0.0.0.0:0", allow_remote=True) as chaos:
            assert not chaos.is_local
            assert (await control(chaos.port, "GET", "faults")).status == 200
            return chaos.url

    assert run(main).startswith("http://127.0.0.1:")


def test_an_address_is_read() -> None:
    assert parse_listen("9100") == Listen("127.0.0.1", 9100)
    assert parse_listen("localhost:0") == Listen("127.0.0.1", 0)
    assert parse_listen("[::1]:80") == Listen("::1", 80)


# -- keys -------------------------------------------------------------------------------------------------------------

CANARY = "sk-canary-9d2f61c07be84a35"
SECRETS = (
    f"Authorization: Bearer {CANARY}", f"x-api-key: {CANARY}", f"x-goog-api-key: {CANARY}", f"Cookie: s={CANARY}",
    f"Proxy-Authorization: Basic {CANARY}", f"X-Mine: {CANARY}", f"Expect: {CANARY}",
)  # fmt: skip


class Outputs:
    """All that a proxy says to whoever watches it: lines, JSON lines, the table, the control endpoint."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self._views = (LineView(), JSONView())

    def tell(self, what: str, row: Any) -> None:
        self.said.append(repr(row))
        for view in self._views:
            view.tell(what, row)

    async def gather(self, chaos: Chaos, capsys: pytest.CaptureFixture[str]) -> str:
        for path in ("faults", "requests", "nothing"):
            self.said.append((await control(chaos.port, "GET", f"{path}?key={CANARY}", None, *SECRETS)).body.decode())
        for view in self._views:
            view.sum_up(chaos)
        self.said += [head_words(chaos), sum_words(chaos), *capsys.readouterr(), repr(vars(chaos))]
        return "\n".join(self.said)


@pytest.mark.parametrize("fault", ["", "reset@50b", "429", "error@1ev", "slow-headers:1ms", "half-close@end"])
def test_no_key_is_in_anything_it_says(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    async def echo(stream: trio.SocketStream, number: int) -> bool:
        answers = [whole("401 No", f'{{"error": "{CANARY}"}}'.encode(), f"x-echo: {CANARY}"), b"", CANARY.encode()]
        await stream.send_all(answers[number % 3])
        return await leave(stream, "close")

    async def main() -> str:
        outputs = Outputs()
        async with RawServer(echo) as server:
            upstream = f"http://127.0.0.1:{server.port}"
            faults = [fault] if fault else []
            async with open_chaos(faults, upstream=upstream, listener=outputs.tell) as chaos:
                for wire in (Wire.ANTHROPIC, Wire.OPENAI, Wire.OLLAMA):
                    path = f"{wire.path}?key={CANARY}"
                    await ask_once(chaos.port, asking(wire, *SECRETS, path=path, messages=[{"content": CANARY}]))
                await ask_once(chaos.port, f"GET /v1/models?key={CANARY} HTTP/1.1\r\nHost: {CANARY}\r\n\r\n".encode())
                await ask_once(chaos.port, f"GET / HTTP/1.1\r\nHost: localhost\r\n{CANARY}\r\n\r\n".encode())
                return await outputs.gather(chaos, capsys)

    said = run(main)
    assert CANARY not in said
    assert "anthropic" in said


def test_an_error_of_its_own_holds_no_key_either() -> None:
    async def main() -> list[bytes]:
        async with open_chaos(upstream="http://127.0.0.1:1") as chaos:
            requests = [
                asking(Wire.GEMINI, *SECRETS[:3], path=f"{Wire.GEMINI.path}?key={CANARY}"),
                f"GET /?key={CANARY} HTTP/1.1\r\nHost: {CANARY}\r\n\r\n".encode(),
                f"GET / HTTP/1.1\r\nHost: localhost\r\n{CANARY}\r\n\r\n".encode(),
            ]
            return [
                (await ask_once(chaos.port, each)).head + (await ask_once(chaos.port, each)).body for each in requests
            ]

    said = run(main)
    assert [part.split(b" ", 2)[1] for part in said] == [b"502", b"421", b"400"]
    assert not [part for part in said if CANARY.encode() in part]


def test_the_rows_of_a_request_are_json() -> None:
    async def main() -> Any:
        async with open_chaos() as chaos:
            await ask_once(chaos.port, asking(model="a\x1b[2Jb" + "x" * 300))
            return (await control(chaos.port, "GET", "requests")).json["rows"][0]

    row = run(main)
    assert json.loads(json.dumps(row)) == row
    assert row["what"].startswith("a\\x1b[2Jb")
    assert len(row["what"]) <= 61
