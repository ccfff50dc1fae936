"""Prints what the simulation lets a hedge see of a fast move by default: the detector's skill on index-like order flow.

``python tools/measure_fair_skill.py`` scores the default detector on labelled flow of the 120-s clock (index future,
both styles, 30 seeds that nothing was tuned on, 24 h each), and counts on flow without episodes how often and how long
a clock of 15 s or more is armed: that of 1 s is armed almost half of the time, so that it says nothing. The numbers
are the defaults of `Skill` in `rust/core/src/simulate/fair/skill.rs`.
"""

from __future__ import annotations

import alvh
import numpy as np
import pandas as pd
from alvh import bench

CLOCK = 120
SLOW = 15
SEEDS = range(1001, 1031)
HOURS = 24.0
SESSION_HOURS = 6.5
BINS = (0.0, 5.0, 10.0, 15.0, 20.0, np.inf)


def armed(style: str, seed: int) -> tuple[int, float, float]:
    """Spells in which a slow clock is armed, seconds in them, hours, on flow without an episode."""
    flow = bench.order_flow(seed, HOURS, instrument="index_future", style=style, clock=())
    log = alvh.detect(flow.tape, alvh.IgnitionConfig()).transitions
    log = log[log["clock"] >= SLOW]
    spells, seconds, since = 0, 0.0, None
    for time, stage in zip(log["time"], log["stage"], strict=True):
        if stage == "armed" and since is None:
            spells, since = spells + 1, time
        elif stage != "armed" and since is not None:
            seconds, since = seconds + (time - since) / pd.Timedelta("1s"), None
    return spells, seconds, HOURS


def scores(style: str, seed: int) -> list[float]:
    """Scores of all alarms on flow with episodes."""
    flow = bench.order_flow(seed, HOURS, instrument="index_future", style=style, clock=CLOCK)
    return list(alvh.detect(flow.tape, alvh.IgnitionConfig()).episodes["score"])


def main() -> None:
    """Print all of it."""
    skill = alvh.DetectorSkill.measure(clocks=(CLOCK,), hours=HOURS, bins=BINS, seeds=SEEDS)
    print(skill)
    print(skill.to_frame().to_string(index=False))
    spells, seconds, hours = np.sum([armed(style, seed) for style in "ab" for seed in SEEDS[:6]], axis=0)
    print(
        f"armed {spells / hours * SESSION_HOURS:.2f} times a session, {seconds / max(spells, 1):.0f} s each"
    )
    every = [score for style in "ab" for seed in SEEDS[:6] for score in scores(style, seed)]
    print("score at an alarm, 10/25/50/75/90 %:", np.quantile(every, (0.1, 0.25, 0.5, 0.75, 0.9)).round(1))


if __name__ == "__main__":
    main()
