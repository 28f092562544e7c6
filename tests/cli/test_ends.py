"""How every command ends where its output is refused or a signal comes: an exit code of the table, and no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from riverrun.engine.testing.script.faults import Item
from riverrun.engine.testing.simulator.scenario import Scenario
from tests.cli.loopback import (
    DEADLINE_S,
    Loopback,
    Reply,
    catches,
    command,
    environment,
    riverrun,
    wait_until,
    without_torn_imports,
)

pytestmark = pytest.mark.sockets
COMMANDS = {
    "demo": ["demo", "--plain", "--speed", "max", "--wire", "openai", "--fault", "reset"],
    "demo as JSON": ["demo", "--json", "--speed", "max", "--wire", "openai", "--fault", "reset"],
    "providers": ["providers"],
    "runs": ["runs", "--journal", "runs.db"],
    "replay": ["replay", "it.jsonl"],
    "simulate": ["simulate", "--scenario", "it.json"],
    "chat": ["chat", "-m", "openai/x", "--base-url", "http://127.0.0.1:9/v1", "Why?"],
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a journal that holds a run, a recording and a scenario."""
    folder = tmp_path_factory.mktemp("files")
    with Loopback(Reply(50, then="reset")) as server:
        kept = ["--journal", str(folder / "runs.db"), "--record", str(folder / "it.jsonl")]
        riverrun("chat", *server.flags(), "--attempts", "1", *kept, "Tell it.")
    (folder / "it.json").write_text(Scenario(answer=(Item("text", 3),)).to_json(), "utf-8")
    return folder


def said_to(shell: str, arguments: list[str], folder: Path) -> tuple[int, str]:
    """Run a command with this redirection; its exit code, and its standard error."""
    line = ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", *command(*arguments)]
    done = subprocess.run(
        line, cwd=folder, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment(), timeout=DEADLINE_S
    )
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "chat"])
def test_a_full_disk_is_exit_5(name: str, files: Path) -> None:
    code, err = said_to(">/dev/full", COMMANDS[name], files)
    assert (code, err.count("\n")) == (5, 2)
    assert err.startswith("riverrun: output: standard output: No space left on device\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_closed_standard_output_is_exit_5(name: str, files: Path) -> None:
    code, err = said_to(">&-", COMMANDS[name], files)
    assert (code, err.count("\n")) == (5, 2)
    assert err.startswith("riverrun: output: standard output is closed")


@pytest.mark.parametrize(("name", "is_told"), [("a/b.py", False), ("a/b.pyc", False), ("runs.db", True)])
def test_of_what_an_interrupt_leaves_open_only_a_module_is_not_told(name: str, is_told: bool) -> None:
    err = (
        f"Exception ignored in: <_io.FileIO name='{name}' mode='rb' closefd=True>\nTraceback (most recent call last):\n"
        f"  File \"x.py\", line 9, in f\nResourceWarning: unclosed file <_io.BufferedReader name='{name}'>\n"
    )
    last = "riverrun: interrupted\n"
    assert without_torn_imports(err + last) == (err + last if is_told else last)


def test_help_on_a_full_disk_is_exit_5(files: Path) -> None:
    assert said_to(">/dev/full", ["chat", "--help"], files)[0] == 5


# -- signals ------------------------------------------------------------------------------------------------------


@pytest.mark.crash
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_live_demo_shows_the_cursor_again_however_it_is_ended(number: signal.Signals) -> None:
    pty = pytest.importorskip("pty")
    controller, terminal = pty.openpty()
    arguments = command("demo", "--speed", "0.2")
    with subprocess.Popen(
        arguments, stdin=terminal, stdout=terminal, stderr=terminal, env=environment(TERM="xterm")
    ) as process:
        os.close(terminal)
        screen = os.read(controller, 65536)
        while b"\x1b[?25l" not in screen:
            screen += os.read(controller, 65536)
        process.send_signal(number)
        screen += rest_of(controller)
        assert process.wait(DEADLINE_S) == 128 + number
    assert screen.rindex(b"\x1b[?25h") > screen.rindex(b"\x1b[?25l")
    assert b"Traceback" not in screen


def rest_of(controller: int) -> bytes:
    """Read a terminal until whoever wrote to it has gone."""
    read = b""
    try:
        while data := os.read(controller, 65536):
            read += data
    except OSError:  # how Linux says so
        return read
    return read


@pytest.mark.crash
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks there for handlers")
@pytest.mark.parametrize("arguments", [["replay", "stall.jsonl", "--speed", "real"], ["simulate", "--runs", "1000000"]])
def test_a_termination_is_exit_143(arguments: list[str], tmp_path: Path) -> None:
    with Loopback(Reply(50, then="hold")) as server:
        record = ["--record", str(tmp_path / "stall.jsonl"), "--idle-s", "3", "--attempts", "1"]
        if arguments[0] == "replay":
            riverrun("chat", *server.flags(), *record, "Tell it.")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command(*arguments), cwd=tmp_path, stdout=pipe, stderr=pipe, env=environment(), bufsize=0
    ) as process:
        assert process.stdout is not None
        if arguments[0] == "replay":
            process.stdout.readline()  # it plays
        else:
            wait_until(lambda: catches(process.pid, signal.SIGTERM))  # nothing is said before its end
            time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        try:
            _, err = process.communicate(timeout=DEADLINE_S)
        finally:
            process.kill()  # leaving the block would wait for it
    assert (process.returncode, without_torn_imports(err.decode())) == (143, "riverrun: terminated\n")


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_ctrl_c_that_was_to_be_ignored_is_ignored() -> None:
    with Loopback(Reply(50, then="wait")) as server:
        line = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *command("chat", *server.flags(), "Why?")]
        with subprocess.Popen(
            line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment()
        ) as process:
            server.wait_asked()
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)
            server.release.set()
            assert process.wait(DEADLINE_S) == 0
