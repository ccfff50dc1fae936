"""Levels of the market beside a study, and its books under shocks."""

from __future__ import annotations

import alvh
import numpy as np
import pytest
from alvh._market_views import SPOT_SHOCKS, VIX_SHOCKS, open_positions


@pytest.fixture(scope="module")
def study() -> alvh.Study:
    history = alvh.History.demo().between("2016-01-04", "2018-12-31")
    return alvh.backtest(alvh.books.named("unhedged", "static"), history, replicates=0)


def test_levels_are_those_of_the_history(study):
    history = alvh.History.demo().between("2016-01-04", "2018-12-31")
    assert list(study.market) == ["spx", "vix", "phase"]
    assert study.market["phase"].to_numpy().tolist() == alvh.signals.phases(history)["phase"].tolist()
    np.testing.assert_array_equal(study.market["vix"], history.columns["vix_close"])
    assert study.market.index.equals(study.equity().index)


def test_positions_are_what_the_trades_leave_open(study):
    day, held = open_positions(study)
    assert set(held["book"]) == {"unhedged", "static"}
    assert {"short_put", "long_put", "outer", "middle", "inner"} <= set(held["bucket"])
    assert (held["expiry"] > day).all()
    trades = study.trades
    trades = trades[(trades["day"] <= day) & (trades["bucket"] == "outer") & (trades["expiry"] > day)]
    assert held.loc[held["bucket"] == "outer", "contracts"].sum() == trades["contracts"].sum()
    condor = held[(held["book"] == "unhedged")].set_index("bucket")["contracts"]
    assert condor["short_put"] == -condor["long_put"] != 0


def test_slide_is_zero_without_a_shock_and_pays_where_it_should(study):
    slide = study.risk_slide
    now = slide[slide["when"] == "now"].set_index(["book", "bucket", "spot", "vix"])["pnl"].sort_index()
    assert len(now) == 11 * len(SPOT_SHOCKS) * len(VIX_SHOCKS)
    np.testing.assert_array_equal(now.xs((0.0, 0.0), level=("spot", "vix")), 0.0)
    for layer in ("outer", "middle", "inner"):
        own = now["static", layer, 0.0].sort_index()
        assert (np.diff(own) > 0.0).all()
    total = now.groupby(level=["book", "spot", "vix"]).sum()
    assert total["unhedged", -0.10, 0.0] < 0.0
    # The condors are the same, so what the hedge adds is the layers.
    layers = now[now.index.get_level_values("bucket").isin(["outer", "middle", "inner"])]
    added = layers.groupby(level=["book", "spot", "vix"]).sum()["static"]
    np.testing.assert_allclose(total["static"] - total["unhedged"], added, atol=1e-6)
    worst = total["unhedged"].min()
    held = open_positions(study)[1].query("book == 'unhedged'").set_index("bucket")
    width = max(
        held.loc["short_put", "strike"] - held.loc["long_put", "strike"],
        held.loc["long_call", "strike"] - held.loc["short_call", "strike"],
    )
    assert worst >= -width * 100.0 * held["contracts"].max() - 1e-6


def test_time_passes_to_the_next_session(study):
    slide = study.risk_slide
    cell = slide[(slide["spot"] == 0.0) & (slide["vix"] == 0.0) & (slide["book"] == "static")]
    later = cell[cell["when"] == "next session"].set_index("bucket")["pnl"]
    assert (later[["short_put", "short_call"]] > 0.0).all()
    assert (later[["long_put", "long_call"]] < 0.0).all()
