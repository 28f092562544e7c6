"""The tree of arguments, with an example of each command. What a command does is imported when it is run."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, TypeAlias

from ..core.validators import seen
from .bench.options import add_bench_parser
from .chaos.options import add_chaos_parser
from .demo.options import add_demo_parser
from .exit_codes import EXIT_CODES, ExitCode
from .simulate.options import add_simulate_parser

if TYPE_CHECKING:
    # argparse has no public name for what add_subparsers returns
    _Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

_EXAMPLES = """\
examples:
  riverrun demo
  riverrun chat -m anthropic/claude-sonnet-4-5 "Tell the story of the river."
  git diff | riverrun chat -m openai/gpt-4.1 "Review this change."
  riverrun chat -m openai/gpt-4.1 --journal runs.db "A long answer, please."
  riverrun runs --journal runs.db
  riverrun resume --journal runs.db
  riverrun providers
  riverrun replay stall.jsonl
  riverrun simulate
  riverrun bench stalls
  riverrun chaos --fault stall@120tok:30s

"""

_CHAT = """\
The prompt is the argument and what is piped in, below it; "-" or no argument reads standard input alone. The answer
goes to standard output as it comes, everything else to standard error. With --journal, nothing is shown that is not
stored first: after a kill, riverrun resume goes on exactly there.

An answer that begins anew, because it could not be continued, is taken back from standard output where that is a file.
From a pipe nothing can be taken back: standard error says so, and what came before that counts no longer.

examples:
  riverrun chat -m anthropic/claude-sonnet-4-5 "Tell the story of the river."
  riverrun chat -m openai/gpt-4.1 - < question.txt > answer.txt
  git diff | riverrun chat -m openai/gpt-4.1 --system "You are terse." "Review this change."
  riverrun chat -m openai/llama3 --base-url http://localhost:11434/v1 "A model on this machine"
  riverrun chat -m anthropic/claude-sonnet-4-5 --journal runs.db --run-id story "A long story, please."
  riverrun chat -m openai/gpt-4.1 --record stall.jsonl "Why does it stop?"     then: riverrun replay stall.jsonl

with --json, each line is one event, an object whose "type" is the name of its class in riverrun:
  {"text":"Once","type":"TextDelta"}
  {"cause":{"type":"ConnectionReset"},"plan":{"assistant_prefix":"Once","type":"ContinueText"},"type":"Interrupted"}
  {"result":{…,"stop_reason":"end_turn"},"type":"Finished"}
A StreamReset takes back all text before it. The last line is Finished; an answer that fails has none.

"""

_RESUME = """\
Prints what was said so far, then goes on to the end. The question and the model come from the journal, the key from the
environment. Another address than the provider's own, and another variable for the key, have to be said again, for a key
goes only where this command says: the message offers the whole command. An answer that was stored whole is printed
without asking anybody.

With --from-char N the first N characters are left out (wc -m counts them, in a UTF-8 locale). If the answer then begins
anew, they count no longer either, and standard error says so: leave --from-char out, and write to a new file.

examples:
  riverrun resume --journal runs.db                       the only unfinished run
  riverrun resume story --journal runs.db
  riverrun resume story --journal runs.db --from-char "$(wc -m < story.txt)" >> story.txt

"""

_RUNS = """\
One line a run: id, model, characters stored, when it was asked; tabs between. Also while it is still running. A run
that can not be read is listed as damaged, and the others as they are.

example:
  riverrun runs --journal runs.db

exit codes:
  0    every run is listed
  2    the command can not work as written: no such journal, say
  4    the journal, or a run in it, can not be read
  5    standard output could not be written: a full disk, a closed stream
  130  interrupted by Ctrl-C; 143 terminated; 141 whoever read standard output went away
"""

_REPLAY = """\
Plays what `riverrun chat --record FILE` or a Recorder took down through the engine of today, and says what it does:
attempts, interruptions, plans, seams. Nothing is sent. By default in virtual time, so that hours take no time.

