"""What reading the JSON of tool arguments promises: strict, never raising, and whole exactly when it is whole."""

from __future__ import annotations

import json
import re
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from riverrun.engine.core import tool_json
from riverrun.engine.core.tool_json import (
    DEPTH_MAX,
    INTEGER_DIGITS_MAX,
    ArgumentsScanner,
    explain_arguments,
    parse_arguments,
)

ROOMY = 1 << 24

json_texts = st.text(st.characters(exclude_categories=[]), max_size=8)  # lone surrogates too
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | json_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_texts, inner, max_size=4),
    max_leaves=12,
)
json_objects = st.dictionaries(json_texts, json_values, max_size=5)


@st.composite
def written_objects(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """An object, and one of the ways to write it."""
    value = draw(json_objects)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1, "\t"])))
    return value, draw(st.sampled_from(["", " ", "\r\n"])) + text


hostile_texts = st.lists(
    st.sampled_from(
        ['{"', '"', '":', "{", "}", "[", "]", ",", ":", "\\", '\\"', "\\u", "d83d", "a", "1", "-", " ", "null"]
    ),
    max_size=25,
).map("".join) | st.text(max_size=20)


def scan(*fragments: str, bytes_max: int = ROOMY) -> ArgumentsScanner:
    scanner = ArgumentsScanner(bytes_max=bytes_max)
    for fragment in fragments:
        scanner.feed(fragment)
    return scanner


def nested(depth: int) -> str:
    return '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1)


# --- parse_arguments ----------------------------------------------------------------------------------------------


@given(written_objects())
def test_every_object_is_read_as_it_was_written(written: tuple[dict[str, Any], str]) -> None:
    value, text = written
    assert parse_arguments(text) == value
    assert explain_arguments(text) is None


@given(hostile_texts)
def test_any_text_is_read_or_refused_with_a_reason(text: str) -> None:
    assert (parse_arguments(text) is None) == (explain_arguments(text) is not None)


REFUSED = {
    "": "saw nothing; expected a JSON object",
    " \n": "saw nothing; expected a JSON object",
    "null": "saw null; expected a JSON object",
    "true": "saw a boolean; expected a JSON object",
    "1.5": "saw a number; expected a JSON object",
    '"{}"': "saw a string; expected a JSON object",
    "[{}]": "saw an array; expected a JSON object",
    '{"a":NaN}': "saw NaN; expected finite numbers",
    '{"a":[-Infinity]}': "saw -Infinity; expected finite numbers",
    '{"a":1e999}': "saw a number beyond the range of a double; expected finite numbers",
    '{"a":-1e999}': "saw a number beyond the range of a double; expected finite numbers",
    '{"a":1,"a":2}': "saw a key twice in one object, with two values; expected each once",
    '{"a":1,"a":true}': "saw a key twice in one object, with two values; expected each once",
    '{"a":[1],"a":[1.0]}': "saw a key twice in one object, with two values; expected each once",
    '[{"b":{"a":1,"\\u0061":2}}]': "saw a key twice in one object, with two values; expected each once",
    '{"a":' + "9" * 5000 + "}": "saw an integer of 5000 digits; expected at most 640",
    '{"a":-' + "9" * 641 + "}": "saw an integer of 641 digits; expected at most 640",
    nested(129): "saw JSON nested deeper than 128; expected at most 128",
    '{"a":' + "[" * 50_000: "saw JSON nested deeper than 128; expected at most 128",
    '{"a":' + "[" * 100_000: "saw more than 65536 values; expected at most that (values_max)",
    '{"a":1': "saw invalid JSON at character 6 of 6 (expecting ',' delimiter); expected a JSON object",
    '{"a":1} x': "saw invalid JSON at character 8 of 9 (extra data); expected a JSON object",
    "{'a':1}": "saw invalid JSON at character 1 of 7 (expecting property name enclosed in double quotes); "
    "expected a JSON object",
}


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=[text[:20] for text in REFUSED])
def test_what_two_readers_could_understand_differently_is_refused(text: str, reason: str) -> None:
    assert parse_arguments(text) is None
    assert explain_arguments(text) == reason


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        ' {"a": 1}\r\n\t',
        '{"a":{"a":[{"a":1},{"a":2}]}}',
        '{"a":"\\ud800","\\udc00":1}',
        '{"a":1e-999,"b":-0,"c":1E+2}',
        '{"a":"' + "[{" * 200 + '"}',
        nested(DEPTH_MAX),
    ],
)
def test_what_is_unusual_and_plain_is_accepted(text: str) -> None:
    assert parse_arguments(text) == json.loads(text)


