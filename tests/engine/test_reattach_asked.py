"""Only a request can ask for an answer that can be read on; what a server says of itself is not believed."""

from __future__ import annotations

from typing import Any

import pytest
from trio.testing import MockClock

import riverrun as rr
from riverrun.engine.core.policy import Limits
from riverrun.engine.core.stream_events import CursorMoved, StreamEvent
from riverrun.engine.testing.network.transport import Script, ScriptedTransport
from tests.law_runs import watch_run
from tests.providers.gemini_samples import INTERACTION, interactions_sse
from tests.providers.gemini_samples import numbered as with_ids
from tests.providers.openai_responses_samples import ANSWER_EVENTS, lifecycle, numbered
from tests.providers.samples import sse

BODIES = {
    "openai-responses": sse(*numbered(lifecycle(background=True), *ANSWER_EVENTS[1:])),
    "gemini-interactions": interactions_sse(*with_ids(INTERACTION)),
}


class Noting:
    """A provider whose decoders note the cursors they give."""

    def __init__(self, provider: Any) -> None:
        self.cursors: list[str | None] = []
        self._provider = provider

    def __getattr__(self, name: str) -> Any:
        return getattr(self._provider, name)

    def decoder(self, limits: Limits) -> Any:
        """Make the provider's own decoder, and look over its shoulder."""
        decoder = self._provider.decoder(limits)
        feed = decoder.feed

        def noting(data: bytes) -> list[StreamEvent]:
            events = list(feed(data))
            self.cursors += [event.cursor for event in events if isinstance(event, CursorMoved)]
            return events

        decoder.feed = noting
        return decoder


@pytest.mark.parametrize(
    ("made", "extra", "is_asked"),
    [
        (rr.OpenAIResponses, {}, False),
        (rr.OpenAIResponses, {"background": True}, True),
        (rr.GeminiInteractions, {"store": False}, False),
        (rr.GeminiInteractions, {}, True),
    ],
)
async def test_there_are_cursors_where_the_request_asked_for_them(
    made: Any, extra: dict[str, Any], is_asked: bool, autojump_clock: MockClock
) -> None:
    provider = Noting(made("some-model", api_key="sk-test-key-0123"))
    transport = ScriptedTransport(lambda _wire: Script([BODIES[provider.name]]))
    engine = rr.Engine(provider, transport=transport, policy=rr.Policy(retry=rr.RetryPolicy(attempts_max=1)))
    request = rr.InferenceRequest(rr.Message.user("Hi"), extra=extra)
    await watch_run(engine, request)
    assert bool(provider.cursors) == is_asked
