"""Pictures of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alvh._figures import COLOURS, GREY, new_axes, new_figure, tidy
from alvh._files import write_whole
from alvh.errors import ConfigError

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes

    from alvh._skill_curve import SkillCurve
    from alvh.study import Study

__all__ = ["StudyPlot"]

_HATCHES = ("", "//", "..")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
_STYLES = ("-", "--", "-.", ":")
# Capitals that differ by more than this factor cannot share an axis in USD.
_ALIKE = 3.0


class StudyPlot:
    """Pictures of a study: each draws on given axes or on new ones.

    Parameters
    ----------
    study : Study
        What to draw.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def equity(self, ax: Axes | None = None) -> Axes:
        """Equity of each book, thousands of USD; percent of the capital where capitals differ widely.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        ax = new_axes() if ax is None else ax
        capital = self._study.raw["capital"]
        if capital.max() > _ALIKE * capital.min():
            self._lines(ax, 100.0 * self._study.equity() / capital)
            ax.set_ylabel("equity, % of capital")
        else:
            self._lines(ax, self._study.equity() / 1e3)
            ax.set_ylabel("equity, thousand USD")
        ax.yaxis.set_major_formatter("{x:,.0f}")
        return ax

    def drawdown(self, ax: Axes | None = None) -> Axes:
        """Fall from the highest equity so far, percent of it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        ax = new_axes() if ax is None else ax
        self._lines(ax, -100.0 * self._study.drawdown)
        ax.set_ylabel("drawdown, % of peak")
        ax.set_ylim(top=0.0)
        return ax

    def attribution(self, ax: Axes | None = None) -> Axes:
        """P&L of each book by leg, layer and cost, stacked bars in thousand USD.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        ax = new_axes() if ax is None else ax
        frame = self._study.attribution() / 1e3
        frame = frame.loc[:, (frame != 0.0).any()]
        # Gains pile up above zero, losses below it.
        above, below = np.zeros(len(frame)), np.zeros(len(frame))
        at = np.arange(len(frame))
        for index, name in enumerate(frame.columns):
            values = frame[name].to_numpy()
            bottom = np.where(values >= 0.0, above, below)
            ax.bar(
                at,
                values,
                bottom=bottom,
                width=0.6,
                label=_words(name),
                color=COLOURS[index % len(COLOURS)],
                hatch=_HATCHES[index // len(COLOURS) % len(_HATCHES)],
                edgecolor="white",
                linewidth=0.4,
            )
            above += np.maximum(values, 0.0)
            below += np.minimum(values, 0.0)
        ax.plot(at, frame.sum(axis=1).to_numpy(), "D", color="black", label="total")
        ax.set_xticks(at, [_words(name) for name in frame.index])
        ax.axhline(0.0, color=GREY, linewidth=0.8)
        ax.set_ylabel("P&L, thousand USD")
        ax.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        tidy(ax)
        return ax

    def layers(self, ax: Axes | None = None, book: str | None = None) -> Axes:
        """Contracts per hedge layer at the close, with VIX on a second scale.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.
        book : str, optional
            Which book; the first hedged one by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.

        Raises
        ------
        ConfigError
            ``STA024``: when `book` names no book with a hedge, or of a simulation.
        """
        from alvh._market_views import layer_contracts

        study = self._study
        hedged = {} if "outcomes" in study.raw else _hedged(study)
        name = next(iter(hedged), None) if book is None else book
        if name not in hedged:
            expected = f"one of {', '.join(hedged)}" if hedged else "a book with a hedge over one history"
            raise ConfigError("STA024", "plot.layers", "book", repr(name)[:40], expected)
        ax = new_axes() if ax is None else ax
        held = layer_contracts(study, name, hedged[name])
        days = study.equity().index.to_numpy()
        ax.stackplot(
            days,
            *held.values(),
            labels=[_words(layer) for layer in held],
            colors=[COLOURS[index % len(COLOURS)] for index in range(len(held))],
            alpha=0.75,
            step="post",
            linewidth=0,
        )
        ax.set_ylabel(f"contracts of {_words(name)}")
        ax.set_ylim(0.0, 1.15 * max(float(np.sum(list(held.values()), axis=0).max()), 1.0))
        if study.market is not None:
            right = ax.twinx()
            right.plot(days, study.market["vix"].to_numpy(), color="black", linewidth=0.8, label="VIX")
            right.set_ylabel("VIX, points")
            right.spines[["top"]].set_visible(False)
        ax.legend(frameon=False, fontsize=8, loc="upper left", ncols=len(held))
        tidy(ax)
        return ax

    def phases(self, ax: Axes | None = None) -> Axes:
        """P&L of each book on the sessions of each market phase, bars in thousand USD.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.

        Raises
        ------
        ConfigError
            ``STA025``: the study has no phases of its market, such as a simulation.
        """
        market = self._study.market
        if market is None or "phase" not in market:
            raise ConfigError("STA025", "plot.phases", "market", "no phases", "a study over a history")
        ax = new_axes() if ax is None else ax
        pnl = self._study.pnl.groupby(market["phase"].astype(str).to_numpy()).sum() / 1e3
        at, width = np.arange(len(pnl)), 0.8 / pnl.shape[1]
        for index, name in enumerate(pnl.columns):
            shift = (index - (pnl.shape[1] - 1) / 2) * width
            colour = COLOURS[index % len(COLOURS)]
            ax.bar(at + shift, pnl[name].to_numpy(), width, label=_words(name), color=colour)
        ax.set_xticks(at, [str(name) for name in pnl.index])
        ax.axhline(0.0, color=GREY, linewidth=0.8)
        ax.set_ylabel("P&L, thousand USD")
        ax.legend(frameon=False, fontsize=8)
        tidy(ax)
        return ax

    def skill(self, curve: SkillCurve, ax: Axes | None = None) -> Axes:
        """Drawdown reduction of the adaptive hedge by the skill of its detector.

        Parameters
        ----------
        curve : SkillCurve
            What :func:`alvh.skill_curve` found: a study has one skill, a curve many.
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        return curve.plot(ax)

    def frontier(self, ax: Axes | None = None) -> Axes:
        """Hedge cost a year against the reduction of expected shortfall, with 95 % intervals and the claimed corner.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        from matplotlib.patches import Rectangle

        ax = new_axes() if ax is None else ax
        paired = self._study.paired()
        for index, name in enumerate(paired.index):
            row = 100.0 * paired.drop(columns="reading").loc[name].astype(float)
            x, y = row["hedge_cost"], row["expected_shortfall_reduction"]
            colour = COLOURS[(index + 1) % len(COLOURS)]
            ax.errorbar(
                x,
                y,
                xerr=_reach(row, "hedge_cost"),
                yerr=_reach(row, "expected_shortfall_reduction"),
                fmt=_MARKERS[index % len(_MARKERS)],
                color=colour,
                capsize=3,
                label=_words(name),
            )
        ax.add_patch(Rectangle((1.0, 35.0), 1.0, 30.0, fill=False, linestyle="--", edgecolor="black"))
        ax.annotate("claimed", (1.5, 65.0), ha="center", va="bottom", fontsize=8)
        ax.axhline(0.0, color=GREY, linewidth=0.8)
        ax.set_xlabel("hedge cost, % of capital a year")
        ax.set_ylabel("expected shortfall reduction, %")
        ax.legend(frameon=False, fontsize=8)
        tidy(ax)
        return ax

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a PNG with the equity above and the drawdown below.

        Parameters
        ----------
        path : str or path-like
            File to write; it appears whole or not at all.

        Returns
        -------
        pathlib.Path
            The path.

        Raises
        ------
        OSError
            When the folder does not exist or cannot be written to.
        """
        figure = new_figure(11.0, 7.0)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        self.equity(top)
        self.drawdown(bottom)
        self._name_events(top)
        handles, labels = top.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5), frameon=False)
        days = self._study.equity().index
        figure.suptitle(
            f"Equity and drawdown, {days[0]:%Y-%m-%d} to {days[-1]:%Y-%m-%d}", x=0.01, ha="left", fontsize=12
        )
        return write_whole(path, lambda stream: figure.savefig(stream, format="png", dpi=150))

    def _lines(self, ax: Axes, frame: pd.DataFrame) -> None:
        for start, end, _ in self._windows():
            ax.axvspan(start, end, color="#999999", alpha=0.18, linewidth=0)
        for index, name in enumerate(frame.columns):
            ax.plot(
                frame.index.to_numpy(),
                frame[name].to_numpy(),
                label=str(name).replace("_", " "),
                color=COLOURS[index % len(COLOURS)],
                linestyle=_STYLES[index // len(COLOURS) % len(_STYLES)],
                linewidth=1.3,
            )
        tidy(ax)

    def _name_events(self, ax: Axes) -> None:
        days = self._study.equity().index
        labels: list[tuple[Any, str]] = []
        for start, end, name in self._windows():
            centre = start + (end - start) / 2
            # Events too close for two lines of text share one.
            if labels and centre - labels[-1][0] < (days[-1] - days[0]) / 40:
                labels[-1] = (labels[-1][0], f"{labels[-1][1]}, {name}")
            else:
                labels.append((centre, name))
        for centre, text in labels:
            ax.annotate(
                text,
                (centre, 1.0),
                xycoords=("data", "axes fraction"),
                xytext=(0, 3),
                textcoords="offset points",
                rotation=35,
                ha="left",
                va="bottom",
                fontsize=7.5,
                color=GREY,
                annotation_clip=False,
            )

    def _windows(self) -> list[tuple[Any, Any, str]]:
        frame = self._study.events()
        covered = frame[frame["skipped"] == ""].drop_duplicates("event")
        return list(zip(covered["start"], covered["end"], covered["event"], strict=True))


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _hedged(study: Study) -> dict[str, list[str]]:
    """Books with layers in which they ever earned or lost anything."""
    from alvh._study_records import layers

    frame = study.attribution()
    names = np.asarray(frame.columns)[layers(study.raw)]
    found = {str(book): [str(name) for name in names if frame.at[book, name] != 0.0] for book in frame.index}
    return {book: own for book, own in found.items() if own}


def _reach(row: pd.Series[float], quantity: str) -> list[list[float]] | None:
    value, low, high = (float(row[f"{quantity}{end}"]) for end in ("", "_low", "_high"))
    # The value of a path statistic can lie outside what resampling finds; a bar has no negative length.
    return None if np.isnan(low) else [[max(0.0, value - low)], [max(0.0, high - value)]]
