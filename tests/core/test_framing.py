"""What the readers of frames promise, on the standard's own cases, samples of ours, and any bytes in any chunks."""

from __future__ import annotations

import json
import re
import tracemalloc
from base64 import b64decode
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from riverrun.engine.core.framing import NDJSONReader, ServerSentEvent, SSEReader

ROOMY = 1 << 24


class Reading(NamedTuple):
    """Everything a reader says about a body."""

    events: list[ServerSentEvent]
    cut: ServerSentEvent | None
    retry_ms: int | None
    last_event_id: str
    comments: int
    replaced: int
    defect: str | None


def read_sse(chunks: Sequence[bytes], line_bytes_max: int = ROOMY, event_bytes_max: int = ROOMY) -> Reading:
    reader = SSEReader(line_bytes_max=line_bytes_max, event_bytes_max=event_bytes_max)
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    cut = reader.close()
    return Reading(events, cut, reader.retry_ms, reader.last_event_id, reader.comments, reader.replaced, reader.defect)


def read_lines(chunks: Sequence[bytes], line_bytes_max: int = ROOMY) -> tuple[list[str], str | None, int, str | None]:
    reader = NDJSONReader(line_bytes_max=line_bytes_max)
    lines = [line for chunk in chunks for line in reader.feed(chunk)]
    last = reader.close()
    return lines, last, reader.replaced, reader.defect


def by_byte(body: bytes) -> list[bytes]:
    return [body[i : i + 1] for i in range(len(body))]


def message(data: str, event: str = "message", last_event_id: str = "") -> ServerSentEvent:
    return ServerSentEvent(event, data, last_event_id)


def read_as_the_standard_says(body: bytes) -> list[ServerSentEvent]:
    """WHATWG HTML § 9.2.6 as it is written, over the whole body: slow, and plain to compare with the text."""
    *lines, _unfinished = re.split("\r\n|\n|\r", body.decode(errors="replace").removeprefix("\ufeff"))
    events, data, event, last_event_id = [], "", "", ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append(ServerSentEvent(event or "message", data.removesuffix("\n"), last_event_id))
            data, event = "", ""
        elif name == "data":
            data += value + "\n"
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_event_id = value
    return events


@st.composite
def chunked(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> tuple[bytes, list[bytes]]:
    body = draw(bodies)
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=12)))
    return body, [body[a:b] for a, b in pairwise([0, *cuts, len(body)])]


PIECES = (
    *(
        b"\n",
        b"\n",
        b"\n\n",
        b"\r",
        b"\r\n",
        b"data",
        b"data:",
        b"data: ",
        b"event: ",
        b"id",
        b"id: ",
        b"retry: ",
        b":",
    ),
    *(
        b" ",
        b"\0",
        b"7",
        b"x",
        b"ok",
        b"\xef\xbb\xbf",
        b"\xef",
        b"\xbb",
        b"\xff",
        b"\xe2\x80\xa8",
        b"\xe2\x80",
        b"\xc2\x85",
    ),
    *(b"\xf0\x9f\x98\x80", b"\x0b", b"\x0c", b"\x1c"),
)
hostile_bodies = st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join) | st.binary(max_size=80)


# --- the standard's own cases ---------------------------------------------------------------------------------------


