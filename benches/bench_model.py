"""Median CPU time of prices under the market model, beside QuantLib where it has the model, and errors of both.

usage: python benches/bench_model.py
"""

from __future__ import annotations

import platform
import statistics
import time

import alvh
import numpy as np
import QuantLib as ql

STRIKES = np.linspace(70.0, 130.0, 25)
HESTON = alvh.Market(3.2, 0.045, 0.55, -0.72, r=0.03, q=0.012, v1=0.03, v2=0.0, intensity=0.0)
BATES = HESTON.replace(lambda_inf=0.8, intensity=0.8, mu_x=-0.06, delta=0.09)
FULL = alvh.Market.default().with_rates(r=0.04, q=0.013)


def median_seconds(function, repeats=9):
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return statistics.median(times)


def quantlib(market, days):
    """Prices every strike, with one engine and its own integration points."""
    today = ql.Date(3, 1, 2024)
    ql.Settings.instance().evaluationDate = today
    flat = [
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate, ql.Actual365Fixed()))
        for rate in (market.r, market.q)
    ]
    spot = ql.QuoteHandle(ql.SimpleQuote(100.0))
    heston = (market.v1, market.kappa1, market.theta1, market.sigma1, market.rho1)
    if market.lambda_inf:
        process = ql.BatesProcess(*flat, spot, *heston, market.lambda_inf, market.mu_x, market.delta)
        engine = ql.BatesEngine(ql.BatesModel(process), 144)
    else:
        engine = ql.AnalyticHestonEngine(ql.HestonModel(ql.HestonProcess(*flat, spot, *heston)), 144)
    exercise = ql.EuropeanExercise(today + days)
    options = [ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Put, float(k)), exercise) for k in STRIKES]
    for option in options:
        option.setPricingEngine(engine)

    def price():
        for option in options:
            option.recalculate()
        return np.array([option.NPV() for option in options])

    return price


def main() -> None:
    python = platform.python_version()
    print(f"{platform.machine()} {platform.system()} Python {python} QuantLib {ql.__version__}")
    print(f"puts of {STRIKES.size} strikes and one expiry, microseconds of CPU time each")
    for days in (30, 365):
        years = days / 365
        for name, market in (("Heston", HESTON), ("Bates", BATES)):
            state = market.start
            theirs = quantlib(market, days)

            def ours(market=market, state=state, years=years):
                return market.option_price(100.0, STRIKES, years, "put", state)

            a, b = (median_seconds(function) / STRIKES.size * 1e6 for function in (ours, theirs))
            gap = np.abs(ours() - theirs()).max()
            print(
                f"{name:7s} {days:3d} d  alvh {a:8.2f}  QuantLib {b:8.2f}  ratio {b / a:6.2f}  gap {gap:.1e}"
            )
    state = {"v1": 0.01, "v2": 0.014, "intensity": 1.0}
    rng = np.random.default_rng(0)
    many = {
        "v1": rng.uniform(0, 0.1, 1_000),
        "v2": rng.uniform(0, 0.1, 1_000),
        "intensity": rng.uniform(0.5, 6, 1_000),
    }
    vix_strikes = np.linspace(12.0, 60.0, 25)
    quote = rng.uniform(11.0, 40.0, 1_000)
    calls = {
        "SPX put, 25 strikes, 1 state, 7 d": (
            25,
            lambda: FULL.option_price(100.0, STRIKES, 7 / 365, "put", state),
        ),
        "SPX put, 25 strikes, 1 state, 30 d": (
            25,
            lambda: FULL.option_price(100.0, STRIKES, 30 / 365, "put", state),
        ),
        "SPX put, 25 strikes, 1 state, 365 d": (
            25,
            lambda: FULL.option_price(100.0, STRIKES, 1.0, "put", state),
        ),
        "SPX put, 1,000 states, 30 d": (1_000, lambda: FULL.option_price(100.0, 95.0, 30 / 365, "put", many)),
        "VIX future, 1 state, 30 d": (1, lambda: FULL.vix_future(30 / 365, state)),
        "VIX future, 1,000 states, 30 d": (1_000, lambda: FULL.vix_future(30 / 365, many)),
        "VIX call, 25 strikes, 1 state, 30 d": (
            25,
            lambda: FULL.vix_option_price(vix_strikes, 30 / 365, "call", state),
        ),
        "VIX call, 1,000 states, 30 d": (1_000, lambda: FULL.vix_option_price(25.0, 30 / 365, "call", many)),
        "state of one day from three indices": (
            1_000,
            lambda: FULL.calibrate_state(vix9d=quote, vix=1.05 * quote, vix3m=1.2 * quote),
        ),
    }
    print("full model, microseconds of CPU time a price")
    for name, (n, call) in calls.items():
        print(f"{name:38s} {median_seconds(call, 5) / n * 1e6:10.2f}")


if __name__ == "__main__":
    main()
