"""Published claims beside measurements: the rule of the verdict, and what each row says of where it comes from."""

from __future__ import annotations

import math

import alvh
import numpy as np
import pytest
from alvh._claims import claim_lines, disjoint_lives, measured_coverage, rolled_at_a_loss, verdict, wilson
from alvh.errors import ConfigError
from alvh.study import Study
from hypothesis import given
from hypothesis import strategies as st
from raw_result import raw_result


@pytest.fixture(scope="module")
def study() -> Study:
    return Study(raw_result(1_300, ("unhedged", "static", "adaptive", "derisked")), replicates=200)


@pytest.mark.parametrize(
    ("low", "high", "claimed", "is_cost", "expected"),
    [
        (0.41, 0.50, (0.40, 0.65), False, "supported"),
        (0.40, 0.50, (0.40, 0.65), False, "undecided"),
        (0.70, 0.90, (0.40, 0.65), False, "supported"),
        (0.10, 0.39, (0.40, 0.65), False, "not supported"),
        (-0.5, 0.41, (0.40, 0.65), False, "undecided"),
        (0.005, 0.019, (0.01, 0.02), True, "supported"),
        (-0.01, 0.001, (0.01, 0.02), True, "supported"),
        (0.021, 0.05, (0.01, 0.02), True, "not supported"),
        (0.019, 0.021, (0.01, 0.02), True, "undecided"),
        (math.nan, math.nan, (0.40, 0.65), False, "undecided"),
        (0.6, 0.7, (0.5, None), False, "supported"),
    ],
)
def test_verdict_follows_the_rule(low, high, claimed, is_cost, expected):
    assert verdict(low, high, claimed, is_cost=is_cost) == expected


@given(
    ends=st.tuples(st.floats(-2, 2), st.floats(-2, 2)).map(sorted), a=st.floats(-1, 1), width=st.floats(0, 1)
)
def test_at_most_one_side_of_a_claim_is_met(ends, a, width):
    low, high = ends
    gain = verdict(low, high, (a, a + width))
    cost = verdict(low, high, (a - width, a), is_cost=True)
    # What supports "at least a" speaks against "at most a", and the other way round.
    opposite = {"supported": "not supported", "not supported": "supported", "undecided": "undecided"}
    assert cost == opposite[gain]


def test_wilson_interval_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    for won, n in ((0, 10), (9, 10), (45, 50), (50, 50)):
        expected = stats.binomtest(won, n).proportion_ci(method="wilson")
        assert wilson(won, n) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert all(math.isnan(end) for end in wilson(0, 0))


def test_lives_that_overlap_count_once():
    opened, closed = np.array([0, 1, 2, 30, 31]), np.array([28, 29, 30, 60, 61])
    assert disjoint_lives(opened, closed) == 2
    assert disjoint_lives(np.array([0, 5]), np.array([5, 9])) == 2


def test_rows_come_from_the_paired_statistics(study):
    frame = study.claims()
    paired = study.paired("unhedged")
    row = frame[(frame["book"] == "static") & (frame["claimed"] == "40-65 %")].iloc[0]
    expected = paired.loc[
        "static", ["drawdown_reduction", "drawdown_reduction_low", "drawdown_reduction_high"]
    ]
    assert row[["estimate", "low", "high"]].tolist() == expected.tolist()
    assert row["verdict"] == verdict(row["low"], row["high"], (0.40, 0.65)) or "derisked" in row["why"]
    assert row["sample"] == "1,300 sessions 2014-01-02 to 2018-12-26, one history"
    against = frame[(frame["book"] == "adaptive") & (frame["claim"] == "drawdown reduction")]["against"]
    assert against.tolist() == ["unhedged", "unhedged", "static", "static"]
    cost = frame[(frame["book"] == "static") & (frame["claim"] == "hedge cost a year")].iloc[0]
    assert cost["estimate"] == study.summary().loc["static", "hedge_cost"]


def test_every_published_claim_has_a_row_even_when_it_is_not_measured():
    frame = Study(raw_result(300), replicates=50).claims()
    numbers = {
        ("drawdown reduction", "35-40 %"),
        ("drawdown reduction", "40-65 %"),
        ("credit kept", "> 50 %"),
    }
    numbers |= {("P&L kept", "> 50 %"), ("hedge cost a year", "1-2 %")}
    numbers |= {("losses of rolled condors recovered", "88 %"), ("conservative condors won", "90 %")}
    assert set(zip(frame["claim"], frame["claimed"], strict=True)) == numbers
    adaptive = frame[frame["book"] == "adaptive"]
    assert set(adaptive["verdict"]) == {"not measured"}
    assert adaptive["why"].str.startswith("needs ").all()
    assert "needs book adaptive" in adaptive["why"].tolist()
    assert adaptive["estimate"].isna().all()


