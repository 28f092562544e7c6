"""Every recording of every provider, cut at every event and each byte of its beginning, once and twice, by every fault.

The first attempt is the recording's own bytes; from the cut on a provider of ours goes on honestly, in the same wire
format and by the continuation that the preset for that endpoint asks for. Whatever happens, what was shown = what the
run holds = what is stored = what the next request says was said; and the whole is exact wherever it can be had: a run
that had started a server-side tool refuses to run it twice and keeps what it has.

What the engine makes of a cut depends on what the decoder made of the bytes before it and on nothing else; so every
byte is decoded, and each distinct outcome is a place to cut at. The quick suite takes places evenly chosen in each
recording; under the marker `deep` each place goes through the whole engine. In recordings of few places each is cut by
every kind of fault, once and twice; in longer ones the places take the kinds in turn.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen
from trio.testing import MockClock

import riverrun as rr
from riverrun import from_name
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.provider import Provider
from riverrun.engine.core.seam import OVERLAP_CHARS_MIN, OVERLAP_DISTINCT_MIN
from riverrun.engine.testing.network.script import Step
from riverrun.engine.testing.wire.formats import Wire
from tests.conftest import require_shared, shared_path
from tests.law_runs import (
    FAULTS,
    UNNAMED,
    HonestNetwork,
    Whole,
    fault_steps,
    is_same_call,
    observe,
)

pytestmark = [pytest.mark.laws, pytest.mark.recordings]

EVERY_WAY = bool(os.environ.get("RIVERRUN_EVERY_WAY"))
"""Whether the deep test cuts every place in all 14 ways, up to `ALL_WAYS_BYTES_MAX`: half an hour of processor time."""

ALL_WAYS_BYTES_MAX = 60_000
"""A few recordings are longer."""


@frozen
class Sample:
    """How many places of a recording are cut, and up to how many places each is cut in all 14 ways.

    A cut costs what comes before it, so all cuts of a long answer cost the square of its length: 350 seconds for the 40
    longest recordings, of 434. `events_max` is how many events the cuts of one recording make the engine read; beyond
    it places are left out evenly, down to `cuts_min`. The beginning, of `first_bytes`, is cut inside of events too.
    """

    events_max: int
    cuts_min: int
    places_all_ways: int
    first_bytes: int


QUICK = Sample(events_max=500, cuts_min=6, places_all_ways=2, first_bytes=512)
DEEP = Sample(events_max=10**9, cuts_min=1, places_all_ways=8, first_bytes=2048)

PIECES_MAX = 24
"""In how many events at most the honest provider goes on: the cut is what is tested here, not the continuation."""

WAYS = list(itertools.product(FAULTS, (False, True)))


@frozen
class Speaker:
    """Whose a recording is: its wire format and provider, and whether a trailing turn is gone on from, or echoed."""

    wire: Wire
    name: str
    continues: bool = False
    echoes: bool = False

    def provider(self) -> Provider:
        """Return the provider: the endpoint's own preset, on this machine."""
        return provider_of(self.name, "/v1" if self.wire in (Wire.OPENAI, Wire.RESPONSES) else "")


@cache
def provider_of(name: str, path: str) -> Provider:
    return from_name(name, base_url=f"http://127.0.0.1:9{path}")


SPEAKERS = {
    "anthropic": Speaker(Wire.ANTHROPIC, "anthropic/claude-sonnet-4-5"),
    "openai-chat": Speaker(Wire.OPENAI, "openai/gpt-4o"),
    "openai-responses": Speaker(Wire.RESPONSES, "openai-responses/gpt-4o"),
    "gemini": Speaker(Wire.GEMINI, "gemini/gemini-2.5-flash"),
    "gemini-interactions": Speaker(Wire.INTERACTIONS, "gemini-interactions/gemini-2.5-flash"),
    "ollama": Speaker(Wire.OLLAMA, "ollama/llama3.2"),
    "openrouter": Speaker(Wire.OPENAI, "openrouter/anthropic/claude-sonnet-4.5", continues=True),
    "deepseek": Speaker(Wire.OPENAI, "deepseek/deepseek-chat"),
    "mistral": Speaker(Wire.OPENAI, "mistral/mistral-small", echoes=True),
    "groq": Speaker(Wire.OPENAI, "groq/llama-3.3-70b-versatile", continues=True),
    "xai": Speaker(Wire.OPENAI, "grok/grok-3"),
    "llamacpp": Speaker(Wire.OPENAI, "llamacpp/any", continues=True),
    "ollama-openai-compat": Speaker(Wire.OPENAI, "lmstudio/any"),
    "compat-other": Speaker(Wire.OPENAI, "openai/any"),
}
OTHERS = {
    "vercel-gateway": Speaker(Wire.OPENAI, "openrouter/openai/any"),  # the same items of reasoning
    "copilot": Speaker(Wire.OPENAI, "azure/any"),
}


