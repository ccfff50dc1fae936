"""The reference workload HC-1: alvh beside numpy, numba and JAX on one core, CPU time, interleaved rounds.

usage: python benches/bench_hc1.py [--svml-python PATH] [--jax-python PATH] [--rounds N]

numba finds SVML up to 0.61 with icc-rt, which wants an older NumPy, and JAX has pins of its own: give the interpreters
of environments that have them (with SciPy); peers that are missing are said to be. What all of them compute is
defined by tests/reference/hc1_numpy.py; means that differ by more than 3 standard errors end the run.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path

from alvh.simulation import reference_workload
from rounds import Peer, disagreement, interleave, machine

STEPS = 252
MILLION = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--svml-python", default="")
    parser.add_argument("--jax-python", default=sys.executable)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    peers = [
        Peer("alvh, float64", "hc1_alvh", "best", 16_384),
        Peer("alvh, avx2", "hc1_alvh", "avx2", 8_192),
        Peer("alvh, baseline", "hc1_alvh", "baseline", 8_192),
        Peer("numpy", "hc1_numpy", "simulate", 4_096),
        Peer("numba, scalar prange", "hc1_numba", "scalar", 4_096),
        Peer("numba, Generator", "hc1_numba", "generator", 4_096),
        Peer("numba, blocks", "hc1_numba", "blocks", 4_096),
        Peer("JAX, float32", "hc1_jax", "single", 8_192, options.jax_python),
        Peer("JAX, float64", "hc1_jax", "double", 4_096, options.jax_python),
    ]
    if options.svml_python:
        library = str(Path(options.svml_python).absolute().parents[1] / "lib")
        blocks = Peer("numba, blocks, SVML", "hc1_numba", "blocks", 4_096, options.svml_python, library)
        peers.insert(7, blocks)
    print(machine())
    present = interleave(peers, options.rounds)
    ours = present[0]
    print(f"{'':22s} {'ns a path-step':>15s} {'over alvh':>10s} {'means differ by':>16s}")
    for peer in present:
        ratio = peer.nanoseconds(STEPS) / ours.nanoseconds(STEPS)
        # The same seeds on another instruction set are the same paths.
        apart = 0.0 if peer.module == "hc1_alvh" else disagreement(ours, peer)
        print(f"{peer.label:22s} {peer.nanoseconds(STEPS):15.1f} {ratio:10.2f} {apart:13.1f} se")
        if apart > 3.0:
            raise SystemExit(f"{peer.label} does not compute the same workload")
    reference_workload(1_000, n_jobs=2)
    before, start, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.time(), time.process_time()
    outcomes = reference_workload(MILLION, n_jobs=2)
    wall, cpu = time.time() - start, time.process_time() - cpu
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    results = 4 * outcomes.equity.nbytes / 2**20
    print(
        f"a million paths, 2 threads: {wall:.2f} s, {cpu:.2f} CPU s; {grown - results:.1f} MB beyond {results:.1f} MB"
    )


if __name__ == "__main__":
    main()
