"""A model in this process that says what a test scripts, and what the tests of the engine share around it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

import trio
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.capabilities import Capabilities, ContinuationForm
from riverrun.engine.core.stream_events import (
    BlockStop,
    ReasoningDelta,
    StopReported,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from riverrun.engine.testing.network.script import Silence

Step: TypeAlias = StreamEvent | Silence | Exception
T = TypeVar("T")

ASK = rr.InferenceRequest([rr.Message.user("Tell me.")], max_tokens=1000)
END = StopReported(rr.StopReason.END_TURN, "done")
ONCE = rr.Policy(retry=rr.RetryPolicy(attempts_max=1))


def say(*texts: str) -> list[Step]:
    """Texts, one by one."""
    return [TextDelta(text) for text in texts]


def call(call_id: str, arguments: str, name: str = "look") -> list[Step]:
    """A call that the model closed."""
    return [ToolCallStart(call_id, name), ToolCallDelta(call_id, arguments), BlockStop(call_id)]


def think(text: str) -> list[Step]:
    """A thought that the model closed."""
    return [ReasoningDelta(text), BlockStop()]


class OwnSource:
    """An event source: plays one script for each attempt; refuses where the script is an error.

    Attributes:
        asked: the requests and forms it was asked with.
        open: how many answers are open.
    """

    name = "own"
    model = "m-1"

    def __init__(self, *scripts: Sequence[Step] | Exception, forms: Sequence[ContinuationForm] | None = None) -> None:
        self.scripts = list(scripts)
        self.asked: list[tuple[rr.InferenceRequest, ContinuationForm | None]] = []
        self.open = 0
        chosen = (ContinuationForm.PREFILL,) if forms is None else tuple(forms)
        self.declared = Capabilities(forms=chosen)

    @property
    def attempts(self) -> int:
        """How often it was asked."""
        return len(self.asked)

    def capabilities(self, request: rr.InferenceRequest) -> Capabilities:
        """What the test declares."""
        return self.declared

    def open_events(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> _Answer:
        """Begin the next script; asked more often than there are scripts is a mistake of the test's."""
        self.asked.append((request, form))
        script = self.scripts.pop(0)
        if isinstance(script, Exception):
            raise script
        return _Answer(self, script)


class _Answer(trio.abc.ReceiveChannel[StreamEvent]):
    """One script being played; both the block and the channel of an answer."""

    def __init__(self, source: OwnSource, script: Sequence[Step]) -> None:
        self._source = source
        self._steps = list(script)

    async def __aenter__(self) -> _Answer:
        await trio.lowlevel.checkpoint()
        self._source.open += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.open -= 1

    async def receive(self) -> StreamEvent:
        while True:
            await trio.lowlevel.checkpoint()
            if not self._steps:
                raise trio.EndOfChannel
            step = self._steps.pop(0)
            match step:
                case Silence(None):
                    await trio.sleep_forever()
                case Silence(seconds):
                    await trio.sleep(seconds or 0)
                case Exception():
                    raise step
                case _:
                    return step

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


class Channelled(OwnSource):
    """A model whose answers come over one of trio's memory channels, or what a test gives for one."""

    def __init__(self, *channels: trio.abc.ReceiveChannel[StreamEvent]) -> None:
        super().__init__()
        self.channels = list(channels)

    def open_events(self, request: rr.InferenceRequest, form: ContinuationForm | None) -> Any:
        """Hand over the next channel."""
        self.asked.append((request, form))
        return self.channels.pop(0)


def channel_of(*events: Step) -> trio.MemoryReceiveChannel[StreamEvent]:
    """A channel in which all of it is ready, and which is closed."""
    send, receive = trio.open_memory_channel[Any](math.inf)
    for event in events:
        send.send_nowait(event)
    send.close()
    return receive


class Breaking(trio.abc.ReceiveChannel[StreamEvent]):
    """Has some events ready, and breaks in the middle of being asked for what is ready."""

    def __init__(self, *events: Step) -> None:
        self.events: list[Any] = list(events)

    async def receive(self) -> StreamEvent:
        await trio.lowlevel.checkpoint()
        return self.receive_nowait()

    def receive_nowait(self) -> StreamEvent:
        """Give what is ready; where trio's own channel would block, this one is broken."""
        if not self.events:
            raise trio.BrokenResourceError("the model's process is gone")
        event: StreamEvent = self.events.pop(0)
        return event

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


def engine_of(source: OwnSource, **options: Any) -> rr.Engine:
    """An engine whose dice always fall on the middle."""
    return rr.Engine(source, chance=lambda: 0.5, **options)


async def all_events(run: rr.Run) -> list[rr.Event]:
    """Everything a run hands over, to its end."""
    return [event async for event in run]


def played(main: Callable[[], Awaitable[T]]) -> T:
    """Run on a clock that jumps over every wait."""
    return trio.run(main, clock=MockClock(autojump_threshold=0))


def text_of(events: Sequence[rr.Event]) -> str:
    """What a consumer shows at the end."""
    shown = ""
    for event in events:
        match event:
            case rr.TextDelta(text):
                shown += text
            case rr.StreamReset():
                shown = ""
            case _:
                pass
    return shown


def kinds(events: Sequence[rr.Event]) -> list[type]:
    """Which events, without those that may be dropped."""
    return [type(event) for event in events if not isinstance(event, rr.UsageUpdate | rr.Status)]
