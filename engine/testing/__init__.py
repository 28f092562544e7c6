"""The public testing kit: answers, faults, and a provider on this machine. This module hands on the names."""

from .answers import ANSWERS, CODE, RIVERS, TABLE, TEXT_ANSWERS, WEATHER, Answer, split_pieces
from .faults import Cut, Fault, FaultKind, Unit, cut_of, fault_schedule
from .loopback import Loopback, Manner, open_loopback, retelling
from .loopback_wire import Told, Wire, read_told

__all__ = [
    "ANSWERS",
    "CODE",
    "RIVERS",
    "TABLE",
    "TEXT_ANSWERS",
    "WEATHER",
    "Answer",
    "Cut",
    "Fault",
    "FaultKind",
    "Loopback",
    "Manner",
    "Told",
    "Unit",
    "Wire",
    "cut_of",
    "fault_schedule",
    "open_loopback",
    "read_told",
    "retelling",
    "split_pieces",
]
