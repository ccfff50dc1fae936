"""Numbers and tables of a study as text, and its values as types of strict JSON."""

from __future__ import annotations

import math
from datetime import date
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Row", "cell", "kusd", "line", "number", "plain", "rows", "shorten", "text_table", "with_error"]

# Statistic, label, unit factor (None: USD in thousands or millions), decimals.
Row = tuple[str, str, float | None, int]

COLUMN = 26
WIDTH = 100
LABEL = 20
_WHOLE = 10_000.0
# Amounts from here on are printed in millions: more digits than seven do not fit with their interval.
_MILLION = 1e6
# Width of a 95 % interval in standard errors.
_ENDS_APART = 2.0 * NormalDist().inv_cdf(0.975)


def rows(frame: pd.DataFrame | None) -> dict[str, dict[str, Any]]:
    """Rows of a frame by their label."""
    return (
        {}
        if frame is None
        else {
            str(row): dict(zip(frame.columns, values, strict=True))
            for row, *values in frame.itertuples(name=None)
        }
    )


def plain(value: Any) -> Any:
    """Turn the value into types of strict JSON."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):  # also pandas' time stamps
        return None if value != value else value.isoformat()[:10]
    if value is None or isinstance(value, (bool, int, str)):
        return value
    text = str(value)
    return None if text in ("NaT", "<NA>") else text


def number(value: float, factor: float, digits: int) -> str:
    """Print a number, scaled."""
    if math.isnan(value):
        return "n/a"
    # Sums of the same cents in another order differ in their last bits and must still print alike.
    scaled = round(value * factor, 6)
    # Beyond four digits the decimals say nothing and break the columns.
    digits = digits if abs(scaled) < _WHOLE else 0
    return f"{round(scaled, digits) + 0.0:,.{digits}f}"


def cell(triple: list[float], factor: float | None, digits: int, unit: str = "") -> str:
    """Print a value with the ends of its interval."""
    factor, digits, unit = _scale(triple, factor, digits, unit)
    value, low, high = (number(float(x), factor, digits) for x in triple)
    if value == "n/a":
        return value
    if low == high == "n/a" or value == low == high:
        return f"{value}{unit}"
    return f"{value}{unit} [{low}, {high}]"


def with_error(triple: list[float], factor: float | None, digits: int, unit: str = "") -> str:
    """Print a value with the standard error that its 95 % interval was made of."""
    factor, digits, unit = _scale(triple, factor, digits, unit)
    text = number(float(triple[0]), factor, digits)
    error = number(abs(triple[2] - triple[1]) / _ENDS_APART, factor, digits)
    if text == "n/a" or error == "n/a" or triple[2] == triple[1]:
        return text if text == "n/a" else f"{text}{unit}"
    return f"{text} ± {error}{unit}"


def _scale(triple: list[float], factor: float | None, digits: int, unit: str) -> tuple[float, int, str]:
    if factor is not None:
        return factor, digits, unit
    # Amounts of very different accounts stand beside each other: each cell has its unit.
    largest = max((abs(x) for x in triple if not math.isnan(x)), default=0.0)
    factor, prefix = (1e-6, "M") if largest >= _MILLION else (1e-3, "k")
    if prefix == "M":
        digits = 2 if largest < 100 * _MILLION else 1 if largest < 1_000 * _MILLION else 0
    return factor, digits, f" {prefix}{unit}"


def shorten(text: str, width: int) -> str:
    """Cut a text at a width."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def line(label: str, cells: list[str]) -> str:
    """Lay out one line of the table of statistics."""
    return (f"{label:<{LABEL}}" + "".join(f" {cell:>{COLUMN - 1}}" for cell in cells)).rstrip()


def kusd(frame: pd.DataFrame) -> list[list[str]]:
    """Amounts of a frame in thousands, as text."""
    return [[number(float(x), 1e-3, 1) for x in row] for row in frame.to_numpy()]


def text_table(title: str, labels: list[str], books: list[str], rows: list[list[str]]) -> list[str]:
    """Lay out one cell per label and book as lines of at most 100 columns, with more books further down.

    Parameters
    ----------
    title : str
        Heads the labels.
    labels : list of str
        One per row.
    books : list of str
        One per column.
    rows : list of list of str
        Cells.

    Returns
    -------
    list of str
        Lines, with a blank one between two sets of books.
    """
    width = max(len(text) for text in (title, *labels)) + 1
    names = [shorten(book, COLUMN - 2) for book in books]
    column = max(12, 2 + max(len(text) for text in (*names, *(cell for row in rows for cell in row))))
    beside = max(1, (WIDTH - width) // column)
    lines: list[str] = []
    for start in range(0, len(books), beside):
        lines += [""] * bool(lines)
        for label, cells in zip((title, *labels), (names, *rows), strict=True):
            panel = "".join(f"{cell:>{column}}" for cell in cells[start : start + beside])
            lines.append(f"{label:<{width}}{panel}".rstrip())
    return lines
