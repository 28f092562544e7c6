"""The show itself: the same answer and the same faults, to a plain client and to riverrun, at the same time."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from math import inf
from typing import Protocol

import httpx
import trio
from attrs import evolve, frozen

from ....providers.anthropic.provider import Anthropic
from ....providers.openai_chat.provider import OpenAIChat
from ...core.errors import RiverrunError
from ...core.events import Event, Interrupted, Resumed, StreamReset, TextDelta
from ...core.messages import Message
from ...core.policy import Policy, RetryPolicy, StallPolicy
from ...core.printable import printable
from ...core.provider import Provider
from ...core.request import InferenceRequest
from ...core.result import StreamResult
from ...engine import Engine
from ...testing.network.server import Loopback, open_loopback
from ...testing.script.answers import Answer
from ...testing.script.faults import Fault
from ...testing.wire.formats import Wire
from .plain import PlainClient, open_client
from .story import Moment, Pane, RiverrunOutcome, WireOutcome, moment_of

PROMPT = "Can I step into the same river twice? Please explain it properly."

MODELS = {Wire.ANTHROPIC: "claude-sonnet-4-5", Wire.OPENAI: "gpt-4o"}
"""One model that takes a prefill and one that needs the quoting turn: both ways to continue are shown."""

EVENT_S = 0.012
"""Seconds between two events at speed 1: about as fast as one reads along, five seconds for an answer."""

IDLE_S = 1.0
"""The idle clock at speed 1: long enough to be seen, short enough to be waited for."""

IDLE_S_MIN = 0.25
"""The idle clock's floor, at any speed: below it, a busy machine looks like a stalled provider."""

SHOW_S_MAX = 60.0
"""At speed 1 and above, a scene is over after this, whatever happened: nothing here may hang."""


@frozen
class Scene:
    """What is played: one wire format, one answer, one schedule. `speed` is inf for no delays."""

    wire: Wire
    answer: Answer
    faults: tuple[Fault, ...]
    seed: int
    speed: float = 1.0

    @property
    def model(self) -> str:
        """Who answers."""
        return MODELS[self.wire]

    @property
    def scale(self) -> float:
        """What a second at speed 1 takes at this speed."""
        return 0.0 if self.speed == inf else 1 / self.speed

    def policy(self) -> Policy:
        """Riverrun's patience at this speed: the shape of the defaults, in small."""
        scale = self.scale
        idle_s = max(IDLE_S * scale, IDLE_S_MIN)
        retry = RetryPolicy(
            attempts_max=2 * len(self.faults) + 4,
            base_delay_s=0.25 * scale,
            delay_s_max=0.5 * scale,
            rate_limit_base_delay_s=0.4 * scale,
            rate_limit_delay_s_max=0.6 * scale,
            empty_base_delay_s=0.1 * scale,
            stall_delay_s=0.2 * scale,
        )
        stall = StallPolicy(headers_s=4 * idle_s, first_event_s=idle_s, first_event_s_max=2 * idle_s, idle_s=idle_s)
        return Policy(retry=retry, stall=stall)

    def open_server(self) -> Loopback:
        """Make a server with a copy of the schedule: both sides meet the same faults at the same places."""
        faults = [evolve(fault, retry_after_s=_scaled(fault.retry_after_s, self.scale)) for fault in self.faults]
        return open_loopback(self.answer, faults, seed=self.seed, event_s=EVENT_S * self.scale)


def _scaled(hint_s: float | None, scale: float) -> float | None:
    return None if hint_s is None else round(hint_s * scale, 3)


class View(Protocol):
    """How the show is shown."""

    def open(self, scene: Scene, plain: Pane, ours: Pane) -> AbstractContextManager[None]:
        """Show a scene for as long as the block is open."""
        ...

    async def run(self) -> None:
        """Keep showing; cancelled at the scene's end."""
        ...

    def tell(self, side: str, at_s: float, words: str) -> None:
        """Tell something that happened."""
        ...


