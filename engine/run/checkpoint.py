"""Opening a run from its store: what an earlier process said, checked, folded and ready to be handed out again."""

from __future__ import annotations

from collections.abc import Generator
from typing import cast

import trio
from attrs import frozen

from ..core.accumulator import Accumulator
from ..core.codec import CodecError
from ..core.errors import CheckpointMismatch, StoreError
from ..core.events import Event, ReasoningDelta, StreamReset, TextDelta, ToolCallDelta, ToolCallReady, ToolCallStart
from ..core.journal import JournalHeader, RestoredRun, header_of, restore_in_steps
from ..core.messages import OpaqueBlock, ReasoningBlock, TextBlock, ToolCall
from ..core.policy import CheckpointPolicy, Limits
from ..core.printable import named, printable
from ..core.replay import block_events
from ..core.validators import seen
from ..error_groups import fault_of
from ..stores.store import CheckpointStore, FirstEntryReader, OpenedJournal, StoreUnreachable

MORE_SHOWN = "more was shown than was stored"
"""Why a consumer that has seen text before is told to drop it: its process was killed, or had no store."""

TAKEN_BACK = "text was taken back, perhaps after the consumer had last been there"
"""Likewise: of two versions of an answer, a number of characters does not say which was shown."""


@frozen
class StoreUnavailable:
    """The store gave no answer; a stream is worth more than its journal, so the run may go on without."""

    why: str


def _told(fault: Exception) -> str:
    return printable(str(fault) if isinstance(fault, StoreUnreachable) else f"{type(fault).__name__}: {fault}")


async def load_journal(
    store: CheckpointStore, run_id: str, policy: CheckpointPolicy, mark: str | None = None
) -> OpenedJournal | StoreUnavailable:
    """Claim a run, for the request of fingerprint `mark` if there is one, and read what is stored of it.

    Raises:
        CheckpointMismatch: it belongs to another request; it was not claimed.
        StoreError: the store is there and refuses: unreadable, of another version, not a store, giving no journal.
        StoreError: it gave no answer, and the policy shows nothing that is not stored.
    If cancelled: the run may have been claimed; nothing else has changed.
    """
    faults: list[Exception] = []
    try:
        with trio.move_on_after(policy.load_s):
            if mark is not None and hasattr(store, "first_entry"):  # a runtime protocol is asked at 10 times the price
                _refuse_another(await cast("FirstEntryReader", store).first_entry(run_id), run_id, mark)
            return _require_journal(await store.open_journal(run_id), store)
    except* Exception as group:  # a store is foreign code, and may raise beside the `Cancelled` of its deadline
        faults.append(fault_of(group, CheckpointMismatch, StoreError))
    if faults and _is_refusal(faults[0]):
        raise faults.pop()
    why = _told(faults.pop()) if faults else f"no answer within {policy.load_s:g} s"
    if policy.before_delivery:
        raise StoreError(
            f"the checkpoint store could not be read ({why}), and CheckpointPolicy(before_delivery=True) shows "
            "nothing that is not stored"
        )
    return StoreUnavailable(why)


def _is_refusal(fault: Exception) -> bool:
    """Whether the store is there and said no: going on without it could show what another process shows too."""
    return isinstance(fault, CheckpointMismatch | StoreError) and not isinstance(fault, StoreUnreachable)


def _require_journal(opened: object, store: CheckpointStore) -> OpenedJournal:
    """Refuse what is no journal: a store is foreign code, and its mistake is told as one before anything is asked."""
    if not isinstance(opened, OpenedJournal):
        raise _fault(store, seen(opened), "an OpenedJournal(fence, entries)")
    if isinstance(opened.fence, bool) or not isinstance(cast("object", opened.fence), int):
        raise _fault(store, f"the fence {seen(opened.fence)}", "a whole number")
    if not isinstance(cast("object", opened.entries), tuple | list):
        raise _fault(store, f"entries that are {seen(opened.entries)}", "a tuple of bytes")
    for position, entry in enumerate(opened.entries):
        if not isinstance(cast("object", entry), bytes):
            raise _fault(store, f"an entry {position} that is {seen(entry)}", "bytes, as they were appended")
    return opened


def _fault(store: CheckpointStore, given: str, expected: str) -> StoreError:
    name = type(store).__name__
    return StoreError(f"open_journal() of the store {name} gave {given}; expected {expected}: mend {name}")


async def restore_run(journal: OpenedJournal, run_id: str, mark: str, limits: Limits) -> RestoredRun | None:
    """Fold a stored journal, for the request of fingerprint `mark`; None if nothing is stored.

    A checkpoint every `STEP_CHARS`, and so none where little is stored: a long journal holds up no other task.

    Raises:
        CheckpointMismatch: it belongs to another request.
        StoreError: it can not be read.
    If cancelled: nothing has changed.
    """
    try:
        restored = await _in_turns(restore_in_steps(journal.entries, limits))
    except CodecError as error:
        raise StoreError(
            f"the checkpoint of run '{printable(run_id)}' can not be read: {error}; delete it to start anew"
        ) from error
    if restored is not None:
        _require_request(restored.header, run_id, mark)
    return restored


async def _in_turns(steps: Generator[None, None, RestoredRun | None]) -> RestoredRun | None:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return cast("RestoredRun | None", end.value)
        await trio.lowlevel.checkpoint()


def _refuse_another(first_entry: bytes | None, run_id: str, mark: str) -> None:
    header = None if first_entry is None else header_of(first_entry)
    if header is not None:
        _require_request(header, run_id, mark)


def _require_request(header: JournalHeader, run_id: str, mark: str) -> None:
    if header.fingerprint != mark:
        raise CheckpointMismatch(
            f"run '{printable(run_id)}' holds the checkpoint of another request (fingerprint "
            f"{named(header.fingerprint[:12])} seen, {mark[:12]} expected); take another run id, or delete it"
        )


def delivered_again(restored: RestoredRun, deliver_from: int) -> list[Event]:
    """Return what a new consumer is given: everything said, in order, less the text it already has (in characters).

    Where something was taken back, that text may be of another answer: it is dropped, and everything is given.
    """
    if deliver_from and restored.was_taken_back:
        return [StreamReset(TAKEN_BACK), *_said(restored.accumulator, 0)]
    return _said(restored.accumulator, deliver_from)


def _said(accumulator: Accumulator, deliver_from: int) -> list[Event]:
    events: list[Event] = []
    skip = deliver_from
    for block in accumulator.blocks():
        match block:
            case TextBlock(text):
                events += [TextDelta(text[skip:])] if text[skip:] else []
                skip = max(skip - len(text), 0)
            case ReasoningBlock(text):
                events += [ReasoningDelta(text)] if text and not skip else []
            case ToolCall():
                events += [e for e in block_events(block) if isinstance(e, ToolCallStart | ToolCallDelta)]
                events.append(ToolCallReady(block))
            case OpaqueBlock():
                continue
    if skip:  # shown, but never stored: the answer goes on from what was, perhaps in other words
        return [StreamReset(MORE_SHOWN), *_said(accumulator, 0)]
    for call in accumulator.snapshot().in_flight_tools:
        events.append(ToolCallStart(call.id, call.name))
        events += [ToolCallDelta(call.id, call.partial_args)] if call.partial_args else []
    return events
