"""Equity, drawdowns, the paired difference, cost against protection, months."""

from __future__ import annotations

import calendar
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh.report.figures import axis, band, colour, grid, layout, line
from alvh.report.markup import Figure, Section, number, numbers, plotly_text, text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alvh.report.facts import Facts

__all__ = ["difference_section", "equity_section", "frontier_section", "months_section"]

_TAIL = 5.0
_BINS = 40
# A fan over fewer paths shows single paths.
_LEAST_PATHS = 20


def equity_section(facts: Facts) -> Section:
    """Equity and drawdown, with what another order of the same days could have brought."""
    section = Section("equity", "Equity and drawdown")
    if facts.simulated:
        return _recorded_paths(facts, section)
    capital = np.asarray(facts.study.raw["capital"], dtype=np.float64)
    equity = facts.study.equity().to_numpy().T
    scale = np.array([facts.scale(book) for book in facts.study.books])
    unit = f"equity, {facts.unit}"
    fall = 100.0 * facts.study.drawdown.to_numpy().T
    upper, lower = [], []
    for position, book in list(enumerate(facts.order()))[:2]:
        if facts.resampled.size and (book == facts.base or book == facts.subject):
            index = facts.index(book)
            paths = _paths(facts, index, capital[index])
            low, high = np.percentile(facts.last(paths), (_TAIL, 100.0 - _TAIL), axis=0) / scale[index]
            upper += band(f"{book[:20]}, resampled", low, high, position)
            deep = np.percentile(_fall(paths, capital[index])[:, facts.cuts], 100.0 - _TAIL, axis=0)
            lower += band(f"{book[:20]}, resampled", -deep, 0.0 * deep, position)
    for position, book in enumerate(facts.order()):
        index = facts.index(book)
        upper.append(line(book, facts.last(equity[index]) / scale[index], position))
        lower.append(line(book, -facts.largest(fall[index]), position))
    windows = _windows(facts)
    dates = axis(type="date")
    section.add(
        Figure(
            "equity",
            "Equity at the close; grey stretches are named events. The band holds 90 % of the paths that the "
            "same days in another order bring.",
            upper,
            layout(unit, xaxis=dates, shapes=windows, hovermode="x unified"),
            400,
        ),
        Figure(
            "drawdown",
            "Fall from the highest equity so far, in percent of it; the band reaches to the fall that one resampled "
            "path in twenty exceeds on that session.",
            lower,
            layout("drawdown, %", xaxis=dates, shapes=windows, hovermode="x unified"),
            340,
        ),
    )
    return section


def _recorded_paths(facts: Facts, section: Section) -> Section:
    """Draw how all paths ended, and fans over those of a simulation that were recorded."""
    _quantiles(facts, section)
    recorded = facts.recorded
    if len(recorded) < _LEAST_PATHS:
        words = f"No fan through time: {len(recorded)} paths were recorded, it needs {_LEAST_PATHS}."
        return section.add(text(words, css="missing"))
    capital = np.asarray(facts.study.raw["capital"], dtype=np.float64)
    upper, lower = [], []
    for position, book in enumerate(facts.order()):
        index = facts.index(book)
        paths = 100.0 * recorded[:, index] / capital[index]
        falls = _fall(recorded[:, index], capital[index])
        if book in (facts.base, facts.subject):
            ends = np.percentile(facts.last(paths), (_TAIL, 100.0 - _TAIL), axis=0)
            upper += band(f"{book[:20]}, 90 % of paths", ends[0], ends[1], position)
            deep = np.percentile(facts.last(falls), 100.0 - _TAIL, axis=0)
            lower += band(f"{book[:20]}, 95 % of paths", -deep, 0.0 * deep, position)
        upper.append(line(book, np.median(facts.last(paths), axis=0), position))
        lower.append(line(book, -np.mean(facts.last(falls), axis=0), position))
    dates = axis(type="date")
    axes = layout("equity, % of capital", xaxis=dates, hovermode="x unified")
    falls_axes = layout("drawdown, %", xaxis=dates, hovermode="x unified")
    words = f"{len(recorded):,} recorded paths of {facts.study.raw['n_paths']:,}"
    return section.add(
        Figure("equity", f"Median equity of {words}, and where 90 % of them lie.", upper, axes, 400),
        Figure("drawdown", f"Mean fall from the highest equity so far of {words}.", lower, falls_axes, 340),
    )


