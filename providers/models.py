"""What is known about families of models, as data with its sources. Providers read it; the core never sees a name.

A name is read for its family and version only; what is not known gets the cautious answer: no prefill, the newest
way to think, the usual ceiling, and that it chats. Where a table is wrong about a model, its user says so: a class that
looks facts up takes them as `facts=` instead.

Sources: wire-formats notes of 2026-11 (platform.claude.com: migration guides, extended and adaptive thinking, streaming
"Error recovery", models overview; platform.openai.com: reasoning guide; ai.google.dev), and those beside the rows.
"""

from __future__ import annotations

import re
from enum import StrEnum

from attrs import frozen

from ..engine.core.usage_error import UsageError

# -- Claude -------------------------------------------------------------------------------------------------------


@frozen
class ClaudeFacts:
    """How a Claude generation behaves.

    `prefill`: a trailing assistant message is continued (400 from 4.6 on). `budget`: takes thinking budgets. `effort`:
    takes `output_config.effort`. `adaptive`: takes `thinking: {type: adaptive}`. `reasons`: thinks without being asked.
    `output_tokens`: the ceiling we ask for where the caller names none; the API wants one.
    """

    prefill: bool = False
    budget: bool = False
    effort: bool = True
    adaptive: bool = True
    reasons: bool = True
    can_disable: bool = True
    output_tokens: int = 32_000


_CLAUDE = re.compile(
    r"claude[-.](?:(?P<line>opus|sonnet|haiku|instant|fable|mythos)[-.])?(?:v?(?P<major>\d{1,2})(?:[-.](?P<minor>\d{1,2}))?)?(?!\d)"
    r"(?:-(?P<old_line>opus|sonnet|haiku))?"
)

_NEWEST = ClaudeFacts()
_CLAUDE_UP_TO: tuple[tuple[tuple[int, int], ClaudeFacts], ...] = (
    # The newest version of the row, and its facts. Ceilings are those of the smallest model in the row.
    ((3, 4), ClaudeFacts(prefill=True, effort=False, adaptive=False, reasons=False, output_tokens=4096)),
    ((3, 6), ClaudeFacts(prefill=True, effort=False, adaptive=False, reasons=False, output_tokens=8192)),
    ((4, 5), ClaudeFacts(prefill=True, budget=True, effort=False, adaptive=False, reasons=False)),
    ((4, 6), ClaudeFacts(budget=True, reasons=False)),
    ((4, 99), ClaudeFacts(reasons=False)),
)
_OPUS_4_5 = ClaudeFacts(prefill=True, budget=True, effort=True, adaptive=False, reasons=False)
_OPUS_5_5 = ClaudeFacts(can_disable=False)
_STRANGER = ClaudeFacts(output_tokens=8192)


def claude_facts(model: str) -> ClaudeFacts:
    """Look up a model by its name, in any spelling of the clouds ("anthropic.claude-…-v1:0", "claude-…@date")."""
    match = _CLAUDE.search(model)
    if match is None:
        return _STRANGER
    line = match["line"] or match["old_line"]
    if line == "instant":
        return _CLAUDE_UP_TO[0][1]
    if line in ("fable", "mythos") or match["major"] is None:
        return _NEWEST
    version = (int(match["major"]), int(match["minor"] or 0))
    if line == "opus" and version == (4, 5):
        return _OPUS_4_5
    if line == "opus" and version >= (5, 5):
        return _OPUS_5_5
    return next((facts for up_to, facts in _CLAUDE_UP_TO if version <= up_to), _NEWEST)


# -- OpenAI, and whatever is named alike elsewhere ----------------------------------------------------------------


class ModelUse(StrEnum):
    """What a model is for, in the words of an error."""

    CHAT = "chat"
    RESPONSES = "OpenAI's Responses API only"
    COMPLETIONS = "completing text"
    EMBEDDING = "embeddings"
    MODERATION = "moderation"
    SPEECH = "speech"
    TRANSCRIPTION = "transcription"
    IMAGE = "images"
    VIDEO = "video"
    REALTIME = "realtime sessions"


@frozen(kw_only=True)
class ModelFacts:
    """What a model is for, and whether it thinks before it speaks. The defaults are those of a model nobody knows.

    Given as `facts=` to a provider class they stand for the table: `OpenAIChat("whisper-chat", facts=ModelFacts())`.
    """

    use: ModelUse = ModelUse.CHAT
    reasons: bool = False


@frozen
class Family:
    """A row of the table: which names (from the beginning of what follows the last slash), what for, who says so."""

    names: re.Pattern[str]
    use: ModelUse
    example: str
    source: str


def _family(names: str, use: ModelUse, example: str, source: str) -> Family:
    return Family(re.compile(names, re.ASCII), use, example, source)


