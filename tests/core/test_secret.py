"""A secret can be used, and shown in no way; a stranger's text is rid of it."""

from __future__ import annotations

import copy
import json
import pickle
import traceback
from collections.abc import Callable

import cattrs
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.secret import SCRUBBED_CHARS_MIN, Secret, scrub
from riverrun.engine.core.usage_error import UsageError

CANARY = "sk-canary-0123456789abcdef"
visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1)


@frozen
class Holder:
    """Something with a secret in it."""

    key: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        "{}".format,
        "{:>40}".format,
        lambda secret: f"{secret!r:.99}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - people still write it
        lambda secret: repr(Holder(secret)),
        lambda secret: repr({"key": [secret]}),
        lambda secret: ascii(secret),
    ],
)
def test_no_way_of_showing_a_secret_shows_it(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(CANARY))
    assert "***" in shown
    assert CANARY not in shown


@pytest.mark.parametrize("copies", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, lambda s: json.dumps(vars(s))])
def test_no_way_of_copying_a_secret_copies_it(copies: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as caught:
        copies(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_cattrs_does_not_turn_a_secret_into_json() -> None:
    with pytest.raises(TypeError):
        json.dumps(cattrs.unstructure(Holder(Secret(CANARY))))


def test_a_traceback_with_locals_does_not_show_it() -> None:
    secret = Secret(CANARY)
    try:
        raise RuntimeError(f"with {secret}")
    except RuntimeError as error:
        text = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "secret = ***" in text
    assert CANARY not in text.replace(f"CANARY = {CANARY!r}", "")


@given(visible)
def test_it_is_revealed_as_it_was_given(value: str) -> None:
    assert Secret(value).reveal() == value


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("", "is empty"),
        (CANARY + "\n", "position 26"),
        ("\r" + CANARY, "position 0"),
        ("sk with", "position 2"),
        ("skéy", "position 2"),
        ("sk\x00", "position 2"),
        ("sk\u200b", "position 2"),
        ("sk\ud800", "position 2"),
        ("sk\x7f", "position 2"),
    ],
)
def test_anything_but_visible_ascii_is_refused_by_position_and_never_quoted(value: str, seen: str) -> None:
    with pytest.raises(UsageError, match=seen) as caught:
        Secret(value, name="ANTHROPIC_API_KEY")
    assert str(caught.value).startswith("ANTHROPIC_API_KEY ")
    assert CANARY not in str(caught.value)


def test_equal_values_make_secrets_that_are_not_equal() -> None:
    assert Secret(CANARY) != Secret(CANARY)


# -- scrubbing --------------------------------------------------------------------------------------------------------


@given(st.text(), st.text(), st.integers(SCRUBBED_CHARS_MIN, len(CANARY)))
def test_a_secret_and_the_beginning_of_one_are_taken_out_of_a_stranger_s_text(
    before: str, after: str, end: int
) -> None:
    scrubbed = scrub(f"{before}{CANARY[:end]}{after}", [Secret("unrelated-key"), Secret(CANARY)])
    assert CANARY[:SCRUBBED_CHARS_MIN] not in scrubbed


def test_nothing_else_is_taken_out() -> None:
    assert scrub(f"key {CANARY} is no good", [Secret(CANARY)]) == "key *** is no good"
    assert scrub("sk-other is fine", [Secret(CANARY)]) == "sk-other is fine"
    assert scrub("an EMPTY test", [Secret("EMPTY"), Secret("test")]) == "an EMPTY test"
