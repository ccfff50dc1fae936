"""Pictures of a signal: the score over time, and the book around one episode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alvh import _core
from alvh._figures import COLOURS, GREY, new_figure, tidy
from alvh.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from alvh.ignition import Signal

__all__ = ["episode", "timeline"]

_BUY, _SELL = COLOURS[1], COLOURS[0]
# Outcomes: colour and marker, so that neither alone has to be told apart.
_OUTCOMES = {
    "reverted": (COLOURS[1], "v"),
    "continued": (COLOURS[0], "s"),
    "expired": (COLOURS[3], "o"),
    "open": (COLOURS[6], "D"),
}
_PHASES = {"armed": "#F6E8C3", "ignited": COLOURS[4], "cascade": COLOURS[1], "retrace": COLOURS[5]}
# Steps of the heat map along time, and its rows at most.
_STEPS = 600
_ROWS = 240
_NONE = 2**63 - 1
_RAMP = (50.0, 90.0)


def timeline(signal: Signal, figure: Figure | None = None) -> Axes:
    """Mid and score along the tape, with every episode and what became of it."""
    frame = signal.timeline
    figure = new_figure(11.0, 6.0) if figure is None else figure
    price: Axes
    price, score = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    step = int(signal.config.clocks[0] * 1e9)
    if frame.empty:
        text = f"The tape does not hold one whole unit of {signal.config.clocks[0]:g} s: nothing was scored."
        price.text(0.5, 0.5, text, transform=price.transAxes, ha="center", color=GREY)
    times, broken = _broken(frame, max(step, round(signal.config.stale_after * 1e9)))
    price.plot(times, broken["mid"], color=GREY, linewidth=1.0)
    score.plot(times, broken["score"], color=COLOURS[6], linewidth=0.8, drawstyle="steps-pre")
    for level, text in zip(_RAMP, ("counts", "counts in full"), strict=True):
        score.axhline(level, color="#BBBBBB", linewidth=0.8, linestyle="--")
        score.annotate(
            text,
            (1.0, level),
            xycoords=score.get_yaxis_transform(),
            xytext=(-3, 2),
            textcoords="offset points",
            ha="right",
            color=GREY,
            fontsize=7.5,
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.0},
            zorder=4,
        )
    for start, stop in _spans(~frame["is_scored"].to_numpy()):
        ends = frame.index.to_numpy("M8[ns]").view(np.int64)
        for ax in (price, score):
            ax.axvspan(
                _moment(ends[start] - step), _moment(ends[stop - 1]), color="#999999", alpha=0.18, linewidth=0
            )
    _mark_episodes(signal, price, score)
    price.set_ylabel("mid, currency")
    price.ticklabel_format(axis="y", style="plain", useOffset=False)
    score.set(ylabel="score, 0 to 100", ylim=(0.0, 104.0), xlabel="time, UTC")
    for ax in (price, score):
        tidy(ax)
    if not frame.empty:
        _time_axis(score)
    handles, labels = price.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False)
    unscored = 1.0 if frame.empty else float((~frame["is_scored"]).mean())
    title = f"{_name(signal)}: ignition score, {len(signal.episodes)} early alarms"
    figure.suptitle(f"{title}; grey: not scored ({unscored:.0%})", x=0.01, ha="left", fontsize=12)
    return price


def _mark_episodes(signal: Signal, price: Axes, score: Axes) -> None:
    import pandas as pd

    episodes = signal.episodes
    for outcome, (colour, marker) in _OUTCOMES.items():
        some = episodes[episodes["outcome"] == outcome]
        if some.empty:
            continue
        times = [_naive(when) for when in some["detected"]]
        label = f"{outcome} ({len(some)})"
        style: dict[str, Any] = {
            "color": colour,
            "marker": marker,
            "linestyle": "none",
            "markeredgecolor": "white",
        }
        price.plot(times, some["detected_price"], markersize=8, label=label, zorder=3, **style)
        score.plot(times, some["score"], markersize=7, zorder=3, **style)
        for first, last in zip(some["detected"], some["end"], strict=True):
            stop = signal.timeline.index[-1] if pd.isna(last) else last
            if stop > first:
                price.axvspan(_naive(first), _naive(stop), color=colour, alpha=0.12, linewidth=0)


def episode(signal: Signal, row: pd.Series[Any], figure: Figure | None = None) -> Axes:
    """Depth of the book as a heat map, best prices, trades and the phases of one episode."""
    from alvh.ignition import native

    start, stop = _window(signal, row)
    raw = _core.ignition_books(native(signal.tape), start, stop, _STEPS)
    if not (raw["bid_size"][:, 0].any() and raw["ask_size"][:, 0].any()):
        raise DataError("IGN027", "plot", "book", "no two-sided book in the window", "a book to draw")
    figure = new_figure(11.0, 7.5) if figure is None else figure
    book: Axes
    band, book, volume = figure.subplots(3, 1, sharex=True, height_ratios=(0.28, 4, 1.3))
    edges = (start + np.linspace(0.0, 1.0, _STEPS + 1) * (stop - start)).astype("int64").view("M8[ns]")
    _heat_map(signal, figure, book, raw, edges)
    _trades(signal, book, volume, raw, edges)
    _phases(row, band, (book, volume), start, stop)
    book.set_ylabel("price, currency")
    book.ticklabel_format(axis="y", style="plain", useOffset=False)
    volume.set(ylabel="volume, lots\nsold | bought", xlabel="time, UTC")
    tidy(volume)
    book.tick_params(colors=GREY)
    book.spines[["top", "right"]].set_visible(False)
    book.legend(loc="upper left", fontsize=8, framealpha=0.85, ncols=2)
    book.set_xlim(edges[0], edges[-1])
    _time_axis(volume)
    way = "up" if row["side"] > 0 else "down"
    title = (
        f"{_name(signal)}: episode {row.name}, {way}, clock of {row['clock']:g} s, score {row['score']:.0f}, "
    )
    figure.suptitle(
        f"{title}{row['outcome']}, {abs(row['retrace']):.0%} retraced", x=0.01, ha="left", fontsize=12
    )
    return book


def _window(signal: Signal, row: pd.Series[Any]) -> tuple[int, int]:
    detected = row["detected"].value
    last = int(signal._raw["end"]) if row["end_event"] < 0 else row["end"].value
    span = max(last - detected, round(2e9 * row["clock"]))
    # An armed clock may have waited long: as much before the alarm as after it tells the story.
    begin = max(row["onset"].value, detected - span)
    # A move that never came back is followed for an hour: the push would be a line.
    longest = 6 * max(row["peak"].value - begin, round(2e9 * row["clock"]))
    last = min(last, row["peak"].value + longest)
    pad = 0.12 * (last - begin)
    return int(begin - pad), int(last + pad)


def _heat_map(
    signal: Signal, figure: Figure, ax: Axes, raw: dict[str, npt.NDArray[Any]], edges: npt.NDArray[Any]
) -> None:
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm

    prices, sizes, columns = [], [], []
    for of in ("bid", "ask"):
        there = raw[f"{of}_size"] > 0
        prices.append(raw[f"{of}_price"][there])
        sizes.append(raw[f"{of}_size"][there])
        columns.append(np.nonzero(there)[0])
    price, size, column = (np.concatenate(parts) for parts in (prices, sizes, columns))
    best = np.concatenate([raw[f"{of}_price"][raw[f"{of}_size"][:, 0] > 0, 0] for of in ("bid", "ask")])
    # Single quotes far from the market would shrink everything else.
    reach = max(int(best.max() - best.min()) // 2, 10)
    low, high = max(price.min(), best.min() - reach), min(price.max(), best.max() + reach)
    seen = (price >= low) & (price <= high)
    bin_ticks = int((high - low) // _ROWS + 1)
    rows = int((high - low) // bin_ticks + 1)
    depth = np.zeros((rows, _STEPS))
    np.add.at(depth, ((price[seen] - low) // bin_ticks, column[seen]), size[seen])
    depth[depth == 0.0] = np.nan
    y = (low + bin_ticks * np.arange(rows + 1) - 0.5) * signal.tick_size
    norm = PowerNorm(0.6, 0.0, float(np.nanpercentile(depth, 99.5)))
    # Not down to black: lines and marks have to stand out on the fullest level.
    greys = LinearSegmentedColormap.from_list(
        "depth", matplotlib.colormaps["Greys"](np.linspace(0.06, 0.68, 64))
    )
    mesh = ax.pcolormesh(edges, y, depth, cmap=greys, norm=norm, rasterized=True)
    label = "resting size, lots" if bin_ticks == 1 else f"resting size in {bin_ticks} ticks, lots"
    bar = figure.colorbar(mesh, ax=ax, pad=0.01, aspect=35, extend="max")
    bar.set_label(label, color=GREY, fontsize=8.5)
    bar.ax.tick_params(colors=GREY, labelsize=8)
    bar.outline.set_visible(False)
    for of, colour, text in (("ask", COLOURS[3], "best ask"), ("bid", COLOURS[2], "best bid")):
        line = np.where(raw[f"{of}_size"][:, 0] > 0, raw[f"{of}_price"][:, 0] * signal.tick_size, np.nan)
        ax.plot(edges[1:], line, color=colour, linewidth=1.4, drawstyle="steps-pre", label=text)


def _trades(
    signal: Signal, ax: Axes, below: Axes, raw: dict[str, npt.NDArray[Any]], edges: npt.NDArray[Any]
) -> None:
    times, sizes = raw["time"].view("M8[ns]"), raw["size"].astype(float)
    largest = sizes.max() if sizes.size else 1.0
    ways = (("B", 1.0, _BUY, "^", "buyer took"), ("A", -1.0, _SELL, "v", "seller took"))
    for letter, sign, colour, marker, text in ways:
        mine = raw["side"] == ord(letter)
        area = 6.0 + 70.0 * sizes[mine] / largest
        price = raw["price"][mine] * signal.tick_size
        look: dict[str, Any] = {"marker": marker, "linewidths": 0.0, "label": text, "zorder": 3}
        ax.scatter(times[mine], price, s=area, c=colour, **look)
        bins = np.searchsorted(edges[::4], times[mine], "right") - 1
        total = np.bincount(np.clip(bins, 0, _STEPS // 4 - 1), sizes[mine], _STEPS // 4)
        below.bar(edges[:-1:4], sign * total, edges[4] - edges[0], align="edge", color=colour, linewidth=0)
    below.axhline(0.0, color=GREY, linewidth=0.6)
    below.yaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")


def _phases(row: pd.Series[Any], band: Axes, shaded: tuple[Axes, ...], start: int, stop: int) -> None:
    """Show the phases in a strip above the book and shade them below."""
    from matplotlib.patches import Patch

    band.set(ylim=(0.0, 1.0), yticks=[])
    band.spines[:].set_visible(False)
    band.tick_params(bottom=False, labelbottom=False)
    end = stop if row["end_event"] < 0 else row["end"].value
    has_cascade = row["cascade_event"] >= 0
    cascade = row["cascade"].value if has_cascade else end
    peak = max(row["peak"].value, cascade) if has_cascade else end
    marks = [row["onset"].value, row["detected"].value, cascade, peak, end]
    for colour, first, last in zip(_PHASES.values(), marks[:-1], marks[1:], strict=True):
        first, last = max(first, start), min(last, stop)
        if last <= first:
            continue
        left, right = _moment(first), _moment(last)
        band.axvspan(left, right, color=colour, alpha=0.75, linewidth=0)
        for ax in shaded:
            ax.axvspan(left, right, color=colour, alpha=0.10, linewidth=0, zorder=0)
            ax.axvline(left, color=GREY, linewidth=0.7, linestyle=":")
    handles = [Patch(color=colour, alpha=0.75, linewidth=0, label=name) for name, colour in _PHASES.items()]
    band.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.0, 0.9), ncols=4, frameon=False, fontsize=8.5
    )
    for ax in shaded:
        ax.axvline(_moment(min(end, stop)), color=GREY, linewidth=0.7, linestyle=":")


def _spans(flags: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Find runs of True, as half-open ranges."""
    changes = np.flatnonzero(np.diff(np.r_[False, flags, False].astype(np.int8)))
    return [(int(first), int(last)) for first, last in zip(changes[::2], changes[1::2], strict=True)]


