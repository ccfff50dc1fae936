"""Paths of the market model, three states and the price a step: alvh beside scalar numba, CPU time of one core.

usage: python benches/bench_paths.py [--rounds N]
"""

from __future__ import annotations

import argparse

from rounds import Peer, disagreement, interleave, machine

STEPS = 252


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    peers = [
        Peer("alvh, last values", "paths_numba", "ours", 32_768),
        Peer("alvh, every step kept", "paths_numba", "recorded", 16_384),
        Peer("alvh, avx2", "paths_numba", "avx2", 16_384),
        Peer("alvh, baseline", "paths_numba", "baseline", 16_384),
        Peer("numba, scalar", "paths_numba", "scalar", 16_384),
    ]
    print(machine())
    present = interleave(peers, options.rounds)
    ours = present[0]
    print(f"{'':22s} {'ns a path-step':>15s} {'over alvh':>10s}")
    for peer in present:
        ratio = peer.nanoseconds(STEPS) / ours.nanoseconds(STEPS)
        print(f"{peer.label:22s} {peer.nanoseconds(STEPS):15.1f} {ratio:10.2f}")
    numba = present[-1]
    apart = disagreement(ours, numba)
    print(f"means of alvh and numba differ by {apart:.1f} standard errors")
    # numba takes a variance jump whole at the end of its step; alvh lets it decay, which moves the mean of v1 by 1 %.


if __name__ == "__main__":
    main()
