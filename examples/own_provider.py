"""An API that riverrun does not know, in one file: Brook, a service we invented, and a run over its broken connection.

    POST /v1/flow   {"model": …, "most": 100, "goes_on": false, "turns": [{"who": "user", "says": "…"}]}
    200             {"say": "The "} {"say": "river"} … {"end": "dry", "spent": 17}: an object a line
    at any place    {"trouble": "…"}: the answer has failed. A refusal is {"trouble": "…"} too, with its status.

A provider answers four questions, and does no I/O. The steps are in docs/providers.md, "Add a provider in one file".
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import trio

import riverrun as rr
from riverrun.lowlevel import (
    ErrorResponse,
    Failure,
    FailureKind,
    NDJSONReader,
    StopReported,
    StreamEvent,
    StreamFailed,
    SurrogateJoiner,
    UsageReport,
    WireRequest,
    check_model,
    count_at,
    failure_of_response,
    open_endpoint,
    printable,
    read_object,
    text_at,
)

PATH = "/v1/flow"
STOPS = {"dry": rr.StopReason.END_TURN, "dam": rr.StopReason.MAX_TOKENS}


class Brook:
    """One model at Brook. Key: BROOK_API_KEY."""

    name = "brook"

    def __init__(self, model: str, *, api_key: str | None = None, base_url: str | None = None) -> None:
        self.model = check_model(model)
        self._endpoint = open_endpoint(  # checks the address, and keeps the key in a header and out of every text
            self.name,
            base_url=base_url,
            base_url_env="BROOK_BASE_URL",
            base_url_default="https://api.brook.example",
            api_key=api_key,
            api_key_env="BROOK_API_KEY",
            key_header="authorization",
            headers=None,
            allow_insecure=False,
        )

    def capabilities(self, request: rr.InferenceRequest) -> rr.Capabilities:
        """1. How an answer goes on: `goes_on` is a native continuation. Where it is refused, a turn quotes the text."""
        return rr.Capabilities(forms=(rr.ContinuationForm.NATIVE, rr.ContinuationForm.QUOTE))

    def encode(self, request: rr.InferenceRequest, form: rr.ContinuationForm | None = None) -> WireRequest:
        """2. What is sent. What the API does not have is refused, never dropped in silence."""
        for name in ("tools", "tool_choice", "stop_sequences", "temperature", "extra"):
            if getattr(request, name) not in (None, (), {}):
                raise rr.UsageError(f"brook has no {name}; expected a request without")
        turns = [{"who": turn.role.value, "says": _says(turn)} for turn in request.messages]
        if request.system:
            turns.insert(0, {"who": "guide", "says": "\n".join(block.text for block in request.system)})
        body = {"model": self.model, "most": request.max_tokens, "goes_on": form is rr.ContinuationForm.NATIVE}
        headers = {"content-type": "application/json", **self._endpoint.headers}
        return WireRequest(self._endpoint.base_url + PATH, headers, json.dumps({**body, "turns": turns}).encode())

    def decoder(self, limits: rr.Limits) -> BrookDecoder:
        """3. What comes back: a fresh decoder for each attempt."""
        return BrookDecoder(limits, self._endpoint.scrub)

    def classify(self, refusal: ErrorResponse, *, now_unix_s: float) -> Failure:
        """4. What a refusal means. The table of statuses knows most; only what is Brook's own is said here."""
        if refusal.status == 423:
            return Failure(FailureKind.OVERLOADED, "brook: the sluice is shut", status=423)
        return failure_of_response(refusal, self._endpoint, PATH, now_unix_s=now_unix_s)


def _says(turn: rr.Message) -> str:
    for block in turn.content:
        if not isinstance(block, rr.TextBlock):
            raise rr.UsageError(f"brook takes nothing but text; seen was {type(block).__name__}")
    return turn.text


class BrookDecoder:
    """Bytes in any cut make the same events, and nothing that a server sends raises."""

    def __init__(self, limits: rr.Limits, scrub: Callable[[str], str]) -> None:
        self.is_complete = False
        self.defect: str | None = None
        self._reader = NDJSONReader(line_bytes_max=limits.line_bytes_max)
        self._joiner = SurrogateJoiner()  # "\ud83c" and "\udf0a" may come in two lines
        self._scrub = scrub
        self._is_over = False

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take the next bytes, in any cut."""
        events = [event for line in self._reader.feed(data) for event in self._read(line)]
        if self._reader.defect is not None and not self._is_over:
            self.defect, self._is_over = self._reader.defect, True
        return events

    def close(self) -> Sequence[StreamEvent]:
        """Take the end of the body: half a line is an interruption, a whole one without its line feed counts."""
        rest = self._reader.close()
        return [] if rest is None or isinstance(read_object(rest), str) else list(self._read(rest))

    def _read(self, line: str) -> Iterator[StreamEvent]:
        if self._is_over:
            return
        said = read_object(line)
        if isinstance(said, str):  # not JSON, or not an object: what was seen instead
            self.defect, self._is_over = said, True
        elif trouble := text_at(said, "trouble"):
            self._is_over = True
            yield StreamFailed(Failure(FailureKind.PROVIDER, f"brook: {printable(self._scrub(trouble))}"))
        elif "end" in said:
            self._is_over = self.is_complete = True
            if rest := self._joiner.flush():
                yield rr.TextDelta(rest)
            yield StopReported(STOPS.get(text_at(said, "end"), rr.StopReason.OTHER), text_at(said, "end"))
            yield UsageReport(output=count_at(said, "spent"))
        elif text := self._joiner.take(text_at(said, "say")):
            yield rr.TextDelta(text)


# -- the service, on this machine: it breaks its first connection in the middle ---------------------------------------

TEXT = "A brook that meets a stone does not begin again at its spring. It goes around, and on. 🌊"


async def flow(breaks: list[int], stream: trio.SocketStream) -> None:
    got = b""
    while not got.endswith(b'"}]}'):  # the end of `turns`, which is the end of the body
        got += await stream.receive_some()
    asked = json.loads(got.partition(b"\r\n\r\n")[2])
    said = asked["turns"][-1]["says"] if asked["goes_on"] else ""
    await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n")
    cut = breaks.pop() if breaks else len(TEXT)
    for letter in TEXT[len(said) : cut]:
        await stream.send_all(json.dumps({"say": letter}).encode() + b"\n")
    if cut == len(TEXT):
        await stream.send_all(b'{"end": "dry", "spent": 17}\n')
    else:
        await trio.sleep(0.1)  # so that some of it arrives; then a reset
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await stream.aclose()


async def main() -> None:
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, partial(flow, [40]), 0, host="127.0.0.1"))
        model = Brook("brook-1", base_url=f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}")
        engine = rr.Engine(model, policy=rr.Policy(retry=rr.RetryPolicy(base_delay_s=0.1)))
        async with engine.open_stream(rr.InferenceRequest(rr.Message.user("What does a brook do?"))) as run:
            async for event in run:
                match event:
                    case rr.TextDelta(text):
                        print(text, end="", flush=True)
                    case rr.Interrupted(cause, plan):
                        print(f"[{cause}; {type(plan).__name__}]", end="")
                    case _:
                        pass
        print(f"\n{[str(attempt.continuation) for attempt in run.result.attempts]}")
        assert run.result.text == TEXT
        nursery.cancel_scope.cancel(reason="the run has ended")


if __name__ == "__main__":
    trio.run(main)