def test_integers_are_exact_up_to_their_bound_whatever_the_process_allows() -> None:
    digits_max = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert parse_arguments('{"a":-' + "9" * INTEGER_DIGITS_MAX + "}") == {"a": -(10**INTEGER_DIGITS_MAX) + 1}
        sys.set_int_max_str_digits(0)
        assert parse_arguments('{"a":' + "9" * 5000 + "}") is None
    finally:
        sys.set_int_max_str_digits(digits_max)


def call_with_frames_left(count: int, function: Callable[[], object]) -> object:
    frame, depth = sys._getframe(), 0
    while frame.f_back:
        frame, depth = frame.f_back, depth + 1

    def descend(frames: int) -> object:
        return function() if frames <= 0 else descend(frames - 1)

    return descend(sys.getrecursionlimit() - depth - count)


@pytest.mark.parametrize("text", [nested(DEPTH_MAX), '{"a":' + "[" * 127])
def test_no_recursion_error_escapes_to_a_caller_who_stands_deep(text: str) -> None:
    assert call_with_frames_left(30, lambda: parse_arguments(text)) in (None, parse_arguments(text))
    assert call_with_frames_left(30, lambda: explain_arguments(text) or "fine")


@given(hostile_texts)
def test_a_reason_never_quotes_the_text(text: str) -> None:
    canary = "planted-canary"
    for spiked in (f'{{"{canary}":1,"{canary}":2,{text}', f'{{"a":"{canary}{text}', f"{canary}{text}", f'"{canary}"'):
        assert canary not in (explain_arguments(spiked) or "")


# --- the scanner --------------------------------------------------------------------------------------------------


@given(written_objects(), st.integers(1, 5))
@example(({"a": '\\"'}, '{"a": "\\\\\\""}'), 1)
@example(({"}": "{["}, '{"}": "{["}'), 1)
def test_arguments_are_complete_after_their_last_character_and_not_before(
    written: tuple[dict[str, Any], str], size: int
) -> None:
    text = written[1]
    scanner = scan()
    for start in range(0, len(text), size):
        assert not scanner.is_complete
        scanner.feed(text[start : start + size])
    assert scanner.is_complete
    scanner.feed(" \r\n\t")
    assert scanner.is_complete


@given(hostile_texts, st.data())
def test_fragments_change_nothing(text: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    whole = scan(text)
    for scanner in (scan(text[:at], text[at:]), scan(*text), scan("", *text, "")):
        assert (scanner.is_complete, scanner.defect) == (whole.is_complete, whole.defect)


@given(hostile_texts, hostile_texts)
@example('{"a":1} x', "")
@example('{"a":' * DEPTH_MAX + "{", "}" * (DEPTH_MAX + 1))
def test_what_parses_is_complete_and_what_has_a_defect_never_parses(text: str, rest: str) -> None:
    scanner = scan(*text)
    assert scanner.is_complete or parse_arguments(text) is None
    assert scanner.defect is None or parse_arguments(text + rest) is None


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("[1]", "saw something other than an object; expected a JSON object"),
        (" \n null", "saw something other than an object; expected a JSON object"),
        ("\ufeff{}", "saw something other than an object; expected a JSON object"),
        ("{} {}", "saw more after the object's end; expected white space only"),
        ("{}}", "saw more after the object's end; expected white space only"),
        (nested(129), "saw arguments nested deeper than 128; expected at most 128"),
        ('{"a":"123456789012345678901"}', "the arguments are longer than 28 bytes; expected at most 28"),
        ('{"a":"ééééééééééé"}', "the arguments are longer than 28 bytes; expected at most 28"),
    ],
)
def test_a_defect_says_why_these_can_never_be_arguments(text: str, defect: str) -> None:
    bytes_max = 28 if "bytes" in defect else ROOMY
    for scanner in (scan(text, bytes_max=bytes_max), scan(*text, bytes_max=bytes_max)):
        assert (scanner.defect, scanner.is_complete) == (defect, False)