examples:
  riverrun replay stall.jsonl
  riverrun replay stall.jsonl --speed real               at the pace of then
  riverrun replay stall.jsonl --idle-s 10 --attempts 5   had it been more or less patient
  riverrun replay stall.jsonl --json                     one event a line: {"at_s":…,"event":{…}}; an answer that
                                                         fails ends with {"at_s":…,"error":…,"message":…}

exit codes:
  0    played to the end of the answer, or to where the recorded run was left (by Ctrl-C, say)
  1    played to where the answer failed, whatever failed it: no key and no network is in play here
  2    the file can not be played, or the engine asks for more than it holds
  5    standard output could not be written: a full disk, a closed stream
  130  interrupted by Ctrl-C; 143 terminated; 141 whoever read standard output went away
"""

_PROVIDERS = """\
What each class declares, where it would ask, and whether its key is in the environment: never the key. Nothing is sent.

examples:
  riverrun providers
  riverrun providers anthropic/claude-sonnet-4-5          what is declared for this model
  riverrun providers --json

exit codes:
  0    listed
  2    no such provider, or it can not be made for the model that is named
  5    standard output could not be written: a full disk, a closed stream
  130  interrupted by Ctrl-C; 143 terminated; 141 whoever read standard output went away
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the whole tree; each command sets `command`, a function from the arguments to an exit code."""
    from ... import __version__

    parser = argparse.ArgumentParser(
        prog="riverrun",
        description="Keeps one LLM answer flowing, whole and exactly once.",
        epilog=_EXAMPLES + EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"riverrun {__version__}")
    commands = parser.add_subparsers(title="commands", dest="name", metavar="COMMAND", required=True)
    add_demo_parser(commands)
    _add_chat_parser(commands)
    _add_resume_parser(commands)
    _add_runs_parser(commands)
    _add_providers_parser(commands)
    _add_replay_parser(commands)
    add_simulate_parser(commands)
    add_bench_parser(commands)
    add_chaos_parser(commands)
    return parser


def _add_command(commands: _Commands, name: str, says: str, epilog: str) -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    return commands.add_parser(
        name, help=says, description=f"{says[0].upper()}{says[1:]}.", epilog=epilog, formatter_class=raw
    )


def _add_chat_parser(commands: _Commands) -> None:
    parser = _add_command(commands, "chat", "ask a model and print its answer", _CHAT + EXIT_CODES)
    parser.add_argument("prompt", nargs="?", help='what to ask; "-" or nothing: standard input')
    parser.add_argument("--no-stdin", action="store_true", help="do not read standard input, whatever it is")
    parser.add_argument(
        "-m", "--model", required=True, help="provider/model, anthropic/MODEL say: see riverrun providers"
    )
    question = parser.add_argument_group("the question")
    question.add_argument("--system", metavar="TEXT", help="the system text")
    question.add_argument("--max-tokens", type=_count, metavar="N", help="output ceiling over the whole answer")
    question.add_argument("--temperature", type=_finite, metavar="X", help="as the provider takes it")
    question.add_argument("--effort", metavar="WORD", help="reasoning effort, the provider's word: low, medium, high")
    _add_answering_options(parser)
    journal = parser.add_argument_group("surviving a kill")
    journal.add_argument("--journal", metavar="FILE", help="keep the run in this SQLite file until it is whole")
    journal.add_argument("--run-id", metavar="ID", help="name the run in the journal (default: made up)")
    taken = parser.add_argument_group("recording")
    taken.add_argument("--record", metavar="FILE", help="take down what crosses the wire, without keys, in a new file")
    taken.add_argument(
        "--record-content",
        action="store_true",
        help="let prompt and answer stand in it (default: placeholders)",
    )
    parser.set_defaults(command=_chat)


def _add_resume_parser(commands: _Commands) -> None:
    parser = _add_command(commands, "resume", "go on with an unfinished answer", _RESUME + EXIT_CODES)
    parser.add_argument("run", nargs="?", metavar="RUN", help="the run's id; needless where the journal holds one run")
    parser.add_argument("--journal", metavar="FILE", required=True, help="the file given to riverrun chat")
    parser.add_argument(
        "--from-char", type=int, default=0, metavar="N", help="leave out the first N characters: you have them already"
    )
    _add_answering_options(parser)
    parser.set_defaults(command=_resume)


def _add_runs_parser(commands: _Commands) -> None:
    parser = _add_command(commands, "runs", "list the unfinished answers of a journal", _RUNS)
    parser.add_argument("--journal", metavar="FILE", required=True, help="the file given to riverrun chat")
    parser.set_defaults(command=_runs)


def _add_replay_parser(commands: _Commands) -> None:
    parser = _add_command(commands, "replay", "play a recording through the engine", _REPLAY)
    parser.add_argument("file", metavar="FILE", help="the file given to riverrun chat --record")
    parser.add_argument("--speed", choices=("real", "max"), default="max", help="real time, or virtual (default: max)")
    parser.add_argument("--attempts", type=_count, metavar="N", help="attempts in all (default: as recorded)")
    parser.add_argument(
        "--idle-s", type=_seconds, metavar="S", help="S silent seconds are a stall (default: as recorded)"
    )
    parser.add_argument("--json", action="store_true", help="one event a line, as JSON")
    parser.set_defaults(command=_replay)


def _add_providers_parser(commands: _Commands) -> None:
    parser = _add_command(commands, "providers", "list the providers and which keys are there", _PROVIDERS)
    parser.add_argument("provider", nargs="?", metavar="NAME[/MODEL]", help="this one alone, for this model")
    parser.add_argument("--json", action="store_true", help="the same as one JSON array")
    parser.set_defaults(command=_providers)


def _add_answering_options(parser: argparse.ArgumentParser) -> None:
    where = parser.add_argument_group("where to ask")
    where.add_argument("--base-url", metavar="URL", help="another address (OpenAI and compatible: with /v1)")
    where.add_argument("--api-key-env", metavar="NAME", help="the environment variable that holds the key")
    where.add_argument("--allow-insecure", action="store_true", help="allow http:// to another machine")
    patience = parser.add_argument_group("patience")
    patience.add_argument(
        "--attempts", type=_count, metavar="N", help="attempts in all, the first included (default: 3)"
    )
    patience.add_argument(
        "--idle-s",
        type=_seconds,
        metavar="S",
        help="S silent seconds are a stall, before the headers, the first event and the next (default: 120, 180, 60; "
        "reasoning doubles the last; an S above 60 shortens none)",
    )
    shown = parser.add_argument_group("what is shown")
    shown.add_argument("--json", action="store_true", help="one event a line on standard output, as JSON")
    shown.add_argument("--show-reasoning", action="store_true", help="the model's reasoning, on standard error")
    shown.add_argument("--whole-only", action="store_true", help="exit code 6 unless the answer ended by itself")
    shown.add_argument("-q", "--quiet", action="store_true", help="no notes; errors and how to resume are still said")


_DIGITS_MAX = 18
"""Fewer than the largest whole number of 64 bits has."""


def _count(text: str) -> int:
    if not text.isdecimal() or len(text) > _DIGITS_MAX or int(text) < 1:
        raise argparse.ArgumentTypeError(
            f"{seen(text)}; expected a whole number of at least 1, and at most {_DIGITS_MAX} digits"
        )
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    # Not a number compares false; what is too long for a float became infinite without being called so.
    if not seconds > 0 or (math.isinf(seconds) and any(character.isdigit() for character in text)):
        raise argparse.ArgumentTypeError(f"{seen(text)}; expected a number of seconds above 0")
    return seconds


def _finite(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"{seen(text)} is no finite number")
    return number


def _chat(args: argparse.Namespace) -> ExitCode:
    from .chat import chat

    return chat(args)


def _resume(args: argparse.Namespace) -> ExitCode:
    from .resume import resume

    return resume(args)


def _runs(args: argparse.Namespace) -> ExitCode:
    from .resume import list_runs

    return list_runs(args)


def _providers(args: argparse.Namespace) -> ExitCode:
    from .providers import list_providers

    return list_providers(args)


def _replay(args: argparse.Namespace) -> ExitCode:
    from .replay import replay

    return replay(args)
