"""Statistics against empyrical, arch and NumPy twins; properties of the drawdown and of the bootstrap."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from alvh import _core
from alvh.errors import ConfigError, DataError, LimitError
from alvh.statistics import drawdown, intervals, metrics, optimal_block_length
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

CAPITAL = 500_000.0
PNL = arrays(np.float64, st.integers(1, 60), elements=st.floats(-2e5, 2e5, allow_subnormal=False))


def noise(n, seed=0):
    return np.random.default_rng(seed).standard_t(4, n) * 3_000 + 150


def twin(pnl, capital, interest=0.0):
    """The definitions once more, in NumPy."""
    equity = capital + np.cumsum(pnl)
    before = np.concatenate(([capital], equity[:-1]))
    r, e = pnl / before, (pnl - interest) / before
    worst = np.sort(r)
    peak = np.maximum.accumulate(np.concatenate(([capital], equity)))[1:]
    return {
        "pnl": pnl.sum(),
        "cagr": (equity[-1] / capital) ** (252 / len(pnl)) - 1,
        "volatility": r.std(ddof=1) * math.sqrt(252),
        "sharpe": e.mean() / e.std(ddof=1) * math.sqrt(252),
        "sortino": e.mean() / math.sqrt(np.mean(np.minimum(e, 0) ** 2)) * math.sqrt(252),
        "expected_shortfall_95": -worst[: (len(r) - 1) // 20 + 1].mean(),
        "expected_shortfall_99": -worst[: (len(r) - 1) // 100 + 1].mean(),
        "max_drawdown": ((peak - equity) / peak).max(),
        "max_drawdown_usd": (peak - equity).max(),
    }


@pytest.mark.parametrize("n", [30, 252, 2001])
def test_metrics_agree_with_the_twin_and_with_empyrical(n):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import empyrical
    pnl, interest = noise(n), np.full(n, 40.0)
    found = metrics(pnl, CAPITAL, interest)
    for name, expected in twin(pnl, CAPITAL, interest).items():
        assert found[name] == pytest.approx(expected, rel=1e-10), name

    plain = metrics(pnl, CAPITAL)
    returns = pnl / np.concatenate(([CAPITAL], CAPITAL + np.cumsum(pnl)[:-1]))
    assert plain["cagr"] == pytest.approx(empyrical.cagr(returns), rel=1e-9)
    assert plain["volatility"] == pytest.approx(empyrical.annual_volatility(returns), rel=1e-10)
    assert plain["sharpe"] == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-10)
    assert plain["sortino"] == pytest.approx(empyrical.sortino_ratio(returns), rel=1e-10)
    assert plain["max_drawdown"] == pytest.approx(-empyrical.max_drawdown(returns), rel=1e-10)
    for level in (95, 99):
        tail = empyrical.conditional_value_at_risk(returns, 1 - level / 100)
        assert plain[f"expected_shortfall_{level}"] == pytest.approx(-tail, rel=1e-10)


@given(PNL)
def test_statistics_are_finite_or_nan_and_drawdown_is_a_fraction(pnl):
    found = metrics(pnl, CAPITAL)
    assert not any(math.isinf(value) for value in found.values())
    worst = drawdown(pnl, CAPITAL)
    assert 0.0 <= worst.fraction <= 1.0
    assert (found["max_drawdown"], found["max_drawdown_usd"]) == (worst.fraction, worst.usd)
    assert -1 <= worst.peak <= worst.trough < len(pnl)
    assert worst.recovery is None or worst.recovery > worst.trough
    if (CAPITAL + np.cumsum(pnl)).min() > 1.0:
        equity = CAPITAL + np.cumsum(pnl)
        peak = np.maximum(CAPITAL, np.maximum.accumulate(equity))
        assert worst.fraction == pytest.approx(((peak - equity) / peak).max(), abs=1e-12)
    if (CAPITAL + np.cumsum(pnl)).min() < -1.0:
        assert math.isnan(found["cagr"])


def test_undefined_statistics_are_nan():
    assert math.isnan(metrics([5.0], CAPITAL)["volatility"])
    flat = metrics([0.0, 0.0, 0.0], CAPITAL)
    assert math.isnan(flat["sharpe"])
    assert math.isnan(flat["sortino"])
    assert (flat["pnl"], flat["max_drawdown"]) == (0.0, 0.0)


@pytest.mark.parametrize("n", [20, 100, 1000, 5000])
@pytest.mark.parametrize("phi", [0.0, 0.6])
def test_block_length_agrees_with_arch(n, phi):
    from arch.bootstrap import optimal_block_length as reference

    x = np.random.default_rng(n).normal(size=n)
    for i in range(1, n):
        x[i] += phi * x[i - 1]
    assert optimal_block_length(x) == pytest.approx(reference(x)["stationary"].iloc[0], rel=1e-9)


def test_block_length_of_nothing_is_nan():
    assert math.isnan(optimal_block_length([0.1] * 50))
    assert math.isnan(optimal_block_length([1.0, 2.0]))


def test_intervals_are_percentiles_of_the_drawn_days():
    pnl, n_replicates = np.stack((noise(200, 1), noise(200, 2))), 60
    found = intervals([CAPITAL] * 2, pnl, seed=9, replicates=n_replicates, block=7.0)
    drawn = [_core.bootstrap_indices(200, 7.0, 9, i) for i in range(n_replicates)]
    for book in range(2):
        paths = [twin(pnl[book, days], CAPITAL) for days in drawn]
        for name in paths[0]:
            expected = np.percentile([path[name] for path in paths], [2.5, 97.5])
            assert found.books[book, found.metrics.index(name), 1:3] == pytest.approx(expected, rel=1e-9), (
                name
            )
    # Paired: both books lose on the same days.
    ratio = [
        twin(pnl[1, d], CAPITAL)["max_drawdown"] / twin(pnl[0, d], CAPITAL)["max_drawdown"] for d in drawn
    ]
    reduction = found.paired[1, found.quantities.index("drawdown_reduction"), 1:3]
    assert reduction == pytest.approx(np.percentile(1 - np.array(ratio), [2.5, 97.5]), rel=1e-9)


@given(seed=st.integers(0, 2**64 - 1), n_books=st.integers(2, 4))
@settings(max_examples=20, deadline=None)
def test_bootstrap_is_reproducible_and_blind_to_the_company(seed, n_books):
    pnl = np.stack([noise(120, i) for i in range(n_books)])
    many = intervals([CAPITAL] * n_books, pnl, seed=seed, replicates=40)
    again = intervals([CAPITAL] * n_books, pnl, seed=seed, replicates=40)
    alone = intervals([CAPITAL], pnl[:1], seed=seed, replicates=40)
    np.testing.assert_array_equal(many.books, again.books)
    np.testing.assert_array_equal(many.books[0], alone.books[0])


def test_interval_of_the_mean_covers_on_autocorrelated_noise():
    rng, n, n_worlds = np.random.default_rng(5), 800, 200
    e = rng.normal(size=(n_worlds, n)) * 1_000
    for i in range(1, n):
        e[:, i] += 0.4 * e[:, i - 1]
    low_high = [intervals([1e7], x[None], replicates=300, seed=i).books[0, 0, 1:3] for i, x in enumerate(e)]
    covered = np.mean([low <= 0.0 <= high for low, high in low_high])
    # Independent resampling (block 1) would cover about 80 %.
    assert 0.88 <= covered <= 0.985


def test_ruined_paths_are_counted_and_void_the_interval():
    pnl = noise(100, 3)[None] * 30
    found = intervals([CAPITAL], pnl, replicates=200, block=5.0)
    _, low, high, undefined = found.books[0, found.metrics.index("cagr")]
    assert undefined > 0.05
    assert np.isnan([low, high]).all()
    fraction = found.books[0, found.metrics.index("max_drawdown")]
    assert fraction[2] == 1.0


def test_bad_input_is_refused():
    with pytest.raises(DataError, match=r"^STA004 drawdown:\[1\] pnl: got NaN, expected a finite number$"):
        drawdown([1.0, np.nan], CAPITAL)
    with pytest.raises(DataError, match="STA002"):
        drawdown([], CAPITAL)
    with pytest.raises(DataError, match="STA001"):
        metrics([1.0], 0.0)
    with pytest.raises(DataError, match="STA003 books"):
        intervals([CAPITAL] * 2, np.ones((2, 5)), credit=np.ones((2, 4)))
    with pytest.raises(ConfigError, match="STA010"):
        intervals([CAPITAL], np.ones((1, 5)), base=1)
    with pytest.raises(LimitError, match="STA013"):
        intervals([CAPITAL], np.ones((1, 5)), replicates=10**9)
