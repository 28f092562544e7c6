"""`riverrun resume` and `riverrun runs`, run for real: killed, interrupted and taken over, an answer stays whole."""

from __future__ import annotations

import shlex
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.loopback import ANSWER, DEADLINE_S, SECRET, Ended, Loopback, Reply, riverrun, started, wait_until

pytestmark = [pytest.mark.sockets, pytest.mark.crash]
WIRES = pytest.mark.parametrize("wire", ["anthropic", "openai"])


@pytest.fixture
def journal(tmp_path: Path) -> str:
    return str(tmp_path / "my runs.db")


def kill_after(server: Loopback, chars: int, journal: str, *options: str, by: int = signal.SIGKILL) -> Ended:
    """Ask, and end the process once it has printed `chars` characters. The server says nothing after them."""
    server.then_reply(Reply(chars, then="hold"), Reply())
    arguments = ["chat", *server.flags(), "--journal", journal, "--run-id", "tale", *options, "Tell it."]
    with started(*arguments) as running:
        assert running.read_out(chars) == ANSWER[:chars]
        return running.end(by)


@pytest.mark.parametrize("chars", [1, 47, len(ANSWER)])
def test_a_killed_answer_is_resumed_whole(chars: int, journal: str) -> None:
    with Loopback(Reply()) as server:
        killed = kill_after(server, chars, journal)
        resumed = riverrun("resume", "tale", "--journal", journal, *server.where())
    assert (killed.code, killed.out) == (-signal.SIGKILL, ANSWER[:chars])
    assert (resumed.code, resumed.out) == (0, ANSWER)


@WIRES
def test_a_run_killed_again_and_again_is_whole_in_the_end(wire: str, journal: str) -> None:
    with Loopback(Reply(45, then="hold")) as server:
        with started("chat", *server.flags(wire), "--journal", journal, "Tell it.") as running:
            running.read_out(45)
            running.end(signal.SIGKILL)
        for chars in (60, 90):
            with started("resume", "--journal", journal, *server.where(wire)) as running:
                assert ANSWER.startswith(running.read_out(chars))
                running.end(signal.SIGKILL)
        server.then_reply(Reply())
        ended = riverrun("resume", "--journal", journal, *server.where(wire))
    assert (ended.code, ended.out) == (0, ANSWER)


def test_an_answer_that_ended_unread_is_had_again_without_asking(journal: str, tmp_path: Path) -> None:
    long = "0123456789" * 20_000  # more than a pipe holds: the rest waits in the process that is killed
    with Loopback(Reply(anew=long)) as server:
        with started("chat", *server.flags(), "--journal", journal, "Tell it.") as running:
            running.read_out(1)
            wait_until(lambda: any(b"AnswerEnded" in path.read_bytes() for path in tmp_path.iterdir()))
            running.end(signal.SIGKILL)
        resumed = riverrun("resume", "--journal", journal, *server.where())
    assert (resumed.code, resumed.out == long, len(server.asked)) == (0, True, 1)


def test_a_reader_who_goes_away_leaves_the_run_to_be_resumed(journal: str) -> None:
    with Loopback(Reply(50, then="wait"), Reply()) as server:
        with started("chat", *server.flags(), "--journal", journal, "Tell it.") as running:
            running.read_out(50)
            running.close_out()
            server.release.set()
            code = running.process.wait(DEADLINE_S)
        assert (code, riverrun("resume", "--journal", journal, *server.where()).out) == (141, ANSWER)


def test_resume_leaves_out_what_the_reader_has(journal: str) -> None:
    with Loopback(Reply()) as server:
        kill_after(server, 50, journal)
        resumed = riverrun("resume", "tale", "--journal", journal, *server.where(), "--from-char", "50")
        assert resumed.out == ANSWER[50:]


def test_more_characters_than_are_stored_can_not_be_left_out(journal: str) -> None:
    with Loopback(Reply()) as server:
        kill_after(server, 50, journal)
        refused = riverrun("resume", "tale", "--journal", journal, *server.where(), "--from-char", "51")
        assert refused.code == 2
        assert "--from-char is 51; expected at most 50" in refused.err
        assert riverrun("resume", "--journal", journal, *server.where()).out == ANSWER


def test_ctrl_c_prints_the_command_that_goes_on(journal: str) -> None:
    with Loopback(Reply()) as server:
        ended = kill_after(server, 50, journal, by=signal.SIGINT)
        hint = next(line for line in ended.err.splitlines() if "go on with: " in line)
        name, *arguments = shlex.split(hint.partition("go on with: ")[2])
        resumed = riverrun(*arguments)
    assert (ended.code, name, resumed.code, resumed.out) == (130, "riverrun", 0, ANSWER)


