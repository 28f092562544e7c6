"""Pieces of arguments become the object they are pieces of, and never an object before their end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riverrun.engine.core.held_bytes import HeldBytes
from riverrun.engine.core.tool_json import parse_arguments
from riverrun.providers.gemini.arguments import ArgumentsWriter, read_path
from tests.providers.gemini_samples import piece

names = st.text(max_size=6)
leaves = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    leaves | st.text(max_size=9),
    lambda inner: st.lists(inner, min_size=1, max_size=3) | st.dictionaries(names, inner, min_size=1, max_size=3),
    max_leaves=10,
)


def pieces_of(value: Any, path: str, sizes: Iterator[int]) -> Iterator[dict[str, Any]]:
    """The pieces in which a model would stream a value, strings in several."""
    if isinstance(value, dict):
        for key, inner in value.items():
            quoted = json.dumps(key)
            yield from pieces_of(inner, f"{path}.{key}" if key.isalnum() else f"{path}[{quoted}]", sizes)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from pieces_of(inner, f"{path}[{index}]", sizes)
    elif isinstance(value, str):
        size = next(sizes)
        for at in range(0, len(value), size):
            yield piece(path, value[at : at + size], willContinue=True)
        yield piece(path, "")
    else:
        yield piece(path, value)


@given(st.dictionaries(names, values, max_size=4), st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_pieces_become_the_object_they_are_pieces_of(value: dict[str, Any], sizes: list[int]) -> None:
    writer = ArgumentsWriter(HeldBytes(10**6))
    written = ""
    for one in pieces_of(value, "$", iter(sizes * 1000)):
        written += writer.put(one)
        assert parse_arguments(written) is None
    written += writer.close()
    assert writer.defect is None
    assert (parse_arguments(written) if written else {}) == value


@given(st.text(alphabet=st.characters(codec="utf-16", exclude_categories=()), max_size=8))
def test_a_name_may_be_quoted_either_way(name: str) -> None:
    single = name.replace("\\", "\\\\").replace("'", "\\'")
    single = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in single if ord(c) < 0x10000)
    kept = "".join(c for c in name if ord(c) < 0x10000)
    assert read_path(f"$['{single}']") == (kept,)
    assert read_path(f"$[{json.dumps(name)}]") == (name,)


PATHS: dict[str, tuple[str | int, ...] | None] = {
    "$.a": ("a",),
    "$.a.b[0].c_d[12]": ("a", "b", 0, "c_d", 12),
    "$['a.b'].über": ("a.b", "über"),
    "$": None,
    "": None,
    "a": None,
    "$.": None,
    "$..a": None,
    "$.a[": None,
    "$.a[x]": None,
    "$.a[*]": None,
    "$['a": None,
    "$['\\x']": None,
    "$.a[99999999]": None,
    "$" + ".a" * 200: None,
}


@pytest.mark.parametrize("path", PATHS)
def test_paths(path: str) -> None:
    assert read_path(path) == PATHS[path]


OUT_OF_ORDER = {
    "a place that has passed": ["$.a.b", "$.c", "$.a.d"],
    "a value inside of a value": ["$.a", "$.a.b"],
    "a value twice": ["$.a", "$.b", "$.a"],
    "an index that was not reached": ["$.a[0]", "$.a[2]"],
    "an index that has passed": ["$.a[0]", "$.a[1]", "$.a[0]"],
    "an index of an object": ["$.a.b", "$.a[1]"],
    "a name of an array": ["$.a[0]", "$.a.b"],
    "an index of the whole": ["$[0]"],
    "no path": ["$"],
}


@pytest.mark.parametrize("name", OUT_OF_ORDER)
def test_a_piece_that_does_not_fit_is_a_defect(name: str) -> None:
    writer = ArgumentsWriter(HeldBytes(10**6))
    for path in OUT_OF_ORDER[name]:
        writer.put(piece(path, 1))
    assert "expected paths in the order of a document" in (writer.defect or "")
    assert writer.close() == ""


def test_a_piece_without_a_value_only_announces() -> None:
    writer = ArgumentsWriter(HeldBytes(10**6))
    assert writer.put({"jsonPath": "$.a", "willContinue": True}) == ""
    assert (writer.is_begun, writer.close()) == (False, "")


def test_halves_of_a_character_meet_in_the_written_text() -> None:
    writer = ArgumentsWriter(HeldBytes(10**6))
    written = writer.put(piece("$.a", "\ud83c")) + writer.put(piece("$.a", "\udf0d")) + writer.close()
    assert json.loads(written) == {"a": "🌍"}
