"""Labelled order flow: the labels are true, the flow has its parameters, the scorer counts as by hand."""

from __future__ import annotations

import math
import pickle
import struct
from typing import Any

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh import bench
from alvh.errors import ConfigError, DataError
from reference import baselines_twin as twin

S = 1_000_000_000


@pytest.fixture(
    scope="module", params=[(n, s) for n in bench.INSTRUMENTS for s in "ab"], ids=lambda p: "-".join(p)
)
def flow(request: pytest.FixtureRequest) -> bench.OrderFlow:
    instrument, style = request.param
    return bench.order_flow(21, 3.0, instrument=instrument, style=style)


def quiet(**changes: Any) -> dict[str, Any]:
    """Fields of arrivals alone: no episodes, no activity, nothing but the background process."""
    still = {"activity": (0.0, 900.0), "parent_orders": 0.0, "arbitrage": 0.0}
    return bench.flow_fields(clock=(), **still, **changes)


def mid_at(flow: bench.OrderFlow, ts: Any) -> Any:
    times, mid = flow.mid
    return mid[np.searchsorted(times, ts, side="right") - 1]


def ns(column: pd.Series[Any]) -> Any:
    return column.dt.tz_localize(None).to_numpy().astype("datetime64[ns]").astype(np.int64)


def volume_rate(flow: bench.OrderFlow, start: int, stop: int) -> float:
    arrays = flow.tape.to_arrays()
    first, last = np.searchsorted(arrays["ts"], [start, stop])
    trades = arrays["action"][first:last] == ord("T")
    return float(arrays["size"][first:last][trades].sum() / (stop - start) * S)


def test_a_tape_depends_on_its_seed_and_fields_only() -> None:
    one, same, other = (bench.order_flow(seed, 0.1) for seed in (5, 5, 6))
    assert one.tape == same.tape
    assert one.tape != other.tape
    pd.testing.assert_frame_equal(one.labels, same.labels)


def test_a_longer_tape_begins_with_the_shorter_one() -> None:
    short, long = (bench.order_flow(5, hours).tape for hours in (0.3, 0.6))
    assert long.slice(0, len(short)) == short


def test_every_feed_describes_the_same_flow() -> None:
    flows = {feed: bench.order_flow(9, 0.5, feed=feed) for feed in ("levels", "depth", "orders")}  # type: ignore[arg-type]
    times = {feed: each.mid[0] for feed, each in flows.items()}
    np.testing.assert_array_equal(times["levels"], times["depth"])
    np.testing.assert_array_equal(times["levels"], times["orders"])
    mids = {feed: alvh.ignition.features(each.tape, every="1s") for feed, each in flows.items()}
    for name in ("mid", "push_z", "thinning_bid", "volume_burst"):
        np.testing.assert_array_equal(mids["levels"][name], mids["depth"][name])
        np.testing.assert_array_equal(mids["levels"][name], mids["orders"][name])
    for each in flows.values():
        quality = alvh.ignition.detect(each.tape).quality
        assert not quality.keys() - {"unsigned_trade"}, quality


def test_books_are_whole(flow: bench.OrderFlow) -> None:
    depth = bench.order_flow(21, 0.2, fields=flow.fields, feed="depth").tape.to_arrays()
    first = int(np.argmax((depth["flags"] & 128) != 0))
    assert first < 200, "the first book is whole after its last order"
    assert (depth["bid_price"][first:, 0] < depth["ask_price"][first:, 0]).all()
    for side, way in (("bid", -1), ("ask", 1)):
        assert (depth[f"{side}_size"][first:] > 0).all(), "ten levels on both sides"
        assert (np.diff(depth[f"{side}_price"][first:], axis=1) * way > 0).all()


