"""The command ``alvh detect``: a file of order-book data to episodes, data quality and thresholds."""

from __future__ import annotations

import argparse
import json
import math
import os
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alvh._feed_format import FORMATS, format_of
from alvh._files import write_whole
from alvh.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from alvh.events import Tape
    from alvh.ignition import IgnitionConfig, Signal

__all__ = ["add_parser"]

_WIDTH = 100
# Share of the tape that thresholds are calibrated on, and how many scored seconds of it are worth it.
_CALIBRATED_SHARE = 0.6
_LEAST_SECONDS = 60.0
_PAIRS = ("lobster", "taq")
# What each kind of anomaly is called in a sentence; one without words is called by its name.
_WORDS = {
    "unknown_order": "cancels or changes of orders that the book does not hold",
    "duplicate_order": "orders with an id that was taken",
    "bad_order": "orders that cannot stand in a book, left out",
    "over_cancel": "cancels of more than was there, cut",
    "unknown_level": "removals of price levels that were not there",
    "gap": "gaps in the feed",
    "before_snapshot": "events before the first snapshot, left out",
    "outdated_update": "updates that the book had already seen",
    "snapshot": "snapshots applied",
    "clear": "clears of the book",
    "crossed": "crossed books, not scored",
    "locked": "locked books, not scored",
    "one_sided": "books without a bid or an ask, not scored",
    "stale": "pauses of the feed",
    "halt": "halts, not scored",
    "cross": "crosses and auctions",
    "hidden_trade": "trades against hidden orders",
    "off_grid_trade": "trades off the price grid",
    "unsigned_trade": "trades without a named aggressor",
    "other_record": "records of another kind, left out",
    "other_instrument": "records of other instruments, left out",
    "bad_receive_time": "records with an unreliable receive time",
    "suspicious": "rows marked as suspicious by the feed",
    "outside_session": "rows outside trading hours, left out",
    "dropped": "rows dropped",
    "time_backwards": "times before their predecessor's",
}


def add_parser(commands: Any) -> None:
    """Add the command to the program's parser."""
    detect = commands.add_parser(
        "detect",
        help="find momentum ignition in order-book data; `alvh detect --help` lists its options",
        description="Find momentum ignition in order-book data of one instrument. Thresholds are calibrated on the "
        "first 60 % of the tape where that is long enough, unless --config or --no-calibrate is given.",
    )
    data = detect.add_argument_group("order-book data", "docs/events.md says what is read")
    data.add_argument("file", metavar="FILE", help="DBN, Binance; LOBSTER messages; TAQ quotes")
    data.add_argument("file2", metavar="FILE2", nargs="?", help="LOBSTER book; TAQ trades")
    data.add_argument("--format", choices=("auto", *FORMATS), default="auto", help="default: by content")
    data.add_argument("--instrument", metavar="ID", help="symbol or id, where a file holds several")
    data.add_argument(
        "--date", metavar="YYYY-MM-DD", help="day of a LOBSTER or TAQ file, where its name has none"
    )
    data.add_argument("--tick-size", type=_positive, metavar="X", help="one tick, in the price's currency")
    how = detect.add_argument_group("detector")
    which = how.add_mutually_exclusive_group()
    which.add_argument("--config", metavar="FILE", help="JSON with fields of IgnitionConfig; no calibration")
    which.add_argument(
        "--calibrate", action=argparse.BooleanOptionalAction, help="calibrate even on a short tape, or never"
    )
    how.add_argument(
        "--clock",
        type=_positive,
        action="append",
        metavar="SECONDS",
        help="only episodes of this clock; repeatable",
    )
    how.add_argument(
        "--alarms-per-day",
        type=_positive,
        default=10.0,
        metavar="X",
        help="early, at most (default: %(default)g)",
    )
    how.add_argument(
        "--confirmed-per-day", type=_positive, default=1.0, metavar="X", help="at most (default: %(default)g)"
    )
    how.add_argument(
        "--hours-per-day", type=_positive, metavar="H", help="trading hours (default: 6.5; Binance: 24)"
    )
    output = detect.add_argument_group("output")
    output.add_argument("--plot", metavar="FILE", help="write a PNG of the score and the episodes")
    output.add_argument("--episode", type=int, metavar="N", help="let --plot draw the book around episode N")
    output.add_argument("--json", action="store_true", help="print JSON and nothing else on standard output")
    detect.set_defaults(parser=detect, run=run)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number above 0")
    return value


