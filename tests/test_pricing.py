"""Prices, greeks and implied volatility against 50 digits, QuantLib, textbooks and their own laws."""

from __future__ import annotations

import sys
from pathlib import Path

import alvh
import mpmath
import numpy as np
import pandas as pd
import pytest
import QuantLib as ql
from alvh.errors import ConfigError, NumericalError, SchemaError
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import black_mpmath as twin

EPS = np.finfo(float).eps


def random_points(n, seed, wide):
    rng = np.random.default_rng(seed)
    forward = 10 ** rng.uniform(-3, 5, n) if wide else rng.uniform(1_000, 6_000, n)
    years = 10 ** rng.uniform(-8, 1.5, n) if wide else rng.uniform(1 / 365, 1, n)
    vol = 10 ** rng.uniform(-5, 1.3, n) if wide else rng.uniform(0.05, 1.5, n)
    strike = forward * np.exp(vol * np.sqrt(years) * rng.normal(0, 4 if wide else 2, n))
    rate = rng.uniform(-0.02, 0.1, n)
    right = rng.choice(["call", "put"], n)
    return forward, strike, years, vol, rate, right


EXTREME = [
    (5_000.0, 5_000.0, 1e-9, 0.1, 0.0),
    (5_000.0, 5_000.000001, 1e-7, 1e-2, 0.03),
    (5_000.0, 1.0, 1.0, 0.1, 0.03),
    (5_000.0, 1e6, 1.0, 0.3, 0.03),
    (1.0, 1e8, 30.0, 20.0, 0.0),
    (20.0, 20.0, 10.0, 30.0, 0.01),
    (20.0, 21.0, 0.1, 0.8, -0.01),
    (5_000.0, 5_010.0, 1.0, 2e-4, 0.0),
    (5_000.0, 7_000.0, 1.0, 0.0335, 0.0),
]


@pytest.mark.parametrize("wide", [True, False])
def test_price_against_fifty_digits(wide):
    columns = random_points(1_500, 1, wide)
    points = [tuple(c[i].item() for c in columns) for i in range(1_500)]
    points += [(*p, right) for p in EXTREME for right in ("call", "put")]
    ours = alvh.black76(*(np.array(c) for c in zip(*points, strict=True)))
    with mpmath.workdps(twin.DIGITS):
        for point, got in zip(points, ours, strict=True):
            want = float(twin.black76(*point))
            assert abs(got - want) <= 4 * EPS * max(point[0], point[1]) + 1e-320, point
            if want > 1e-6:
                assert abs(got - want) <= 1e-10 * want, point


def test_black_scholes_against_fifty_digits():
    spot, strike, years, vol, rate, right = random_points(1_500, 2, True)
    q = np.random.default_rng(3).uniform(0, 0.05, len(spot))
    ours = alvh.black_scholes(spot, strike, years, vol, rate, q, right)
    with mpmath.workdps(twin.DIGITS):
        for i, got in enumerate(ours):
            want = float(twin.black_scholes(spot[i], strike[i], years[i], vol[i], rate[i], q[i], right[i]))
            assert abs(got - want) <= 4 * EPS * max(spot[i], strike[i])
            if want > 1e-6:
                assert abs(got - want) <= 1e-10 * want, (spot[i], strike[i], years[i], vol[i])


def test_quantlib_agrees():
    forward, strike, years, vol, rate, right = random_points(2_000, 4, False)
    ours = alvh.black76(forward, strike, years, vol, rate, right)
    for i, got in enumerate(ours):
        side = ql.Option.Call if right[i] == "call" else ql.Option.Put
        df = np.exp(-rate[i] * years[i])
        want = ql.blackFormula(side, strike[i], forward[i], vol[i] * np.sqrt(years[i]), df)
        # QuantLib's own wings are good to about 1e-14 of the forward; the 50-digit twin is the tight bound.
        assert got == pytest.approx(want, rel=1e-9, abs=1e-13 * forward[i])
        greeks = alvh.black76_greeks(forward[i], strike[i], years[i], vol[i], rate[i], right[i])
        calculator = ql.BlackCalculator(
            ql.PlainVanillaPayoff(side, strike[i]), forward[i], vol[i] * np.sqrt(years[i]), df
        )
        assert greeks["delta"] == pytest.approx(calculator.deltaForward(), rel=1e-8, abs=1e-12)
        assert greeks["gamma"] == pytest.approx(calculator.gammaForward(), rel=1e-8, abs=1e-14)
        assert greeks["vega"] == pytest.approx(calculator.vega(years[i]), rel=1e-8, abs=1e-9)


