"""Median CPU time of pricing one million options on one thread: alvh beside numba, scipy and QuantLib.

usage: python benches/bench_pricing.py
"""

from __future__ import annotations

import math
import platform
import statistics
import time

import alvh
import numba
import numpy as np
import QuantLib as ql
from scipy.special import ndtr

N = 1_000_000


@numba.njit
def numba_black76(forward, strike, years, vol, rate, call):
    out = np.empty_like(forward)
    for i in range(forward.size):
        sd = vol[i] * math.sqrt(years[i])
        d1 = math.log(forward[i] / strike[i]) / sd + 0.5 * sd
        sign = 1.0 if call[i] else -1.0
        n1 = 0.5 * (1.0 + math.erf(sign * d1 * 0.7071067811865476))
        n2 = 0.5 * (1.0 + math.erf(sign * (d1 - sd) * 0.7071067811865476))
        out[i] = math.exp(-rate * years[i]) * sign * (forward[i] * n1 - strike[i] * n2)
    return out


def scipy_black76(forward, strike, years, vol, rate, sign):
    sd = vol * np.sqrt(years)
    d1 = np.log(forward / strike) / sd + 0.5 * sd
    return np.exp(-rate * years) * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - sd)))


def quantlib_black76(forward, strike, years, vol, rate, call):
    out = []
    for f, k, t, v, c in zip(forward, strike, years, vol, call, strict=True):
        side = ql.Option.Call if c else ql.Option.Put
        out.append(ql.blackFormula(side, k, f, v * math.sqrt(t), math.exp(-rate * t)))
    return out


def median_ns(function, n, repeats=7):
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times) / n * 1e9


def main() -> None:
    rng = np.random.default_rng(0)
    forward = rng.uniform(3_000, 6_000, N)
    years = rng.uniform(1 / 365, 1, N)
    vol = rng.uniform(0.08, 0.8, N)
    strike = forward * np.exp(vol * np.sqrt(years) * rng.normal(0, 1.5, N))
    call = strike >= forward
    right = "call"
    small = slice(0, 20_000)
    everywhere = np.ones(N, dtype=bool)
    price = alvh.black76(forward, strike, years, vol, 0.03, right)
    rows = {
        "alvh.black76": median_ns(lambda: alvh.black76(forward, strike, years, vol, 0.03, right), N),
        "numba erf loop": median_ns(lambda: numba_black76(forward, strike, years, vol, 0.03, everywhere), N),
        "scipy ndtr": median_ns(lambda: scipy_black76(forward, strike, years, vol, 0.03, 1.0), N, 3),
        "QuantLib loop": median_ns(
            lambda: quantlib_black76(*(a[small] for a in (forward, strike, years, vol)), 0.03, call[small]),
            20_000,
            3,
        ),
    }
    otm = np.where(call, price, price - np.exp(-0.03 * years) * (forward - strike))
    rights = np.where(call, "call", "put")
    rows["alvh.black76, rights"] = median_ns(
        lambda: alvh.black76(forward, strike, years, vol, 0.03, rights), N, 3
    )
    part = slice(0, N // 10)
    rows["alvh.implied_vol"] = median_ns(
        lambda: alvh.implied_vol(otm[part], forward[part], strike[part], years[part], 0.03, rights[part]),
        N // 10,
        3,
    )
    assert np.allclose(price, scipy_black76(forward, strike, years, vol, 0.03, 1.0), rtol=1e-8, atol=1e-8)
    print(
        f"{platform.machine()} {platform.system()} Python {platform.python_version()} numpy {np.__version__}"
    )
    for name, nanoseconds in rows.items():
        print(f"{name:22s} {nanoseconds:8.1f} ns  {nanoseconds / rows['alvh.black76']:6.2f} x alvh.black76")


if __name__ == "__main__":
    main()
