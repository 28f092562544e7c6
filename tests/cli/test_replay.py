"""`riverrun chat --record` and `riverrun replay`, over real sockets."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.loopback import ANSWER, DEADLINE_S, SECRET, Loopback, Reply, command, environment, riverrun, started

pytestmark = pytest.mark.sockets
PROMPT = "Tell me of the hippopotamus."
WIRES = pytest.mark.parametrize("wire", ["anthropic", "openai"])


def record(path: Path, *replies: Reply, wire: str = "anthropic", options: tuple[str, ...] = ()) -> str:
    """Ask and record; the text of the file."""
    with Loopback(*replies) as server:
        key = {"ANTHROPIC_API_KEY": SECRET, "OPENAI_API_KEY": SECRET}
        ended = riverrun("chat", *server.flags(wire), "--record", str(path), *options, PROMPT, **key)
    assert f"riverrun: recorded in {path}" in ended.err
    return path.read_text("utf-8")


@WIRES
def test_a_stall_is_recorded_and_replayed_as_a_stall_and_a_resumption(tmp_path: Path, wire: str) -> None:
    path = tmp_path / "stall.jsonl"
    record(path, Reply(50, then="hold"), Reply(), wire=wire, options=("--idle-s", "1.5"))
    ended = riverrun("replay", str(path))
    assert (ended.code, ended.err) == (0, "")
    for words in ("2 requests, its content replaced", "then the engine left", "idle stall; plan: continue the text"):
        assert words in ended.out
    assert f"finished: end_turn, {len(ANSWER)} characters, 2 attempts" in ended.out


@WIRES
def test_no_key_and_unasked_no_content_is_in_the_file(tmp_path: Path, wire: str) -> None:
    text = record(tmp_path / "it.jsonl", Reply(50, then="reset"), Reply(), wire=wire)
    assert not [word for word in (SECRET, "hippopotamus", "riverrun,", "bridge", "weir") if word in text]


def test_with_record_content_the_answer_is_replayed_letter_for_letter_without_the_key(tmp_path: Path) -> None:
    text = record(tmp_path / "it.jsonl", Reply(50, then="reset"), Reply(), options=("--record-content",))
    assert "hippopotamus" in text
    assert SECRET not in text
    ended = riverrun("replay", str(tmp_path / "it.jsonl"), "--json")
    events = [line["event"] for line in map(json.loads, ended.out.splitlines())]
    assert "".join(event["text"] for event in events if event["type"] == "TextDelta") == ANSWER


def test_more_patience_than_recorded_waits_for_ever_in_no_time_and_less_attempts_fail(tmp_path: Path) -> None:
    path = tmp_path / "it.jsonl"
    record(path, Reply(50, then="hold"), Reply(), options=("--idle-s", "1.5"))
    patient = riverrun("replay", str(path), "--idle-s", "3600")
    assert "3600" in patient.out
    assert patient.code == 0
    given_up = riverrun("replay", str(path), "--attempts", "1")
    assert (given_up.code, "failed: interrupted: " in given_up.out) == (1, True)


def test_real_speed_takes_the_time_it_took(tmp_path: Path) -> None:
    path = tmp_path / "it.jsonl"
    record(path, Reply(50, then="hold"), Reply(), options=("--idle-s", "1.5"))
    ended = riverrun("replay", str(path), "--speed", "real")
    assert float(ended.out.splitlines()[-1].split()[0]) >= 0.3
    assert ended.code == 0


def test_a_run_that_was_left_by_ctrl_c_is_replayed_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "it.jsonl"
    with (
        Loopback(Reply(50, then="hold")) as server,
        started("chat", *server.flags(), "--record", str(path), PROMPT) as running,
    ):
        running.read_out(50)
        assert running.end(signal.SIGINT).code == 130
    ended = riverrun("replay", str(path))
    assert (ended.code, ended.err) == (0, "")
    assert "request 2\n" in ended.out
    assert ended.out.endswith("nothing more was recorded: the run was left here, after 50 characters\n")
    as_json = riverrun("replay", str(path), "--json")
    assert json.loads(as_json.out.splitlines()[-1])["left"] is True


def test_an_answer_that_fails_is_recorded_too(tmp_path: Path) -> None:
    body = json.dumps({"type": "error", "error": {"type": "authentication_error", "message": f"bad key {SECRET}"}})
    text = record(tmp_path / "it.jsonl", Reply(status=401, body=body.encode()))
    assert SECRET not in text
    ended = riverrun("replay", str(tmp_path / "it.jsonl"), "--json")
    assert (ended.code, json.loads(ended.out.splitlines()[-1])["error"]) == (1, "Unauthorized")


@pytest.mark.skipif(sys.platform == "win32", reason="ulimit")
def test_a_recording_that_could_not_be_written_is_not_said_to_be(tmp_path: Path) -> None:
    with Loopback(Reply(anew="0123456789" * 5_000)) as server:
        asked = command("chat", *server.flags(), "--record", "it.jsonl", PROMPT)
        line = ["/bin/sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *asked]
        done = subprocess.run(line, input=b"", capture_output=True, cwd=tmp_path, env=environment(), timeout=DEADLINE_S)
    err = done.stderr.decode()
    assert (done.returncode, len(done.stdout)) == (5, 50_000)
    assert "riverrun: recording: it.jsonl could not be written: File too large" in err
    assert "the file holds a part, which can not be replayed" in err
    assert "recorded in" not in err


def test_what_can_not_be_recorded_or_replayed_is_said_and_nothing_is_asked(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    with Loopback(Reply()) as server:
        taken = riverrun("chat", *server.flags(), "--record", str(tmp_path / "there"), PROMPT)
        alone = riverrun("chat", *server.flags(), "--record-content", PROMPT)
        assert not server.asked
    assert (taken.code, "expected the name of a new file" in taken.err) == (2, True)
    assert (alone.code, "give --record FILE too" in alone.err) == (2, True)
    unreadable = riverrun("replay", str(tmp_path / "there"))
    assert (unreadable.code, "line 1: 1 characters that are not JSON" in unreadable.err) == (2, True)
