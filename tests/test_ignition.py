"""The detector as Python shows it: configuration, detection, features, sessions, calibration, pictures."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
import sys
from pathlib import Path

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh import _core
from alvh._ignition_calibration import _FACTORS, _taken, poisson_interval
from alvh.errors import ConfigError, DataError, LimitError
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "reference"))

from ignition_flows import MS, START, Flow, ignition, random_steps, tape_of
from ignition_twin import ASK, BID, Step
from test_ignition_twin import EASY


@pytest.fixture(scope="module")
def signal() -> alvh.Signal:
    return alvh.detect(ignition(30).tape())


# Configuration --------------------------------------------------------------------------------------------------------


def test_fields_and_defaults_are_those_of_the_core():
    core = json.loads(_core.ignition_defaults())
    mine = json.loads(alvh.IgnitionConfig().to_json())
    assert mine == core
    assert list(mine) == list(core)


def test_every_field_is_documented_with_its_unit_and_status():
    text = alvh.IgnitionConfig.__doc__ or ""
    for field in dataclasses.fields(alvh.IgnitionConfig):
        assert f"\n    {field.name} : " in text, field.name
    assert text.count("OWN") > 20


def test_the_hash_follows_the_fields_and_not_the_calibration():
    config = alvh.IgnitionConfig()
    assert config.hash == alvh.IgnitionConfig().hash == config.replace(push_z=4.0).hash
    assert len(config.hash) == 64
    assert config.replace(push_z=5.1).hash != config.hash
    assert pickle.loads(pickle.dumps(config)) == config == copy.deepcopy(config)
    assert hash(config) == hash(alvh.IgnitionConfig())
    assert alvh.IgnitionConfig.from_json(config.to_json()) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.push_z = 6.0


def test_numbers_of_other_types_are_taken():
    config = alvh.IgnitionConfig(push_z=6, velocity_z=[1, 2, np.float32(3)], tau_slow=np.int64(50))
    assert (config.push_z, config.velocity_z, config.tau_slow) == ((6.0,) * 3, (1.0, 2.0, 3.0), 50.0)
    masks = [(pd.Timestamp("2024-06-12 14:00", tz="America/New_York"), 1_718_217_000_000_000_000)]
    assert alvh.IgnitionConfig(masks=masks).masks == ((1_718_215_200_000_000_000, 1_718_217_000_000_000_000),)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"clocks": (1.0, 1.5, 2.0)}, "CFG101", "clocks[1]"),
        ({"tau_sigma": 0.0}, "CFG102", "tau_sigma"),
        ({"tau_fast": 2.0}, "CFG103", "tau_fast, tau_mid, tau_slow"),
        ({"push_z": (5.0, 5.0, -1.0)}, "CFG104", "push_z[2]"),
        ({"retrace_share": 1.5}, "CFG105", "retrace_share"),
        ({"masks": [(5, 5)]}, "CFG107", "masks[0]"),
        ({"push_z": (5.0, 5.0)}, "CFG108", "push_z"),
        ({"push_z": (5.0, 5.0, math.nan)}, "CFG108", "push_z[2]"),
        ({"tau_fast": "0.25"}, "CFG108", "tau_fast"),
        ({"tau_fast": True}, "CFG108", "tau_fast"),
        ({"clocks": 1.0}, "CFG108", "clocks"),
        ({"masks": [("2024-06-12 14:00", "2024-06-12 15:00")]}, "CFG108", "masks"),
        ({"masks": 5}, "CFG108", "masks"),
        ({"unknown": 1.0}, "CFG100", "unknown"),
    ],
)
def test_a_broken_field_is_named(changes, code, field):
    with pytest.raises(ConfigError) as caught:
        alvh.IgnitionConfig().replace(**changes)
    assert (caught.value.code, caught.value.field) == (code, field)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "[1]", '{"push": 1}', '{"pu\\nsh": 1}', "nan", '{"masks": ' + "[" * 100_000]
)
def test_broken_json_is_refused(text):
    with pytest.raises(ConfigError, match="CFG100") as caught:
        alvh.IgnitionConfig.from_json(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["tau_fast", "push_z", "clocks", "masks"])
def test_numbers_beyond_a_float_are_refused(name):
    value = [10**400] * 3 if name == "clocks" else 10**400
    with pytest.raises(ConfigError, match=rf"^CFG108 IgnitionConfig {name}") as caught:
        alvh.IgnitionConfig().replace(**{name: value})
    assert len(str(caught.value)) < 160


# Detection ------------------------------------------------------------------------------------------------------------


def test_an_ignition_is_an_episode_with_its_moments_in_order(signal):
    (episode,) = signal.episodes.to_dict("records")
    moments = [episode[name] for name in ("onset", "detected", "cascade", "peak", "end")]
    assert moments == sorted(moments)
    assert all(moment.tzinfo is not None for moment in moments)
    assert (episode["side"], episode["outcome"], episode["confirmed"]) == (1, "reverted", True)
    assert episode["participant"] == 9
    # The push of 30 ticks of 0.25 begins at 5000.125.
    assert episode["peak_price"] == pytest.approx(5_000.125 + 7.5)
    assert episode["reference_price"] == pytest.approx(5_000.2, abs=0.2)
    assert episode["retrace"] >= 0.5
    assert 50.0 < episode["score"] <= 100.0


def test_columns_of_the_documentation_are_there(signal):
    needed = "onset detected cascade peak end side score outcome confirmed clock retrace push_z velocity_z volume_burst"
    needed += " thinning cascade_share levels_swept branching_jump participant"
    assert set(needed.split()) <= set(signal.episodes)
    alarm = signal.transitions["stage"].eq("ignited").idxmax()
    assert list(signal.transitions["stage"][alarm - 1 : alarm + 3]) == ["armed", "ignited", "cascade", "idle"]
    assert list(signal.transitions["outcome"][alarm : alarm + 3]) == ["open", "open", "reverted"]
    empty = alvh.detect(Flow(1).calm(1).tape())
    assert list(empty.episodes.columns) == list(signal.episodes.columns)
    assert list(empty.episodes.dtypes) == list(signal.episodes.dtypes)


def test_a_down_move_mirrors_an_up_move():
    up, down = (alvh.detect(ignition(ticks).tape()) for ticks in (30, -30))
    assert list(up.episodes["side"]) == [1]
    assert list(down.episodes["side"]) == [-1]


def mirrored(steps: list[Step], centre: int) -> list[Step]:
    """Bids become asks, buyers sellers, and prices are reflected."""
    other = {BID: ASK, ASK: BID}

    def flip(side: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((centre - price, size) for price, size in side)

    return [
        dataclasses.replace(
            step,
            side=other.get(step.side, step.side),
            price=None if step.price is None else centre - step.price,
            bids=flip(step.asks),
            asks=flip(step.bids),
        )
        for step in steps
    ]


def moved(steps: list[Step], ticks: int) -> list[Step]:
    def shift(side: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((price + ticks, size) for price, size in side)

    return [
        dataclasses.replace(
            step,
            price=None if step.price is None else step.price + ticks,
            bids=shift(step.bids),
            asks=shift(step.asks),
        )
        for step in steps
    ]


# Thresholds in basis points depend on the level of prices: without them nothing does.
LEVEL_FREE = EASY.replace(move_bp=0.0, cascade_bp=0.0)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_reflected_books_give_reflected_episodes(seed):
    steps = random_steps(seed, 1_200)
    mine = alvh.detect(tape_of(steps), LEVEL_FREE)
    theirs = alvh.detect(tape_of(mirrored(steps, 40_000)), LEVEL_FREE)
    pd.testing.assert_series_equal(mine.episodes["side"], -theirs.episodes["side"])
    for name in ("onset_event", "detected_event", "cascade_event", "end_event", "outcome"):
        pd.testing.assert_series_equal(mine.episodes[name], theirs.episodes[name])
    for name in ("score", "push_z", "velocity_z", "thinning", "retrace"):
        np.testing.assert_allclose(mine.episodes[name], theirs.episodes[name], rtol=1e-6, atol=1e-9)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), ticks=st.sampled_from([-10_000, -7, 1, 640, 100_000]))
def test_another_level_of_prices_changes_no_feature_in_standard_deviations(seed, ticks):
    steps = random_steps(seed, 800)
    mine = alvh.features(tape_of(steps), LEVEL_FREE, every="event")
    theirs = alvh.features(tape_of(moved(steps, ticks)), LEVEL_FREE, every="event")
    for name in _core.FEATURE_NAMES:
        if name != "mid":
            np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-7, atol=1e-6, err_msg=name)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.05, 0.95))
def test_nothing_sees_its_future(seed, share):
    tape = tape_of(random_steps(seed, 1_500))
    k = int(share * len(tape))
    whole, cut = alvh.detect(tape, EASY), alvh.detect(tape.slice(0, k), EASY)
    moves = whole.transitions[whole.transitions["event"] < k]
    pd.testing.assert_frame_equal(cut.transitions, moves)
    rows = len(cut.timeline)
    pd.testing.assert_frame_equal(cut.timeline, whole.timeline.iloc[:rows])
    assert rows == len(whole.timeline) or whole._raw["timeline"]["known"][rows] >= cut._raw["end"]
    # An alarm is there with all that was known when it came; its outcome may be open still.
    seen = whole.episodes[whole.episodes["detected_event"] < k]
    known = ["onset", "detected", "side", "clock", "was_armed", "reference_price", "detected_price", "sigma"]
    pd.testing.assert_frame_equal(cut.episodes[known], seen[known])
    over = (seen["end_event"] >= 0) & (seen["end_event"] < k)
    pd.testing.assert_frame_equal(cut.episodes[over.to_numpy()], seen[over])
    assert (cut.episodes["outcome"][~over.to_numpy()] == "open").all()
    few = alvh.features(tape.slice(0, k), EASY, every="500ms", clock=1)
    pd.testing.assert_frame_equal(few, alvh.features(tape, EASY, every="500ms", clock=1).iloc[: len(few)])


def test_evidence_is_the_tape_from_onset_to_end(signal):
    evidence = signal.evidence(0)
    row = signal.episodes.iloc[0]
    assert (evidence.index[0], evidence.index[-1]) == (row["onset_event"], row["end_event"])
    assert len(evidence) == row["end_event"] - row["onset_event"] + 1
    marked = evidence["moment"][evidence["moment"] != ""]
    assert list(marked) == ["onset", "detected", "cascade", "peak", "end"]
    for name, number in zip(marked, marked.index, strict=True):
        assert evidence.loc[number, "time"] == row[name]
    sweep = evidence[(evidence["participant"] == 9) & (evidence["action"] == "T")]
    assert len(sweep) == 30
    assert (sweep["side"] == BID).all()
    assert sweep["price"].diff().dropna().to_numpy() == pytest.approx(0.25)
    arrays = signal.tape.to_arrays()
    part = slice(int(evidence.index[0]), int(evidence.index[-1]) + 1)
    np.testing.assert_array_equal(evidence["size"], arrays["size"][part])


@pytest.mark.parametrize("episode", [-1, 1, "0", None, False])
def test_an_episode_that_is_not_there_is_named(signal, episode):
    with pytest.raises(ConfigError, match="IGN025 Signal episode"):
        signal.evidence(episode)


def test_a_signal_pickles_compares_and_is_short(signal):
    again = pickle.loads(pickle.dumps(signal))
    assert again == signal
    pd.testing.assert_frame_equal(again.episodes, signal.episodes)
    assert again != alvh.detect(ignition(30).tape(), alvh.IgnitionConfig(cool_down=6.0))
    assert signal != 5
    assert len(repr(signal)) < 200
    assert "\n" not in repr(signal)
    page = signal._repr_html_()
    assert "reverted" in page
    assert len(page) < 20_000
    assert repr(alvh.detect(Flow(1).calm(0.1).tape())).startswith("Signal(6 events, 0 s scored")


def test_summary_counts(signal):
    found = signal.summary()
    assert (found["alarms"], found["reverted"], found["expired"]) == (1, 1, 0)
    assert found["scored_seconds"] == signal.scored_seconds == signal.timeline["is_scored"].sum()
    assert found["config_hash"] == signal.config.hash == signal.thresholds["config_hash"]
    assert {"thinning", "alarm_score", "push_z"} <= set(signal.thresholds)
    # Half a minute of warm-up is not scored.
    assert not signal.timeline["is_scored"].iloc[:29].any()
    assert signal.timeline["is_scored"].iloc[31:].all()


def test_arguments_of_another_kind_are_named():
    with pytest.raises(ConfigError, match="IGN022 detect tape: got list"):
        alvh.detect([1, 2])
    with pytest.raises(ConfigError, match="IGN023 detect config: got dict"):
        alvh.detect(Flow(1).calm(1).tape(), {})
    for clock in (3, -1, 1.5, None, "1", True, 10**30):
        with pytest.raises(ConfigError, match=r"^IGN010 features clock: got "):
            alvh.features(Flow(1).calm(1).tape(), clock=clock)
    for levels in (0, 11, -1, 1.5, None, 10**30):
        with pytest.raises(ConfigError, match=r"^IGN060 order_flow_imbalance levels: got "):
            alvh.order_flow_imbalance(Flow(1).calm(1).tape(), levels)
    with pytest.raises(ConfigError, match=r"^IGN023 calibrate base: got int"):
        alvh.IgnitionConfig.calibrate(Flow(1).calm(1).tape(), base=3)
    for value in (10**400, "1", None, 0):
        with pytest.raises(ConfigError, match=r"^IGN021 calibrate alarms_per_day: got "):
            alvh.IgnitionConfig.calibrate(Flow(1).calm(1).tape(), value)
    with pytest.raises(ConfigError, match=r"^IGN047 detect progress: got 3"):
        alvh.detect(Flow(1).calm(1).tape(), progress=3)
    with pytest.raises(ConfigError, match=r"^IGN029 plot figure: got int"):
        alvh.detect(Flow(1).calm(1).tape()).plot(figure=3)
    for every in ("often", "0s", "-1s", 5):
        with pytest.raises(ConfigError, match="IGN024 features every"):
            alvh.features(Flow(1).calm(1).tape(), every=every)


def test_progress_is_heard_and_its_error_ends_the_detection():
    n = 4_000_000
    sizes = np.random.default_rng(1).integers(1, 99, n)
    tape = alvh.events.from_arrays(
        ts=START + np.arange(n) * 1_000_000,
        action=np.full(n, ord("M"), np.uint8),
        side=np.tile(np.frombuffer(b"BA", np.uint8), n // 2),
        price=np.tile([20_000, 20_001], n // 2),
        size=sizes,
        tick_size=0.25,
    )
    heard: list[float] = []
    alvh.detect(tape, progress=heard.append)
    assert heard
    assert heard == sorted(heard)

    def fail(seconds: float) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        alvh.detect(tape, progress=fail)


# Features -------------------------------------------------------------------------------------------------------------


def test_features_have_every_name_and_one_row_a_second():
    frame = alvh.features(ignition(30).tape())
    assert set(_core.FEATURE_NAMES) < set(frame)
    assert {"vpin", "intensity_10ms", "ultrafast_run", "is_ultrafast", "follow_on", "event"} < set(frame)
    seconds = frame.index.floor("1s")
    assert seconds.is_unique
    assert frame["is_ultrafast"].dtype == bool
    assert frame["push_z"].abs().max() > 20.0


def test_vpin_and_runs_of_a_hand_made_tape():
    flow = Flow(1).calm(1)
    for _ in range(100):
        flow.ts += 10 * MS
        flow.event("T", BID, flow.bid + 1, 10)
    frame = alvh.features(flow.tape(), alvh.IgnitionConfig(vpin_bucket=10), every="event")
    assert math.isnan(frame["vpin"].iloc[0])
    assert frame["vpin"].iloc[-1] == 1.0
    fall = Flow(1).calm(1)
    for _ in range(200):
        fall.ts += 5 * MS
        fall.event("T", ASK, fall.bid, 1)
        fall.bid -= 1
    frame = alvh.features(fall.tape(), every="event")
    assert frame["ultrafast_run"].iloc[-1] >= 199
    assert frame["is_ultrafast"].iloc[-1]
    assert not frame["is_ultrafast"].iloc[0]


# Sessions -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def days() -> alvh.Signal:
    """Five sessions that begin at 09:31 New York, each with a push after a minute."""
    steps: list[Step] = []
    for i, day in enumerate(alvh.calendar.sessions("2023-11-20", "2023-11-27")):
        start = pd.Timestamp(f"{day} 09:31", tz="America/New_York")
        steps += Flow(i, start=start.value).calm(60).burst(1).push(20 + i).drift(-15).calm(30).steps
    return alvh.detect(tape_of(steps))


def test_sessions_are_those_of_new_york_with_their_early_close(days):
    table = days.by_session(lookback=2)
    assert list(table.index.strftime("%m-%d")) == ["11-20", "11-21", "11-22", "11-24", "11-27"]
    close = table["end"].dt.tz_convert("America/New_York").dt.strftime("%H:%M")
    assert list(close) == ["16:00", "16:00", "16:00", "13:00", "16:00"]
    # What a session gave can be used at the next open, over the holiday and the weekend.
    opened = table["usable_from"].dt.tz_convert("America/New_York").dt.strftime("%m-%d %H:%M")
    assert list(opened) == ["11-21 09:30", "11-22 09:30", "11-24 09:30", "11-27 09:30", "11-28 09:30"]
    assert list(table["is_complete"]) == [True] * 4 + [False]
    assert (table["episodes"] >= 1).all()
    assert (table["first_armed"] < table["first_ignited"]).all()
    assert (table["score"] > 90.0).all()


def test_ratios_are_to_the_median_of_the_sessions_before(days):
    table = days.by_session(lookback=3)
    ratio = table["quick_ratio"].to_numpy()
    expected = [np.nan] * 3 + [ratio[i] / np.median(ratio[i - 3 : i]) for i in (3, 4)]
    np.testing.assert_allclose(table["quick_ratio_relative"], expected)


def test_earlier_tapes_can_be_given(days):
    whole = days.by_session(lookback=3)
    split = int(np.searchsorted(days.tape.to_arrays()["ts"], whole["start"].iloc[3].value))
    past = alvh.detect(days.tape.slice(0, split)).by_session(lookback=3)
    later = alvh.detect(days.tape.slice(split)).by_session(lookback=3, past=past)
    assert later["quick_ratio_relative"].notna().all()
    assert len(later) == 2
    with pytest.raises(ConfigError, match="IGN026 by_session past"):
        days.by_session(past=pd.DataFrame({"a": [1]}))


def test_bars_add_up_to_sessions(days):
    bars, table = days.by_session(bar="30min", lookback=2), days.by_session(lookback=2)
    assert bars.index.names == ["session", "start"]
    grouped = bars.groupby("session")
    pd.testing.assert_series_equal(grouped["score"].max(), table["score"])
    pd.testing.assert_series_equal(grouped["quick_ratio"].min(), table["quick_ratio"])
    for name in ("episodes", "confirmed", "armed", "scored"):
        pd.testing.assert_series_equal(grouped[name].sum(), table[name])
    starts = bars.index.get_level_values("start")
    # Decided on one bar, filled at the end of the next one; at the next open after the last.
    assert (bars["usable_from"] > bars["end"]).all()
    inside = bars.index.get_level_values("session")[:-1] == bars.index.get_level_values("session")[1:]
    assert (bars["usable_from"].iloc[:-1][inside].to_numpy() == bars["end"].iloc[1:][inside].to_numpy()).all()
    assert starts.is_unique


def test_sessions_do_not_see_their_future(days):
    whole = days.by_session(bar="30min", lookback=2)
    cut_at = int(np.searchsorted(days.tape.to_arrays()["ts"], days.episodes["detected"].iloc[-1].value))
    cut = alvh.detect(days.tape.slice(0, cut_at)).by_session(bar="30min", lookback=2)
    done = cut[cut["is_complete"]]
    assert len(done) > 30
    pd.testing.assert_frame_equal(done, whole.loc[done.index])


def test_days_of_utc_and_calendars_of_ones_own(days):
    table = days.by_session("24h")
    assert (table["end"] - table["start"] == pd.Timedelta("1D")).all()
    mine = pd.DataFrame(
        {
            "open": pd.to_datetime(["2023-11-20 09:00", "2023-11-21 09:00"]).tz_localize("America/New_York"),
            "close": pd.to_datetime(["2023-11-20 17:00", "2023-11-21 17:00"]).tz_localize("America/New_York"),
        }
    )
    table = days.by_session(mine)
    assert list(table.index.strftime("%m-%d")) == ["11-20", "11-21"]
    assert pd.isna(table["usable_from"].iloc[-1])


@pytest.mark.parametrize(
    "arguments",
    [
        {"calendar": "XNYS"},
        {"calendar": pd.DataFrame({"open": [1], "close": [2]})},
        {"bar": "often"},
        {"bar": 30},
        {"lookback": 0},
    ],
)
def test_sessions_of_another_kind_are_named(days, arguments):
    with pytest.raises(ConfigError, match="IGN026 by_session"):
        days.by_session(**arguments)


@pytest.mark.parametrize("bar", ["1ns", "1us", "1ms"])
def test_more_bars_than_memory_holds_are_refused_before_they_are_made(days, bar):
    with pytest.raises(
        LimitError, match=r"^IGN048 by_session bar: got [\d,]+ bars of '1.s', expected at most 2,000,000"
    ):
        days.by_session(bar=bar)


def test_only_what_was_scored_counts(days):
    table = days.by_session("24h")
    rows = days.timeline[days.timeline["is_scored"]]
    # The last second of each day became known on the next: it is left out.
    last = (rows["known"] - rows.index) > pd.Timedelta("30s")
    assert 0 < last.sum() < 5
    assert table["scored"].sum() == len(rows) - last.sum()
    assert (
        table["score"].to_numpy() == rows[~last]["score"].groupby(rows[~last].index.date).max().to_numpy()
    ).all()


def test_a_tape_outside_any_session_has_no_rows():
    saturday = pd.Timestamp("2023-11-18 12:00", tz="America/New_York").value
    found = alvh.detect(Flow(1, start=saturday).calm(5).tape())
    assert len(found.by_session()) == 0
    assert len(found.by_session("24h")) == 1
    assert len(alvh.detect(Flow(1).calm(0.1).tape()).by_session("24h", bar="1h")) == 0


# Calibration ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noisy() -> alvh.events.Tape:
    """Ten minutes with a small push now and then: ordinary, but not quiet."""
    rng = np.random.default_rng(3)
    flow = Flow(3).calm(40)
    for _ in range(40):
        flow.burst(0.4).push(int(rng.integers(3, 16)) * int(rng.choice([-1, 1])), int(rng.integers(5, 60)))
        flow.calm(float(rng.uniform(8, 18)))
    return flow.tape()


def test_calibration_raises_thresholds_until_alarms_are_rare(noisy):
    config = alvh.IgnitionConfig.calibrate(noisy, alarms_per_day=300, confirmed_per_day=300)
    report = config.calibration
    assert report is not None
    assert report.factor > 1.0
    assert config.push_z == tuple(4.0 * report.factor for _ in range(3))
    assert config.velocity_z == tuple(1.5 * report.factor for _ in range(3))
    weights = alvh.IgnitionConfig().score_weights
    assert config.score_weights == (weights[0] / report.factor, weights[1] / report.factor, *weights[2:])
    curve = report.curve
    assert list(curve.index) == list(report.factors)
    at = curve.index.get_loc(report.factor)
    assert curve["early"].iloc[at] == len(alvh.detect(noisy, config).episodes)
    assert (curve["early_per_day_low"] <= curve["early_per_day"]).all()
    assert (curve["early_per_day_high"] >= curve["early_per_day"]).all()
    assert curve["early"].iloc[0] > curve["early"].iloc[-1]
    # The factor before does not meet the target, or has a larger one after it that does not.
    assert report.is_met
    tighter = alvh.IgnitionConfig.calibrate(noisy, alarms_per_day=100, confirmed_per_day=300)
    assert tighter.calibration.factor >= report.factor
    assert any("95 % interval" in sentence for sentence in report.sentences())


def test_confirmed_events_are_no_more_than_alarms(noisy):
    never = alvh.IgnitionConfig(retrace_windows=1e-3)
    report = alvh.IgnitionConfig.calibrate(noisy, 100, 300, base=never).calibration
    days = report.hours / report.hours_per_day
    assert not any(report.confirmed)
    assert report.expected[1] == report.expected[0] < poisson_interval(0)[1] / days
    assert report.basis[1] == report.basis[0] == "extrapolated"


def test_the_factor_taken_has_no_worse_one_after_it():
    n = len(_FACTORS)
    one = _FACTORS.index(1.0)

    def pattern(*ranges: tuple[int, int]) -> np.ndarray:
        flags = np.zeros(n, bool)
        for first, last in ranges:
            flags[first:last] = True
        return flags

    some = np.ones(n, np.int64)
    assert _taken(pattern((0, n)), some) == (one, True)
    assert _taken(pattern((one, one + 3), (one + 5, n)), some) == (one + 5, True)
    assert _taken(pattern((one, n - 1)), some) == (n - 1, False)
    assert _taken(pattern(), np.where(np.arange(n) < one + 2, 3, 0)) == (one + 2, False)


def test_a_quiet_tape_keeps_the_thresholds_and_says_what_it_cannot_show():
    config = alvh.IgnitionConfig.calibrate(Flow(4).calm(120).tape())
    report = config.calibration
    assert report.factor == 1.0
    assert config == alvh.IgnitionConfig()
    assert not report.is_met
    assert report.basis == ("bound", "bound")
    days = report.hours / report.hours_per_day
    assert report.expected[1] == pytest.approx(-math.log(0.025) / days)
    text = " ".join(report.sentences())
    # The factor was chosen on this tape: what it shows is for other hours to say.
    assert "shown" not in text
    assert "only hours it was not chosen on can show that a target is met" in text
    assert "this part of the tape is too short for that" in text


def test_calibration_looks_no_further_than_it_is_told(noisy):
    until = pd.Timestamp(START + 240 * 10**9, tz="UTC")
    at = int(np.searchsorted(noisy.to_arrays()["ts"], until.value))
    # The cut tape goes on a little: the second before the cut has to end.
    cut = noisy.slice(0, at + 200)
    mine = alvh.IgnitionConfig.calibrate(noisy, until=until).calibration
    assert mine == alvh.IgnitionConfig.calibrate(cut, until=until.value).calibration
    assert mine.hours < alvh.IgnitionConfig.calibrate(noisy).calibration.hours


def test_calibration_is_kept_beside_the_configuration(noisy):
    config = alvh.IgnitionConfig.calibrate(noisy, base=alvh.IgnitionConfig(cool_down=6.0))
    assert config.cool_down == 6.0
    again = pickle.loads(pickle.dumps(config))
    assert again.calibration == config.calibration
    assert config.replace(cool_down=7.0).calibration is None
    thresholds = alvh.detect(noisy, config).thresholds
    assert json.loads(json.dumps(thresholds))["calibration"]["factor"] == config.calibration.factor


def test_calibration_refuses_what_it_cannot_use(noisy):
    with pytest.raises(DataError, match="IGN020"):
        alvh.IgnitionConfig.calibrate(Flow(1).calm(5).tape())
    for name in ("alarms_per_day", "confirmed_per_day", "hours_per_day"):
        with pytest.raises(ConfigError, match=f"IGN021 calibrate {name}"):
            alvh.IgnitionConfig.calibrate(noisy, **{name: 0.0})


def test_poisson_intervals_are_exact():
    from scipy.stats import chi2

    for count in (0, 1, 2, 5, 30, 120, 480):
        low, high = poisson_interval(count)
        assert low == pytest.approx(0.0 if count == 0 else chi2.ppf(0.025, 2 * count) / 2, rel=1e-9)
        assert high == pytest.approx(chi2.ppf(0.975, 2 * count + 2) / 2, rel=1e-9)
    for count in (501, 5_000):
        low, high = poisson_interval(count)
        assert low == pytest.approx(chi2.ppf(0.025, 2 * count) / 2, rel=1e-4)
        assert high == pytest.approx(chi2.ppf(0.975, 2 * count + 2) / 2, rel=1e-4)


# Pictures -------------------------------------------------------------------------------------------------------------


def test_pictures_name_their_axes_and_episodes(signal):
    axes = signal.plot()
    texts = [ax.get_ylabel() for ax in axes.figure.axes]
    assert texts == ["mid, currency", "score, 0 to 100"]
    assert [text.get_text() for text in axes.figure.legends[0].get_texts()] == ["reverted (1)"]
    axes = signal.plot(0)
    labels = {ax.get_ylabel() for ax in axes.figure.axes}
    assert {"price, currency", "volume, lots\nsold | bought", "resting size, lots"} <= labels
    assert "reverted" in axes.figure.get_suptitle()
    with pytest.raises(ConfigError, match="IGN025"):
        signal.plot(7)


def test_the_heat_map_holds_the_book(signal):
    row = signal.episodes.iloc[0]
    start, stop = row["detected"].value, row["end"].value
    raw = _core.ignition_books(signal.tape._core, start, stop, 50)
    arrays = signal.tape.to_arrays()
    ends = start + (np.arange(50) + 1) * (stop - start) / 50
    for k, end in enumerate(ends):
        at = int(np.searchsorted(arrays["ts"], end, "left")) - 1
        np.testing.assert_array_equal(raw["bid_price"][k], arrays["bid_price"][at])
        np.testing.assert_array_equal(raw["ask_size"][k], arrays["ask_size"][at])
    inside = (arrays["ts"] >= start) & (arrays["ts"] < stop) & (arrays["action"] == ord("T"))
    np.testing.assert_array_equal(raw["time"], arrays["ts"][inside])
    assert not raw["bid_price"].flags.writeable


def test_pictures_need_neither_symbols_nor_whole_seconds():
    axes = alvh.detect(Flow(1).calm(0.1).tape()).plot()
    assert "nothing was scored" in axes.texts[0].get_text()


# Real tapes -----------------------------------------------------------------------------------------------------------

ES = "books/dbn_es"
RECORDS = {
    "mbp-1": f"{ES}/historical_bars_catalog__databento__futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst",
    "mbo": f"{ES}/order_book_deltas_catalog__databento__orderbooks_mbo_2024-05-08T00-00-00_2024-05-08T00-00-02.dbn.zst",
}


@pytest.mark.needs_shared_data
@pytest.mark.parametrize("schema", RECORDS)
def test_records_and_their_columns_give_the_same(shared_data, schema):
    records = alvh.read_dbn(shared_data / RECORDS[schema])
    columns = pickle.loads(pickle.dumps(records))
    assert (records.feed == "dbn", columns.feed == "dbn") == (True, False)
    # Half a second of warm-up, so that there is something to compare in two seconds.
    config = EASY.replace(warm_up=0.02)
    mine, theirs = alvh.detect(records, config), alvh.detect(columns, config)
    pd.testing.assert_frame_equal(mine.transitions, theirs.transitions)
    pd.testing.assert_frame_equal(mine.timeline, theirs.timeline)
    assert len(mine.transitions) > 0
    frames = [alvh.features(tape, config, every="100ms") for tape in (records, columns)]
    pd.testing.assert_frame_equal(*frames)
    assert len(frames[0]) > 10
    if len(mine.episodes):
        pd.testing.assert_frame_equal(mine.evidence(0), theirs.evidence(0))
        assert mine.plot(0).figure is not None


@pytest.mark.needs_shared_data
def test_trades_without_a_book_are_refused(shared_data):
    tape = alvh.read_dbn(shared_data / "books/dbn/test_data.trades.v3.dbn.zst", tick_size=0.25)
    for work in (alvh.detect, alvh.features):
        with pytest.raises(DataError, match=r"IGN005 .* schema: got trades without a book") as caught:
            work(tape)
        assert type(caught.value).__name__ == "SchemaError"
