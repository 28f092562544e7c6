"""The laws as exact oracles over what happened: what the model gave, what the engine made of it, what the consumer saw.

Each function checks one law and tells by its name. `check_process` looks at one process of a run when it has ended,
`check_run` at the whole run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ...core.errors import InferenceError, StoreError, UsageError
from ...core.journal import RestoredRun, restore
from ...core.messages import ReasoningBlock
from ...core.policy import Limits
from ...core.result import AttemptRecord, SeamVerdict, StreamResult
from ...core.snapshot import InterruptSnapshot
from ...core.stream_events import BlockStop
from ...run.run import Run, inside_of
from ..law import Law
from ..script.faults import FaultKind, failure_of
from ..script.speech import Attempt, ForeignError
from ..script.text import call_id_parts, signature_of, thought_of
from .coverage import note_attempt, note_process
from .oracles_budget import check_budget, check_causes, check_ledger, check_time, may_give_up
from .scenario import Act
from .state import Book, Ended, Process


def check_process(book: Book, process: Process) -> None:
    """Check everything that can be said of one process of a run."""
    records = () if process.run is None else process.run.attempts
    attempts = book.model.attempts[process.requests :]
    if process.run is not None:
        mine = _own_records(book, process, records, attempts)
        _check_text(book, process, mine, attempts)
        _check_calls(book, process, attempts)
        check_ledger(book, process, mine, attempts)
        check_causes(book, process, mine, attempts)
        _check_stored(book, process)
        note_process(Ended(book, process, mine, attempts))
    _check_end(book, process, attempts)
    check_budget(book, process, attempts)
    check_time(book, process, attempts)
    for attempt in attempts:
        note_attempt(book, attempt)


def check_run(book: Book) -> None:
    """Check what holds over all processes of a run."""
    model, last = book.model, book.processes[-1]
    if last.end != "finished" or last.run is None:
        return
    result = last.run.result
    if not any(version.text.startswith(result.text) for version in model.versions):
        book.tell(Law.ONE_STREAM, f"the answer is {result.text!r}, which the model never said")
    seen: dict[tuple[int, int], str] = {}
    sure = (book.scenario.policy.checkpoint.before_delivery or not _is_troubled(book)) and not _is_lost(book)
    for process in book.processes:
        for call in process.observer.ready:
            first = seen.setdefault(call_id_parts(call.id), call.id)
            if first != call.id and sure and not _was_cut_off(book, process):
                book.tell(Law.WHOLE_CALLS, f"call {call.id} was released, and was released as {first} before")


def _was_cut_off(book: Book, process: Process) -> bool:
    """Whether a process before this one may have shown what it had not stored: it crashed, and the store was behind."""
    before = book.processes[process.number - 1] if process.number else None
    return before is not None and before.end == "crashed" and not book.scenario.policy.checkpoint.before_delivery


def _is_troubled(book: Book) -> bool:
    return any(process.handle is None or process.handle.troubled for process in book.processes)


def _is_lost(book: Book) -> bool:
    """Whether the store lost what it had: no engine can know of it."""
    return any(process.handle is not None and process.handle.lost for process in book.processes)


def _own_records(
    book: Book, process: Process, records: Sequence[AttemptRecord], attempts: Sequence[Attempt]
) -> Sequence[AttemptRecord]:
    """The ledger's lines of the requests of this process; each request has one, in order."""
    before = 0
    if process.restored is not None:
        restored = process.restored
        before = len(restored.attempts) + (1 if restored.attempt_open and (attempts or records) else 0)
    if process.restored is not None and process.restored.ended:
        before = len(process.restored.attempts)
    numbers = [record.number for record in records]
    if numbers != list(range(1, len(records) + 1)):
        book.tell(Law.LEDGER, f"the attempts are numbered {numbers}")
    mine = records[before:]
    if len(mine) != len(attempts) and process.end != "crashed":
        book.tell(Law.LEDGER, f"{len(attempts)} requests were made, {len(mine)} are in the ledger")
    return mine


# -- one stream ---------------------------------------------------------------------------------------------------