def sse_cases(shared: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((shared / "cases" / "sse_cases.json").read_text())["cases"]
    return cases


def check_case(case: dict[str, Any], chunks: Sequence[bytes]) -> None:
    reading = read_sse(chunks)
    expected = [ServerSentEvent(e["event"], e["data"], e["id"]) for e in case["expect"]]
    assert reading.events == expected, case["id"]
    assert reading.last_event_id == case["final_last_event_id"], case["id"]
    assert reading.retry_ms == case["final_retry_ms"], case["id"]
    assert (reading.replaced, reading.defect) == (0, None), case["id"]


def test_every_case_of_the_standard_and_of_eventsource_parser_holds_whole_and_byte_by_byte(shared: Path) -> None:
    for case in sse_cases(shared):
        body = b64decode(case["input_b64"])
        check_case(case, [body])
        check_case(case, by_byte(body))
        check_case(case, [b64decode(chunk) for chunk in case.get("chunks_b64", [case["input_b64"]])])


def test_every_case_holds_at_every_split_in_two(shared: Path) -> None:
    for case in sse_cases(shared):
        body = b64decode(case["input_b64"])
        for at in range(len(body) + 1):
            check_case(case, [body[:at], body[at:]])


def test_every_case_holds_at_random_splits(shared: Path) -> None:
    cases = sse_cases(shared)

    @given(st.data())
    def holds(data: st.DataObject) -> None:
        case = data.draw(st.sampled_from(cases))
        _, chunks = data.draw(chunked(st.just(b64decode(case["input_b64"]))))
        check_case(case, chunks)

    holds()


# --- laws ---------------------------------------------------------------------------------------------------------


@given(chunked(hostile_bodies))
@example((b"\xef\xbb\xbfdata: 1\n\n", [b"\xef", b"\xbb", b"\xbfdata: 1\n\n"]))
@example((b"data: 1\r\ndata: 2\n\n", [b"data: 1\r", b"\ndata: 2\n\n"]))
@example((b"data: 1\r\n\r\n", [b"data: 1\r", b"", b"\n\r", b"", b"\n"]))
def test_chunking_changes_nothing(body_and_chunks: tuple[bytes, list[bytes]]) -> None:
    body, chunks = body_and_chunks
    assert read_sse(chunks) == read_sse([body]) == read_sse(by_byte(body))


@given(chunked(hostile_bodies), st.integers(1, 12), st.integers(1, 30))
@example((b"\xef\xbb\xbf", []), 1, 1)  # the BOM was held against the bound of a line while it came in pieces
def test_chunking_changes_nothing_where_bounds_are_exceeded(
    body_and_chunks: tuple[bytes, list[bytes]], line_bytes_max: int, event_bytes_max: int
) -> None:
    body, chunks = body_and_chunks
    whole = read_sse([body], line_bytes_max, event_bytes_max)
    assert read_sse(chunks, line_bytes_max, event_bytes_max) == whole
    assert read_sse(by_byte(body), line_bytes_max, event_bytes_max) == whole


@given(chunked(hostile_bodies))
def test_any_bytes_are_read_as_the_standard_says(body_and_chunks: tuple[bytes, list[bytes]]) -> None:
    body, chunks = body_and_chunks
    assert read_sse(chunks).events == read_as_the_standard_says(body)


field_texts = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)


@st.composite
def written_events(draw: st.DrawFn) -> tuple[list[ServerSentEvent], bytes]:
    """Events, and one of the many ways to write them."""
    events, body, last_event_id = [], b"\xef\xbb\xbf" * draw(st.booleans()), ""
    for _ in range(draw(st.integers(0, 5))):
        data, event = draw(st.lists(field_texts, min_size=1, max_size=3)), draw(field_texts)
        end, space = draw(st.sampled_from(["\n", "\r\n", "\r"])), " "
        lines = [f"event:{space}{event}"] if event else []
        if draw(st.booleans()):
            last_event_id = draw(field_texts).replace("\0", "")
            lines.append(f"id:{space}{last_event_id}")
        lines += [f"data:{space}{line}" for line in data]
        lines += [": a comment"] * draw(st.integers(0, 1))
        body += (end.join(draw(st.permutations(lines[: -len(data)])) + lines[-len(data) :]) + end * 2).encode()
        events.append(ServerSentEvent(event or "message", "\n".join(data), last_event_id))
    return events, body


@given(written_events(), st.data())
def test_what_was_written_is_read_in_any_chunks(
    written: tuple[list[ServerSentEvent], bytes], data: st.DataObject
) -> None:
    events, body = written
    _, chunks = data.draw(chunked(st.just(body)))
    reading = read_sse(chunks)
    assert (reading.events, reading.cut, reading.replaced) == (events, None, 0)


class CountingBuffer(bytearray):
    """A buffer that counts the bytes that go in and out of it."""

    bytes_copied = 0

    def __iadd__(self, more: Any) -> CountingBuffer:
        self.bytes_copied += len(more)
        super().__iadd__(more)
        return self

    def __bytes__(self) -> bytes:
        self.bytes_copied += len(self)
        return bytes(memoryview(self))


@pytest.mark.parametrize(
    "reader", [SSEReader(line_bytes_max=ROOMY, event_bytes_max=ROOMY), NDJSONReader(line_bytes_max=ROOMY)]
)
def test_a_long_line_in_small_chunks_is_copied_in_once_and_out_once(reader: SSEReader | NDJSONReader) -> None:
    reader.feed(b"data: begins\n\n")
    buffer = CountingBuffer()
    reader._tail = buffer
    for _ in range(50_000):
        reader.feed(b"0123456789")
    reader.feed(b"\n\n")
    assert reader._tail is buffer
    assert buffer.bytes_copied == 2 * 500_000


