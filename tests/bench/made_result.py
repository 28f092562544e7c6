"""A result of the fault benchmark that nobody ran: invented clients, each with its way to handle a fault."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from attrs import evolve, frozen

from riverrun.engine.bench.result import (
    SCHEMA,
    BenchResult,
    FaultRow,
    Finding,
    Moment,
    PeerRow,
    Side,
    Trial,
    Verdict,
)

FAULTS = (
    FaultRow("ok", "Control", "Nothing goes wrong."),
    FaultRow("reset-mid-text", "Connection", "The connection is reset in the middle of a sentence."),
    FaultRow("half-close", "Connection", "The server closes its half before the terminal event."),
    FaultRow("reset-at-seam", "Connection", "The second request is cut where the first one was."),
    FaultRow("stall-15s", "Silence", "No byte for 15 seconds, then the answer goes on."),
    FaultRow("stall-forever", "Silence", "No byte ever again, on an open connection."),
    FaultRow("pings-only", "Silence", "Comments each second, and not a word any more."),
    FaultRow("cut-in-character", "Bytes", "The body ends inside of a UTF-8 character."),
    FaultRow("error-in-body", "Bytes", "An error event in a body of status 200, after text."),
    FaultRow("html-under-200", "Bytes", "A proxy's web page with status 200.", {"httpx": "it reads no status page"}),
    FaultRow("cut-in-arguments", "Calls", "The stream breaks inside of the arguments of a call."),
    FaultRow("two-calls-one-cut", "Calls", "One call is whole, the second one is cut."),
    FaultRow(
        "signature-lost", "Calls", "The thought's signature is cut off.", {"*": "a signature can not be asked again"}
    ),
)
PEERS = (
    PeerRow("riverrun", "0.1.0", "this library, default policy, short clocks"),
    PeerRow("httpx", "0.28.1", "a plain loop over the lines, as most begin with"),
    PeerRow("openai", "3.1.0", "the official client, max_retries=2"),
    PeerRow("litellm router", "1.99.2", "mid-stream fallback on"),
    PeerRow("pydantic-ai fallback", "2.3.0", "FallbackModel over two models"),
    PeerRow("langchain", "1.4.0", "with_fallbacks"),
    PeerRow("l0", "", "reliable-ai-streams-py", missing="no version for this Python"),
)
WIRES = ("openai-chat", "anthropic")
TEXT = "The river ran past Eve and Adam\u2019s from swerve of shore to bend of bay and brings us by the castle"
WORDS = TEXT.split()


@frozen
class Way:
    """How a client ends a trial."""

    verdict: Verdict
    asks_again: bool = False
    share: float = 1.0


def way_of(peer: str, fault: FaultRow, dice: Random) -> Way:
    """Choose how this client handles this fault."""
    if fault.name == "ok" or (peer == "riverrun" and not fault.cannot_win):
        return Way(Verdict.EXACT, asks_again=fault.name != "ok")
    if fault.cannot_win:
        return Way(Verdict.CLEAN_ERROR if peer == "riverrun" else Verdict.FALSE_SUCCESS, share=0.6)
    if fault.group == "Silence" and peer in {"httpx", "langchain"}:
        return Way(Verdict.HANG, share=0.4)
    if peer in {"litellm router", "pydantic-ai fallback"} and dice.random() < 0.5:
        return Way(dice.choice([Verdict.EXACT, Verdict.PARTIAL]), asks_again=True, share=0.9)
    if fault.group == "Connection":
        return Way(Verdict.FALSE_SUCCESS if fault.name == "half-close" else Verdict.PARTIAL, share=0.5)
    return Way(dice.choice([Verdict.FALSE_SUCCESS, Verdict.CLEAN_ERROR, Verdict.PARTIAL]), share=0.5)


def trial_of(peer: str, fault: FaultRow, wire: str, seed: int) -> Trial:
    """Make one trial with its two logs."""
    dice = Random(f"{peer}/{fault.name}/{wire}/{seed}")
    way = way_of(peer, fault, dice)
    moments = sorted(_moments(fault, way, dice), key=lambda moment: moment.at_s)
    lied = way.verdict is Verdict.FALSE_SUCCESS
    lost = dice.randrange(3, 40) if way.verdict in {Verdict.PARTIAL, Verdict.FALSE_SUCCESS} else 0
    findings = [Finding.LIED] * lied + [Finding.LOST] * bool(lost) + [Finding.HUNG] * (way.verdict is Verdict.HANG)
    is_faulty = fault.name != "ok"
    fault_s = next((moment.at_s for moment in moments if moment.kind == "fault"), 0.0)
    again = [moment.at_s for moment in moments if moment.kind == "resume"]
    return Trial(
        peer, fault.name, wire, seed, way.verdict, tuple(findings), chars_lost=lost,
        chars_doubled=dice.randrange(12) if way.asks_again and peer != "riverrun" else 0,
        calls_half=int(lied and fault.group == "Calls"),
        tokens_twice=dice.randrange(5, 40) if way.asks_again else 0, requests=1 + way.asks_again,
        detection_s=again[0] - fault_s if again else (0.02 if is_faulty and way.verdict is not Verdict.HANG else None),
        recovery_s=0.3 * dice.random() if again else None, total_s=moments[-1].at_s,
        said="" if way.verdict in {Verdict.EXACT, Verdict.FALSE_SUCCESS} else "peer closed connection",
        moments=tuple(moments),
    )  # fmt: skip


def _moments(fault: FaultRow, way: Way, dice: Random) -> Iterator[Moment]:
    yield Moment(0.0, Side.CALLER, "ask", f"model {fault.name}")
    yield Moment(0.004, Side.SERVER, "request", "POST /v1/chat/completions", 1)
    yield Moment(0.01, Side.SERVER, "headers", "200", 1)
    at_s, cut, request = 0.02, 7 if fault.name != "ok" else 99, 1
    for number, word in enumerate(WORDS[: int(len(WORDS) * way.share)]):
        if number == cut:
            yield Moment(at_s, Side.SERVER, "fault", fault.name, 1)
            at_s += dice.uniform(0.8, 1.6) if fault.group == "Silence" else 0.02
            if not way.asks_again:
                break
            request = 2
            yield Moment(at_s, Side.CALLER, "resume", "asked to go on after 7 words", 2)
            yield Moment(at_s + 0.004, Side.SERVER, "request", "POST /v1/chat/completions", 2)
            at_s += 0.05
        at_s += dice.expovariate(25)
        yield Moment(at_s, Side.SERVER, "event", f"{word} ", request)
        yield Moment(at_s + 0.002, Side.CALLER, "text", f"{word} ", request)
    at_s += 5.0 if way.verdict is Verdict.HANG else 0.02
    bad = way.verdict not in {Verdict.EXACT, Verdict.FALSE_SUCCESS}
    yield Moment(at_s, Side.CALLER, "error" if bad else "end", "peer closed connection" if bad else "stop")


def made_result(seeds: int = 2) -> BenchResult:
    """Make a result of thirteen faults, seven clients (one of them not installed) and two wire formats."""
    told = tuple(
        trial_of(peer.name, fault, wire, seed)
        for peer in PEERS if not peer.missing
        for fault in FAULTS
        for wire in WIRES
        for seed in range(1, seeds + 1)
    )  # fmt: skip
    environment = {"python": "3.13.1", "system": "Linux 6.8 x86_64", "processors": "2", "riverrun": "0.1.0"}
    return BenchResult(
        SCHEMA, "quick", "riverrun bench faults --profile quick --html report.html", environment,
        "2026-12-01T06:00:00Z", tuple(range(1, seeds + 1)), FAULTS, PEERS, told,
    )  # fmt: skip


RUNS = "document.title='owned'"
HOSTILE = f'</script><script>{RUNS}</script><!--<img src="http://127.0.0.1:9/x" onerror="{RUNS}">'
"""An answer that would run, load and hide things if it were put into a page as it is."""


def hostile_result() -> BenchResult:
    """Make a result in which every text that others chose is hostile."""
    moments = tuple(Moment(number / 10, side, "text", HOSTILE) for number, side in enumerate(Side))
    trial = Trial(HOSTILE, HOSTILE, HOSTILE, 1, Verdict.PARTIAL, said=HOSTILE, total_s=0.2, moments=moments)
    return evolve(
        made_result(1), command=HOSTILE, environment={HOSTILE: HOSTILE}, profile=HOSTILE, started_at=HOSTILE,
        faults=(FaultRow(HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE}),),
        peers=(PeerRow(HOSTILE, HOSTILE, HOSTILE), PeerRow("gone", "", missing=HOSTILE)), trials=(trial,),
    )  # fmt: skip
