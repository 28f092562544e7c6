"""Gemini's generateContent: the names of fields, and what they hold.

Source: the recorded streams of this format, wire-formats §5 (2026-11).
"""

from __future__ import annotations

from ...engine.core.wire_fields import WireFields
from ..wire.fields import SHARED

FIELDS = SHARED | WireFields(
    keys="""
        allowed_tools args blockReason boolValue cacheTokensDetails cachedContentTokenCount candidates
        candidatesTokenCount candidatesTokensDetails citationMetadata citationSources codeExecutionResult createTime
        customMetadata endIndex executableCode fileSearchStore finishMessage finishReason functionCall
        groundingChunkIndices groundingChunks groundingMetadata groundingSupports inlineData jsonPath language line
        mediaProcessing mediaResolution mimeType modality modelVersion nullValue numberValue outcome output
        parametersJsonSchema partMetadata partialArgs parts probability promptFeedback promptTokenCount
        promptTokensDetails queries renderedContent response responseId retrievedContext safetyRatings searchEntryPoint
        search_suggestions segment serviceTier startIndex stringValue thought thoughtSignature thoughtsTokenCount
        tokenCount toolCall toolResponse toolType toolUsePromptTokenCount toolUsePromptTokensDetails totalTokenCount
        trafficType uri usageMetadata videoMetadata web webSearchQueries willContinue
    """,
    names="blockReason finishReason modelVersion responseId",
    users="args parametersJsonSchema partMetadata",
    paths="jsonPath",
    streamed="parts",
    whole="jsonPath",
)
