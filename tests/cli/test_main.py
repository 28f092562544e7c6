"""The command itself: its help, its version, its exit codes, and what it prints where."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest

import riverrun as library
from riverrun.engine.cli import main
from riverrun.engine.cli.complaint import complaint_of
from riverrun.engine.cli.demo import options as demo_options
from riverrun.engine.cli.demo.command import SHOW_SEED
from riverrun.engine.cli.demo.show import MODELS
from riverrun.engine.cli.exit_codes import ExitCode
from riverrun.engine.cli.output import Printer
from riverrun.engine.cli.simulate import defaults as simulate_defaults
from riverrun.engine.cli.simulate import options as simulate_options
from riverrun.engine.core.errors import InferenceError, RateLimited, RiverrunError
from riverrun.engine.core.events import Event, Finished, ReasoningDelta, StreamReset, TextDelta, ToolCallReady
from riverrun.engine.core.messages import ToolCall
from riverrun.engine.core.result import StreamResult
from riverrun.engine.core.stop import StopReason
from riverrun.engine.testing.script.faults import SERVER_WORDS
from riverrun.engine.testing.simulator.sweep import REQUIRED_RUNS
from riverrun.engine.testing.simulator.worlds import WORLDS
from tests.cli.loopback import command, environment, riverrun

COMMANDS = ["chat", "resume", "runs", "demo", "providers", "replay", "simulate", "chaos"]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def printed(*events: Event, terminal: bool = True) -> tuple[str, str]:
    out, err = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    Printer(out, err, show_reasoning=True).show(events)
    return out.getvalue(), err.getvalue()


def subclasses(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(deeper for sub in kind.__subclasses__() for deeper in subclasses(sub))]


# -- help and usage -----------------------------------------------------------------------------------------------


def test_help_shows_an_example_of_every_command_and_all_exit_codes() -> None:
    ended = riverrun("--help")
    assert (ended.code, ended.err) == (0, "")
    assert all(f"riverrun {name}" in ended.out for name in COMMANDS)
    assert {int(code) for code in ExitCode} <= {int(number) for number in re.findall(r"\d+", ended.out)}


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_an_example(name: str) -> None:
    ended = riverrun(name, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"riverrun {name} " in ended.out.partition("example")[2]


def test_help_loads_none_of_the_dependencies() -> None:
    script = (
        "import contextlib, sys; from riverrun_command import main; sys.argv[1:] = ['--help']\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print({name.partition('.')[0] for name in sys.modules} & {'trio', 'httpx', 'attr', 'cattrs', 'hypothesis'}, "
        "[name for name in sys.modules if name.startswith(('riverrun.engine.testing', 'riverrun.providers'))])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, env=environment(), timeout=30
    )
    assert done.stdout.decode().splitlines()[-1] == "set() []"


def test_the_names_that_options_repeat_are_those_of_the_kit() -> None:
    assert demo_options.SEED == SHOW_SEED
    assert list(demo_options.FAULTS) == list(SERVER_WORDS.values())
    assert list(demo_options.WIRES) == list(MODELS)
    assert list(simulate_options.LEVELS) == list(WORLDS)
    assert simulate_defaults.RUNS == REQUIRED_RUNS


def test_the_version_is_the_librarys() -> None:
    assert riverrun("--version").out == f"riverrun {library.__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["sing"], ["chat"], ["chat", "-m"], ["resume"], ["runs", "--journal"]])
def test_bad_usage_is_exit_2_on_stderr(arguments: list[str]) -> None:
    ended = riverrun(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("usage: riverrun")


def test_main_returns_the_exit_code_of_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--journal", "/nowhere/runs.db"]) == 2
    assert capsys.readouterr().err.startswith("riverrun: usage: there is no journal at '/nowhere/runs.db'")


def test_the_installed_command_exits_with_what_main_returns() -> None:
    line = "import sys; from riverrun.engine.cli import main; sys.exit(main())"
    arguments = [sys.executable, "-W", "error", "-c", line, "runs", "--journal", "/nowhere/runs.db"]
    assert subprocess.run(arguments, capture_output=True, env=environment(), timeout=30).returncode == 2


def test_a_reader_who_leaves_the_help_is_no_traceback() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(command("--help"), stdout=pipe, stderr=pipe, env=environment()) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()


# -- errors -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", subclasses(RiverrunError))
def test_every_error_has_a_kind_a_remedy_and_a_documented_exit_code(kind: type[RiverrunError]) -> None:
    error = kind.__new__(kind, "two\nlines")
    if isinstance(error, InferenceError):
        InferenceError.__init__(error, "two\nlines")
    complaint = complaint_of(error)
    assert complaint.exit_code in (1, 2, 3, 4, 5)
    assert complaint.lines.count("\n") == 2
    assert "two\\nlines" in complaint.lines
    assert complaint.kind != "error" or kind is RiverrunError


def test_the_providers_hint_is_part_of_what_to_do() -> None:
    assert complaint_of(RateLimited("slow down", retry_after_s=30)).remedy.endswith("the provider asks for 30 s")


# -- what is printed where ----------------------------------------------------------------------------------------


def test_a_terminal_gets_control_characters_as_escapes_and_a_last_line_break() -> None:
    out, _ = printed(TextDelta("a\x1b]0;title\x07b\n\tc"), Finished(StreamResult()))
    assert out == "a\\x1b]0;title\\x07b\n\tc\n"


def test_a_terminal_gets_no_turn_of_the_direction_of_writing() -> None:
    assert printed(TextDelta("a\u202eb\u2066c"), Finished(StreamResult()))[0] == "a\\u202eb\\u2066c\n"


def test_tokens_that_nobody_reported_are_unknown() -> None:
    assert "unknown tokens in, unknown out" in printed(Finished(StreamResult()), terminal=False)[1]


def test_a_file_gets_every_character_as_it_is() -> None:
    out, _ = printed(TextDelta("a\x1b]0;title\x07b\r\nc"), Finished(StreamResult()), terminal=False)
    assert out == "a\x1b]0;title\x07b\r\nc"


def test_colour_is_left_out_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[2m" in printed(Finished(StreamResult()))[1]
    assert "\x1b" not in printed(Finished(StreamResult()), terminal=False)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in printed(Finished(StreamResult()), ReasoningDelta("hm"))[1]


def test_a_call_is_told_and_not_run() -> None:
    _, err = printed(ToolCallReady(ToolCall("1", "rm\n", {"path": "/"})), terminal=False)
    assert err == 'riverrun: the model calls rm\\n({"path": "/"}), which chat does not run\n'


def test_an_end_that_cuts_the_answer_short_is_told() -> None:
    _, err = printed(Finished(StreamResult(stop_reason=StopReason.MAX_TOKENS, stop_word="length")), terminal=False)
    assert err.startswith("riverrun: the answer stopped: max_tokens (length)\n")


def test_nothing_is_taken_back_from_a_file_that_others_write_to(tmp_path: Path) -> None:
    path = tmp_path / "all.txt"
    with path.open("a", encoding="utf-8") as out, path.open("a", encoding="utf-8") as other:
        printer = Printer(out, io.StringIO())
        printer.show([TextDelta("Once")])
        other.write("theirs")
        other.flush()
        printer.show([StreamReset("the model started over"), TextDelta("Twice")])
        shared = Printer(out, other)
        shared.show([StreamReset("again"), TextDelta("Thrice")])
    text = path.read_text("utf-8")
    assert text.startswith("Oncetheirs\nTwice")
    assert text.endswith("Thrice")


def test_a_reset_of_nothing_printed_adds_no_line() -> None:
    out, err = printed(StreamReset("the model started over"), TextDelta("Once"), terminal=False)
    assert (out, err.count("begins anew")) == ("Once", 1)
