"""The public testing kit: answers, faults, a provider on this machine, a simulator. This module hands on the names."""

from .answers import ANSWERS, CODE, RIVERS, TABLE, TEXT_ANSWERS, WEATHER, Answer, split_pieces
from .faults import Cut, Fault, FaultKind, Unit, cut_of, fault_schedule
from .loopback import Loopback, Manner, open_loopback, retelling
from .loopback_wire import Told, Wire, read_told
from .model import Violation
from .network import ScriptedNetwork
from .rare import RARE_STATES
from .recording import Recorded, recorded
from .scenario import Act, Consumer, Item, Kind, Scenario, StoreFault, StoreKind
from .scenario import Fault as AttemptFault
from .scripted import Silence
from .shrink import shrink
from .simulator import Outcome, simulate, simulate_each, simulate_many
from .story import tell_story
from .swarm import scenario_of
from .sweep import SweepReport, sweep
from .wire_script import Close, Connecting, Fails, Framing, GoesAway, Reset, SentRequest, Stale, response

__all__ = [
    "ANSWERS",
    "CODE",
    "RARE_STATES",
    "RIVERS",
    "TABLE",
    "TEXT_ANSWERS",
    "WEATHER",
    "Act",
    "Answer",
    "AttemptFault",
    "Close",
    "Connecting",
    "Consumer",
    "Cut",
    "Fails",
    "Fault",
    "FaultKind",
    "Framing",
    "GoesAway",
    "Item",
    "Kind",
    "Loopback",
    "Manner",
    "Outcome",
    "Recorded",
    "Reset",
    "Scenario",
    "ScriptedNetwork",
    "SentRequest",
    "Silence",
    "Stale",
    "StoreFault",
    "StoreKind",
    "SweepReport",
    "Told",
    "Unit",
    "Violation",
    "Wire",
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
