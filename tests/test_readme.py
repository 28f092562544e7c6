"""The README is true: its code runs as it stands, its tests exist, its links lead somewhere.

A Python block that calls `trio.run` runs as a program, any other inside an async function; the provider that they all
ask is on this machine. Other documents are held to their links and to the tests they name.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio

import riverrun as rr
from riverrun.testing import RIVERS, Answer, Fault, FaultKind, open_loopback

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
WORDS_BEFORE_CODE_MAX = 120
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
EXIT_CODE_ROW = re.compile(r"^\| ([\d, ]+) \|", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
TEST_NAME = re.compile(r"`(test_\w+)`")


def run_block(code: str, printed: list[str]) -> None:
    """Run a block in this thread, with what the README says is there."""
    world: dict[str, object] = {"rr": rr, "print": lambda *words, **_: printed.append(" ".join(map(str, words)))}
    compiled = compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if "trio.run(" in code:
        exec(compiled, world)  # noqa: S102 - the README's own code
    else:
        trio.run(partial(_run_fragment, compiled, world))


async def _run_fragment(compiled: object, world: dict[str, object]) -> None:
    world["engine"] = rr.Engine(rr.Anthropic("claude-sonnet-4-5"))
    world["request"] = rr.InferenceRequest(rr.Message.user("Tell the story of the river."), max_tokens=2_000)
    running = eval(compiled, world)  # type: ignore[arg-type]  # noqa: S307 - the README's own code
    if running is not None:
        await running


def run_beside_a_provider(monkeypatch: pytest.MonkeyPatch, block: Callable[[], None], answer: Answer = RIVERS) -> None:
    """Run something blocking while a provider on this machine answers, and cuts its first answer."""

    async def main() -> None:
        async with open_loopback(answer, [Fault(FaultKind.PREMATURE_END, at=50)]) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.anthropic_url)
            monkeypatch.setenv("OPENAI_BASE_URL", server.openai_url)
            await trio.to_thread.run_sync(block)

    trio.run(main)


@pytest.mark.sockets
@pytest.mark.parametrize("code", BLOCKS, ids=lambda code: str(code).strip().splitlines()[0][:50])
def test_a_block_runs_as_it_stands(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    run_beside_a_provider(monkeypatch, lambda: run_block(code, []))


@pytest.mark.sockets
def test_the_first_steps_print_the_whole_answer_over_a_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    printed: list[str] = []
    run_beside_a_provider(monkeypatch, lambda: run_block(BLOCKS[0], printed))
    assert "".join(printed[:-1]) == RIVERS.text
    assert printed[-1] == "\n end_turn after 2 attempts"


def test_the_first_code_comes_within_120_words() -> None:
    before, fence, _ = README.partition("```")
    assert fence
    assert len(before.split()) <= WORDS_BEFORE_CODE_MAX


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_every_link_leads_somewhere(document: Path) -> None:
    for path, anchor in LINK.findall(document.read_text(encoding="utf-8")):
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), path
        assert target.is_relative_to(ROOT), path
        assert not anchor or anchor in anchors_of(target), f"{path}#{anchor}"


def anchors_of(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_every_test_that_is_named_exists(document: Path) -> None:
    existing = {
        name
        for path in ROOT.joinpath("tests").rglob("*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(TEST_NAME.findall(document.read_text(encoding="utf-8"))) <= existing


def test_every_law_is_a_row_that_names_its_tests() -> None:
    rows = re.findall(r"^\| (\d+) \| .* \| (.*) \|$", README.partition("## Usage")[0], re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 12))
    assert all(TEST_NAME.search(tests) for _, tests in rows)


def test_every_event_and_error_is_in_its_table() -> None:
    events = {kind.__name__ for kind in rr.Event.__args__}
    told = {name for name in rr.errors.__all__ if name not in ("RiverrunError", "InferenceError")}
    unused = {"AllModelsUnavailable", "ContinuationRefused"}  # routes are to come; the ladder takes the next form
    assert {name for name in events | told - unused if f"`{name}" not in README} == set()


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    from riverrun.engine.cli.exit_codes import ExitCode

    section = README.partition("## The command line")[2].partition("## Status")[0]
    told = {int(code) for row in EXIT_CODE_ROW.findall(section) for code in row.split(",")}
    assert told == {int(code) for code in ExitCode}


def test_no_document_names_a_path_of_one_machine() -> None:
    homes = (str(Path.home()), os.sep + "work" + os.sep, "/tmp/", "/opt/")  # noqa: S108 - looked for, not used
    assert [home for home in homes for path in DOCUMENTS if home in path.read_text(encoding="utf-8")] == []