def test_published_numbers():
    # Hull, Options, Futures, and Other Derivatives, 9th ed., example 15.6 and section 18.8.
    assert alvh.black_scholes(42, 40, 0.5, 0.2, 0.1, 0.0, "call") == pytest.approx(4.76, abs=0.005)
    assert alvh.black_scholes(42, 40, 0.5, 0.2, 0.1, 0.0, "put") == pytest.approx(0.81, abs=0.005)
    assert alvh.black76(20, 20, 4 / 12, 0.25, 0.09, "put") == pytest.approx(1.12, abs=0.005)
    # Hull, examples 19.1, 19.4, 19.6: S=49, K=50, r=.05, sigma=.2, T=.3846.
    greeks = alvh.black_scholes_greeks(49, 50, 0.3846, 0.2, 0.05, 0.0, "call")
    assert greeks["delta"] == pytest.approx(0.522, abs=5e-4)
    assert greeks["gamma"] == pytest.approx(0.066, abs=5e-4)
    assert greeks["vega"] == pytest.approx(12.1, abs=0.05)
    assert greeks["theta"] == pytest.approx(-4.31, abs=0.005)
    assert greeks["rho"] == pytest.approx(8.91, abs=0.005)


# Greek: orders of differentiation in (underlying, strike, years, vol, rate) and the sign.
ORDERS = {
    "delta": ((1, 0, 0, 0, 0), 1),
    "gamma": ((2, 0, 0, 0, 0), 1),
    "vega": ((0, 0, 0, 1, 0), 1),
    "theta": ((0, 0, 1, 0, 0), -1),
    "rho": ((0, 0, 0, 0, 1), 1),
    "vanna": ((1, 0, 0, 1, 0), 1),
    "volga": ((0, 0, 0, 2, 0), 1),
    "charm": ((1, 0, 1, 0, 0), -1),
    "veta": ((0, 0, 1, 1, 0), -1),
    "dual_delta": ((0, 1, 0, 0, 0), 1),
    "dual_gamma": ((0, 2, 0, 0, 0), 1),
}


@pytest.mark.parametrize("right", ["call", "put"])
@pytest.mark.parametrize(
    "point", [(100, 105, 0.3, 0.2, 0.04), (20, 15, 0.1, 0.9, 0.01), (4000, 3300, 0.12, 0.25, 0.05)]
)
def test_greeks_are_the_derivatives(point, right):
    with mpmath.workdps(twin.DIGITS):
        ours = alvh.black76_greeks(*point, right)
        spot = alvh.black_scholes_greeks(*point, 0.015, right)
        assert set(ours) == set(spot) == set(ORDERS)
        for name, (orders, sign) in ORDERS.items():
            want = sign * mpmath.diff(lambda *a: twin.black76(*a, right), point, orders)
            assert ours[name] == pytest.approx(float(want), rel=1e-11), name
            want = sign * mpmath.diff(lambda *a: twin.black_scholes(*a, 0.015, right), point, orders)
            assert spot[name] == pytest.approx(float(want), rel=1e-11), name


forwards = st.floats(1.0, 1e4)
moneyness = st.floats(-1.0, 1.0)
vols = st.floats(0.01, 3.0)
times = st.floats(1e-4, 5.0)


@settings(max_examples=300, deadline=None)
@given(forwards, moneyness, times, vols)
def test_parity_monotonicity_and_homogeneity(forward, x, years, vol):
    strike = forward * np.exp(x)
    call, put = (alvh.black76(forward, strike, years, vol, 0.03, r) for r in ("call", "put"))
    tolerance = 8 * EPS * max(forward, strike)
    assert call - put == pytest.approx(np.exp(-0.03 * years) * (forward - strike), abs=tolerance)
    assert alvh.black76(forward, strike, years, vol * 1.01, 0.03, "call") >= call - tolerance
    assert alvh.black76(forward, strike * 1.01, years, vol, 0.03, "call") <= call + tolerance
    assert alvh.black76(forward * 4, strike * 4, years, vol, 0.03, "call") == pytest.approx(
        4 * call, rel=1e-12
    )


