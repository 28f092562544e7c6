"""`riverrun demo`: an answer that breaks again and again, as a plain client sees it and through riverrun.

No key and no network: the provider is a server on this machine with real sockets. The verdict compares what riverrun
gave with the provider's whole answer, letter for letter; the exit code is 0 only if they are the same.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from math import inf

import trio

from ...core.codec import SCHEMA_VERSION, unstructure
from ...testing.network.server_faults import fault_schedule
from ...testing.script.answers import TEXT_ANSWERS
from ...testing.script.faults import Fault, FaultKind
from ...testing.wire.formats import Wire
from ..exit_codes import ExitCode
from ..streams import can_go_live, write_line
from .lines import LineView, SilentView
from .show import MODELS, Scene, View, play
from .story import WireOutcome

SHOW_SEED = 3
"""The seed of the show: without `--fault` it plays `SHOW_KINDS`; any other seed draws its own."""

SHOW_KINDS = (FaultKind.RESET, FaultKind.STALL, FaultKind.PREMATURE_END, FaultKind.IN_BAND_ERROR)
"""Loud, silent, and the one that looks like success: what a show has to hold."""

PLAIN_SPEED = 3.0
"""Where nobody reads along, it need not be readable."""


def run(args: argparse.Namespace) -> int:
    """Play the show. Returns 0 if riverrun's text was the whole answer on every wire, 1 if not."""
    is_live = not args.json and not args.plain and can_go_live()
    speed = args.speed or (inf if args.json else 1.0 if is_live else PLAIN_SPEED)
    kinds = [FaultKind(kind) for kind in args.fault or ()]
    scenes = choose_scenes(args.seed, kinds, args.wire, speed)
    view = SilentView() if args.json else _live_view() if is_live else LineView()
    outcomes = trio.run(_play_all, scenes, view)
    holds = all(outcome.holds for outcome in outcomes)
    if args.json:
        write_line(json.dumps(report(args.seed, outcomes, holds=holds), indent=2))
    else:
        write_line(verdict(outcomes, holds=holds))
    return int(ExitCode.DONE if holds else ExitCode.NO_ANSWER)


def _live_view() -> View:
    from rich.console import Console

    from .live import LiveView

    return LiveView(Console())


async def _play_all(scenes: Sequence[Scene], view: View) -> list[WireOutcome]:
    return [await play(scene, view) for scene in scenes]


def choose_scenes(seed: int, kinds: Sequence[FaultKind], wire: str | None, speed: float) -> list[Scene]:
    """Make the scenes of a show: one for each wire format, with faults drawn from the seed.

    Where the user chose no order, the second wire meets the faults from the middle on: a plain client only ever meets
    the first, and should be seen to meet another one.
    """
    faults = _draw_faults(seed, kinds)
    half = 0 if kinds else len(faults) // 2
    turned = {Wire.ANTHROPIC: faults, Wire.OPENAI: faults[half:] + faults[:half]}
    answer = TEXT_ANSWERS[(seed - SHOW_SEED) % len(TEXT_ANSWERS)]
    wires = list(MODELS) if wire is None else [Wire(wire)]
    return [Scene(wire, answer, turned[wire], seed, speed) for wire in wires]


def _draw_faults(seed: int, kinds: Sequence[FaultKind]) -> tuple[Fault, ...]:
    chosen = list(kinds) if kinds else list(SHOW_KINDS) if seed == SHOW_SEED else None
    if chosen and set(chosen) == {FaultKind.PREFILL_REFUSED}:
        chosen.append(FaultKind.RESET)  # a prefill is only refused to those who have something to continue
    return fault_schedule(seed, chosen, events_min=20, events_max=90)


def report(seed: int, outcomes: Sequence[WireOutcome], *, holds: bool) -> dict[str, object]:
    """Give the story and the verdict as JSON values."""
    wires = [_told(outcome) | {"holds": outcome.holds} for outcome in outcomes]
    return {"schema": SCHEMA_VERSION, "seed": seed, "holds": holds, "wires": wires}


def _told(outcome: WireOutcome) -> dict[str, object]:
    """Give one wire's story; a fault is called as on the command line."""
    faults = [unstructure(fault, Fault) | {"kind": fault.word} for fault in outcome.faults]
    return {**unstructure(outcome, WireOutcome), "faults": faults}


def verdict(outcomes: Sequence[WireOutcome], *, holds: bool) -> str:
    """Say how both sides ended, on every wire."""
    lines = ["", "verdict, against the provider's whole answer:"]
    for outcome in outcomes:
        lines.append(f"  {outcome.wire} wire, {outcome.took_s:.1f} s")
        lines.append(f"    plain client  {outcome.plain_words}")
        lines.append(f"    riverrun      {outcome.riverrun_words}")
    lines.append("it holds." if holds else "IT DOES NOT HOLD.")
    return "\n".join(lines)