def test_the_run_and_its_journal_are_named_at_the_start(journal: str) -> None:
    with Loopback(Reply()) as server:
        ended = riverrun("chat", *server.flags(), "--journal", journal, "--run-id", "tale", "Tell it.")
    assert ended.err.startswith(f"riverrun: run tale, journal {journal}\n")


def test_a_whole_answer_leaves_nothing_behind(journal: str) -> None:
    with Loopback(Reply()) as server:
        riverrun("chat", *server.flags(), "--journal", journal, "Tell it.")
        kill_after(server, 50, journal)
        riverrun("resume", "--journal", journal, *server.where())
    with sqlite3.connect(journal) as connection:
        counts = connection.execute("SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM entries)").fetchone()
    connection.close()
    assert counts == (0, 0)


def test_runs_lists_what_is_unfinished(journal: str) -> None:
    with Loopback(Reply()) as server:
        kill_after(server, 50, journal)
        listed = riverrun("runs", "--journal", journal)
        riverrun("resume", "--journal", journal, *server.where())
        after = riverrun("runs", "--journal", journal)
    assert listed.out.split("\t")[:3] == ["tale", "anthropic/claude-sonnet-4-5", "50 characters"]
    assert (listed.code, after.code, after.out) == (0, 0, "")


def damage_one(journal: str, of: str) -> None:
    """Store two runs, "one" and "two", and spoil a byte of one entry of this journal."""
    with Loopback(Reply(status=401, body=b"{}")) as server:
        for name in ("one", "two"):
            riverrun("chat", *server.flags(), "--journal", journal, "--run-id", name, "Tell it.")
    with closing(sqlite3.connect(journal)) as connection, connection:
        spoilt = "UPDATE entries SET entry = x'7b' WHERE run = (SELECT id FROM runs WHERE CAST(name AS TEXT) = ?)"
        assert connection.execute(spoilt, (of,)).rowcount > 0


@pytest.mark.parametrize("of", ["one", "one/request"])
def test_a_damaged_run_is_told_and_hides_no_other(of: str, journal: str) -> None:
    damage_one(journal, of)
    listed = riverrun("runs", "--journal", journal)
    first, second = listed.out.splitlines()
    assert (listed.code, listed.err) == (4, "")
    assert first.startswith("one\t")
    assert first.endswith("damaged, it can not be resumed: entry 0 is missing or not what was written")
    assert second.startswith("two\tanthropic/claude-sonnet-4-5\t0 characters\t")


@pytest.mark.parametrize("of", ["one", "one/request"])
@pytest.mark.parametrize("command", [["resume", "one"], ["chat", "-m", "openai/x", "--run-id", "one", "Tell it."]])
def test_a_damaged_run_is_given_up_and_not_its_journal(of: str, command: list[str], journal: str) -> None:
    damage_one(journal, of)
    refused = riverrun(*command, "--journal", journal, ANTHROPIC_API_KEY=SECRET, OPENAI_API_KEY=SECRET)
    assert (refused.code, refused.out) == (4, "")
    assert "is damaged: entry 0 is missing" in refused.err
    assert "ask again under another --run-id" in refused.err
    assert not [advice for advice in ("go on with", "move", "away") if advice in refused.err]


def test_listing_does_not_disturb_a_run_under_way(journal: str) -> None:
    with (
        Loopback(Reply(50, then="wait")) as server,
        started("chat", *server.flags(), "--journal", journal, "Tell it.") as running,
    ):
        running.read_out(50)
        assert "50 characters" in riverrun("runs", "--journal", journal).out
        server.release.set()
        ended = running.end()
    assert (ended.code, ended.out) == (0, ANSWER)


def test_a_run_that_is_taken_over_stops_and_says_so(journal: str) -> None:
    with (
        Loopback(Reply(50, then="wait"), Reply()) as server,
        started("chat", *server.flags(), "--journal", journal, "Tell it.") as running,
    ):
        running.read_out(50)
        assert riverrun("resume", "--journal", journal, *server.where()).out == ANSWER
        server.release.set()
        ended = running.end()
    assert (ended.code, ended.out) == (4, ANSWER[:50])
    assert "riverrun: journal: " in ended.err
    assert "another process has taken this run over; leave it to that one" in ended.err
    assert "go on with" not in ended.err


