"""Writes a tiny random language model, and reads it once to be sure that its answer is worth a test. Run by file name.

    python tiny_model.py MODEL.gguf '{"question": "…", "chars_min": 300, "chars_max": 1200}'

Every token is one character, so a text has one tokenization only: what was generated and what is read back as a prefix
are the same tokens, and a greedy continuation of the prefix is the uninterrupted answer. It needs `gguf`, `numpy` and
`llama_cpp`, which live in an environment of their own.
"""

from __future__ import annotations

import json
import sys

import gguf
import llama_cpp
import numpy

ALPHABET = "▁abcdefghijklmnopqrstuvwxyzABCDEFGH.,;:!?äöüßéñ水流川海ЖяΩ🌊🚢'\"-{}<>/\\0123456789"
WIDTH, HEADS, LAYERS, INNER, CONTEXT = 64, 4, 2, 128, 8192
UNKNOWN, BEGIN, END = 0, 1, 2
SEEDS = 400

# A trailing assistant message is the beginning of the answer, as vLLM and llama.cpp's own server take it.
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}"
    "{% if not (loop.last and message.role == 'assistant') %}\n{% endif %}{% endfor %}"
    "{% if messages[-1].role != 'assistant' %}assistant: {% endif %}"
)


def write_model(path: str, seed: int) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    _write_shape(writer)
    _write_vocabulary(writer)
    _write_weights(writer, numpy.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_shape(writer: gguf.GGUFWriter) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_chat_template(TEMPLATE)


def _write_vocabulary(writer: gguf.GGUFWriter) -> None:
    kinds = gguf.TokenType
    octets = [f"<0x{octet:02X}>" for octet in range(256)]
    tokens = ["<unk>", "<s>", "</s>", *octets, *ALPHABET]
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.BYTE] * 256, *[kinds.NORMAL] * len(ALPHABET)]
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(types)
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(BEGIN)
    writer.add_eos_token_id(END)


def _write_weights(writer: gguf.GGUFWriter, dice: numpy.random.Generator) -> None:
    def drawn(rows: int, columns: int, scale: float = 1.0) -> numpy.ndarray:
        return (dice.standard_normal((rows, columns)) * scale).astype(numpy.float32)

    ones = numpy.ones(WIDTH, numpy.float32)
    size = 3 + 256 + len(ALPHABET)
    output = drawn(size, WIDTH)
    output[END] *= 0.75  # said now and then
    output[[UNKNOWN, BEGIN, *range(3, 3 + 256)]] = 0.0  # never said: some letter is always likelier than nothing
    writer.add_tensor("token_embd.weight", drawn(size, WIDTH))
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", drawn(WIDTH, WIDTH, 0.3))
        writer.add_tensor(f"blk.{layer}.ffn_gate.weight", drawn(INNER, WIDTH, 0.3))
        writer.add_tensor(f"blk.{layer}.ffn_up.weight", drawn(INNER, WIDTH, 0.3))
        writer.add_tensor(f"blk.{layer}.ffn_down.weight", drawn(WIDTH, INNER, 0.3))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", ones)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output)


def answer_of(path: str, question: str, chars_max: int) -> tuple[str, bool]:
    """Its greedy answer, and whether it came to an end by itself."""
    model = llama_cpp.Llama(path, n_ctx=CONTEXT, n_threads=1, verbose=False)
    asked = [{"role": "user", "content": question}]
    said = model.create_chat_completion(asked, temperature=0, repeat_penalty=1.0, max_tokens=chars_max)
    choice = said["choices"][0]
    model.close()
    return choice["message"]["content"], choice["finish_reason"] == "stop"


def main(path: str, wanted: str) -> int:
    want = json.loads(wanted)
    for seed in range(SEEDS):
        write_model(path, seed)
        text, ended = answer_of(path, want["question"], want["chars_max"])
        if ended and len(text) >= want["chars_min"] and len(set(text[-100:])) > 20:
            print(f"seed {seed}: {len(text)} characters")
            return 0
    print(f"none of {SEEDS} seeds says anything long enough")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
