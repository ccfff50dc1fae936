"""Long DBN files: a gigabyte of records, compressed or not, read in flat memory; speed beside the vendor's decoder.

Each reading is a process of its own, so that the peak of its memory is its own.
"""

from __future__ import annotations

import json
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import zstandard

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "reference"))
import dbn_files as made

GIGABYTE = 1_000_000_000
PART = 50_000
ROUNDS = 3

LEVEL = np.dtype(
    [
        ("bid_px", "<i8"),
        ("ask_px", "<i8"),
        ("bid_sz", "<u4"),
        ("ask_sz", "<u4"),
        ("bid_ct", "<u4"),
        ("ask_ct", "<u4"),
    ]
)
RECORD = np.dtype(
    [
        ("length", "u1"),
        ("rtype", "u1"),
        ("publisher_id", "<u2"),
        ("instrument_id", "<u4"),
        ("ts_event", "<i8"),
        ("price", "<i8"),
        ("size", "<u4"),
        ("action", "S1"),
        ("side", "S1"),
        ("flags", "u1"),
        ("depth", "u1"),
        ("ts_recv", "<i8"),
        ("ts_in_delta", "<i4"),
        ("sequence", "<u4"),
        ("levels", LEVEL, 10),
    ]
)


def records(rng: np.random.Generator, n: int) -> np.ndarray:
    """A book of ten levels that moves now and then; one size changes from record to record."""
    out = np.zeros(n, RECORD)
    out["length"], out["rtype"], out["publisher_id"], out["instrument_id"] = RECORD.itemsize // 4, 10, 1, 7
    ts = made.START + np.cumsum(rng.exponential(500_000, n)).astype(np.int64)
    out["ts_recv"], out["ts_event"] = ts, ts - rng.integers(10_000, 30_000, n)
    mid = made.MID + made.TICK * np.cumsum(rng.choice([-1, 0, 1], n, p=[0.02, 0.96, 0.02]))
    k = np.arange(10)
    out["levels"]["bid_px"] = (mid[:, None] // made.TICK - k) * made.TICK
    out["levels"]["ask_px"] = (mid[:, None] // made.TICK + 1 + k) * made.TICK
    sizes = rng.integers(1, 200, (2, 10)) * np.ones((n, 1, 1), np.int64)
    side, level = rng.integers(0, 2, n), np.minimum(rng.geometric(0.4, n) - 1, 9)
    jumps = np.zeros((n, 2, 10), np.int64)
    jumps[np.arange(n), side, level] = rng.integers(-9, 10, n)
    sizes = np.abs(sizes + np.cumsum(jumps, axis=0)) + 1
    out["levels"]["bid_sz"], out["levels"]["ask_sz"] = sizes[:, 0], sizes[:, 1]
    out["levels"]["bid_ct"], out["levels"]["ask_ct"] = sizes[:, 0] // 4 + 1, sizes[:, 1] // 4 + 1
    out["price"], out["size"] = mid, rng.integers(1, 20, n)
    out["action"], out["side"] = rng.choice([b"A", b"C", b"M"], n), np.where(side == 0, b"B", b"A")
    out["depth"], out["flags"], out["sequence"] = level, 0x80, np.arange(n)
    return out


def write(path: Path, packed: bool, size: int) -> int:
    """Write a file of about `size` bytes of records and give their number."""
    rng = np.random.default_rng(1)
    part = records(rng, PART)
    span = int(part["ts_recv"][-1] - part["ts_recv"][0]) + 1_000_000
    turns = size // part.nbytes + 1
    with path.open("wb") as file:
        stream = zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) if packed else file
        stream.write(made.metadata(schema="mbp-10"))
        for _ in range(turns):
            stream.write(part.tobytes())
            part["ts_recv"] += span
            part["ts_event"] += span
        if packed:
            stream.close()
    return turns * PART


CHILD = """
import json, re, sys, time
from pathlib import Path
def peak():
    told = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\\s+(\\d+)", told)[1]) / 1024
"""
OURS = """
import alvh
alvh.read_dbn  # loads what it needs
start, cpu = time.perf_counter(), time.thread_time()
tape = alvh.read_dbn(sys.argv[1])
read, cpu = time.perf_counter() - start, time.thread_time() - cpu
start = time.perf_counter()
%s
print(json.dumps({"n": len(tape), "read": read, "cpu": cpu, "then": time.perf_counter() - start, "peak": peak()}))
"""
DETECT = "alvh.detect(tape)"
BARE = """
import zstandard
room = bytearray(1 << 18)
cpu, total = time.thread_time(), 0
with open(sys.argv[1], "rb") as file:
    stream = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    while n := stream.readinto(room):
        total += n
print(json.dumps({"total": total, "cpu": time.thread_time() - cpu, "peak": peak()}))
"""
VENDOR = """
import databento_dbn
import zstandard
file = open(sys.argv[1], "rb")
if sys.argv[1].endswith(".zst"):
    file = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
cpu, n, decoder = time.thread_time(), -1, databento_dbn.DBNDecoder()
while data := file.read(1 << 18):
    decoder.write(data)
    n += len(decoder.decode())
print(json.dumps({"n": n, "cpu": time.thread_time() - cpu, "peak": peak()}))
"""


def child(code: str, path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", CHILD + code, str(path)], capture_output=True, text=True, check=True
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def main() -> None:
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    print(f"{model[1] if model else platform.processor()}, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory() as folder:
        for packed in (False, True):
            path = Path(folder) / ("long.dbn.zst" if packed else "long.dbn")
            start = time.perf_counter()
            n = write(path, packed, GIGABYTE)
            size = n * RECORD.itemsize
            print(
                f"{path.name}: {n:,} records of MBP-10, {size / 1e9:.2f} GB, {path.stat().st_size / 1e6:,.0f} MB on "
                f"the disk (written in {time.perf_counter() - start:.0f} s)"
            )
            ours = [child(OURS % "", path) for _ in range(ROUNDS)]
            assert all(answer["n"] == n for answer in ours)
            cpu = statistics.median(answer["cpu"] for answer in ours)
            peak = max(answer["peak"] for answer in ours)
            print(
                f"  read_dbn: {cpu:.2f} CPU s, {size / cpu / 1e9:.2f} GB/s, peak {peak:.0f} MB (wanted < 200)"
            )
            if packed:
                bare = [child(BARE, path) for _ in range(ROUNDS)]
                least = statistics.median(answer["cpu"] for answer in bare)
                print(
                    f"  zstandard alone: {least:.2f} CPU s, {size / least / 1e9:.2f} GB/s: read_dbn has "
                    f"{100 * least / cpu:.0f} % of its speed (wanted >= 90)"
                )
            vendor = child(VENDOR, path)
            assert vendor["n"] == n
            print(
                f"  vendor's Python decoder: {vendor['cpu']:.2f} CPU s, {n / vendor['cpu'] / 1e6:.2f} million/s, peak "
                f"{vendor['peak']:.0f} MB; read_dbn {n / cpu / 1e6:.1f} million/s: {vendor['cpu'] / cpu:.0f} times"
            )
            answer = child(OURS % DETECT, path)
            print(
                f"  read_dbn and detect: {answer['read'] + answer['then']:.2f} s, detect alone "
                f"{n / answer['then'] / 1e6:.1f} million/s, peak {answer['peak']:.0f} MB (wanted < 200)"
            )


if __name__ == "__main__":
    main()
