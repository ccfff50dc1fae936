"""Statistics of the best of many, against published numbers and slow twins."""

from __future__ import annotations

import itertools
import math

import alvh
import numpy as np
import pytest
from alvh import selection
from alvh.errors import ConfigError, DataError, LimitError


def test_expected_maximum_is_that_of_normal_draws():
    rng = np.random.default_rng(4)
    for n in (10, 100):
        simulated = rng.normal(0.0, 0.3, (20_000, n)).max(axis=1).mean()
        assert selection.expected_maximum_sharpe(n, 0.09) == pytest.approx(simulated, rel=0.03)
    assert selection.expected_maximum_sharpe(1, 0.09) == 0.0


def test_the_published_example_of_the_deflated_sharpe_ratio():
    # Bailey and Lopez de Prado (2014): annual Sharpe 2.5 over five years of 250 days, 100 trials with variance 1/2 a
    # year, skewness -3, kurtosis 10: 0.1132 a day are to be expected by luck, and the deflated ratio is 0.9004.
    expected = selection.expected_maximum_sharpe(100, 0.5 / 250)
    assert expected == pytest.approx(0.1132, abs=1e-4)
    sharpe, n, skewness, kurtosis = 2.5 / math.sqrt(250), 1250, -3.0, 10.0
    spread = math.sqrt((1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2) / (n - 1))
    assert 0.5 * math.erfc(-(sharpe - expected) / spread / math.sqrt(2)) == pytest.approx(0.9004, abs=1e-4)


def test_probabilistic_sharpe_uses_length_skewness_and_kurtosis():
    stats = pytest.importorskip("scipy.stats")
    values = np.random.default_rng(2).gamma(2.0, 0.01, 300) - 0.019
    sharpe = values.mean() / values.std(ddof=1)
    skewness, kurtosis = stats.skew(values), stats.kurtosis(values, fisher=False)
    spread = math.sqrt((1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2) / 299)
    expected = stats.norm.cdf((sharpe - 0.01) / spread)
    assert selection.probabilistic_sharpe(values, 0.01) == pytest.approx(expected, abs=1e-12)
    assert math.isnan(selection.probabilistic_sharpe(np.zeros(20)))


def slow_overfitting(values: np.ndarray, blocks: int) -> float:
    parts = np.array_split(values, blocks)
    bad = 0
    choices = list(itertools.combinations(range(blocks), blocks // 2))
    for those in choices:
        past = np.concatenate([parts[i] for i in those])
        future = np.concatenate([parts[i] for i in range(blocks) if i not in those])
        best = int((past.mean(axis=0) / past.std(axis=0)).argmax())
        after = future.mean(axis=0) / future.std(axis=0)
        rank = (1 + (after < after[best]).sum()) / (values.shape[1] + 1)
        bad += rank < 0.5
    return bad / len(choices)


def test_overfitting_probability_is_that_of_the_slow_twin():
    values = np.random.default_rng(7).normal(0.0, 1.0, (240, 6))
    found = selection.overfitting_probability(values, blocks=6)
    assert found == pytest.approx(slow_overfitting(values, 6), abs=1e-12)


def test_skill_is_no_overfitting_and_its_absence_is_a_coin():
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, 1.0, (800, 10))
    skilled = noise.copy()
    skilled[:, 3] += 0.4
    assert selection.overfitting_probability(skilled) < 0.02
    luck = [selection.overfitting_probability(rng.normal(0, 1, (400, 10)), 8) for _ in range(40)]
    assert 0.3 < np.mean(luck) < 0.7
    same = np.repeat(rng.normal(0, 1, (400, 1)), 5, axis=1)
    assert selection.overfitting_probability(same, 8) == 0.5


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: selection.probabilistic_sharpe([0.1] * 3), "SEL001"),
        (lambda: selection.probabilistic_sharpe([np.nan] * 30), "SEL001"),
        (lambda: selection.overfitting_probability(np.zeros((100, 3)), 7), "SEL002"),
        (lambda: selection.overfitting_probability(np.zeros((30, 3)), 16), "SEL002"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, code):
    with pytest.raises(DataError, match=code):
        call()


@pytest.fixture(scope="module")
def history():
    return alvh.History.demo().between("2015-01-02", "2017-12-29")


def test_sweep_runs_every_combination_and_sorts_them(history):
    grid = {"condor.wing_width": [25.0, 50.0], "hedge.scale": [1.0, 2.0]}
    found = alvh.sweep(grid, history)
    table = found.table
    assert found.n_trials == len(table) == 4
    assert (np.diff(table["sharpe"]) <= 0.0).all()
    assert table["deflated_sharpe"].between(0.0, 1.0).all()
    assert 0.0 <= found.overfitting_probability <= 1.0
    book = alvh.books.static()
    import dataclasses

    one = book.replace(condor=dataclasses.replace(book.condor, wing_width=25.0))
    alone = alvh.backtest(one, history, replicates=0).summary().iloc[0]
    row = table[(table["condor.wing_width"] == 25.0) & (table["hedge.scale"] == 1.0)].iloc[0]
    assert row["pnl"] == alone["pnl"]
    assert "Sweep of 4 configurations: best Sharpe" in repr(found)


@pytest.mark.parametrize(
    ("grid", "error", "code"),
    [
        ({}, ConfigError, "SWP001"),
        ({"condor.dte": []}, ConfigError, "SWP001"),
        ({"condor.dtes": [1]}, ConfigError, "SWP002"),
        ({"nothing": [1]}, ConfigError, "SWP002"),
        ({"capital": range(1, 1_002)}, LimitError, "SWP003"),
        ({"condor.dte": [-4]}, ConfigError, "CFG"),
    ],
)
def test_a_wrong_grid_is_refused(history, grid, error, code):
    with pytest.raises(error, match=code):
        alvh.sweep(grid, history)
