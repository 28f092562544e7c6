"""A client under test runs in a process of its own: it is asked, cut when it hangs, and gone when we are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from riverrun.engine.bench.judging.judge import Call
from riverrun.engine.bench.running.environments import Prepared
from riverrun.engine.bench.running.peers import CHAT, CLIENTS, Peer
from riverrun.engine.bench.running.worker_process import Reply, Worker, WorkerBroken

WELL = """
DISTRIBUTION = "httpx"

def complete(ask, say):
    print("a library that prints")
    say("text", "lost")
    say("reset")
    for word in ask["words"]:
        say("text", word)
    return {"stop": ask.get("stop", "stop"), "calls": [["read_gauge", "{}", "call_1"]]}
"""
RAISES = """
async def complete(ask, say):
    say("text", "At 10")
    raise ConnectionError("reset")
"""
HANGS = """
import time

def complete(ask, say):
    say("text", "At 10")
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            pass
"""
DIES = "import os\ndef complete(ask, say):\n    os._exit(3)\n"


def prepared(folder: Path, source: str) -> Prepared:
    path = folder / "adapter.py"
    path.write_text(source, encoding="utf-8")
    return Prepared(Peer("planted", "", CHAT, str(path)))


async def asked(folder: Path, source: str, *, seconds: float = 30.0, **ask: object) -> tuple[Reply, Worker]:
    worker = Worker(prepared(folder, source))
    try:
        await worker.start()
        reply = await worker.ask({"words": ["At ", "10:42"], **ask}, seconds=seconds)
        return reply, worker
    finally:
        await worker.aclose()


async def test_what_a_client_says_and_returns_is_what_its_caller_was_given(tmp_path: Path) -> None:
    reply, worker = await asked(tmp_path, WELL)
    assert (reply.given.text, reply.given.whole, reply.given.said) == ("At 10:42", True, "")
    assert (reply.given.calls, reply.ids) == ((Call("read_gauge", "{}"),), ("call_1",))
    assert [moment.kind for moment in reply.given.moments] == ["text", "reset", "text", "text", "end"]
    assert worker.version.startswith("0.")


@pytest.mark.parametrize("stop", ["length", "max_tokens", "MAX_TOKENS", "content_filter", "incomplete"])
async def test_a_finish_word_that_says_it_is_cut_is_no_success(tmp_path: Path, stop: str) -> None:
    reply, _ = await asked(tmp_path, WELL, stop=stop)
    assert (reply.given.whole, reply.given.said) == (False, f"stop: {stop}")


async def test_what_a_client_raises_is_what_its_caller_was_told(tmp_path: Path) -> None:
    reply, _ = await asked(tmp_path, RAISES)
    assert (reply.given.text, reply.given.whole, reply.given.said) == ("At 10", False, "ConnectionError: reset")


async def test_a_client_that_hangs_is_cut_and_its_process_killed(tmp_path: Path) -> None:
    reply, worker = await asked(tmp_path, HANGS, seconds=0.5)
    assert (reply.timed_out, reply.given.text, reply.given.whole) == (True, "At 10", False)
    assert not worker.is_running


async def test_a_worker_that_was_killed_can_be_started_anew(tmp_path: Path) -> None:
    worker = Worker(prepared(tmp_path, HANGS))
    await worker.start()
    assert (await worker.ask({}, seconds=0.3)).timed_out
    await worker.aclose()
    await worker.start()
    assert worker.is_running
    await worker.aclose()


async def test_a_process_that_ends_by_itself_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkerBroken, match="ended"):
        await asked(tmp_path, DIES)


async def test_a_client_that_can_not_be_imported_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkerBroken, match="No module named 'not_there'"):
        await asked(tmp_path, "import not_there\n")


async def test_a_cancelled_ask_leaves_no_process(tmp_path: Path) -> None:
    worker = Worker(prepared(tmp_path, HANGS))
    await worker.start()
    with trio.move_on_after(0.3) as scope:
        try:
            await worker.ask({}, seconds=60)
        finally:
            await worker.aclose()
    assert scope.cancelled_caught
    assert not worker.is_running


def test_a_hung_client_ends_when_who_started_it_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "adapter.py"
    path.write_text(HANGS, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-P", str(CLIENTS / "worker.py"), str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"id": 1, "ask": {}}\n')
        process.stdin.flush()
        assert b"ready" in process.stdout.readline()
        assert b"At 10" in process.stdout.readline()
        process.stdin.close()
        assert process.wait(10) == 0


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C goes another way there")
def test_ctrl_c_is_left_to_who_started_it(tmp_path: Path) -> None:
    path = tmp_path / "adapter.py"
    path.write_text(WELL, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-P", str(CLIENTS / "worker.py"), str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert b"ready" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.stdin.write(b'{"id": 1, "ask": {"words": []}}\n')
        process.stdin.flush()
        assert b'"id": 1' in process.stdout.readline()
        process.stdin.close()
        assert process.wait(10) == 0
