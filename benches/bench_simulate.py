"""Simulated studies: four books with three layers and a condor a month on daily steps, beside the least numba does.

usage: python benches/bench_simulate.py [--rounds N] [--years N]

CPU time of one core in turns with the peer; then wall time on one and on two threads.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from rounds import Peer, interleave, machine

STEPS = 252
BOOKS = 4


def study(n: int, seed: int, marks: str = "model", threads: int = 1) -> object:
    """Outcomes of `n` path-years as rows: equities, then worst sessions."""
    import numpy as np
    from alvh import _core, _tables, books
    from paths_numba import MARKET

    condor = books.IronCondor(entry="roll")
    base = books.static(condor)
    chosen = [base.replace(name=name) for name in ("a", "b", "c")] + [
        books.unhedged(condor).replace(name="d")
    ]
    world = {
        "start": 19724,
        "sessions": STEPS,
        "steps_per_day": 1,
        "spot": 5000.0,
        "measure": "P",
        "marks": marks,
    }
    tables = _tables.tables(MARKET, True, threads) if marks == "model" else None
    encoded = [book.encode() for book in chosen]
    arguments = (MARKET.to_json(), json.dumps(world), encoded, 0, n, seed, threads, 0)
    raw = _core.simulate(*arguments, tables=tables)
    assert raw["steps"] == n * STEPS
    out = raw["outcomes"]
    return np.concatenate([out["final_equity_cents"] / 100.0, out["max_drawdown_usd"]])


def model(n: int, seed: int) -> object:
    """Marks from the tables of the model."""
    return study(n, seed)


def surface(n: int, seed: int) -> object:
    """Marks from surfaces fitted to the volatility indices."""
    return study(n, seed, "surface")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--years", type=int, default=20_000)
    options = parser.parse_args()
    peers = [
        Peer("alvh, model's tables", "bench_simulate", "model", 4_096),
        Peer("alvh, surfaces", "bench_simulate", "surface", 2_048),
        Peer("numba, scalar, less work", "simulate_numba", "scalar", 8_192),
    ]
    print(machine())
    print(f"{'':26s} {'ns a path-step':>15s} {'and book':>10s}")
    for peer in interleave(peers, options.rounds):
        each = peer.nanoseconds(STEPS)
        print(f"{peer.label:26s} {each:15.1f} {each / BOOKS:10.1f}")
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    study(64, 0)
    walls = {}
    for threads in (1, 2):
        found = []
        for seed in range(3):
            start = time.perf_counter()
            study(options.years, seed, threads=threads)
            found.append(time.perf_counter() - start)
        walls[threads] = statistics.median(found)
        steps = options.years * STEPS
        print(
            f"{options.years} years x {BOOKS} books, {steps} steps, {threads} threads: {walls[threads]:.2f} s"
        )
    print(f"two threads over one: {walls[1] / walls[2]:.2f}")


if __name__ == "__main__":
    main()
