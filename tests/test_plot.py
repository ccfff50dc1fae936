"""Pictures of a study hold the numbers of the study."""

from __future__ import annotations

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh.errors import ConfigError
from raw_result import raw_result


@pytest.fixture(scope="module")
def study() -> alvh.Study:
    raw = raw_result(300)
    days = pd.DatetimeIndex(raw["day"].astype("datetime64[D]").astype("datetime64[ns]"))
    phase = np.where(np.arange(300) % 7 < 4, "calm", "expansion")
    return alvh.Study(raw, market=pd.DataFrame({"vix": 17.0, "phase": phase}, index=days), replicates=50)


def test_attribution_bars_add_up_to_the_total(study):
    ax = study.plot.attribution()
    total = next(line for line in ax.get_lines() if line.get_label() == "total")
    expected = study.attribution().sum(axis=1) / 1e3
    np.testing.assert_allclose(total.get_ydata(), expected)
    heights = [patch.get_height() for bars in ax.containers for patch in bars]
    assert sum(heights) == pytest.approx(expected.sum())


def test_layers_stack_to_the_contracts_held(study):
    ax = study.plot.layers()
    trades = study.trades.query("book == 'static' and bucket in ('outer', 'middle', 'inner')")
    assert max(
        path.vertices[:, 1].max() for area in ax.collections for path in area.get_paths()
    ) == pytest.approx(trades["contracts"].sum())
    with pytest.raises(ConfigError, match=r"STA024 plot.layers book: got 'unhedged', expected one of static"):
        study.plot.layers(book="unhedged")


def test_frontier_has_a_point_per_book_and_the_claimed_corner(study):
    ax = study.plot.frontier()
    row = study.paired().loc["static"]
    point = ax.containers[0].lines[0]
    assert point.get_xdata()[0] == pytest.approx(100 * row["hedge_cost"])
    assert point.get_ydata()[0] == pytest.approx(100 * row["expected_shortfall_reduction"])
    (corner,) = ax.patches
    assert (corner.get_xy(), corner.get_width(), corner.get_height()) == ((1.0, 35.0), 1.0, 30.0)


def test_bars_of_phases_sum_to_the_result(study):
    ax = study.plot.phases()
    heights = [patch.get_height() for bars in ax.containers for patch in bars]
    assert sum(heights) == pytest.approx(study.pnl.to_numpy().sum() / 1e3)
    with pytest.raises(ConfigError, match=r"STA025 plot.phases market: got no phases"):
        alvh.Study(raw_result(60), replicates=0).plot.phases()


def test_given_axes_are_drawn_on(study):
    from alvh._figures import new_axes

    for name in ("equity", "drawdown", "attribution", "layers", "frontier", "phases"):
        ax = new_axes()
        assert getattr(study.plot, name)(ax) is ax


def test_returns_are_what_performance_libraries_take(study):
    returns = study.returns()
    equity = study.equity()
    expected = equity.pct_change()
    expected.iloc[0] = equity.iloc[0] / 500_000.0 - 1.0
    pd.testing.assert_frame_equal(returns, expected, check_freq=False)
    empyrical = pytest.importorskip("empyrical")
    assert empyrical.max_drawdown(returns["static"]) == pytest.approx(
        -study.drawdown["static"].max(), abs=1e-12
    )


def test_a_notebook_shows_curves_without_scripts_below_40_kilobytes():
    names = ("unhedged", *(f"book<{i}>" for i in range(14)))
    html = alvh.Study(raw_result(300, names), replicates=20)._repr_html_()
    assert html.count("<svg") == 12
    assert "12 of 15 books shown" in html
    assert "<script" not in html
    assert "book<" not in html
    assert len(html.encode()) < 40_000
