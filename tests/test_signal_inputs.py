"""`History.with_signals`: names, dates, times of knowledge, holes, event files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alvh
import numpy as np
import pandas as pd
import polars as pl
import pytest
from alvh import signals
from alvh.history import History

SESSIONS = alvh.calendar.sessions("2016-03-01", "2016-04-29")


def history() -> History:
    n = SESSIONS.size
    return History(
        {"day": SESSIONS.astype(np.int32), "spx_close": np.full(n, 2_000.0), "vix_close": np.full(n, 15.0)}
    )


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.DatetimeIndex(SESSIONS, name="session"))


def test_frames_of_any_kind_give_the_same_columns() -> None:
    n = SESSIONS.size
    table = frame(
        advances=np.arange(n) + 10.0, declines=np.full(n, 12.0), foreign_2y_de=1.0, foreign_2y_jp=3.0
    )
    first = history().with_signals(table)
    assert first.columns["signal.net_advances"].tolist() == (np.arange(n) - 2.0).tolist()
    assert (first.columns["signal.foreign_2y"] == 2.0).all()
    second = history().with_signals(pl.from_pandas(table.reset_index()))
    third = history().with_signals(table.sample(frac=1.0, random_state=1))
    assert first.data_hash == second.data_hash == third.data_hash != history().data_hash
    assert first.cut(10).columns["signal.net_advances"].size == 10


def test_only_figures_of_a_period_are_carried_on() -> None:
    table = pd.DataFrame(
        {"earnings": [100.0, 110.0], "reit": [50.0, 51.0]}, index=pd.to_datetime(["2016-03-05", "2016-04-01"])
    )
    filled = history().with_signals(table, carry_days=20)
    earnings = pd.Series(filled.columns["signal.earnings"], SESSIONS)
    assert np.isnan(earnings["2016-03-04"])
    assert earnings["2016-03-07"] == 100.0
    assert earnings["2016-03-24"] == 100.0
    assert np.isnan(earnings["2016-03-28"])
    assert earnings["2016-04-01"] == 110.0
    reit = pd.Series(filled.columns["signal.reit"], SESSIONS)
    assert reit.notna().sum() == 1
    assert reit["2016-04-01"] == 51.0
    rows = filled.quality.set_index(["source", "check"])
    assert rows.loc[("reit", "not_a_session"), "count"] == 1
    with pytest.raises(alvh.DataError, match="SIG033 with_signals reit: got 2016-03-05: not_a_session"):
        history().with_signals(table, missing="raise")


def test_a_hole_is_absent_and_counted_or_refused() -> None:
    spread = np.linspace(1.0, 2.0, SESSIONS.size)
    spread[5] = np.nan
    flagged = history().with_signals(frame(spread=spread)).quality.set_index(["source", "check"])
    assert flagged.loc[("spread", "no_value"), "count"] == 1
    with pytest.raises(alvh.DataError, match="SIG033 with_signals spread: got 2016-03-08: no_value"):
        history().with_signals(frame(spread=spread), missing="raise")


def test_events_are_known_ahead_and_on_their_session() -> None:
    # 2016-03-25 was Good Friday: its event belongs to Monday the 28th.
    table = signals.compute(history().with_signals(events=["2016-03-16", "2016-03-25"]))
    windows = table.index[table["event"]].strftime("%m-%d").tolist()
    assert windows == ["03-15", "03-16", "03-24", "03-28"]
    wide = signals.compute(
        history().with_signals(events={"own": ["2016-03-16"]}), alvh.SignalConfig(event_sessions=0)
    )
    assert wide.index[wide["event"]].strftime("%m-%d").tolist() == ["03-16"]
    assert table["event_window"].sum() == 4.0


def test_an_event_of_the_far_future_does_not_move_the_past() -> None:
    near = history().with_signals(events=["2016-03-16"])
    far = history().with_signals(events=["2016-03-16", "2030-01-02"])
    np.testing.assert_array_equal(
        near.columns["signal.sessions_to_event"], far.columns["signal.sessions_to_event"]
    )


def test_files_of_dates_leave_out_what_nobody_knew(tmp_path: Path) -> None:
    path = tmp_path / "fomc.csv"
    path.write_text(
        "decision_date,type\n2016-03-16,scheduled\n2016-03-03,unscheduled\n2016-04-27,\n", "utf-8"
    )
    assert signals.read_dates(path).astype(str).tolist() == ["2016-03-16", "2016-04-27"]
    assert signals.read_dates(path, unscheduled=True).size == 3
    assert history().with_signals(events=path).columns["signal.sessions_to_event"][11] == 0.0
    with pytest.raises(alvh.DataError, match=r"HIS001 no\.csv path: got no such file"):
        signals.read_dates(tmp_path / "no.csv")


def test_readings_of_a_book_wait_for_their_time() -> None:
    score = np.zeros(SESSIONS.size)
    score[3] = 100.0
    table = signals.compute(history().with_signals(frame(ignition_score=score)), every_step=True)
    lit = table.index[table["ignition"] > 0]
    # Known when the fourth session is over: on all steps of the fifth, and on no other.
    assert set(lit.strftime("%m-%d")) == {"03-07"}
    assert len(lit) == (table.index.strftime("%m-%d") == "03-07").sum()


def by_session_frame(usable: list[str]) -> pd.DataFrame:
    n = len(usable)
    starts = pd.DatetimeIndex(SESSIONS[:n]).tz_localize("America/New_York") + pd.Timedelta("9h30min")
    never = pd.DatetimeIndex([pd.NaT] * n, tz="UTC")
    armed = pd.DatetimeIndex(["2016-03-01 15:00", None, None], tz="UTC")
    return pd.DataFrame(
        {
            "start": starts.tz_convert("UTC"),
            "end": starts.tz_convert("UTC") + pd.Timedelta("6h30min"),
            "score": [95.0, np.nan, 60.0],
            "quick_ratio": [1.0, 0.5, np.inf],
            "quick_ratio_relative": [0.3, np.nan, np.inf],
            "episodes": [1, 0, 0],
            "confirmed": [0, 0, 0],
            "armed": [4.0, 0.0, 0.0],
            "first_armed": armed,
            "first_ignited": never,
            "scored": [1.0, 1.0, 1.0],
            "is_complete": True,
            "usable_from": pd.DatetimeIndex(usable).tz_localize("America/New_York").tz_convert("UTC"),
        },
        index=pd.DatetimeIndex(SESSIONS[:n], name="session"),
    )


def test_a_frame_of_by_session_is_taken_as_it_is() -> None:
    table = by_session_frame(["2016-03-02 09:30", "2016-03-03 09:30", "2016-03-04 09:30"])
    out = signals.compute(history().with_signals(table), every_step=True)
    closes = out[out.index.hour == 16]
    days = closes.index.strftime("%m-%d")
    assert closes["ignition"][days == "03-02"].tolist() == [1.0]
    assert closes["quick_ratio"][days == "03-02"].tolist() == [1.0]
    assert closes["armed"][days == "03-02"].tolist() == [True]
    assert closes["ignition"][days == "03-03"].isna().all()
    assert closes["ignition"][days == "03-04"].tolist() == [pytest.approx(0.25)]
    assert not closes["armed"][days == "03-04"].any()
    assert closes["ignition"][days == "03-01"].isna().all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda h: h.with_signals(frame(mood=1.0)), "SIG036 with_signals mood: got an unknown column"),
        (lambda h: h.with_signals(frame(spraed=1.0)), "SIG036 with_signals spraed: got an unknown column, "
         "expected a documented input; did you mean spread?"),
        (lambda h: h.with_signals(frame(sessions_to_event=1.0)), "SIG036 with_signals sessions_to_event"),
        (lambda h: h.with_signals(frame(advances=1.0)), "SIG036 with_signals declines: got no such column"),
        (lambda h: h.with_signals(frame(spread="wide")), "SIG037 with_signals spread: got"),
        (lambda h: h.with_signals(frame(spread=np.inf)), "SIG037 with_signals:row 0 spread: got inf"),
        (lambda h: h.with_signals(pd.concat([frame(spread=1.0)] * 2)),
         "SIG034 with_signals session: got 2016-03-01 twice"),
        (lambda h: h.with_signals(frame(spread=1.0)).with_signals(frame(spread=2.0)),
         "SIG031 with_signals signal.spread"),
        (lambda h: h.with_signals(frame(spread=1.0).reset_index(drop=True)), "SIG032 with_signals index: got int64"),
        (lambda h: h.with_signals([1, 2]), "COL003 with_signals type: got list"),
        (lambda h: h.with_signals(events=3), "SIG032 with_signals events: got int"),
        (lambda h: h.with_signals(events=[]), "SIG033 with_signals events: got no date"),
        (lambda h: h.with_signals(events=["2016-13-01"]), "TIM001 with_signals events"),
        (lambda h: h.with_signals(frame(x=1.0), user=("y",)), "SIG035 with_signals y: got no such column"),
        (lambda h: h.with_signals(frame(reit=1.0), user=("reit",)), "SIG035 with_signals user: got 'reit'"),
        (lambda h: h.with_signals(missing="drop"), "SIG030 with_signals missing: got 'drop'"),
        (lambda h: h.with_signals(carry_days=-1), "SIG030 with_signals carry_days: got -1"),
        (lambda h: h.with_signals(frame(ignition_score=1.0, usable_from=pd.Timestamp("2016-03-02"))),
         "SIG037 with_signals usable_from: got naive times"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(alvh.AlvhError) as error:
        make(history())
    assert str(error.value).startswith(message), str(error.value)
    assert "\n" not in str(error.value)
