"""What a store keeps of a run: the sequence of what was said, merged, with the story of its attempts between.

A checkpoint is the fold of its journal: reading one back is running the accumulator again. Entries are appended and
never rewritten, and hold nothing twice (of a plan its kind: what it continues was stored when it was said), so a long
run costs linear work. An entry is a JSON array of items; the first item of the first entry is the header. Nothing of
the request is stored but its fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, TypeAlias, cast, get_args

from attrs import evolve, frozen

from .accumulator import Accumulator
from .codec import CodecError, converter, structure, unstructure
from .json_value import canonical_json
from .ledger import Ledger
from .planner import ContinueText, Reattach, RecoveryPlan, SynthesizeToolUse, TruncateBeforeTool, WholeRestart
from .policy import Limits
from .request import InferenceRequest
from .result import AttemptRecord
from .stream_events import CursorMoved, ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from .usage import TokenUsage
from .usage_error import UsageError

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


def fingerprint(request: InferenceRequest) -> str:
    """Name a request by its content: equal requests, equal fingerprints, and nothing can be read back from it.

    Raises UsageError for what JSON has no word for, with the field's name.
    """
    plain = cast("dict[str, Any]", converter().unstructure(request))
    try:
        return hashlib.sha256(canonical_json(plain).encode()).hexdigest()
    except ValueError as error:
        name = next((name for name, value in plain.items() if not _is_json(value)), "a field")
        seen = f"{name} of the request can not be written as JSON ({error})"
        raise UsageError(f"{seen}; expected finite numbers and values that JSON has") from None


def _is_json(value: object) -> bool:
    try:
        canonical_json({"": value})  # type: ignore[dict-item]
    except ValueError:
        return False
    return True


def merge_deltas(items: Sequence[Entry]) -> list[Entry]:
    """Join neighbouring deltas of one kind: what the fold makes of them is the same. Cost: linear.

    Only the last cursor counts, for an entry is stored whole or not at all.
    """
    merged: list[Entry] = []
    run: list[str] = []
    last: Entry | None = None
    last_cursor = next((item for item in reversed(items) if type(item) is CursorMoved), None)
    for item in items:
        if type(item) is CursorMoved and item is not last_cursor:
            continue
        text = _text_of(item)
        if last is not None and text is not None and _joins(last, item):
            run.append(text)
            continue
        if last is not None:
            merged.append(_joined(last, run))
        last, run = item, [text or ""]
    if last is not None:
        merged.append(_joined(last, run))
    return merged


def _joins(last: Entry, delta: Entry) -> bool:
    same = type(last) is type(delta)
    return same and (type(delta) is not ToolCallDelta or cast("ToolCallDelta", last).id == delta.id)


def _text_of(item: Entry) -> str | None:
    """The text of a delta; None of anything else."""
    kind = type(item)
    if kind is TextDelta or kind is ReasoningDelta:
        return cast("TextDelta | ReasoningDelta", item).text
    return cast("ToolCallDelta", item).args_delta if kind is ToolCallDelta else None


def _joined(item: Entry, run: list[str]) -> Entry:
    return item if len(run) == 1 else _with_text(item, "".join(run))


def _with_text(item: Entry, text: str) -> Entry:
    match item:
        case TextDelta():
            return TextDelta(text)
        case ReasoningDelta():
            return ReasoningDelta(text)
        case ToolCallDelta(call_id):
            return ToolCallDelta(call_id, text)
        case _:
            return item


def encode_entry(items: Sequence[Entry]) -> bytes:
    """Write items as one entry: ASCII JSON, so that any text, lone surrogates too, can be stored."""
    return _to_json([_row_of(item) for item in merge_deltas(items)]).encode("ascii")


def encode_entries(items: Sequence[Entry], bytes_max: int) -> list[bytes]:
    """Write items as one entry or, where that would be larger than `bytes_max`, as two or more: a store refuses it.

    One that holds a single item is cut only in its text, and is larger where it has none.
    Cost: linear, times the logarithm of how many entries there are.
    """
    entry = encode_entry(items)
    if len(entry) <= bytes_max:
        return [entry]
    first, rest = _halves(items) if len(items) > 1 else _halves_of_text(items)
    if not first or not rest:
        return [entry]
    return encode_entries(first, bytes_max) + encode_entries(rest, bytes_max)


def _halves(items: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Entry]]:
    """Cut near the middle of the text, right after a cursor if there are any: text without its own is read again."""
    passed = list(accumulate(len(_text_of(item) or " ") for item in items))
    after_cursors = [at for at, item in enumerate(items[:-1], 1) if type(item) is CursorMoved]
    at = min(after_cursors or range(1, len(items)), key=lambda at: abs(2 * passed[at - 1] - passed[-1]))
    return items[:at], items[at:]


def _halves_of_text(items: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Entry]]:
    text = _text_of(items[0]) or ""
    halves = text[: len(text) // 2], text[len(text) // 2 :]
    first, rest = ([_with_text(items[0], half)] if half else [] for half in halves)
    return first, rest


_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=True).encode
"""NaN and Infinity are no JSON, but `decode_entry` reads them: a checkpoint never fails on content."""


_ITEMS: dict[str, type] = {kind.__name__: kind for kind in get_args(JournalItem)}


def _row_of(item: Entry) -> list[Any]:
    kind = type(item)
    if isinstance(item, AttemptEnded) and item.record.plan is not None:
        item = AttemptEnded(evolve(item.record, plan=_kind_of(item.record.plan)))
    if kind.__name__ in _ITEMS:
        return ["item", kind.__name__, unstructure(item, kind, sparse=True)]
    return ["said", unstructure(item, StreamEvent, sparse=True)]


def _kind_of(plan: RecoveryPlan) -> RecoveryPlan:
    """Leave of a plan what the fold does not hold: its kind, and where to read on."""
    match plan:
        case ContinueText():
            return ContinueText("")
        case TruncateBeforeTool():
            return TruncateBeforeTool("", ())
        case SynthesizeToolUse():
            return SynthesizeToolUse(())
        case WholeRestart():
            return WholeRestart()
        case Reattach():
            return plan


def _whole_plan(kind: RecoveryPlan, accumulator: Accumulator) -> RecoveryPlan:
    """Make a plan again of its kind and what the run held when it was made."""
    if isinstance(kind, Reattach):
        return kind
    held = accumulator.snapshot()
    match kind:
        case ContinueText():
            return ContinueText(held.text)
        case TruncateBeforeTool():
            return TruncateBeforeTool(held.text, held.in_flight_tools)
        case SynthesizeToolUse():
            return SynthesizeToolUse(held.completed_tool_calls, held.in_flight_tools)
        case WholeRestart():
            return WholeRestart(held.in_flight_tools)


def decode_entry(entry: bytes) -> list[Entry]:
    """Read one entry; the plans in it are their kinds. Raises CodecError for what `encode_entry` did not write."""
    try:
        rows = json.loads(entry)
    except (ValueError, RecursionError) as error:
        raise CodecError(f"an entry of {len(entry)} bytes is not JSON") from error
    if not isinstance(rows, list):
        raise CodecError(f"an entry is a {type(rows).__name__}; expected a list of items")
    return [_read_row(row) for row in cast("list[object]", rows)]


def _read_row(row: object) -> Entry:
    parts = cast("list[object]", row) if isinstance(row, list) else []
    if len(parts) == 2 and parts[0] == "said":
        return cast("Entry", structure(parts[1], StreamEvent))
    if len(parts) == 3 and parts[0] == "item" and str(parts[1]) in _ITEMS:
        return cast("Entry", structure(parts[2], _ITEMS[str(parts[1])]))
    raise CodecError("an item of unknown kind: was it written by a newer riverrun?")


def header_of(entry: bytes) -> JournalHeader | None:
    """Read what a journal begins with; None where this is not to be read, which `restore` will say."""
    try:
        items = decode_entry(entry)
    except CodecError:
        return None
    return items[0] if items and isinstance(items[0], JournalHeader) else None


@frozen
class RestoredRun:
    """What a journal folds to: the state, the ledger, and whether the answer had already ended.

    `was_taken_back`: a consumer that was shown text may have been shown another text than this.
    """

    header: JournalHeader
    accumulator: Accumulator
    attempts: tuple[AttemptRecord, ...]
    ended: bool
    attempt_open: bool
    was_taken_back: bool = False


def restore(entries: Iterable[bytes], limits: Limits) -> RestoredRun | None:
    """Fold stored entries; None if there are none. Raises CodecError for what can not be read."""
    items = [item for entry in entries for item in decode_entry(entry)]
    if not items:
        return None
    header = items[0]
    if not isinstance(header, JournalHeader) or header.schema != SCHEMA_VERSION:
        raise CodecError(f"the journal does not begin with a header of schema {SCHEMA_VERSION}")
    accumulator = Accumulator(limits)
    ledger = Ledger()
    ended = attempt_open = False
    was_taken_back = any(isinstance(item, AnswerReset | AttemptRewound | DeliveryRestarted) for item in items)
    for item in items[1:]:
        match item:
            case AttemptEnded(record):
                if record.plan is not None:
                    record = evolve(record, plan=_whole_plan(record.plan, accumulator))
                ledger.append(record)
                attempt_open = False
                accumulator.wasted_bytes = record.wasted_bytes
                if not isinstance(record.plan, Reattach):
                    accumulator.end_attempt(record.usage)
                accumulator.bytes_received += record.bytes_received
            case AttemptBegan(_, origin, reattaches):
                attempt_open = True
                accumulator.origin = origin
                accumulator.begin_attempt(reattaches=reattaches)
            case GenerationEnded(usage, estimated) if ledger.last is not None:
                accumulator.end_attempt(usage)
                ledger.amend(ledger.last.with_rest(usage, estimated=estimated))
            case AnswerEnded():
                ended = True
            case AnswerReset():
                ledger.take_back()
                accumulator.reset()
            case _:
                _refold(accumulator, item)
    return RestoredRun(header, accumulator, ledger.read(), ended, attempt_open, was_taken_back)


def _refold(accumulator: Accumulator, item: Entry) -> None:
    match item:
        case CallsCancelled():
            accumulator.cancel_open_calls("")
        case AttemptRewound():
            accumulator.rewind()
        case JournalHeader() | AttemptBegan() | AttemptEnded() | AnswerReset() | AnswerEnded():
            return
        case DeliveryRestarted() | GenerationEnded():
            return
        case _:
            accumulator.fold(item)
