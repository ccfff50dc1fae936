"""``alvh bench``: how fast this machine does the usual work; comparisons with other libraries are in ``benches/``."""

from __future__ import annotations

import json
import platform
import time
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

__all__ = ["add_parser"]

_ROUNDS = 5
_PATHS = 10_000


def add_parser(commands: Any) -> None:
    """Add the command.

    Parameters
    ----------
    commands : argparse._SubParsersAction
        Where it goes.
    """
    parser = commands.add_parser(
        "bench",
        help="how fast this machine does the usual work",
        description="Time the usual work on this machine, medians of a few rounds.",
    )
    parser.add_argument("--rounds", type=int, choices=range(1, 101), metavar="N", default=_ROUNDS)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(parser=parser, run=_run)


def _run(arguments: argparse.Namespace) -> None:
    found = {name: _seconds(work, arguments.rounds) for name, work in _work().items()}
    machine = f"{platform.machine()}, {platform.platform(terse=True)}"
    if arguments.json:
        print(json.dumps({"machine": machine, "rounds": arguments.rounds, "seconds": found}, indent=2))
        return
    print(f"{machine}; medians of {arguments.rounds} rounds")
    for name, seconds in found.items():
        print(f"  {name:<48} {1e3 * seconds:>9,.1f} ms")


def _work() -> dict[str, Callable[[], object]]:
    import alvh

    history = alvh.History.demo()
    books = alvh.books.named("unhedged", "static")
    market = alvh.Market.default()
    study = alvh.backtest(books, history)
    return {
        "two books over five years of history": lambda: alvh.backtest(books, history),
        "their intervals, 2,000 resampled paths": lambda: alvh.Study(study.raw).summary(),
        f"{_PATHS:,} paths of a year, daily": lambda: alvh.simulation.paths(market, _PATHS, record_every=252),
    }


def _seconds(work: Callable[[], object], rounds: int) -> float:
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)