def test_a_failed_run_can_be_resumed_when_the_provider_is_back(journal: str) -> None:
    with Loopback(Reply(50, then="reset")) as server:
        asked = ["chat", *server.flags(), "--attempts", "1", "--journal", journal, "--run-id", "tale", "Tell it."]
        failed = riverrun(*asked)
        server.then_reply(Reply())
        resumed = riverrun("resume", "--journal", journal, *server.where())
    assert (failed.code, failed.out) == (1, ANSWER[:50])
    assert "go on with: riverrun resume tale --journal " in failed.err
    assert (resumed.code, resumed.out) == (0, ANSWER)


def test_a_question_that_can_not_succeed_is_not_kept(journal: str) -> None:
    with Loopback(Reply(status=400, body=b'{"error":{"type":"invalid_request_error"}}')) as server:
        ended = riverrun("chat", *server.flags(), "--journal", journal, "Tell it.")
    assert (ended.code, riverrun("runs", "--journal", journal).out) == (1, "")
    assert "its journal is deleted" in ended.err


def test_the_question_is_kept_and_the_key_is_not(journal: str, tmp_path: Path) -> None:
    with Loopback(Reply(50, then="hold")) as server:
        arguments = [
            "chat",
            *server.flags(),
            "--api-key-env",
            "MY_KEY",
            "--system",
            "Terse.",
            "--journal",
            journal,
            "Go.",
        ]
        with started(*arguments, MY_KEY=SECRET) as running:
            running.read_out(50)
            running.end(signal.SIGKILL)
        stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
        server.then_reply(Reply())
        riverrun("resume", "--journal", journal, *server.where(), "--api-key-env", "MY_KEY", MY_KEY=SECRET)
        first, second = server.asked
    assert SECRET.encode() not in stored
    assert first[1]["x-api-key"] == second[1]["x-api-key"] == SECRET
    assert first[2]["system"] == second[2]["system"]


def test_the_same_id_with_another_question_is_refused(journal: str) -> None:
    with Loopback(Reply()) as server:
        kill_after(server, 50, journal)
        asked = ["chat", *server.flags(), "--journal", journal, "--run-id", "tale"]
        other = riverrun(*asked, "Tell something else.")
        again = riverrun(*asked, "Tell it.")
    assert (other.code, other.out) == (2, "")
    assert "with another question" in other.err
    assert (again.code, again.out) == (0, ANSWER)


def test_an_unknown_run_lists_those_that_exist(journal: str) -> None:
    with Loopback(Reply()) as server:
        kill_after(server, 50, journal)
    ended = riverrun("resume", "tail", "--journal", journal)
    assert (ended.code, ended.out) == (2, "")
    assert "run 'tail' is not in the journal: it holds tale" in ended.err


def test_without_an_id_there_has_to_be_one_run(journal: str) -> None:
    with Loopback(Reply(status=401, body=b"{}")) as server:
        for name in ("one", "two"):
            riverrun("chat", *server.flags(), "--journal", journal, "--run-id", name, "Tell it.")
    ended = riverrun("resume", "--journal", journal)
    assert ended.code == 2
    assert "it holds one, two" in ended.err


@pytest.mark.parametrize("command", ["resume", "runs"])
def test_a_journal_that_is_not_there_is_not_made(command: str, journal: str) -> None:
    ended = riverrun(command, "--journal", journal)
    assert (ended.code, ended.out, Path(journal).exists()) == (2, "", False)


@pytest.mark.parametrize(
    "command", [["resume"], ["runs"], ["chat", "-m", "openai/x", "--base-url", "http://[::1]/v1", "Q"]]
)
def test_a_file_that_is_no_journal_is_refused_untouched(command: list[str], journal: str) -> None:
    Path(journal).write_bytes(b"my diary, which is no database at all\n" * 100)
    ended = riverrun(*command, "--journal", journal)
    assert (ended.code, ended.out) == (4, "")
    assert ended.err.startswith("riverrun: ")
    assert "riverrun: journal: " in ended.err
    assert Path(journal).read_bytes().startswith(b"my diary")


def test_a_run_that_could_not_be_stored_promises_no_resuming(tmp_path: Path) -> None:
    ended = riverrun(
        "chat", "-m", "openai/x", "--journal", str(tmp_path / "no" / "runs.db"), "Q", OPENAI_API_KEY=SECRET
    )
    assert (ended.code, ended.out) == (4, "")
    assert "resume" not in ended.err


@pytest.mark.parametrize("run_id", ["", "-x", "a b", "a/request", "x" * 101, "é"])
def test_a_run_id_is_easy_to_type(run_id: str, journal: str) -> None:
    ended = riverrun("chat", "-m", "openai/x", "--journal", journal, f"--run-id={run_id}", "Q", OPENAI_API_KEY=SECRET)
    assert (ended.code, Path(journal).exists()) == (2, False)
