"""The pages of docs/ are true where that can be tested: rows name tests that exist, numbers are those of the code."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import trio

import riverrun as rr
from riverrun import Recorder
from riverrun.engine.core import tool_json
from riverrun.engine.core.ignored import Ignored
from riverrun.engine.http import opened_response, transport
from riverrun.engine.testing.script.faults import SERVED_ALONE
from riverrun.providers.by_name import provider_classes
from riverrun.testing import RIVERS, Fault, FaultKind, measure_stalls, open_loopback
from tests.bench.schema_of import schema

ROOT = Path(__file__).resolve().parent.parent
HARDENING = (ROOT / "docs" / "hardening.md").read_text(encoding="utf-8")
PROVIDERS = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
TOLERATED = [
    *re.findall(r"^\| ([^|]+) \| ([CMRGIO ]+) \| [^|]{4,} \| [^|]{4,} \|$", PROVIDERS, re.MULTILINE),
    *re.findall(r"^\| ([^|]+) \| [^|]{4,} \| [^|]{2,} \| ([CMRGIO ]+) \| [^|]{4,} \|$", PROVIDERS, re.MULTILINE),
]
"""The tables of what decoders count: the kind and its formats, of rows that say what becomes of it and whose it is."""
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in HARDENING.partition("## Row by row\n")[2].partition("\n## ")[0].splitlines()
    if line.startswith("| ")
][2:]
TESTS = {
    name: path
    for path in sorted(ROOT.joinpath("tests").rglob("test_*.py"))
    for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
}
LIMITS = rr.Limits()
MIB = 1024 * 1024
BOUNDS = {
    "a line of the stream": f"{LIMITS.line_bytes_max // MIB} MiB",
    "an event": f"{LIMITS.event_bytes_max // MIB} MiB",
    "arguments of one call": f"{LIMITS.arguments_bytes_max // MIB} MiB",
    "calls of one answer": f"{LIMITS.calls_max:,}",
    "a whole answer": f"{LIMITS.text_bytes_max // MIB} MiB",
    "blocks of one answer": f"{LIMITS.blocks_max:,}",
    "depth of JSON": f"{tool_json.DEPTH_MAX}",
    "the body of an error": f"{LIMITS.error_body_bytes_max // 1024} KiB, {transport.ERROR_BODY_S:g} s",
    "a server's `Retry-After`": f"{rr.RetryPolicy().retry_after_s_max:g} s",
    "read ahead of the decoder": f"{opened_response.READ_AHEAD_BYTES_MAX // 1024} KiB",
}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_a_row_of_hardening_says_what_holds_and_names_tests_that_exist(row: list[str]) -> None:
    threat, holds, tests = row
    assert threat
    assert holds
    named = re.findall(r"`(test_\w+)`", tests)
    assert named
    assert [name for name in named if name not in TESTS] == []


def test_every_kind_that_decoders_count_is_in_the_table_of_what_is_tolerated() -> None:
    assert sorted(kind for kind, _ in TOLERATED) == sorted(Ignored)


FOLDERS = {
    "openai_chat": "C", "anthropic": "M", "openai_responses": "R", "gemini": "G", "gemini_interactions": "I",
    "ollama": "O",
}  # fmt: skip
SHARED = {"providers", "wire", "engine", "http"}
"""Folders of code that serves every format."""
SOURCES = [
    (path.parent.name, path.read_text(encoding="utf-8"))
    for folder in ("providers", "engine/http", "engine")
    for path in sorted(ROOT.joinpath(folder).glob("*.py" if folder == "engine" else "**/*.py"))
]


@pytest.mark.parametrize(("kind", "formats"), TOLERATED)
def test_the_table_names_the_formats_whose_decoders_count_a_kind(kind: str, formats: str) -> None:
    counting = re.compile(rf"\bIgnored\.{Ignored(kind).name}\b")
    folders = {folder for folder, source in SOURCES if counting.search(source)}
    assert folders
    assert {FOLDERS[folder] for folder in folders - SHARED} <= set(formats.split())


def test_hardening_has_its_rows() -> None:
    assert len(ROWS) >= 30


@pytest.mark.parametrize("what", BOUNDS)
def test_a_bound_of_hardening_is_the_bound_of_the_code(what: str) -> None:
    row = next(line for line in HARDENING.splitlines() if line.startswith(f"| {what} |"))
    assert row.split(" | ")[1] == BOUNDS[what]


def test_every_hostile_row_of_the_tests_is_told_in_hardening() -> None:
    hostile = {name for name, path in TESTS.items() if path.name in ("test_hostile_rows.py", "test_hostile_answers.py")}
    assert {name for name in hostile if f"`{name}`" not in HARDENING} == set()


@pytest.mark.parametrize("name", provider_classes())
def test_every_provider_has_its_row(name: str) -> None:
    assert f"`{provider_classes()[name].__name__}`" in PROVIDERS.partition("## Names and keys")[0]


# -- code ---------------------------------------------------------------------------------------------------------


def blocks(path: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_story_of_a_planner_is_the_one_it_tells() -> None:
    told: list[str] = []
    code = next(block for block in blocks("docs/testing.md") if "print(broken.story)" in block)
    exec(code, {"print": told.append})  # noqa: S102 - the page's own code
    assert f"```\n{told[0].rstrip()}\n```" in (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")


async def record_a_stall() -> None:
    """Make stall.jsonl: a server that falls silent in the middle, and the engine that goes on."""
    request = rr.InferenceRequest(rr.Message.user("Why does it stop?"))
    policy = rr.Policy(stall=rr.StallPolicy(idle_s=0.3))
    async with open_loopback(RIVERS, [Fault(FaultKind.STALL, at=30)]) as server:
        provider = rr.Anthropic("claude-sonnet-4-5", base_url=server.anthropic_url)
        with Recorder("stall.jsonl", provider, request, policy=policy) as recorder:
            await rr.Engine(provider, policy=policy, transport=recorder.transport).complete(request)


@pytest.mark.sockets
@pytest.mark.parametrize("page", ["README.md", "docs/testing-recordings.md"])
def test_a_test_that_is_printed_passes_as_printed(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    trio.run(record_a_stall)
    world: dict[str, object] = {}
    exec(next(block for block in blocks(page) if "recorded(" in block), world)  # noqa: S102 - the page's own code
    ((_, test),) = [(name, value) for name, value in world.items() if name.startswith("test_the_stall")]
    assert inspect.isfunction(test)
    assert test() is None


def test_the_scripted_network_that_is_printed_passes_as_printed() -> None:
    world: dict[str, object] = {}
    code = next(block for block in blocks("docs/testing-network.md") if "def test_a_reset" in block)
    exec(f"{code}\n\ntest_a_reset_is_got_over()\n", world)  # noqa: S102 - the page's own code


def test_the_scripted_source_that_is_printed_passes_as_printed() -> None:
    world: dict[str, object] = {}
    code = next(block for block in blocks("docs/testing.md") if "def test_my_application_gets_over" in block)
    exec(f"{code}\n\ntest_my_application_gets_over_a_bad_day()\n", world)  # noqa: S102 - the page's own code


def test_every_fault_of_a_scripted_source_has_its_row() -> None:
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8").partition("## A scripted source\n")[2]
    rows = [line.split(" | ")[0] for line in page.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == {
        kind.value for kind in FaultKind if kind not in SERVED_ALONE
    } - {"none"}


@pytest.mark.parametrize("page", ["README.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))])
def test_no_test_that_is_printed_needs_a_plugin_of_pytest_that_it_does_not_name(page: str) -> None:
    awaiting = [block for block in blocks(page) if "async def test_" in block]
    assert not [block for block in awaiting if not block.startswith("# pytest.ini says trio_mode = true\n")]


def test_the_suite_that_is_printed_passes_as_printed(tmp_path: Path) -> None:
    conftest, suite = blocks("docs/testing.md")[:2]
    (tmp_path / "conftest.py").write_text(conftest, "utf-8")
    (tmp_path / "test_it.py").write_text(suite, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False).stdout
    assert "1 passed" in said, said


def test_the_policy_of_the_benchmarks_page_holds_what_the_page_says_of_it() -> None:
    code = next(block for block in blocks("docs/benchmark.md") if "measure_stalls" in block)
    exec(f"{code}\n\ntest_stalls_are_seen_soon_and_nothing_is_given_up_for_nothing()\n", {})  # noqa: S102 - our own page


def test_the_schema_of_the_benchmarks_page_is_that_of_the_classes() -> None:
    page = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8")
    printed = page.partition("<!-- schema -->\n")[2].partition("\n<!-- end -->")[0]
    assert printed == schema()  # python -m tests.bench.schema_of writes it


def test_the_benchmarks_page_names_every_key_of_a_measurement_of_stalls() -> None:
    page = (ROOT / "docs" / "benchmark.md").read_text(encoding="utf-8").partition("## Schema")[2]
    plain = measure_stalls(rr.Policy(), answers=1, words=5).to_plain()
    assert [key for key in (*plain, *plain["curves"]) if f"`{key}`" not in page] == []
