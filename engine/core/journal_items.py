"""The items of a journal: what is stored of a run beside what was said."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen

from .result import AttemptRecord
from .stream_events import StreamEvent
from .usage import TokenUsage

SCHEMA_VERSION = 1


@frozen
class JournalHeader:
    """The first item: which request this is, by fingerprint, and who answers."""

    schema: int
    run_id: str
    fingerprint: str
    provider: str
    model: str
    began_unix_s: float


@frozen
class AttemptBegan:
    """An attempt begins; `origin` is "provider/model"; `reattaches` to the generation of the attempt before."""

    number: int
    origin: str
    reattaches: bool = False


@frozen
class AttemptEnded:
    """An attempt ended: its line of the ledger."""

    record: AttemptRecord


@frozen
class CallsCancelled:
    """The calls under way were cancelled, for good: those of a generation that lives on stay under way in a journal."""


@frozen
class AnswerReset:
    """What was said so far was taken back."""


@frozen
class AttemptRewound:
    """What this attempt said so far was taken back."""


@frozen
class DeliveryRestarted:
    """The consumer was told to drop what it had been shown, and given everything anew."""


@frozen
class GenerationEnded:
    """What the last line of the ledger cost after all: its generation, which was to be read on, could not be."""

    usage: TokenUsage
    usage_estimated: bool


@frozen
class AnswerEnded:
    """The provider's terminal event was seen: nothing is left to ask."""


JournalItem: TypeAlias = (
    JournalHeader
    | AttemptBegan
    | AttemptEnded
    | CallsCancelled
    | AnswerReset
    | AttemptRewound
    | DeliveryRestarted
    | GenerationEnded
    | AnswerEnded
)
Entry: TypeAlias = JournalItem | StreamEvent
