"""A journal, recording or scenario of somebody else's steals no key, runs no code, hangs nothing and hides nothing."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve

from riverrun.engine.cli import journal_file, main
from riverrun.engine.cli.journal_file import JournalFile, Question
from riverrun.engine.cli.shell import option, shell_word
from riverrun.engine.core.codec import unstructure
from riverrun.engine.core.messages import ImageBlock, Message, Tool
from riverrun.engine.core.policy import Policy, StallPolicy
from riverrun.engine.core.request import InferenceRequest
from riverrun.engine.recording.format import Exchange, Recording, RecordingUnusable, recording_of
from riverrun.engine.testing.simulator.scenario import Scenario
from tests.cli.loopback import ANSWER, SECRET, Ended, Loopback, Reply, environment, riverrun

pytestmark = pytest.mark.sockets
CANARIES = {name: f"{SECRET}-{name}" for name in ("AWS_SECRET_ACCESS_KEY", "ANTHROPIC_API_KEY", "OPENAI_API_KEY")}
ESCAPE = "\x1b]0;owned\x07\x1b[2J\r\u202e"
ASK = InferenceRequest((Message.user("Tell it."),))
CLAUDE = "anthropic/claude-sonnet-4-5"


@pytest.fixture
def evil() -> Iterator[Loopback]:
    with Loopback(Reply()) as server:
        yield server


def stolen(path: Path, question: Question, run_id: str = "tale") -> str:
    """Write a journal as somebody else would: the file's own words, by the code that reads them."""

    async def keep() -> None:
        journal = JournalFile(str(path))
        await journal.keep_question(run_id, question)
        await journal.aclose()

    trio.run(keep)
    return str(path)


def resume(journal: str, *options: str, **env: str) -> Ended:
    return riverrun("resume", "--journal", journal, *options, **{**CANARIES, **env})


# -- keys ---------------------------------------------------------------------------------------------------------


def thefts(origin: str) -> dict[str, Question]:
    return {
        "the user's own key": Question(CLAUDE, ASK, base_url=origin),
        "another key of the user's": Question(CLAUDE, ASK, origin, "AWS_SECRET_ACCESS_KEY"),
        "a key for the provider itself": Question(CLAUDE, ASK, None, "AWS_SECRET_ACCESS_KEY"),
        "an address that looks like the default": Question(CLAUDE, ASK, f"{origin}/api.anthropic.com"),
        "http to another machine": Question(CLAUDE, ASK, "http://10.255.255.1", None, allow_insecure=True),
        "openai": Question("openai/gpt-4.1", ASK, f"{origin}/v1", "ANTHROPIC_API_KEY"),
        "a provider that needs no key": Question("vllm/m", ASK, f"{origin}/v1", "AWS_SECRET_ACCESS_KEY"),
    }


@pytest.mark.parametrize("name", thefts(""))
def test_a_journal_of_somebody_elses_gets_no_key_and_no_request(name: str, evil: Loopback, tmp_path: Path) -> None:
    ended = resume(stolen(tmp_path / "runs.db", thefts(evil.origin)[name]))
    assert (ended.code, ended.out, evil.asked) == (2, "", [])
    assert "so says the file, and a key goes only where this command says" in ended.err
    assert SECRET not in ended.err


def test_what_a_file_says_is_named_and_offered_as_a_command_that_works(evil: Loopback, tmp_path: Path) -> None:
    journal = stolen(tmp_path / "my runs; $(date).db", Question(CLAUDE, ASK, evil.origin, "AWS_SECRET_ACCESS_KEY"))
    refused = resume(journal)
    assert f"asks at '{evil.origin}' and takes the key from 'AWS_SECRET_ACCESS_KEY'" in refused.err
    name, *arguments = shlex.split(refused.err.partition("know who did: ")[2])
    resumed = riverrun(*arguments, **CANARIES)
    assert (name, resumed.code, resumed.out) == ("riverrun", 0, ANSWER)
    assert evil.asked[0][1]["x-api-key"] == CANARIES["AWS_SECRET_ACCESS_KEY"]


