"""Record bytes to alarms, beside peers that do a part of the work, in one run.

Run ``python benches/bench_detect.py [records] [rounds]``. It needs cargo, which builds the benchmark that makes the
records and times the core as it is in a wheel (baseline x86-64). Peers that are not installed are said to be missing.

The same bytes for everybody; processor time of one thread; contenders take turns, and the median of the rounds counts.
"from memory" is one pass over all records, "in cache" passes over 2,000 of them (1,800 for the core, which clones its
state first). A vector of Rust lies in pages of 4 KiB, an array of numpy in huge ones: the core is shown with both.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ["POLARS_MAX_THREADS"] = "1"

import databento
import databento_dbn
import detect_peers as peers
import numba
import numpy as np
import polars

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
BENCH = ["cargo", "bench", "--quiet", "-p", "alvh-core", "--bench", "detect", "--"]
HUGE = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
CACHED = 2_000
START = 1_700_000_000_000_000_000


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


def made(make: Callable[[], Callable[[], float]], name: str) -> Callable[[], float] | None:
    """A contender, or nothing where its package is not installed."""
    try:
        return make()
    except ImportError:
        print(f"{name}: not installed")
        return None


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
    calm = count // 2 // 500_000 * 500_000 + 5_000
    small = raw[calm * 368 : (calm + CACHED) * 368].copy()
    views = [
        (data.view("<i8").reshape(-1, 46), data.view("<u4").reshape(-1, 92), data.reshape(-1, 368))
        for data in (raw, small)
    ]
    peers.features_by_event(*views[1])
    peers.features_by_cell(*views[1])
    file = encoded(raw.tobytes(), "mbp-10")
    part = encoded(raw[: 368 * 50_000].tobytes(), "mbp-10")
    decoded = databento.DBNStore.from_bytes(file).to_ndarray()
    assert len(decoded) == count
    frame = peers.frame_of(decoded)
    del decoded
    nautilus = made(lambda: peers.nautilus_loader(part, folder / "part.dbn.zst", 50_000), "nautilus_trader")
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
        for name, kernel in (("event", peers.features_by_event), ("10 ms", peers.features_by_cell)):
            table.add(
                f"numba: features alone by {name}, from memory", timed(lambda k=kernel: k(*views[0]), count)
            )
            table.add(
                f"numba: features alone by {name}, in cache",
                timed(lambda k=kernel: k(*views[1]), CACHED, 50),
            )
        table.add("plain sum of the bytes (numpy), from memory", timed(lambda: views[0][0].sum(), count))
        table.add(
            "polars: some features, decoded columns, 1 thread",
            timed(lambda: peers.polars_features(frame), count),
        )
        table.add(
            "databento: DBNStore.from_bytes(...).to_ndarray()",
            timed(lambda: decode(file), count),
        )
        table.add(
            "databento: iteration over DBNStore",
            timed(lambda: sum(1 for _ in databento.DBNStore.from_bytes(part)), 50_000),
        )
        if nautilus:
            table.add("nautilus: DatabentoDataLoader, zstd to objects", nautilus())
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
        book = None
        if schema == "mbo":
            book = made(lambda raw=raw: peers.hftbacktest_book(np.frombuffer(raw, np.uint8)), "hftbacktest")
        table = Table()
        for _ in range(rounds):
            memory, cache = core.round()
            table.add("alvh: to alarms, from memory", memory)
            table.add("alvh: to alarms, in cache", cache)
            if schema != "bbo-1s":
                table.add(
                    "databento: DBNStore.from_bytes(...).to_ndarray()",
                    timed(lambda file=file: decode(file), count),
                )
            if book:
                table.add("hftbacktest: ROIVector L3 book alone", book())
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
        f"{platform.platform()}, {model}, {os.cpu_count()} processors, Python {platform.python_version()}, "
        f"numpy {np.__version__}, numba {numba.__version__}, polars {polars.__version__}, "
        f"databento {databento.__version__}; load {os.getloadavg()[0]:.1f}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([*BENCH, "write", str(folder), str(count)], cwd=ROOT, check=True)
        time_prices(folder, rounds)
        time_others(folder, rounds)


if __name__ == "__main__":
    main()
