"""What a store keeps of a run: the sequence of what was said, merged, with the story of its attempts between.

A checkpoint is the fold of its journal: reading one back is running the accumulator again. Entries are appended and
never rewritten, and hold nothing twice (of a plan its kind: what it continues was stored when it was said), so a long
run costs linear work. An entry is a JSON array of items; the first item of the first entry is the header. Nothing of
the request is stored but its fingerprint.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import cache
from itertools import accumulate
from typing import Any, cast, get_args

from attrs import evolve, frozen

from .accumulator import Accumulator
from .codec import CodecError, converter, structure, unstructure
from .journal_items import (
    SCHEMA_VERSION,
    AnswerEnded,
    AnswerReset,
    AttemptBegan,
    AttemptEnded,
    AttemptRewound,
    CallsCancelled,
    DeliveryRestarted,
    Entry,
    GenerationEnded,
    JournalHeader,
    JournalItem,
)
from .journal_merge import merge_deltas, split_replaceable, text_of, with_text
from .json_value import canonical_json
from .ledger import Ledger
from .planner import ContinueText, Reattach, RecoveryPlan, SynthesizeToolUse, TruncateBeforeTool, WholeRestart
from .policy import Limits
from .request import InferenceRequest
from .result import AttemptRecord
from .stream_events import BlockStop, CursorMoved, StreamEvent
from .usage_error import UsageError

__all__ = [
    "SCHEMA_VERSION",
    "STEP_CHARS",
    "AnswerEnded",
    "AnswerReset",
    "AttemptBegan",
    "AttemptEnded",
    "AttemptRewound",
    "CallsCancelled",
    "DeliveryRestarted",
    "Entry",
    "GenerationEnded",
    "JournalHeader",
    "JournalItem",
    "RestoredRun",
    "decode_entry",
    "encode_entries",
    "encode_entry",
    "fingerprint",
    "header_of",
    "merge_deltas",
    "restore",
    "restore_in_steps",
    "split_replaceable",
    "warm_up",
]

STEP_CHARS = 64 * 1024
"""After so many characters of JSON a restore lets others have their turn: about a millisecond of small items."""


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


@cache
def warm_up() -> None:
    """Make what writes and reads items: 30 ms once a process, better spent before an answer than in it."""
    decode_entry(encode_entry([JournalHeader(SCHEMA_VERSION, "", "", "", "", 0.0), BlockStop()]))


def encode_entry(items: Sequence[Entry]) -> bytes:
    """Write items as one entry: ASCII JSON, so that any text, lone surrogates too, can be stored."""
    return _to_json([_row_of(item) for item in merge_deltas(items)]).encode("ascii")


def encode_entries(items: Sequence[Entry], bytes_max: int) -> list[bytes]:
    """Write items as one entry or, where that would be larger than `bytes_max`, as two or more.

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
    """Cut near the middle of the text, right after a cursor if there are any: text without its own is read again.

    Where there is only the one at the end, the first half has none instead of an older one.
    """
    passed = list(accumulate(len(text_of(item) or " ") for item in items))
    cursors = [at for at, item in enumerate(items, 1) if type(item) is CursorMoved]
    after_cursors = [at for at in cursors if at < len(items)]
    at = min(after_cursors or range(1, len(items)), key=lambda at: abs(2 * passed[at - 1] - passed[-1]))
    first = items[:at]
    return first if after_cursors or not cursors else [*first, CursorMoved(None)], items[at:]