def _check_text(book: Book, process: Process, records: Sequence[AttemptRecord], attempts: Sequence[Attempt]) -> None:
    held, shown = _held(process), process.observer.text
    _check_is_of_the_model(book, "the run holds", held)
    if process.is_drained and not _may_withhold(book, process) and shown != held:
        book.tell(Law.ONE_STREAM, f"shown is …{shown[-40:]!r} ({len(shown)}), held is …{held[-40:]!r} ({len(held)})")
    _check_is_of_the_model(book, "shown is", shown)
    result = process.observer.result
    if result is not None and result.text != held:
        book.tell(Law.ONE_STREAM, f"the result is …{result.text[-40:]!r}, held is …{held[-40:]!r}")
    _check_is_expected(book, process, records, attempts)
    _check_thoughts(book, process)


def _check_is_of_the_model(book: Book, what: str, text: str) -> None:
    if not any(version.text.startswith(text) for version in book.model.versions):
        book.tell(Law.ONE_STREAM, f"{what} {text!r}, which no answer of the model begins with")


def _check_is_expected(
    book: Book, process: Process, records: Sequence[AttemptRecord], attempts: Sequence[Attempt]
) -> None:
    """The run holds exactly what was said, where that is certain; without a request, what was stored or nothing."""
    held = _held(process)
    if attempts:
        record = records[-1] if len(records) == len(attempts) else None
        expected = _expected_text(attempts[-1], record, process)
        taken_back = not held and record is not None and not record.kept
        if expected is not None and held != expected and not taken_back:
            book.tell(
                Law.ONE_STREAM, f"held is …{held[-40:]!r} ({len(held)}); said was …{expected[-40:]!r} ({len(expected)})"
            )
    elif process.restored is not None and held not in ("", process.restored.accumulator.text):
        book.tell(Law.ONE_STREAM, f"nothing was asked, held is …{held[-40:]!r}, stored was another text")


def _held(process: Process) -> str:
    """What the run holds as text."""
    return "" if process.run is None else inside_of(process.run).text


def _may_withhold(book: Book, process: Process) -> bool:
    """Whether what was said may rightly never be shown: the store comes first, and it failed."""
    return book.scenario.policy.checkpoint.before_delivery and process.handle is not None and process.handle.troubled


def _expected_text(attempt: Attempt, record: AttemptRecord | None, process: Process) -> str | None:
    """The exact text after an attempt; None where it is not certain from outside: the seam was still open."""
    text, verdict = attempt.reply.version.text, None if record is None else record.seam
    places = _places_of(attempt)
    if places is None or (attempt.searches and verdict is None):
        return None
    if process.end == "finished" and record is not None and record.cause is None:
        return text  # the terminal event was seen: the answer is whole
    base, ends = places
    if attempt.before is not None and verdict is not SeamVerdict.RESTART:
        return attempt.before.text[:base]  # of an answer that began anew nothing was told
    return text[: max(0 if verdict is SeamVerdict.RESTART else base, *ends, 0)]


def _places_of(attempt: Attempt) -> tuple[int, list[int]] | None:
    """At which character an attempt begins, and where each of its events leaves the text; None where that is open."""
    events, ends = attempt.reply.events[: attempt.given], attempt.reply.ends
    if attempt.rewinds is None or attempt.given <= attempt.rewinds:
        return attempt.base, ends[: attempt.given]
    if attempt.began:  # a continuation that is read on is not begun again
        return attempt.base, ends[: attempt.rewinds]
    has_calls = any(isinstance(event, BlockStop) and event.id is not None for event in (*attempt.history, *events))
    if has_calls or attempt.begins is not FaultKind.NONE:
        return None
    return attempt.base if attempt.began is None else 0, ends[attempt.rewinds : attempt.given]


def _check_thoughts(book: Book, process: Process) -> None:
    """A signature stands under a whole thought, or not at all."""
    answer = book.scenario.answer
    signed = {signature_of(n): thought_of(n, item) for n, item in enumerate(answer) if item.signed}
    if not signed:
        return
    for block in process.opened_run.snapshot().blocks:
        if not isinstance(block, ReasoningBlock) or block.signature is None:
            continue
        if signed.get(block.signature) != block.text:
            book.tell(
                Law.ONE_STREAM, f"the signature {block.signature} stands under {block.text!r}, a part of its thought"
            )


