"""What the preview of partial JSON promises: it never raises, never goes back, and ends as the value itself."""

from __future__ import annotations

import json
import sys
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from riverrun.engine.core import partial_json
from riverrun.engine.core.partial_json import NOTHING, preview
from riverrun.engine.core.tool_json import DEPTH_MAX, parse_arguments


def is_below(a: Any, b: Any) -> bool:
    """The order of the module's law: what was shown may grow, and nothing else."""
    if a is NOTHING:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, str):
        return bool(b.startswith(a))
    if isinstance(a, list):
        return len(a) <= len(b) and all(map(is_below, a, b))
    if isinstance(a, dict):
        return list(a) == list(b)[: len(a)] and all(is_below(a[key], b[key]) for key in a)
    return bool(a == b)


def check_every_prefix(text: str) -> None:
    shown: Any = NOTHING
    for end in range(len(text) + 1):
        before, shown = shown, preview(text[:end])
        assert is_below(before, shown), (text[:end], before, shown)
        json.dumps(shown if shown is not NOTHING else None, ensure_ascii=False, allow_nan=False).encode()


json_texts = st.text(st.characters(exclude_categories=[]), max_size=6)  # lone surrogates too
plain_texts = st.text(max_size=6)


def json_objects(texts: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
    values = st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=8,
    )
    return st.dictionaries(texts, values, max_size=4)


layouts = st.fixed_dictionaries({"ensure_ascii": st.booleans(), "indent": st.sampled_from([None, 1, "\t"])})

PIECES = (
    *('{"', '"', '":', "{", "}", "[", "]", ",", ":", "\\", '\\"', "\\n", "\\u", "\\u00e9", "\\ud83d", "\\ude00"),
    *(
        "\ud83d",
        "\ude00",
        "😀",
        "a",
        "b",
        "0",
        "1",
        "-",
        ".",
        "e",
        "E+",
        "999",
        " ",
        "\n",
        "\0",
        "t",
        "true",
        "fals",
        "null",
    ),
    *("NaN", "Infinity", '"a":', '"a":1,', '{"a":[', '"}'),
)
hostile_texts = st.lists(st.sampled_from(PIECES), max_size=18).map("".join) | st.text(max_size=20)


# --- the law ------------------------------------------------------------------------------------------------------


@given(json_objects(json_texts), layouts)
@example({"a": "😀", "b": "\ud83d", "c": "\ud83d\ud83d\ude00", "\ude00": 1}, {"ensure_ascii": True})
@example({"a": -1.25e-7, "b": [12, True, None], "c": {"d": {}}}, {"indent": 1})
def test_every_prefix_of_a_document_shows_no_less_than_the_one_before(value: Any, layout: dict[str, Any]) -> None:
    check_every_prefix(json.dumps(value, **layout))


@given(hostile_texts)
@example('{"a":truth')
@example('{"a":[1,2},3')
@example('{"a":1,"a":"x"}')
@example('"\ud83d\\ude00\\ud83d\ude00"')
def test_every_prefix_of_any_text_shows_no_less_than_the_one_before(text: str) -> None:
    check_every_prefix(text)


@given(json_objects(plain_texts), layouts)
def test_the_preview_of_a_whole_object_is_the_object(value: Any, layout: dict[str, Any]) -> None:
    text = json.dumps(value, **layout)
    shown = preview(text)
    assert shown == parse_arguments(text) == value
    assert is_below(shown, value)  # types too: 1 is not 1.0, and not True


@given(json_texts, st.booleans())
def test_lone_surrogates_are_shown_as_replacement_characters(text: str, ensure_ascii: bool) -> None:
    encodable = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert preview(json.dumps({"a": text}, ensure_ascii=ensure_ascii)) == {"a": encodable}


@given(hostile_texts)
def test_what_parses_as_arguments_is_shown_whole(text: str) -> None:
    parsed = parse_arguments(text)
    assert parsed is None or "\ud83d" in text or "\\ud" in text or preview(text) == parsed


# --- samples ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", NOTHING),
        (" \n", NOTHING),
        ("x", NOTHING),
        ("n", None),
        ("{", {}),
        ('{"pa', {}),
        ('{"path"', {}),
        ('{"path":', {}),
        ('{"path": "', {"path": ""}),
        ('{"path": "src/m', {"path": "src/m"}),
        ('{"path": "src/m.py"}', {"path": "src/m.py"}),
        ('{"a": "x\\', {"a": "x"}),
        ('{"a": "x\\u00e', {"a": "x"}),
        ('{"a": "x\\u00e9', {"a": "xé"}),
        ('{"a": tr', {"a": True}),
        ('{"a": 12', {}),
        ('{"a": 12 ', {"a": 12}),
        ('{"a": 1.5e3,', {"a": 1500.0}),
        ('{"a": [1, 2', {"a": [1]}),
        ('{"a": {"b": [[', {"a": {"b": [[]]}}),
        ('{"a": 1} trailing', {"a": 1}),
    ],
)
def test_what_is_shown_of_a_partial_object(text: str, shown: Any) -> None:
    assert preview(text) == shown
    assert type(preview(text)) is type(shown)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('"\\ud83d', ""),
        ('"\\ud83d\\ude0', ""),
        ('"\\ud83d\\ude00', "😀"),
        ('"\\ud83dx', "\ufffdx"),
        ('"\\ud83d"', "\ufffd"),
        ('"\\ude00', "\ufffd"),
        ('"\\ud83d\\ud83d', "\ufffd"),
        ('"\ud83d', ""),
        ('"\ud83d\ude00', "😀"),
    ],
)
def test_a_high_surrogate_waits_for_its_pair_and_a_lone_one_is_replaced(text: str, shown: str) -> None:
    assert preview(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"a":1,"a":2,"b":3}', {"a": 1}),
        ('{"a":1,"\\u0061":{"b":1}}', {"a": 1}),
        ('{"a":"x","b":NaN,"c":1}', {"a": "x"}),
        ('{"a":[1,1e999,2]}', {"a": [1]}),
        ('{"a":[1,' + "9" * 5000 + ",2]}", {"a": [1]}),
        ('{"a":[01,2]}', {"a": []}),
        ('{"a":[1.,2]}', {"a": []}),
        ('{"a":"x\ny","b":1}', {"a": "x"}),
        ('{"a":"x\\qy","b":1}', {"a": "x"}),
        ("{'a':1}", {}),
        ('{"a":1]', {"a": 1}),
        ("[,1]", []),
    ],
)
def test_the_preview_stops_at_the_first_thing_that_arguments_may_not_hold(text: str, shown: Any) -> None:
    assert preview(text) == shown