_SDK = "openai 3.52.0, types"
FAMILIES: tuple[Family, ...] = (
    _family(
        r"o\d+-pro\b|gpt-5(?:\.5)?-pro\b", ModelUse.RESPONSES, "o3-pro-2025-06-10", f"{_SDK}/shared/responses_model"
    ),
    _family(
        r"o\d+(?:-mini)?-deep-research\b", ModelUse.RESPONSES, "o4-mini-deep-research", f"{_SDK}/shared/responses_model"
    ),
    _family(r"computer-use-preview\b", ModelUse.RESPONSES, "computer-use-preview", f"{_SDK}/shared/responses_model"),
    _family(
        r"gpt-daybreak-|gpt-[\d.]+-cyber\b|gpt-(?:[\d.]+-)?rosalind\b",
        ModelUse.RESPONSES,
        "gpt-6-cyber",
        f"{_SDK}/shared/responses_model",
    ),
    _family(
        r"gpt-[\d.]+-codex\b|codex-mini\b",
        ModelUse.RESPONSES,
        "gpt-5.1-codex-max",
        "openai-cookbook, GPT-5-Codex prompting guide; aaif-goose/goose #2564 (the SDK lists some as chat models: 404)",
    ),
    _family(
        r"gpt-3\.5-turbo-instruct\b|(?:davinci|babbage)-002\b|text-(?:davinci|curie|babbage|ada)-0",
        ModelUse.COMPLETIONS,
        "gpt-3.5-turbo-instruct",
        f"{_SDK}/completion_create_params",
    ),
    _family(
        r"text-embedding-|embeddinggemma\b|all-minilm\b|[\w.-]{1,80}-embed(?:ding)?s?\d?(?![a-z])",
        ModelUse.EMBEDDING,
        "text-embedding-3-small",
        f"{_SDK}/embedding_model; the other servers' names: unverified",
    ),
    _family(
        r"(?:omni|text|mistral)-moderation\b", ModelUse.MODERATION, "omni-moderation-latest", f"{_SDK}/moderation_model"
    ),
    _family(r"tts-1\b|[\w.-]{1,80}-tts\b", ModelUse.SPEECH, "gpt-4o-mini-tts", f"{_SDK}/audio/speech_model"),
    _family(
        r"(?:distil-)?whisper-(?:1|tiny|base|small|medium|large|turbo)\b|gpt-[\w.-]{0,40}transcribe\b",
        ModelUse.TRANSCRIPTION,
        "whisper-1",
        f"{_SDK}/audio_model; Groq's names: unverified",
    ),
    _family(
        r"dall-e-\d|gpt-image-|chatgpt-image-|imagen-\d",
        ModelUse.IMAGE,
        "dall-e-3",
        f"{_SDK}/image_model; imagen: unverified",
    ),
    _family(r"sora-\d|veo-\d", ModelUse.VIDEO, "sora-2-pro", f"{_SDK}/video_model; veo: unverified"),
    _family(
        r"gpt-realtime\b|gpt-4o(?:-mini)?-realtime\b",
        ModelUse.REALTIME,
        "gpt-realtime-2",
        f"{_SDK}/realtime/realtime_session_create_request",
    ),
)
"""What does not chat, or not at /chat/completions. What fits no row chats."""

_OPENAI_REASONING = re.compile(
    r"(?:^|/)(?:o\d(?![\w.])|gpt-(?>(?:[5-9]|1\d)(?!\d)(?:\.\d+)?)(?!-chat))|gpt-oss|\br1\b"
    r"|qwq|magistral|deepseek-v[4-9]"
)
"""DeepSeek V4 thinks unless told not to (wire-formats §3.2); the rest: seeds, row 003, and wire-formats §2.1 and §3."""


_THINKING = re.compile(r"(?<!non-)(?:thinking|reasoning|reasoner)")


def names_thinking(model: str) -> bool:
    """Whether a name says that the model thinks, whoever made it: "qwen3:4b-thinking", a gateway's "claude-…-thinking".

    For the clocks only: how thinking is asked for is another question.
    """
    return _THINKING.search(model.lower()) is not None


def openai_reasons(model: str) -> bool:
    """Whether the model thinks before it speaks, by its name."""
    return names_thinking(model) or _OPENAI_REASONING.search(model.lower()) is not None


def model_facts(model: str) -> ModelFacts:
    """Look up a model by its name: "vendor/model" and fine-tunes ("ft:model:organization::id") too."""
    name = model.lower().rpartition("/")[2]
    name = name.split(":")[1] if name.startswith("ft:") else name
    use = next((family.use for family in FAMILIES if family.names.match(name)), ModelUse.CHAT)
    return ModelFacts(use=use, reasons=openai_reasons(model))


def check_chat_model(model: str, facts: ModelFacts | None = None, *, is_openai: bool = False) -> ModelFacts:
    """Return the facts of a model that can be asked at /chat/completions.

    Args:
        model: the provider's name of the model.
        facts: what the caller says it is; then nothing is looked up.
        is_openai: OpenAI itself is asked. Others (OpenRouter, gateways) serve its Responses-only models as chat too.

    Raises:
        UsageError: the model does something else; the message says what, and which class is right.
    """
    known = facts or model_facts(model)
    if known.use is ModelUse.RESPONSES and is_openai:
        raise UsageError(
            f"model {model!r} is for {known.use.value}",
            argument="model",
            advised="openai_responses",
            advice=f"; take OpenAIResponses instead of OpenAIChat{_KNOWING}",
        )
    return known if known.use is ModelUse.RESPONSES else check_talks(model, known)


def check_talks(model: str, facts: ModelFacts | None = None) -> ModelFacts:
    """Return the facts of a model that answers messages at all, at whatever endpoint; for the other wire formats.

    Raises:
        UsageError: the model does something else; the message says what.
    """
    known = facts or model_facts(model)
    if known.use not in (ModelUse.CHAT, ModelUse.RESPONSES):
        raise UsageError(
            f"model {model!r} is for {known.use.value}; expected one that chats",
            argument="model",
            advised="facts",
            advice=_KNOWING,
        )
    return known


_KNOWING = " (if it does chat, give facts=ModelFacts())"
