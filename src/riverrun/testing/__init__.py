"""The public testing kit: laws, answers, faults, a simulator, recordings. See docs/testing.md.

What needs Hypothesis stands in `riverrun.testing.strategies`, what needs pytest in `riverrun.testing.pytest_plugin`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import publish_lazily

if TYPE_CHECKING:
    from ..engine.bench.chaos.proxy import Chaos, open_chaos
    from ..engine.core.event_grammar import EVENT_GRAMMAR, EventState, next_state
    from ..engine.testing.checks.planner import check_planner
    from ..engine.testing.checks.policy import check_policy
    from ..engine.testing.checks.provider.check import check_provider
    from ..engine.testing.checks.store.check import check_store
    from ..engine.testing.law import LAWS, Held, Law, LawBroken, Violation
    from ..engine.testing.network.http import ScriptedNetwork
    from ..engine.testing.network.recorded import Recorded, RecordingEnded, RecordingUnusable, recorded
    from ..engine.testing.network.script import (
        Close,
        Connecting,
        Fails,
        Framing,
        GoesAway,
        Reset,
        SentRequest,
        Silence,
        Stale,
        recut,
        response,
    )
    from ..engine.testing.network.server import Loopback, open_loopback
    from ..engine.testing.network.server_faults import Cut, cut_of, fault_schedule
    from ..engine.testing.network.server_replies import Manner
    from ..engine.testing.network.strict_server import StrictServer
    from ..engine.testing.network.transport import Script, ScriptedTransport
    from ..engine.testing.script.answers import (
        ANSWERS,
        CODE,
        RIVERS,
        TABLE,
        TEXT_ANSWERS,
        WEATHER,
        Answer,
        retelling,
        split_pieces,
    )
    from ..engine.testing.script.faults import Fault, FaultKind, Item, Unit, WireCut
    from ..engine.testing.script.source import AskedRequest, ScriptedSource
    from ..engine.testing.script.speech import ForeignError
    from ..engine.testing.simulator.coverage import RARE_STATES
    from ..engine.testing.simulator.generate import scenario_of
    from ..engine.testing.simulator.runner import Outcome, simulate, simulate_each, simulate_many
    from ..engine.testing.simulator.scenario import Act, Consumer, Scenario, StoreFault, StoreKind
    from ..engine.testing.simulator.shrink import shrink
    from ..engine.testing.simulator.story import tell_story
    from ..engine.testing.simulator.sweep import SweepReport, sweep
    from ..engine.testing.stalls.gaps import TRACES, GapModel, RecordedGaps
    from ..engine.testing.stalls.measure import measure_stalls
    from ..engine.testing.stalls.measures import Estimate
    from ..engine.testing.stalls.mishaps import Mishaps
    from ..engine.testing.stalls.plain import PlainClient
    from ..engine.testing.stalls.recorded_gaps import gaps_of_folder
    from ..engine.testing.stalls.report import StallReport
    from ..engine.testing.wire.answers import answer_events
    from ..engine.testing.wire.format import Continuation
    from ..engine.testing.wire.formats import Wire, read_continuation

__all__ = [
    "ANSWERS",
    "CODE",
    "EVENT_GRAMMAR",
    "LAWS",
    "RARE_STATES",
    "RIVERS",
    "TABLE",
    "TEXT_ANSWERS",
    "TRACES",
    "WEATHER",
    "Act",
    "Answer",
    "AskedRequest",
    "Chaos",
    "Close",
    "Connecting",
    "Consumer",
    "Continuation",
    "Cut",
    "Estimate",
    "EventState",
    "Fails",
    "Fault",
    "FaultKind",
    "ForeignError",
    "Framing",
    "GapModel",
    "GoesAway",
    "Held",
    "Item",
    "Law",
    "LawBroken",
    "Loopback",
    "Manner",
    "Mishaps",
    "Outcome",
    "PlainClient",
    "Recorded",
    "RecordedGaps",
    "RecordingEnded",
    "RecordingUnusable",
    "Reset",
    "Scenario",
    "Script",
    "ScriptedNetwork",
    "ScriptedSource",
    "ScriptedTransport",
    "SentRequest",
    "Silence",
    "Stale",
    "StallReport",
    "StoreFault",
    "StoreKind",
    "StrictServer",
    "SweepReport",
    "Unit",
    "Violation",
    "Wire",
    "WireCut",
    "answer_events",
    "check_planner",
    "check_policy",
    "check_provider",
    "check_store",
    "cut_of",
    "fault_schedule",
    "gaps_of_folder",
    "measure_stalls",
    "next_state",
    "open_chaos",
    "open_loopback",
    "read_continuation",
    "recorded",
    "recut",
    "response",
    "retelling",
    "scenario_of",
    "shrink",
    "simulate",
    "simulate_each",
    "simulate_many",
    "split_pieces",
    "sweep",
    "tell_story",
]

if not TYPE_CHECKING:  # or a type checker would take any name for one of ours
    __getattr__, __dir__ = publish_lazily(
        __name__,
        {
            "engine.bench.chaos.proxy": "Chaos open_chaos",
            "engine.core.event_grammar": "EVENT_GRAMMAR EventState next_state",
            "engine.testing.checks.planner": "check_planner",
            "engine.testing.checks.policy": "check_policy",
            "engine.testing.checks.provider.check": "check_provider",
            "engine.testing.checks.store.check": "check_store",
            "engine.testing.law": "Held LAWS Law LawBroken Violation",
            "engine.testing.network.http": "ScriptedNetwork",
            "engine.testing.network.recorded": "Recorded RecordingEnded RecordingUnusable recorded",
            "engine.testing.network.script": (
                "Close Connecting Fails Framing GoesAway Reset SentRequest Silence Stale recut response"
            ),
            "engine.testing.network.server": "Loopback open_loopback",
            "engine.testing.network.server_faults": "Cut cut_of fault_schedule",
            "engine.testing.network.server_replies": "Manner",
            "engine.testing.network.strict_server": "StrictServer",
            "engine.testing.network.transport": "Script ScriptedTransport",
            "engine.testing.script.answers": (
                "ANSWERS Answer CODE RIVERS TABLE TEXT_ANSWERS WEATHER retelling split_pieces"
            ),
            "engine.testing.script.faults": "Fault FaultKind Item Unit WireCut",
            "engine.testing.script.source": "AskedRequest ScriptedSource",
            "engine.testing.script.speech": "ForeignError",
            "engine.testing.simulator.coverage": "RARE_STATES",
            "engine.testing.simulator.generate": "scenario_of",
            "engine.testing.simulator.runner": "Outcome simulate simulate_each simulate_many",
            "engine.testing.simulator.scenario": "Act Consumer Scenario StoreFault StoreKind",
            "engine.testing.simulator.shrink": "shrink",
            "engine.testing.simulator.story": "tell_story",
            "engine.testing.simulator.sweep": "SweepReport sweep",
            "engine.testing.stalls.gaps": "GapModel RecordedGaps TRACES",
            "engine.testing.stalls.measure": "measure_stalls",
            "engine.testing.stalls.measures": "Estimate",
            "engine.testing.stalls.mishaps": "Mishaps",
            "engine.testing.stalls.plain": "PlainClient",
            "engine.testing.stalls.recorded_gaps": "gaps_of_folder",
            "engine.testing.stalls.report": "StallReport",
            "engine.testing.wire.answers": "answer_events",
            "engine.testing.wire.format": "Continuation",
            "engine.testing.wire.formats": "Wire read_continuation",
        },
    )
