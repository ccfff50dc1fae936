"""A study in a notebook: a compact table with small curves drawn as SVG, without any script."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh._figures import COLOURS
from alvh._history_sample import ENDS
from alvh._study_text import shorten

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alvh.study import Study

__all__ = ["notebook_html"]

# More books than these, and names longer than this, do not fit beside each other.
_BOOKS = 12
_NAME = 24
_POINTS = 120
_WIDTH, _HEIGHT = 132.0, 34.0


def notebook_html(study: Study) -> str:
    """Lay out statistics, verdicts and equity curves of at most twelve books.

    Parameters
    ----------
    study : Study
        What to show.

    Returns
    -------
    str
        Markup below 40 kB; every string is escaped.
    """
    sample = study._sample
    shown = study.books[:_BOOKS]
    columns = {name: column.tolist() for name, column in study.summary().items()}
    head = "".join(f"<th>{escape(shorten(book, _NAME))}</th>" for book in shown)
    body = [f"<tr><th></th>{head}</tr>"]
    curves = _curves(study)
    if curves is not None:
        low, high = float(curves.min()), float(curves.max())
        cells = "".join(
            f"<td>{_spark(curve, low, high, COLOURS[index % len(COLOURS)], shown[index])}</td>"
            for index, curve in enumerate(curves)
        )
        body.append(f"<tr><th>equity, % of capital</th>{cells}</tr>")
    for name, label, factor, digits in sample.rows:
        if name not in sample.brief:
            continue
        cells = "".join(
            f"<td>{escape(sample.cell([columns[f'{name}{end}'][book] for end in ENDS], factor, digits))}</td>"
            for book in range(len(shown))
        )
        body.append(f"<tr><th>{escape(label)}</th>{cells}</tr>")
    caption = sample.caption()
    if len(study.books) > len(shown):
        caption += f"; {len(shown)} of {len(study.books)} books shown"
    sentences = "".join(f"<p>{escape(sentence)}</p>" for sentence in study.sentences()[:_BOOKS])
    return f"<table><caption>{escape(caption)}</caption>{''.join(body)}</table>{sentences}"


def _curves(study: Study) -> NDArray[np.float64] | None:
    """Equity in percent of the capital, books x points; nothing for a simulation, whose paths are many."""
    if "outcomes" in study.raw:
        return None
    equity = study.equity().to_numpy().T[:_BOOKS]
    relative = 100.0 * equity / np.asarray(study.raw["capital"])[:_BOOKS, None]
    points = np.unique(np.linspace(0, relative.shape[1] - 1, _POINTS).astype(np.int64))
    return np.asarray(relative[:, points])


def _spark(curve: Any, low: float, high: float, colour: str, book: str) -> str:
    span = high - low or 1.0
    x = np.linspace(1.0, _WIDTH - 1.0, len(curve))
    y = 1.0 + (_HEIGHT - 2.0) * (high - curve) / span
    path = " ".join(f"{a:.0f},{b:.1f}" for a, b in zip(x, y, strict=True))
    words = f"{shorten(book, _NAME)}: {curve[0]:.1f} to {curve[-1]:.1f} % of capital"
    return (
        f'<svg width="{_WIDTH:.0f}" height="{_HEIGHT:.0f}" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT:.0f}" role="img">'
        f'<title>{escape(words)}</title><polyline points="{path}" fill="none" stroke="{colour}" '
        'stroke-width="1.3"/></svg>'
    )
