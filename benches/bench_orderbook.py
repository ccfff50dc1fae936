"""Rebuild a level-3 book from its events: ours with the detector behind it, hftbacktest, a numba book of dicts.

Run ``python benches/bench_orderbook.py [events]``. hftbacktest pins an older numpy, so it runs in an environment of its
own: ``HFTBACKTEST_PYTHON`` is the path of the interpreter that has it. All get the same events: the first replays the
whole book and looks at ten levels and every feature, hftbacktest replays the book of the exchange and that of the
trader (``elapse`` with a level-3 queue model, no strategy), the numba book keeps orders and sizes in typed dicts and
finds the best prices by stepping to the next tick. Times are CPU time of one thread, medians of the runs.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import alvh
import numba
import numpy as np
from alvh import capi

RUNS = 5
MIDDLE = 20_000
ORDER = numba.types.UniTuple(numba.int64, 3)

# Run by the other interpreter: adds, cancels, modifies and trades as hftbacktest's own converter for Databento makes
# them, then the replay.
HFTBACKTEST = """
import statistics, sys, time
import numpy as np
from hftbacktest import BacktestAsset, ROIVectorMarketDepthBacktest
from hftbacktest.types import (ADD_ORDER_EVENT, BUY_EVENT, CANCEL_ORDER_EVENT, EXCH_EVENT, LOCAL_EVENT,
                               MODIFY_ORDER_EVENT, SELL_EVENT, TRADE_EVENT, event_dtype)
events = np.load(sys.argv[1])
kinds = {ord("A"): ADD_ORDER_EVENT, ord("C"): CANCEL_ORDER_EVENT, ord("M"): MODIFY_ORDER_EVENT, ord("T"): TRADE_EVENT}
data = np.zeros(len(events), event_dtype)
ev = np.vectorize(kinds.get)(events["action"]).astype(np.uint64)
ev |= np.where(events["side"] == ord("B"), BUY_EVENT, SELL_EVENT).astype(np.uint64)
data["ev"] = ev | np.uint64(EXCH_EVENT) | np.uint64(LOCAL_EVENT)
data["exch_ts"] = data["local_ts"] = events["ts"]
data["px"], data["qty"], data["order_id"] = events["price"], events["size"], events["order_id"]
times = []
for _ in range(int(sys.argv[2])):
    asset = (BacktestAsset().data([data]).linear_asset(1.0).constant_order_latency(0, 0).l3_fifo_queue_model()
             .no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0).tick_size(1.0).lot_size(1.0)
             .roi_lb(0.0).roi_ub(40000.0))
    hbt = ROIVectorMarketDepthBacktest([asset])
    start = time.thread_time()
    code = hbt.elapse(int(events["ts"][-1] - events["ts"][0]) + 10**9)
    times.append(time.thread_time() - start)
    depth = hbt.depth(0)
    best = depth.best_bid_tick, depth.best_ask_tick
    hbt.close()
