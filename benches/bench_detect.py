"""Record bytes to alarms, beside peers that do a part of the work, in one run.

Run ``python benches/bench_detect.py [records] [rounds]``. It needs cargo, which builds the benchmark that makes the
records and times the core as it is in a wheel (baseline x86-64). Peers that are not installed are said to be missing.

The same bytes for everybody; processor time of one thread; contenders take turns, and the median of the rounds counts.
"from memory" is one pass over all records, "in cache" passes over 2,000 of them (1,800 for the core, which clones its
state first). A vector of Rust lies in pages of 4 KiB, an array of numpy in huge ones: the core is shown with both.
"""

from __future__ import annotations

import importlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["POLARS_MAX_THREADS"] = "1"

import databento
import databento_dbn
import numba
import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
BENCH = ["cargo", "bench", "--quiet", "-p", "alvh-core", "--bench", "detect", "--"]
HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
CACHED = 2_000
START = 1_700_000_000_000_000_000
TICK = 250_000_000
NONE = np.iinfo(np.int64).max


@numba.njit
def is_other(words: Any, i: int, k: int) -> bool:
    """Whether level k is another than in the record before: one branch."""
    j = 6 + 4 * k
    bid, ask, size = words[i, j] ^ words[i - 1, j], words[i, j + 1] ^ words[i - 1, j + 1], words[i, j + 2] ^ words[i - 1, j + 2]
    return (bid | ask | size) != 0


@numba.njit
def imbalance(words: Any, halves: Any, i: int, k: int) -> int:
    """Order-flow imbalance of level k (Cont, Kukanov, Stoikov 2014, non-strict)."""
    bid, was_bid, ask, was_ask = words[i, 6 + 4 * k], words[i - 1, 6 + 4 * k], words[i, 7 + 4 * k], words[i - 1, 7 + 4 * k]
    e = np.int64(bid >= was_bid) * np.int64(halves[i, 16 + 8 * k])
    e -= np.int64(bid <= was_bid) * np.int64(halves[i - 1, 16 + 8 * k])
    e -= np.int64(ask <= was_ask) * np.int64(halves[i, 17 + 8 * k])
    e += np.int64(ask >= was_ask) * np.int64(halves[i - 1, 17 + 8 * k])
    return e


@numba.njit
def features_by_event(words: Any, halves: Any, letters: Any) -> Any:
    """The features of the table in docs, moved on at every record: four exponentials each."""
    fast, mid, slow, mean_fast, mean_mid = np.zeros(4), np.zeros(2), np.zeros(5), 0.0, 0.0
    depth3 = np.zeros(2)
    out = np.zeros(12)
    last = words[0, 1]
    for i in range(1, len(words)):
        dt = (words[i, 1] - last) * 1e-9
        last = words[i, 1]
        g_fast, g_mid, g_slow = np.exp(-dt / 0.25), np.exp(-dt), np.exp(-dt / 60.0)
        e, multi = 0, 0.0
        for k in range(10):
            if is_other(words, i, k):
                change = imbalance(words, halves, i, k)
                multi += change / (k + 1)
                if k == 0:
                    e = change
        bought = sold = 0.0
        if letters[i, 28] == 84:
            if letters[i, 29] == 66:
                bought = float(halves[i, 6])
            else:
                sold = float(halves[i, 6])
        price = 0.5 * (words[i, 6] + words[i, 7]) / TICK
        mean_fast = mean_fast * g_fast + price * (1 - g_fast)
        mean_mid = mean_mid * g_mid + price * (1 - g_mid)
        fast[0] = fast[0] * g_fast + e
        fast[1] = fast[1] * g_fast + multi
        fast[2] = fast[2] * g_fast + bought + sold
        fast[3] = fast[3] * g_fast + bought - sold
        mid[0] = mid[0] * g_mid + bought + sold
        mid[1] = mid[1] * g_mid + abs(e)
        slow[0] = slow[0] * g_slow + e * e
        slow[1] = slow[1] * g_slow + bought
        slow[2] = slow[2] * g_slow + sold
        bids = asks = 0
        three = five = (0, 0)
        for k in range(10):
            bids += np.int64(halves[i, 16 + 8 * k])
            asks += np.int64(halves[i, 17 + 8 * k])
            if k == 2:
                three = (bids, asks)
            if k == 4:
                five = (bids, asks)
        depth3[0] = depth3[0] * g_slow + three[0] * (1 - g_slow)
        depth3[1] = depth3[1] * g_slow + three[1] * (1 - g_slow)
        best_bid, best_ask = float(halves[i, 16]), float(halves[i, 17])
        out[0] = fast[0] / np.sqrt(slow[0] / 60.0 * 0.125 + 1e-9)
        out[1] = fast[1]
        out[2] = (best_bid - best_ask) / (best_bid + best_ask)
        out[3] = (bids - asks) / (bids + asks)
        out[4] = out[2] * 0.5 * (words[i, 7] - words[i, 6]) / TICK
        out[5] = three[0] / depth3[0]
        out[6] = three[1] / depth3[1]
        out[7] = five[0] / (slow[2] / 6.0 + 1e-9)
        out[8] = five[1] / (slow[1] / 6.0 + 1e-9)
        out[9] = (price - mean_fast) / 0.25 - (price - mean_mid)
        out[10] = price - mean_mid
        out[11] = (fast[2] * 60.0) / ((slow[1] + slow[2]) * 0.25 + 1e-9)
    return out


