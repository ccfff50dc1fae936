"""Pictures of a simulated study: distributions of what the paths ended with, and recorded paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alvh._figures import COLOURS, new_axes, new_figure, tidy
from alvh._files import write_whole

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from alvh.study import Study

__all__ = ["PathPlot"]

_MOST_RECORDED = 10


class PathPlot:
    """Outcomes of the books of a simulated study.

    Parameters
    ----------
    study : Study
        What to draw.
    """

    def __init__(self, study: Study) -> None:
        self._study = study

    def pnl(self, ax: Axes | None = None) -> Axes:
        """Share of the paths with at most a P&L, thousands of USD.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        ax = self._cumulated(ax, self._study.raw["outcomes"]["pnl"] / 1e3)
        ax.set_xlabel("P&L of a path, thousand USD")
        return ax

    def max_drawdown(self, ax: Axes | None = None) -> Axes:
        """Share of the paths with at most a maximum drawdown, percent of the peak.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.

        Returns
        -------
        matplotlib.axes.Axes
            The axes drawn on.
        """
        ax = self._cumulated(ax, 100.0 * self._study.raw["outcomes"]["max_drawdown"])
        ax.set_xlabel("maximum drawdown of a path, % of peak")
        return ax

    def equity(self, ax: Axes | None = None) -> Axes:
        """Equity of recorded paths, percent of the capital.

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
        for record in self._study.raw["records"][:_MOST_RECORDED]:
            days = record["day"].astype("datetime64[D]")
            for book, name in enumerate(self._study.books):
                first = record is self._study.raw["records"][0]
                ax.plot(
                    days,
                    100.0 * record["equity"][book] / self._study.raw["capital"][book],
                    color=COLOURS[book % len(COLOURS)],
                    linewidth=0.8,
                    label=name.replace("_", " ") if first else None,
                )
        ax.set_ylabel("equity of recorded paths, % of capital")
        tidy(ax)
        return ax

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a PNG with the distributions above and recorded paths below.

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
        left, right, below = figure.subplot_mosaic([["pnl", "drawdown"], ["equity", "equity"]]).values()
        self.pnl(left)
        self.max_drawdown(right)
        self.equity(below)
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5), frameon=False)
        n_paths = self._study.raw["n_paths"]
        figure.suptitle(f"Outcomes of {n_paths:,} simulated paths", x=0.01, ha="left", fontsize=12)
        return write_whole(path, lambda stream: figure.savefig(stream, format="png", dpi=150))

    def _cumulated(self, ax: Axes | None, values: NDArray[np.float64]) -> Axes:
        ax = new_axes() if ax is None else ax
        weights = np.full(values.shape[1], 1.0 / values.shape[1])
        for book, name in enumerate(self._study.books):
            order = np.argsort(values[book], kind="stable")
            ax.plot(
                values[book][order],
                np.cumsum(weights[order]),
                color=COLOURS[book % len(COLOURS)],
                linewidth=1.3,
                label=name.replace("_", " "),
            )
        ax.set_ylabel("share of paths")
        tidy(ax)
        return ax
