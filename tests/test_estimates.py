"""Estimates over paths: against plain formulas, and the coverage of their intervals where the truth is known."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from alvh._estimates import Paths

N = 2_000
ROUNDS = 300


def covered(estimates, truth):
    return np.mean([low <= truth <= high for low, high in (e.interval for e in estimates)])


def test_means_and_ratios_agree_with_plain_formulas():
    rng = np.random.default_rng(1)
    x, y = rng.normal(1.0, 1.0, N), rng.normal(3.0, 1.0, N)
    paths = Paths(N)
    mean = paths.mean(x)
    assert mean.value == pytest.approx(x.mean())
    assert mean.std_error == pytest.approx(x.std(ddof=1) / np.sqrt(N))
    ratio = mean / paths.mean(y)
    delta = (x - ratio.value * y) / y.mean()
    assert ratio.std_error == pytest.approx(delta.std(ddof=1) / np.sqrt(N))
    assert np.isnan((mean / paths.mean(np.zeros(N))).value)
    assert np.isnan(Paths(1).mean(x[:1]).std_error)


def test_undefined_values_are_left_out_up_to_a_limit():
    rng = np.random.default_rng(2)
    x = rng.normal(size=N)
    few, many = x.copy(), x.copy()
    few[:50], many[:200] = np.nan, np.nan
    paths = Paths(N)
    assert paths.mean(few).value == pytest.approx(few[50:].mean())
    assert np.isnan(paths.mean(many).value)


@pytest.mark.parametrize("p", [0.5, 0.95])
def test_intervals_of_quantiles_and_shortfalls_cover_the_truth(p):
    rng = np.random.default_rng(3)
    normal = NormalDist()
    quantiles, shortfalls = [], []
    for _ in range(ROUNDS):
        x = rng.normal(size=N)
        paths = Paths(N)
        quantiles.append(paths.quantile(x, p))
        shortfalls.append(paths.shortfall(x, p))
    z = normal.inv_cdf(p)
    assert 0.91 <= covered(quantiles, z) <= 0.99
    assert 0.91 <= covered(shortfalls, normal.pdf(z) / (1 - p)) <= 0.99


def test_antithetic_pairs_count_once():
    rng = np.random.default_rng(4)
    estimates = []
    for _ in range(ROUNDS):
        z = rng.normal(size=N // 2)
        x = np.stack((z, -z), axis=1).ravel() + 0.1 * rng.normal(size=N)
        estimates.append(Paths(N, pairs=True).mean(x))
    assert 0.91 <= covered(estimates, 0.0) <= 0.99
    as_singles = Paths(N).mean(x).std_error
    assert estimates[-1].std_error < 0.3 * as_singles


def test_control_variates_reduce_the_error_by_what_they_explain_and_keep_the_coverage():
    rng = np.random.default_rng(5)
    plain, controlled, quantiles = [], [], []
    for _ in range(ROUNDS):
        c = rng.normal(size=(2, N))
        x = 1.0 + c[0] + 0.5 * rng.normal(size=N)
        plain.append(Paths(N).mean(x))
        paths = Paths(N, controls=c)
        controlled.append(paths.mean(x))
        quantiles.append(paths.quantile(x, 0.5))
    ratio = np.var([e.value for e in plain]) / np.var([e.value for e in controlled])
    assert ratio == pytest.approx(5.0, rel=0.35)
    assert np.mean([e.std_error for e in controlled]) == pytest.approx(0.5 / np.sqrt(N), rel=0.05)
    assert 0.91 <= covered(controlled, 1.0) <= 0.99
    assert 0.91 <= covered(quantiles, 1.0) <= 0.99
    # A control that repeats another one changes nothing.
    twice = Paths(N, controls=np.concatenate((c, c[:1])))
    assert twice.mean(x).value == pytest.approx(controlled[-1].value)


def test_controls_that_were_never_followed_change_nothing():
    values = np.random.default_rng(3).normal(size=400)
    plain, followed = Paths(400).mean(values), Paths(400, controls=np.zeros((3, 400))).mean(values)
    assert (followed.value, followed.std_error) == (plain.value, plain.std_error)


def test_importance_weights_give_the_mean_under_the_other_law():
    rng = np.random.default_rng(6)
    estimates = []
    for _ in range(ROUNDS):
        x = rng.normal(1.0, 1.0, N)
        estimates.append(Paths(N, weights=np.exp(0.5 - x)).mean(x))
    assert 0.91 <= covered(estimates, 0.0) <= 0.99
