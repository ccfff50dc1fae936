"""Costs: ticks, fills that sum exactly, fees and spreads against real chains."""

from __future__ import annotations

import contextlib
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from alvh import _core
from alvh.errors import ConfigError, DataError, SchemaError
from hypothesis import given
from hypothesis import strategies as st


def day(text):
    return int(np.datetime64(text, "D").astype(int))


@pytest.mark.parametrize(
    ("kind", "date", "price", "tick"),
    [
        ("spx_option", "2017-01-03", 2.95, 5),
        ("spx_option", "2017-01-03", 3.0, 10),
        ("vix_option", "2022-11-28", 2.0, 5),
        ("vix_option", "2022-11-28", 3.0, 10),
        ("vix_option", "2022-11-29", 2.0, 1),
        ("vix_option", "2022-11-29", 3.0, 5),
        ("vix_future", "2017-01-03", 14.0, 5),
    ],
)
def test_dated_ticks(kind, date, price, tick):
    assert _core.tick_hundredths(kind, day(date), price) == tick


@given(
    price=st.decimals(-50, 5000, places=4, allow_nan=False, allow_infinity=False),
    tick=st.sampled_from([1, 5, 10]),
)
def test_rounding_against_the_trader_equals_exact_decimals(price, tick):
    ticks = Fraction(price) * 100 / tick
    assert _core.round_against(float(price), tick, True) == -((-ticks) // 1) * tick
    assert _core.round_against(float(price), tick, False) == (ticks // 1) * tick


def test_ten_thousand_random_packages_sum_exactly():
    rng = np.random.default_rng(11)
    refused = 0
    for _ in range(10_000):
        n = int(rng.integers(1, 6))
        half = np.exp(rng.normal(-2, 1, n))
        mid = half * (1 + np.exp(rng.normal(1, 1.5, n)))
        ratio = rng.choice([-1, 1, -1, 1, -2, 2], n)
        ratio[0] = np.sign(ratio[0])
        fraction = float(rng.choice([0.0, 0.25, 0.4, 0.8, 1.0]))
        tick = int(rng.choice([1, 5, 10]))
        order = (mid.tolist(), half.tolist(), ratio.tolist(), fraction, tick)
        received = 100 * float((mid - fraction * half) @ -ratio)
        if (ratio < 0).all() and received < 2 * tick * np.gcd.reduce(ratio):
            # A sale for less than two ticks may round to nothing, which is refused.
            refused += 1
            with contextlib.suppress(DataError):
                _core.package_fill(*order)
            continue
        legs, net = _core.package_fill(*order)
        assert all(isinstance(price, int) and price >= 1 for price in legs)
        assert sum(r * p for r, p in zip(ratio.tolist(), legs, strict=True)) == net
        assert net % tick == 0
        middle, slip = 100 * float(mid @ ratio), 100 * fraction * float(half @ np.abs(ratio))
        # Against the trader by the asked share, and beyond it by at most one tick per package.
        packages = np.gcd.reduce(ratio)
        assert net >= middle + slip - 1e-6
        assert net <= max(middle + slip, middle + 1e-6) + tick * packages + 1e-6 or min(mid) < 0.5
        if fraction > 0:
            assert net > middle
    assert refused < 500


def test_condor_fill():
    mid, half, ratio = [1.0, 2.0, 1.8, 0.7], [0.05, 0.1, 0.1, 0.05], [1, -1, -1, 1]
    assert _core.package_fill(mid, half, ratio, 0.4, 5)[1] == -195
    assert _core.package_fill(mid, half, ratio, 0.0, 5)[1] == -210
    assert _core.package_fill(mid, half, ratio, 1.0, 5)[1] == -180


def test_the_remainder_goes_to_the_dearest_leg():
    legs, net = _core.package_fill([1.013, 2.031], [0.0, 0.0], [1, -1], 0.0, 5)
    assert (legs, net) == ([101, 201], -100)


def test_no_sale_at_a_zero_bid_and_bad_marks():
    with pytest.raises(
        DataError, match=r"^PRC201 package_fill:legs\[1\] bid: got 0, expected a bid to sell to$"
    ):
        _core.package_fill([1.0, 0.05], [0.1, 0.05], [1, -1], 0.4, 5)
    with pytest.raises(DataError, match=r"^PRC202 package_fill:legs\[0\] mark: "):
        _core.package_fill([float("nan")], [0.1], [1], 0.4, 5)
    with pytest.raises(
        SchemaError, match=r"^COL904 package_fill columns: got 1 mids, 2 half-spreads, 1 ratios"
    ):
        _core.package_fill([1.0], [0.1, 0.1], [1], 0.4, 5)
    with pytest.raises(ConfigError, match=r"^CFG206 costs tick: got 0, expected tick >= 1 hundredth"):
        _core.package_fill([1.0], [0.1], [1], 0.4, 0)


def test_fees():
    date = day("2020-04-08")
    assert _core.fee_cents("cboe_customer", "spx_option", date, 0.95, 10, True) == 390
    assert _core.fee_cents("cboe_customer", "spx_option", date, 1.0, 10, True) == 480
    assert _core.fee_cents("cboe_customer", "vix_option", date, 0.5, 1, False) == 28
    assert _core.fee_cents("cboe_customer", "vix_option", date, 0.5, 1, True) == 20
    assert _core.fee_cents("retail", "vix_future", date, 15.0, -3, False) == 600
    assert _core.fee_cents("none", "vix_future", date, 15.0, 3, False) == 0
    with pytest.raises(ConfigError, match=r"^CFG205 costs fee_preset: got \"free\", expected one of ret"):
        _core.fee_cents("free", "vix_future", date, 15.0, 3, False)
    with pytest.raises(ConfigError, match=r"^CFG204 costs kind: got \"stock\", expected one of spx_option, "):
        _core.fee_cents("retail", "stock", date, 15.0, 3, False)


@given(
    mid=st.floats(0, 500),
    vix=st.floats(9, 90),
    kind=st.sampled_from(["spx_option", "vix_option", "vix_future"]),
    date=st.sampled_from(["2013-04-19", "2018-06-01", "2023-01-03"]),
)
def test_half_spread_is_at_least_half_a_tick_and_grows_with_vix(mid, vix, kind, date):
    calm, stress = (
        _core.half_spread(kind, np.array([mid]), True, 2750.0, day(date), v)[0] for v in (vix, vix + 5)
    )
    assert calm >= _core.tick_hundredths(kind, day(date), mid) / 200
    assert stress >= calm


def test_half_spread_is_read_only_and_matches_its_formula():
    mid = np.array([0.5, 4.0, 25.0])
    got = _core.half_spread("spx_option", mid, False, 1375.0, day("2018-06-01"), 24.0)
    np.testing.assert_allclose(got, 0.055 * np.sqrt(mid * 0.5) * 2**1.15, rtol=1e-14)
    assert not got.flags.writeable


@pytest.mark.needs_shared_data
def test_model_is_near_the_quotes_of_real_chains(shared_data: Path):
    sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))
    try:
        import estimate_spreads as estimate
    finally:
        sys.path.pop(0)
    spx = estimate.table("SPX", estimate.spx_2013(shared_data), shared_data)
    assert spx["ratio"].between(0.8, 1.25).all()
    vix = estimate.table("VIX", estimate.vix_2016(shared_data), shared_data)
    assert vix["ratio"].between(0.6, 1.7).all()
