"""Control variates of simulated paths: means of zero, the same answer with less noise, the same bits."""

from __future__ import annotations

import alvh
import numpy as np
import pytest
from alvh._estimates import Paths
from alvh.errors import ConfigError

BOOKS = ("unhedged", "static")


def run(n_paths, names=BOOKS, **options):
    settings = {"seed": 5, "record_paths": 0, "n_jobs": 2, "warm_up": 5, "years": 0.25} | options
    return alvh.simulate(alvh.books.named(*names), n_paths=n_paths, **settings)


def controls(study):
    return {name[8:]: values for name, values in study.raw["paths"].items() if name.startswith("control:")}


@pytest.fixture(scope="module")
def study():
    return run(20_480)


@pytest.mark.parametrize(
    ("steps_per_day", "antithetic", "measure"),
    [(1, False, "P"), (1, True, "Q"), (13, False, "P"), (13, True, "P")],
)
def test_means_are_zero(steps_per_day, antithetic, measure):
    # Jumps, and several in a step, are frequent: what compensates them is most of what can be wrong.
    market = alvh.Market.default().replace(lambda_inf=6.0, eta=20.0, beta=40.0)
    sample = run(
        20_480,
        market=market,
        marks="surface",
        names=("unhedged",),
        years=0.04 if steps_per_day > 1 else 0.1,
        steps_per_day=steps_per_day,
        antithetic=antithetic,
        measure=measure,
    )
    found = controls(sample)
    assert list(found) == ["price", "square", "v1", "v2", "jumps", "start_v1", "start_v2", "start_jumps"]
    for name, values in found.items():
        each = values.reshape(-1, 2).mean(axis=1) if antithetic else values
        error = each.std(ddof=1) / np.sqrt(len(each))
        assert values.std() > 0.0, name
        assert abs(values.mean()) < 3.0 * error, (name, values.mean(), error)


@pytest.mark.parametrize(("steps_per_day", "antithetic"), [(1, False), (1, True), (13, False)])
def test_means_weighted_by_books_are_zero(study, steps_per_day, antithetic):
    if steps_per_day == 1 and not antithetic:
        sample = study
    else:
        sample = run(
            20_480, names=("static",), years=0.06, steps_per_day=steps_per_day, antithetic=antithetic
        )
    weighted = {name: values for name, values in controls(sample).items() if name.startswith("book")}
    assert len(weighted) == 7 * len(sample.raw["books"])
    for name, values in weighted.items():
        each = values.reshape(-1, 2).mean(axis=1) if antithetic else values
        error = each.std(ddof=1) / np.sqrt(len(each))
        assert error > 0.0, name
        assert abs(values.mean()) < 3.0 * error, (name, values.mean(), error)


def test_estimates_agree_with_plain_ones_and_scatter_less(study):
    outcomes = study.raw["outcomes"]
    names = sorted(controls(study))
    known = np.stack([controls(study)[name] for name in names])
    for statistic in ("pnl", "max_drawdown"):
        values = outcomes[statistic][1]
        plain, controlled = [], []
        for rows in np.split(np.arange(20_480), 40):
            plain.append(values[rows].mean())
            paths = Paths(len(rows), controls=known[:, rows])
            controlled.append(paths.mean(values[rows]).value)
        difference = np.array(controlled) - np.array(plain)
        # Means of 40 samples: what is left of the difference is noise of the plain ones.
        assert abs(difference.mean()) < 3.0 * difference.std(ddof=1) / np.sqrt(40)
        assert np.var(controlled) < np.var(plain) / 2.0
    errors = study.summary().loc["static"]
    assert errors["pnl_std_error"] < 0.6 * outcomes["pnl"][1].std() / np.sqrt(20_480)


def test_outcomes_do_not_depend_on_controls():
    on, off = run(128), run(128, control_variates=False)
    assert controls(on)
    assert not controls(off)
    for name, values in off.raw["outcomes"].items():
        np.testing.assert_array_equal(on.raw["outcomes"][name], values)


def test_shards_and_threads_change_no_bit():
    whole = run(192, n_jobs=1)
    assert run(192, n_jobs=2).digest == whole.digest
    parts = [run(n, first_path=first) for first, n in ((0, 1), (1, 64), (65, 127))]
    assert alvh.merge(*parts).digest == whole.digest


def test_books_with_episodes_have_no_weights_of_their_own():
    sample = run(64, intraday=alvh.IntradayConfig())
    assert len(controls(sample)) == 8


def test_the_switch_is_checked():
    with pytest.raises(
        ConfigError, match=r"^RUN031 simulate control_variates: got 1, expected True or False"
    ):
        run(1, control_variates=1)
