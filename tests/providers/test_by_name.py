"""Providers by name: what exists is listed, what was meant is guessed, and options are checked before they are used."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun import Anthropic, OpenAIChat, from_name
from riverrun.engine.cli.providers import key_variables
from riverrun.engine.core.provider import Provider
from riverrun.engine.core.usage_error import KeyUnusable, UsageError
from riverrun.providers.by_name import provider_classes

CANARY = "sk-canary-0123456789"
CLASSES = list(provider_classes().items())
each_class = pytest.mark.parametrize(("name", "made"), CLASSES, ids=[name for name, _ in CLASSES])


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for _, made in CLASSES:
        for variable in (*key_variables(made), getattr(made, "base_url_env", "") or "NOT_A_VARIABLE"):
            monkeypatch.delenv(variable, raising=False)


@pytest.mark.parametrize(
    ("name", "model"), [("openai/gpt-4.1", "gpt-4.1"), ("openai/org/model:free", "org/model:free")]
)
def test_a_provider_is_made_by_its_name(name: str, model: str) -> None:
    made = from_name(name, api_key=CANARY)
    assert isinstance(made, OpenAIChat)
    assert made.model == model
    assert isinstance(from_name("anthropic/claude-x", api_key=CANARY), Anthropic)


@pytest.mark.parametrize("name", ["nobody/x", "gpt-5", "", "/x", "openai", "Anthropic/x"])
def test_an_unknown_provider_lists_those_that_exist(name: str) -> None:
    with pytest.raises(UsageError, match=r"anthropic/<model>, .*openai/<model>"):
        from_name(name)


@pytest.mark.parametrize(
    ("name", "meant"), [("antropic/x", "anthropic"), ("Anthropic/x", "anthropic"), ("opnai/x", "openai")]
)
def test_a_near_name_is_guessed(name: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"did you mean {meant}/"):
        from_name(name)


def test_a_strange_name_is_not_guessed() -> None:
    with pytest.raises(UsageError) as caught:
        from_name("zzz/x")
    assert "did you mean" not in str(caught.value)


@given(st.text(max_size=400))
def test_any_name_makes_a_provider_or_a_usage_error(name: str) -> None:
    with suppress(UsageError):
        assert from_name(name, api_key=CANARY).model


def test_an_unknown_option_lists_what_the_class_takes_and_shows_no_value() -> None:
    with pytest.raises(
        UsageError, match=r"takes no api_kye \(did you mean api_key\?\); expected some of .*\bapi_key, "
    ) as caught:
        from_name("openai/x", api_kye=CANARY)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("name", ["anthropic", "openai"])
def test_a_missing_key_is_named_and_typed(name: str) -> None:
    with pytest.raises(KeyUnusable, match=f"set {name.upper()}_API_KEY in the environment"):
        from_name(f"{name}/x")
    with pytest.raises(KeyUnusable, match="set MY_KEY in the environment"):
        from_name(f"{name}/x", api_key_env="MY_KEY")


def test_a_malformed_key_is_typed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", CANARY + "\n")
    with pytest.raises(KeyUnusable, match="MY_KEY holds") as caught:
        from_name("openai/x", api_key_env="MY_KEY")
    assert "canary" not in str(caught.value)


def test_a_bad_address_is_no_matter_of_the_key() -> None:
    with pytest.raises(UsageError) as caught:
        from_name("openai/x", base_url="http://example.com/v1")
    assert not isinstance(caught.value, KeyUnusable)


def test_a_variable_can_be_named_and_this_machine_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", CANARY)
    assert isinstance(from_name("openai/x", api_key_env="MY_KEY"), OpenAIChat)
    assert isinstance(from_name("openai/x", base_url="http://localhost:8080/v1"), OpenAIChat)


@each_class
def test_every_class_is_known_by_its_own_name(name: str, made: type[Any]) -> None:
    assert getattr(made, "name", None) == name
    assert name == name.lower()
    assert "/" not in name


@pytest.mark.parametrize("made", [Anthropic, OpenAIChat])
def test_what_a_class_says_of_itself_is_what_it_does(made: type[Any]) -> None:
    assert key_variables(made) == (f"{made.name.upper()}_API_KEY",)
    provider: Any = made("m", api_key=CANARY)
    assert provider.base_url == made.base_url_default


def test_options_that_are_handed_on_to_a_parent_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    class Preset(OpenAIChat):
        name = "preset"

        def __init__(self, model: str, *, resource: str, **options: Any) -> None:
            super().__init__(model, base_url=f"https://{resource}.example.com/v1", **options)

    monkeypatch.setattr("riverrun.providers.by_name.provider_classes", lambda: {"preset": Preset})
    made: Provider = from_name("preset/m", resource="mine", api_key=CANARY)
    assert isinstance(made, Preset)
    with pytest.raises(UsageError, match=r"expected some of resource, .*api_key"):
        from_name("preset/m", resource="mine", colour="red")
    with pytest.raises(UsageError, match="preset needs resource"):
        from_name("preset/m", api_key=CANARY)