def run(arguments: argparse.Namespace) -> None:
    """Read, calibrate, detect, print and draw."""
    picture = _picture(arguments)
    config = None if arguments.config is None else _config(arguments.config)
    kind, files = _files(arguments)
    hours = arguments.hours_per_day or (24.0 if kind == "binance" else 6.5)
    tape = _read(arguments, kind, files)
    report = _detect(arguments, tape, config, hours)
    if picture is not None:
        # Before the report: an episode that is not there, or a file that cannot be written, is refused alone.
        figure: Any = report.signal.plot(arguments.episode).figure
        write_whole(picture, lambda stream: figure.savefig(stream, format="png", dpi=150))
    if arguments.json:
        print(json.dumps(report.to_dict(), allow_nan=False))
        return
    print("\n".join(report.lines()))
    if picture is not None:
        print(f"\npicture: {picture}")


def _picture(arguments: argparse.Namespace) -> Path | None:
    """Where the picture goes, found out before the work starts."""
    if arguments.plot is None:
        if arguments.episode is not None:
            arguments.parser.error("argument --episode: needs --plot")
        return None
    picture = Path(arguments.plot)
    if not picture.parent.is_dir():
        arguments.parser.error(f"argument --plot: no folder {picture.parent}")
    if not os.access(picture.parent, os.W_OK):
        arguments.parser.error(f"argument --plot: cannot write to {picture.parent}")
    if picture.is_dir():
        arguments.parser.error(f"argument --plot: {picture} is a folder")
    return picture


def _files(arguments: argparse.Namespace) -> tuple[str, list[str]]:
    """Format of the files, and the files in the order in which the reader takes them."""
    files = [file for file in (arguments.file, arguments.file2) if file is not None]
    kind = arguments.format
    if kind == "auto":
        found = [format_of(file) for file in files]
        kind = found[0].name
        if any(each.name != kind for each in found):
            arguments.parser.error(f"argument FILE2: {kind} and {found[1].name} do not belong together")
        # The order of a pair is plain from what is in the files.
        files = [file for _, file in sorted(zip((each.part for each in found), files, strict=True))]
    if kind in _PAIRS and len(files) == 1:
        other = "its order-book file" if kind == "lobster" else "both quotes and trades"
        arguments.parser.error(f"argument FILE2: {kind} needs {other}")
    if kind not in _PAIRS and len(files) == 2:
        arguments.parser.error(f"argument FILE2: {kind} is one file")
    return kind, files


def _read(arguments: argparse.Namespace, kind: str, files: list[str]) -> Tape:
    import alvh

    taken = {
        "dbn": ("instrument", "tick_size"),
        "lobster": ("date", "tick_size"),
        "binance": ("instrument", "tick_size"),
        "taq": ("date", "tick_size"),
    }
    settings: dict[str, Any] = {}
    for name in ("instrument", "date", "tick_size"):
        value = getattr(arguments, name)
        if value is None:
            continue
        if name not in taken[kind]:
            arguments.parser.error(f"argument --{name.replace('_', '-')}: not for {kind}")
        # Only DBN has numbers for instruments beside their names.
        if name == "instrument" and kind == "dbn" and value.isdecimal():
            settings["instrument_id"] = int(value)
        else:
            settings["symbol" if name == "instrument" else name] = value
    reader = getattr(alvh, f"read_{kind}")
    tape: Tape = reader(*files, **settings)
    return tape


