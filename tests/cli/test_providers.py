"""`riverrun providers`, run for real: every class is in the tables, and no key and no part of one is."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import Any

import pytest

from riverrun.engine.cli import main
from riverrun.engine.cli.providers import describe, key_variables
from riverrun.providers.by_name import provider_classes
from tests.cli.loopback import SECRET, riverrun

CLASSES = provider_classes()
KEYS = {variable: SECRET for made in CLASSES.values() for variable in key_variables(made)}


def listed(*arguments: str, **env: str) -> dict[str, Any]:
    ended = riverrun("providers", "--json", *arguments, **env)
    assert (ended.code, ended.err) == (0, "")
    return {row["name"]: row for row in json.loads(ended.out)}


def test_every_class_is_in_the_tables_and_in_the_json() -> None:
    ended = riverrun("providers")
    assert (ended.code, ended.err) == (0, "")
    assert all(name in ended.out and made.__name__ in ended.out for name, made in CLASSES.items())
    assert list(listed()) == list(CLASSES)


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_key_that_is_there_is_told_and_no_part_of_it_is_shown(flags: tuple[str, ...]) -> None:
    ended = riverrun("providers", *flags, **KEYS)
    assert ended.code == 0
    assert not any(SECRET[at : at + 5] in ended.out + ended.err for at in range(len(SECRET) - 4))
    assert " set" in ended.out


@pytest.mark.parametrize(("value", "state"), [("", "not set"), (SECRET, "set"), (f"{SECRET}\n", "malformed")])
def test_a_key_is_set_or_not_or_malformed(value: str, state: str) -> None:
    rows = listed(ANTHROPIC_API_KEY=value)
    assert rows["anthropic"]["keys"] == {"ANTHROPIC_API_KEY": state}
    assert rows["openai"]["keys"] == {"OPENAI_API_KEY": "not set"}


def test_a_model_that_does_not_chat_is_exit_2() -> None:
    ended = riverrun("providers", "openai/text-embedding-3-small")
    assert (ended.code, "openai can not be made here: model " in ended.out) == (2, True)


def test_the_base_url_is_the_one_in_force_and_on_this_machine_needs_no_key() -> None:
    rows = listed(OPENAI_BASE_URL="http://localhost:8080/v1")
    assert (rows["openai"]["needs_key"], rows["anthropic"]["needs_key"]) == (False, True)
    assert rows["openai"]["endpoint"] == "http://localhost:8080/v1/chat/completions"
    assert rows["anthropic"]["base_url"] == "https://api.anthropic.com"


def test_an_address_that_can_not_be_used_is_told_without_its_password() -> None:
    rows = listed(OPENAI_BASE_URL=f"https://user:{SECRET}@example.com/v1")
    assert rows["openai"]["problem"].startswith("OPENAI_BASE_URL holds userinfo")
    assert SECRET not in json.dumps(rows)
    assert rows["anthropic"]["problem"] is None


def test_a_model_is_asked_for_by_its_name() -> None:
    assert listed("anthropic")["anthropic"]["continues"] == ["quote", "restart"]
    assert listed("anthropic/claude-sonnet-4-5")["anthropic"]["continues"] == ["prefill", "quote", "restart"]
    assert "for claude-sonnet-4-5:" in riverrun("providers", "anthropic/claude-sonnet-4-5").out


def test_what_is_no_provider_lists_those_that_are() -> None:
    ended = riverrun("providers", "opena")
    assert (ended.code, ended.out) == (2, "")
    assert "'opena' is no provider; expected one of anthropic, " in ended.err


def test_help_has_examples() -> None:
    ended = riverrun("providers", "--help")
    assert (ended.code, ended.err) == (0, "")
    assert "riverrun providers --json" in ended.out.partition("examples:")[2]


class Silent:
    """A class that says nothing of itself."""

    def __init__(self, model: str, *, api_key_env: str = "SILENT_KEY") -> None:
        """Nothing."""


def test_a_class_that_says_nothing_of_itself_still_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SILENT_KEY", SECRET)
    row = describe("silent", Silent, "m")
    assert (row.class_name, row.wire_format, row.keys) == ("Silent", "not said", {"SILENT_KEY": "set"})
    assert (row.reasoning, row.usage, row.endpoint) == ("not said", "not said", None)
    assert str(row.problem).startswith("'silent/m' names no provider")


def test_a_terminal_command_in_an_address_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://example.com/\x1b]0;x\x07")
    with redirect_stdout(io.StringIO()) as out:
        assert main(["providers"]) == 0
    assert "\x1b" not in out.getvalue()
