"""Whether ever other odd answers, streamed and whole, are read as they were written. Run by .ci/fuzz.

python -m tests.fuzz.fuzz_tolerance SECONDS [SEED]
"""

from __future__ import annotations

import random
import sys
from itertools import count
from time import monotonic

from riverrun.providers.by_name import provider_classes
from tests.fuzz.tolerance import check_tolerance, check_whole, draw_answer, draw_oddities, draw_whole_oddities


def main(seconds: float, seed: int) -> None:
    """Check answers until the time is over; a finding is an AssertionError that shows what was sent and read."""
    names, until = sorted(provider_classes()), monotonic() + seconds
    for number in count(1):
        dice = random.Random(f"{seed} {number}")
        if number % 2:
            check_tolerance(dice.choice(names), draw_answer(dice), draw_oddities(dice), dice)
        else:
            check_whole(dice.choice(names), draw_answer(dice), draw_whole_oddities(dice), dice)
        if monotonic() > until:
            print(f"{number} odd answers, from seed {seed}: none lost, doubled or invented anything")
            return


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32))