def test_supported_requires_beating_fewer_condors():
    raw = raw_result(1_300, ("unhedged", "static", "derisked"))
    # A hedge that takes nine tenths of every loss; holding a fiftieth of the condors does more.
    raw["attribution"][:] = 0
    rng = np.random.default_rng(3)
    loss = np.rint(rng.standard_t(3, 1_300) * 60_000).astype(np.int64)
    raw["attribution"][:, 0] = loss
    raw["attribution"][1, 4] = -(loss * 9 // 10)
    raw["attribution"][2, 0] = loss // 50
    raw["equity"] = 500_000.0 + np.cumsum(raw["attribution"].sum(axis=1), axis=1) / 100.0
    for name, expected in (("derisked", "not supported"), ("other", "supported")):
        raw["books"] = ["unhedged", "static", name]
        frame = Study(raw, replicates=300).claims()
        row = frame[(frame["book"] == "static") & (frame["claimed"] == "40-65 %")].iloc[0]
        assert row["low"] > 0.40
        assert row["verdict"] == expected
        assert ("derisked" in row["why"]) == (name == "derisked")


def test_other_condor_rules_are_never_the_hedge_alone():
    raw = raw_result(1_300)
    raw["provenance"]["books"][1]["condor"] = {"dte": 1}
    raw["attribution"][1] = 0
    raw["equity"] = 500_000.0 + np.cumsum(raw["attribution"].sum(axis=1), axis=1) / 100.0
    frame = Study(raw, replicates=100).claims(["static"])
    assert "supported" not in set(frame["verdict"])


def test_drawdowns_of_one_history_carry_their_measured_coverage(study, monkeypatch):
    frame = study.claims()
    drawdown = frame[frame["claim"] == "drawdown reduction"]
    found = measured_coverage()["coverage"]["drawdown_reduction"]
    assert 0.0 < found <= 1.0
    assert (drawdown["coverage"] == found).all()
    assert (drawdown["indicative"] == (found < 0.90)).all()
    assert frame[frame["claim"] != "drawdown reduction"]["coverage"].isna().all()
    monkeypatch.setitem(measured_coverage()["coverage"], "drawdown_reduction", 0.80)
    assert study.claims()[lambda table: table["claim"] == "drawdown reduction"]["indicative"].all()


def test_measured_coverage_names_what_it_was_measured_on():
    found = measured_coverage()
    assert found["settings"]["studies"] >= 2_000
    assert found["settings"]["sessions"] > 1_000
    assert all(0.0 <= share <= 1.0 for share in found["coverage"].values())


def test_conservative_condors_are_judged_by_lives_apart():
    raw = raw_result(1_300)
    raw["provenance"]["books"][0]["condor"] = {"dte": 45, "tier": "conservative"}
    study = Study(raw, replicates=0)
    row = study.claims().query("claim == 'conservative condors won'").iloc[0]
    own = study.condors.query("book == 'unhedged'")
    assert row["estimate"] == pytest.approx((own["pnl"] > 0).mean())
    apart = disjoint_lives(own["opened"].to_numpy(), own["closed"].to_numpy())
    assert (row["low"], row["high"]) == wilson(0, apart, row["estimate"])
    assert f"{apart} of them" in row["sample"]


def test_a_chain_of_rolls_recovers_when_its_sum_is_no_loss():
    raw = raw_result(1_300)
    raw["rules"] = ["entry", "condor.settlement", "condor.time_shift", "condor.profit_target"]
    condors, n = raw["condors"], 8
    for key in condors:
        condors[key] = condors[key][:n].copy()
    condors["chain"] = np.array([0, 0, 2, 2, 4, 4, 6, 7])
    condors["exit_rule"] = np.array([2, 3, 2, 1, 2, 2, 3, 2], dtype=np.int32)
    #                  recovers       does not      still runs on    no roll, runs on
    condors["pnl_cents"] = np.array([-500, 500, -500, 499, -100, -100, -900, -100])
    study = Study(raw, replicates=0)
    chains = rolled_at_a_loss(study.condors, "unhedged")
    assert chains["pnl"].tolist() == pytest.approx([0.0, -0.01])
    row = study.claims().query("claim == 'losses of rolled condors recovered'").iloc[0]
    assert row["estimate"] == 0.5
    assert row["book"] == "unhedged"
    assert row["sample"].startswith("2 condors rolled at a loss in 2 chains")
    # The two chains were alive on the same days: they are one trial.
    assert (row["low"], row["high"]) == wilson(0, 1, 0.5)


def test_hedges_are_compared_on_the_same_condor_rules():
    books = alvh.books.named("unhedged", "static", "adaptive", "unhedged_phased", "static_phased")
    history = alvh.History.demo().between("2014-01-03", "2016-06-30")
    study = alvh.backtest(books, history, replicates=50)
    drawdown = study.claims().query("claim == 'drawdown reduction' and claimed == '35-40 %'")
    pairs = list(zip(drawdown["book"], drawdown["against"], strict=True))
    assert pairs == [("adaptive", "unhedged_phased"), ("adaptive", "static_phased"), ("static", "unhedged")]
    plain = alvh.backtest(books[:3], history, replicates=50).claims()
    row = plain.query("book == 'adaptive' and claim == 'credit kept'").iloc[0]
    assert row["against"] == "unhedged"
    assert row["verdict"] != "supported"
    assert "not the hedge alone" in row["why"] or not row["low"] > 0.5


def test_unknown_books_are_refused(study):
    with pytest.raises(
        ConfigError, match=r"STA022 Study.claims books: got 'nobody', expected one of unhedged"
    ):
        study.claims(["nobody"])


def test_lines_name_verdicts_and_what_is_missing():
    study = alvh.Study(raw_result(300), replicates=50)
    lines = claim_lines(study)
    measured = study.claims().query("verdict != 'not measured'")
    assert len([line for line in lines if line.startswith("static, ")]) == len(measured)
    assert any(line.startswith("not measured, needs book adaptive: ") for line in lines)
