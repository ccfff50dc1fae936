"""Signals and phases: twin, TA-Lib, golden numbers, inputs of a history, pictures."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh import _core, signals
from alvh.history import History

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import signal_histories
import signals_twin

# Histories of the twin; a few hundred rows each in one call of the core.
N_DAILY, N_BARS = 850, 150


def assert_equal(table: pd.DataFrame, readings: list[dict[str, Any]], label: str) -> None:
    assert len(table) == len(readings)
    for name in table.columns:
        if name in ("spot", "vix", "macd_cross", "ignition_score", "ignition_side"):
            continue
        got = table[name].to_numpy()
        want = np.array([reading[name] for reading in readings])
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12, err_msg=f"{label} {name}")
        else:
            assert list(got) == list(want), f"{label} {name}"


@pytest.mark.parametrize("chunk", range(10))
def test_the_twin_agrees_over_a_thousand_random_histories(chunk: int) -> None:
    seen: dict[str, int] = dict.fromkeys((*signals.SIGNALS, *signals.PHASES), 0)
    for index in range(chunk, N_DAILY + N_BARS, 10):
        rng = np.random.default_rng([2026, index])
        is_bars = index >= N_DAILY
        every = int(rng.choice([1, 1, 3, 15]))
        n = int(rng.integers(20, 36)) if is_bars else int(rng.integers(25, 60))
        history = History(signal_histories.random_columns(rng, n, every=every, bars=is_bars))
        config = signal_histories.random_config(rng, step=is_bars)
        table = signals.compute(history, config, every_step=True)
        readings = signals_twin.walk(signal_histories.rows_of(history), config._encode())
        assert_equal(table, readings, f"history {index}")
        for name in signals.SIGNALS:
            seen[name] += int((table[name] > 0).sum())
        for name in signals.PHASES:
            seen[name] += int((table["phase"] == name).sum())
    # Agreement on nothing would be easy: everything happened.
    assert min(seen.values()) > 20, seen


def history_of(spot: Any, vix: Any, **columns: Any) -> History:
    day = alvh.calendar.sessions("2000-01-03", "2020-12-31")[: len(spot)].astype(np.int32)
    return History(
        {
            "day": day,
            "spx_close": np.asarray(spot, float),
            "vix_close": np.asarray(vix, float),
            **{k: np.asarray(v) for k, v in columns.items()},
        }
    )


def test_defaults_of_python_are_those_of_the_core() -> None:
    core = json.loads(_core.check_signal_config("{}"))
    assert core == json.loads(json.dumps(alvh.SignalConfig()._encode()))
    assert sum(core["weights"].values()) == pytest.approx(1.0, abs=1e-15)


def test_rsi_and_macd_are_those_of_ta_lib_from_their_first_value() -> None:
    talib = pytest.importorskip("talib")
    rng = np.random.default_rng(7)
    spot = np.round(1_500.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 3_000))), 2)
    vix = np.round(18.0 * np.exp(0.3 * np.sin(np.arange(3_000) / 40.0) + rng.normal(0.0, 0.05, 3_000)), 2)
    table = signals.compute(history_of(spot, vix))
    line, signal, _ = talib.MACD(vix, 12, 26, 9)
    for name, want in (
        ("spx_rsi_value", talib.RSI(spot, 14)),
        ("vix_rsi_value", talib.RSI(vix, 14)),
        ("macd_signal", signal),
    ):
        got = table[name].to_numpy()
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=name)
        np.testing.assert_allclose(got, want, rtol=0.0, atol=1e-10, err_msg=name)
    # TA-Lib shows the line only where the signal is there too.
    known = ~np.isnan(line)
    np.testing.assert_allclose(table["macd"].to_numpy()[known], line[known], rtol=0.0, atol=1e-10)
    assert np.flatnonzero(known)[0] == 33


def test_golden_expected_daily_range() -> None:
    # Returns of one size and changing sign have mean 0: the size that gives HV20 = 17.95.
    size = 0.1795 / math.sqrt(252.0) / math.sqrt(20.0 / 19.0)
    spot = 7_138.80 * np.exp(size * (np.arange(41) % 2))
    history = history_of(spot, np.full(41, 17.95), vix9d_close=np.full(41, 17.95))
    table = signals.compute(history, alvh.SignalConfig(edr_multiple=1.026))
    daily_range = table["daily_range"].iloc[-1]
    assert daily_range == pytest.approx(1.160, abs=5e-4)
    assert daily_range / 100.0 * 7_138.80 == pytest.approx(82.8, abs=0.05)
    assert table["edr"].iloc[-1] == 1.0
    plain = signals.compute(history)["daily_range"].iloc[-1]
    assert plain == pytest.approx(daily_range / 1.026, rel=1e-14)


def test_ramps_at_published_levels() -> None:
    spot = np.linspace(1_000.0, 1_100.0, 6)
    table = signals.compute(history_of(spot, [15.0, 16.0, 18.0, 20.0, 24.0, 60.0]))
    assert table["vix_level"].tolist() == [0.0, 0.0, 0.25, 0.5, 1.0, 1.0]


def test_an_absent_group_counts_nothing_and_is_not_redistributed() -> None:
    rng = np.random.default_rng(3)
    spot = 1_500.0 * np.exp(np.cumsum(rng.normal(-0.01, 0.02, 60)))
    table = signals.compute(history_of(spot, np.linspace(20.0, 60.0, 60)))
    last = table.iloc[-1]
    assert math.isnan(last["microstructure"])
    assert math.isnan(last["valuation"])
    assert math.isnan(last["macro"])
    assert last["raw_score"] == pytest.approx(0.40 * last["volatility"] + 0.25 * last["breadth"], rel=1e-15)
    alone = alvh.SignalConfig(weights=signals.GroupWeights(breadth=0.0))
    lonely = signals.compute(history_of(spot, np.linspace(20.0, 60.0, 60)), alone)
    assert (lonely["score"] == 0.0).all()
    assert lonely["raw_score"].iloc[-1] > 0.2


def test_a_user_adds_a_signal_by_a_column_and_a_ramp() -> None:
    history = history_of(np.full(5, 1_000.0), np.full(5, 12.0))
    mood = pd.DataFrame({"mood": [0.0, 5.0, 10.0, np.nan, 20.0]}, index=pd.DatetimeIndex(history.sessions))
    history = history.with_signals(mood, user=("mood",))
    config = alvh.SignalConfig(user=(alvh.UserSignal("panic", "macro", "mood", (0.0, 10.0)),))
    table = signals.compute(history, config)
    np.testing.assert_array_equal(table["panic"], [0.0, 0.5, 1.0, np.nan, 1.0])
    np.testing.assert_array_equal(table["macro"], table["panic"])
    with pytest.raises(alvh.ConfigError, match=r'SIG013 SignalConfig user\[0\].column: got "moods"'):
        signals.compute(history, _user("moods"))


def _user(column: str) -> alvh.SignalConfig:
    return alvh.SignalConfig(user=(alvh.UserSignal("panic", "macro", column, (0.0, 10.0)),))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: alvh.SignalConfig(vix_level=(16.0, 16.0)), "SIG001 SignalConfig vix_level: got"),
        (lambda: alvh.SignalConfig(rsi_period=1), "SIG002 SignalConfig rsi_period: got 1, expected 2..2520"),
        (lambda: alvh.SignalConfig(macd_fast=30), "SIG003 SignalConfig macd_fast: got 30"),
        (
            lambda: alvh.SignalConfig(edr_multiple=0.5),
            "SIG004 SignalConfig edr_multiple: got 0.5, expected 0.8..2",
        ),
        (lambda: alvh.SignalConfig(off=("vix",)), "SIG007 SignalConfig off: got"),
        (lambda: alvh.SignalConfig(quorum=6), "SIG006 SignalConfig quorum: got 6"),
        (lambda: alvh.SignalConfig(rate_sign="up"), "CFG097 SignalConfig rate_sign: got 'up'"),
        (lambda: alvh.SignalConfig(carry_floor=math.nan), "CFG099 SignalConfig carry_floor: got nan"),
        (lambda: signals.PhaseConfig(average=1), "SIG020 PhaseConfig average: got 1"),
        (lambda: signals.PhaseConfig(give_back=2.0), "SIG021 PhaseConfig give_back: got 2"),
        (lambda: signals.GroupWeights(macro=-0.1), "SIG014 SignalConfig weights.macro: got -0.1"),
        (lambda: alvh.UserSignal("edr", "macro", "x", (0.0, 1.0)), "SIG010 SignalConfig name: got"),
        (lambda: alvh.UserSignal("x", "macro", "reit", (0.0, 1.0)), "SIG011 SignalConfig column: got"),
        (lambda: signals.compute(3), "SIG038 signals history: got int"),
    ],
)
def test_bad_configurations_are_refused_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(alvh.ConfigError) as error:
        make()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_pictures_are_drawn_and_an_empty_window_is_refused() -> None:
    history = History(signal_histories.random_columns(np.random.default_rng(5), 120))
    table, phases = signals.compute(history), signals.phases(history)
    assert len(table.plot().axes) == 3
    assert len(phases.plot().axes) == 2
    assert list(phases.columns) == ["spot", "vix", "phase", "phase_sessions", "event_driven"]
    with pytest.raises(alvh.DataError, match="SIG039 plot start: got no row"):
        phases.plot("1990-01-01", "1990-02-01")


@pytest.mark.needs_shared_data
def test_every_session_since_1990_has_a_phase_and_crashes_are_expansions(shared_data: Path) -> None:
    daily = shared_data / "daily"
    history = History.load(daily / "spx_close_1990.csv", daily / "vix.csv", vx=daily / "vx1_to_vx8.csv")
    history = history.with_signals(events={"fomc": shared_data / "macro" / "fomc_dates.csv"})
    phases = signals.phases(history)
    assert phases.index[0] == pd.Timestamp("1990-01-02")
    assert phases["phase"].notna().all()
    assert len(phases) == 7_056
    assert set(phases["phase"]) == set(signals.PHASES)
    for crash in ("2008-10-10", "2010-05-07", "2011-08-08", "2015-08-24"):
        assert phases["phase"][crash] == "expansion", crash
    # The calmest year of the index.
    assert (phases.loc["1995", "phase"] == "expansion").mean() < 0.05
