"""The continuation ladder: from (request, snapshot, plan, capabilities) to the next request. Pure.

Rules, each with its reason:

* *Whole only.* JSON mode and forced tools restart: a constrained decoder starts at the grammar's root, so a
  continuation would be a second document; a forced call can not follow text that was already said.
* *Empty prefix.* A prefix of nothing but white space restarts: there is nothing to continue, and providers refuse it.
  Where a server-side tool has finished there is: its work.
* *Trailing white space.* Where a provider refuses it at the end of a prefix (Anthropic answers 400) it is left off and
  the seam takes it off the reply again, so the text keeps every character once.
* *Reasoning* is no part of a continuation: an interrupted thought has no signature, a prefilled turn does not think,
  and newer models bind a signed block to an unbroken prefix. Outside a tool loop replaying it is optional; inside one,
  what was signed before the work of a server-side tool goes back with it, in its place.
* *Server-side tools.* Finished ones are handed back as they came, also where no text had followed yet, so nothing runs
  twice. One that had started and not answered may have run: the run refuses rather than run it again. So it does where
  finished work can not be handed back: the answer can only be had whole, no form is left, or another model is asked.
* *Output ceiling.* `max_tokens` is for the whole answer: what was emitted is taken off, never below 1 (then the
  provider, not we, says that the ceiling is reached). A thinking budget that no longer fits under it is dropped.
* *A prefix of the caller's own.* Where the request already ends with an assistant turn, what was said joins that turn.

*Source*: design §4; the providers' documentation on interrupted streams, prefill and signed reasoning.
"""

from __future__ import annotations

from typing import TypeAlias, TypedDict

from attrs import evolve, frozen

from .capabilities import Capabilities, ContinuationForm
from .messages import AnswerBlock, Block, Message, OpaqueBlock, ReasoningBlock, Role, TextBlock
from .planner import ContinueText, Reattach, RecoveryPlan, SynthesizeToolUse, TruncateBeforeTool, WholeRestart
from .printable import named
from .request import InferenceRequest
from .snapshot import InterruptSnapshot
from .usage import estimate_tokens

QUOTE_CHARS_MAX = 240
"""How much of the end of the text a user turn quotes: enough to be found once, short enough not to be answered."""

_HANDED_BACK = (
    "Your reply was cut off by a network failure after the tools you used had answered, before you wrote any of it. "
    "What they answered stands above: do not ask them the same again. Write the reply now, and do not mention the "
    "interruption."
)

_Turn: TypeAlias = tuple[TextBlock | OpaqueBlock | ReasoningBlock, ...]
"""What the assistant's turn of a continuation holds."""


@frozen
class NextRequest:
    """What to ask next. `searches`, `echoes` and `trimmed` tell the seam what to expect of the reply.

    `said` is what the request tells the model it already said; the consumer saw `said` + `trimmed`.
    """

    request: InferenceRequest
    form: ContinuationForm
    said: str = ""
    searches: bool = False
    echoes: bool = False
    trimmed: str = ""
    cursor: str | None = None


@frozen
class CannotContinue:
    """Why it is not safe to ask again; the run ends with `StreamInterrupted` and everything that was received."""

    reason: str


NextStep: TypeAlias = NextRequest | CannotContinue


def next_request(
    request: InferenceRequest,
    snapshot: InterruptSnapshot,
    plan: RecoveryPlan,
    capabilities: Capabilities,
    *,
    origin: str | None = None,
) -> NextStep:
    """Climb the ladder for a plan; see the module's rules. `SynthesizeToolUse` asks nothing: it is refused here.

    `origin` is who will be asked, "provider/model": a tool's work goes back to its own only. None: the same as before.
    """
    match plan:
        case Reattach(cursor):
            return NextRequest(request, ContinuationForm.CURSOR, cursor=cursor)
        case WholeRestart():
            return _restart(request, snapshot)
        case ContinueText(prefix) | TruncateBeforeTool(prefix):
            work = snapshot.server_work
            if work is not None and not prefix.strip() and origin not in (None, work.origin):
                return CannotContinue(f"a server-side tool ({work.kind}) ran at {work.origin}; {origin} can not go on")
            return _continue(request, snapshot, prefix, capabilities)
        case SynthesizeToolUse():
            return CannotContinue("the completed calls end the run: there is nothing to ask")


def _restart(request: InferenceRequest, snapshot: InterruptSnapshot, why: str | None = None) -> NextStep:
    if snapshot.server_tool_in_flight is not None:
        ran = snapshot.server_tool_in_flight
        return CannotContinue(f"a server-side tool ({named(ran)}) may have run; asking again would run it twice")
    if snapshot.server_work is not None:
        ran = snapshot.server_work.kind
        why = "its work can not be handed back here" if why is None else f"its work can not be handed back: {why}"
        return CannotContinue(f"a server-side tool ({named(ran)}) has run, and {why}; asking again would run it twice")
    return NextRequest(request, ContinuationForm.RESTART)


