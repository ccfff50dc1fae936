"""Write rust/core/src/calendar/tables.rs from exchange_calendars (XNYS); with --check only compare.

Cboe index options keep the sessions of the New York Stock Exchange, so one table serves all products. The
table holds the weekdays without a session and the sessions that end early; every other weekday from the first
to the last day is a full session.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd

START = "1990-01-02"
END = "2035-12-31"
TARGET = Path(__file__).resolve().parents[1] / "rust" / "core" / "src" / "calendar" / "tables.rs"
REGULAR_CLOSE = 57_600
WIDTH = 120

HEADER = """\
//! Weekdays without a session and early closes of the New York Stock Exchange, 1990-2035.
//!
//! Written by `tools/generate_calendar.py` from `exchange_calendars`; do not edit.

use crate::instrument::Day;

/// First session of the tables, 1990-01-02.
pub const FIRST_DAY: Day = {first};
/// Last day of the tables, 2035-12-31.
pub const LAST_DAY: Day = {last};
"""


def epoch_days(dates: pd.DatetimeIndex) -> list[int]:
    return dates.to_numpy().astype("datetime64[D]").astype(np.int64).tolist()


def filled(items: list[str]) -> list[str]:
    """Lines of comma-separated items, as rustfmt lays out short array elements."""
    lines, line = [], "   "
    for item in items:
        if len(line) + len(item) + 2 > WIDTH:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return [*lines, line]


def render() -> str:
    calendar = exchange_calendars.get_calendar("XNYS", start=START, end=END)
    sessions = calendar.sessions
    holidays = epoch_days(pd.bdate_range(START, END).difference(sessions))
    closes = calendar.closes.dt.tz_convert("America/New_York")
    seconds = closes.dt.hour * 3600 + closes.dt.minute * 60
    early = seconds[seconds != REGULAR_CLOSE]
    out = HEADER.format(first=epoch_days(sessions[:1])[0], last=epoch_days(pd.DatetimeIndex([END]))[0])
    out += "\n/// Weekdays on which the market did not open or will not open.\n"
    out += f"pub const HOLIDAYS: [Day; {len(holidays)}] = [\n"
    out += "\n".join(filled([str(day) for day in holidays])) + "\n];\n"
    out += "\n/// Early closes: day and close in seconds after midnight New York.\n"
    out += f"pub const EARLY_CLOSES: [(Day, i32); {len(early)}] = [\n"
    pairs = zip(epoch_days(pd.DatetimeIndex(early.index)), early.tolist(), strict=True)
    out += "\n".join(f"    ({day}, {close})," for day, close in pairs) + "\n];\n"
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail when the file differs; write nothing")
    text = render()
    if not parser.parse_args().check:
        TARGET.write_text(text)
        return 0
    if TARGET.read_text() == text:
        return 0
    print(f"{TARGET.name} differs from what this version of exchange_calendars gives", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
