"""The detector one call at a time from Python, beside an order-flow imbalance of another library in the same loop.

Run ``python benches/bench_stream.py [events] [rounds]``. Every contender takes the same simulated flow from objects
that were made before (integers, bytes, arrays, lists) and is called in a plain loop; processor time of one thread;
contenders take turns, and the median of the rounds counts. The time of the loop without any call is printed, and not
taken off. Ours keeps the book, the features and three state machines; the peer computes one number of the best level,
and is given that level ready-made.
"""

from __future__ import annotations

import os
import platform
import statistics
import struct
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

import alvh
import numba
import numpy as np
import wickra
from alvh import bench, capi

if TYPE_CHECKING:
    from collections.abc import Callable

TICK = 10_000_000
BLOCK = 64
NAMES = ("ts", "action", "side", "price", "size", "order_id")
BOOK = ("bid_price", "ask_price", "bid_size", "ask_size")


def order_records(arrays: dict[str, np.ndarray]) -> list[bytes]:
    """Market by order in Databento's layout."""
    pack = struct.Struct("<BBHIqQqIBBBBqiI").pack
    columns = (arrays[name].tolist() for name in (*NAMES, "flags"))
    return [
        pack(14, 0xA0, 1, 7, ts, order, price * TICK, size, flags, 0, action, side, ts, 0, 0)
        for ts, action, side, price, size, order, flags in zip(*columns, strict=True)
    ]


def price_records(arrays: dict[str, np.ndarray]) -> list[bytes]:
    """Market by price, ten levels, in Databento's layout."""
    head = struct.Struct("<BBHIqqIBBBBqiI").pack
    pair = np.dtype([("price", "<i8", 2), ("size", "<u4", 2), ("count", "<u4", 2)])
    levels = np.ones((len(arrays["ts"]), 10), pair)
    for i, side in enumerate(("bid", "ask")):
        levels["price"][..., i] = arrays[f"{side}_price"] * TICK
        levels["size"][..., i] = arrays[f"{side}_size"]
    columns = (arrays[name].tolist() for name in (*NAMES[:5], "flags"))
    return [
        head(92, 0x0A, 1, 7, ts, price * TICK, size, action, side, flags, 0, ts, 0, 0) + levels[i].tobytes()
        for i, (ts, action, side, price, size, flags) in enumerate(zip(*columns, strict=True))
    ]


@numba.njit
def steps(step, handle, ts, action, side, price, size, order_id, flags):  # type: ignore[no-untyped-def]
    """The C function in a compiled loop."""
    highest = 0
    for i in range(len(ts)):
        highest = max(
            highest, step(handle, ts[i], action[i], side[i], price[i], size[i], order_id[i], flags[i])
        )
    return highest


def contenders(n: int) -> dict[str, Callable[[], float]]:
    """What is timed by name; each call gives the nanoseconds that an event took."""

    def loop(call: Callable[..., object], rows: list[tuple[object, ...]], count: int) -> float:
        start = time.process_time_ns()
        for row in rows:
            call(*row)
        return (time.process_time_ns() - start) / count

    orders, depth = (
        {
            name: column[:n]
            for name, column in bench.order_flow(1, n / 90_000, feed=feed).tape.to_arrays().items()
        }
        for feed in ("orders", "depth")
    )
    count, of_depth = len(orders["ts"]), len(depth["ts"])
    events = list(zip(*(orders[name].tolist() for name in NAMES), strict=True))
    with_flags = list(zip(*(orders[name].tolist() for name in (*NAMES, "flags")), strict=True))
    records, books = ([(each,) for each in make] for make in (order_records(orders), price_records(depth)))
    columns = [np.ascontiguousarray(orders[name]) for name in (*NAMES, "flags")]
    blocks = [tuple(column[i : i + BLOCK] for column in columns) for i in range(0, count, BLOCK)]
    whole = np.flatnonzero((depth["bid_size"][:, 0] > 0) & (depth["ask_size"][:, 0] > 0))
    best = {name: depth[name][whole, 0].astype(float).tolist() for name in BOOK}
    levels = [
        ([bid], [bid_size], [ask], [ask_size])
        for bid, ask, bid_size, ask_size in zip(*(best[name] for name in BOOK), strict=True)
    ]

    def ours(feed: str, name: str, rows: list[tuple[object, ...]], taken: int) -> Callable[[], float]:
        def once() -> float:
            detector = alvh.IgnitionDetector(feed=feed, tick_size=0.01)
            passed = loop(getattr(detector, name), rows, taken)
            assert detector.n_events == taken
            return passed

        return once

    def compiled() -> float:
        handle = capi.new()
        start = time.process_time_ns()
        steps(capi.step, np.uint64(handle), *columns)
        passed = time.process_time_ns() - start
        capi.free(handle)
        return passed / count

    def peer() -> float:
        return loop(wickra.OrderFlowImbalance(1).update, levels, len(levels))

    compiled()
    print(f"{count:,} events of orders, {of_depth:,} with ten levels")
    return {
        "alvh: update, six integers": ours("orders", "update", events, count),
        "alvh: update, seven integers (flags)": ours("orders", "update", with_flags, count),
        "alvh: update_record, bytes of MBO": ours("orders", "update_record", records, count),
        "alvh: update_record, bytes of MBP-10": ours("depth", "update_record", books, of_depth),
        f"alvh: update_batch, blocks of {BLOCK}": ours("orders", "update_batch", blocks, count),
        "alvh: alvh_ignition_step in a numba loop": compiled,
        "wickra: OrderFlowImbalance.update, one level": peer,
        "the loop alone, appending to an empty deque": lambda: loop(deque(maxlen=0).append, records, count),
    }


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    print(
        f"{platform.platform()}, {model}, {os.cpu_count()} processors, Python {platform.python_version()}, "
        f"numba {numba.__version__}, wickra {wickra.__version__}; load {os.getloadavg()[0]:.1f}"
    )
    calls = contenders(n)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(call())
    peer = statistics.median(times["wickra: OrderFlowImbalance.update, one level"])
    print(f"{'':46} {'ns/event':>9} {'min to max':>14} {'wickra is':>10}")
    for name, each in times.items():
        ns = statistics.median(each)
        ratio = f"{peer / ns:9.2f}x" if name.startswith("alvh") else ""
        print(f"{name:46} {ns:9.0f} {min(each):6.0f} to {max(each):4.0f} {ratio:>10}")


if __name__ == "__main__":
    main()
