"""Order flow for tests of the detector: random books, and ignitions whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence

import alvh
import numpy as np
from ignition_twin import ASK, BID, LAST, NONE, SNAPSHOT, Step

START = 1_700_000_000_000_000_000
MS = 1_000_000
NO_PRICE = 2**63 - 1
LEVELS = 10


def tape_of(steps: Sequence[Step], tick_size: float = 0.25) -> alvh.events.Tape:
    """Steps as a tape of depths."""

    def table(of: str, what: int) -> np.ndarray:
        rows = np.zeros((len(steps), LEVELS), np.int64)
        for row, step in zip(rows, steps, strict=True):
            for k, pair in enumerate(getattr(step, of)[:LEVELS]):
                row[k] = pair[what]
        return rows

    return alvh.events.from_arrays(
        ts=np.array([step.ts for step in steps], np.int64),
        action=np.array([step.action for step in steps]),
        side=np.array([step.side for step in steps]),
        price=np.array([NO_PRICE if step.price is None else step.price for step in steps], np.int64),
        size=np.array([step.size for step in steps], np.int64),
        flags=np.array([step.flags for step in steps], np.uint8),
        participant=np.array([step.participant for step in steps], np.uint64),
        bid_price=table("bids", 0),
        ask_price=table("asks", 0),
        bid_size=table("bids", 1),
        ask_size=table("asks", 1),
        tick_size=tick_size,
        source="made up",
    )


def random_steps(seed: int, n: int, pause: float = 0.05) -> list[Step]:
    """Events of every kind on a wild book: one-sided, locked and crossed now and then, gaps, halts, pauses."""
    rng = np.random.default_rng(seed)
    ts, bid, spread = START + int(rng.integers(0, 10**9)), 20_000, 1
    sizes = rng.integers(1, 50, (2, LEVELS))
    steps: list[Step] = []
    trend = 0.0
    for _ in range(n):
        ts += int(rng.exponential(pause) * 1e9) if rng.random() < 0.8 else 0
        if rng.random() < 0.001:
            ts += int(rng.uniform(20, 60) * 1e9)
        if rng.random() < 0.01:
            trend = rng.normal() * 2
        if rng.random() < 0.3:
            bid += int(np.round(rng.normal() + trend * 0.3))
            spread = int(rng.choice([1, 1, 1, 1, 2, 3, 0, -1], p=[0.4, 0.2, 0.1, 0.1, 0.1, 0.06, 0.02, 0.02]))
            sizes = rng.integers(1, 50, (2, LEVELS))
        else:
            sizes = sizes.copy()
            sizes[rng.integers(2), rng.integers(4)] = rng.integers(1, 60)
        counts = [int(rng.integers(3, 11)), int(rng.integers(3, 11))]
        if rng.random() < 0.005:
            counts[int(rng.integers(2))] = 0
        bids = tuple((bid - k, int(sizes[0, k])) for k in range(counts[0]))
        asks = tuple((bid + spread + k, int(sizes[1, k])) for k in range(counts[1]))
        kind = str(rng.choice(["M", "A", "C", "T", "N"], p=[0.35, 0.15, 0.1, 0.38, 0.02]))
        of = str(
            rng.choice([BID, ASK, NONE], p=[0.48 + 0.1 * np.tanh(trend), 0.48 - 0.1 * np.tanh(trend), 0.04])
        )
        flags = LAST if rng.random() < 0.9 else 0
        price: int | None = bid + (spread if of == BID else 0) + int(rng.integers(-1, 2))
        size = int(rng.integers(1, 40))
        draw = rng.random()
        if draw < 0.0008:
            kind, price, size = "H", None, 0
        elif draw < 0.003:
            kind, price, size = "O", None, 0
        elif draw < 0.004:
            flags |= 4
        elif draw < 0.007:
            flags |= SNAPSHOT
        elif draw < 0.008:
            kind, price, size = "R", None, 0
        elif draw < 0.01:
            kind = "X"
        if kind == "N":
            price = None
        who = int(rng.choice([0, 5, 6, 7]))
        steps.append(Step(ts, kind, of, price, size, bids, asks, flags, who))
    return steps


class Flow:
    """A tape written by hand: ordinary seconds, bursts, pushes, drifts."""

    def __init__(self, seed: int = 7, bid: int = 20_000, start: int = START) -> None:
        self.rng = np.random.default_rng(seed)
        self.steps: list[Step] = []
        self.ts, self.bid, self.sizes = start, bid, [100, 100]

    def event(self, action: str, side: str, price: int | None, size: int, who: int = 0) -> None:
        bids = tuple((self.bid - k, self.sizes[0]) for k in range(LEVELS))
        asks = tuple((self.bid + 1 + k, self.sizes[1]) for k in range(LEVELS))
        self.steps.append(Step(self.ts, action, side, price, size, bids, asks, LAST, who))

    def calm(self, seconds: float) -> Flow:
        for _ in range(round(seconds * 50)):
            self.ts += 20 * MS
            which = int(self.rng.integers(2))
            self.sizes[which] = int(self.rng.integers(90, 111))
            self.event("M", BID if which == 0 else ASK, self.bid + which, self.sizes[which])
            if self.rng.random() < 0.1:
                self.event("T", ASK if which == 0 else BID, self.bid + which, 2, 1)
        self.sizes = [100, 100]
        return self

    def burst(self, seconds: float) -> Flow:
        for i in range(round(seconds * 200)):
            self.ts += 5 * MS
            self.event("T", (ASK, BID)[i % 2], self.bid + i % 2, 4, 2 + i % 2)
        return self

    def push(self, ticks: int, step_ms: int = 15, who: int = 9) -> Flow:
        way = int(ticks > 0)
        for _ in range(abs(ticks)):
            self.ts += step_ms * MS
            self.event("T", (ASK, BID)[way], self.bid + way, 60, who)
            self.bid += 1 if ticks > 0 else -1
            self.sizes = [100, 100]
            self.sizes[way] = 40
            self.event("M", NONE, self.bid, 100)
        self.sizes = [100, 100]
        return self

    def drift(self, ticks: int, step_ms: int = 100) -> Flow:
        for _ in range(abs(ticks)):
            self.ts += step_ms * MS
            self.bid += 1 if ticks > 0 else -1
            self.event("M", NONE, self.bid, 100)
        return self

    def tape(self, tick_size: float = 0.25) -> alvh.events.Tape:
        return tape_of(self.steps, tick_size)


def ignition(ticks: int = 30, seed: int = 7) -> Flow:
    """Two calm minutes, a burst on both sides, a push of `ticks` ticks (positive: up) and its way back."""
    flow = Flow(seed).calm(120).burst(1.5).push(ticks)
    return flow.drift(-2 * ticks // 3).calm(20)
