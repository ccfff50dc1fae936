"""Frames of signals and of phases that draw themselves."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from alvh._figures import COLOURS, GREY, new_figure, tidy
from alvh.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["PhaseFrame", "SignalFrame"]

# Light enough that lines stay legible on top; told apart by lightness as well as by hue.
_PHASE_COLOURS = {
    "calm": "#FFFFFF",
    "press": COLOURS[5],
    "expansion": COLOURS[1],
    "normalisation": COLOURS[4],
}
_SHADE = 0.35
_GROUP_COLOURS = (COLOURS[1], COLOURS[0], COLOURS[3], COLOURS[2], COLOURS[4])


class PhaseFrame(pd.DataFrame):
    """Phases by session; a pandas frame whose ``plot`` draws them under the S&P 500 and VIX."""

    @property
    def _constructor(self) -> Callable[..., PhaseFrame]:
        return PhaseFrame

    def plot(self, start: Any = None, end: Any = None, figure: Figure | None = None) -> Figure:  # type: ignore[override]
        """Draw the index, VIX and the phase of each session.

        Parameters
        ----------
        start, end : date, optional
            First and last day drawn.
        figure : matplotlib.figure.Figure, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        DataError
            ``SIG039``: no session in between.
        """
        frame = _between(self, start, end)
        figure = new_figure(11.0, 6.0) if figure is None else figure
        price, fear = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        _prices(frame, price, fear)
        _legend(figure, frame)
        return figure


class SignalFrame(pd.DataFrame):
    """Signals by session or by step; a pandas frame whose ``plot`` draws them."""

    @property
    def _constructor(self) -> Callable[..., SignalFrame]:
        return SignalFrame

    def plot(self, start: Any = None, end: Any = None, figure: Figure | None = None) -> Figure:  # type: ignore[override]
        """Draw VIX with the phases, the groups with the hedge score, and each signal as a row of a heat map.

        Parameters
        ----------
        start, end : date, optional
            First and last day drawn.
        figure : matplotlib.figure.Figure, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.figure.Figure
            The figure.

        Raises
        ------
        DataError
            ``SIG039``: no row in between.
        """
        from alvh.signals import GROUPS, SIGNALS

        frame = _between(self, start, end)
        figure = new_figure(11.0, 9.0) if figure is None else figure
        fear, groups, heat = figure.subplots(3, 1, sharex=True, height_ratios=(2, 2, 4))
        _shade(frame, fear)
        _line(frame, fear, "vix", GREY, "VIX")
        times = frame.index.to_numpy()
        for name, colour in zip(GROUPS, _GROUP_COLOURS, strict=True):
            if frame[name].notna().any():
                groups.plot(times, frame[name].to_numpy(), color=colour, linewidth=0.9, label=name)
        groups.plot(times, frame["score"].to_numpy(), color="#000000", linewidth=1.6, label="hedge score")
        groups.set_ylim(-0.02, 1.02)
        groups.set_ylabel("groups and score")
        groups.legend(loc="upper left", ncols=6, frameon=False, fontsize=8)
        tidy(groups)
        first = list(frame.columns).index(SIGNALS[0])
        last = list(frame.columns).index(GROUPS[0])
        _heat(frame, heat, [str(name) for name in frame.columns[first:last]])
        _legend(figure, frame)
        return figure


def _between(frame: Any, start: Any, end: Any) -> Any:
    part = frame.loc[slice(start, end)] if start is not None or end is not None else frame
    if part.empty:
        raise DataError(
            "SIG039", "plot", "start", f"no row from {start} to {end}", "dates that the frame covers"
        )
    return part


def _shade(frame: Any, ax: Axes) -> None:
    """One band for each run of a phase, from its first session to the first of the next."""
    codes = frame["phase"].cat.codes.to_numpy()
    times = frame.index.to_numpy()
    starts = np.r_[0, np.flatnonzero(np.diff(codes)) + 1, codes.size]
    step = np.median(np.diff(times)) if times.size > 1 else np.timedelta64(1, "D")
    for low, high in pairwise(starts):
        name = frame["phase"].cat.categories[codes[low]]
        if name != "calm":
            end = times[high] if high < codes.size else times[-1] + step
            ax.axvspan(times[low], end, color=_PHASE_COLOURS[name], alpha=_SHADE, linewidth=0)


def _line(frame: Any, ax: Axes, column: str, colour: str, label: str) -> None:
    ax.plot(frame.index.to_numpy(), frame[column].to_numpy(), color=colour, linewidth=1.1)
    ax.set_ylabel(label)
    tidy(ax)


def _prices(frame: Any, price: Axes, fear: Axes) -> None:
    _shade(frame, price)
    _shade(frame, fear)
    _line(frame, price, "spot", "#000000", "S&P 500, points")
    _line(frame, fear, "vix", GREY, "VIX, points")


def _heat(frame: Any, ax: Axes, names: list[str]) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    values = frame[names].to_numpy(dtype=float).T
    times = frame.index.to_numpy()
    step = np.median(np.diff(times)) if times.size > 1 else np.timedelta64(1, "D")
    colours = LinearSegmentedColormap.from_list("signal", ["#F7F7F7", COLOURS[1]]).with_extremes(
        bad="#C9C9C9"
    )
    edges = np.r_[times, times[-1] + step]
    mesh = ax.pcolormesh(
        edges, np.arange(len(names) + 1), np.ma.masked_invalid(values), cmap=colours, vmin=0.0, vmax=1.0
    )
    mesh.set_rasterized(True)
    ax.set_yticks(np.arange(len(names)) + 0.5, [name.replace("_", " ") for name in names], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlabel("signals from 0 (white) to 1; grey: absent")


def _legend(figure: Figure, frame: Any) -> None:
    from matplotlib.patches import Patch

    handles = [
        Patch(facecolor=colour, alpha=_SHADE if name != "calm" else 1.0, edgecolor="#999999", label=name)
        for name, colour in _PHASE_COLOURS.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False)
    first, last = frame.index[0], frame.index[-1]
    figure.suptitle(f"Phases, {first:%Y-%m-%d} to {last:%Y-%m-%d}", x=0.01, ha="left", fontsize=12)
