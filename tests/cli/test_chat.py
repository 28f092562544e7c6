"""`riverrun chat`, run for real against a provider on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from riverrun import StallPolicy
from riverrun.engine.cli.policy_options import stall_after
from tests.cli.loopback import (
    ANSWER,
    DEADLINE_S,
    SECRET,
    Loopback,
    Reply,
    Running,
    command,
    environment,
    riverrun,
    started,
)

pytestmark = pytest.mark.sockets
WIRES = pytest.mark.parametrize("wire", ["anthropic", "openai"])
RATE_LIMIT = Reply(status=429, headers={"retry-after": "60"}, body=b'{"error":{"type":"rate_limit_error"}}')


@WIRES
def test_an_answer_goes_to_stdout_letter_for_letter(wire: str) -> None:
    with Loopback(Reply()) as server:
        ended = riverrun("chat", *server.flags(wire), "Tell it.")
    assert (ended.code, ended.out) == (0, ANSWER)
    assert ended.err.startswith("riverrun: done: 1 attempt, ")


@WIRES
def test_a_cut_answer_is_whole_and_the_cut_is_told_on_stderr(wire: str) -> None:
    with Loopback(Reply(50, then="reset"), Reply()) as server:
        ended = riverrun("chat", *server.flags(wire), "Tell it.")
    assert (ended.code, ended.out) == (0, ANSWER)
    for words in ("interrupted: ", "plan: continue the text", "attempt 2 of 3 in ", "resumed: attempt 2", "2 attempts"):
        assert words in ended.err


def test_a_silent_provider_is_a_stall_and_the_answer_goes_on() -> None:
    with Loopback(Reply(50, then="hold"), Reply()) as server:
        ended = riverrun("chat", *server.flags(), "--idle-s", "1", "Tell it.")
    assert (ended.code, ended.out) == (0, ANSWER)
    assert "interrupted: idle stall" in ended.err


def test_a_server_that_never_answers_is_a_stall_after_as_many_seconds() -> None:
    with Loopback(Reply(status=0, then="hold"), Reply()) as server:
        ended = riverrun("chat", *server.flags(), "--idle-s", "1", "Tell it.")
    assert (ended.code, ended.out) == (0, ANSWER)
    assert re.search(r"attempt 2 of 3 in 0(\.\d+)? s \(headers stall\)", ended.err)  # half a second, less by chance


@pytest.mark.parametrize(("idle_s", "headers_s", "first_event_s"), [(1, 1, 1), (90, 120, 180), (900, 900, 900)])
def test_idle_s_is_for_every_silence_and_more_patience_shortens_no_clock(
    idle_s: float, headers_s: float, first_event_s: float
) -> None:
    stall = stall_after(StallPolicy(), idle_s)
    assert (stall.idle_s, stall.headers_s, stall.first_event_s) == (idle_s, headers_s, first_event_s)
    assert stall.first_event_s_max == max(idle_s, 600)


def test_quiet_says_nothing_but_the_answer() -> None:
    with Loopback(Reply(50, then="reset"), Reply()) as server:
        ended = riverrun("chat", *server.flags(), "-q", "Tell it.")
    assert (ended.code, ended.out, ended.err) == (0, ANSWER, "")


def test_json_lines_are_the_events_and_nothing_else() -> None:
    with Loopback(Reply(50, then="reset"), Reply()) as server:
        ended = riverrun("chat", *server.flags(), "--json", "Tell it.")
    events = [json.loads(line) for line in ended.out.splitlines()]
    assert "".join(event["text"] for event in events if event["type"] == "TextDelta") == ANSWER
    assert {"Interrupted", "RetryScheduled", "Resumed"} <= {event["type"] for event in events}
    assert (events[-1]["type"], events[-1]["result"]["stop_reason"], ended.err) == ("Finished", "end_turn", "")


def test_reasoning_is_shown_on_stderr_when_asked_for() -> None:
    with Loopback(Reply(thought="Which river?")) as server:
        shown = riverrun("chat", *server.flags(), "--show-reasoning", "Tell it.")
        hidden = riverrun("chat", *server.flags(), "Tell it.")
    assert shown.err.startswith("Which river?\n")
    assert shown.out == hidden.out == ANSWER
    assert "Which river?" not in hidden.err


def test_a_model_that_starts_over_is_told_and_begins_on_a_new_line() -> None:
    another = f"{ANSWER[:80]}but this time otherwise."
    with Loopback(Reply(98, then="reset"), Reply(anew=another)) as server:
        ended = riverrun("chat", *server.flags("openai"), "Tell it.")
    assert (ended.code, ended.out) == (0, f"{ANSWER[:98]}\n{another}")
    assert "the answer begins anew (the model started over)" in ended.err


def test_a_file_holds_one_beginning_and_what_stood_in_it_before(tmp_path: Path) -> None:
    another, path = f"{ANSWER[:80]}but this time otherwise.", tmp_path / "answer.txt"
    path.write_text("before\n", "utf-8")
    with Loopback(Reply(98, then="reset"), Reply(anew=another)) as server:
        line = ["/bin/sh", "-c", 'exec "$@" >>answer.txt', "sh", *command("chat", *server.flags("openai"), "Tell it.")]
        done = subprocess.run(
            line, input=b"", stderr=subprocess.PIPE, cwd=tmp_path, env=environment(), timeout=DEADLINE_S
        )
    assert (done.returncode, path.read_text("utf-8")) == (0, f"before\n{another}")
    assert b"was taken back from the file" in done.stderr


@pytest.mark.parametrize(("finish", "code"), [("length", 6), ("content_filter", 6), ("tool_calls", 6), ("stop", 0)])
def test_whole_only_tells_an_answer_that_did_not_end_by_itself(finish: str, code: int) -> None:
    lines = [{"delta": {"content": "Once"}, "finish_reason": None}, {"delta": {}, "finish_reason": finish}]
    chunks = [f"data: {json.dumps({'id': 'c', 'choices': [{'index': 0, **line}]})}\n\n" for line in lines]
    with Loopback(Reply(body="".join([*chunks, "data: [DONE]\n\n"]).encode())) as server:
        asked = ["chat", *server.flags("openai"), "-q", "Tell it."]
        plain, strict = riverrun(*asked), riverrun(*asked, "--whole-only")
    assert (plain.code, plain.out, strict.code, strict.out) == (0, "Once", code, "Once")
    assert ("the answer stopped: " in plain.err) == (code == 6)


# -- the question -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argument", "stdin", "asked"),
    [
        (["Why?"], None, "Why?"),
        ([], "From stdin.", "From stdin."),
        (["-"], "From stdin.", "From stdin."),
        (["Review:"], "diff\n", "Review:\n\ndiff\n"),
    ],
)
def test_the_prompt_is_the_argument_and_what_is_piped_in(argument: list[str], stdin: str | None, asked: str) -> None:
    with Loopback(Reply()) as server:
        riverrun("chat", *server.flags("openai"), *argument, stdin=stdin)
        ((_, _, body),) = server.asked
    assert body["messages"][-1]["content"] == asked


def test_the_options_of_the_question_arrive_at_the_provider() -> None:
    with Loopback(Reply()) as server:
        options = ["--system", "Be terse.", "--max-tokens", "77", "--temperature", "0.5"]
        riverrun("chat", *server.flags("openai"), *options, "Why?")
        ((path, _, body),) = server.asked
    assert (path, body["temperature"]) == ("/v1/chat/completions", 0.5)
    assert 77 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert body["messages"][0]["content"] == "Be terse."


@pytest.mark.parametrize("stdin", [b"", b"  \n", b"\xff\xfe"])
def test_a_prompt_that_says_nothing_is_bad_usage(stdin: bytes) -> None:
    ended = riverrun("chat", "-m", "openai/x", stdin=stdin, OPENAI_API_KEY=SECRET)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("riverrun: usage: ")


def test_an_open_pipe_that_says_nothing_is_told_of() -> None:
    with Loopback(Reply()) as server:
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command("chat", *server.flags(), "Why?"), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, env=environment()
        ) as process:
            running = Running(process)
            running.read_err("--no-stdin or </dev/null")
            assert running.end().out == ANSWER


def test_no_stdin_does_not_wait_for_a_pipe() -> None:
    with Loopback(Reply()) as server:
        arguments = command("chat", *server.flags(), "--no-stdin", "Why?")
        with subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        ) as process:
            assert process.wait(DEADLINE_S) == 0
    alone = riverrun("chat", "-m", "openai/x", "--no-stdin", stdin="Why?", OPENAI_API_KEY=SECRET)
    assert (alone.code, "the prompt is empty; give it as an argument\n" in alone.err) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "name"), [([b"caf\xe9"], "the prompt"), ([b"--system", b"caf\xe9", b"Why?"], "--system")]
)
def test_an_argument_that_is_not_utf_8_is_refused(arguments: list[bytes], name: str) -> None:
    asked = [*map(os.fsencode, command("chat", "-m", "openai/x")), *arguments]
    done = subprocess.run(
        asked, input=b"", capture_output=True, env=environment(OPENAI_API_KEY=SECRET), timeout=DEADLINE_S
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert f"{name} is not UTF-8 at character 3; expected UTF-8 text" in done.stderr.decode()


# -- keys and addresses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("provider", "variable"), [("anthropic", "ANTHROPIC_API_KEY"), ("openai", "OPENAI_API_KEY")])
def test_a_missing_key_names_the_variable(provider: str, variable: str) -> None:
    ended = riverrun("chat", "-m", f"{provider}/x", "Why?")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("riverrun: key: ")
    assert f"has no key: set {variable} in the environment" in ended.err


def test_a_variable_that_is_named_and_not_set_is_refused_on_this_machine_too() -> None:
    with Loopback(Reply()) as server:
        ended = riverrun("chat", *server.flags(), "--api-key-env", "NOPE", "Why?")
        assert not server.asked
    assert (ended.code, "NOPE is not set in the environment" in ended.err) == (3, True)


@pytest.mark.parametrize("tail", ["\n", " x", "\r"])
def test_a_key_with_a_line_break_is_refused_and_not_shown(tail: str) -> None:
    ended = riverrun("chat", "-m", "anthropic/x", "Why?", ANTHROPIC_API_KEY=SECRET + tail)
    assert ended.code == 3
    assert "ANTHROPIC_API_KEY holds " in ended.err
    assert SECRET not in ended.err


def test_a_key_given_as_the_name_of_a_variable_is_refused_and_not_shown() -> None:
    ended = riverrun("chat", "-m", "anthropic/x", "--api-key-env", SECRET, "Why?")
    assert ended.code == 2
    assert SECRET not in ended.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-m", "openai/x", "--base-url", "localhost:8000/v1"], "has no scheme"),
        (["-m", "openai/x", "--base-url", "http://example.com/v1"], "not encrypted"),
        (["-m", "nobody/x"], "names no provider"),
        (["-m", "gpt-4"], "names no provider"),
        (["-m", "openai/"], "--model is empty"),
        (["-m", "openai/x", "--attempts", "0"], "--attempts: '0'; expected a whole number"),
        (["-m", "openai/x", "--idle-s", "nan"], "--idle-s: 'nan'; expected a number of seconds above 0"),
        (["-m", "openai/x", "--max-tokens", "0"], "--max-tokens: '0'; expected"),
        (["-m", "openai/x", "--idle-s", "0"], "--idle-s: '0'; expected a number of seconds above 0"),
        (["-m", "openai/x", "--run-id", "a"], "--journal"),
        (["-m", "openai/x", "--base-url", "http://example.com/v1"], "a host on this machine, or --allow-insecure"),
        (["-m", "openai/x", "--base-url", "https://me@example.com/v1"], "put the key into the environment (--api-key"),
        (["-m", "openai/o3-pro"], "take -m openai-responses/MODEL"),
        (["-m", "openai/text-embedding-3-small"], "expected one that chats\n"),
        (["-m", "azure/x"], "set AZURE_OPENAI_ENDPOINT in the environment, or give --base-url"),
        (["-m", "openai/x", "--journal", ":memory:"], "expected the name of a file\n"),
        (["-m", "openai/x", "--journal", ""], "expected the name of a file\n"),
        (["-m", "openai/x", "--record", ""], "--record is ''; expected the name of a new file"),
        (["-m", "openai/x", "--temperature", "inf"], "no finite number"),
    ],
)
def test_what_can_not_work_is_said_in_one_line(arguments: list[str], words: str) -> None:
    ended = riverrun("chat", *arguments, "Why?", OPENAI_API_KEY=SECRET)
    assert (ended.code, ended.out) == (2, "")
    assert words in ended.err
    assert "Traceback" not in ended.err
    assert not re.search(r"[a-z]+_[a-z]+=|what to do: see: riverrun --help", ended.err)


# -- failures -----------------------------------------------------------------------------------------------------


@WIRES
def test_a_refused_key_is_told_and_shown_nowhere(wire: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("journal")
    body = json.dumps({"error": {"type": "authentication_error", "message": f"wrong key {SECRET}"}}).encode()
    keys = {"ANTHROPIC_API_KEY": SECRET, "OPENAI_API_KEY": SECRET}
    with Loopback(Reply(status=401, body=body)) as server:
        ended = riverrun("chat", *server.flags(wire), "--journal", str(folder / "runs.db"), "Why?", **keys)
        assert SECRET in str(server.asked[0][1])
    assert ended.code == 3
    assert "riverrun: unauthorized: " in ended.err
    assert SECRET not in ended.out + ended.err
    assert all(SECRET.encode() not in path.read_bytes() for path in folder.iterdir())


def test_an_unplugged_server_is_exit_1_and_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    flags = ["-m", "anthropic/x", "--base-url", f"http://127.0.0.1:{port}", "--attempts", "1"]
    ended = riverrun("chat", *flags, "Why?")
    assert (ended.code, ended.out) == (1, "")
    assert "what to do: check the network and --base-url" in ended.err
    assert "Traceback" not in ended.err
    assert not re.search(r"[a-z]+_[a-z]+=|what to do: see: riverrun --help", ended.err)


@pytest.mark.parametrize(
    ("reply", "code", "kind"),
    [
        (Reply(headers={"content-type": "text/html"}, body=b"<html>Log in</html>"), 1, "provider"),
        (Reply(status=404, body=b'{"error":{"type":"not_found_error"}}'), 1, "model not found"),
        (Reply(status=429, body=b'{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}'), 3, "quota"),
        (RATE_LIMIT, 1, "rate limited"),
        (Reply(status=400, body=b'{"error":{"type":"invalid_request_error"}}'), 1, "invalid request"),
    ],
)
def test_an_error_response_has_its_kind_and_exit_code(reply: Reply, code: int, kind: str) -> None:
    with Loopback(reply) as server:
        ended = riverrun("chat", *server.flags(), "--attempts", "1", "Why?")
    assert (ended.code, ended.out) == (code, "")
    assert ended.err.startswith(f"riverrun: {kind}: ")
    assert "riverrun: what to do: " in ended.err


def test_attempts_that_are_used_up_leave_the_partial_text_on_stdout() -> None:
    with Loopback(Reply(50, then="reset")) as server:
        ended = riverrun("chat", *server.flags(), "--attempts", "1", "Why?")
    assert (ended.code, ended.out) == (1, ANSWER[:50])
    assert "with --journal FILE it could be resumed" in ended.err


# -- signals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_streaming_says_what_was_received(number: signal.Signals, code: int) -> None:
    with Loopback(Reply(50, then="hold")) as server, started("chat", *server.flags(), "Why?") as running:
        assert running.read_out(50) == ANSWER[:50]
        ended = running.end(number)
    assert (ended.code, ended.out) == (code, ANSWER[:50])
    assert f"interrupted ({number.name}): 50 characters received in 1 attempt\n" in ended.err
    assert "with --journal FILE it could be resumed" in ended.err


def test_a_signal_while_opening_ends_the_run() -> None:
    with Loopback(Reply(status=0, then="hold")) as server, started("chat", *server.flags(), "Why?") as running:
        server.wait_asked()
        ended = running.end(signal.SIGINT)
    assert (ended.code, ended.out) == (130, "")
    assert "0 characters received" in ended.err


def test_a_signal_while_backing_off_ends_the_run() -> None:
    with Loopback(RATE_LIMIT) as server, started("chat", *server.flags(), "Why?") as running:
        running.read_err("attempt 2 of 8 in ")  # a rate limit has a budget of its own; 60 s, or more by chance
        ended = running.end(signal.SIGINT)
    assert (ended.code, ended.out) == (130, "")


def test_a_further_signal_kills_at_once_even_if_nobody_reads() -> None:
    flood, sent = Reply(body=b"".join(_long_answer()), then="hold"), 0
    with Loopback(flood) as server, started("chat", *server.flags("openai"), "Why?") as running:
        running.read_out(1000)  # then the pipe fills up, and the command waits for us
        while running.process.poll() is None and sent < 100:
            running.process.send_signal(signal.SIGINT)
            sent += 1
            with suppress(subprocess.TimeoutExpired):
                running.process.wait(0.2)
    assert (running.process.returncode, sent > 1) == (-signal.SIGINT, True)


def _long_answer() -> list[bytes]:
    choice = {"index": 0, "delta": {"content": "0123456789" * 100}, "finish_reason": None}
    return [f"data: {json.dumps({'id': 'c', 'choices': [choice]})}\n\n".encode()] * 400


def test_a_reader_who_goes_away_ends_the_command_quietly() -> None:
    with Loopback(Reply(body=b"".join(_long_answer()), then="hold")) as server:
        arguments = command("chat", *server.flags("openai"), "Why?")
        with subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(10)
            process.stdout.close()
            assert (process.wait(DEADLINE_S), process.stderr.read()) == (141, b"")


def test_a_full_disk_is_an_error_of_its_own() -> None:
    with Loopback(Reply()) as server, open("/dev/full", "wb") as full:
        arguments = command("chat", *server.flags(), "Why?")
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=DEADLINE_S,
        )
    assert done.returncode == 5
    assert done.stderr.startswith(b"riverrun: output: ")
