"""Building blocks of the page: escaped text, tables, figures as data, sections."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Figure", "Section", "data_block", "number", "numbers", "plotly_text", "table", "text", "usd"]

_LONGEST = 200
_LABEL = 40
_MILLION = 1e6
_THOUSAND = 1e3


@dataclass(frozen=True)
class Figure:
    """A figure of plotly as plain data.

    Colours are names of the page's own (``"@c0"`` .. ``"@c7"``, ``"@ink"``), which the page turns into those of its
    light or dark look; ``"@days"`` is the list of sessions that many figures share.
    """

    key: str
    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    height: int = 360


@dataclass
class Section:
    """One part of the page: its title is plain text, its body is markup that was escaped where it was made."""

    key: str
    title: str
    body: list[str] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)

    def add(self, *parts: str | Figure) -> Section:
        """Append markup and figures in the order in which they are read."""
        for part in parts:
            if isinstance(part, Figure):
                self.figures.append(part)
                label = escape(part.caption)
                self.body.append(
                    f'<figure><div class="figure" id="figure-{part.key}" data-figure="{part.key}" role="img" '
                    f'aria-label="{label}" style="height:{part.height}px"></div>'
                    f"<figcaption>{label}</figcaption></figure>"
                )
            else:
                self.body.append(part)
        return self

    def html(self) -> str:
        """Markup of the section."""
        body = "\n".join(self.body)
        return (
            f'<section id="{self.key}" aria-labelledby="title-{self.key}">'
            f'<h2 id="title-{self.key}">{escape(self.title)}</h2>\n{body}</section>'
        )


def text(value: object, element: str = "p", css: str = "") -> str:
    """Wrap escaped text in an element."""
    name = f' class="{css}"' if css else ""
    return f"<{element}{name}>{escape(str(value))}</{element}>"


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    caption: str,
    css: Sequence[str] | None = None,
) -> str:
    """Lay out cells as a table that scrolls sideways on its own; the first cell of a row is its heading.

    Parameters
    ----------
    head : sequence
        Headings of the columns.
    rows : iterable of sequences
        Cells.
    caption : str
        What the table shows, for readers and screen readers.
    css : sequence of str, optional
        A class per row.

    Returns
    -------
    str
        Markup; every cell is escaped.
    """
    cells = "".join(f'<th scope="col">{escape(str(cell))}</th>' for cell in head)
    body = []
    for index, (first, *rest) in enumerate(rows):
        name = f' class="{css[index]}"' if css is not None and css[index] else ""
        values = "".join(f"<td>{escape(str(cell))}</td>" for cell in rest)
        body.append(f'<tr{name}><th scope="row">{escape(str(first))}</th>{values}</tr>')
    label = escape(caption)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table><caption>{label}</caption>'
        f"<thead><tr>{cells}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def plotly_text(value: object, longest: int = _LABEL) -> str:
    """Write text where plotly reads a few elements of HTML: nothing in it can become one."""
    shown = str(value).replace("_", " ")
    shown = shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
    # Control characters have no place in a picture.
    return escape("".join(ch for ch in shown if ch.isprintable()), quote=False)


def number(value: float, digits: int = 1, factor: float = 1.0) -> str:
    """Write a number, or n/a where there is none."""
    if value is None or not math.isfinite(value):
        return "n/a"
    return f"{round(value * factor, digits) + 0.0:,.{digits}f}"


def usd(value: float) -> str:
    """Write an amount with its unit: USD, thousands or millions of it."""
    if value is None or not math.isfinite(value):
        return "n/a"
    size = abs(value)
    if size >= _MILLION:
        return f"{value / 1e6:,.2f} M USD"
    return f"{value / 1e3:,.1f} k USD" if size >= _THOUSAND else f"{value:,.0f} USD"


def numbers(values: Any, digits: int = 2) -> list[float | None]:
    """Turn numbers into those of strict JSON: rounded, null where there is none."""
    rounded = np.round(np.asarray(values, dtype=np.float64), digits) + 0.0
    return [value if math.isfinite(value) else None for value in rounded.tolist()]


def data_block(key: str, value: Any) -> str:
    """Embed data for the script of the page; no string in it can end the block."""
    encoded = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for mark in "<>&":
        encoded = encoded.replace(mark, f"\\u{ord(mark):04x}")
    return f'<script type="application/json" id="data-{key}">{encoded}</script>'


def shortened(value: object) -> str:
    """Cut text that would fill the page."""
    shown = str(value)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