@pytest.mark.parametrize("said", [["--base-url", "{}"], ["--api-key-env", "ANTHROPIC_API_KEY"]])
def test_saying_the_one_says_nothing_about_the_other(said: list[str], evil: Loopback, tmp_path: Path) -> None:
    journal = stolen(tmp_path / "runs.db", Question(CLAUDE, ASK, evil.origin, "AWS_SECRET_ACCESS_KEY"))
    ended = resume(journal, *(word.format(evil.origin) for word in said))
    assert (ended.code, evil.asked) == (2, [])


def test_a_file_allows_no_http_to_another_machine(tmp_path: Path) -> None:
    there = "http://10.255.255.1"
    ended = resume(stolen(tmp_path / "runs.db", Question(CLAUDE, ASK, there, allow_insecure=True)), "--base-url", there)
    assert (ended.code, "which is not encrypted" in ended.err) == (2, True)


def test_what_the_class_or_the_environment_says_needs_no_saying(evil: Loopback, tmp_path: Path) -> None:
    own = Question(CLAUDE, ASK, evil.origin + "/", "ANTHROPIC_API_KEY")
    ended = resume(stolen(tmp_path / "runs.db", own), ANTHROPIC_BASE_URL=evil.origin)
    assert (ended.code, ended.out) == (0, ANSWER)


@pytest.mark.parametrize(
    "request_",
    [
        evolve(ASK, extra={"mcp_servers": [{"type": "url", "url": "https://evil.example", "name": "x"}]}),
        evolve(ASK, tools=(Tool("look", "", {"type": "object"}),)),
        InferenceRequest((Message.user(ImageBlock("image/png", b"x")),)),
        InferenceRequest((Message.user("a"), Message.user("b"))),
    ],
    ids=["extra", "tools", "image", "conversation"],
)
def test_a_question_that_chat_never_asks_is_not_asked(request_: Any, evil: Loopback, tmp_path: Path) -> None:
    ended = resume(stolen(tmp_path / "runs.db", Question(CLAUDE, request_)), "--base-url", evil.origin)
    assert (ended.code, evil.asked) == (2, [])
    assert "holds more than text" in ended.err


# -- what is shown ------------------------------------------------------------------------------------------------


def is_tame(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)


@pytest.mark.parametrize(
    "question",
    [
        Question(f"anthropic/{ESCAPE}", ASK, base_url=f"https://x/{ESCAPE}"),
        Question(CLAUDE, ASK, base_url="https://x/" + "a" * 5000),
        Question(f"{ESCAPE}/m", ASK),
        Question(CLAUDE, ASK, api_key_env=ESCAPE),
        Question(CLAUDE, ASK, api_key_env="X" * 5000),
        Question(CLAUDE, ASK, base_url="http://[::1]evil.com"),
    ],
)
def test_what_a_journal_says_is_escaped_and_what_can_not_be_used_is_not_offered(
    question: Question, tmp_path: Path
) -> None:
    journal = stolen(tmp_path / "runs.db", question)
    for ended in (resume(journal), riverrun("runs", "--journal", journal)):
        assert is_tame(ended.out + ended.err)
        assert "know who did" not in ended.err
        assert len(ended.err) < 4000


@pytest.mark.parametrize("run_id", ["x; touch owned", "--help", f"a{ESCAPE}", "$(id)"])
def test_the_id_of_a_run_stands_in_no_command_unless_it_is_one(run_id: str, evil: Loopback, tmp_path: Path) -> None:
    journal = stolen(tmp_path / "runs.db", Question(CLAUDE, ASK, evil.origin), run_id)
    ended = resume(journal, "--base-url", evil.origin)
    assert (ended.code, evil.asked, is_tame(ended.err)) == (2, [], True)
    assert "go on with" not in ended.err