def _quantiles(facts: Facts, section: Section) -> None:
    """Quantiles of the result and of the largest fall over all paths."""
    capital = np.asarray(facts.study.raw["capital"], dtype=np.float64)
    share = np.arange(1.0, 100.0)
    for key, item, words in (
        ("ends", "pnl", "P&L of a path, % of capital"),
        ("falls", "max_drawdown", "maximum drawdown of a path, %"),
    ):
        traces = []
        for position, book in enumerate(facts.order()):
            index = facts.index(book)
            values = facts.outcomes[item][index] * (100.0 / capital[index] if item == "pnl" else 100.0)
            traces.append(line(book, np.percentile(values, share), position, x=share.tolist()))
        axes = layout(words, "percentile of the paths", hovermode="x unified")
        caption = f"{words[0].upper()}{words[1:]}, by percentile of all {facts.study.raw['n_paths']:,} paths."
        section.add(Figure(key, caption, traces, axes, 340))


def _paths(facts: Facts, index: int, capital: float) -> NDArray[np.float64]:
    pnl = facts.study.pnl.to_numpy().T[index]
    return np.asarray(capital + np.cumsum(pnl[facts.resampled], axis=1))


def _fall(paths: NDArray[np.float64], capital: float) -> NDArray[np.float64]:
    peak = np.maximum.accumulate(np.maximum(paths, capital), axis=1)
    return np.asarray(100.0 * np.minimum(1.0 - paths / peak, 1.0))


def _windows(facts: Facts) -> list[dict[str, object]]:
    events = facts.events
    covered = events[events["skipped"] == ""].drop_duplicates("event")
    return [
        {
            "type": "rect",
            "xref": "x",
            "yref": "paper",
            "x0": f"{start:%Y-%m-%d}",
            "x1": f"{end:%Y-%m-%d}",
            "y0": 0,
            "y1": 1,
            "fillcolor": "@shade",
            "line": {"width": 0},
            "layer": "below",
        }
        for start, end in zip(covered["start"], covered["end"], strict=True)
    ]


def difference_section(facts: Facts) -> Section:
    """Distribution of the difference that the hedge makes."""
    section = Section("difference", "What the hedge adds to the P&L")
    if facts.subject is None or not (facts.simulated or facts.resampled.size):
        return section.add(text("Not measured: needs a hedged book and resampled paths.", css="missing"))
    own, other = facts.index(facts.subject), facts.index(facts.base)
    if facts.simulated:
        totals = (facts.outcomes["pnl"][own] - facts.outcomes["pnl"][other]) / 1e3
        shown, kind, mark = float(totals.mean()), "simulated", "mean"
    else:
        pnl = facts.study.pnl.to_numpy().T
        change = pnl[own] - pnl[other]
        totals = change[facts.resampled].sum(axis=1) / 1e3
        shown, kind, mark = float(change.sum()) / 1e3, "resampled", "this history"
    counts, edges = np.histogram(totals, bins=_BINS)
    worse = float((totals < 0.0).mean())
    caption = (
        f"P&L of {facts.subject} minus {facts.base} over {totals.size:,} {kind} paths, the same for both; "
        f"{worse:.0%} of them are below zero."
    )
    bar = {
        "type": "bar",
        "x": numbers((edges[1:] + edges[:-1]) / 2.0),
        "y": counts.tolist(),
        "width": numbers(np.diff(edges)),
        "marker": {"color": colour(1)},
        "name": f"{kind} paths",
        "showlegend": False,
    }
    marks = [_upright(0.0, "@muted", "dot"), _upright(shown, "@ink", "solid")]
    notes = [
        {
            "x": shown,
            "y": 1,
            "yref": "paper",
            "text": mark,
            "showarrow": False,
            "yanchor": "bottom",
            "font": {"color": "@ink"},
        }
    ]
    axes = layout("paths", "P&L difference, thousand USD", shapes=marks, annotations=notes)
    return section.add(Figure("difference", caption, [bar], axes, 320))


