"""Paths of the market model against closed forms, exact counts and prices; nothing about the run changes a bit."""

from __future__ import annotations

import hashlib
import itertools
import sys
from pathlib import Path

import alvh
import numpy as np
import pytest
import QuantLib as ql
from alvh.errors import ConfigError, LimitError
from alvh.simulation import Paths, instruction_sets, paths

sys.path.insert(0, str(Path(__file__).parent / "reference"))
from moments import moments

DEFAULT = alvh.Market.default().with_rates(r=0.04, q=0.013)
PARTS = ("v1", "v2", "intensity")


def final(market, n, sessions, measure="Q", steps_per_day=1, seed=1, **options) -> Paths:
    return paths(
        market,
        n,
        sessions / 252,
        steps_per_day,
        seed,
        measure,
        record_every=sessions * steps_per_day,
        **options,
    )


def z_score(sample: np.ndarray, expected: float, pairs: bool = False) -> float:
    """Distance of the mean from its expectation in standard errors; mirrored pairs count once."""
    if pairs:
        sample = sample.reshape(-1, 2).mean(axis=1)
    error = sample.std() / np.sqrt(sample.size)
    return (sample.mean() - expected) / error


@pytest.mark.parametrize("name", ["HSVCJ2F-2026", "HSVCJ2F-2026-fast", "Broadie-Kaya-SVCJ", "BCC-1997-SVJ"])
@pytest.mark.parametrize(("sessions", "steps"), [(252, 1), (21, 13)])
def test_the_discounted_price_is_a_martingale_under_q(name: str, sessions: int, steps: int) -> None:
    market = alvh.Market.preset(name).with_rates(r=0.04, q=0.013)
    sample = final(market, 100_000, sessions, steps_per_day=steps, seed=3, antithetic=True)
    discounted = sample.spot[:, 1] * np.exp(-(0.04 - 0.013) * sessions / 252)
    assert abs(z_score(discounted, 100.0, pairs=True)) < 3.0


@pytest.mark.parametrize("measure", ["P", "Q"])
@pytest.mark.parametrize("sessions", [1, 21, 252])
def test_means_and_variances_are_the_closed_forms(measure: str, sessions: int) -> None:
    market = DEFAULT.replace(v1=0.004, v2=0.03, intensity=2.0)
    sample = final(market, 100_000, sessions, measure, seed=4)
    expected = moments(market, sessions / 252, measure)
    for part in PARTS:
        values = getattr(sample, part)[:, 1]
        mean, variance = expected[part]
        assert abs(z_score(values, mean)) < 3.0, part
        assert abs(z_score((values - mean) ** 2, variance)) < 3.0, part
    log_return = np.log(sample.spot[:, 1] / 100.0)
    assert abs(z_score(log_return, expected["log_return"][0])) < 3.0


def test_jumps_are_counted_exactly() -> None:
    # Under P the price moves by whole jumps of 0.01 only: no variance, no compensator.
    market = alvh.Market(
        kappa1=1.0,
        theta1=0.0,
        sigma1=0.0,
        rho1=0.0,
        beta=30.0,
        lambda_inf=5.0,
        eta=20.0,
        mu_x=0.0,
        mu_x_p=0.01,
        v1=0.0,
        v2=0.0,
        intensity=12.0,
    )
    mean, variance = moments(market, 63 / 252, "P")["count"]
    for steps in (1, 13):
        sample = final(market, 100_000, 63, "P", steps, seed=5)
        counts = np.log(sample.spot[:, 1] / 100.0) / 0.01
        np.testing.assert_allclose(counts, np.round(counts), atol=1e-7)
        assert abs(z_score(counts, mean)) < 3.0
        assert abs(z_score((counts - mean) ** 2, variance)) < 3.0
        none = np.exp(-(5.0 * 0.25 + 7.0 * (1 - np.exp(-30.0 * 0.25)) / 30.0))
        assert abs(z_score((np.round(counts) == 0).astype(float), none)) < 3.0


