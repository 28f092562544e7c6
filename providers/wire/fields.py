"""The names of fields that most wire formats have, and of those of errors, which come in any shape; what they hold.

Theory: a body holds objects of the user's in many places (schemas of tools, metadata, variables of a prompt, filters,
results of servers of theirs), and each new feature brings more of them. So it is not listed where a user's keys may
stand, but which keys are no user's: those that decoders read, and those that others' recordings and the documentation
show. A property of a user's that is called like one of them says nothing about the user.

Source: the recorded streams of all wire formats, wire-formats §1 to §9 (2026-11).
"""

from __future__ import annotations

from ...engine.core.wire_fields import WireFields

SHARED = WireFields(
    keys="""
        @type arguments attributes base_resp block_reason code content data delta detail details error errorMessage
        error_code error_msg error_type errors flagged_input function id index innererror inputSchema labels
        limit_source loc message metadata model model_version moderation msg name object param parameters
        partial_arguments quotaId raw raw_status_code reason reasons request_id responseJsonSchema responseSchema
        response_schema retryDelay role service_tier status status_code status_msg success summary temperature text
        thinking title toolCallId tool_choice tools type usage user variables version violations
    """,
    names="@type block_reason id model model_version object reason role service_tier status type",
    users="""
        arguments attributes inputSchema labels metadata parameters responseJsonSchema responseSchema response_schema
        variables
    """,
    fragments="arguments partial_arguments",
    streamed="delta",
    whole="name",
    messages="detail error error_msg errors message msg status_msg",
    errors="error errors",
)