def _check_stored(book: Book, process: Process) -> None:
    """What is stored at the end: nothing of a finished run, everything of another, all that was shown of a crashed."""
    handle = process.handle
    if handle is None or handle.lost or not handle.is_open:
        return
    if handle.is_dead:
        _check_shown_is_stored(book, process)
        return
    if handle.refused is not None:
        book.tell(Law.ONE_STREAM, f"a write was refused: {handle.refused}")
    if handle.troubled and handle.is_behind:
        return
    if process.end != "finished":
        _check_held_is_stored(book, process, process.opened_run)
    elif book.stored and process.act is Act.NONE:
        book.tell(Law.ONE_STREAM, "the finished run was not deleted from the store")


def _check_shown_is_stored(book: Book, process: Process) -> None:
    """Of a crashed process, whose store comes first."""
    text = process.observer.text
    if not book.scenario.policy.checkpoint.before_delivery or not text:
        return
    if not _told_once(book.stored, process, book.scenario.policy.limits):
        book.tell(Law.ONE_STREAM, f"shown is {text!r}, which is not stored, and the store comes first")


def _check_held_is_stored(book: Book, process: Process, run: Run) -> None:
    """Of a process that stopped and kept what it had: text and calls."""
    restored = restore(book.stored, book.scenario.policy.limits)
    text = "" if restored is None else restored.accumulator.text
    if text != (held := _held(process)):
        book.tell(Law.ONE_STREAM, f"stored is …{text[-40:]!r} ({len(text)}), held is {len(held)} characters")
    calls = () if restored is None else _calls_of(restored.accumulator.snapshot())
    held_calls = _calls_of(run.snapshot())
    if restored is not None and restored.accumulator.cursor is not None:  # those under way are the next consumer's
        calls = tuple(call.id for call in restored.accumulator.completed_calls)
    if calls != held_calls:
        book.tell(Law.WHOLE_CALLS, f"stored are the calls {calls}, held are {held_calls}")


def _calls_of(snapshot: InterruptSnapshot) -> tuple[str, ...]:
    under_way = (f"{call.id} (under way)" for call in snapshot.in_flight_tools)
    return (*(call.id for call in snapshot.completed_tool_calls), *under_way)


def _tells(stored: RestoredRun, process: Process) -> bool:
    """Whether what is stored begins with what was shown, unless it was taken back since."""
    return stored.accumulator.text.startswith(process.observer.text) or _has_reset(process)


def _told_once(entries: Sequence[bytes], process: Process, limits: Limits) -> bool:
    """Whether what was shown is stored; also if it was taken back since, and its consumer killed before it heard."""
    rows = [row for entry in entries for row in json.loads(entry)]
    stored = (restore([json.dumps(rows[:count]).encode()], limits) for count in range(len(rows), 0, -1))
    return any(one is not None and _tells(one, process) for one in stored)


def _has_reset(process: Process) -> bool:
    return process.observer.resets > 0 or any(not record.kept for record in process.opened_run.attempts)


# -- whole calls --------------------------------------------------------------------------------------------------


def _check_calls(book: Book, process: Process, attempts: Sequence[Attempt]) -> None:
    for call in process.observer.ready:
        index, n = call_id_parts(call.id)
        if call.arguments != {"item": index, "n": n} or book.scenario.answer[index].broken:
            book.tell(Law.WHOLE_CALLS, f"call {call.id} was released with {call.arguments}")
    ids = [call.id for call in process.observer.ready]
    if len(set(ids)) != len(ids):
        book.tell(Law.WHOLE_CALLS, f"a call was released twice: {ids}")
    _check_released(book, process, ids, _closed_calls(process, attempts))


def _closed_calls(process: Process, attempts: Sequence[Attempt]) -> list[str]:
    """The ids of the calls that the model closed, those first that were stored."""
    kept = [] if process.restored is None else [c.id for c in process.restored.accumulator.completed_calls]
    closed = [
        event.id
        for attempt in attempts
        for event in attempt.events
        if type(event) is BlockStop and event.id is not None and not event.is_cut
    ]
    return [*kept, *closed]