def test_depth_is_bounded_and_costs_no_stack() -> None:
    for opening in ("[", '{"a":'):
        shown: Any = preview(opening * 100_000)
        depth = 0
        while shown:
            shown = shown[0] if isinstance(shown, list) else shown["a"]
            depth += 1
        assert depth == DEPTH_MAX - 1


def test_a_long_text_is_walked_token_by_token() -> None:
    """Counted in calls of Python functions: so many a value, whatever the length."""

    def calls(count: int) -> int:
        text, seen = '{"a":[' + '{"b":"x\\n","c":[1,true]},' * count, 0

        def count_call(frame: Any, event: str, argument: Any) -> None:
            nonlocal seen
            seen += event == "call" and frame.f_code.co_filename == partial_json.__file__

        sys.setprofile(count_call)
        try:
            preview(text)
        finally:
            sys.setprofile(None)
        return seen

    assert (calls(400) - calls(200)) == (calls(200) - calls(0))


def test_nothing_is_not_null() -> None:
    assert preview("") is NOTHING
    assert preview("null") is None
    assert repr(NOTHING) == "NOTHING"


# --- the cases of others ------------------------------------------------------------------------------------------

NUMBER_AT_THE_END = "a number at the end of the text may go on: shown at once, it would go back"

DIFFERS: dict[str, tuple[Any, str]] = {
    "[[], 123": ([[]], NUMBER_AT_THE_END),
    "-2.5e3": (NOTHING, NUMBER_AT_THE_END),
    "-2.5E3": (NOTHING, NUMBER_AT_THE_END),
    "2.5e3": (NOTHING, NUMBER_AT_THE_END),
    "2.5E3": (NOTHING, NUMBER_AT_THE_END),
    "2.5E": (NOTHING, NUMBER_AT_THE_END),
    "2.5E-": (NOTHING, NUMBER_AT_THE_END),
    "5e": (NOTHING, NUMBER_AT_THE_END),
    "-1.25e": (NOTHING, NUMBER_AT_THE_END),
    "-1.25e+": (NOTHING, NUMBER_AT_THE_END),
    '{"a": {"b": false}, "c": {"d": 2': ({"a": {"b": False}, "c": {}}, NUMBER_AT_THE_END),
    '{"a": {"b": "1"}, "c": {"d": 2': ({"a": {"b": "1"}, "c": {}}, NUMBER_AT_THE_END),
    '{"a": {"b": []}, "c": {"d": 2': ({"a": {"b": []}, "c": {}}, NUMBER_AT_THE_END),
    '{"a": {"b": {}}, "c": {"d": 2': ({"a": {"b": {}}, "c": {}}, NUMBER_AT_THE_END),
    '{"a": {"b": 1}, "c": {"d": 2': ({"a": {"b": 1}, "c": {}}, NUMBER_AT_THE_END),
}
"""Where the law asks for less than Vercel's policy gives: what is shown instead, and why."""


def partial_cases(shared: Path) -> Sequence[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((shared / "cases" / "partial_json_cases.json").read_text())["cases"]
    return cases


def policy_value(case: dict[str, Any]) -> Any:
    """What growing strings and completed literals give: Vercel, partial-json-parser, jiter's trailing-strings."""
    return NOTHING if case.get("empty") else case.get("value", case.get("partial_trailing_strings"))


def test_every_case_of_the_chosen_policy_holds_but_those_that_would_go_back(shared: Path) -> None:
    differing = set()
    for case in partial_cases(shared):
        if "property" not in case:
            expected = policy_value(case)
            if case["input"] in DIFFERS:
                differing.add(case["input"])
                expected, _ = DIFFERS[case["input"]]
                assert is_below(expected, policy_value(case))
            assert preview(case["input"]) == expected, case["input"]
    assert differing == set(DIFFERS)


def test_every_case_can_be_cut_anywhere(shared: Path) -> None:
    for case in partial_cases(shared):
        check_every_prefix(case["input"])


def test_the_texts_that_others_refuse_are_shown_as_far_as_they_are_sound(shared: Path) -> None:
    cases = json.loads((shared / "cases" / "partial_json_cases.json").read_text())["errors"]
    for case in cases:
        part, count = case.get("input_repeat", ("", 0))
        raw = b64decode(case.get("input_b64", "")).decode(errors="ignore")
        check_every_prefix((case.get("input", "") or part * count or raw)[:300])


def test_the_json_test_suite_never_raises_and_never_goes_back(shared: Path) -> None:
    for case in json.loads((shared / "cases" / "json_testsuite_cases.json").read_text())["cases"]:
        part, count = case.get("input_repeat", ("", 0))
        check_every_prefix((part * count or b64decode(case["input_b64"]).decode(errors="replace"))[:300])