@frozen
class Recording:
    """One recording and what it is known to say."""

    name: str
    speaker: Speaker
    data: bytes
    whole: Whole
    is_exact: bool

    def event_ends(self) -> list[int]:
        """Where each event ends: after a blank line; after a line of NDJSON; after a member of an array."""
        if self.speaker.wire is Wire.OLLAMA:
            ends = rb"\n"
        else:
            ends = rb"\n\},|\n\}\n\]" if self.data.startswith(b"[") else rb"\r?\n\r?\n"
        return [match.end() for match in re.finditer(ends, self.data)]


def load(path: Path) -> Recording:
    """Read a recording and its expectation."""
    meta = json.loads(path.read_text("utf-8"))
    said = meta["expected"]
    if "id changed at index 0" in said["oddities"]:
        pytest.skip("two answers of two requests in one file: there is no one whole")
    calls = [call for call in said["tool_calls"] if call.get("args_complete", True) and is_object(call)]
    text = said["text"] + said["refusal"]
    ids = [call.get("id") or f"{UNNAMED}{place}" for place, call in enumerate(calls)]
    return Recording(
        name=f"{path.parent.name}/{meta['name']}",
        speaker=OTHERS.get(meta["provider"], SPEAKERS[path.parent.name]),
        data=path.with_name(meta["file"]).read_bytes(),
        whole=Whole(text, tuple(rr.ToolCall(i, c["name"], arguments_of(c)) for i, c in zip(ids, calls, strict=True))),
        is_exact=bool(text.strip() or calls) and len(calls) == len(said["tool_calls"]) and not is_odd(said),
    )


def arguments_of(call: dict[str, Any]) -> Any:
    """What we release a call with: a custom call's free text is its argument `input`."""
    return {"input": call["args"]} if call.get("custom") else call["args"]


def is_object(call: dict[str, Any]) -> bool:
    """Whether a call's arguments make it one that is released."""
    return isinstance(arguments_of(call), dict)


def is_odd(said: dict[str, Any]) -> bool:
    """Whether the whole can not be had by rule: a server-side tool ran, or the provider failed."""
    return bool(said["server_tools"] or said["errors"] or said["junk"])


def all_paths() -> list[Path]:
    shared = shared_path()
    folders = [] if shared is None else [shared / "recordings" / api for api in SPEAKERS]
    return [path for folder in folders for path in sorted(folder.glob("*.json"))]


def is_ambiguous(said: str, rest: str) -> bool:
    """Whether an honest continuation begins like a repetition of the end: nobody can tell the two by the text."""
    least = rest[:OVERLAP_CHARS_MIN]
    places = [at for at in range(max(len(said) - 1024, 0), len(said)) if said.startswith(least, at)] if least else []
    return any(rest.startswith(said[at:]) and len(set(said[at:])) >= OVERLAP_DISTINCT_MIN for at in places) or (
        len(rest) >= OVERLAP_CHARS_MIN and said.startswith(least)
    )


def is_misled(network: HonestNetwork) -> bool:
    """Whether the seam had to search a continuation that looks like a repetition; an echo by contract misleads none."""
    whole = network.whole.text
    searched = [told.text for told in network.continuations if told.is_quote]
    return any(is_ambiguous(said, whole[len(said) :]) for said in searched if whole.startswith(said))


@frozen
class Cut:
    """Where the first attempt breaks, how, and whether the second breaks as well."""

    at: int
    kind: str
    twice: bool


def has_all_ways(recording: Recording, places: int, sample: Sample) -> bool:
    """Whether each place is cut by every fault, once and twice; otherwise the places take them in turn."""
    is_every_way = EVERY_WAY and sample is DEEP and len(recording.data) <= ALL_WAYS_BYTES_MAX
    return places <= sample.places_all_ways or is_every_way


