"""What it costs to turn bytes into events, step by step and without a network: why stdlib json and a learned shape.

    python benchmarks/bench_decode.py
    python benchmarks/bench_decode.py --rounds 20 --json

The first table reads the text out of one delta in every way that came into question: the standard library's json,
orjson, msgspec with typed structs, and what riverrun does on its hot path (what repeats from chunk to chunk is compared
as text; the rest is parsed by json). The second adds up what an event costs on its way through riverrun. orjson and
msgspec are dependencies of this benchmark only (`pip install --group bench`); rows of what is absent are left out.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from report import best_and_median, machine, table
from stream_bytes import DELTA_CHARS, WIRES, anthropic_delta, openai_delta, pieces, stream_events

from riverrun.engine.core.accumulator import Accumulator
from riverrun.engine.core.failures import Failure, FailureKind
from riverrun.engine.core.framing import SSEReader
from riverrun.engine.core.journal import encode_entry
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.seam import Aligner
from riverrun.engine.core.stream_events import StreamEvent, TextDelta
from riverrun.providers.anthropic.decode import AnthropicDecoder
from riverrun.providers.openai_chat.decode import OpenAIChatDecoder
from riverrun.providers.openai_chat.fast_path import learn
from riverrun.providers.wire.json import read_object

READ_BYTES = 64 * 1024
Step: TypeAlias = Callable[[], object]


def measure(step: Step, count: int, rounds: int) -> list[float]:
    """Return the microseconds of one of `count` things that a step does, by round; the first is not counted."""
    figures: list[float] = []
    for number in range(rounds + 1):
        gc.collect()
        began = time.process_time()
        step()
        taken_s = time.process_time() - began
        if number:
            figures.append(taken_s / count * 1e6)
    return figures


# -- the JSON of one delta ------------------------------------------------------------------------------------------


def json_steps(wire: str, rows: Sequence[str]) -> Iterator[tuple[str, Callable[[str], str]]]:
    """Name every way to read the text out of a delta's JSON."""

    def path_of(value: Any) -> str:
        text: str = value["choices"][0]["delta"]["content"] if wire == "openai" else value["delta"]["text"]
        return text

    yield "json.loads", lambda data: path_of(json.loads(data))
    yield "json as riverrun reads it (no NaN, depth bound)", lambda data: path_of(read_object(data))
    with suppress(ImportError):
        import orjson

        yield "orjson.loads", lambda data: path_of(orjson.loads(data))
    with suppress(ImportError):
        yield "msgspec, typed", _msgspec_reader(wire)
    if wire == "openai":
        shape = learn(rows[0], json.loads(rows[0]), "content")
        assert shape is not None
        yield "riverrun's learned shape", shape.read
    else:
        yield "riverrun's kept head", _head_reader(rows[0])


def _msgspec_reader(wire: str) -> Callable[[str], str]:
    import msgspec

    if wire == "openai":
        delta = msgspec.defstruct("Delta", [("content", str)])
        choice = msgspec.defstruct("Choice", [("delta", delta)])
        decode = msgspec.json.Decoder(msgspec.defstruct("Chunk", [("choices", list[choice])])).decode  # type: ignore[valid-type]
        return lambda data: str(decode(data).choices[0].delta.content)
    text = msgspec.defstruct("TextDelta", [("text", str)])
    decode = msgspec.json.Decoder(msgspec.defstruct("Event", [("delta", text)])).decode
    return lambda data: str(decode(data).delta.text)


def _head_reader(row: str) -> Callable[[str], str]:
    """Do as the hot path of `AnthropicDecoder.feed` does with one frame."""
    head = row[: row.index('"text":"') + len('"text":"')]

    def read(data: str) -> str:
        if data.startswith(head):
            text, _, rest = data[len(head) :].partition('"')
            if text and text.isprintable() and "\\" not in text and rest.replace(" ", "") == "}}":
                return text
        return ""

    return read


