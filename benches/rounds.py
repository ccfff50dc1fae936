"""Peers in processes of their own, timed in turns: each round runs every peer once, so that all see the same machine.

As a script it is one of those processes: `python benches/rounds.py MODULE FUNCTION SIZE` imports the function, calls it
once to compile, then answers every seed on its input with the CPU seconds and the means of what came back.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parent / "tests" / "reference"


@dataclass
class Peer:
    """A function f(size, seed) that returns rows of one number a path, and the interpreter that runs it."""

    label: str
    module: str
    function: str
    size: int
    python: str = sys.executable
    library_path: str = ""
    seconds: list[float] = field(default_factory=list)
    means: list[list[float]] = field(default_factory=list)
    errors: list[list[float]] = field(default_factory=list)

    def start(self) -> bool:
        """Compile; whether the peer is there."""
        environment = dict(os.environ)
        if self.library_path:
            environment["LD_LIBRARY_PATH"] = self.library_path
        self.process = subprocess.Popen(
            [self.python, str(HERE / "rounds.py"), self.module, self.function, str(self.size)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        return self.process.stdout.readline() == "ready\n"

    def round(self, seed: int) -> None:
        self.process.stdin.write(f"{seed}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.seconds.append(answer["seconds"])
        self.means.append(answer["means"])
        self.errors.append(answer["errors"])

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait()

    def nanoseconds(self, steps: int) -> float:
        return statistics.median(self.seconds) / (self.size * steps) * 1e9


def interleave(peers: list[Peer], rounds: int) -> list[Peer]:
    """The peers that could be started, after so many rounds."""
    present = []
    for peer in peers:
        if peer.start():
            present.append(peer)
        else:
            print(f"{peer.label}: not available here")
    for seed in range(1, rounds + 1):
        for peer in present:
            peer.round(seed)
    for peer in present:
        peer.stop()
    return present


def disagreement(a: Peer, b: Peer) -> float:
    """Largest difference of the means of two peers over all rounds, in standard errors."""
    worst = 0.0
    for column in range(len(a.means[0])):
        mean = [statistics.fmean(row[column] for row in peer.means) for peer in (a, b)]
        variance = [
            statistics.fmean(row[column] ** 2 for row in peer.errors) / len(peer.errors) for peer in (a, b)
        ]
        worst = max(worst, abs(mean[0] - mean[1]) / sum(variance) ** 0.5)
    return worst


def machine() -> str:
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
        found = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        model = f"{found.get('model name', '')}, family {found.get('cpu family')}, model {found.get('model')}"
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {system}{load}"


def worker(module: str, function: str, size: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sys.path[:0] = [str(HERE), str(REFERENCE)]
    import numpy as np

    call = getattr(importlib.import_module(module), function)
    call(size, 0)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.process_time()
        rows = call(size, int(line))
        seconds = time.process_time() - start
        rows = np.asarray(rows, dtype=float)
        means, errors = rows.mean(axis=1), rows.std(axis=1) / np.sqrt(rows.shape[1])
        answer = {"seconds": seconds, "means": means.tolist(), "errors": errors.tolist()}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    worker(sys.argv[1], sys.argv[2], int(sys.argv[3]))
