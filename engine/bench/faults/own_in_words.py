"""The faults of ours that lie in what is said: frames, ends, thoughts and calls, and the seams of a continuation.

Each strikes once or twice, and leaves later requests well, so that it can be got over with one provider.
"""

from __future__ import annotations

from ...testing.script.faults import Fault, FaultKind
from ...testing.wire.formats import Wire
from .answers import Shape
from .fault import BenchFault
from .own_below_words import CUT, MIDDLE, SSE, in_text
from .play import Place, Play

_FRAMES = (
    BenchFault(
        name="garbage",
        group="Frames",
        title="Bytes that are neither an event nor UTF-8, and then the end.",
        plays=(in_text(FaultKind.GARBAGE),),
        faults=(Fault(FaultKind.GARBAGE, MIDDLE),),
    ),
    BenchFault(
        name="duplicate-chunk",
        group="Frames",
        title="One event of the text comes twice, with the same number.",
        plays=(in_text(FaultKind.DUPLICATE_EVENT),),
        wires=(Wire.RESPONSES,),
    ),
    BenchFault(
        name="message-begins-again",
        group="Frames",
        title="After some words the same stream begins the answer again, from its first event.",
        plays=(in_text(FaultKind.DUPLICATE),),
        wires=(Wire.ANTHROPIC, Wire.RESPONSES),
        faults=(Fault(FaultKind.DUPLICATE, MIDDLE),),
    ),
    BenchFault(
        name="empty-data-lines",
        group="Frames",
        title="An event without data follows each event; nothing is wrong.",
        plays=(Play(Fault(FaultKind.EMPTY_DATA)),),
        wires=SSE,
    ),
    BenchFault(
        name="line-separators",
        group="Frames",
        title="The text holds U+2028, U+2029 and U+0085, which end no line of a stream; nothing is wrong.",
        shape=Shape.SEPARATORS,
    ),
    BenchFault(
        name="unknown-event",
        group="Frames",
        title="An event of an unknown kind between two words; nothing is wrong.",
        plays=(in_text(FaultKind.UNKNOWN_EVENT),),
    ),
)

_ENDS = (
    BenchFault(
        name="no-terminal-event",
        group="Ends",
        title="All is said; the finish word and what follows it are missing.",
        plays=(Play(Fault(FaultKind.PREMATURE_END), Place.TERMINAL),),
        faults=(Fault(FaultKind.PREMATURE_END),),
    ),
    BenchFault(
        name="reset-after-end",
        group="Ends",
        title="The connection is reset after the last event, before the HTTP body's end.",
        plays=(Play(Fault(FaultKind.ERROR_AFTER_TERMINAL)),),
        faults=(Fault(FaultKind.ERROR_AFTER_TERMINAL),),
    ),
    BenchFault(
        name="silence-after-end",
        group="Ends",
        title="After the last event the connection stays open, for ever.",
        plays=(Play(Fault(FaultKind.ERROR_AFTER_TERMINAL, count=1)),),
        faults=(Fault(FaultKind.ERROR_AFTER_TERMINAL, count=1),),
    ),
    BenchFault(
        name="failed-finish",
        group="Ends",
        title="Between two words the answer ends, with a finish word that names a failure.",
        plays=(in_text(FaultKind.FAILED_FINISH),),
        faults=(Fault(FaultKind.IN_BAND_ERROR, MIDDLE),),
    ),
    BenchFault(
        name="empty-answer",
        group="Ends",
        title="An answer without a word that says it is whole, once.",
        plays=(Play(Fault(FaultKind.EMPTY)),),
        faults=(Fault(FaultKind.EMPTY),),
    ),
)

