"""Planted bugs by which text is lost, doubled, reordered or not stored, and calls are released wrongly."""

from __future__ import annotations

from riverrun.engine.testing.law import Law
from tests.mutants.patching import Edit, Mutant

STREAM_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "second checkpoint forgets the first prefix",
        Law.ONE_STREAM,
        "a journal of several attempts is folded from the last one on",
        [Edit("core.journal:_Refold.take", "accumulator.origin = origin", "len(self._ledger) and accumulator.reset()")],
    ),
    Mutant(
        "journal numbered from before the end",
        Law.ONE_STREAM,
        "a re-opened run numbers its first entry like the last that is stored, and the store takes it for a repeat",
        [Edit("run.opening:_restore", "sequence=len(opened.entries)", "sequence=max(len(opened.entries) - 1, 0)")],
    ),
    Mutant(
        "overlap not trimmed",
        Law.ONE_STREAM,
        "a repetition is recognised and shown all the same",
        [Edit("core.seam:_Search.feed", "ECHO, text[len(expected) :]", "ECHO, text")],
    ),
    Mutant(
        "echo not dropped",
        Law.ONE_STREAM,
        "an echo by contract is recognised and shown all the same",
        [Edit("core.seam:_Echo.feed", "ECHO, text[len(awaited) :]", "ECHO, text")],
    ),
    Mutant(
        "thoughts said again",
        Law.LEDGER,
        "the thoughts that are left out of a continuation are not counted",
        [Edit("run.intake:Intake._deliver_with_care", "wasted_bytes += skipped", "wasted_bytes += 0")],
    ),
    Mutant(
        "start-over glued",
        Law.ONE_STREAM,
        "an answer that begins anew counts as a clean continuation",
        [Edit("core.seam:_Search._unmatched", "return SeamVerdict.RESTART, reply", "return SeamVerdict.CLEAN, reply")],
    ),
    Mutant(
        "trimmed white space doubled",
        Law.ONE_STREAM,
        "white space that a request left off is shown again",
        [Edit("core.seam:Aligner._skip_trimmed", "return text[common:]", "return text")],
    ),
    Mutant(
        "hold-back emitted twice",
        Law.ONE_STREAM,
        "what the seam held is given before the reply, which holds it too",
        [
            Edit(
                "core.seam:_Search._unmatched",
                "else SeamVerdict.CLEAN, reply",
                "else SeamVerdict.CLEAN, reply[: self._matched] + reply",
            )
        ],
    ),
    Mutant(
        "hold-back never flushed",
        Law.ONE_STREAM,
        "what the seam held is dropped where the reply turns out to be new",
        [Edit("core.seam:_Search._leave_place", "reply = self._held() + text", "reply = text")],
    ),
    Mutant(
        "hold-back shown at a cut",
        Law.ONE_STREAM,
        "what the seam holds when the attempt is cut is decided as if the reply were whole",
        [
            Edit("run.intake:Intake.finish", "self._answer_ended or isinstance(outcome, Unconfirmed)", "True"),
            Edit("run.intake:Intake.finish", "new and not (self._answer_ended or ends_without_finish)", "False"),
        ],
    ),
    Mutant(
        "snapshot text differs",
        Law.ONE_STREAM,
        "a snapshot leaves off the white space at the end of its text",
        [
            Edit(
                "core.accumulator:Accumulator.snapshot",
                "text=self._held.text",
                "text=self._held.text.rstrip()",
            )
        ],
    ),
    Mutant(
        "StreamReset forgotten",
        Law.ONE_STREAM,
        "what is taken back from the answer stays on the screen",
        [Edit("core.taking_back:take_back", "yield Deliver(StreamReset(reason))", "pass")],
    ),
    Mutant(
        "reset not stored",
        Law.ONE_STREAM,
        "what is taken back stays in the journal",
        [Edit("core.taking_back:take_back", "yield Record(AnswerReset())", "pass")],
    ),
    Mutant(
        "rewind keeps the text",
        Law.ONE_STREAM,
        "a message that begins again keeps what it had added to the open block",
        [
            Edit(
                "core.answer_blocks:AnswerBlocks.cut_back",
                "self._goes_on.cut(self._goes_on_chars)",
                "self._goes_on.read()",
            )
        ],
    ),
    Mutant(
        "shown before it is stored",
        Law.ONE_STREAM,
        "with before_delivery an event is handed over before its write",
        [Edit("run.delivery:Delivery.put", "if self._holds:", "if False:")],
    ),
    Mutant(
        "reset shown before it is stored",
        Law.ONE_STREAM,
        "a process that is killed has shown another version of the answer than the one that is stored",
        [Edit("run.delivery:Delivery.carry_out", "self._holds or self.journal is not None", "self._holds")],
    ),
    Mutant(
        "deliver_from ignored",
        Law.ONE_STREAM,
        "a consumer that has the text is given it again",
        [Edit("run.checkpoint:_said", "skip = deliver_from", "skip = 0")],
    ),
    Mutant(
        "half a thought signed",
        Law.ONE_STREAM,
        "a signature outlives the attempt that was cut before its thought closed, and the next one's thoughts join it",
        [
            Edit("core.leading_thoughts:has_thought", "return not is_due", "return False"),
            Edit(
                "core.accumulator:Accumulator.end_attempt",
                "        self._held_bytes += self._open_reasoning.sign(None)\n        self._open_reasoning = None",
                "        pass",
            ),
        ],
    ),
    Mutant(
        "finished answer not deleted",
        Law.ONE_STREAM,
        "a finished run stays in the store",
        [Edit("run.running:RunningRun._run_stored", "await journal.delete()", "await trio.lowlevel.checkpoint()")],
    ),
    Mutant(
        "last write forgotten",
        Law.ONE_STREAM,
        "the end of a run does not write what is pending",
        [Edit("run.journal_writer:JournalWriter.finish", "stored = await self.write(last=True)", "stored = True")],
    ),
    Mutant(
        "failed write not tried again",
        Law.ONE_STREAM,
        "an entry whose write failed is dropped",
        [
            Edit(
                "run.journal_writer:JournalWriter._write_in_turn",
                "            return False\n        self._unwritten.popleft()",
                "            self._unwritten.popleft()\n            return False\n        self._unwritten.popleft()",
            )
        ],
    ),
    Mutant(
        "empty answer called success",
        Law.ONE_STREAM,
        "an answer without a word is not asked for again",
        [Edit("core.run_state:RunState._ends_whole", "if accumulator.is_empty and", "if not accumulator and")],
    ),
    Mutant(
        "journal keeps one delta of a read",
        Law.ONE_STREAM,
        "of a read that is nothing but text the journal is told the first delta only",
        [
            Edit(
                "run.intake:Intake._deliver",
                "self._delivery.record(TextDelta(text))",
                "self._delivery.record(events[0])",
            )
        ],
        level="bytes",
    ),
    Mutant(
        "released before the block closed",
        Law.WHOLE_CALLS,
        "a call is released as soon as its arguments parse",
        [
            Edit(
                "core.accumulator:Accumulator._fold_call_delta",
                "    return event\n",
                "    whole = parse_arguments(call.read()) is not None\n"
                "    return self._fold_block_stop(BlockStop(event.id)) if whole else event\n",
            )
        ],
    ),
    Mutant(
        "announced twice after a resume",
        Law.WHOLE_CALLS,
        "a completed call is handed out twice when its run is opened again",
        [
            Edit(
                "run.checkpoint:_said",
                "events.append(ToolCallReady(block))",
                "events += [ToolCallReady(block), ToolCallReady(block)]",
            )
        ],
    ),
    Mutant(
        "cancel of a call not told",
        Law.WHOLE_CALLS,
        "of the calls under way at a cut the first is forgotten in silence",
        [Edit("core.taking_back:cancel_calls", "map(Deliver, cancelled)", "map(Deliver, cancelled[1:])")],
    ),
    Mutant(
        "asked again after a release",
        Law.WHOLE_CALLS,
        "with text before it, a released call does not end the run, and the model makes it once more",
        [
            Edit(
                "core.planner:plan_recovery",
                "if snapshot.completed_tool_calls:",
                "if snapshot.completed_tool_calls and not snapshot.text:",
            ),
            Edit(
                "core.planner:require_valid_plan",
                "TruncateBeforeTool() if snapshot.completed_tool_calls:",
                "TruncateBeforeTool() if not snapshot:",
            ),
        ],
    ),
    Mutant(
        "half a call released",
        Law.WHOLE_CALLS,
        "arguments that never became an object are released as an empty one",
        [
            Edit(
                "core.answer_blocks:CallParts.close",
                "if text.strip() in _NOTHING and not is_cut:",
                "if parse_arguments(text, values_max) is None:",
            ),
            Edit("core.answer_blocks:CallParts.close", "(arguments or not is_cut)", "True"),
        ],
    ),
    Mutant(
        "cancelled calls stay in the journal",
        Law.WHOLE_CALLS,
        "a call that was cancelled is under way again when the run is opened again",
        [Edit("core.taking_back:cancel_calls", "yield Record(CallsCancelled())", "pass")],
    ),
)
"""Of the laws "one stream" and "whole calls"."""
