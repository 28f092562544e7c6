"""The public testing kit: laws, answers, faults, a simulator, recordings. This module hands on the names.

What needs Hypothesis or pytest is apart: `from riverrun.engine.testing import strategies`, and `pytest_plugin`.
"""

from .answers import ANSWERS, CODE, RIVERS, TABLE, TEXT_ANSWERS, WEATHER, Answer, split_pieces
from .faults import Cut, Fault, FaultKind, Unit, cut_of, fault_schedule
from .laws import LAWS, Held, LawBroken, check_planner, check_policy, check_provider, check_store
from .loopback import Loopback, Manner, open_loopback, retelling
from .loopback_wire import Told, Wire, read_told
from .model import ForeignError, Violation
from .network import ScriptedNetwork
from .rare import RARE_STATES
from .recording import Recorded, RecordingEnded, RecordingUnusable, recorded
from .scenario import Act, Consumer, Item, Kind, Scenario, StoreFault, StoreKind
from .scenario import Fault as AttemptFault
from .scripted import Break, Script, ScriptedTransport, Silence
from .scripted_source import AskedRequest, ScriptedSource
from .shrink import shrink
from .simulator import Outcome, simulate, simulate_each, simulate_many
from .story import tell_story
from .strict_server import StrictServer
from .swarm import scenario_of
from .sweep import SweepReport, sweep
from .wire_script import Close, Connecting, Fails, Framing, GoesAway, Reset, SentRequest, Stale, response

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