def cuts_of(recording: Recording, sample: Sample) -> Iterator[Cut]:
    """Of every event, and of every byte of the beginning that decodes to something new, those that the sample takes."""
    places = sorted({*recording.event_ends(), *distinct_bytes(recording, sample.first_bytes)})
    kept = min(max(sample.events_max // len(places), sample.cuts_min), len(places))
    for number in range(kept):
        at = places[number * len(places) // kept]
        for kind, twice in WAYS if has_all_ways(recording, kept, sample) else [WAYS[(number + at) % len(WAYS)]]:
            yield Cut(at, kind, twice)


def distinct_bytes(recording: Recording, first_bytes: int) -> Iterator[int]:
    """The first byte at which each distinct decoding is reached: the engine sees nothing else of a cut's place.

    The bytes before a cut make events of whole lines; its end makes one more of a last line whose JSON is whole. So
    only after a byte that may end a line or a JSON text anything can be new; that no other makes an event is asserted.
    """
    seen: set[str] = set()
    steady = recording.speaker.provider().decoder(Limits())
    for at in range(min(first_bytes, len(recording.data)) + 1):
        may_end = recording.data[max(at - 1, 0) : at] in (b"", b"\n", b"\r", b"}", b"]")
        assert not steady.feed(recording.data[max(at - 1, 0) : at]) or may_end
        if may_end and (state := decoded(recording, at)) not in seen:
            seen.add(state)
            yield at


def decoded(recording: Recording, at: int) -> str:
    """What the decoder makes of the bytes before a cut."""
    decoder = recording.speaker.provider().decoder(Limits())
    events = [*decoder.feed(recording.data[:at]), *decoder.close()]
    return repr((events, decoder.is_complete, decoder.defect))


def network_for(recording: Recording, cut: Cut) -> HonestNetwork:
    speaker = recording.speaker
    network = HonestNetwork(
        speaker.wire,
        recording.whole,
        continues=speaker.continues,
        echoes=speaker.echoes,
        pieces_max=PIECES_MAX,
    )
    faults = fault_steps(cut.kind, speaker.wire)

    first: list[Step] = [data for data in (recording.data[: cut.at],) if data]
    first += faults

    def second(events: list[bytes]) -> list[Step]:
        data = b"".join(events)
        return [data[: (cut.at * 7919) % len(data)], *faults]

    network.firsts = [first, second] if cut.twice else [first]
    return network


def is_behind_message(data: bytes) -> bool:
    """Whether a body of Responses ends in order behind a message that is done: law 2 takes it for the last item."""
    last = data.rstrip().rpartition(b"data: ")[2]
    return b'"response.output_item.done"' in last and b'"type":"message"' in last.replace(b": ", b":")


async def check_cut(recording: Recording, cut: Cut) -> None:
    provider, network, whole = recording.speaker.provider(), network_for(recording, cut), recording.whole.text
    try:
        run = await observe(provider, network)
    except AssertionError:
        if is_misled(network):
            return
        raise
    if is_misled(network):
        return
    run.check_one_stream()
    run.check_calls()
    assert whole.startswith(run.seen.text)
    if recording.is_exact:
        assert run.seen.result is not None, run.seen.error
        ready, known = run.seen.ready, recording.whole.calls
        is_end = cut.kind == "premature end" and (
            (cut.twice and run.seen.result.is_unconfirmed) or is_behind_message(recording.data[: cut.at])
        )
        assert run.seen.text == whole or ready or is_end
        assert all(is_same_call(*pair) for pair in zip(ready, known[: len(ready)], strict=True))
        assert bool(ready) == bool(known) or is_end


def name_of(path: Path | None) -> str:
    return f"{path.parent.name}-{path.stem}"[:75] if path else "absent"


async def check_cuts(path: Path | None, sample: Sample) -> None:
    require_shared()
    assert path is not None
    recording = load(path)
    for cut in cuts_of(recording, sample):
        try:
            await check_cut(recording, cut)
        except AssertionError as error:
            raise AssertionError(f"{recording.name}, {cut}: {error}") from error


@pytest.mark.parametrize("path", all_paths() or [None], ids=name_of)
async def test_a_recording_cut_anywhere_is_made_whole_or_kept_as_it_was(
    path: Path | None, autojump_clock: MockClock
) -> None:
    await check_cuts(path, QUICK)


@pytest.mark.deep
@pytest.mark.parametrize("path", all_paths() or [None], ids=name_of)
async def test_a_recording_cut_everywhere_is_made_whole_or_kept_as_it_was(
    path: Path | None, autojump_clock: MockClock
) -> None:
    await check_cuts(path, DEEP)