def test_a_long_event_of_many_lines_is_counted_once_a_line() -> None:
    lines_checked = 0

    class Counted(SSEReader):
        def _check_bounds(self, lines: list[bytes]) -> list[bytes]:
            nonlocal lines_checked
            lines_checked += len(lines)
            return super()._check_bounds(lines)

    reader = Counted(line_bytes_max=ROOMY, event_bytes_max=ROOMY)
    for _ in range(10_000):
        reader.feed(b"data: x\n")
    assert reader.feed(b"\n") == [message("\n".join("x" * 10_000))]
    assert lines_checked == 10_001


# --- samples ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"data: a\n\n", ["a"]),
        (b"data:a\n\ndata:  b\n\n", ["a", " b"]),
        (b"data: a\ndata: b\n\n", ["a\nb"]),
        (b"data\n\n", [""]),
        (b"data\ndata\n\n", ["\n"]),
        (b"event: ping\n\n", []),
        (b"\n\n\n", []),
        (b"data: a\r\rdata: b\r\n\r\ndata: c\n\n", ["a", "b", "c"]),
        (b"data: a\r\ndata: b\r\n\r\n", ["a\nb"]),
        (b"data: a\n\xef\xbb\xbfdata: b\n\n", ["a"]),
        ("data: a\u2028b\u2029c\u0085d\x0b\x0c\x1c\x1ee\n\n".encode(), ["a\u2028b\u2029c\u0085d\x0b\x0c\x1c\x1ee"]),
        ("data: né 😀\n\n".encode(), ["né 😀"]),
    ],
)
def test_data_is_what_stands_between_blank_lines(body: bytes, data: list[str]) -> None:
    for chunks in ([body], by_byte(body)):
        assert read_sse(chunks).events == [message(text) for text in data]


def test_one_bom_is_dropped_even_in_pieces_and_only_at_the_start() -> None:
    for chunks in ([b"\xef\xbb\xbfdata: a\n\n"], [b"\xef", b"\xbb", b"\xbf", b"data: a\n\n"]):
        assert read_sse(chunks).events == [message("a")]
    assert read_sse([b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n"]).events == []
    assert read_sse([b"\xef\xbb", b"data: a\n\n"]).events == []


def test_a_body_of_half_a_bom_is_nothing() -> None:
    assert read_sse([b"\xef\xbb"]) == Reading([], None, None, "", 0, 0, None)


def test_a_cr_ends_the_event_at_once_and_the_lf_after_it_ends_nothing() -> None:
    reader = SSEReader(line_bytes_max=ROOMY, event_bytes_max=ROOMY)
    assert reader.feed(b"data: a\r\n\r") == [message("a")]
    assert reader.feed(b"\ndata: b\n") == []
    assert reader.feed(b"\n") == [message("b")]


def test_an_event_name_holds_for_its_own_event_only() -> None:
    assert read_sse([b"event: x\ndata: 1\n\ndata: 2\n\nevent: y\n\ndata: 3\n\n"]).events == [
        message("1", "x"),
        message("2"),
        message("3"),
    ]


def test_comments_are_counted_and_say_nothing() -> None:
    reading = read_sse([b": keep-alive\n\n:\n", b"data: a\n:b\n\n"])
    assert (reading.events, reading.comments) == ([message("a")], 3)


def test_an_id_is_committed_by_the_blank_line_and_stays() -> None:
    reading = read_sse([b"id: 1\ndata: a\n\ndata: b\n\nid: 2\n\ndata: c\n\nid: 3\n"])
    assert [event.last_event_id for event in reading.events] == ["1", "1", "2"]
    assert reading.last_event_id == "2"


def test_an_id_that_holds_nul_is_ignored() -> None:
    assert read_sse([b"id: 1\nid: a\0b\ndata: x\n\n"]).last_event_id == "1"


@pytest.mark.parametrize(
    "retry", [b"+1", b"-1", b"1.5", b"1 ", b"", b"\xd9\xa1", b"\xc2\xb2", b"9" * 16, b"9" * 5000, b"1_0"]
)
def test_a_retry_that_is_not_plain_digits_is_ignored(retry: bytes) -> None:
    assert read_sse([b"retry: 30\nretry: " + retry + b"\n"]).retry_ms == 30


def test_invalid_bytes_are_replaced_and_counted_by_line() -> None:
    reading = read_sse([b"event: \xff\ndata: a\xffb\xfe\ndata: ok\ndata: \xe2\x82\n\n: \xff\nd\xffta: x\n\n"])
    assert reading.events == [message("a\ufffdb\ufffd\nok\n\ufffd", "\ufffd")]
    assert reading.replaced == 3


# --- the end ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b"data: a\n", "a"),
        (b"data: a\ndata: b\r", "a\nb"),
        (b"data: a", "a"),
        (b"data: a\ndata: b", "a\nb"),
        (b"data: a\ndat", "a"),
        (b"data: a\ndata", "a"),
        (b"data: a\nevent: x", "a"),
        (b"data:", ""),
        (b"data: caf\xc3", "caf"),
        (b"data: \xf0\x9f\x98", ""),
    ],
)
def test_an_event_without_its_blank_line_is_handed_over_as_cut(body: bytes, data: str) -> None:
    for chunks in ([body], by_byte(body)):
        reading = read_sse(chunks)
        assert (reading.events, reading.cut, reading.replaced) == ([], message(data), 0)