def test_labels_measure_the_path_of_the_mid(flow: bench.OrderFlow) -> None:
    labels = flow.labels
    ignition, peak = ns(labels["ignition"]), ns(labels["peak"])
    side = labels["side"].to_numpy()
    np.testing.assert_array_equal(labels["reference"], mid_at(flow, ignition))
    np.testing.assert_array_equal(labels["displacement"], (mid_at(flow, peak) - labels["reference"]) * side)
    np.testing.assert_allclose(
        labels["displacement_sigma"], labels["displacement"] / labels["sigma"] / np.sqrt(labels["clock"])
    )
    moves = labels[labels["kind"].isin(["ignition", "informed"])]
    assert len(moves) > 20
    assert (moves["displacement"] >= 1.0).all()
    order = (labels["onset"] <= labels["ignition"]) & (labels["ignition"] <= labels["peak"])
    assert (order & (labels["peak"] <= labels["end"])).all()


def test_ignitions_come_back_and_informed_moves_stay(flow: bench.OrderFlow) -> None:
    labels = flow.labels
    true, informed = labels[labels["kind"] == "ignition"], labels[labels["kind"] == "informed"]
    assert (true["retrace"] >= 0.5).all()
    assert true["half_back"].notna().all()
    assert (informed["retrace"] < 0.5).all()
    assert informed["half_back"].isna().all()
    assert (labels["kind"] == "unclear").sum() <= 0.1 * len(labels)
    # The same from the mid itself: 50 seconds after the peak, half of an informed move is still there.
    later = mid_at(flow, ns(informed["peak"]) + 50 * S)
    left = (later - informed["reference"]) * informed["side"]
    assert (left > 0.5 * informed["displacement"]).all()


def test_volume_comes_before_an_ignition_while_the_price_holds(flow: bench.OrderFlow) -> None:
    labels = flow.labels
    busy, held = [], []
    for row in labels[labels["kind"].isin(["ignition", "volume_only"])].itertuples():
        onset, ignition = row.onset.value, row.ignition.value
        busy.append(volume_rate(flow, onset, ignition) / volume_rate(flow, onset - 60 * S, onset))
        moved = abs(mid_at(flow, ignition) - mid_at(flow, onset))
        held.append(moved / row.sigma / math.sqrt((ignition - onset) / S))
    assert np.median(busy) > 1.8
    assert np.median(held) < 1.0, "less than a random walk of the ordinary volatility would"


@pytest.mark.parametrize("style", ["a", "b"])
def test_sweeps_refill(style: Any) -> None:
    swept, left = [], []
    for seed in range(40, 45):
        flow = bench.order_flow(seed, 3.0, instrument="stock", style=style)
        sweeps = flow.labels[flow.labels["kind"] == "sweep"]
        swept.extend(sweeps["displacement"])
        left.extend((mid_at(flow, ns(sweeps["peak"]) + 2 * S) - sweeps["reference"]) * sweeps["side"])
    assert len(swept) > 20
    assert np.mean(swept) > 2.0
    assert np.mean(left) < 0.5 * np.mean(swept)


def test_half_of_the_episodes_are_true() -> None:
    labels = pd.concat([bench.order_flow(seed, 3.0, instrument="stock").labels for seed in range(40, 44)])
    labels = labels[labels["kind"] != "unclear"]
    n = len(labels)
    assert n > 120
    assert abs(labels["is_true"].mean() - 0.5) < 3.0 * 0.5 / math.sqrt(n)
    assert abs((labels["side"] > 0).mean() - 0.5) < 3.0 * 0.5 / math.sqrt(n)


@pytest.mark.parametrize("style", ["a", "b"])
def test_rates_are_those_of_the_parameters(style: Any) -> None:
    hours = 4.0
    fields = quiet(style=style, branching_same=0.5, branching_cross=0.1)
    counts = bench.order_flow(3, hours, fields=fields).counts
    seconds = hours * 3_600.0
    trades = fields["trade_rate"] / 0.4
    # A Hawkes count over a long time has variance rate * time / (1 - n)^2. Style B is Poisson with a factor of
    # variance 16/9 and correlation time .9 s.
    a, b = math.sqrt(trades * seconds) / 0.4, math.sqrt(trades * seconds + trades**2 * 3.2 * seconds)
    deviation = a if style == "a" else b
    assert abs(counts["trades"] - trades * seconds) < 3.0 * deviation
    assert counts["arbitrage"] == counts["planned"] == 0
    quotes = (fields["quote_rate"] + fields["quotes_per_trade"] * trades) / (1.0 - fields["branching_quote"])
    spread = fields["quotes_per_trade"] * deviation / (1.0 - fields["branching_quote"])
    own = (math.sqrt(quotes * seconds) if style == "a" else quotes * math.sqrt(3.2 * seconds)) / (1.0 - 0.4)
    assert fields["branching_quote"] == 0.4
    assert abs(counts["quotes"] - quotes * seconds) < 3.0 * math.hypot(spread, own)


