"""HC-1 by alvh, on the widest vectors of the machine and on each narrower set."""

from __future__ import annotations

import numpy as np
from alvh.simulation import reference_workload


def run(n, seed, name=None):
    out = reference_workload(n, seed, instruction_set=name)
    return np.stack([out.equity, out.max_drawdown, out.max_margin, out.stops])


def best(n, seed):
    return run(n, seed)


def avx2(n, seed):
    return run(n, seed, "avx2")


def baseline(n, seed):
    return run(n, seed, "baseline")