class _Riverrun:
    """Riverrun's side: a consumer that shows what it is given, and keeps the story."""

    def __init__(self, scene: Scene, pane: Pane, tell: Callable[[str, float, str], None]) -> None:
        self.story: list[Moment] = []
        self._scene = scene
        self._pane = pane
        self._tell = tell
        self._attempt = 1
        self._began = trio.current_time()
        self._result: StreamResult | None = None
        self._error: str | None = "it did not finish in time"

    async def run(self, server: Loopback) -> None:
        """Ask through an engine, and show. If cancelled: what came is shown."""
        async with open_client() as client:
            engine = Engine(
                _provider(self._scene, server, client),
                policy=self._scene.policy(),
                chance=random.Random(self._scene.seed).random,  # noqa: S311 - the show repeats
            )
            request = InferenceRequest(Message.user(PROMPT), max_tokens=4096)
            try:
                async with engine.open_stream(request) as run:
                    async for event in run:
                        self._take(event)
                self._result, self._error = run.result, None
            except RiverrunError as error:
                self._error = f"{type(error).__name__}: {printable(str(error))}"
                self._pane.status = self._error

    def _take(self, event: Event) -> None:
        pane = self._pane
        match event:
            case TextDelta(text):
                pane.add(text, self._attempt)
                return
            case StreamReset():
                pane.clear()
            case Resumed(attempt):
                self._attempt = attempt
            case _:
                pass
        moment = moment_of(event, trio.current_time() - self._began, pane.text)
        if moment is None:
            return
        self.story.append(moment)
        # The status keeps why it broke beside what is done about it, until the answer goes on.
        after_break = len(self.story) > 1 and self.story[-2].kind == Interrupted.__name__
        pane.status = f"{self.story[-2].words} | {moment.words}" if after_break else moment.words
        self._tell("riverrun", moment.at_s, moment.words)

    def outcome(self, whole: str) -> RiverrunOutcome:
        """Say how it ended, letter for letter."""
        shown = self._pane.text
        records = () if self._result is None else self._result.attempts
        return RiverrunOutcome(
            chars=len(shown),
            shown_is_whole=shown == whole,
            result_is_whole=self._result is not None and self._result.text == whole,
            attempts=len(records),
            recovered_from=tuple(str(record.cause) for record in records if record.cause is not None),
            error=self._error,
        )


def _provider(scene: Scene, server: Loopback, client: httpx.AsyncClient) -> Provider:
    # A key of our own, so that a real one in the environment is never sent, not even to this machine.
    if scene.wire is Wire.ANTHROPIC:
        return Anthropic(scene.model, api_key="demo", base_url=server.anthropic_url, client=client)
    return OpenAIChat(scene.model, api_key="demo", base_url=server.openai_url, client=client)


async def play(scene: Scene, view: View) -> WireOutcome:
    """Play one scene to its end. If cancelled: servers and clients are gone."""
    began = trio.current_time()
    plain_pane, pane = Pane("a plain client"), Pane("riverrun")
    plain, ours = PlainClient(scene.wire, scene.model, plain_pane), _Riverrun(scene, pane, view.tell)
    async with scene.open_server() as plain_server, scene.open_server() as server:
        with view.open(scene, plain_pane, pane):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(view.run)
                with trio.move_on_after(SHOW_S_MAX * max(scene.scale, 1.0)):
                    async with trio.open_nursery() as clients:
                        clients.start_soon(_run_plain, plain, scene, plain_server, view)
                        await ours.run(server)
                        await _hear_out(plain, 2 * IDLE_S_MIN + 3 * EVENT_S * scene.scale)
                        clients.cancel_scope.cancel(reason="riverrun has finished, and the plain client is silent")
                plain_pane.status = plain.outcome(scene.answer.text).ended
                nursery.cancel_scope.cancel(reason="the scene is over")
    text = scene.answer.text
    return WireOutcome(
        wire=scene.wire.value,
        model=scene.model,
        answer=scene.answer.name,
        chars_whole=len(text),
        took_s=round(trio.current_time() - began, 3),
        faults=tuple(server.faults_happened),
        plain=plain.outcome(text),
        riverrun=ours.outcome(text),
        story=tuple(ours.story),
    )


async def _run_plain(plain: PlainClient, scene: Scene, server: Loopback, view: View) -> None:
    began = trio.current_time()
    await plain.run(server.anthropic_url + scene.wire.path, PROMPT)
    view.tell("plain client", trio.current_time() - began, plain.last_words)


async def _hear_out(plain: PlainClient, patience_s: float) -> None:
    """Wait for a plain client for as long as it still gets text: being slower is no failure."""
    while (left_s := plain.heard_at_s + patience_s - trio.current_time()) > 0 and not plain.ended.is_set():
        with trio.move_on_after(left_s):
            await plain.ended.wait()