def test_the_branching_ratio_is_that_of_the_parameters() -> None:
    tape = bench.order_flow(4, 8.0, fields=quiet(branching_same=0.5, branching_cross=0.1)).tape.to_arrays()
    ts = np.unique(tape["ts"][tape["action"] == ord("T")])
    window = 30 * S
    counts = np.bincount((ts - ts[0]) // window)[:-1]
    ratio = counts.var(ddof=1) / counts.mean()
    # 1/(1 - n)^2 for windows much longer than the kernels (1.4 s).
    expected, error = 1.0 / 0.4**2, math.sqrt(2.0 / (len(counts) - 1)) / 0.4**2
    assert abs(ratio - expected) < 3.0 * error
    poisson = bench.order_flow(4, 8.0, fields=quiet(branching_same=0.0, branching_cross=0.0)).tape.to_arrays()
    ts = np.unique(poisson["ts"][poisson["action"] == ord("T")])
    counts = np.bincount((ts - ts[0]) // window)[:-1]
    assert abs(counts.var(ddof=1) / counts.mean() - 1.0) < 3.0 * math.sqrt(2.0 / (len(counts) - 1))


def test_volatility_and_volume_cluster() -> None:
    flow = bench.order_flow(8, 6.0, fields=bench.flow_fields(clock=()))
    start, end = flow.mid[0][0], flow.mid[0][-1]
    moves = np.abs(np.diff(mid_at(flow, np.arange(start, end, S))))
    error = 3.0 / math.sqrt(len(moves))
    for lag in (1, 10, 60):
        assert np.corrcoef(moves[lag:], moves[:-lag])[0, 1] > error


def test_the_igniter_is_named_where_participants_are() -> None:
    flow = bench.order_flow(2, 1.0, participants=True, feed="orders")
    arrays = flow.tape.to_arrays()
    for row in flow.labels[flow.labels["is_true"]].itertuples():
        first, last = np.searchsorted(arrays["ts"], [row.ignition.value, row.peak.value])
        trades = (arrays["action"] == ord("T"))[first:last]
        size = arrays["size"][first:last][trades]
        own = arrays["participant"][first:last][trades] == row.participant
        assert own.any()
        assert size[own].sum() > 0.05 * size.sum()


def test_slow_episodes_follow_their_clock() -> None:
    flow = bench.order_flow(1, 12.0, clock=15, fields=None)
    labels = flow.labels
    assert (labels["clock"] == 15.0).all()
    true = labels[labels["is_true"]]
    push = (true["peak"] - true["ignition"]).dt.total_seconds()
    assert 15.0 < push.median() < 120.0
    both = bench.order_flow(1, 6.0, clock=(1, 15)).labels
    assert set(both["clock"]) == {1.0, 15.0}


def test_alarms_are_scored_as_by_hand() -> None:
    flow = bench.order_flow(12, 2.0)
    labels = flow.labels
    true, decoys = labels[labels["is_true"]], labels[~labels["is_true"]]
    every = ns(true["ignition"]) + S // 10
    perfect = bench.score(every, flow)
    assert perfect.precision == perfect.recall() == perfect.f1 == 1.0
    assert perfect.latency() == pytest.approx(0.1)
    assert perfect.latency(0.9) == pytest.approx(0.1)
    assert perfect.false_alarms == 0
    assert perfect.found["displacement"].tolist() == true["displacement_sigma"].tolist()
    # Half of the ignitions twice, every decoy once, and three in the quiet before the first episode.
    half = every[::2]
    start = flow.tape.start
    assert start is not None
    extra = start + np.array([60, 120, 180]) * S
    times = np.sort(np.concatenate([half, half + S // 5, ns(decoys["ignition"]), extra]))
    mixed = bench.score(times, flow)
    assert mixed.counts["hits"] == mixed.counts["repeats"] == len(half)
    assert mixed.counts["false_background"] == 3
    assert mixed.false_alarms == 3 + len(decoys)
    assert mixed.precision == len(half) / (len(half) + 3 + len(decoys))
    assert mixed.recall() == len(half) / len(true)
    assert mixed.false_per_session == pytest.approx((3 + len(decoys)) * 6.5 / 2.0)
    table = mixed.by_displacement()
    assert table["of"].sum() == len(true)
    assert table["found"].sum() == len(half)
    # Sides and the moment of knowledge.
    told = bench.score((every, every + S, -true["side"].to_numpy()), flow)
    assert told.counts["wrong_side"] == len(true)
    assert told.latency() == pytest.approx(1.1)
    both = perfect + mixed
    assert both.counts["hours"] == pytest.approx(4.0)
    assert both.counts["hits"] == len(true) + len(half)
    # Rare ignitions: 2 a session at this recall against the background's false alarms.
    hits, false = 2.0 * mixed.recall(), 3 * 6.5 / 2.0
    assert mixed.precision_at(2.0) == pytest.approx(hits / (hits + false))
    assert "precision" in repr(mixed)


def test_a_signal_is_scored_by_its_episodes() -> None:
    flow = bench.order_flow(13, 1.0, instrument="stock")
    signal = alvh.ignition.detect(flow.tape)
    assert len(signal.episodes) > 0
    early, confirmed = (bench.score(signal, flow, stage=stage) for stage in ("early", "confirmed"))  # type: ignore[arg-type]
    for stage, scored in (("early", early), ("confirmed", confirmed)):
        direct = bench.detector_score(flow, signal.config, stage=stage)  # type: ignore[arg-type]
        assert direct.counts == scored.counts
        np.testing.assert_array_equal(direct.found["latency"], scored.found["latency"])
    assert early.counts["hits"] + early.false_alarms >= confirmed.counts["hits"] + confirmed.false_alarms


def test_baselines_equal_their_slow_twins() -> None:
    flow = bench.order_flow(14, 0.3, instrument="crypto", feed="depth")
    arrays = flow.tape.to_arrays()
    known, values = twin.statistics(arrays)
    thresholds = {name: [] for name in bench.BASELINES}  # type: dict[str, list[float]]
    for k, name in enumerate(bench.BASELINES):
        assert name == twin.NAMES[k]
        seen = np.abs(values[known - arrays["ts"][0] >= twin.WARM_UP, k])
        assert seen.max() > 0.0, name
        thresholds[name] = [float(x) for x in np.quantile(seen[seen > 0.0], [0.5, 0.9, 0.99, 0.999]) * 0.999]
    lists = alvh._core.baseline_alarm_lists(flow.tape._core, [thresholds[name] for name in bench.BASELINES])
    counted = 0
    for k, name in enumerate(bench.BASELINES):
        for threshold, (ts, when, side) in zip(thresholds[name], lists[k], strict=True):
            expected = twin.alarms(known, values[:, k], int(arrays["ts"][0]), threshold)
            assert ts.tolist() == expected, (name, threshold)
            assert when.tolist() == expected
            at = np.searchsorted(known, ts)
            signs = np.sign(values[at, k]) if name != "vpin" else np.zeros(len(at))
            np.testing.assert_array_equal(side, signs)
            counted += len(expected)
    assert counted > 50


def test_every_detector_gets_the_same_budget() -> None:
    tuning, reporting = (bench.suite([seed], 1.0, instruments=("stock",)) for seed in (1, 1_001))
    curve = bench.threshold_curve(tuning, factors=(0.7, 1.0, 2.0))
    detectors = {"early", "confirmed", *bench.BASELINES}
    assert set(curve.index.get_level_values("detector")) == detectors
    table = bench.compare(tuning, reporting, factors=(0.7, 1.0, 2.0))
    assert detectors < set(table.index.get_level_values("detector"))
    for name in detectors:
        rows = curve.loc[name]
        assert table.loc[name].index[0] == rows["f1"].idxmax(), "the setting of the largest F1"
    assert not set(bench.TUNING_SEEDS) & set(bench.REPORTING_SEEDS)
    fewer = curve.loc["push_z"]["false_per_session"]
    assert fewer.iloc[0] > fewer.iloc[-1]


def test_shams_leave_the_features_alone() -> None:
    base = bench.order_flow(15, 1.0, fields=bench.flow_fields("stock", clock=()), feed="depth")
    sham = bench.transplant(base.tape, n=0, shams=10, seed=4)
    assert (sham.labels["kind"] == "sham").all()
    assert len(sham.labels) == 10
    arrays, before = sham.tape.to_arrays(), base.tape.to_arrays()
    kept = arrays["action"] != ord("N")
    assert kept.sum() == len(before["ts"]) < len(kept)
    for name in (
        "ts",
        "action",
        "side",
        "flags",
        "price",
        "size",
        "bid_price",
        "ask_price",
        "bid_size",
        "ask_size",
    ):
        np.testing.assert_array_equal(arrays[name][kept], before[name])
    detected = [alvh.ignition.detect(tape) for tape in (base.tape, sham.tape)]
    first, second = (signal.episodes["push_z"].to_numpy() for signal in detected)
    np.testing.assert_allclose(first, second)


def test_transplants_move_a_real_path_and_are_labelled() -> None:
    base = bench.order_flow(16, 2.0, fields=bench.flow_fields(clock=()))
    made = bench.transplant(base.tape, (8.0, 20.0), n=20, shams=5, seed=4)
    labels = made.labels
    assert labels["kind"].value_counts().to_dict() == {"ignition": 20, "sham": 5}
    true = labels[labels["kind"] == "ignition"]
    # What the real price does by itself is added to what was asked for.
    assert true["displacement_sigma"].between(4.0, 32.0).all()
    assert (true["retrace"] > 0.5).mean() > 0.8
    assert made.tape == bench.transplant(base.tape, (8.0, 20.0), n=20, shams=5, seed=4).tape
    assert made.tape != bench.transplant(base.tape, (8.0, 20.0), n=20, shams=5, seed=5).tape
    scored = bench.detector_score(made)
    assert scored.counts["decoys_sham"] == 5


def test_skill_is_keyed_by_clock_and_displacement() -> None:
    skill = alvh.DetectorSkill.measure(
        seeds=(3,), clocks=(1,), styles=("a",), instruments=("stock",), hours=2.0
    )
    flow = bench.order_flow(3, 2.0, instrument="stock")
    scored = bench.detector_score(flow)
    assert sum(row.of for row in skill.rows) == flow.labels["is_true"].sum()
    assert sum(row.found for row in skill.rows) == scored.counts["hits"]
    assert skill.recall(1, 12.0) == scored.recall(10.0, 20.0)
    assert skill.false_alarms == (scored.counts["false_background"],)
    low, high = skill.false_alarms_interval
    assert low <= skill.false_alarms_per_day <= high
    assert pickle.loads(pickle.dumps(skill)).to_frame().equals(skill.to_frame())
    assert hash(skill) == hash(pickle.loads(pickle.dumps(skill)))
    low, high = skill.recall_interval(1, 12.0)
    assert low <= skill.recall(1, 12.0) <= high
    for key in ((15, 3.0), (1, -1.0)):
        with pytest.raises(ConfigError, match="LAB014"):
            skill.recall(*key)
    with pytest.raises(ConfigError, match="LAB015"):
        alvh.DetectorSkill.measure(seeds=(3,), bins=(5.0, 1.0))


TINY = bench.order_flow(1, 0.01).tape


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("LAB001", lambda: bench.order_flow(1, 0.1, instrument="tulips")),
        ("LAB003", lambda: bench.order_flow(1, 0.1, fields=bench.flow_fields(trade_rate=math.nan))),
        ("LAB003", lambda: bench.order_flow(1, 0.1, fields=bench.flow_fields(branching_same=1.5))),
        ("LAB002", lambda: bench.order_flow(1, 0.1, fields=bench.flow_fields() | {"tick": 1.0})),
        ("LAB004", lambda: bench.order_flow(1, math.inf)),
        ("LAB004", lambda: bench.order_flow(1, 0.0)),
        ("LAB006", lambda: bench.order_flow(1, 0.1, feed="carrier pigeon")),  # type: ignore[arg-type]
        ("LAB007", lambda: bench.order_flow(1, 0.1, clock=7)),
        ("LAB008", lambda: bench.flow_fields(tick=1.0)),
        ("LAB009", lambda: bench.order_flow(-1, 0.1)),
        ("LAB001", lambda: bench.order_flow(1, 0.1, instrument=3)),  # type: ignore[arg-type]
        ("LAB003", lambda: bench.order_flow(1, 0.1, fields=bench.flow_fields(trade_rate=10**400))),
        ("LAB004", lambda: bench.order_flow(1, "a")),  # type: ignore[arg-type]
        ("LAB004", lambda: bench.order_flow(1, 10**400)),
        ("LAB006", lambda: bench.order_flow(1, 0.1, feed=3)),  # type: ignore[arg-type]
        ("LAB007", lambda: bench.order_flow(1, 0.1, clock=[[1]])),  # type: ignore[list-item]
        ("LAB007", lambda: bench.order_flow(1, 0.1, clock=None)),  # type: ignore[arg-type]
        ("LAB007", lambda: bench.transplant(TINY, clock=[1])),  # type: ignore[arg-type]
        ("LAB009", lambda: bench.order_flow("a")),  # type: ignore[arg-type]
        ("LAB009", lambda: bench.order_flow(1.5)),  # type: ignore[arg-type]
        ("LAB012", lambda: bench.transplant(TINY, strengths=(5.0,))),  # type: ignore[arg-type]
        ("LAB012", lambda: bench.transplant(TINY, strengths="ab")),  # type: ignore[arg-type]
        ("LAB012", lambda: bench.transplant(TINY, n="a")),  # type: ignore[arg-type]
        ("LAB016", lambda: bench.order_flow(1, 0.1, style=3)),  # type: ignore[arg-type]
        ("LAB017", lambda: bench.order_flow(1, 0.1, fields=3)),  # type: ignore[arg-type]
        ("LAB017", lambda: bench.order_flow(1, 0.1, fields={"a": object()})),
        ("LAB018", lambda: bench.score([], bench.order_flow(1, 0.1), stage="x")),  # type: ignore[arg-type]
        ("LAB018", lambda: bench.detector_score(bench.order_flow(1, 0.1), stage="x")),  # type: ignore[arg-type]
        ("LAB018", lambda: alvh.DetectorSkill.measure(seeds=(3,), stage="x")),  # type: ignore[arg-type]
        ("LAB015", lambda: alvh.DetectorSkill.measure(seeds=(3,), bins=("a", 1.0))),  # type: ignore[arg-type]
        ("LAB019", lambda: bench.score([], 3)),  # type: ignore[arg-type]
        ("LAB019", lambda: bench.detector_score(3)),  # type: ignore[arg-type]
        ("LAB019", lambda: bench.merged([3])),  # type: ignore[list-item]
        ("LAB019", lambda: bench.choose([])),
        ("LAB019", lambda: bench.choose([3])),  # type: ignore[list-item]
        ("LAB019", lambda: bench.choose(3)),  # type: ignore[arg-type]
        ("LAB020", lambda: bench.threshold_curve([], thresholds={"nope": [1.0]})),
        ("LAB020", lambda: bench.threshold_curve([], thresholds=3)),  # type: ignore[arg-type]
        ("LAB021", lambda: bench.threshold_curve([], thresholds={"vpin": [math.nan]})),
        ("LAB021", lambda: bench.threshold_curve([], factors=3)),  # type: ignore[arg-type]
        ("LAB022", lambda: bench.report([], {})),
        ("LAB022", lambda: bench.report([], 3)),  # type: ignore[arg-type]
        ("LAB012", lambda: bench.transplant(bench.order_flow(1, 0.1).tape, (9.0, 2.0))),
        ("LAB012", lambda: bench.transplant(bench.order_flow(1, 0.1).tape, n=-1)),
        ("LAB013", lambda: bench.transplant(bench.order_flow(1, 0.1).tape, n=1_000)),
    ],
)
def test_bad_arguments_are_named(code: str, call: Any) -> None:
    with pytest.raises(ConfigError) as error:
        call()
    assert error.value.code == code
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("code", "alarms"),
    [
        ("LAB010", None),
        ("LAB010", ([[1], 2], 1, 1)),
        ("LAB010", ([1], [1], [3])),
        ("LAB010", [1.5, 2.5]),
        ("LAB010", [[1, 2]]),
        ("LAB011", [2 * S, S]),
        ("LAB010", ([1], [1, 2], [0])),
    ],
)
def test_alarms_that_are_none_are_refused(code: str, alarms: Any) -> None:
    with pytest.raises(DataError, match=code):
        bench.score(alarms, bench.order_flow(1, 0.1))


@pytest.mark.needs_shared_data
def test_real_books_are_consumed(shared_data: Any) -> None:
    tape = alvh.read_binance(shared_data / "books" / "binance" / "spot_btcusdt_20240808.gz")
    made = bench.transplant(tape, (10.0, 20.0), n=3, shams=2, seed=1)
    labels = made.labels
    assert labels["kind"].value_counts().to_dict() == {"ignition": 3, "sham": 2}
    arrays, real = made.tape.to_arrays(), tape.to_arrays()
    # Before the first episode the tape is the real one; after it, prices are shifted and trades were added.
    first = int(np.searchsorted(real["ts"], labels["onset"].min().value))
    assert first > 100
    for name in ("ts", "action", "side", "price", "size"):
        np.testing.assert_array_equal(arrays[name][:first], real[name][:first])
    added = (arrays["action"] == ord("T")).sum() - (real["action"] == ord("T")).sum()
    assert added >= 3 * 13
    true = labels[labels["kind"] == "ignition"]
    assert (true["displacement_sigma"] > 4.0).all()


@pytest.mark.needs_shared_data
def test_records_of_a_file_are_transplanted_as_their_columns(shared_data: Any) -> None:
    tape = alvh.read_dbn(next((shared_data / "books" / "dbn_es").glob("*_mbp-1_*")))
    columns = tape.slice(0, len(tape))
    made, expected = (bench.transplant(each, (8.0, 20.0), n=2, shams=1, seed=1) for each in (tape, columns))
    assert made.tape == expected.tape
    pd.testing.assert_frame_equal(made.labels, expected.labels)
    assert made.labels["kind"].value_counts().to_dict() == {"ignition": 2, "sham": 1}
    assert len(made.tape) > len(tape)
    assert bench.detector_score(made).counts["decoys_sham"] == 1


@pytest.mark.needs_shared_data
def test_real_orders_of_a_file_are_consumed(shared_data: Any, tmp_path: Any) -> None:
    zstandard = pytest.importorskip("zstandard")
    path = next((shared_data / "books" / "dbn_es").glob("*_mbo_*"))
    with pytest.raises(ConfigError, match="LAB013"):
        bench.transplant(alvh.read_dbn(path), n=1)
    # Two seconds have no room for an episode: the same orders, 200 times slower. That makes pauses of up to 75 s, in
    # which no episode begins, and the last one may not end before the tape does.
    with path.open("rb") as file:
        content = zstandard.ZstdDecompressor().stream_reader(file).read()
    start = 8 + struct.unpack("<I", content[4:8])[0]
    words = np.frombuffer(content[start:], "<i8").reshape(-1, 7).copy()
    words[:, 5] = words[0, 5] + 200 * (words[:, 5] - words[0, 5])
    slow = tmp_path / "slow.mbo.dbn"
    slow.write_bytes(content[:start] + words.tobytes())
    tape = alvh.read_dbn(slow)
    made = bench.transplant(tape, (8.0, 20.0), n=2, shams=2, seed=1)
    assert made.labels["kind"].value_counts().to_dict() == {"ignition": 2, "sham": 2}
    arrays = made.tape.to_arrays()
    assert made.tape.n_levels == 10
    # The first records are a snapshot, whole at its end.
    books = arrays["flags"] & 128 != 0
    assert (arrays["bid_price"][books, 0] < arrays["ask_price"][books, 0]).mean() > 0.99
    assert bench.detector_score(made).counts["decoys_sham"] == 2
