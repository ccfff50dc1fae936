"""The study object over a made-up result of the engine."""

from __future__ import annotations

import copy
import json
import pickle
import re

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh._study_records import INCIDENTS
from alvh._study_text import number, text_table
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
    assert {row["verdict"] for row in result["claims"]} <= {
        "supported",
        "not supported",
        "undecided",
        "not measured",
    }
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
    assert "most margin, USD" in text
    assert "portfolio scan" not in text
    assert "portfolio scan" in study.table(portfolio_margin=True)


def test_large_accounts_have_their_own_unit_and_columns_stay_apart():
    raw = raw_result(300, BOOKS, capital=1e8)
    raw["attribution"] = raw["attribution"] * 1_000
    raw["equity"] = 1e8 + np.cumsum(raw["attribution"].sum(axis=1), axis=1) / 100.0
    raw["condors"]["credit_cents"] = raw["condors"]["credit_cents"] * 10_000
    lines = Study(raw, replicates=50).table().splitlines()
    assert max(map(len, lines)) <= 100
    credit = next(line for line in lines if line.startswith("credit, USD"))
    assert re.search(r"credit, USD +338.0 M \[[\d.]+, [\d.]+\] +338.0 M ", credit)
    for line in lines[3:]:
        # Cells end at columns 46, 72 and 98, each after at least one space.
        assert all(line[column] == " " for column in (20, 46, 72) if column < len(line)), line


def test_tables_of_many_books_are_split_at_100_columns():
    books = [f"book_with_a_long_name_{i}" for i in range(7)]
    lines = text_table("P&L, kUSD", ["a", "b"], books, [["1,000.0"] * 7, ["n/a"] * 7])
    assert max(map(len, lines)) <= 100
    assert lines.count("") == 2
    assert sum(line.count("book_with") for line in lines) == 7


def test_a_notebook_gets_a_small_escaped_table():
    study = Study(raw_result(60, ("unhedged", "a<b>&")), replicates=20)
    html = study._repr_html_()
    assert "<th>a&lt;b&gt;&amp;</th>" in html
    assert "a<b>" not in html
    assert html.count("<tr>") == 9
    assert len(html) < 2_500


def test_a_deeper_drawdown_is_called_an_increase(study):
    row = study.paired().loc["static"].copy()
    row[["drawdown_reduction", "drawdown_reduction_low", "drawdown_reduction_high"]] = [-2.8, -2.3, -0.17]
    deeper = Study(raw_result(300, ("static", "unhedged")), base="static", replicates=20)
    values = {"static": 0.036, "unhedged": 0.134}
    vars(deeper)["_value"] = lambda book, metric: values[book]
    text = deeper._reading("unhedged", row)
    assert "raised the maximum drawdown of static from 3.6 % to 13.4 %" in text
    assert "an increase of 280 % [17, 230] (outside its interval: intervals of drawdowns are" in text
    row["drawdown_reduction"] = -2.0
    assert "an increase of 200 % [17, 230];" in deeper._reading("unhedged", row)


def test_incidents_name_the_layer_and_are_counted_in_words():
    raw = raw_result(200)
    raw["event_kinds"] = ["margin_call", "roll_held", "substitute_expiry"]
    raw["provenance"]["books"][1]["hedge"] = {"layers": [{"name": n} for n in ("outer", "middle", "inner")]}
    day = raw["trades"]["day"][0]
    raw["trades"]["expiry"] = raw["trades"]["expiry"] + raw["trades"]["bucket"]
    raw["events"] = {
        "book": np.array([0, 1, 1], dtype=np.int32),
        "day": np.array([day] * 3, dtype=np.int32),
        "seconds": np.full(3, 36_000, dtype=np.int32),
        "kind": np.array([0, 1, 2], dtype=np.int32),
        "value": np.array([5.0, 2.0, float(raw["trades"]["expiry"][raw["trades"]["bucket"] == 5][0] - day)]),
    }
    study = Study(raw, replicates=0)
    assert study.incidents()["layer"].tolist() == ["", "inner", "middle"]
    assert study.incident_lines() == [
        "incidents of unhedged: 1 margin call.",
        "incidents of static: 1 roll held (inner 1); 1 substitute expiry (middle 1).",
    ]
    assert json.loads(study.to_json())["incidents"][1] == {
        "book": "static",
        "kind": "roll_held",
        "layer": "inner",
        "count": 1,
    }