def _halves_of_text(items: Sequence[Entry]) -> tuple[Sequence[Entry], Sequence[Entry]]:
    text = text_of(items[0]) or ""
    halves = text[: len(text) // 2], text[len(text) // 2 :]
    first, rest = ([with_text(items[0], half)] if half else [] for half in halves)
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
    return [item for item, _ in _read_items(entry)]


def _read_items(entry: bytes) -> Iterator[tuple[Entry, int]]:
    """Read an entry item by item, each with the place behind it. Raises CodecError, perhaps after items."""
    try:
        text = entry.decode("utf-8", "surrogatepass")
        at = _behind(text, _behind_space(text, 0), "[")
        is_over = text[at : at + 1] == "]"
        while not is_over:
            row, at = _scan(text, at)
            yield _read_row(row), at
            at = _behind_space(text, at)
            is_over = text[at : at + 1] == "]"
            if not is_over:
                at = _behind(text, at, ",")
        if _behind_space(text, at + 1) != len(text):
            raise ValueError("expected nothing behind the list")
    except CodecError:
        raise
    except (ValueError, StopIteration, RecursionError) as error:
        raise CodecError(f"an entry of {len(entry)} bytes is no JSON list of items") from error


_scan = json.JSONDecoder().raw_decode


def _behind_space(text: str, at: int) -> int:
    while text[at : at + 1] in _SPACES:
        at += 1
    return at


_SPACES = frozenset(" \t\r\n")


def _behind(text: str, at: int, mark: str) -> int:
    if text[at : at + 1] != mark:
        raise ValueError(f"expected {mark}")
    return _behind_space(text, at + 1)


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
    steps = restore_in_steps(entries, limits)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("RestoredRun | None", end.value)


def restore_in_steps(entries: Iterable[bytes], limits: Limits) -> Generator[None, None, RestoredRun | None]:
    """Do what `restore` does, a piece at each step; only the item at hand is held beside the entries and the fold."""
    folded: _Refold | None = None
    passed = 0
    for entry in entries:
        before = 0
        for item, behind in _read_items(entry):
            if folded is None:
                folded = _Refold(_required_header(item), limits)
            else:
                folded.take(item)
            passed, before = passed + behind - before, behind
            if passed >= STEP_CHARS:
                passed = 0
                yield
    return None if folded is None else folded.read()


def _required_header(item: Entry) -> JournalHeader:
    if not isinstance(item, JournalHeader) or item.schema != SCHEMA_VERSION:
        raise CodecError(f"the journal does not begin with a header of schema {SCHEMA_VERSION}")
    return item


class _Refold:
    """A journal as it is read, item by item."""

    def __init__(self, header: JournalHeader, limits: Limits) -> None:
        self._header = header
        self._accumulator = Accumulator(limits)
        self._ledger = Ledger()
        self._ended = self._attempt_open = self._was_taken_back = False

    def read(self) -> RestoredRun:
        """Return what was folded."""
        lines = self._ledger.read()
        return RestoredRun(
            self._header, self._accumulator, lines, self._ended, self._attempt_open, self._was_taken_back
        )

    def take(self, item: Entry) -> None:
        """Fold an item."""
        accumulator = self._accumulator
        match item:
            case AttemptEnded(record):
                self._end_attempt(record)
            case AttemptBegan(_, origin, reattaches):
                self._attempt_open = True
                accumulator.origin = origin
                accumulator.begin_attempt(reattaches=reattaches)
            case GenerationEnded(usage, estimated):
                if self._ledger.last is not None:
                    accumulator.end_attempt(usage)
                    self._ledger.amend(self._ledger.last.with_rest(usage, estimated=estimated))
            case AnswerEnded():
                self._ended = True
            case CallsCancelled():
                accumulator.cancel_open_calls("")
            case AnswerReset() | AttemptRewound() | DeliveryRestarted():
                self._take_back(item)
            case JournalHeader():
                return
            case _:
                accumulator.fold(item)

    def _take_back(self, item: AnswerReset | AttemptRewound | DeliveryRestarted) -> None:
        self._was_taken_back = True
        match item:
            case AnswerReset():
                self._ledger.take_back()
                self._accumulator.reset()
            case AttemptRewound():
                self._accumulator.rewind()
            case DeliveryRestarted():
                return

    def _end_attempt(self, record: AttemptRecord) -> None:
        accumulator = self._accumulator
        if record.plan is not None:
            record = evolve(record, plan=_whole_plan(record.plan, accumulator))
        self._ledger.append(record)
        self._attempt_open = False
        accumulator.wasted_bytes = record.wasted_bytes
        if not isinstance(record.plan, Reattach):
            accumulator.end_attempt(record.usage)
        accumulator.bytes_received += record.bytes_received
