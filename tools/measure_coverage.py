"""Measure how often the 95 % intervals of a single history contain the truth, on simulated histories.

Each study is a history of the market model, its S&P 500 and VIX closes, run through the engine like a real one. The
truth of a mean quantity is its mean over all studies, that of a drawdown reduction its median: what a history of that
length shows half of the time. Writes python/alvh/_coverage.json, which claims print beside their intervals.
"""

from __future__ import annotations

import argparse
import json
import math
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import alvh
import numpy as np
import pandas as pd
from alvh._files import write_whole

TARGET = Path(__file__).parents[1] / "python" / "alvh" / "_coverage.json"
FIRST_DAY, LAST_DAY = "2012-01-03", "2016-12-30"
# Years simulated before the history, so that it does not start where every other one does.
BURN_IN = 2
MEANS = ("pnl_difference", "hedge_cost", "credit_kept")
MEDIANS = ("drawdown_reduction",)
BATCH = 50
START = 2_500.0


def measure(first: int, n: int, seed: int, replicates: int) -> np.ndarray:
    """Estimates and interval ends of studies `first` to `first + n`, shape (n, quantities, 3)."""
    market = alvh.Market.default()
    days = alvh.calendar.sessions(FIRST_DAY, LAST_DAY)
    years = BURN_IN + math.ceil(days.size / 252)
    sample = alvh.simulation.paths(market, n, years=years, seed=seed, first_path=first)
    rows = []
    for path in range(n):
        last = slice(-days.size, None)
        state = {name: column[path, last] for name, column in sample.state.items()}
        index = pd.DatetimeIndex(days, name="date")
        spot = sample.spot[path, last] / sample.spot[path, -days.size]
        # Index levels below 500 are refused as those of SPY: a path that falls so far starts higher.
        spot *= max(START, 600.0 / spot.min())
        history = alvh.History.load(
            spx=pd.DataFrame({"close": spot}, index=index),
            vix=pd.DataFrame({"close": market.vix(state)}, index=index),
        )
        study = alvh.backtest(
            alvh.books.named("unhedged", "static"), history, seed=first + path, replicates=replicates
        )
        row = study.paired().loc["static"]
        rows.append([[row[f"{name}{end}"] for end in ("", "_low", "_high")] for name in MEANS + MEDIANS])
    return np.array(rows, dtype=np.float64)


def summarise(found: np.ndarray, settings: dict[str, object]) -> dict[str, object]:
    """Coverage by quantity, of studies whose interval is defined."""
    coverage, undefined, truth = {}, {}, {}
    for position, name in enumerate(MEANS + MEDIANS):
        value, low, high = found[:, position].T
        average = np.nanmean if name in MEANS else np.nanmedian
        truth[name] = float(average(value))
        known = ~np.isnan(low)
        undefined[name] = float(np.mean(~known))
        inside = (low[known] <= truth[name]) & (truth[name] <= high[known])
        coverage[name] = round(float(np.mean(inside)), 3)
    return {"coverage": coverage, "truth": truth, "without_interval": undefined, "settings": settings}


def main() -> None:
    """Run the studies and write or print what they show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2_000)
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--seed", type=int, default=2012)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--dry-run", action="store_true", help="print, do not write")
    arguments = parser.parse_args()
    starts = range(0, arguments.studies, BATCH)
    work = partial(measure, n=BATCH, seed=arguments.seed, replicates=arguments.replicates)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        found = np.concatenate(list(pool.map(work, starts)))
    settings = {
        "studies": len(found),
        "replicates": arguments.replicates,
        "seed": arguments.seed,
        "sessions": int(alvh.calendar.sessions(FIRST_DAY, LAST_DAY).size),
        "books": ["unhedged", "static"],
        "market": alvh.Market.default().digest,
        "alvh": alvh.__version__,
    }
    text = json.dumps(summarise(found, settings), indent=2, sort_keys=True) + "\n"
    print(text, end="")
    if not arguments.dry_run:
        write_whole(TARGET, lambda stream: stream.write(text.encode()))


if __name__ == "__main__":
    main()