def test_implied_vol_of_every_out_of_the_money_price_reprices():
    rng = np.random.default_rng(5)
    n = 200_000
    forward = 10 ** rng.uniform(-2, 4, n)
    years = 10 ** rng.uniform(-6, 1.5, n)
    vol = 10 ** rng.uniform(-3, 1, n)
    sd = vol * np.sqrt(years)
    strike = forward * np.exp(np.clip(sd * rng.uniform(-38, 38, n), -600, 600))
    strike[::17] = forward[::17]
    rate = rng.uniform(-0.02, 0.1, n)
    ok = np.isfinite(strike) & (strike > 1e-200) & (strike < 1e200)
    forward, strike, years, vol, rate = (a[ok] for a in (forward, strike, years, vol, rate))
    right = np.where(strike >= forward, "call", "put")
    price = alvh.black76(forward, strike, years, vol, rate, right)
    # Above, the price is the discounted bound to the last bit and no longer knows the volatility.
    bound = np.exp(-rate * years) * np.minimum(forward, strike)
    ok = (price > 1e-290) & (price < bound * (1 - 1e-14))
    assert ok.sum() > 100_000
    assert price[ok].min() < 1e-280
    args = [a[ok] for a in (forward, strike, years, rate, right)]
    iv, reason = alvh.implied_vol(price[ok], *args, return_reason=True)
    assert set(reason) == {"ok"}
    back = alvh.black76(args[0], args[1], args[2], iv, args[3], args[4])
    error = np.abs(back / price[ok] - 1)
    assert error.max() <= 1e-13, (error.max(), (error > 1e-13).sum())


def test_implied_vol_in_the_money_while_there_is_time_value():
    forward, strike, years, vol, rate, _ = random_points(50_000, 6, False)
    right = np.where(strike >= forward, "put", "call")
    price = alvh.black76(forward, strike, years, vol, rate, right)
    intrinsic = np.exp(-rate * years) * np.abs(forward - strike)
    clear = price - intrinsic > 20 * EPS * price
    iv, reason = alvh.implied_vol(price, forward, strike, years, rate, right, return_reason=True)
    assert set(reason[clear]) == {"ok"}
    assert np.isfinite(iv[clear]).all()
    back = alvh.black76(forward, strike, years, iv, rate, right)
    assert np.abs(back / price - 1)[clear].max() < 1e-14


def test_implied_vol_in_the_money_begins_beyond_sixteen_epsilons():
    # Whole numbers: the intrinsic value is exact and the price moves in its own last place.
    for forward, strike, right in (
        (4_000.0, 3_000.0, "call"),
        (3_000.0, 4_096.0, "put"),
        (20.0, 19.0, "call"),
    ):
        intrinsic = abs(forward - strike)
        price = intrinsic + np.spacing(intrinsic) * np.arange(0, 60)
        time_value = price - intrinsic
        iv, reason = alvh.implied_vol(price, forward, strike, 0.1, 0.0, right, return_reason=True)
        clear = time_value > 16 * EPS * price
        assert set(reason[clear]) == {"ok"}
        assert set(reason[~clear]) == {"no_time_value"}
        assert clear.any()
        assert not clear.all()
        assert np.isnan(iv[~clear]).all()
        assert (np.diff(iv[clear]) > 0).all()
        other = {"call": "put", "put": "call"}[right]
        back = alvh.black76(forward, strike, 0.1, iv[clear], 0.0, other)
        assert back == pytest.approx(time_value[clear], rel=1e-12)


def test_implied_vol_of_fifty_digit_prices():
    # The corners of Jaeckel (2015): at the money, next to it, deep in the wings, tiny and huge volatility.
    checked = 0
    with mpmath.workdps(twin.DIGITS):
        for x in (0.0, 1e-12, 1e-4, 0.1, 1.0, 4.0, 16.0, 100.0, 300.0):
            for s in (1e-6, 1e-3, 0.02, 0.3, 1.0, 3.0, 6.0, 9.0, 15.0):
                for sign, right in ((1, "call"), (-1, "put")):
                    strike = float(np.exp(sign * x))
                    log_strike = mpmath.log(mpmath.mpf(strike))
                    price = twin.black76(1.0, strike, 1.0, s, 0.0, right)
                    ceiling = min(1.0, strike)
                    if not 1e-290 < price < ceiling * (1 - 1e-9):
                        continue
                    d1 = -log_strike / s + mpmath.mpf(s) / 2
                    vega = mpmath.npdf(d1)
                    # How much of the price's own rounding reaches the volatility.
                    condition = float(price / (s * vega))
                    got = alvh.implied_vol(float(price), 1.0, strike, 1.0, 0.0, right)
                    assert abs(got - s) <= 8 * EPS * s * (1 + condition), (x, s, right, got)
                    checked += 1
    assert checked > 60