@pytest.mark.parametrize("began", [1e300, -1e300, float("inf"), float("nan"), 1e17])
def test_a_time_that_no_calendar_has_is_listed(began: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def told(question: object) -> str:
        return json.dumps({"schema": 1, "value": unstructure(question, Question)})

    monkeypatch.setattr(journal_file, "to_json", told)
    journal = stolen(tmp_path / "runs.db", Question(CLAUDE, ASK, began_unix_s=began))
    listed = riverrun("runs", "--journal", journal)
    assert (listed.code, listed.out) == (0, f"tale\t{CLAUDE}\t0 characters\t?\n")


def test_tables_that_would_take_null_are_refused(tmp_path: Path) -> None:
    journal = stolen(tmp_path / "runs.db", Question(CLAUDE, ASK))
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE name = 'entries'")
    with closing(sqlite3.connect(journal)) as connection, connection:
        connection.execute("UPDATE entries SET entry = NULL")
    listed = riverrun("runs", "--journal", journal)
    assert (listed.code, "expected exactly the tables that riverrun makes" in listed.err) == (4, True)


HARMLESS = [
    "a b",
    "it's",
    "$(x)",
    "`x`",
    "a\nb",
    "\x1b[2J",
    "\u202e",
    "\udcff",
    "\\",
    "é",
    "",
    "'\x01'",
    "-x",
    "1\x012",
]


@pytest.mark.parametrize("word", HARMLESS)
def test_a_word_that_is_offered_is_the_same_word_in_a_shell(word: str) -> None:
    quoted = shell_word(word)
    said = subprocess.run(["/bin/bash", "-c", f"printf %s {quoted}; printf %s {option('', word)}"], capture_output=True)
    raw = os.fsencode(word)
    assert said.stdout == raw + (b"=" if word.startswith("-") else b"") + raw
    assert quoted.isprintable()


# -- what is read -------------------------------------------------------------------------------------------------

NO_FILES = ["fifo", "/dev/zero", "/dev/stdin", "/dev/null", "folder", "socket", "link to /dev/zero"]


def no_file(kind: str, folder: Path) -> str:
    path = folder / "it"
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link to /dev/zero":
            path.symlink_to("/dev/zero")
        case "socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(str(path))
        case _:
            return kind
    return str(path)


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("command", [["replay"], ["simulate", "--scenario"], ["runs", "--journal"]], ids=lambda c: c[0])
def test_what_is_no_regular_file_is_refused_at_once(command: list[str], kind: str, tmp_path: Path) -> None:
    ended = riverrun(*command, no_file(kind, tmp_path), stdin="")
    assert ended.code in (2, 4)
    assert "regular file" in ended.err or "symbolic link" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("command", "size"), [(["replay"], 64 * 2**20), (["simulate", "--scenario"], 2**20)])
