"""What an interrupted answer after a call and its results is continued by: whole bodies, by provider and model.

Before the break: a thought that "elsewhere" signed, a text, a thought that this model signed, two calls, and two
results, the second of them an error. Each body was checked against wire-formats: §1.5 (thinking before tool_use is sent
back, signed), §2.1, §3.1 to §3.4, §4.4 (reasoning items right before what they led to), §5.4, §5.5, §6.
"""

from __future__ import annotations

TURNS = {
    ("anthropic", "claude-sonnet-4-5"): r"""
 {"model": "claude-sonnet-4-5", "max_tokens": 900, "stream": true, "messages": [{"role": "user", "content":
 [{"type": "text", "text": "Where?"}]}, {"role": "assistant", "content": [{"type": "text", "text":
 "Let me look."}, {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, {"type": "tool_use", "id":
 "call00001", "name": "look", "input": {"at": "Ulm"}}, {"type": "tool_use", "id": "call00002", "name": "look",
 "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call00001", "content":
 "wet"}, {"type": "tool_result", "tool_use_id": "call00002", "content": "no eyes", "is_error": true}]}, {"role":
 "assistant", "content": [{"type": "text", "text": "The river rises"}]}], "system": [{"type": "text", "text":
 "Be brief."}], "tools": [{"name": "look", "description": "Look.", "input_schema": {"type": "object"}}]}""",
    ("anthropic", "claude-opus-5-5"): r"""
 {"model": "claude-opus-5-5", "max_tokens": 900, "stream": true, "messages": [{"role": "user", "content":
 [{"type": "text", "text": "Where?"}]}, {"role": "assistant", "content": [{"type": "text", "text":
 "Let me look."}, {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}, {"type": "tool_use", "id":
 "call00001", "name": "look", "input": {"at": "Ulm"}}, {"type": "tool_use", "id": "call00002", "name": "look",
 "input": {}}]}, {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call00001", "content":
 "wet"}, {"type": "tool_result", "tool_use_id": "call00002", "content": "no eyes", "is_error": true}]}, {"role":
 "assistant", "content": [{"type": "text", "text": "The river rises"}]}, {"role": "user", "content": [{"type":
 "text", "text": "$QUOTE"}]}], "system": [{"type": "text", "text": "Be brief."}], "tools": [{"name": "look",
 "description": "Look.", "input_schema": {"type": "object"}}]}""",
    ("openai", "gpt-4.1"): r"""
 {"model": "gpt-4.1", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content":
 "Where?"}, {"role": "assistant", "content": "Let me look.", "tool_calls": [{"id": "call00001", "type":
 "function", "function": {"name": "look", "arguments": "{\"at\":\"Ulm\"}"}}, {"id": "call00002", "type":
 "function", "function": {"name": "look", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "call00001",
 "content": "wet"}, {"role": "tool", "tool_call_id": "call00002", "content": "Error: no eyes"}, {"role":
 "assistant", "content": "The river rises"}, {"role": "user", "content": "$QUOTE"}], "stream": true,
 "stream_options": {"include_usage": true}, "max_completion_tokens": 900, "tools": [{"type": "function",
 "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ("openai-responses", "gpt-5.2"): r"""
 {"model": "gpt-5.2", "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text":
 "Where?"}]}, {"type": "message", "role": "assistant", "content": "Let me look."}, {"type": "reasoning", "id":
 "rs_1", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "c2ln"}, {"type":
 "function_call", "call_id": "call00001", "name": "look", "arguments": "{\"at\":\"Ulm\"}"}, {"type":
 "function_call", "call_id": "call00002", "name": "look", "arguments": "{}"}, {"type": "function_call_output",
 "call_id": "call00001", "output": "wet"}, {"type": "function_call_output", "call_id": "call00002", "output":
 "Error: no eyes"}, {"type": "message", "role": "assistant", "content": "The river rises"}, {"type": "message",
 "role": "user", "content": [{"type": "input_text", "text": "$QUOTE"}]}], "stream": true, "instructions":
 "Be brief.", "tools": [{"type": "function", "name": "look", "description": "Look.", "parameters": {"type":
 "object"}, "strict": false}], "max_output_tokens": 900, "include": ["reasoning.encrypted_content"]}""",
    ("gemini", "gemini-2.5-flash"): r"""
 {"contents": [{"role": "user", "parts": [{"text": "Where?"}]}, {"role": "model", "parts": [{"text":
 "Let me look."}, {"functionCall": {"id": "call00001", "name": "look", "args": {"at": "Ulm"}},
 "thoughtSignature": "c2ln"}, {"functionCall": {"id": "call00002", "name": "look", "args": {}}}]}, {"role":
 "user", "parts": [{"functionResponse": {"id": "call00001", "name": "look", "response": {"output": "wet"}}},
 {"functionResponse": {"id": "call00002", "name": "look", "response": {"error": "no eyes"}}}]}, {"role":
 "model", "parts": [{"text": "The river rises"}]}], "systemInstruction": {"parts": [{"text": "Be brief."}]},
 "tools": [{"functionDeclarations": [{"name": "look", "description": "Look.", "parametersJsonSchema": {"type":
 "object"}}]}], "generationConfig": {"maxOutputTokens": 900}}""",
    ("gemini", "gemini-3.6-flash"): r"""
 {"contents": [{"role": "user", "parts": [{"text": "Where?"}]}, {"role": "model", "parts": [{"text":
 "Let me look."}, {"functionCall": {"id": "call00001", "name": "look", "args": {"at": "Ulm"}},
 "thoughtSignature": "c2ln"}, {"functionCall": {"id": "call00002", "name": "look", "args": {}}}]}, {"role":
 "user", "parts": [{"functionResponse": {"id": "call00001", "name": "look", "response": {"output": "wet"}}},
 {"functionResponse": {"id": "call00002", "name": "look", "response": {"error": "no eyes"}}}]}, {"role":
 "model", "parts": [{"text": "The river rises"}]}, {"role": "user", "parts": [{"text": "$QUOTE"}]}],
 "systemInstruction": {"parts": [{"text": "Be brief."}]}, "tools": [{"functionDeclarations": [{"name": "look",
 "description": "Look.", "parametersJsonSchema": {"type": "object"}}]}], "generationConfig": {"maxOutputTokens":
 900}}""",
    ("gemini-interactions", "gemini-3.6-flash"): r"""
 {"model": "gemini-3.6-flash", "input": [{"type": "user_input", "content": [{"type": "text", "text": "Where?"}]},
 {"type": "model_output", "content": [{"type": "text", "text": "Let me look."}]}, {"type": "thought",
 "signature": "c2ln", "summary": [{"type": "text", "text": "Hm."}]}, {"type": "function_call", "id":
 "call00001", "name": "look", "arguments": {"at": "Ulm"}}, {"type": "function_call", "id": "call00002", "name":
 "look", "arguments": {}}, {"type": "function_result", "call_id": "call00001", "result": "wet"}, {"type":
 "function_result", "call_id": "call00002", "result": "no eyes", "is_error": true}, {"type": "model_output",
 "content": [{"type": "text", "text": "The river rises"}]}, {"type": "user_input", "content": [{"type": "text",
 "text": "$QUOTE"}]}], "stream": true, "system_instruction": "Be brief.", "tools": [{"type": "function", "name":
 "look", "description": "Look.", "parameters": {"type": "object"}}], "generation_config": {"max_output_tokens":
 900}}""",
    ("ollama", "llama3.2"): r"""
 {"model": "llama3.2", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content":
 "Where?"}, {"role": "assistant", "content": "Let me look.", "thinking": "Hm.", "tool_calls": [{"id":
 "call00001", "function": {"name": "look", "arguments": {"at": "Ulm"}}}, {"id": "call00002", "function":
 {"name": "look", "arguments": {}}}]}, {"role": "tool", "content": "wet", "tool_name": "look", "tool_call_id":
 "call00001"}, {"role": "tool", "content": "Error: no eyes", "tool_name": "look", "tool_call_id": "call00002"},
 {"role": "assistant", "content": "The river rises"}], "stream": true, "tools": [{"type": "function",
 "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}], "options":
 {"num_predict": 900}}""",
    ("openrouter", "anthropic/claude-sonnet-4.5"): r"""
 {"model": "anthropic/claude-sonnet-4.5", "messages": [{"role": "system", "content": "Be brief."}, {"role":
 "user", "content": "Where?"}, {"role": "assistant", "content": "Let me look.", "tool_calls": [{"id":
 "call00001", "type": "function", "function": {"name": "look", "arguments": "{\"at\":\"Ulm\"}"}}, {"id":
 "call00002", "type": "function", "function": {"name": "look", "arguments": "{}"}}], "reasoning_details":
 [{"type": "reasoning.text", "signature": "c2ln", "index": 0, "text": "Hm."}]}, {"role": "tool", "tool_call_id":
 "call00001", "content": "wet"}, {"role": "tool", "tool_call_id": "call00002", "content": "Error: no eyes"},
 {"role": "assistant", "content": "The river rises"}], "stream": true, "max_tokens": 900, "tools": [{"type":
 "function", "function": {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ("deepseek", "deepseek-chat"): r"""
 {"model": "deepseek-chat", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content":
 "Where?"}, {"role": "assistant", "content": "Let me look.", "tool_calls": [{"id": "call00001", "type":
 "function", "function": {"name": "look", "arguments": "{\"at\":\"Ulm\"}"}}, {"id": "call00002", "type":
 "function", "function": {"name": "look", "arguments": "{}"}}], "reasoning_content": "Hm."}, {"role": "tool",
 "tool_call_id": "call00001", "content": "wet"}, {"role": "tool", "tool_call_id": "call00002", "content":
 "Error: no eyes"}, {"role": "assistant", "content": "The river rises", "prefix": true}], "stream": true,
 "stream_options": {"include_usage": true}, "max_tokens": 900, "tools": [{"type": "function", "function":
 {"name": "look", "description": "Look.", "parameters": {"type": "object"}}}]}""",
    ("mistral", "mistral-large-latest"): r"""
 {"model": "mistral-large-latest", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user",
 "content": "Where?"}, {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"type": "text",
 "text": "Hm."}], "signature": "c2ln"}, {"type": "text", "text": "Let me look."}], "tool_calls": [{"id":
 "call00001", "type": "function", "function": {"name": "look", "arguments": "{\"at\":\"Ulm\"}"}}, {"id":
 "call00002", "type": "function", "function": {"name": "look", "arguments": "{}"}}]}, {"role": "tool",
 "tool_call_id": "call00001", "content": "wet"}, {"role": "tool", "tool_call_id": "call00002", "content":
 "Error: no eyes"}, {"role": "assistant", "content": "The river rises", "prefix": true}], "stream": true,
 "max_tokens": 900, "tools": [{"type": "function", "function": {"name": "look", "description": "Look.",
 "parameters": {"type": "object"}}}]}""",
    ("groq", "llama-3.3-70b-versatile"): r"""
 {"model": "llama-3.3-70b-versatile", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user",
 "content": "Where?"}, {"role": "assistant", "content": "Let me look.", "tool_calls": [{"id": "call00001",
 "type": "function", "function": {"name": "look", "arguments": "{\"at\":\"Ulm\"}"}}, {"id": "call00002", "type":
 "function", "function": {"name": "look", "arguments": "{}"}}]}, {"role": "tool", "tool_call_id": "call00001",
 "content": "wet"}, {"role": "tool", "tool_call_id": "call00002", "content": "Error: no eyes"}, {"role":
 "assistant", "content": "The river rises"}], "stream": true, "stream_options": {"include_usage": true},
 "max_completion_tokens": 900, "tools": [{"type": "function", "function": {"name": "look", "description":
 "Look.", "parameters": {"type": "object"}}}]}""",
}
