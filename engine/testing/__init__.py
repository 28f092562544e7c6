"""The public testing kit: checks of the laws, scripted answers and faults, a simulator, recordings.

    from riverrun.engine.testing import LawBroken, check_planner

    try:
        print(check_planner(my_plan))
    except LawBroken as broken:
        print(broken.story)

| check            | takes                          | laws | rests on                                    |
| ---------------- | ------------------------------ | ---: | ------------------------------------------- |
| `check_planner`  | what `Engine(planner=…)` takes |   10 | the simulator; Hypothesis adds snapshots    |
| `check_provider` | a `Provider`                   |    9 | Hypothesis, and runs on a network of paper  |
| `check_store`    | a function that makes a store  |    6 | scripts, call sequences, the simulator      |
| `check_policy`   | a `Policy`                     |    5 | arithmetic, the simulator                   |

Each takes `runs` and `seed`, gives a `Held` that says what held, and raises `LawBroken` otherwise. None needs pytest,
and none may be called inside a trio run (UsageError): they start runs of their own.

What needs Hypothesis or pytest is apart: `from riverrun.engine.testing import strategies`, and `pytest_plugin`.
"""

from .checks.planner import check_planner
from .checks.policy import check_policy
from .checks.provider import check_provider
from .checks.store import check_store
from .law import LAWS, Held, Law, LawBroken, Violation
from .network.http import ScriptedNetwork
from .network.recorded import Recorded, RecordingEnded, RecordingUnusable, recorded
from .network.script import Close, Connecting, Fails, Framing, GoesAway, Reset, SentRequest, Stale, response
from .network.server import Loopback, Manner, open_loopback
from .network.server_faults import Cut, Fault, Unit, cut_of, fault_schedule
from .network.strict_server import StrictServer
from .network.transport import Break, Script, ScriptedTransport, Silence
from .script.answers import ANSWERS, CODE, RIVERS, TABLE, TEXT_ANSWERS, WEATHER, Answer, retelling, split_pieces
from .script.faults import Fault as AttemptFault
from .script.faults import FaultKind, Item, Kind
from .script.source import AskedRequest, ScriptedSource
from .script.speech import ForeignError
from .simulator.coverage import RARE_STATES
from .simulator.generate import scenario_of
from .simulator.runner import Outcome, simulate, simulate_each, simulate_many
from .simulator.scenario import Act, Consumer, Scenario, StoreFault, StoreKind
from .simulator.shrink import shrink
from .simulator.story import tell_story
from .simulator.sweep import SweepReport, sweep
from .wire.format import Told
from .wire.formats import Wire, read_told

__all__ = [
    "ANSWERS",
    "CODE",
    "LAWS",
    "RARE_STATES",
    "RIVERS",
    "TABLE",
    "TEXT_ANSWERS",
    "WEATHER",
    "Act",
    "Answer",
    "AskedRequest",
    "AttemptFault",
    "Break",
    "Close",
    "Connecting",
    "Consumer",
    "Cut",
    "Fails",
    "Fault",
    "FaultKind",
    "ForeignError",
    "Framing",
    "GoesAway",
    "Held",
    "Item",
    "Kind",
    "Law",
    "LawBroken",
    "Loopback",
    "Manner",
    "Outcome",
    "Recorded",
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
    "StoreFault",
    "StoreKind",
    "StrictServer",
    "SweepReport",
    "Told",
    "Unit",
    "Violation",
    "Wire",
    "check_planner",
    "check_policy",
    "check_provider",
    "check_store",
    "cut_of",
    "fault_schedule",
    "open_loopback",
    "read_told",
    "recorded",
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
