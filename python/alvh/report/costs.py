"""What trading and margin take, and how the result hangs on assumptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alvh.report.figures import axis, bars, layout, line
from alvh.report.markup import Figure, Section, number, plotly_text, table, text

if TYPE_CHECKING:
    from alvh.report.facts import Facts

__all__ = ["fills_section", "margin_section", "sensitivity_section"]


def fills_section(facts: Facts) -> Section:
    """P&L by how much of the spread is paid, and fees and slippage that were paid."""
    section = Section("fills", "Slippage and fees")
    fills = facts.study.slippage
    if fills is not None:
        shares = [100.0 * float(share) for share in fills.index]
        traces = [
            line(book, fills[book] / facts.scale(book), position, x=shares, mode="lines+markers")
            for position, book in enumerate(facts.order())
        ]
        caption = "Final P&L when every order pays this share of its half-spread, all else equal."
        axes = layout(f"P&L, {facts.unit}", "share of the half-spread paid, %", hovermode="x unified")
        section.add(Figure("fills", caption, traces, axes, 340))
    paid = facts.study.attribution()
    kinds = [name for name in ("fees", "slippage") if name in paid]
    books = facts.order()
    scale = np.array([facts.scale(book) for book in books])
    traces = [
        bars(kind, books, -paid.loc[books, kind] / scale, index + 1) for index, kind in enumerate(kinds)
    ]
    axes = layout(facts.unit, xaxis=axis(type="category"), barmode="stack")
    return section.add(Figure("paid", "Fees and slippage that each book paid.", traces, axes, 300))


def sensitivity_section(facts: Facts) -> Section:
    """P&L with other wings, days to expiry and hedge sizes."""
    section = Section("sensitivity", "Other wings, days and hedge sizes")
    variants = facts.study.sensitivity
    if variants is None:
        return section.add(text("Not measured in this study.", css="missing"))
    labels = [plotly_text(label) for label in variants.index]
    traces = []
    for position, book in enumerate(facts.order()):
        trace = line(book, variants[book] / facts.scale(book), position, x=labels, mode="markers")
        trace["marker"] = {"color": trace["line"]["color"], "size": 9, "symbol": position}
        traces.append(trace)
    caption = (
        "Final P&L with another wing width (index points), days to expiry or hedge size. Where the dots of a book "
        "lie on both sides of zero, its result is a choice of parameters."
    )
    axes = layout(f"P&L, {facts.unit}", xaxis=axis(type="category"), hovermode="x unified")
    section.add(Figure("sensitivity", caption, traces, axes, 400))
    rows = [
        (label, *(number(float(x), 1, 1e-3) for x in variants.loc[label, facts.order()]))
        for label in variants.index
    ]
    return section.add(table(("variant", *facts.order()), rows, "P&L by variant, thousand USD"))


def margin_section(facts: Facts) -> Section:
    """Show the requirement by the account rules and by the portfolio scan."""
    section = Section("margin", "Margin")
    index = facts.index(facts.shown)
    if facts.simulated:
        return section.add(_margin_table(facts))
    traces = [line("Reg-T requirement", facts.largest(facts.daily["margin"][index]) / 1e3, 0)]
    scan = facts.study.portfolio_margin
    if scan is not None:
        values = scan[facts.shown].to_numpy(dtype=np.float64)
        traces.append(line("portfolio scan (an approximation)", facts.largest(values) / 1e3, 1))
    axes = layout("thousand USD", xaxis=axis(type="date"), hovermode="x unified")
    caption = f"Margin requirement of {facts.shown} at the close."
    section.add(Figure("margin", caption, traces, axes, 320))
    section.add(_margin_table(facts))
    lowest = float(facts.daily["excess"][index].min())
    return section.add(text(f"Least excess of {facts.shown} at a close: {lowest:,.0f} USD.", css="small"))


def _margin_table(facts: Facts) -> str:
    summary, scan = facts.summary, facts.study.portfolio_margin
    rows = [
        (
            book,
            number(float(summary["margin_max"].loc[book]), 0),
            number(float(scan[book].max()), 0) if scan is not None else "n/a",
            number(float(summary["margin_calls"].loc[book]), 2 if facts.simulated else 0),
            number(float(summary["forced_closes"].loc[book]), 2 if facts.simulated else 0),
        )
        for book in facts.order()
    ]
    head = ("book", "most Reg-T margin, USD", "most by portfolio scan, USD", "margin calls", "forced closes")
    return table(head, rows, "Margin and margin calls" + (", means over paths" if facts.simulated else ""))
