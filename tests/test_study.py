"""The study object over a made-up result of the engine."""

from __future__ import annotations

import copy
import json
import pickle

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh.errors import ConfigError, InternalError
from alvh.study import Study
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_result import raw_result

BOOKS = ("unhedged", "static", "condor_index", "vix_tail_hedge")


@pytest.fixture(scope="module")
def study():
    fills = pd.DataFrame(
        {name: [1e3, 0, -1e3, -2e3, -3e3] for name in BOOKS}, index=[0, 0.25, 0.5, 0.75, 1.0]
    )
    return alvh.Study(raw_result(1_300, BOOKS), note="SPX and VIX", slippage=fills, replicates=200)


@given(n_sessions=st.integers(2, 300), seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_attribution_sums_exactly_to_the_equity_change(n_sessions, seed):
    raw = raw_result(n_sessions, seed=seed)
    study = Study(raw, replicates=0)
    cents = np.rint(study.attribution() * 100).sum(axis=1)
    change = np.rint((study.equity().iloc[-1] - 500_000.0) * 100)
    np.testing.assert_array_equal(cents, change)
    np.testing.assert_array_equal(np.rint(study.pnl.sum() * 100), change)
    assert study.drawdown.to_numpy().min() >= 0.0
    assert study.drawdown.to_numpy().max() <= 1.0


def test_a_missing_cent_is_found():
    raw = raw_result(50)
    raw["attribution"][1, 2, 7] += 1
    with pytest.raises(
        InternalError, match=r"STA021 engine:static 2014-01-13 attribution: got a residual of 0.01 USD"
    ):
        Study(raw)


def test_summary_has_a_row_per_book_and_ordered_intervals(study):
    summary = study.summary()
    assert list(summary.index) == list(BOOKS)
    for name in ("pnl", "cagr", "sharpe", "max_drawdown", "hedge_cost", "credit_kept"):
        assert (summary[f"{name}_low"] <= summary[f"{name}_high"]).all(), name
    assert summary["pnl"].to_numpy() == pytest.approx(study.equity().iloc[-1].to_numpy() - 500_000.0)
    assert summary.loc["unhedged", ["hedge_cost", "hedge_cost_low", "hedge_cost_high"]].tolist() == [0, 0, 0]
    row = summary.loc["unhedged"]
    curve = study.drawdown["unhedged"]
    assert row["max_drawdown"] == pytest.approx(curve.max())
    assert row["drawdown_trough"] == curve.idxmax()
    assert row["win_rate"] == pytest.approx(np.mean(study.condors.query("book == 'unhedged'")["pnl"] > 0))
    assert row["margin_calls"] == 1
    assert row["entries_skipped"] == pytest.approx(2 / (2 + 61))


def test_hedge_cost_counts_the_layers_with_their_own_costs(study):
    layers = study.attribution().loc["static", ["outer", "middle", "inner"]].sum()
    trades = study.trades.query("book == 'static' and bucket in ('outer', 'middle', 'inner')")
    net = layers - trades["fee"].sum() - trades["slippage"].sum()
    assert study.summary().loc["static", "hedge_pnl"] == pytest.approx(net)
    assert study.summary().loc["static", "hedge_cost"] == pytest.approx(-net / 500_000.0 / (1_300 / 252))


def test_paired_compares_with_the_base_and_with_another(study):
    paired = study.paired()
    assert list(paired.index) == list(BOOKS[1:])
    summary = study.summary()
    expected = 1 - summary.loc["static", "max_drawdown"] / summary.loc["unhedged", "max_drawdown"]
    assert paired.loc["static", "drawdown_reduction"] == pytest.approx(expected)
    other = study.paired("static")
    assert other.loc["unhedged", "pnl_difference"] == pytest.approx(-paired.loc["static", "pnl_difference"])
    assert "the maximum drawdown of unhedged from" in study.sentences()[0]
    with pytest.raises(ConfigError, match="STA020 Study base: got 'nobody'"):
        study.paired("nobody")


def test_events_are_measured_or_skipped_with_a_reason(study):
    events = study.events()
    skipped = events[events["skipped"] != ""].set_index("event")["skipped"]
    assert skipped["flash crash"] == "skipped: data start 2014-01-02"
    assert skipped["pandemic"] == "skipped: data end 2018-12-26"
    shock = events[(events["event"] == "volatility shock") & (events["book"] == "unhedged")].iloc[0]
    window = study.pnl["unhedged"].loc["2018-02-05":"2018-02-19"]
    assert shock["pnl"] == pytest.approx(window.sum())
    assert 0.0 <= shock["max_drawdown"] <= 1.0
    names = set(events["event"])
    assert len(names) == 12


def test_hypothetical_hedges_are_reported_apart():
    summary = Study(raw_result(300, first_day="2005-06-01"), replicates=0).summary()
    before = summary.loc["static", "hypothetical_hedge_pnl"]
    assert before not in (0.0, summary.loc["static", "hedge_pnl"])
    assert summary.loc["unhedged", "hypothetical_hedge_pnl"] == 0.0


def test_frames_and_records(study):
    tidy = study.to_frame()
    assert list(tidy.columns) == ["day", "book", "item", "value"]
    equity = tidy[(tidy["item"] == "equity") & (tidy["book"] == "static")]["value"].to_numpy()
    np.testing.assert_array_equal(equity, study.equity()["static"])
    assert study.incidents()["kind"].tolist()[0] == "margin_call"
    assert study.decisions()["rule"].tolist() == ["roll"]
    assert study.trades["day"].dtype.kind == "M"


def test_study_is_frozen_copies_pickles_and_compares(study):
    assert pickle.loads(pickle.dumps(study)) == study
    assert copy.deepcopy(study) == study
    assert study != Study(raw_result(1_300, BOOKS, seed=2), replicates=200)
    with pytest.raises(ValueError, match="read-only"):
        study.raw["equity"][0, 0] = 1.0
    with pytest.raises(AttributeError):
        study.note = "other"
    raw = raw_result(20)
    small = Study(raw, replicates=0)
    raw["equity"][:] = 0.0
    assert small.equity().to_numpy().min() > 0.0


def test_json_is_strict_and_complete(study):
    def refuse(text):
        raise AssertionError(text)

    result = json.loads(study.to_json(), parse_constant=refuse)
    assert {"books", "paired", "claims", "quality", "provenance"} <= set(result)
    assert set(result["books"]) == set(BOOKS)
    assert result["books"]["static"]["max_drawdown_low"] <= result["books"]["static"]["max_drawdown_high"]
    assert result["claims"] == []
    assert result["provenance"]["bootstrap"]["replicates"] == 200
    assert result["quality"]["note"] == "SPX and VIX"
    assert result["slippage"]["0.25"]["static"] == 0.0
    one = json.loads(Study(raw_result(2), replicates=0).to_json(), parse_constant=refuse)
    assert one["books"]["static"]["pnl_low"] is None


def test_text_fits_100_columns(study):
    text = repr(study)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert all(name in text for name in BOOKS)
    assert "50% of half-spread" in "\n".join(study.sensitivity_lines())
    assert study._repr_html_().startswith("<pre>Study of 4 books")


def test_pictures(study, tmp_path):
    path = study.plot.save(tmp_path / "study.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["study.png"]
    assert [line.get_label() for line in study.plot.equity().lines] == [
        name.replace("_", " ") for name in BOOKS
    ]
    assert study.plot.drawdown().get_ylim()[1] == 0.0
    with pytest.raises(FileNotFoundError):
        study.plot.save(tmp_path / "nowhere" / "study.png")
