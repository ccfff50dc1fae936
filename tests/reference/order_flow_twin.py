"""Normalised order-flow imbalance, bulk VPIN and the Hawkes likelihood again, slowly, from their definitions."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np


def normalised_imbalance(books: dict[str, Any], levels: int, window: int) -> Any:
    """Sum of imbalances over mean depth in (t - window, t]; every event has whole books, of which the first is new."""
    ts = books["ts"]
    whole = (books["flags"] & 128) != 0
    status = np.isin(books["action"], [ord(letter) for letter in "ORH"]) | ((books["flags"] & (32 | 4)) != 0)
    out = np.full(len(ts), math.nan)
    before = None
    rows: list[tuple[int, float, float]] = []
    for i in range(len(ts)):
        if status[i]:
            before, rows = None, []
        elif whole[i]:
            after = [
                tuple(float(books[name][i, k]) for name in ("bid_price", "bid_size", "ask_price", "ask_size"))
                for k in range(levels)
            ]
            if before is not None or (after[0][1] > 0 and after[0][3] > 0):
                imbalance = 0.0
                for k, (b1, n1, a1, m1) in enumerate(after):
                    if before is None:
                        break
                    b0, n0, a0, m0 = before[k]
                    step = (b1 >= b0) * n1 - (b1 <= b0) * n0 - (a1 <= a0) * m1 + (a1 >= a0) * m0
                    imbalance += step / (k + 1)
                before = after
                rows.append((int(ts[i]), imbalance, sum(n + m for _, n, _, m in after) / (2 * levels)))
        inside = [row for row in rows if row[0] > ts[i] - window]
        depth = np.mean([row[2] for row in inside]) if inside else 0.0
        if depth > 0:
            out[i] = sum(row[1] for row in inside) / depth
    return out


def bulk_vpin(size: Any, price: Any, bucket: int, buckets: int, bars: int) -> tuple[Any, Any]:
    """Share bought and VPIN of every full bucket, lot by lot."""
    lots = np.repeat(price, size)
    edges = [bucket * j // bars for j in range(bars + 1)]
    ends = [k * bucket + edges[j] for k in range(len(lots) // bucket) for j in range(1, bars + 1)]
    last = [int(lots[end - 1]) for end in ends]
    shares = [0.5]
    changes: list[int] = []
    for now, before in zip(last[1:], last, strict=False):
        changes.append(now - before)
        recent = changes[-buckets * bars :]
        deviation = float(np.std(recent, ddof=1)) if len(recent) > 1 else 0.0
        if deviation > 1e-12:
            shares.append(NormalDist().cdf(changes[-1] / deviation))
        else:
            shares.append(0.5 + 0.5 * float(np.sign(changes[-1])))
    widths = np.diff(edges)
    bought = np.array(shares).reshape(-1, bars) @ widths / bucket
    gaps = np.abs(2 * bought - 1)
    vpin = np.full(len(gaps), math.nan)
    for k in range(buckets - 1, len(gaps)):
        vpin[k] = gaps[k - buckets + 1 : k + 1].mean()
    return bought, vpin


def hawkes_log_likelihood(times: Any, end: float, baseline: float, branching: float, decay: float) -> float:
    """The double sum of the definition, O(n^2)."""
    total = 0.0
    for i, t in enumerate(times):
        excited = np.exp(-decay * (t - times[:i])).sum()
        total += math.log(baseline + branching * decay * excited)
    return total - baseline * end - branching * float((1 - np.exp(-decay * (end - times))).sum())


def hawkes_residuals(times: Any, baseline: float, branching: float, decay: float) -> Any:
    """Differences of the compensator, O(n^2)."""
    compensator = [
        baseline * t + branching * float((1 - np.exp(-decay * (t - times[:i]))).sum())
        for i, t in enumerate(times)
    ]
    return np.diff(compensator, prepend=0.0)