_THOUGHTS_AND_CALLS = (
    BenchFault(
        name="cut-in-reasoning",
        group="Thoughts and calls",
        title="The connection is reset between two thoughts.",
        plays=(Play(Fault(FaultKind.RESET), Place.REASONING),),
        shape=Shape.THOUGHTS,
        faults=(Fault(FaultKind.RESET, 4),),
    ),
    BenchFault(
        name="cut-in-signature",
        group="Thoughts and calls",
        title="The server closes inside the signature of the thoughts.",
        plays=(Play(Fault(FaultKind.HALF_CLOSE), Place.SIGNATURE),),
        shape=Shape.THOUGHTS,
        wires=(Wire.ANTHROPIC, Wire.RESPONSES, Wire.GEMINI),
    ),
    BenchFault(
        name="cut-after-thoughts",
        group="Thoughts and calls",
        title="The answer has thoughts, and the connection is reset between two words.",
        plays=(CUT,),
        shape=Shape.THOUGHTS,
        faults=(Fault(FaultKind.RESET, 50),),
    ),
    BenchFault(
        name="cut-in-arguments",
        group="Thoughts and calls",
        title="The connection is reset inside the arguments of the first call.",
        plays=(Play(Fault(FaultKind.RESET), Place.ARGUMENTS),),
        shape=Shape.CALLS,
        faults=(Fault(FaultKind.RESET, 75),),
    ),
    BenchFault(
        name="clean-end-in-arguments",
        group="Thoughts and calls",
        title="The HTTP body ends properly inside the arguments of the first call.",
        plays=(Play(Fault(FaultKind.PREMATURE_END), Place.ARGUMENTS),),
        shape=Shape.CALLS,
        faults=(Fault(FaultKind.HALF_CLOSE, 75),),
    ),
    BenchFault(
        name="stall-in-arguments",
        group="Thoughts and calls",
        title="Nothing more, for ever, inside the arguments of the first call.",
        plays=(Play(Fault(FaultKind.STALL), Place.ARGUMENTS),),
        shape=Shape.CALLS,
        faults=(Fault(FaultKind.STALL, 75),),
    ),
    BenchFault(
        name="cut-between-calls",
        group="Thoughts and calls",
        title="The connection is reset after the first of two calls.",
        plays=(Play(Fault(FaultKind.RESET), Place.BETWEEN_CALLS),),
        shape=Shape.CALLS,
        turns=2,
    ),
    BenchFault(
        name="cut-in-second-call",
        group="Thoughts and calls",
        title="The server closes inside the arguments of the second of two calls.",
        plays=(Play(Fault(FaultKind.HALF_CLOSE), Place.SECOND_CALL),),
        shape=Shape.CALLS,
        turns=2,
    ),
    BenchFault(
        name="cut-after-calls",
        group="Thoughts and calls",
        title="Both calls are said; the finish word and what follows it are missing.",
        plays=(Play(Fault(FaultKind.HALF_CLOSE), Place.TERMINAL),),
        shape=Shape.CALLS,
        turns=2,
        faults=(Fault(FaultKind.PREMATURE_END),),
    ),
)

_SEAMS = (
    BenchFault(
        name="cut-twice",
        group="Seams",
        title="The connection is reset between two words, and again in the continuation.",
        plays=(CUT, CUT),
        faults=(Fault(FaultKind.RESET, 20), Fault(FaultKind.RESET, 20)),
    ),
    BenchFault(
        name="second-cut-at-seam",
        group="Seams",
        title="The connection is reset between two words, and again after the next one.",
        plays=(CUT, Play(Fault(FaultKind.RESET, 1), Place.TOKENS)),
        faults=(Fault(FaultKind.RESET, MIDDLE), Fault(FaultKind.RESET, 3)),
    ),
    BenchFault(
        name="second-cut-in-character",
        group="Seams",
        title="The connection is reset between two words, and the continuation inside a character.",
        plays=(CUT, Play(Fault(FaultKind.HALF_CLOSE), Place.CHARACTER)),
        faults=(Fault(FaultKind.RESET, MIDDLE), Fault(FaultKind.HALF_CLOSE, 10)),
    ),
    BenchFault(
        name="503-at-seam",
        group="Seams",
        title="The connection is reset between two words; the continuation is answered 503.",
        plays=(CUT, Play(Fault(FaultKind.HTTP_ERROR, status=503))),
        faults=(Fault(FaultKind.RESET, MIDDLE), Fault(FaultKind.HTTP_ERROR, status=503)),
    ),
    BenchFault(
        name="stall-at-seam",
        group="Seams",
        title="The connection is reset between two words; the continuation never says a word.",
        plays=(CUT, Play(Fault(FaultKind.STALL))),
        faults=(Fault(FaultKind.RESET, MIDDLE), Fault(FaultKind.STALL)),
    ),
    BenchFault(
        name="echo",
        group="Seams",
        title="A cut; a model that is asked by a quote then says all of it again first.",
        plays=(CUT, Play(Fault(manner=FaultKind.ECHO))),
        faults=(Fault(FaultKind.RESET, MIDDLE), Fault(FaultKind.ECHO)),
    ),
    BenchFault(
        name="overlap",
        group="Seams",
        title="A cut; a model that is asked by a quote then says the last 40 characters again first.",
        plays=(CUT, Play(Fault(manner=FaultKind.OVERLAP, count=40))),
        faults=(Fault(FaultKind.RESET, MIDDLE), Fault(FaultKind.OVERLAP, count=40)),
    ),
    BenchFault(
        name="restart",
        group="Seams",
        title="A cut; a model that is asked by a quote then starts over, in other words.",
        plays=(CUT, Play(Fault(manner=FaultKind.STARTS_OVER))),
        faults=(Fault(FaultKind.RESET, MIDDLE), Fault(FaultKind.STARTS_OVER)),
    ),
    BenchFault(
        name="prefill-refused",
        group="Seams",
        title="The body ends early, and every request that ends with the assistant's turn is refused with 400.",
        plays=(in_text(FaultKind.PREMATURE_END), Play(refuses_prefill=True)),
        repeats=True,
        faults=(Fault(FaultKind.HALF_CLOSE, MIDDLE), Fault(FaultKind.PREFILL_REFUSED)),
    ),
)

FAULTS_OF_SPEECH: tuple[BenchFault, ...] = (*_FRAMES, *_ENDS, *_THOUGHTS_AND_CALLS, *_SEAMS)
"""In the order of the report."""