def measure_json(wire: str, events: int, rounds: int) -> dict[str, list[float]]:
    """Read the deltas of an answer in every way."""
    encode = openai_delta if wire == "openai" else anthropic_delta
    rows = [encode(text).decode().partition("data: ")[2].rstrip() for text in pieces(events)]
    figures: dict[str, list[float]] = {}
    for name, read in json_steps(wire, rows):
        assert read(rows[1]) == pieces(2)[1]
        figures[name] = measure(lambda read=read: [read(row) for row in rows], events, rounds)  # type: ignore[misc]
    return figures


# -- the way of an event --------------------------------------------------------------------------------------------


def decoder_of(wire: str, *, is_fast: bool) -> OpenAIChatDecoder | AnthropicDecoder:
    """Make a decoder, with its hot path or without."""

    def read_error(_error: object) -> Failure:
        return Failure(FailureKind.PROVIDER, "an error event")

    if wire == "openai":
        return OpenAIChatDecoder(Limits(), read_error=read_error, is_fast=is_fast)
    return AnthropicDecoder("anthropic/m", Limits(), read_error=read_error, is_fast=is_fast)


def way_steps(wire: str, events: int) -> Iterator[tuple[str, Step]]:
    """Name the steps of riverrun, each alone."""
    chunks = stream_events(wire, pieces(events))
    body = b"".join(chunks)
    reads = [body[at : at + READ_BYTES] for at in range(0, len(body), READ_BYTES)]
    deltas = [TextDelta(text) for text in pieces(events)]
    half = pieces(events)

    def feed_all(feed: Callable[[bytes], object], data: Sequence[bytes]) -> None:
        for read in data:
            feed(read)

    def fold_each() -> None:
        fold = Accumulator(Limits()).fold
        for delta in deltas:
            fold(delta)

    def fold_reads() -> None:
        accumulator, size = Accumulator(Limits()), READ_BYTES // len(chunks[-10])
        accumulator.fold(deltas[0])
        for at in range(1, len(deltas), size):
            accumulator.fold_texts(deltas[at : at + size])

    def align() -> None:
        aligner = Aligner("What was said before. ", searches=True)
        for text in half:
            aligner.feed(text)

    yield "framing, reads of 64 KiB", lambda: feed_all(_framing().feed, reads)
    yield "framing, one event a read", lambda: feed_all(_framing().feed, chunks)
    yield "bytes to events, reads of 64 KiB", lambda: feed_all(decoder_of(wire, is_fast=True).feed, reads)
    yield "bytes to events, one event a read", lambda: feed_all(decoder_of(wire, is_fast=True).feed, chunks)
    yield "bytes to events, every chunk parsed", lambda: feed_all(decoder_of(wire, is_fast=False).feed, reads)
    yield "fold, one by one", fold_each
    yield "fold, a read of nothing but text", fold_reads
    yield "seam, once it is decided", align
    yield "journal entry (merged, encoded)", lambda: encode_entry(list[StreamEvent](deltas))


def _framing() -> SSEReader:
    return SSEReader(line_bytes_max=Limits().line_bytes_max, event_bytes_max=Limits().event_bytes_max)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="bench_decode.py"
    )
    parser.add_argument("--events", type=int, default=20_000, help="text deltas of an answer (20000)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds (9)")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    options = parser.parse_args(arguments)
    out: dict[str, Any] = {"machine": machine(), "unit": "microseconds of processor time an event", "figures": {}}
    for wire in WIRES:
        rows_of_json = measure_json(wire, options.events, options.rounds)
        way = {name: measure(step, options.events, options.rounds) for name, step in way_steps(wire, options.events)}
        out["figures"][wire] = {"json": rows_of_json, "way": way}
        if not options.json:
            _print(f"{wire}: the text of one delta, µs", rows_of_json)
            _print(f"{wire}: an event of {DELTA_CHARS} characters, µs", way)
    print(json.dumps(out) if options.json else out["machine"])


def _print(title: str, figures: dict[str, list[float]]) -> None:
    rows = [[name, *(f"{value:.2f}" for value in best_and_median(values))] for name, values in figures.items()]
    print(table([title, "best", "median"], rows), "", sep="\n", flush=True)


if __name__ == "__main__":
    main()