print(statistics.median(times) / len(events) * 1e9, *best)
"""


@numba.njit(cache=False)
def make(n: int, live: int, reach: float, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    """Adds, cancels, modifies and trades; `live` orders rest in the mean; the young are cancelled first."""
    ts, price, size = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    action, side, order = np.empty(n, np.uint8), np.empty(n, np.uint8), np.empty(n, np.uint64)
    ids, at, sizes, sides = np.empty((4, live + 1), np.int64)
    resting, middle, now, last_id = 0, MIDDLE, 1_700_000_000_000_000_000, 6_400_000_000_000
    for i in range(n):
        now += rng.integers(1, 100_000)
        if rng.random() < 0.0005:
            middle = min(max(middle + rng.integers(-1, 2), MIDDLE - 5), MIDDLE + 5)
        ts[i], choice = now, rng.random()
        if resting < live // 2 or (choice < 0.9 and resting < live):
            bid = rng.random() < 0.5
            far = rng.random() < 1 / 3
            away = int(rng.random() * (rng.random() * reach if far else 10))
            last_id += rng.integers(1, 40)
            ids[resting], sizes[resting] = last_id, rng.integers(1, 20)
            # The touch may move by some ticks; the book is never crossed.
            at[resting] = min(middle - away, MIDDLE) if bid else max(middle + 1 + away, MIDDLE + 1)
            sides[resting] = 66 if bid else 65
            j, what, resting = resting, 65, resting + 1
            order[i], side[i], price[i], size[i] = ids[j], sides[j], at[j], sizes[j]
        elif choice < 0.9:
            young = resting - 1 - rng.integers(0, min(resting, 256))
            j = young if rng.random() < 0.75 else rng.integers(0, resting)
            order[i], side[i], price[i], size[i], what = ids[j], sides[j], at[j], sizes[j], 67
            resting -= 1
            ids[j], at[j], sizes[j], sides[j] = ids[resting], at[resting], sizes[resting], sides[resting]
        elif choice < 0.96:
            j, what = rng.integers(0, resting), 77
            moved = at[j] + rng.integers(-1, 2)
            at[j] = min(moved, MIDDLE) if sides[j] == 66 else max(moved, MIDDLE + 1)
            sizes[j] = rng.integers(1, 20)
            order[i], side[i], price[i], size[i] = ids[j], sides[j], at[j], sizes[j]
        else:
            side[i] = 66 if rng.random() < 0.5 else 65
            order[i], price[i], size[i], what = 0, middle, rng.integers(1, 6), 84
        action[i] = what
    return ts, action, side, price, size, order


@numba.njit(cache=False)
def replay(ts, action, side, price, size, order):  # type: ignore[no-untyped-def]
    """A book of typed dicts: what one writes first in numba. Returns the best prices at the end."""
    orders = numba.typed.Dict.empty(numba.uint64, ORDER)
    bids = numba.typed.Dict.empty(numba.int64, numba.int64)
    asks = numba.typed.Dict.empty(numba.int64, numba.int64)
    bid, ask, total = -(2**40), 2**40, 0
    for i in range(len(ts)):
        if action[i] == 84:
            continue
        if action[i] != 65:
            if order[i] not in orders:
                continue
            which, old, held = orders[order[i]]
            levels = bids if which == 66 else asks
            gone = size[i] if action[i] == 67 else held
            levels[old] -= gone
            if levels[old] == 0:
                del levels[old]
            if gone == held:
                del orders[order[i]]
            else:
                orders[order[i]] = (which, old, held - gone)
        if action[i] != 67:
            levels = bids if side[i] == 66 else asks
            orders[order[i]] = (np.int64(side[i]), price[i], size[i])
            levels[price[i]] = levels.get(price[i], 0) + size[i]
            if side[i] == 66:
                bid = max(bid, price[i])
            else:
                ask = min(ask, price[i])
        while len(bids) > 0 and bid not in bids:
            bid -= 1
        while len(asks) > 0 and ask not in asks:
            ask += 1
        total += bid + ask
    return bid, ask, total


def median(work: Callable[[], object]) -> float:
    times = []
    for _ in range(RUNS):
        start = time.thread_time()
        work()
        times.append(time.thread_time() - start)
    return statistics.median(times)


def hftbacktest(events: tuple[np.ndarray, ...]) -> tuple[float, int, int] | None:
    """Nanoseconds an event and the best prices at the end, or None without an interpreter that has hftbacktest."""
    interpreter = os.environ.get("HFTBACKTEST_PYTHON")
    if not interpreter:
        return None
    names = ("ts", "action", "side", "price", "size", "order_id")
    table = np.rec.fromarrays(events, names=",".join(names))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.npy"
        np.save(path, table)
        command = [interpreter, "-c", HFTBACKTEST, str(path), str(RUNS)]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(out[0]), int(out[1]), int(out[2])


def ours(events: tuple[np.ndarray, ...]) -> alvh.IgnitionDetector:
    detector = alvh.IgnitionDetector()
    detector.update_batch(*events)
    return detector


@numba.njit(cache=False)
def loop(step, handle, ts, action, side, price, size, order):  # type: ignore[no-untyped-def]
    for i in range(len(ts)):
        step(handle, ts[i], action[i], side[i], price[i], size[i], order[i], 128)


def from_numba(events: tuple[np.ndarray, ...]) -> None:
    handle = capi.new()
    loop(capi.step, np.uint64(handle), *events)
    capi.free(handle)


def streaming(events: tuple[np.ndarray, ...], block: int) -> None:
    detector = alvh.IgnitionDetector()
    for i in range(0, len(events[0]), block):
        detector.update_columns(*(column[i : i + block] for column in events))


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(
        f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, alvh {alvh.__version__}"
    )
    for live, reach in [(1_000, 300.0), (40_000, 3_000.0)]:
        events = make(n + live, live, reach, np.random.default_rng(1))
        per_event = 1e9 / len(events[0])
        mine = median(lambda events=events: ours(events)) * per_event
        replay(*events)
        dicts = median(lambda events=events: replay(*events)) * per_event
        loop(capi.step, np.uint64(0), *(column[:1] for column in events))
        compiled = median(lambda events=events: from_numba(events)) * per_event
        blocks = median(lambda events=events: streaming(events, 64)) * per_event
        print(f"{live:,} live orders, {len(events[0]):,} events")
        print(f"  alvh, book and detector, one call: {mine:.1f} ns an event ({1e3 / mine:.1f} million/s)")
        print(f"  alvh, blocks of 64 from Python: {blocks:.1f} ns an event, wanted <= 50")
        print(f"  alvh, C function from a numba loop: {compiled:.1f} ns a call, wanted <= 40")
        print(f"  numba book of dicts, best prices only: {dicts:.1f} ns, {dicts / mine:.2f} times alvh")
        bid, ask, _ = replay(*events)
        mid = ours(events).features(0)["mid"]
        assert abs(mid - (bid + ask) / 2) < 3, "the books differ"
        peer = hftbacktest(events)
        if peer is None:
            print("  hftbacktest: not measured, HFTBACKTEST_PYTHON is not set")
        else:
            assert peer[1:] == (bid, ask), "the books differ"
            ratio = peer[0] / mine
            print(f"  hftbacktest, no features: {peer[0]:.1f} ns, {ratio:.2f} times alvh, wanted >= 5")


if __name__ == "__main__":
    main()
