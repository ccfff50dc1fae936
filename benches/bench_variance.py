"""Variance of the statistics of a simulated study: plain sampling over control variates and antithetic pairs.

usage: python benches/bench_variance.py [--paths N] [--repeats N] [--marks model|surface]

A ratio above 1 says how many times as many plain paths give the same standard error. Two answers: from the standard
errors that a study reports, and from the scatter of independent repetitions, which knows nothing about them. Control
variates take time of their own: the ratio of run times stands beside them.
"""

from __future__ import annotations

import argparse
import time

import alvh
import numpy as np
from rounds import machine

BOOKS = ("unhedged", "static", "adaptive")
STATISTICS = (
    "pnl",
    "max_drawdown",
    "probability_of_loss",
    "pnl_shortfall_95",
    "max_drawdown_95",
    "hedge_cost",
)
PAIRED = ("pnl_difference", "drawdown_reduction")
# (antithetic, control variates) by name; plain sampling first.
WAYS = {
    "plain": (False, False),
    "controls": (False, True),
    "antithetic": (True, False),
    "both": (True, True),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--paths", type=int, default=2_048)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--marks", default="model")
    options = parser.parse_args()
    books = alvh.books.named(*BOOKS)
    values: dict[tuple[str, str, str], list[float]] = {}
    errors: dict[tuple[str, str, str], list[float]] = {}
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    for seed in range(options.repeats):
        for way, (antithetic, controls) in WAYS.items():
            begin = time.perf_counter()
            study = alvh.simulate(
                books,
                n_paths=options.paths,
                seed=seed,
                antithetic=antithetic,
                control_variates=controls,
                marks=options.marks,
                record_paths=0,
            )
            seconds[way].append(time.perf_counter() - begin)
            summary, paired = study.summary(), study.paired()
            for book in BOOKS:
                row = summary.loc[book].to_dict()
                row |= paired.loc[book].to_dict() if book in paired.index else {}
                for name in (*STATISTICS, *PAIRED):
                    if name in row:
                        values.setdefault((way, book, name), []).append(row[name])
                        errors.setdefault((way, book, name), []).append(row[f"{name}_std_error"])
    print(machine())
    print(f"{options.paths:,} paths of a year, {options.repeats} repetitions, {options.marks} marks")
    print(
        "variance of plain sampling over that of each way: by standard errors / by scatter of the repetitions"
    )
    others = [way for way in WAYS if way != "plain"]
    print(f"{'':32s}" + "".join(f"{way:>16s}" for way in others))
    for book in BOOKS:
        for name in (*STATISTICS, *PAIRED):
            # What does not vary has no ratio: the cost of a hedge that a book does not have.
            if np.var(values.get(("plain", book, name), 0.0)) == 0.0:
                continue
            cells = []
            for way in others:
                reported = np.mean(np.square(errors["plain", book, name])) / np.mean(
                    np.square(errors[way, book, name])
                )
                seen = np.var(values["plain", book, name]) / np.var(values[way, book, name])
                cells.append(f"{reported:7.2f} /{seen:6.2f}")
            print(f"{book:10s} {name:21s}" + "".join(f"{cell:>16s}" for cell in cells))
    slower = (float(np.median(seconds[way]) / np.median(seconds["plain"])) for way in others)
    print(f"{'run time over plain':32s}" + "".join(f"{ratio:16.2f}" for ratio in slower))


if __name__ == "__main__":
    main()
