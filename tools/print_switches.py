"""How results of the default study move when a weakness of the model is switched: the table of docs/model.md.

usage: python tools/print_switches.py [--paths N]

The same paths for every row wherever the switch leaves the paths alone; standard errors behind the values.
"""

from __future__ import annotations

import argparse
from typing import Any

import alvh


def rows() -> dict[str, tuple[Any, dict[str, Any]]]:
    market = alvh.Market.default()
    one_factor = market.replace(theta2=0.0, sigma2=0.0, v2=0.0)
    return {
        "default": (market, {}),
        "VIX-volatility overlay": (market, {"overlay": True}),
        "smiles of history as marks": (market, {"marks": "surface"}),
        "no slow variance": (one_factor, {}),
        "intensity decays in a month": (alvh.Market.preset("HSVCJ2F-2026-fast"), {}),
        "jumps at night only": (market, {"overnight_jump_share": 1.0, "steps_per_day": 13}),
        "jumps by day only": (market, {"overnight_jump_share": 0.0, "steps_per_day": 13}),
        "13 steps a day": (market, {"steps_per_day": 13}),
        "13 steps a day, episodes": (market, {"steps_per_day": 13, "intraday": alvh.IntradayConfig()}),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--paths", type=int, default=2_000)
    options = parser.parse_args()
    books = alvh.books.named("unhedged", "static")
    print("| switch | P&L unhedged, kUSD | P&L difference, kUSD | drawdown reduction, % | hedge cost, %/year |")
    print("|---|---|---|---|---|")
    for label, (market, switches) in rows().items():
        study = alvh.simulate(books, market, n_paths=options.paths, seed=7, record_paths=0, **switches)
        base, pair = study.summary().loc["unhedged"].to_dict(), study.paired().loc["static"].to_dict()
        cells = [
            f"{factor * source[name]:.{digits}f} ± {factor * source[f'{name}_std_error']:.{digits}f}"
            for source, name, factor, digits in (
                (base, "pnl", 1e-3, 1),
                (pair, "pnl_difference", 1e-3, 2),
                (pair, "drawdown_reduction", 100.0, 1),
                (pair, "hedge_cost", 100.0, 2),
            )
        ]
        print(f"| {label} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
