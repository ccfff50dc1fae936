"""How soon Ctrl-C ends a long call, and how long the intervals of a full study take.

usage: python benches/bench_interrupt.py
"""

from __future__ import annotations

import platform
import signal
import statistics
import threading
import time
from collections.abc import Callable

import alvh
import numpy as np
from alvh.statistics import intervals

RUNS = 3
SESSIONS = 7_000
CAPITAL = 500_000.0


def wait_ms(call: Callable[[], object]) -> float:
    sent: list[float] = []

    def interrupt() -> None:
        time.sleep(0.3)
        sent.append(time.perf_counter())
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        call()
    except KeyboardInterrupt:
        return (time.perf_counter() - sent[0]) * 1e3
    finally:
        thread.join()
    raise SystemExit("the call ended before it was interrupted")


def main() -> None:
    pnl = np.random.default_rng(0).standard_t(4, (4, SESSIONS)) * 3_000 + 150
    history = alvh.History.demo()
    books = [alvh.books.static().replace(name=f"book {i}") for i in range(1_000)]
    price = np.full(40_000_000, 0.05)
    market = alvh.Market.default()
    calls = {
        "bootstrap": lambda: intervals([CAPITAL] * 4, pnl, replicates=100_000),
        "engine": lambda: alvh.backtest(books, history, replicates=1),
        "black76": lambda: alvh.black76(price, 1.0, 0.5, 0.2, 0.0, "call"),
        "implied_vol": lambda: alvh.implied_vol(price, 1.0, 1.1, 0.5, 0.0, "call"),
        "paths": lambda: alvh.simulation.paths(market, 64, 1_000, 390, record_every=390 * 252_000, n_jobs=2),
        "workload": lambda: alvh.simulation.reference_workload(20_000_000),
    }
    print(f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, median of {RUNS}")
    for name, call in calls.items():
        print(
            f"Ctrl-C in {name:12} {statistics.median(wait_ms(call) for _ in range(RUNS)):7.0f} ms    (below 200)"
        )
    start = time.process_time()
    intervals([CAPITAL] * 4, pnl, replicates=2_000)
    print(f"intervals, 4 books x {SESSIONS} sessions {time.process_time() - start:6.2f} CPU s (below 1.5)")


if __name__ == "__main__":
    main()
