"""Variance of the statistics of a simulated study: plain sampling over antithetic pairs, at the same number of paths.

usage: python benches/bench_variance.py [--paths N] [--repeats N] [--marks model|surface]

A ratio above 1 says how many times as many plain paths give the same standard error. Two answers: from the standard
errors that a study reports, and from the scatter of independent repetitions, which knows nothing about them.
"""

from __future__ import annotations

import argparse

import alvh
import numpy as np
from rounds import machine

STATISTICS = ("pnl", "max_drawdown", "pnl_shortfall_95", "hedge_cost", "credit_kept")
PAIRED = ("pnl_difference", "drawdown_reduction")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--paths", type=int, default=1_024)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--marks", default="model")
    options = parser.parse_args()
    books = alvh.books.named("unhedged", "static")
    values: dict[tuple[bool, str], list[float]] = {}
    errors: dict[tuple[bool, str], list[float]] = {}
    for seed in range(options.repeats):
        for mirrored in (False, True):
            study = alvh.simulate(
                books,
                n_paths=options.paths,
                seed=seed,
                antithetic=mirrored,
                marks=options.marks,
                record_paths=0,
            )
            row = study.summary().loc["static"].to_dict() | study.paired().loc["static"].to_dict()
            for name in (*STATISTICS, *PAIRED):
                values.setdefault((mirrored, name), []).append(row[name])
                errors.setdefault((mirrored, name), []).append(row[f"{name}_std_error"])
    print(machine())
    print(
        f"static book, {options.paths:,} paths of a year, {options.repeats} repetitions, {options.marks} marks"
    )
    print(f"{'':22s} {'by std errors':>14s} {'by scatter':>12s}")
    for name in (*STATISTICS, *PAIRED):
        reported = np.mean(np.square(errors[False, name])) / np.mean(np.square(errors[True, name]))
        seen = np.var(values[False, name]) / np.var(values[True, name])
        print(f"{name:22s} {reported:14.2f} {seen:12.2f}")


if __name__ == "__main__":
    main()
