"""What ever other streams cost every decoder, for so many seconds. Run by .ci/fuzz.

python -m tests.fuzz.fuzz_costs SECONDS [SEED]
"""

from __future__ import annotations

import random
import sys
from time import monotonic

from riverrun.providers.by_name import provider_classes
from tests.fuzz.costing import check_held, check_work
from tests.fuzz.growing import growths


def main(seconds: float, seed: int) -> None:
    """Check growths until the time is over; a finding is an AssertionError that shows what grew."""
    names, until, checked = sorted(provider_classes()), monotonic() + seconds, 0
    dice = random.Random(seed)
    for growth in growths(dice):
        name = dice.choice(names)
        check_held(name, growth)
        check_work(name, growth)
        checked += 1
        if monotonic() > until:
            break
    print(f"{checked} streams that grow, from seed {seed}: what was held and done kept its bounds")


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(2**32))
