"""Moments of the model by simulation, and pictures of a market."""

from __future__ import annotations

import alvh
import numpy as np
import pytest
from alvh._moments import HISTORY
from alvh.errors import ConfigError, LimitError


@pytest.fixture(scope="module")
def table():
    return alvh.Market.default().moments(n_years=40, seed=3)


def test_moments_have_errors_and_stand_beside_history(table):
    assert set(HISTORY) < set(table.index)
    assert (table["std_error"] > 0.0).all()
    assert table.loc["VIX mean", "history"] == 19.44
    again = alvh.Market.default().moments(n_years=40, seed=3)
    assert again.equals(table)


def test_moments_agree_with_the_long_run_mean_of_the_state(table):
    market = alvh.Market.default()
    state = market.start
    # VIX squared is linear in the state, and VIX is below the root of its mean.
    assert table.loc["VIX mean", "model"] < float(market.vix(state)) + 3 * table.loc["VIX mean", "std_error"]
    ladder = [table.loc[f"VX{i} beta to VIX", "model"] for i in (1, 2, 3, 4, 5, 7)]
    assert ladder == sorted(ladder, reverse=True)
    assert 0.0 < ladder[-1] < ladder[0] < 1.0


def test_jumps_show_in_the_tails():
    calm = alvh.Market.default().replace(lambda_inf=0.0, eta=0.0, mu_v=0.0, mu_v_p=0.0, intensity=0.0)
    with_jumps, without = (m.moments(n_years=40, seed=1)["model"] for m in (alvh.Market.default(), calm))
    assert with_jumps["SPX excess kurtosis"] > without["SPX excess kurtosis"] + 1.0


@pytest.mark.parametrize(
    ("n_years", "error"), [(10, ConfigError), (2.5, ConfigError), ("x", ConfigError), (10**6, LimitError)]
)
def test_bad_lengths_are_refused(n_years, error):
    with pytest.raises(error, match="MKT07"):
        alvh.Market.default().moments(n_years=n_years)


def test_pictures():
    plot = alvh.Market.default().plot
    line = plot.term_structure().lines[0]
    assert line.get_ydata()[0] == pytest.approx(float(alvh.Market.default().vix(alvh.Market.default().start)))
    smile = plot.smile().lines[0].get_ydata()
    assert np.isfinite(smile).all()
    assert smile[0] > smile[len(smile) // 2]
    assert len(plot.paths(n_paths=3, years=0.1).lines) == 3