def _continue(
    request: InferenceRequest, snapshot: InterruptSnapshot, prefix: str, capabilities: Capabilities
) -> NextStep:
    if snapshot.server_tool_in_flight is not None:
        return CannotContinue(
            f"a server-side tool ({named(snapshot.server_tool_in_flight)}) had started and may have run; "
            "going on would run it twice"
        )
    if capabilities.whole_only is not None:
        return _restart(request, snapshot, capabilities.whole_only)
    if not prefix.strip() and snapshot.server_work is None:
        return _restart(request, snapshot)
    ceilings = _ceilings(request, snapshot, prefix)
    for form in capabilities.forms:
        match form:
            case ContinuationForm.NATIVE | ContinuationForm.PREFILL:
                return _by_prefix(request, ceilings, snapshot, prefix, form, capabilities)
            case ContinuationForm.QUOTE:
                return _by_quote(request, ceilings, snapshot, prefix)
            case ContinuationForm.CURSOR | ContinuationForm.RESTART:
                continue
    return _restart(request, snapshot)


def _by_prefix(
    request: InferenceRequest,
    ceilings: _Ceilings,
    snapshot: InterruptSnapshot,
    prefix: str,
    form: ContinuationForm,
    capabilities: Capabilities,
) -> NextRequest:
    turn, trimmed = _replayable(snapshot, prefix), ""
    if not capabilities.prefix_trailing_space:
        turn, trimmed = _without_trailing_space(turn)
    said = prefix[: len(prefix) - len(trimmed)]
    asked = evolve(request, messages=_with_assistant(request.messages, turn), **ceilings)
    echoes = capabilities.echoes
    return NextRequest(asked, form, said=said, searches=echoes, echoes=echoes, trimmed=trimmed)


def _by_quote(request: InferenceRequest, ceilings: _Ceilings, snapshot: InterruptSnapshot, prefix: str) -> NextRequest:
    answered = _with_assistant(request.messages, _replayable(snapshot, prefix))
    asked = evolve(request, messages=(*answered, Message.user(_quote_prompt(prefix))), **ceilings)
    return NextRequest(asked, ContinuationForm.QUOTE, said=prefix, searches=True)


def _quote_prompt(prefix: str) -> str:
    if not prefix.strip():
        return _HANDED_BACK
    tail = prefix[-QUOTE_CHARS_MAX:]
    return (
        "Your reply was cut off by a network failure before it was finished. It ended with exactly this text:\n\n"
        f"<tail>{tail}</tail>\n\n"
        "Continue that reply from the very next character after the tail. Do not repeat any of it, do not start over, "
        "and do not mention the interruption: write only what comes next. If the reply was already complete, write "
        "nothing."
    )


def _replayable(snapshot: InterruptSnapshot, prefix: str) -> _Turn:
    """Give the blocks of the assistant's turn: text as it was said, between it finished work and what led to it."""
    blocks = snapshot.blocks
    whole = "".join(block.text for block in blocks if isinstance(block, TextBlock))
    if whole != prefix or not any(isinstance(block, OpaqueBlock) for block in blocks):
        return (TextBlock(prefix),)
    return _join_texts(_handed_back(blocks))


def _handed_back(blocks: tuple[AnswerBlock, ...]) -> _Turn:
    """Keep text and work, and of thoughts those that are whole and led to work."""
    kept: list[TextBlock | OpaqueBlock | ReasoningBlock] = []
    last_work = max(place for place, block in enumerate(blocks) if isinstance(block, OpaqueBlock))
    for place, block in enumerate(blocks):
        match block:
            case TextBlock() | OpaqueBlock():
                kept.append(block)
            case ReasoningBlock() if place < last_work and (block.signature or block.redacted):
                kept.append(block)
            case _:
                pass
    return tuple(kept)


def _join_texts(blocks: _Turn) -> _Turn:
    """Join neighbouring texts: a block of nothing but white space, which providers refuse, would be lost on its own."""
    joined: list[TextBlock | OpaqueBlock | ReasoningBlock] = []
    for block in blocks:
        last = joined[-1] if joined else None
        if isinstance(last, TextBlock) and isinstance(block, TextBlock):
            joined[-1] = TextBlock(last.text + block.text)
        else:
            joined.append(block)
    return tuple(joined)


def _without_trailing_space(turn: _Turn) -> tuple[_Turn, str]:
    """Take the white space off a turn's end, if it ends with text, and return it; a text that becomes empty goes."""
    last = turn[-1]
    if not isinstance(last, TextBlock):
        return turn, ""
    kept = last.text.rstrip()
    return (*turn[:-1], TextBlock(kept)) if kept else turn[:-1], last.text[len(kept) :]


def _with_assistant(messages: tuple[Message, ...], blocks: tuple[Block, ...]) -> tuple[Message, ...]:
    last = messages[-1]
    if last.role is Role.ASSISTANT:
        return (*messages[:-1], Message(Role.ASSISTANT, (*last.content, *blocks)))
    return (*messages, Message(Role.ASSISTANT, blocks))


class _Ceilings(TypedDict, total=False):
    """What of a request a continuation makes smaller."""

    max_tokens: int
    reasoning_budget_tokens: int | None


def _ceilings(request: InferenceRequest, snapshot: InterruptSnapshot, prefix: str) -> _Ceilings:
    if request.max_tokens is None:
        return {}
    emitted = snapshot.output_tokens if snapshot.output_tokens is not None else estimate_tokens(prefix)
    left = max(request.max_tokens - emitted, 1)
    budget = request.reasoning_budget_tokens
    return {"max_tokens": left, "reasoning_budget_tokens": None if budget is not None and budget >= left else budget}
