"""Pictures of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alvh._figures import COLOURS, GREY, new_axes, new_figure, tidy
from alvh._files import write_whole

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes

    from alvh.study import Study

__all__ = ["StudyPlot"]

_STYLES = ("-", "--", "-.", ":")
# Capitals that differ by more than this factor cannot share an axis in USD.
_ALIKE = 3.0


class StudyPlot:
    """Equity and drawdown of the books of a study.

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