def test_arguments_at_their_bound_pass() -> None:
    assert scan('{"a":"ééééééééé"}', bytes_max=26).is_complete
    assert scan(nested(DEPTH_MAX)).is_complete


def test_nothing_arrived_is_neither_complete_nor_a_defect() -> None:
    for scanner in (scan(), scan(""), scan(" ", "\n")):
        assert (scanner.is_complete, scanner.defect) == (False, None)


class CountedPattern:
    """A pattern that counts the characters it goes over."""

    characters = 0

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern

    def _count(self, match: re.Match[str] | None, text: str, position: int) -> re.Match[str] | None:
        CountedPattern.characters += (match.end() if match else len(text)) - position
        return match

    def match(self, text: str, position: int) -> re.Match[str] | None:
        return self._count(self._pattern.match(text, position), text, position)

    def search(self, text: str, position: int) -> re.Match[str] | None:
        return self._count(self._pattern.search(text, position), text, position)


@pytest.mark.parametrize("size", [1, 7, 1000, 10**9])
def test_every_character_is_looked_at_once_whatever_the_fragments(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    for name in ("_STRUCTURE", "_STRING_END"):
        monkeypatch.setattr(tool_json, name, CountedPattern(getattr(tool_json, name)))
    monkeypatch.setattr(CountedPattern, "characters", 0)
    text = json.dumps({"text": 'a "quoted" line\n' * 2000, "items": [{"n": n} for n in range(2000)]})
    assert scan(*(text[start : start + size] for start in range(0, len(text), size))).is_complete
    assert len(text) // 2 < CountedPattern.characters <= len(text)


def test_a_scanner_keeps_no_text() -> None:
    scanner = scan('{"a":"', *["0123456789" * 100] * 100)
    assert sum(sys.getsizeof(getattr(scanner, name)) for name in scanner.__slots__) < 500


# --- the cases of others ------------------------------------------------------------------------------------------


def json_suite_texts(shared: Path) -> list[tuple[str, str, str]]:
    """(id, expectation, text); bytes that are no UTF-8 come as framing would hand them on."""
    cases = json.loads((shared / "cases" / "json_testsuite_cases.json").read_text())["cases"]
    texts = []
    for case in cases:
        part, count = case.get("input_repeat", ("", 0))
        text = part * count if count else b64decode(case["input_b64"]).decode(errors="replace")
        texts.append((case["id"], case["expect"], text))
    return texts


TWICE = {"y_object_duplicated_key.json"}
"""RFC 8259 lets a reader choose; for arguments that run something, ours refuses two values, and takes one."""


def test_the_json_test_suite_holds_as_far_as_it_is_about_objects(shared: Path) -> None:
    for name, expected, text in json_suite_texts(shared):
        parsed = parse_arguments(text)
        if expected == "accept" and text.lstrip().startswith("{"):
            assert (parsed is None) == (name in TWICE), name
        elif expected != "either, but never crash":
            assert parsed is None, name


def test_the_json_test_suite_holds_as_a_member_of_an_object(shared: Path) -> None:
    for name, expected, text in json_suite_texts(shared):
        parsed = parse_arguments(f'{{"member":{text}}}')
        if expected != "either, but never crash":
            assert (parsed is None) == (expected == "reject" or name in TWICE), name


def test_naughty_strings_survive_as_keys_and_values(shared: Path) -> None:
    strings: list[str] = json.loads((shared / "cases" / "naughty_strings.json").read_text())["strings"]
    for string in strings:
        text = json.dumps({string: [string]})
        assert parse_arguments(text) == {string: [string]}
        assert scan(*text).is_complete