@pytest.mark.parametrize("body", [b"", b"data: a\n\n", b"event: x\n", b"id: 1", b": c", b"dat", b"data"])
def test_nothing_is_cut_where_no_data_is_pending(body: bytes) -> None:
    assert read_sse([body]).cut is None


def test_a_cut_event_keeps_its_name_and_id_but_commits_no_id() -> None:
    reading = read_sse([b"event: x\nid: 7\ndata: a"])
    assert (reading.cut, reading.last_event_id) == (message("a", "x", "7"), "")


def test_an_unfinished_id_names_nothing() -> None:
    assert read_sse([b"data: a\nid: 12"]).cut == message("a")


def test_a_closed_reader_reads_no_more() -> None:
    reader = SSEReader(line_bytes_max=ROOMY, event_bytes_max=ROOMY)
    reader.feed(b"data: a\n")
    assert reader.close() == message("a")
    assert (reader.feed(b"\ndata: b\n\n"), reader.close()) == ([], None)


# --- bounds -------------------------------------------------------------------------------------------------------


def test_a_line_at_its_bound_passes_and_one_byte_more_does_not() -> None:
    for chunks in ([b"data: 4567\n\n"], by_byte(b"data: 4567\n\n")):
        assert read_sse(chunks, line_bytes_max=10).events == [message("4567")]
        assert read_sse(chunks, line_bytes_max=9).defect == (
            "a line is longer than 9 bytes; expected at most 9 (line_bytes_max)"
        )


def test_an_endless_line_is_refused_before_it_ends() -> None:
    reader = SSEReader(line_bytes_max=100, event_bytes_max=ROOMY)
    reader.feed(b"data: 1\n\ndata: " + b"x" * 90)
    assert reader.defect is None
    reader.feed(b"xxxxx")
    assert reader.defect is not None


def test_an_event_at_its_bound_passes_and_one_byte_more_does_not() -> None:
    body = b": any\ndata: 12\n: number\ndata\n: of comments\n\n"  # 9 + 5 bytes of data lines
    for chunks in ([body], by_byte(body), [body[:20], body[20:]], [body[:6], body[6:15], body[15:]]):
        assert read_sse(chunks, event_bytes_max=14).events == [message("12\n")]
        assert read_sse(chunks, event_bytes_max=13).defect == (
            "an event is longer than 13 bytes; expected at most 13 (event_bytes_max)"
        )


def test_a_chunk_of_whole_events_that_finds_nothing_pending_is_held_to_the_bounds_too() -> None:
    reader = SSEReader(line_bytes_max=10, event_bytes_max=ROOMY)
    assert reader.feed(b"data: a\n\n") == [message("a")]
    assert reader.feed(b"data: b\n\ndata: 12345\n\n") == [message("b")]
    assert reader.defect is not None


def test_the_bound_of_an_event_counts_each_event_anew() -> None:
    body = b"data: 1\n\n" * 50
    for chunks in ([body], by_byte(body), [body[:13], body[13:]]):
        assert read_sse(chunks, event_bytes_max=8).events == [message("1")] * 50


def test_what_came_before_a_defect_is_kept_and_nothing_after_it_is_read() -> None:
    reader = SSEReader(line_bytes_max=10, event_bytes_max=ROOMY)
    assert reader.feed(b"data: a\n\ndata: 12345\n\ndata: b\n\n") == [message("a")]
    assert reader.defect is not None
    assert (reader.feed(b"data: c\n\n"), reader.close()) == ([], None)