def _detect(
    arguments: argparse.Namespace, tape: Tape, config: IgnitionConfig | None, hours: float
) -> _Report:
    import alvh

    config = alvh.IgnitionConfig() if config is None else config
    signal = alvh.detect(tape, config)
    reported_from, why = None, ""
    if arguments.config is not None:
        why = f"Thresholds of {arguments.config}."
    elif arguments.calibrate is False:
        why = "Default thresholds: not calibrated, as asked."
    else:
        timeline = signal.timeline
        first = timeline.iloc[: int(_CALIBRATED_SHARE * len(timeline))]
        seconds = float(first["is_scored"].sum()) * config.clocks[0]
        if seconds >= _LEAST_SECONDS or arguments.calibrate:
            reported_from = first["known"].iloc[-1] if len(first) else None
            config = alvh.IgnitionConfig.calibrate(
                tape,
                arguments.alarms_per_day,
                arguments.confirmed_per_day,
                hours_per_day=hours,
                until=reported_from,
            )
            signal = alvh.detect(tape, config)
        else:
            why = (
                f"Default thresholds: the first {_CALIBRATED_SHARE:.0%} of the tape hold {seconds:.0f} scored seconds, "
                f"fewer than the {_LEAST_SECONDS:.0f} that a calibration is made on."
            )
    clocks = arguments.clock or list(config.clocks)
    unknown = [clock for clock in clocks if clock not in config.clocks]
    if unknown:
        named = ", ".join(f"{clock:g}" for clock in config.clocks)
        arguments.parser.error(f"argument --clock: got {unknown[0]:g}, expected one of {named}")
    return _Report(signal, reported_from, why, clocks, hours)


