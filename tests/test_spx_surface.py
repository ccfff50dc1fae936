"""The SPX smile out of index levels: no arbitrage, its own indices, a NumPy twin, errors on real chains."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from alvh import _core
from alvh.errors import DataError
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid
from scipy.special import ndtr

NAN = float("nan")
COLUMNS = ("spot", "rate", "dividend_yield", "vix", "vix9d", "vix3m", "vix6m", "skew")
NO_VIX9D, NO_VIX3M, NO_VIX6M, NO_SKEW, CALENDAR_CLAMPED, LEVEL_CLAMPED, NO_CARRY, NO_LEVEL = 2 ** np.arange(8)
TENORS = np.array([1 / 24, 0.5, 1, 5, 9, 14, 30, 45, 93, 120, 184, 300, 365, 600, 730]) / 365


def query(levels, strike, years, variance_years=None):
    """Volatilities of one moment's surface on a grid of strikes and tenors, and its flags."""
    clock = years if variance_years is None else variance_years
    strike, years, clock = np.broadcast_arrays(np.asarray(strike, float), years, clock)
    given_levels = {"spot": 1000.0, "rate": 0.0, "dividend_yield": 0.0} | levels
    columns = [np.array([given_levels.get(name, NAN)], float) for name in COLUMNS]
    vol, flags = _core.spx_surface_vol(
        *columns,
        np.zeros(strike.size, np.uint32),
        *(np.array(a.ravel(), float) for a in (strike, years, clock)),
    )
    return vol.reshape(strike.shape), int(flags[0])


def put(forward, strike, sd):
    d1 = np.log(forward / strike) / sd + sd / 2
    return strike * ndtr(sd - d1) - forward * ndtr(-d1)