def _broken(frame: pd.DataFrame, longest: int) -> tuple[npt.NDArray[Any], dict[str, npt.NDArray[np.float64]]]:
    """Columns with a gap wherever the feed paused, so that no line is drawn across it."""
    times = frame.index.to_numpy("M8[ns]")
    at = np.flatnonzero(np.diff(times.view(np.int64)) > longest) + 1
    columns = {name: np.insert(frame[name].to_numpy(float), at, np.nan) for name in ("mid", "score")}
    return np.insert(times, at, times[at - 1] + np.timedelta64(1, "ns")), columns


def _moment(ns: int) -> Any:
    return np.datetime64(int(ns), "ns")


def _naive(stamp: pd.Timestamp) -> Any:
    # Matplotlib would show another zone where the user's configuration names one.
    return stamp.tz_localize(None).to_datetime64()


def _time_axis(ax: Axes) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    # Matplotlib does not say what these take.
    locator: Any = AutoDateLocator(minticks=4, maxticks=9)  # type: ignore[no-untyped-call]
    formatter: Any = ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    # Seconds alone say little: 22:14:50, not 50.
    formatter.formats[4:] = ["%H:%M", "%H:%M:%S.%f"]
    formatter.zero_formats[4:] = ["%H:%M", "%H:%M:%S"]
    formatter.offset_formats[4:] = ["%Y-%m-%d", "%Y-%m-%d"]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(formatter)


def _name(signal: Signal) -> str:
    import os

    tape = signal.tape
    # A signal of a stream has its detector in the place of a tape.
    named = getattr(tape, "symbol", "") or os.path.basename(str(getattr(tape, "source", "")))
    return str(named or "stream")