# --- lines of JSON --------------------------------------------------------------------------------------------------


@given(chunked(hostile_bodies), st.integers(1, 40))
def test_chunking_changes_no_line(body_and_chunks: tuple[bytes, list[bytes]], line_bytes_max: int) -> None:
    body, chunks = body_and_chunks
    whole = read_lines([body], line_bytes_max)
    assert read_lines(chunks, line_bytes_max) == whole == read_lines(by_byte(body), line_bytes_max)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.lists(json_values, max_size=5), st.sampled_from(["\n", "\r\n", "\n\n", " \n"]), st.booleans(), st.data())
def test_values_written_a_line_each_are_read_in_any_chunks(
    values: list[Any], end: str, is_terminated: bool, data: st.DataObject
) -> None:
    text = end.join(json.dumps(value, ensure_ascii=False) for value in values) + end * is_terminated
    _, chunks = data.draw(chunked(st.just(text.encode(errors="replace"))))
    lines, last, replaced, defect = read_lines(chunks)
    expected = [json.loads(json.dumps(value, ensure_ascii=False).encode(errors="replace")) for value in values]
    assert [json.loads(line) for line in [*lines, *([last] if last else [])]] == expected
    assert (replaced, defect) == (0, None)


def test_blank_lines_are_skipped_and_only_lf_ends_a_line() -> None:
    lines, last, _, _ = read_lines(["\n \r\n{}\r\n\n[1,\r2]\n\u2028\n  ".encode()])
    assert (lines, last) == (["{}", "[1,\r2]", "\u2028"], None)


def test_an_unterminated_last_line_is_handed_over_at_the_end() -> None:
    assert read_lines([b'{"a":1}\n{"b"', b":2}"]) == (['{"a":1}'], '{"b":2}', 0, None)
    assert read_lines([b'{"a": "\xe2\x82']) == ([], '{"a": "', 0, None)


def test_invalid_bytes_in_a_line_are_replaced_and_counted() -> None:
    assert read_lines([b'"\xff"\n"\xe2\x82"\n"a"\n']) == (['"\ufffd"', '"\ufffd"', '"a"'], None, 2, None)


def test_a_line_of_json_beyond_its_bound_is_a_defect_that_keeps_what_came_before() -> None:
    expected = (["1"], None, 0, "a line is longer than 3 bytes; expected at most 3 (line_bytes_max)")
    for chunks in ([b"1\n1234\n5\n"], by_byte(b"1\n1234\n5\n"), [b"1\n1234"]):
        assert read_lines(chunks, line_bytes_max=3) == expected


def test_a_closed_reader_of_lines_reads_no_more() -> None:
    reader = NDJSONReader(line_bytes_max=10)
    reader.feed(b"1")
    assert (reader.close(), reader.close(), reader.feed(b"2\n")) == ("1", None, [])


def test_an_id_that_is_longer_than_ids_are_is_not_kept() -> None:
    reading = read_sse([b"id: a\nid: " + b"b" * 1025 + b"\ndata: 1\n\nid: " + b"c" * 1024 + b"\ndata: 2\n\n"])
    assert reading.events == [message("1", last_event_id="a"), message("2", last_event_id="c" * 1024)]


def test_an_event_of_very_many_lines_is_held_in_few_pieces_and_copied_once() -> None:
    reader = SSEReader(line_bytes_max=ROOMY, event_bytes_max=ROOMY)
    for _ in range(500):
        assert reader.feed(b"data: ab\ndata\n" * 100) == []
    assert len(reader._data) < 1024 + 200 + 500
    (event,) = reader.feed(b"\n")
    assert event.data == "\n".join(["ab", ""] * 50_000)
    assert reader.feed(b"data: 1\ndata: 2\n\n") == [message("1\n2")]


@pytest.mark.parametrize("line", [b"data: ab\n", b"data:\n", b": c\n", b"id: 1\n", b"\n", b"event: x\n", b"x\n"])
def test_what_an_endless_row_of_short_lines_takes_is_less_than_three_times_the_bound(line: bytes) -> None:
    chunk, reader = line * 700, SSEReader(line_bytes_max=2**18, event_bytes_max=2**18)
    reader.feed(chunk)
    tracemalloc.start()
    for _ in range(40):
        assert len(reader.feed(chunk)) == 0
    held, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 3 * 2**18