def test_a_file_beyond_its_bound_is_refused_by_its_size(command: list[str], size: int, tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(size + 1)
    ended = riverrun(*command, str(path))
    assert (ended.code, f"is larger than {size:,} bytes" in ended.err) == (2, True)


# -- recordings ---------------------------------------------------------------------------------------------------


def replayed(path: Path, lines: list[str], *options: str) -> Ended:
    path.write_text("".join(lines))
    return riverrun("replay", str(path), *options, **CANARIES)


NO_CLOCKS = StallPolicy(connect_s=None, headers_s=None, first_event_s=None, first_event_s_max=None, idle_s=None)
OPENED = Exchange(0.0, "/v1/messages", 2, 0.1, 200, {"content-type": "text/event-stream"}, (), 0.2)


@pytest.mark.parametrize("exchange", [Exchange(0.0, "/v1/messages", 2), OPENED], ids=["no headers", "headers"])
@pytest.mark.parametrize("idle_s", [None, 1e300])
def test_a_recording_without_clocks_ends_where_it_was_left(
    exchange: Exchange, idle_s: float | None, tmp_path: Path
) -> None:
    stall = evolve(NO_CLOCKS, headers_s=idle_s, first_event_s=idle_s, idle_s=idle_s)
    recording = Recording("anthropic", "m", ASK, Policy(stall=stall), exchanges=(exchange,))
    ended = replayed(tmp_path / "it.jsonl", list(recording.to_lines()))
    assert (ended.code, "the run was left here, after 0 characters" in ended.out) == (0, True)
    real = replayed(tmp_path / "it.jsonl", list(recording.to_lines()), "--speed", "real")
    assert (real.code, "expected --idle-s S, or --speed max" in real.err) == (2, True)


RECORDED = ["began_unix_s", "at_s", "status", "body_bytes", "attempts_max", "idle_s", "max_tokens"]


@pytest.mark.parametrize("field", RECORDED)
@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_of_400_digits_in_a_recording_is_told_by_its_line(
    field: str, digits: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = Recording("anthropic", "m", evolve(ASK, max_tokens=7), Policy(), began_unix_s=7.0, exchanges=(OPENED,))
    lines, found = re.subn(rf'(?<="{field}":)[0-9.]+', "9" * digits, "".join(recording.to_lines()), count=1)
    (tmp_path / "it.jsonl").write_text(lines)
    assert (found, main(["replay", str(tmp_path / "it.jsonl")])) == (1, 2)
    assert "it.jsonl, line " in capsys.readouterr().err


@pytest.mark.parametrize("bomb", ["[],", '{"":0},', "0,"])
def test_a_line_of_millions_of_values_is_refused_unread(bomb: str) -> None:
    with pytest.raises(
        RecordingUnusable, match=r"line 1: about \d,\d{3},\d{3} values seen; expected at most 1,000,000"
    ):
        recording_of(['{"what":"recording","x":[' + bomb * 1_100_000 + "0]}"])


def test_a_long_text_full_of_commas_is_one_value() -> None:
    recording = Recording("anthropic", "m", InferenceRequest((Message.user('1,"[{\\' * 400_000),)))
    assert recording_of(list(recording.to_lines())) == recording


def test_what_a_recording_says_is_escaped(tmp_path: Path) -> None:
    cause = '{"type":"FormRefused","form":' + json.dumps(ESCAPE) + "}"
    recording = Recording("anthropic", f"m{ESCAPE}", ASK)
    lines = [
        *recording.to_lines(),
        '{"what":"asked","exchange":0,"at_s":0,"path":"/x","body_bytes":1}\n',
        '{"what":"ended","exchange":0,"at_s":1,"how":"broke","cause":' + cause + "}\n",
    ]
    assert recording_of([line for line in lines[1:] if line] and [lines[0].replace(json.dumps(ESCAPE)[1:-1], "")])
    for text in (lines, [lines[0].replace(json.dumps(ESCAPE)[1:-1], ""), *lines[1:]]):
        ended = replayed(tmp_path / "it.jsonl", text)
        assert is_tame(ended.out + ended.err)


# -- scenarios ----------------------------------------------------------------------------------------------------

EVIL = "import os, pathlib\npathlib.Path(os.environ['OWNED']).touch()\nfrom riverrun import plan_recovery as plan\n"


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder with a scenario and its planner, which leaves a file behind where it is imported."""
    (tmp_path / "evil.py").write_text(EVIL)
    (tmp_path / "it.json").write_text(Scenario(planner="evil:plan").to_json())
    return tmp_path


def played(trap: Path, *options: str, cwd: Path | None = None) -> tuple[Ended, bool]:
    owned = trap / "owned"
    code = "import sys; from riverrun.engine.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-P", "-c", code, "simulate", *options]
    env = environment(OWNED=str(owned))
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd or trap.parent, env=env, timeout=60)
    return Ended(done.returncode, done.stdout, done.stderr), owned.exists()


@pytest.mark.parametrize("inside", [True, False], ids=["from its folder", "from elsewhere"])
def test_a_scenario_imports_nothing(inside: bool, trap: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    cwd = trap if inside else tmp_path_factory.mktemp("elsewhere")
    ended, is_owned = played(trap, "--scenario", str(trap / "it.json"), cwd=cwd)
    assert (ended.code, is_owned) == (2, False)
    assert "names the planner 'evil:plan': so says the file" in ended.err
    assert f"--scenario {trap}/it.json --planner evil:plan" in ended.err


def test_a_planner_that_the_command_names_is_imported_from_here_and_not_from_the_files_folder(
    trap: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    words = ("--scenario", str(trap / "it.json"), "--planner", "evil:plan")
    there, is_owned = played(trap, *words, cwd=tmp_path_factory.mktemp("elsewhere"))
    assert (there.code, is_owned) == (2, False)
    here, is_owned = played(trap, *words, cwd=trap)
    assert (here.code, is_owned) == (0, True)


def test_a_module_in_the_current_folder_hides_none_of_others(trap: Path) -> None:
    (trap / "colorsys.py").write_text(EVIL)
    ended, is_owned = played(trap, "--runs", "5", "--jobs", "1", "--planner", "colorsys:plan", cwd=trap)
    assert (ended.code, is_owned) == (2, False)
    assert "plan is not there" in ended.err


@pytest.mark.parametrize("planner", [ESCAPE, f"a:b{ESCAPE}", "--json", "x" * 5000, "os:system\n", "a;b:c"])
def test_a_planner_that_no_module_could_hold_is_not_offered(planner: str, tmp_path: Path) -> None:
    (tmp_path / "it.json").write_text(Scenario(planner=planner).to_json())
    ended = riverrun("simulate", "--scenario", str(tmp_path / "it.json"))
    assert (ended.code, is_tame(ended.err), "if it is yours" in ended.err) == (2, True, False)


def test_what_a_scenario_says_is_escaped(tmp_path: Path) -> None:
    (tmp_path / "it.json").write_text(Scenario(why=f"see {ESCAPE}").to_json())
    ended = riverrun("simulate", "--scenario", str(tmp_path / "it.json"))
    assert (ended.code, is_tame(ended.out)) == (0, True)
    assert ended.out.startswith("see \\x1b]0;owned\\x07\\x1b[2J\\x0d\\u202e\n")


LONG = "9" * 400
NUMBERS = [
    {"seed": int(LONG)},
    {"answer": [{"size": int(LONG)}]},
    {"answer": [{"size": 10**9}]},
    {"answer": [{"size": 9_000}, {"size": 9_000}]},
    {"faults": [{"kind": "reset", "at": int(LONG)}]},
    {"faults": [{"kind": "stall", "seconds": int(LONG)}]},
    {"store": [{"kind": "hangs", "process": int(LONG)}]},
    {"consumer": {"mailbox_max": int(LONG)}},
    {"policy": {"retry": {"attempts_max": int(LONG)}}},
    {"policy": {"stall": {"idle_s": int(LONG)}}},
]


@pytest.mark.parametrize("field", NUMBERS, ids=lambda field: json.dumps(field)[:40])
def test_a_number_of_400_digits_in_a_scenario_is_told(
    field: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "it.json").write_text(json.dumps({"schema": 1, **field}))
    assert main(["simulate", "--scenario", str(tmp_path / "it.json")]) == 2
    said = capsys.readouterr().err
    assert "is no scenario" in said
    assert "expected" in said


FLAGS = ["chat -m openai/x Q --attempts", "chat -m openai/x Q --idle-s", "chat -m openai/x Q --max-tokens"]
FLAGS += ["chat -m openai/x Q --temperature", "resume --journal x --from-char", "resume --journal x --attempts"]
FLAGS += ["replay x --attempts", "replay x --idle-s", "simulate --runs", "simulate --seed", "simulate --jobs"]
FLAGS += ["demo --seed", "demo --speed"]


@pytest.mark.parametrize("flag", FLAGS)
@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_of_400_digits_on_the_command_line_is_told(
    flag: str, digits: int, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main([*flag.split(), "9" * digits])
    except SystemExit as error:  # argparse's own way out
        code = error.code
    printed = capsys.readouterr()
    assert (code, printed.out) == (2, "")
    assert flag.split()[-1] in printed.err
