"""Shapes of figures that several sections use; colours are names that the page resolves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alvh.report.markup import numbers, plotly_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DIVERGING", "axis", "band", "bars", "colour", "grid", "layout", "line"]

# Losses, nothing, gains: told apart by readers with any common colour blindness, in light and dark.
DIVERGING = [[0.0, "@loss"], [0.5, "@middle"], [1.0, "@gain"]]
_COLOURS = 8
_DASHES = ("solid", "dash", "dot", "dashdot")


def colour(index: int) -> str:
    """Name of the colour of the n-th series."""
    return f"@c{index % _COLOURS}"


def axis(title: str = "", **settings: Any) -> dict[str, Any]:
    """Lay out an axis with a title that is plain text."""
    return {"title": {"text": plotly_text(title, 80)}, "automargin": True, **settings}


def layout(y: str = "", x: str = "", **settings: Any) -> dict[str, Any]:
    """Lay out a figure with titled axes."""
    given: dict[str, Any] = {"xaxis": axis(x), "yaxis": axis(y)}
    given.update(settings)
    return given


def line(name: str, y: Any, index: int, x: Any = "@days", digits: int = 2, **settings: Any) -> dict[str, Any]:
    """Draw a line over the sessions, or over `x`."""
    dash = _DASHES[index // _COLOURS % len(_DASHES)]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": plotly_text(name),
        "x": x,
        "y": numbers(y, digits),
        "line": {"color": colour(index), "width": 1.8, "dash": dash},
        **settings,
    }


def band(name: str, low: Any, high: Any, index: int, digits: int = 2) -> list[dict[str, Any]]:
    """Fill between two lines over the sessions."""
    edge = {"type": "scatter", "mode": "lines", "x": "@days", "line": {"width": 0}, "hoverinfo": "skip"}
    lower = {**edge, "y": numbers(low, digits), "showlegend": False, "legendgroup": name}
    filled = {"fill": "tonexty", "fillcolor": f"@f{index % _COLOURS}", "name": plotly_text(name)}
    return [lower, {**edge, **filled, "y": numbers(high, digits), "legendgroup": name}]


def bars(name: str, labels: Sequence[object], values: Any, index: int, **settings: Any) -> dict[str, Any]:
    """Draw bars over labels that are plain text."""
    return {
        "type": "bar",
        "name": plotly_text(name),
        "x": [plotly_text(label) for label in labels],
        "y": numbers(values),
        "marker": {"color": colour(index)},
        **settings,
    }


def grid(
    x: Sequence[object], y: Sequence[object], z: Any, texts: Any, limit: float, unit: str
) -> dict[str, Any]:
    """Draw cells coloured from loss to gain, symmetric around nothing."""
    return {
        "type": "heatmap",
        "x": [plotly_text(label) for label in x],
        "y": [plotly_text(label) for label in y],
        "z": [numbers(row) for row in z],
        "zmin": -limit,
        "zmax": limit,
        "text": texts,
        "texttemplate": "%{text}",
        "hovertemplate": f"%{{y}}, %{{x}}: %{{text}} {unit}<extra></extra>",
        "colorscale": DIVERGING,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
    }