def quantlib_heston(market, spot, strike, days, right) -> float:
    today = ql.Date(2, 1, 2025)
    ql.Settings.instance().evaluationDate = today
    flat = [
        ql.YieldTermStructureHandle(ql.FlatForward(today, x, ql.Actual365Fixed()))
        for x in (market.r, market.q)
    ]
    process = ql.HestonProcess(
        *flat,
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        market.v1,
        market.kappa1,
        market.theta1,
        market.sigma1,
        market.rho1,
    )
    kind = ql.Option.Call if right == "call" else ql.Option.Put
    option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, strike), ql.EuropeanExercise(today + days))
    option.setPricingEngine(ql.AnalyticHestonEngine(ql.HestonModel(process), 192))
    return option.NPV()


@pytest.mark.parametrize("strike", [85.0, 100.0, 115.0])
def test_heston_options_cost_what_quantlib_says(strike: float) -> None:
    market = alvh.Market.preset("Broadie-Kaya-Heston-1")
    sample = final(market, 100_000, 252, steps_per_day=1, seed=6, antithetic=True)
    payoff = np.maximum(sample.spot[:, 1] - strike, 0.0) * np.exp(-market.r)
    assert abs(z_score(payoff, quantlib_heston(market, 100.0, strike, 365, "call"), pairs=True)) < 3.0


def test_spx_and_vix_are_priced_on_paths_as_by_transform() -> None:
    state = DEFAULT.start
    sample = final(DEFAULT, 200_000, 21, steps_per_day=2, seed=7, antithetic=True)
    years, discount = 21 / 252, np.exp(-0.04 * 21 / 252)
    for strike, right, sign in ((90.0, "put", -1.0), (100.0, "call", 1.0), (104.0, "call", 1.0)):
        payoff = discount * np.maximum(sign * (sample.spot[:, 1] - strike), 0.0)
        assert abs(z_score(payoff, DEFAULT.option_price(100.0, strike, years, right, state), True)) < 3.0
    vix = DEFAULT.vix({part: getattr(sample, part)[:, 1] for part in PARTS})
    assert abs(z_score(vix, DEFAULT.vix_future(years, state), True)) < 3.0
    payoff = discount * np.maximum(vix - 20.0, 0.0)
    assert abs(z_score(payoff, DEFAULT.vix_option_price(20.0, years, "call", state), True)) < 3.0


def test_without_randomness_the_path_is_the_solution() -> None:
    market = alvh.Market(
        kappa1=3.0, theta1=0.04, sigma1=0.0, rho1=0.0, kappa2=0.5, theta2=0.0, v1=0.01, v2=0.0, intensity=0.0
    )
    sample = paths(market, 70, 0.5, 13, seed=1, measure="Q")
    np.testing.assert_allclose(
        sample.v1, np.broadcast_to(0.04 - 0.03 * np.exp(-3.0 * sample.years), sample.v1.shape)
    )
    assert not sample.v2.any()
    assert not sample.intensity.any()
    variance = np.log(sample.spot[:, -1]).var()
    assert variance == pytest.approx(0.04 * 0.5 - 0.03 * (1 - np.exp(-1.5)) / 3, rel=0.6)


def test_mirrored_paths_have_the_same_law_and_a_smaller_error() -> None:
    plain = final(DEFAULT, 40_000, 63, seed=8).spot[:, 1]
    mirrored = final(DEFAULT, 40_000, 63, seed=8, antithetic=True).spot[:, 1]
    assert abs(z_score(mirrored[1::2], mirrored[::2].mean())) < 4.0
    pairs = mirrored.reshape(-1, 2).mean(axis=1)
    assert 2.0 * pairs.var() < 0.9 * plain.var()
    # The first of a pair is the path whose index is that of the pair.
    np.testing.assert_array_equal(mirrored[::2], plain[:20_000])


def test_no_bit_depends_on_how_it_is_run() -> None:
    n, options = 700, {"years": 0.25, "steps_per_day": 3, "seed": 12}
    want = paths(DEFAULT, n, **options)
    arrays = ("spot", *PARTS)
    for name in instruction_sets():
        for jobs in (1, 2):
            got = paths(DEFAULT, n, **options, n_jobs=jobs, instruction_set=name)
            assert all(np.array_equal(getattr(got, a), getattr(want, a)) for a in arrays), (name, jobs)
    for shards in (2, 7):
        edges = np.linspace(0, n, shards + 1).astype(int)
        for jobs in (1, 2):
            parts = [
                paths(DEFAULT, int(b - a), **options, first_path=int(a), n_jobs=jobs)
                for a, b in itertools.pairwise(edges)
            ]
            for array in arrays:
                got = np.concatenate([getattr(part, array) for part in parts])
                np.testing.assert_array_equal(got, getattr(want, array))
    assert not np.array_equal(paths(DEFAULT, n, **(options | {"seed": 13})).spot, want.spot)


