"""Every recording, cut at every event and at every byte of its beginning, once and twice in a row, by every fault.

The first attempt is the recording's own bytes; from the cut on a provider of ours goes on honestly. Whatever happens,
what was shown = what the run holds = what is stored = what the next request says was said; and the whole is exact
wherever it can be had: a run that had started a server-side tool refuses to run it twice and keeps what it has.

What the engine makes of a cut depends on what the decoder made of the bytes before it and on nothing else; so every
byte is decoded, and each distinct outcome goes through the whole engine by every kind of fault, once and twice (the six
longest recordings take the kinds in turn).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import frozen

import riverrun as rr
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.seam import OVERLAP_CHARS_MIN, OVERLAP_DISTINCT_MIN
from riverrun.engine.testing.loopback_wire import Wire
from riverrun.engine.testing.scripted import Step
from tests.conftest import require_shared, shared_path
from tests.law_runs import FAULTS, PROVIDERS, HonestNetwork, Whole, fault_steps, in_virtual_time, observe

pytestmark = [pytest.mark.laws, pytest.mark.recordings]

FIRST_BYTES = 2048
LONG_BYTES = 60_000
"""Above this a recording (there are six) takes the kinds of fault in turn, one a place, instead of all at each."""

WIRES = {"anthropic": Wire.ANTHROPIC, "openai-chat": Wire.OPENAI}
NAMES = {Wire.ANTHROPIC: "anthropic, by prefill", Wire.OPENAI: "openai, by quote"}


@frozen
class Recording:
    """One recording and what it is known to say."""

    name: str
    wire: Wire
    data: bytes
    whole: Whole
    has_server_tools: bool
    is_exact: bool

    def event_ends(self) -> list[int]:
        """Where each event ends."""
        return [i + 2 for i in range(len(self.data) - 1) if self.data[i : i + 2] == b"\n\n"]


def load(path: Path) -> Recording:
    """Read a recording and its expectation."""
    meta = json.loads(path.read_text())
    said = meta["expected"]
    calls = [call for call in said["tool_calls"] if call.get("args_complete", True) and isinstance(call["args"], dict)]
    text = said["text"] + said["refusal"]
    return Recording(
        name=meta["name"],
        wire=WIRES[path.parent.name],
        data=path.with_name(meta["file"]).read_bytes(),
        whole=Whole(text, tuple(rr.ToolCall(c["id"], c["name"], c["args"]) for c in calls)),
        has_server_tools=bool(said["server_tools"]),
        is_exact=bool(text.strip() or calls) and len(calls) == len(said["tool_calls"]),
    )


def all_paths() -> list[Path]:
    shared = shared_path()
    folders = [] if shared is None else [shared / "recordings" / api for api in WIRES]
    return [path for folder in folders for path in sorted(folder.glob("*.json"))]


def is_ambiguous(said: str, rest: str) -> bool:
    """Whether an honest continuation begins like a repetition of the end: nobody can tell the two by the text."""
    least = rest[:OVERLAP_CHARS_MIN]
    places = [at for at in range(max(len(said) - 1024, 0), len(said)) if said.startswith(least, at)] if least else []
    return any(rest.startswith(said[at:]) and len(set(said[at:])) >= OVERLAP_DISTINCT_MIN for at in places) or (
        len(rest) >= OVERLAP_CHARS_MIN and said.startswith(least)
    )


@frozen
class Cut:
    """Where the first attempt breaks, how, and whether the second breaks as well."""

    at: int
    kind: str
    twice: bool


def cuts_of(recording: Recording) -> Iterator[Cut]:
    """Every event, and every byte of the beginning that decodes to something new; by every kind, once and twice."""
    places = sorted({*recording.event_ends(), *distinct_bytes(recording)})
    ways = list(itertools.product(FAULTS, (False, True)))
    for number, at in enumerate(places):
        for kind, twice in ways if len(recording.data) <= LONG_BYTES else [ways[number % len(ways)]]:
            yield Cut(at, kind, twice)


def distinct_bytes(recording: Recording) -> Iterator[int]:
    """The first byte at which each distinct decoding is reached: the engine sees nothing else of a cut's place."""
    seen: set[str] = set()
    for at in range(min(FIRST_BYTES, len(recording.data)) + 1):
        decoder = PROVIDERS[NAMES[recording.wire]][1]().decoder(Limits())
        events = [*decoder.feed(recording.data[:at]), *decoder.close()]
        state = repr((events, decoder.is_complete, decoder.defect))
        if state not in seen:
            seen.add(state)
            yield at


def network_for(recording: Recording, cut: Cut) -> HonestNetwork:
    network = HonestNetwork(recording.wire, recording.whole)
    faults = fault_steps(cut.kind, recording.wire)

    first: list[Step] = [data for data in (recording.data[: cut.at],) if data]
    first += faults

    def second(events: list[bytes]) -> list[Step]:
        data = b"".join(events)
        return [data[: (cut.at * 7919) % len(data)], *faults]

    network.firsts = [first, second] if cut.twice else [first]
    return network


async def check_cut(recording: Recording, cut: Cut) -> None:
    network = network_for(recording, cut)
    run = await observe(PROVIDERS[NAMES[recording.wire]][1](), network)
    whole = recording.whole.text
    if run.network.wire is Wire.OPENAI and any(is_ambiguous(t.said, whole[len(t.said) :]) for t in network.told):
        return
    run.check_one_stream()
    run.check_calls()
    assert whole.startswith(run.seen.text)
    if recording.is_exact and not recording.has_server_tools:
        assert run.seen.result is not None, run.seen.error
        ready = run.seen.ready
        assert run.seen.text == whole or ready
        assert ready == list(recording.whole.calls[: len(ready)])
        assert bool(ready) == bool(recording.whole.calls)


@pytest.mark.parametrize("path", all_paths() or [None], ids=lambda path: path.stem[:60] if path else "absent")
def test_a_recording_cut_anywhere_is_made_whole_or_kept_as_it_was(path: Path | None) -> None:
    require_shared()
    assert path is not None
    recording = load(path)

    async def main() -> None:
        for cut in cuts_of(recording):
            try:
                await check_cut(recording, cut)
            except AssertionError as error:
                raise AssertionError(f"{recording.name}, {cut}: {error}") from error

    in_virtual_time(main)
