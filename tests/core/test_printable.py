"""A stranger's text in a sentence of ours: one printable line, bounded, without a secret."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.causes import FormRefused, IdleStall
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.printable import MESSAGE_CHARS_MAX, NAME_CHARS_MAX, SENTENCE_CHARS_MAX, named, printable
from riverrun.engine.core.secret import SCRUBBED_CHARS_MIN, Secret

CANARY = "sk-canary-0123456789abcdef"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain, ünïcode, 漢字", "plain, ünïcode, 漢字"),
        ("a\nERROR forged", "a\\nERROR forged"),
        ("a\r\x1b[31mred\x00", "a\\r\\x1b[31mred\\x00"),
        ("a\u2028b\u202ec\ufeff\x85", "a\\u2028b\\u202ec\\ufeff\\x85"),
        ("\ud800", "\\ud800"),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 200 + "…"),
    ],
)
def test_a_stranger_s_text_is_one_printable_line_of_bounded_length(text: str, safe: str) -> None:
    assert printable(text) == safe


@given(st.text(st.characters(), max_size=300), st.integers(1, 250))
def test_whatever_it_is_it_is_printable_and_bounded(text: str, chars_max: int) -> None:
    safe = printable(text, chars_max)
    assert safe.isprintable()
    assert len(safe) <= chars_max + 1
    assert safe.encode() or not text
    assert printable(safe, chars_max) == safe


@given(st.integers(0, 250), st.integers(1, 250), st.integers(1, 250))
def test_no_cut_leaves_a_key_though_one_came_before_the_secrets_were_known(before: int, first: int, then: int) -> None:
    cut = printable("x" * before + CANARY + "y" * 300, first)
    assert CANARY[:SCRUBBED_CHARS_MIN] not in printable(cut, then, secrets=[Secret(CANARY)])
    assert CANARY[:SCRUBBED_CHARS_MIN] not in printable("x" * before + CANARY, then, secrets=[Secret(CANARY)])


def test_a_name_may_be_a_number_of_thousands_of_digits() -> None:
    assert named(10**4000) == "1" + "0" * (NAME_CHARS_MAX - 1) + "…"
    assert named(None) == "None"


def test_a_cause_that_was_read_from_a_file_is_one_printable_line() -> None:
    for cause in (FormRefused("a\nb\ud800" * 1000), IdleStall("a\nb\ud800" * 1000)):
        assert str(cause).isprintable()
        assert len(str(cause)) < MESSAGE_CHARS_MAX


def test_an_error_is_one_line_whoever_wrote_the_failure() -> None:
    error = Failure(FailureKind.PROVIDER, "a\nb" * 10_000).to_error()
    assert str(error).isprintable()
    assert len(str(error)) == SENTENCE_CHARS_MAX + 1