def test_implied_vol_reasons():
    price = [10.0, 4.0, 5.0, 105.0, np.nan, -1.0, 0.0]
    strike = [100.0, 100.0, 100.0, 100.0, 100.0, 110.0, 110.0]
    iv, reason = alvh.implied_vol(price, 105.0, strike, 1.0, 0.0, "call", return_reason=True)
    assert list(reason) == [
        "ok", "below_intrinsic", "no_time_value", "above_bound",
        "invalid_input", "below_intrinsic", "no_time_value",
    ]  # fmt: skip
    assert np.isnan(iv[1:]).all()
    with pytest.raises(
        NumericalError, match=r"^PRC006 implied_vol:\[1\] price: got 4.0, .*below_intrinsic; 6 of 7"
    ):
        alvh.implied_vol(price, 105.0, strike, 1.0, 0.0, "call", on_error="raise")
    assert alvh.implied_vol(10.0, 105.0, 100.0, 1.0, 0.0, "C") == iv[0]


def test_shapes_types_and_rights():
    series = pd.Series([90.0, 100.0, 110.0])
    names = np.array(["Put", "c", "P", "cAlL"])
    for rights in (names, names.astype("U9"), names.astype(">U4"), names.astype(object), pd.Series(names)):
        rows = alvh.black76(100, 90, 1, 0.2, 0.0, rights)
        assert (rows[[0, 2]] == alvh.black76(100, 90, 1, 0.2, 0.0, "put")).all()
        assert (rows[[1, 3]] == alvh.black76(100, 90, 1, 0.2, 0.0, "call")).all()
    assert alvh.black76(100, 90, 1, 0.2, 0.0, names[::-2]).shape == (2,)
    assert alvh.black76(100, 90, 1, 0.2, 0.0, np.empty(0, dtype=str)).shape == (0,)
    table = alvh.black76(100, series, np.array([[0.1], [0.2]]), 0.2, 0.0, ["c", "PUT", "Call"])
    assert table.shape == (2, 3)
    assert table[1, 1] == alvh.black76(100.0, 100.0, 0.2, 0.2, 0.0, "put")
    assert type(alvh.black76(100, 100, 1, 0.2, 0, "P")) is float
    assert alvh.black76(np.empty(0), 1.0, 1.0, 1.0, 0.0, "put").shape == (0,)
    assert alvh.black76(100, 90, 0, 0.2, 0.1, "call") == 10.0
    assert alvh.black76(100, 90, 1, 0.0, 0.0, "call") == 10.0
    assert alvh.black76(0, 90, 1, 0.2, 0.0, "put") == 90.0


def test_bad_input_is_one_line():
    with pytest.raises(SchemaError, match=r"^PRC001 black76 strike: got str"):
        alvh.black76(1, "x", 1, 1, 0, "call")
    with pytest.raises(SchemaError, match=r"^PRC002 black76 right: got 'straddle'"):
        alvh.black76(1, 1, 1, 1, 0, "straddle")
    with pytest.raises(SchemaError, match=r"^PRC002 black76:\[2\] right: got 'calls'"):
        alvh.black76(1, 1, 1, 1, 0, ["CALL", "p", "calls"])
    for bad in (["callé"], ["ca"], [""], ["\u0441"], [b"x"], [1]):
        with pytest.raises(SchemaError, match=r"^PRC002 black76:\[0\] right"):
            alvh.black76(1, 1, 1, 1, 0, bad)
    with pytest.raises(SchemaError, match=r"^PRC003 black76 shapes"):
        alvh.black76([1, 2], [1, 2, 3], 1, 1, 0, "call")
    with pytest.raises(ConfigError, match=r"^PRC004 black76 on_error"):
        alvh.black76(1, 1, 1, 1, 0, "call", on_error="ignore")
    with pytest.raises(NumericalError, match=r"^PRC005 black76:\[1\] inputs: got forward=1.0, strike=-1.0"):
        alvh.black76(1, [1, -1], 1, 1, 0, "call", on_error="raise")
    assert np.isnan(alvh.black76(1, -1, 1, 1, 0, "call"))
