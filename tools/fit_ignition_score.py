"""Fits the weights of the detector's score on labelled order flow and prints them.

usage: python tools/fit_ignition_score.py

Cells of the first clock, 10 ms, of tuning seeds 1 to 3 of three instruments and both styles of `alvh.bench.order_flow`
that pass the other conditions of the default alarm as it stood when the score was fitted (push >= 5, velocity >= 2,
acceleration of the same sign, consumed side <= .9 of its mean, mid >= 1 bp from its mean). Cells within 1.5 s of the
start of an ignition stand against all outside of ignitions; the former weigh one quarter of the latter in total.
Logistic regression with a ridge of 1/2 on standardised features.
"""

from __future__ import annotations

import alvh
import numpy as np
from alvh import bench
from scipy.optimize import minimize

SEEDS = (1, 2, 3)
NAMES = ("push_z", "velocity_z", "trade_burst_z", "thinning", "fade_share")
NS = 1_000_000_000


def cells_of(flow: bench.OrderFlow) -> tuple[np.ndarray, np.ndarray]:
    """Scored features of the cells that could alarm, and whether each is at the start of an ignition."""
    frame = alvh.features(flow.tape, every="10ms")
    ts = frame.index.as_unit("ns").asi8
    way = np.where(frame["push_z"] > 0, 1.0, -1.0)
    thinning = np.where(way > 0, frame["thinning_ask"], frame["thinning_bid"])
    push, velocity = frame["push_z"] * way, frame["velocity_z"] * way
    moved = np.abs(frame["velocity_z"]) * frame["sigma"] * np.sqrt(0.5)
    could = (push >= 5) & (velocity >= 2) & (frame["acceleration"] * way > 0) & (thinning <= 0.9)
    could &= (moved >= 1e-4 * frame["mid"]) & (ts >= ts[0] + 30 * NS)
    x = np.column_stack(
        [
            push.clip(0, 30),
            velocity.clip(0, 20),
            np.log1p(frame["trade_burst_z"].clip(0, 60)),
            np.clip(thinning, 0, 2),
            frame["fade_share"].fillna(0.5),
        ]
    )
    is_start, is_outside = np.zeros(len(ts), bool), np.ones(len(ts), bool)
    labels = flow.labels[flow.labels["is_true"]]
    ignition, end = (labels[name].dt.as_unit("ns").astype("int64") for name in ("ignition", "end"))
    for begin, stop in zip(ignition, end, strict=True):
        is_start |= (ts >= begin) & (ts < begin + 3 * NS // 2) & (ts <= stop)
        is_outside &= (ts < begin - NS // 2) | (ts > stop)
    used = could.to_numpy() & (is_start | is_outside)
    return x[used], is_start[used]


def main() -> None:
    """Simulate, fit, print."""
    parts = [
        cells_of(bench.order_flow(seed, instrument=instrument, style=style))
        for seed in SEEDS
        for style in ("a", "b")
        for instrument in bench.INSTRUMENTS
    ]
    x, is_start = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    weight = np.where(is_start, 0.25 * (~is_start).sum() / is_start.sum(), 1.0)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    z = (x - mean) / deviation
    sign = np.where(is_start, 1.0, -1.0)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (z @ theta[:-1] + theta[-1])
        slope = -weight * sign / (1.0 + np.exp(np.clip(margin, -700, 700)))
        ridge = np.append(theta[:-1], 0.0)
        value = float(weight @ np.logaddexp(0.0, -margin)) + 0.5 * float(ridge @ ridge)
        return value, np.append(z.T @ slope, slope.sum()) + ridge

    theta = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    weights = theta[:-1] / deviation
    print(f"{len(x):,} cells, {is_start.sum():,} of them at the start of an ignition")
    for name, value in zip(NAMES, weights, strict=True):
        print(f"{name:14} {value:8.3f}")
    print(f"{'offset':14} {float(weights @ mean) - theta[-1]:8.3f}")


if __name__ == "__main__":
    main()
