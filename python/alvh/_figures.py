"""What the pictures share: figures without a window system, colours, axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "GREY", "new_axes", "new_figure", "tidy"]

# Okabe and Ito (2008), "Color universal design": told apart by readers with any common colour blindness.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#5A5A5A"


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # No pyplot: it would keep the figure alive and choose a window system.
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def new_axes() -> Axes:
    """Return the axes of a new figure."""
    return new_figure(9.0, 4.5).subplots()


def tidy(ax: Axes) -> None:
    """Give axes the look of all pictures: horizontal lines, no frame."""
    ax.margins(x=0.01)
    ax.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=GREY)
