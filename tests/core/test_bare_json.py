"""JSON in a stream of events without `data:` is an event of its own, whole as soon as its last bracket is there."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import pytest

from riverrun.engine.core.framing import SSEReader

BEFORE = b'data: {"a": 1}\n\n'
AFTER = b"data: [DONE]\n\n"
ERROR = b'{"error": {"message": "no {room] \\"now\\"", "code": 503}}'
LAID_OUT = b'{\n  "error": {\n\t"message": "no {room]",\n  "codes": [\n 1\n ]\n}\n}'


def read(body: bytes, *, size: int | None = None, **limits: int) -> tuple[list[str], str | None, Any]:
    reader = SSEReader(**{"line_bytes_max": 2**20, "event_bytes_max": 2**20, **limits})
    pieces = [body] if size is None else [body[at : at + size] for at in range(0, len(body), size)]
    texts = [event.data for piece in pieces for event in reader.feed(piece)]
    cut = reader.close()
    return texts, cut and cut.data, reader


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("error", [ERROR, LAID_OUT, b"[" + ERROR + b"]", b"[" + LAID_OUT + b"\n]"])
@pytest.mark.parametrize("behind", [b"", b"\n", b": ping\n"])
def test_it_is_an_event_wherever_it_stands(size: int | None, end: bytes, error: bytes, behind: bytes) -> None:
    body = (BEFORE + error + b"\n" + behind + AFTER).replace(b"\n", end)
    texts, cut, reader = read(body, size=size)
    assert (texts, cut) == (['{"a": 1}', error.decode(), "[DONE]"], None)
    assert (reader.bare, reader.defect) == (1, None)


@pytest.mark.parametrize("size", [None, 1, 7])
@pytest.mark.parametrize("error", [ERROR, LAID_OUT])
def test_one_that_the_end_of_the_body_cuts_is_the_cut_event(size: int | None, error: bytes) -> None:
    for end in range(1, len(error)):
        if error[end - 1 : end] not in b"\r\n":
            assert read(BEFORE + error[:end], size=size)[:2] == (['{"a": 1}'], error[:end].decode())


def test_an_event_whose_blank_line_is_missing_ends_before_it() -> None:
    assert read(b'event: x\ndata: {"a": 1}\n{"b": 2}\n' + AFTER)[0] == ['{"a": 1}', '{"b": 2}', "[DONE]"]


def test_a_data_line_may_begin_what_other_lines_go_on_with() -> None:
    assert read(b"data: " + LAID_OUT + b"\n\n" + AFTER)[0] == [LAID_OUT.decode(), "[DONE]"]


def test_its_name_and_id_are_the_events() -> None:
    reader = SSEReader(line_bytes_max=99, event_bytes_max=99)
    assert reader.feed(b'id: 7\nevent: error\n{"error": 1}\ndata: x\n\n')[0] == ("error", '{"error": 1}', "7")


@pytest.mark.parametrize("line", [b"[INFO] started", b"{not json}", b' "a"', b"  x", b"}", b"[1", b"[]", b"x {"])
def test_a_line_that_begins_no_value_is_passed_over(line: bytes) -> None:
    texts, cut, reader = read(BEFORE + line + b"\n" + AFTER)
    assert (texts, cut, reader.bare) == (['{"a": 1}', "[DONE]"], None, 0)


@pytest.mark.parametrize("size", [None, 1, 64])
def test_it_is_bounded_as_any_event_is(size: int | None) -> None:
    body = BEFORE + b'{"error":\n' + b'"x",\n' * 100
    texts, _, reader = read(body, size=size, event_bytes_max=99)
    assert texts == ['{"a": 1}']
    assert "event_bytes_max" in reader.defect


@pytest.mark.parametrize("line", [b'{"' + b'\\"' * 2**19, b'{"":' * 2**18, b'{"a\n' + b' "\n' * 2**18])
def test_a_hostile_one_costs_no_more_than_its_bytes(line: bytes) -> None:
    began = perf_counter()
    read(line + b"\n", line_bytes_max=2**24, event_bytes_max=2**24)
    assert perf_counter() - began < 5