def _config(path: str) -> IgnitionConfig:
    from alvh.ignition import IgnitionConfig

    try:
        return IgnitionConfig.from_json(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError("CFG100", path, "fields", str(error.reason), "JSON in UTF-8") from None


class _Report:
    """What is printed."""

    def __init__(
        self, signal: Signal, reported_from: pd.Timestamp | None, why: str, clocks: list[float], hours: float
    ) -> None:
        self.signal = signal
        self._from = reported_from
        self._why = why
        self._hours = hours
        calibration = signal.config.calibration
        # Part of the clocks says nothing about the targets, which are for all of them together.
        judged = (
            calibration is not None and reported_from is not None and set(clocks) == set(signal.config.clocks)
        )
        self._targets = calibration.targets if calibration is not None and judged else (None, None)
        episodes = signal.episodes
        episodes = episodes[episodes["clock"].isin(clocks)]
        self._episodes = episodes
        self._reported = (
            episodes if reported_from is None else episodes[episodes["detected"] >= reported_from]
        )

    # Text ----------------------------------------------------------------------------------------------------------

    def lines(self) -> list[str]:
        """Return the report as lines of text."""
        parts = [[repr(self.signal.tape)], self._quality(), self._thresholds(), self._table(), self._rates()]
        return "\n\n".join("\n".join(_wrapped(line) for line in part) for part in parts if part).splitlines()

    def _quality(self) -> list[str]:
        timeline = self.signal.timeline
        seconds = len(timeline) * self.signal.config.clocks[0]
        scored = self.signal.scored_seconds
        lines = [
            f"Data quality: {seconds:,.0f} seconds with events, {scored:,.0f} of them scored (not scored: warm-up of "
            f"{self._warm_up():g} s, masks, halts, and the books below)."
        ]
        flagged = [f"- {count:,} {_WORDS.get(name, name)}" for name, count in self.signal.quality.items()]
        return lines + (flagged or ["- nothing was flagged or dropped"])

    def _warm_up(self) -> float:
        config = self.signal.config
        return config.warm_up * config.tau_slow * config.clocks[0]

    def _thresholds(self) -> list[str]:
        config = self.signal.config
        calibration = config.calibration
        lines = [self._why] if calibration is None else calibration.sentences()
        if self._from is not None:
            lines.append(
                f"Calibrated on the first {_CALIBRATED_SHARE:.0%} of the tape, to {self._from:%Y-%m-%d %H:%M:%S} UTC; "
                "episodes are reported from there on."
            )
        head = ("clock", "volume", "push z", "velocity z", "depth", "move", "score", "cascade")
        rows = []
        for i, clock in enumerate(config.clocks):
            cascade = (
                f"{config.cascade_ticks:g} ticks, {config.cascade_sigma[i]:.3g} sd, {config.cascade_bp:g} bp"
            )
            rows.append(
                (
                    f"{clock:g} s",
                    f"{config.volume_ratio[i]:.3g} x",
                    f"{config.push_z[i]:.3g}",
                    f"{config.velocity_z[i]:.3g}",
                    f"<= {config.thinning:.3g} x",
                    f"{config.move_bp[i]:.3g} bp",
                    f"{config.alarm_score[i]:.3g}",
                    cascade,
                )
            )
        return [*lines, "", *_columns("Thresholds", head, rows)]

    def _table(self) -> list[str]:
        where = "" if self._from is None else ", after the part that was calibrated on"
        if self._reported.empty:
            return [f"Episodes{where}: none."]
        head = (
            "#",
            "detected, UTC",
            "side",
            "clock",
            "score",
            "outcome",
            "from",
            "peak",
            "bp",
            "back",
            "push z",
        )
        rows = [_episode_row(number, row) for number, row in self._reported.iterrows()]
        return _columns(f"Episodes{where}", head, rows)

    def _rates(self) -> list[str]:
        from alvh._ignition_calibration import poisson_interval

        timeline = self.signal.timeline
        rest = timeline if self._from is None else timeline[timeline["known"] >= self._from]
        days = float(rest["is_scored"].sum()) * self.signal.config.clocks[0] / 3600.0 / self._hours
        if days == 0.0:
            return ["Nothing was scored: no rate of alarms can be given."]
        lines = []
        confirmed = int(self._reported["confirmed"].sum())
        counts = (("early alarms", len(self._reported)), ("confirmed events", confirmed))
        for (name, count), target in zip(counts, self._targets, strict=True):
            low, high = (bound / days for bound in poisson_interval(count))
            line = (
                f"{name}: {count} in {days * self._hours * 60.0:,.1f} scored minutes; exact 95 % interval "
                f"{low:,.3g} to {high:,.0f} a day of {self._hours:g} h"
            )
            if target is not None:
                # These minutes had no part in the choice of thresholds, so that they can decide.
                line += f": at most {target:g} a day is {'shown' if high <= target else 'not shown'}"
            lines.append(line)
        return lines

    # JSON ----------------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        timeline = self.signal.timeline
        quality = {
            "events": self.signal.events,
            "seconds": len(timeline) * self.signal.config.clocks[0],
            "scored_seconds": self.signal.scored_seconds,
            "flagged": self.signal.quality,
        }
        start = None if self._from is None else self._from.isoformat()
        thresholds = {**self.signal.thresholds, "reported_from": start}
        episodes = [
            {"episode": int(number), **{str(name): _plain(value) for name, value in row.items()}}
            for number, row in zip(self._reported.index, self._reported.to_dict("records"), strict=True)
        ]
        return {"episodes": episodes, "quality": quality, "thresholds": thresholds}


def _episode_row(number: Any, row: pd.Series[Any]) -> tuple[str, ...]:
    move = 1e4 * (row["peak_price"] / row["reference_price"] - 1.0)
    return (
        str(number),
        f"{row['detected']:%Y-%m-%d %H:%M:%S.%f}"[:-3],
        "up" if row["side"] > 0 else "down",
        f"{row['clock']:g} s",
        f"{row['score']:.0f}",
        row["outcome"],
        f"{row['reference_price']:,.6g}",
        f"{row['peak_price']:,.6g}",
        f"{move:+.1f}",
        f"{abs(row['retrace']):.0%}",
        f"{row['push_z']:.1f}",
    )


def _columns(title: str, head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    table = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)
    ]
    return [f"{title}:", *table]


def _plain(value: Any) -> Any:
    """Return a cell as JSON knows it: no missing time, no number that is not finite."""
    import pandas as pd

    if value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _wrapped(line: str) -> str:
    if len(line) <= _WIDTH or line.startswith(" "):
        return line
    return textwrap.fill(line, _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
