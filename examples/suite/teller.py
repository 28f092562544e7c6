"""The application under test: it asks, and keeps a screen that shows the answer so far."""

from __future__ import annotations

import riverrun as rr

QUESTION = rr.InferenceRequest(rr.Message.user("Tell the story of the river."))


class Screen:
    """What the reader sees."""

    def __init__(self) -> None:
        self.text = ""

    def take(self, event: rr.Event) -> None:
        """Show more text, or begin anew where the answer does."""
        match event:
            case rr.TextDelta(text):
                self.text += text
            case rr.StreamReset():
                self.text = ""
            case _:
                pass


async def tell(engine: rr.Engine, screen: Screen) -> rr.StreamResult:
    """Ask, and show the answer as it comes."""
    async with engine.open_stream(QUESTION) as run:
        async for event in run:
            screen.take(event)
    return run.result


def plan(snapshot: rr.InterruptSnapshot, capabilities: rr.Capabilities) -> rr.RecoveryPlan:
    """Plan as riverrun does, but begin again where hardly anything was said."""
    planned = rr.plan_recovery(snapshot, capabilities)
    return rr.WholeRestart() if isinstance(planned, rr.ContinueText) and len(snapshot.text) < 8 else planned