def test_every_kind_of_incident_has_words():
    history = alvh.History.demo().cut(30)
    raw = alvh.backtest(alvh.books.named("unhedged"), history, replicates=0, min_sessions=1).raw
    assert set(raw["event_kinds"]) == set(INCIDENTS)


def test_trades_that_never_expire_have_no_expiry():
    raw = raw_result(100)
    raw["trades"]["expiry"] = np.full(len(raw["trades"]["day"]), np.iinfo(np.int32).max, dtype=np.int32)
    assert Study(raw, replicates=0).trades["expiry"].isna().all()


def test_largest_margins_stand_beside_each_other(study):
    scan = pd.DataFrame({"unhedged": [1.0, 30_000.0], "static": [2.0, 1.0]})
    both = Study(raw_result(60), portfolio_margin=scan, replicates=0)
    assert both.summary()["margin_max"].tolist() == [40_000.0, 40_000.0]
    assert json.loads(both.to_json())["margin"] == {
        "unhedged": {"reg_t_max": 40_000.0, "portfolio_scan_max": 30_000.0},
        "static": {"reg_t_max": 40_000.0, "portfolio_scan_max": 2.0},
    }
    assert json.loads(study.to_json())["margin"]["static"]["portfolio_scan_max"] is None


def test_variants_leave_out_what_they_cannot_change():
    history = alvh.History.demo().cut(300)
    study = alvh.backtest(alvh.books.named("unhedged", "vix_tail_hedge"), history, replicates=0)
    table = study.sensitivity
    assert table is not None
    np.testing.assert_array_equal(table.loc["as configured"], study.equity().iloc[-1] - study.raw["capital"])
    assert table.loc["45 dte, wing 10"].isna().tolist() == [False, True]
    assert table.loc["hedge x 2"].isna().tolist() == [True, False]
    alone = alvh.backtest(alvh.books.named("unhedged"), history, replicates=0).sensitivity
    assert alone is not None
    assert "hedge x 2" not in alone.index
    pd.testing.assert_series_equal(
        alone["unhedged"].loc["1 dte, wing 5":], table["unhedged"].loc["1 dte, wing 5":"45 dte, wing 50"]
    )


def test_pictures(study, tmp_path):
    path = study.plot.save(tmp_path / "study.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in tmp_path.iterdir()] == ["study.png"]
    assert [line.get_label() for line in study.plot.equity().lines] == [
        name.replace("_", " ") for name in BOOKS
    ]
    assert study.plot.drawdown().get_ylim()[1] == 0.0
    wide = raw_result(60)
    wide["capital"] = np.array([500_000.0, 100e6])
    wide["equity"] = wide["equity"] + np.array([[0.0], [99.5e6]])
    axes = Study(wide, replicates=0).plot.equity()
    assert axes.get_ylabel() == "equity, % of capital"
    assert all(50 < y < 150 for line in axes.lines for y in line.get_ydata())
    assert study.plot.equity().get_ylabel() == "equity, thousand USD"
    with pytest.raises(FileNotFoundError):
        study.plot.save(tmp_path / "nowhere" / "study.png")


def test_numbers_print_alike_whatever_the_order_of_their_sum():
    assert number(35_050.0, 1e-3, 1) == number(35_049.9999999, 1e-3, 1)
    assert number(-0.04, 1.0, 1) == "0.0"
    assert number(123_456.7, 1.0, 1) == "123,457"
    assert number(float("nan"), 1.0, 1) == "n/a"