def _check_released(book: Book, process: Process, ids: list[str], expected: list[str]) -> None:
    """What was released is what was closed, in order: all of it at the end, a beginning before."""
    observer = process.observer
    if process.is_drained and not _may_withhold(book, process):
        if ids != expected:
            book.tell(Law.WHOLE_CALLS, f"closed were {expected}, released were {ids}")
        if observer.open_calls:
            book.tell(
                Law.WHOLE_CALLS, f"calls were begun and neither released nor cancelled: {sorted(observer.open_calls)}"
            )
    elif ids != expected[: len(ids)]:
        book.tell(Law.WHOLE_CALLS, f"closed were {expected}, released were {ids}")
    result = observer.result
    if result is not None and [call.id for call in result.tool_calls] != expected:
        book.tell(
            Law.WHOLE_CALLS, f"closed were {expected}, the result holds {[call.id for call in result.tool_calls]}"
        )


# -- exactly one end ----------------------------------------------------------------------------------------------


def _check_end(book: Book, process: Process, attempts: Sequence[Attempt]) -> None:
    error, observer = process.error, process.observer
    if process.end == "error":
        if observer.result is not None:
            book.tell(Law.ONE_END, f"Finished, and then {type(error).__name__}: {error}")
        _check_error(book, process, attempts)
    if process.end == "left" and process.act is not Act.LEAVE:
        book.tell(Law.ONE_END, "the events ended without Finished and without an error")
    if process.end == "partial" and process.act not in (Act.CANCEL, Act.PAUSE):
        book.tell(Law.ONE_END, "the run was cancelled, and nobody had asked for it")
    if process.end == "cancelled" and process.act is not Act.SCOPE:
        book.tell(Law.ONE_END, "the run was left by Cancelled, and nobody had cancelled it")
    if process.end == "finished":
        _check_finish(book, process, attempts)


def _check_finish(book: Book, process: Process, attempts: Sequence[Attempt]) -> None:
    """A finished run has seen a terminal event, or released calls, or asked about an end that nothing confirmed."""
    result = process.opened_run.result
    ended = process.restored is not None and process.restored.ended
    is_told = bool(attempts) and (attempts[-1].terminal or _is_asked_about(result, attempts))
    if not (result.tool_calls or ended or is_told):
        book.tell(Law.ONE_END, f"finished with {result.stop_reason.value}, and the terminal event was not seen")
    if result != process.observer.result:
        book.tell(Law.ONE_END, "the result is not that of Finished")


def _is_asked_about(result: StreamResult, attempts: Sequence[Attempt]) -> bool:
    """Whether the last body ended in order without a stop reason, as one before it did, and the result says so."""
    kinds = (FaultKind.HALF_CLOSE, FaultKind.PREMATURE_END)
    in_order = [attempt for attempt in attempts if attempt.fault.kind in kinds]
    return result.is_unconfirmed and len(in_order) > 1 and in_order[-1] is attempts[-1]


def _check_error(book: Book, process: Process, attempts: Sequence[Attempt]) -> None:
    """What is raised was caused: by the source, by the store, or by budgets that are spent."""
    error = process.error
    kinds = [attempt.fault.kind for attempt in attempts]
    if isinstance(error, ForeignError):
        if FaultKind.FOREIGN_ERROR not in kinds:
            book.tell(Law.ONE_END, "a foreign error that nobody raised")
    elif isinstance(error, StoreError):
        if process.handle is None or not process.handle.troubled:
            book.tell(Law.ONE_END, f"a store error of a store that works: {error}")
    elif isinstance(error, UsageError):
        book.tell(Law.ONE_END, f"the engine refuses what was planned: {error}")
    elif not isinstance(error, InferenceError):
        book.tell(Law.ONE_END, f"the run raised {type(error).__name__}: {error}")
    elif released := [call.id for call in process.observer.ready]:
        book.tell(Law.BUDGETS, f"failed with {error}: {released} were released, and end a run without another attempt")
    elif attempts and not _may_give_up(book, attempts):
        book.tell(Law.BUDGETS, f"gave up after {len(attempts)} requests ({error}), and the budget was not spent")


def _may_give_up(book: Book, attempts: Sequence[Attempt]) -> bool:
    last, retry = attempts[-1], book.scenario.policy.retry
    fails = last.fault.kind in (FaultKind.HTTP_ERROR, FaultKind.IN_BAND_ERROR) and not last.refused
    if fails and not failure_of(last.fault).is_retryable:
        return True
    if fails and last.fault.retry_after_s is not None and last.fault.retry_after_s > retry.retry_after_s_max:
        return True
    return may_give_up(book, attempts)