def _upright(x: float, name: str, dash: str) -> dict[str, object]:
    place = {"x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper"}
    return {"type": "line", **place, "line": {"color": name, "width": 2, "dash": dash}}


def frontier_section(facts: Facts) -> Section:
    """Cost of a hedge against the tail it takes away, with the claimed corner."""
    section = Section("frontier", "Protection against its cost")
    paired = facts.paired
    traces = []
    apart = []
    configured = dict(zip(facts.study.books, facts.study.provenance["books"], strict=True))
    for position, book in enumerate(facts.order()):
        if book == facts.base:
            continue
        if any(
            configured[book].get(part) != configured[facts.base].get(part)
            for part in ("portfolio", "capital")
        ):
            apart.append(book)
            continue
        row = {name: 100.0 * float(value) for name, value in paired.drop(columns="reading").loc[book].items()}
        x, y = row["hedge_cost"], row["expected_shortfall_reduction"]
        if not np.isfinite(x) or not np.isfinite(y):
            continue
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": plotly_text(book),
                "x": numbers([x]),
                "y": numbers([y]),
                "marker": {"color": colour(position), "size": 12, "symbol": position},
                "error_x": _bar(x, row["hedge_cost_low"], row["hedge_cost_high"], position),
                "error_y": _bar(
                    y,
                    row["expected_shortfall_reduction_low"],
                    row["expected_shortfall_reduction_high"],
                    position,
                ),
            }
        )
    if not traces:
        return section.add(text("Not measured: needs a book beside the base.", css="missing"))
    box = {
        "type": "rect",
        "x0": 1.0,
        "x1": 2.0,
        "y0": 35.0,
        "y1": 65.0,
        "line": {"color": "@ink", "dash": "dash"},
    }
    label = {
        "x": 1.5,
        "y": 65.0,
        "text": "claimed",
        "showarrow": False,
        "yanchor": "bottom",
        "font": {"color": "@ink"},
    }
    caption = (
        "Hedge cost a year against the reduction of the expected shortfall (95 %, daily), with 95 % intervals. Dashed: "
        "where the claims would lie (cost 1-2 %, reduction 35-65 %; they speak of drawdowns). Up and left is better."
    )
    if apart:
        caption += f" Not drawn, since they are other accounts: {', '.join(apart)}."
    reach = layout(
        "expected shortfall reduction, %",
        "hedge cost, % of capital a year",
        shapes=[box],
        annotations=[label],
        showlegend=True,
    )
    return section.add(Figure("frontier", caption, traces, reach, 420))


def _bar(value: float, low: float, high: float, position: int) -> dict[str, object]:
    if not np.isfinite(low):
        return {"visible": False}
    return {
        "type": "data",
        "symmetric": False,
        # The value of a path statistic can lie outside what resampling finds; a bar has no negative length.
        "array": numbers([max(0.0, high - value)]),
        "arrayminus": numbers([max(0.0, value - low)]),
        "color": colour(position),
        "thickness": 1.2,
        "width": 4,
    }


def months_section(facts: Facts) -> Section:
    """P&L by month."""
    section = Section("months", "Month by month")
    if facts.simulated:
        return section.add(text("Months belong to history.", css="missing"))
    book = facts.shown
    pnl = facts.study.pnl[book]
    capital = float(facts.study.raw["capital"][facts.index(book)])
    monthly: Any = 100.0 * pnl.groupby([facts.days.year, facts.days.month]).sum() / capital
    years = sorted({year for year, _ in monthly.index})
    z = np.full((len(years), 12), np.nan)
    for (year, month), value in monthly.items():
        z[years.index(year), month - 1] = value
    texts = [["" if np.isnan(x) else number(x) for x in row] for row in z]
    limit = max(float(np.nanmax(np.abs(z))), 1e-9)
    names = list(calendar.month_abbr)[1:]
    cells = grid(names, [str(year) for year in years], z, texts, limit, "% of capital")
    axes = layout(xaxis=axis(type="category"), yaxis=axis(type="category", autorange="reversed"))
    caption = f"P&L of {book} by month, % of capital; orange months lost, blue ones gained."
    return section.add(Figure("months", caption, [cells], axes, 120 + 26 * len(years)))
