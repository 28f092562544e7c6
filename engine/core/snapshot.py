"""What an interrupted run holds, over all of its attempts: the planner's only input beside the capabilities."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from .messages import AnswerBlock, OpaqueBlock, ToolCall
from .tool_json import parse_arguments

_INERT_KINDS = frozenset({"compaction"})
"""What ran nothing: a summary of the conversation, at Anthropic and at OpenAI, is made anew without harm."""


@frozen
class InFlightTool:
    """A call that was under way: never run it. `partial_args` is what had arrived of its arguments."""

    id: str
    name: str
    partial_args: str = ""


@frozen
class InterruptSnapshot:
    """Everything said so far by the run, in one frozen value.

    `text` is what the consumer was given, joined; `blocks` is the same in order, with reasoning, calls and opaque
    blocks between; `output_tokens` is what the providers reported for it, None where they have not said;
    `server_tool_in_flight` names a server-side tool that had started and may have run.
    """

    text: str = ""
    completed_tool_calls: tuple[ToolCall, ...] = ()
    in_flight_tools: tuple[InFlightTool, ...] = ()
    reasoning: str = ""
    blocks: tuple[AnswerBlock, ...] = ()
    bytes_received: int = 0
    cursor: str | None = None
    output_tokens: int | None = None
    server_tool_in_flight: str | None = None

    @property
    def anything_shown(self) -> bool:
        """Whether the consumer has seen anything that a restart would have to take back."""
        return bool(self.text or self.reasoning or self.completed_tool_calls or self.in_flight_tools or self.blocks)

    @property
    def server_work(self) -> OpaqueBlock | None:
        """The first block that a tool of the provider's own left behind: what ran, and must not run again."""
        opaque = (block for block in self.blocks if isinstance(block, OpaqueBlock))
        return next((block for block in opaque if block.kind not in _INERT_KINDS), None)

    @classmethod
    def from_partials(
        cls, text: str | None, partials: Iterable[tuple[str, str, str]], bytes_received: int
    ) -> InterruptSnapshot:
        """Build a snapshot from (id, name, arguments) triples.

        A call with a name whose arguments parse as a JSON object is complete; any other is in flight. Nothing here says
        whether the provider had closed a call, so one without arguments counts as in flight.
        """
        completed: list[ToolCall] = []
        in_flight: list[InFlightTool] = []
        for call_id, name, arguments in partials:
            parsed = parse_arguments(arguments) if name and arguments else None
            if parsed is None:
                in_flight.append(InFlightTool(call_id, name, arguments))
            else:
                completed.append(ToolCall(call_id, name, parsed))
        return cls(text or "", tuple(completed), tuple(in_flight), bytes_received=bytes_received)