def test_the_bits_are_those_of_every_machine() -> None:
    sample = paths(DEFAULT, 200, 0.5, seed=4)
    digest = hashlib.sha256(b"".join(getattr(sample, a).tobytes() for a in ("spot", *PARTS)))
    assert digest.hexdigest()[:16] == "0b45e09e0689317d"


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    short, long = paths(DEFAULT, 9, 0.25, seed=2), paths(DEFAULT, 9, 0.5, seed=2)
    np.testing.assert_array_equal(long.spot[:, : short.spot.shape[1]], short.spot)


def test_records_times_and_the_start() -> None:
    sample = paths(DEFAULT, 5, 10 / 252, 78, seed=2, record_every=39, spot=6_000.0)
    assert sample.spot.shape == (5, 21)
    assert len(sample) == 5
    np.testing.assert_allclose(sample.years, np.arange(21) / 504)
    assert sample.spot[:, 0] == pytest.approx(6_000.0)
    for part, value in DEFAULT.start.items():
        np.testing.assert_allclose(getattr(sample, part)[:, 0], value, rtol=1e-15)
    arrays = [sample.years, sample.spot, *sample.state.values()]
    assert not any(array.flags.writeable for array in arrays)
    assert repr(sample) == "Paths(5 under P, 21 records over 0.03968 years, seed 2)"


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"n_paths": 0}, ConfigError, "SIM002 paths n_paths: got 0, expected at least 1"),
        ({"n_paths": 2.0}, ConfigError, "SIM010 paths n_paths: got 2.0, expected a whole number"),
        ({"years": 0.0}, ConfigError, "SIM003 paths years: got 0 sessions, expected at least one session"),
        ({"years": -1.0}, ConfigError, "SIM014 paths years: got -1.0, expected above 0"),
        ({"years": float("nan")}, ConfigError, "SIM014 paths years: got nan, expected a finite number"),
        ({"years": 1e300}, LimitError, "SIM006 paths n_paths: got 3 paths of "),
        ({"years": "1"}, ConfigError, "SIM014 paths years: got '1', expected a finite number"),
        ({"steps_per_day": 4}, ConfigError, "SIM004 paths steps_per_day: got 4, expected a divisor of 390"),
        ({"steps_per_day": 0}, ConfigError, "SIM004 paths steps_per_day: got 0, expected a divisor of 390"),
        ({"spot": 0.0}, ConfigError, "SIM005 paths spot: got 0, expected above 0"),
        ({"spot": float("inf")}, ConfigError, "SIM014 paths spot: got inf, expected a finite number"),
        (
            {"record_every": 5},
            ConfigError,
            "SIM007 paths record_every: got 5, expected a divisor of the 252 steps",
        ),
        (
            {"record_every": 0},
            ConfigError,
            "SIM007 paths record_every: got 0, expected a divisor of the 252 steps",
        ),
        (
            {"n_paths": 10**7},
            LimitError,
            "SIM008 paths n_paths: got 10000000 paths of 253 records, expected at most",
        ),
        ({"n_paths": 2**63}, LimitError, "SIM011 paths n_paths: got 9223372036854775808, expected at most"),
        ({"seed": -1}, ConfigError, "SIM010 paths seed: got -1, expected a whole number, 0 or more"),
        ({"seed": 2**64}, LimitError, "SIM011 paths seed: got 18446744073709551616, expected at most"),
        ({"measure": "R"}, ConfigError, 'SIM013 paths measure: got \'R\', expected "P" or "Q"'),
        ({"antithetic": 1}, ConfigError, "SIM015 paths antithetic: got 1, expected True or False"),
        ({"market": "default"}, ConfigError, "SIM012 paths market: got str, expected a Market"),
        (
            {"instruction_set": "sse9"},
            ConfigError,
            'SIM009 simulation instruction_set: got "sse9", expected one of',
        ),
    ],
)
def test_bad_arguments(arguments: dict, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        paths(**({"market": DEFAULT, "n_paths": 3} | arguments))
    assert str(caught.value).startswith(text)
