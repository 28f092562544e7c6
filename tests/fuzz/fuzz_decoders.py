"""A fuzz target for atheris: coverage-guided bytes into every decoder. Run by .ci/fuzz.

python -m tests.fuzz.fuzz_decoders CORPUS -max_total_time=60
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["riverrun"]):
    from riverrun.providers.by_name import provider_classes
    from tests.fuzz.decoding import SEEDS, WHOLE_SEEDS, check

NAMES = sorted(provider_classes())
WHOLE_FROM = 128
"""From this first byte on, the rest is an answer in one piece."""


def fuzz_one(data: bytes) -> None:
    """The first two bytes choose the decoder and the cut; the rest is what a server sends."""
    if len(data) > 2:
        name, is_whole = NAMES[data[0] % len(NAMES)], data[0] >= WHOLE_FROM
        check(name, data[2:], [data[1], 3 * data[1]], is_whole=is_whole)


def main() -> None:
    """Write the seeds to the corpus, the first argument, and fuzz."""
    corpus = Path(sys.argv[1])
    for number, _ in enumerate(NAMES):
        for at, seed in enumerate(SEEDS):
            (corpus / f"seed-{number}-{at}").write_bytes(bytes([number, 40]) + seed)
        first = next(byte for byte in range(WHOLE_FROM, 256) if byte % len(NAMES) == number)
        for at, seed in enumerate(WHOLE_SEEDS):
            (corpus / f"whole-{number}-{at}").write_bytes(bytes([first, 40]) + seed)
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
