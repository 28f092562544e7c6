"""A recording as a test's provider: what came once comes again, read by read, in virtual or real time.

    recording = recorded("stall.jsonl")
    result = await recording.engine().complete(recording.request)
    assert [str(attempt.cause) for attempt in result.attempts] == ["idle stall", "None"]

The bytes come from where they were taken: between the transport and the engine. Everything above is real: provider,
decoder, clocks, planner, budgets. Where the engine had left an answer, nothing more comes, and the engine under test
decides anew.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import trio
from attrs import define, field

from ...core.policy import Policy
from ...core.provider import Provider, WireRequest
from ...core.request import InferenceRequest
from ...core.usage_error import UsageError
from ...engine import Engine
from ...http.transport import TransportError
from ...recording.format import Exchange, Recording, RecordingUnusable, read_recording
from ...recording.recorder import Recorder
from ...stores.store import CheckpointStore
from .script import Fails, Silence, Step
from .transport import Script, ScriptedTransport

__all__ = ["Recorded", "Recorder", "Recording", "RecordingEnded", "RecordingUnusable", "read_recording", "recorded"]


class RecordingEnded(UsageError):
    """A run asked for more than the recording holds: another engine or policy, or the recorded run was left there."""


@define(eq=False)
class Recorded:
    """A recording that can be asked. Each request of a run gets the next exchange.

    Attributes:
        recording: what is played.
        provider: who writes the requests and reads the answers.
        transport: gives the recorded bytes; for one run, as the recording is of one.
        asked_s: when each request was made, on trio's clock.
    """

    recording: Recording
    provider: Provider
    transport: ScriptedTransport = field(init=False)
    asked_s: list[float] = field(factory=list[float], init=False)

    def __attrs_post_init__(self) -> None:
        self.transport = ScriptedTransport(self._next)

    @property
    def request(self) -> InferenceRequest:
        """The recorded request; of placeholders, if its content was not recorded."""
        return self.recording.request

    @property
    def policy(self) -> Policy:
        """The recorded policy."""
        return self.recording.policy

    def engine(self, *, policy: Policy | None = None, store: CheckpointStore | None = None) -> Engine:
        """Make an engine on this recording; its dice are loaded, so that every replay is the same run."""
        return Engine(
            self.provider,
            policy=policy or self.policy,
            store=store,
            transport=self.transport,
            chance=lambda: 0.5,
            wall_clock=lambda: self.recording.began_unix_s,
        )

    def _next(self, wire: WireRequest) -> Script:
        exchanges = self.recording.exchanges
        number = len(self.asked_s)
        self.asked_s.append(trio.current_time())
        if number >= len(exchanges):
            raise RecordingEnded(
                f"request {number + 1} was made, and the recording holds {len(exchanges)}: this engine or policy asks "
                "oftener than the recorded one; expected a recording of as many, or an assertion that it is raised"
            )
        return script_of(exchanges[number])


def recorded(path: str | Path, *, provider: Provider | None = None) -> Recorded:
    """Read a recording for a test. `provider`: another object than the recorded name and model stand for.

    Raises:
        RecordingUnusable: the file is no recording, or names a provider that can not be made without options.
    """
    recording = read_recording(path)
    return Recorded(recording, provider or _provider_of(recording, str(path)))


def _provider_of(recording: Recording, name: str) -> Provider:
    from ....providers.by_name import from_name

    asked = f"{recording.provider}/{recording.model}"
    try:
        return from_name(asked, api_key="not-a-key-nothing-is-sent")
    except UsageError as error:
        raise RecordingUnusable(
            f"{name}: {asked} can not be made ({error.message})",
            argument="provider",
            advised="provider",
            advice="; give provider=…",
        ) from None


def script_of(exchange: Exchange) -> Script:
    """Write an exchange as a script, with its times."""
    if exchange.opened_s is None:
        is_left = exchange.how == "left"
        waited_s = math.inf if is_left else exchange.ended_s - exchange.asked_s
        return Script((), opens_after_s=waited_s, fails=exchange.cause)
    times = [exchange.opened_s, *(read.at_s for read in exchange.reads), exchange.ended_s]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    steps: list[Step] = []
    for gap_s, read in zip(gaps, exchange.reads, strict=False):
        steps += (*_silence(gap_s), read.data)
    if exchange.how == "left":
        steps.append(Silence())
    else:
        steps += _silence(gaps[-1])
    if exchange.cause is not None:
        steps.append(Fails(TransportError(exchange.cause)))
    opens_after_s = exchange.opened_s - exchange.asked_s
    return Script(steps, exchange.status or 200, exchange.headers, opens_after_s)


def _silence(seconds: float) -> list[Step]:
    return [Silence(seconds)] if seconds > 0 else []