@numba.njit
def features_by_cell(words: Any, halves: Any, letters: Any) -> Any:
    """The same on the core's lattice: whole totals at every record, the weighted sums every 10 ms."""
    fast, slow, mean_fast, mean_mid = np.zeros(4), np.zeros(3), 0.0, 0.0
    depth3 = np.zeros(2)
    out = np.zeros(12)
    cell = words[0, 1] // 10_000_000
    end = (cell + 1) * 10_000_000
    e_sum, squares, multi, bought, sold = 0, 0, 0.0, 0, 0
    for i in range(1, len(words)):
        ts = words[i, 1]
        if ts >= end:
            dt = (ts // 10_000_000 - cell) * 0.01
            cell = ts // 10_000_000
            end = (cell + 1) * 10_000_000
            g_fast, g_mid, g_slow = np.exp(-dt / 0.25), np.exp(-dt), np.exp(-dt / 60.0)
            price = 0.5 * (words[i - 1, 6] + words[i - 1, 7]) / TICK
            mean_fast = mean_fast * g_fast + price * (1 - g_fast)
            mean_mid = mean_mid * g_mid + price * (1 - g_mid)
            fast[0] = fast[0] * g_fast + e_sum
            fast[1] = fast[1] * g_fast + multi
            fast[2] = fast[2] * g_fast + bought + sold
            fast[3] = fast[3] * g_fast + bought - sold
            slow[0] = slow[0] * g_slow + squares
            slow[1] = slow[1] * g_slow + bought
            slow[2] = slow[2] * g_slow + sold
            e_sum, squares, multi, bought, sold = 0, 0, 0.0, 0, 0
            bids = asks = 0
            three = five = (0, 0)
            for k in range(10):
                bids += np.int64(halves[i - 1, 16 + 8 * k])
                asks += np.int64(halves[i - 1, 17 + 8 * k])
                if k == 2:
                    three = (bids, asks)
                if k == 4:
                    five = (bids, asks)
            depth3[0] = depth3[0] * g_slow + three[0] * (1 - g_slow)
            depth3[1] = depth3[1] * g_slow + three[1] * (1 - g_slow)
            best_bid, best_ask = float(halves[i - 1, 16]), float(halves[i - 1, 17])
            out[0] = fast[0] / np.sqrt(slow[0] / 60.0 * 0.125 + 1e-9)
            out[1] = fast[1]
            out[2] = (best_bid - best_ask) / (best_bid + best_ask)
            out[3] = (bids - asks) / (bids + asks)
            out[4] = out[2] * 0.5 * (words[i - 1, 7] - words[i - 1, 6]) / TICK
            out[5] = three[0] / depth3[0]
            out[6] = three[1] / depth3[1]
            out[7] = five[0] / (slow[2] / 6.0 + 1e-9)
            out[8] = five[1] / (slow[1] / 6.0 + 1e-9)
            out[9] = (price - mean_fast) / 0.25 - (price - mean_mid)
            out[10] = price - mean_mid
            out[11] = (fast[2] * 60.0) / ((slow[1] + slow[2]) * 0.25 + 1e-9)
        for k in range(10):
            if is_other(words, i, k):
                change = imbalance(words, halves, i, k)
                multi += change / (k + 1)
                if k == 0:
                    e_sum += change
                    squares += change * change
        if letters[i, 28] == 84:
            if letters[i, 29] == 66:
                bought += np.int64(halves[i, 6])
            else:
                sold += np.int64(halves[i, 6])
    return out


def polars_features(frame: pl.DataFrame) -> pl.DataFrame:
    """What a data frame can say in one pass of expressions, on columns that are decoded already."""
    multi = pl.lit(0.0)
    for k in range(10):
        bid, ask, bid_size, ask_size = (
            pl.col(f"{name}_{k:02}") for name in ("bid_px", "ask_px", "bid_sz", "ask_sz")
        )
        was = [column.shift(1) for column in (bid, ask, bid_size, ask_size)]
        e = (
            pl.when(bid >= was[0]).then(bid_size).otherwise(0)
            - pl.when(bid <= was[0]).then(was[2]).otherwise(0)
            - pl.when(ask <= was[1]).then(ask_size).otherwise(0)
            + pl.when(ask >= was[1]).then(was[3]).otherwise(0)
        )
        multi = multi + e / (k + 1)
    bids = pl.sum_horizontal(f"bid_sz_{k:02}" for k in range(10))
    asks = pl.sum_horizontal(f"ask_sz_{k:02}" for k in range(10))
    mid = 0.5 * (pl.col("bid_px_00") + pl.col("ask_px_00"))
    volume = pl.when(pl.col("action") == "T").then(pl.col("size")).otherwise(0)
    ts = pl.col("ts")
    return frame.select(
        multi=multi,
        depth_imbalance=(bids - asks) / (bids + asks),
        microprice=(pl.col("ask_px_00") * pl.col("bid_sz_00") + pl.col("bid_px_00") * pl.col("ask_sz_00"))
        / (pl.col("bid_sz_00") + pl.col("ask_sz_00"))
        - mid,
        mean_fast=mid.ewm_mean_by(ts, half_life="173ms"),
        mean_mid=mid.ewm_mean_by(ts, half_life="693ms"),
        volume_slow=volume.ewm_mean_by(ts, half_life="42s"),
        imbalance_fast=multi.fill_null(0).ewm_mean_by(ts, half_life="173ms"),
    )


def frame_of(decoded: np.ndarray[Any, Any]) -> pl.DataFrame:
    """The columns that `polars_features` needs."""
    names = [f"{side}_{what}_{k:02}" for side in ("bid", "ask") for what in ("px", "sz") for k in range(10)]
    columns = {name: decoded[name].astype(np.int64) for name in names}
    columns["size"] = decoded["size"].astype(np.int64)
    columns["ts"] = decoded["ts_event"].astype("datetime64[ns]")
    columns["action"] = decoded["action"].astype("U1")
    return pl.DataFrame(columns)


def encoded(records: bytes, schema: str) -> bytes:
    """A DBN file of the records."""
    metadata = databento_dbn.Metadata(
        dataset="GLBX.MDP3",
        start=START,
        stype_in=databento_dbn.SType.RAW_SYMBOL,
        stype_out=databento_dbn.SType.INSTRUMENT_ID,
        schema=databento_dbn.Schema.from_str(schema),
        symbols=["ESH4"],
        version=2,
    )
    return metadata.encode() + records


def decode(file: bytes) -> object:
    """The vendor's decoder of Python, to one array."""
    return databento.DBNStore.from_bytes(file).to_ndarray()


class Core:
    """The core as the benchmark of cargo: one line of standard input, one round."""

    def __init__(self, path: Path, schema: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [*BENCH, "serve", str(path), schema],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def round(self) -> tuple[float, float]:
        """Nanoseconds a record from memory and in cache."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        memory, cache, _ = self.process.stdout.readline().split()
        return float(memory), float(cache)

    def close(self) -> None:
        """Ends the process."""
        self.process.communicate("\n")


def timed(call: Callable[[], object], count: int, repeat: int = 1) -> float:
    """Nanoseconds of processor time, of all threads, a record."""
    start = time.process_time_ns()
    for _ in range(repeat):
        call()
    return (time.process_time_ns() - start) / (count * repeat)


class Table:
    """Times of every contender, round by round."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def add(self, name: str, nanoseconds: float) -> None:
        """One round of a contender."""
        self.times.setdefault(name, []).append(nanoseconds)

    def median(self, name: str) -> float:
        """The median of a contender."""
        return statistics.median(self.times[name])

    def show(self, title: str, base: str) -> None:
        """All of them beside one."""
        print(f"\n{title}\n{'':52s} {'ns/record':>9} {'million/s':>9} {'alvh is':>9}")
        for name in self.times:
            ns = self.median(name)
            ratio = "" if name.startswith("alvh") else f"{ns / self.median(base):8.2f}x"
            print(f"{name:52s} {ns:9.1f} {1e3 / ns:9.1f} {ratio:>9}")


def time_prices(folder: Path, rounds: int) -> None:
    """Market by price, ten levels."""
    raw = np.fromfile(folder / "mbp-10", np.uint8)
    count = len(raw) // 368
    small = raw[: CACHED * 368].copy()
    views = [
        (data.view("<i8").reshape(-1, 46), data.view("<u4").reshape(-1, 92), data.reshape(-1, 368))
        for data in (raw, small)
    ]
    features_by_event(*views[1])
    features_by_cell(*views[1])
    file = encoded(raw.tobytes(), "mbp-10")
    part = encoded(raw[: 368 * 50_000].tobytes(), "mbp-10")
    decoded = databento.DBNStore.from_bytes(file).to_ndarray()
    assert len(decoded) == count
    frame = frame_of(decoded)
    del decoded
    cores = {
        "": Core(folder / "mbp-10", "mbp-10", {}),
        ", huge pages": Core(folder / "mbp-10", "mbp-10", HUGE),
    }
    table = Table()
    for _ in range(rounds):
        for pages, core in cores.items():
            memory, cache = core.round()
            table.add(f"alvh: features, machines, alarms, from memory{pages}", memory)
            if not pages:
                table.add("alvh: the same, in cache", cache)
        for name, kernel in (("event", features_by_event), ("10 ms", features_by_cell)):
            table.add(
                f"numba: features alone by {name}, from memory", timed(lambda k=kernel: k(*views[0]), count)
            )
            table.add(
                f"numba: features alone by {name}, in cache",
                timed(lambda k=kernel: k(*views[1]), CACHED, 50),
            )
        table.add("plain sum of the bytes (numpy), from memory", timed(lambda: views[0][0].sum(), count))
        table.add(
            "polars: some features, decoded columns, 1 thread", timed(lambda: polars_features(frame), count)
        )
        table.add(
            "databento: DBNStore.from_bytes(...).to_ndarray()",
            timed(lambda: decode(file), count),
        )
        table.add(
            "databento: iteration over DBNStore",
            timed(lambda: sum(1 for _ in databento.DBNStore.from_bytes(part)), 50_000),
        )
    for core in cores.values():
        core.close()
    table.show(
        f"MBP-10, {count:,} records, 1 ms apart in the mean", "alvh: features, machines, alarms, from memory"
    )
    best = min(table.median(f"numba: features alone by {name}, from memory") for name in ("event", "10 ms"))
    cached = min(table.median(f"numba: features alone by {name}, in cache") for name in ("event", "10 ms"))
    huge = table.median("alvh: features, machines, alarms, from memory, huge pages")
    print(
        f"faster numba kernel over alvh: from memory, both on huge pages {best / huge:.2f} (wanted >= 1.0), "
        f"in cache {cached / table.median('alvh: the same, in cache'):.2f}"
    )


def time_others(folder: Path, rounds: int) -> None:
    """The other schemas, alone and beside the vendor's decoder."""
    work = [
        ("mbp-10-sparse", "mbp-10"),
        ("mbp-1", "mbp-1"),
        ("tbbo", "tbbo"),
        ("bbo-1s", "bbo-1s"),
        ("mbo-1k", "mbo"),
        ("mbo-40k", "mbo"),
    ]
    for name, schema in work:
        core = Core(folder / name, schema, {})
        raw = (folder / name).read_bytes()
        count = len(raw) // (368 if schema == "mbp-10" else 56 if schema == "mbo" else 80)
        file = encoded(raw, schema)
        table = Table()
        for _ in range(rounds):
            memory, cache = core.round()
            table.add("alvh: to alarms, from memory", memory)
            table.add("alvh: to alarms, in cache", cache)
            if schema != "bbo-1s":
                table.add(
                    "databento: DBNStore.from_bytes(...).to_ndarray()",
                    timed(lambda: decode(file), count),
                )
        core.close()
        table.show(f"{name}, {count:,} records", "alvh: to alarms, from memory")


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        "",
    )
    print(
        f"{platform.platform()}, {model}, {os.cpu_count()} processors, Python {platform.python_version()}, numpy {np.__version__}, "
        f"numba {numba.__version__}, polars {pl.__version__}, databento {databento.__version__}; load {os.getloadavg()[0]:.1f}"
    )
    for name in ("nautilus_trader", "hftbacktest"):
        try:
            importlib.import_module(name)
        except ImportError:
            print(f"{name}: not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([*BENCH, "write", str(folder), str(count)], cwd=ROOT, check=True)
        time_prices(folder, rounds)
        time_others(folder, rounds)


if __name__ == "__main__":
    main()