def tool() -> ModuleType:
    path = Path(__file__).parents[1] / "tools" / "estimate_spx_smile.py"
    spec = importlib.util.spec_from_file_location("estimate_spx_smile", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


index_level = st.floats(5, 150) | st.just(NAN)


@settings(max_examples=300, deadline=None)
@given(
    vix=st.floats(5, 150),
    vix9d=index_level,
    vix3m=index_level,
    vix6m=index_level,
    skew=st.floats(95, 180) | st.just(NAN),
)
def test_no_static_arbitrage(vix, vix9d, vix3m, vix6m, skew):
    levels = {"vix": vix, "vix9d": vix9d, "vix3m": vix3m, "vix6m": vix6m, "skew": skew}
    # Butterflies and spreads: strikes equidistant in standardised log-moneyness, out to the deep wings.
    x = np.linspace(-12, 8, 241)[:, None]
    scale = vix / 100 * np.sqrt(TENORS)
    strike = 1000 * np.exp(x * scale)
    vol, _ = query(levels, strike, TENORS)
    assert np.all(np.isfinite(vol))
    price = put(1000.0, strike, vol * np.sqrt(TENORS))
    slope = np.diff(price, axis=0) / np.diff(strike, axis=0)
    noise = 1e-15 * strike[1:] / np.diff(strike, axis=0) * 10
    assert np.all(slope >= -noise)
    assert np.all(slope <= 1 + noise)
    assert np.all(np.diff(slope, axis=0) >= -2 * noise[1:])

    # Calendars: total variance at one ln(K/F) never falls.
    k = np.linspace(-1.5, 1.0, 101)[:, None]
    vol, _ = query(levels, 1000 * np.exp(k), TENORS)
    variance = vol**2 * TENORS
    assert np.all(np.diff(variance, axis=1) >= -1e-12 * variance[:, 1:])


@settings(max_examples=100, deadline=None)
@given(
    vix=st.floats(5, 150),
    rate=st.floats(-0.02, 0.15),
    dividend_yield=st.floats(0, 0.05),
    spot=st.floats(100, 9000),
)
def test_only_moneyness_counts(vix, rate, dividend_yield, spot):
    carry = {"spot": spot, "rate": rate, "dividend_yield": dividend_yield}
    k = np.array([-0.2, 0.0, 0.1])
    vol, flags = query({"vix": vix} | carry, spot * np.exp((rate - dividend_yield) * 0.25 + k), 0.25)
    plain, _ = query({"vix": vix}, 1000 * np.exp(k), 0.25)
    np.testing.assert_allclose(vol, plain, rtol=1e-10)
    assert flags & NO_CARRY == 0


@pytest.mark.parametrize(
    ("vix", "vix9d", "vix3m", "skew"),
    [
        (9.5, 7.9, 12.4, 130.0),
        (15.0, NAN, NAN, NAN),
        (20.0, 19.0, 21.0, 118.0),
        (45.0, 50.0, 38.0, 112.0),
        (80.0, NAN, NAN, NAN),
    ],
)
def test_against_a_quadrature_twin(vix, vix9d, vix3m, skew):
    twin = tool().Surface(vix, vix9d, vix3m, skew)
    for days in (0.25, 4, 9, 20, 30, 60, 93, 184, 300, 730):
        k = np.linspace(-2.5, 1.5, 9) * vix / 100 * np.sqrt(days / 365)
        vol, flags = query(
            {"vix": vix, "vix9d": vix9d, "vix3m": vix3m, "skew": skew}, 1000 * np.exp(k), days / 365
        )
        assert flags & CALENDAR_CLAMPED == 0
        np.testing.assert_allclose(vol, twin.vol(k, days / 365), rtol=1e-4)


def test_options_of_30_days_are_worth_the_vix():
    for vix in (10.0, 20.0, 60.0):
        strike = 1000 * np.exp(np.linspace(-20, 12, 20001) * vix / 100 * np.sqrt(30 / 365))
        vol, _ = query({"vix": vix}, strike, 30 / 365)
        price = put(1000.0, strike, vol * np.sqrt(30 / 365))
        price = np.where(strike > 1000, price + 1000 - strike, price)
        strip = trapezoid(price / strike**2, strike)
        assert 100 * np.sqrt(2 * strip * 365 / 30) == pytest.approx(vix, rel=2e-4)


def deltas(vix, skew=NAN, days=30):
    """Volatility at 5, 10, 25 delta puts, at the money, and 25, 10, 5 delta calls."""
    years = days / 365
    strike = 1000 * np.exp(np.linspace(-6, 5, 8001) * vix / 100 * np.sqrt(years))
    vol, _ = query({"vix": vix, "skew": skew}, strike, years)
    sd = vol * np.sqrt(years)
    call = ndtr(np.log(1000 / strike) / sd + sd / 2)
    wanted = (0.95, 0.90, 0.75, 0.25, 0.10, 0.05)
    at = [float(vol[np.argmin(np.abs(call - d))]) for d in wanted]
    return np.array([*at[:3], float(np.interp(1000.0, strike, vol)), *at[3:]])


def test_smile_at_known_levels():
    # Golden: percent, 5/10/25-delta put, at the money, 25/10/5-delta call of 30 days.
    golden = {
        10: [16.00, 13.92, 10.86, 8.35, 6.67, 5.86, 5.68],
        15: [22.06, 19.73, 16.32, 13.41, 11.22, 9.95, 9.45],
        20: [28.15, 25.52, 21.65, 18.31, 15.62, 13.98, 13.27],
        30: [40.39, 37.08, 32.16, 27.91, 24.21, 21.88, 20.81],
        70: [88.68, 82.43, 73.08, 65.48, 57.38, 52.47, 50.09],
    }
    for vix, smile in golden.items():
        np.testing.assert_allclose(100 * deltas(vix), smile, atol=0.02)


def test_smile_is_relatively_flatter_in_stress_and_steeper_when_skew_is_high():
    ratio = [deltas(v)[0] / deltas(v)[3] for v in (10, 15, 20, 30, 45, 70)]
    assert np.all(np.diff(ratio) < 0)
    assert ratio[0] > 1.75
    assert ratio[-1] < 1.45
    calm, fearful = deltas(15.0, 118.0), deltas(15.0, 135.0)
    assert fearful[0] > calm[0]
    assert fearful[3] < calm[3]


def test_inverted_term_structure_keeps_the_vix():
    vol, flags = query({"vix": 30.0, "vix9d": 60.0, "vix3m": 20.0, "skew": 118.0}, 1000.0, TENORS)
    assert flags == CALENDAR_CLAMPED | NO_VIX6M
    assert np.all(np.diff(vol**2 * TENORS) > 0)
    plain, _ = query({"vix": 30.0, "skew": 118.0}, 1000.0, 30 / 365)
    assert vol[TENORS == 30 / 365] == pytest.approx(float(plain), rel=1e-12)


def test_variance_clock():
    # Five sessions a calendar week and 252 a year make weeks and years count almost alike.
    day = 23_400.0
    assert _core.spx_variance_years(1.0, 252 * day, 252) == pytest.approx(1.0, rel=1e-12)
    assert _core.spx_variance_years(7 / 365, 5 * day, 5) == pytest.approx(7 / 365, rel=0.03)
    # Friday's close to Monday's counts less than calendar time, Monday's close to Tuesday's more.
    weekend, weekday = _core.spx_variance_years(3 / 365, day, 1), _core.spx_variance_years(1 / 365, day, 1)
    assert weekend / (3 / 365) == pytest.approx(0.638, abs=0.001)
    assert weekday / (1 / 365) == pytest.approx(1.314, abs=0.001)
    # Total variance follows the clock, volatility stays annualised by calendar time.
    plain, _ = query({"vix": 20.0}, 990.0, weekend)
    clocked, _ = query({"vix": 20.0}, 990.0, 3 / 365, weekend)
    assert float(clocked) ** 2 * 3 / 365 == pytest.approx(float(plain) ** 2 * weekend, rel=1e-12)


def test_absent_inputs_are_flagged():
    assert query({"vix": 20.0}, 1000.0, 0.1)[1] == NO_VIX9D | NO_VIX3M | NO_VIX6M | NO_SKEW
    assert query({"vix": 20.0, "rate": NAN}, 1000.0, 0.1)[1] & NO_CARRY
    assert query({"vix": 200.0}, 1000.0, 0.1)[1] & LEVEL_CLAMPED
    vol, flags = query({"vix": NAN}, 1000.0, 0.1)
    assert np.isnan(vol)
    assert flags & NO_LEVEL


def test_rows_are_independent_and_outputs_read_only():
    rng = np.random.default_rng(3)
    n = 50
    columns = [np.full(n, 1000.0), np.zeros(n), np.zeros(n), rng.uniform(9, 60, n), *[np.full(n, NAN)] * 4]
    row = rng.integers(0, n, 400).astype(np.uint32)
    strike, years = rng.uniform(800, 1200, 400), rng.uniform(0.001, 2, 400)
    vol, flags = _core.spx_surface_vol(*columns, row, strike, years, years)
    assert not vol.flags.writeable
    assert not flags.flags.writeable
    cut = [column[:20] for column in columns]
    first = row < 20
    again, _ = _core.spx_surface_vol(*cut, row[first], strike[first], years[first], years[first])
    np.testing.assert_array_equal(again, vol[first])


def test_malformed_input_is_named():
    one, two = np.ones(1), np.ones(2)
    row = np.zeros(1, np.uint32)
    with pytest.raises(DataError, match=r"COL901 spx_surface_vol vix: got 2 values, expected 1 values"):
        _core.spx_surface_vol(one, one, one, two, one, one, one, one, row, one, one, one)
    with pytest.raises(DataError, match=r"COL902 spx_surface_vol:0 row: got 1, expected < 1"):
        _core.spx_surface_vol(one, one, one, one, one, one, one, one, row + np.uint32(1), one, one, one)


@pytest.mark.needs_shared_data
def test_leave_one_week_out_errors_on_real_chains(shared_data):
    estimate = tool()
    slices = estimate.read_chains(shared_data)
    assert len(slices) >= 16
    index = estimate.levels(shared_data, estimate.SPOT)
    tables = estimate.leave_one_out(slices, index)
    assert set(tables) == set(estimate.INPUTS)
    for name, table in tables.items():
        near = table[table.dte <= 100]
        assert table.error.median() < 1.0, name
        assert near.error.median() < 1.0, name
        assert near.error.max() < 1.75, name
        assert near.condor_20_5.abs().median() < 0.12, name


@pytest.mark.needs_shared_data
def test_core_reaches_the_published_errors_on_real_chains(shared_data):
    estimate = tool()
    slices = estimate.read_chains(shared_data)
    index = estimate.levels(shared_data, estimate.SPOT)
    errors = []
    for s in slices:
        vol, _ = query(index[s.date] | {"spot": s.forward}, s.strike, s.years)
        errors.append(np.median(np.abs(vol - s.vol)[s.delta >= 0.05]))
    assert 100 * np.median(errors) < 0.8
