"""`riverrun chaos`: lines, JSON and a live table, how it ends, and what it says of what can not be."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from riverrun.testing import Wire
from tests.cli.loopback import DEADLINE_S, command, environment, riverrun, started
from tests.cli.test_ends import rest_of

pytestmark = pytest.mark.sockets

QUESTION = json.dumps({"model": "gpt-4o", "stream": True, "messages": [{"role": "user", "content": "Why?"}]})
FREE = ["chaos", "--listen", "127.0.0.1:0", "--event-s", "0"]


def ask(port: int) -> tuple[int, bytes]:
    """Ask for a stream; its status, and what came before it broke."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=DEADLINE_S)
    try:
        connection.request("POST", Wire.OPENAI.path, QUESTION)
        answer = connection.getresponse()
        try:
            return answer.status, answer.read()
        except http.client.IncompleteRead as error:
            return answer.status, error.partial
    finally:
        connection.close()


def ended(process: Any, number: signal.Signals) -> tuple[int, str, str, float]:
    """End it by a signal: its exit code, what it said since, and how long that took."""
    began = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.wait(), out.decode(), err.decode(), time.monotonic() - began


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_lines_of_json_tell_what_happens_and_a_signal_ends_with_a_summary(number: signal.Signals, code: int) -> None:
    with started(*FREE, "--json", "--fault", "half-close@10ev#1", "--fault", "stall@5ev#1") as running:
        process = running.process
        first = json.loads(process.stdout.readline())
        assert (first["event"], first["upstream"], first["faults"]) == (
            "listening", None, ["half-close@10ev#1", "stall@5ev#1"],
        )  # fmt: skip
        port = int(first["url"].rpartition(":")[2])
        assert ask(port)[1].count(b"data: ") == 10
        told = [json.loads(process.stdout.readline()) for _ in range(3)]
        assert [each["event"] for each in told] == ["asked", "struck", "ended"]
        with socket.create_connection(("127.0.0.1", port)) as stalled:  # a client that waits does not delay the end
            head = f"POST {Wire.OPENAI.path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(QUESTION)}\r\n\r\n"
            stalled.sendall(head.encode() + QUESTION.encode())
            while json.loads(process.stdout.readline())["event"] != "struck":
                pass
            exit_code, out, err, took_s = ended(process, number)
    assert (exit_code, err) == (code, f"riverrun: {'interrupted' if code == 130 else 'terminated'}\n")
    *_, stopped, summary = map(json.loads, out.splitlines())
    assert (stopped["event"], stopped["ended"]) == ("ended", "stopped")
    assert summary == {
        "event": "summary", "requests": 2, "ended": {"fault": 1, "stopped": 1},
        "struck": {"half-close@10ev#1": 1, "stall@5ev#1": 1},
    }  # fmt: skip
    assert took_s < 1.0 + 0.5  # half a second for a machine that is busy


def test_lines_of_text_where_standard_output_is_no_terminal() -> None:
    with started(*FREE, "--fault", "503:2s#1") as running:
        process = running.process
        port = int(process.stdout.readline().split(b",")[0].rpartition(b":")[2])
        assert ask(port)[0] == 503
        code, out, _, _ = ended(process, signal.SIGINT)
    lines = [line[10:].strip() for line in out.splitlines()]
    assert code == 130
    assert lines[:2] == [
        "1 openai gpt-4o: asked; 503:2s#1 is drawn", "1 openai gpt-4o: 503:2s#1 strikes, after 0 bytes",
    ]  # fmt: skip
    assert lines[2].startswith("1 openai gpt-4o: 503, ")
    assert out.splitlines()[-1] == "1 request: 1 fault; faults that struck: 1 x 503:2s#1"


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_a_terminal_shows_a_live_table_and_its_cursor_again() -> None:
    pty = pytest.importorskip("pty")
    controller, terminal = pty.openpty()
    arguments = command(*FREE, "--fault", "half-close@10ev")
    env = environment(TERM="xterm", COLUMNS="140", LINES="30")
    with subprocess.Popen(arguments, stdin=terminal, stdout=terminal, stderr=terminal, env=env) as process:
        os.close(terminal)
        screen = b""
        while b", alone;" not in screen:
            screen += os.read(controller, 65536)
        ask(int(screen.partition(b"127.0.0.1:")[2].partition(b",")[0]))
        while screen.count(b"gpt-4o") < 2:
            screen += os.read(controller, 65536)
        process.send_signal(signal.SIGINT)
        screen += rest_of(controller)
        assert process.wait(DEADLINE_S) == 130
    assert b"Traceback" not in screen
    assert b"1 request: 1 fault; faults that struck: 1 x half-close@10ev" in screen
    assert screen.rindex(b"\x1b[?25h") > screen.rindex(b"\x1b[?25l")


def test_a_reader_that_goes_away_ends_it() -> None:
    with started(*FREE, "--json") as running:
        process = running.process
        port = int(json.loads(process.stdout.readline())["url"].rpartition(":")[2])
        process.stdout.close()
        ask(port)
        assert process.wait(DEADLINE_S) == 141


def test_a_port_in_use_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = riverrun("chaos", "--listen", f"127.0.0.1:{port}")
    assert (said.code, said.out) == (2, "")
    assert f"--listen 127.0.0.1:{port} is in use; expected a free port of this machine" in said.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--fault", "stall@12foo"], "--fault 'stall@12foo' has the place '12foo'; expected a number and tok"),
        (["--fault", "reset", "--fault", "stall"], "--fault 'stall' is never drawn: reset before it"),
        (
            ["--fault", "reset@5%", "--upstream", "http://127.0.0.1:1"],
            "is at a share of a stream that tells its length",
        ),
        (["--listen", "nowhere"], "--listen is 'nowhere'; expected HOST:PORT"),
        (["--listen", "0.0.0.0:0"], "expected a loopback address, or --allow-remote"),
        (["--upstream", "http://example.com"], "expected https://, a host on this machine, or --allow-insecure"),
        (["--upstream", "https://user:canary@example.com"], "--upstream holds userinfo before the host; expected none"),
        (["--seed", "x"], "argument --seed: 'x'; expected a whole number"),
        (["--event-s", "-1"], "argument --event-s: '-1'; expected a number of seconds from 0 to 60"),
    ],
)
def test_what_can_not_be_is_exit_2_in_the_words_of_the_command_line(arguments: list[str], says: str) -> None:
    said = riverrun("chaos", *arguments)
    assert (said.code, said.out) == (2, "")
    assert says in said.err
    assert "canary" not in said.err


def test_other_machines_are_let_in_with_a_warning() -> None:
    with started("chaos", "--listen", "0.0.0.0:0", "--allow-remote", "--json") as running:
        running.process.stdout.readline()
        code, _, err, _ = ended(running.process, signal.SIGINT)
    assert code == 130
    assert err.startswith("riverrun: warning: other machines can reach this proxy")
