"""What the hedge did: events, layers, shocks, where the P&L came from, phases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alvh._market_views import layer_contracts
from alvh.report.facts import CONDOR_LEGS
from alvh.report.figures import axis, bars, grid, layout, line
from alvh.report.markup import Figure, Section, number, numbers, plotly_text, table, text
from alvh.signals import PHASES

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from alvh.report.facts import Facts

__all__ = ["events_section", "layers_section", "phases_section", "slide_section", "waterfall_section"]

_PHASE_COLOURS = {"press": 0, "expansion": 1, "normalisation": 2}


def events_section(facts: Facts) -> Section:
    """Named events: what condors and layers earned, how long it took to recover."""
    section = Section("events", "When it mattered: named events")
    if facts.simulated:
        return section.add(text("Named events belong to history: replay one for them.", css="missing"))
    events = facts.events
    covered = events[events["skipped"] == ""]
    rows, css = [], []
    days = facts.days.to_numpy()
    for _, event in covered.iterrows():
        index = facts.index(str(event["book"]))
        inside = (days >= np.datetime64(event["start"])) & (days <= np.datetime64(event["end"]))
        condor, layers = (
            sum(float(facts.daily[f"pnl:{name}"][index, inside].sum()) for name in names)
            for names in (CONDOR_LEGS, facts.layers)
        )
        recover = float(event["sessions_to_recover"])
        rows.append(
            (
                f"{event['event']}, {event['start']:%Y-%m-%d} to {event['end']:%Y-%m-%d}",
                event["book"],
                number(condor, 0),
                number(layers, 0),
                number(float(event["pnl"]), 0),
                number(float(event["max_drawdown"]), 1, 100.0),
                "not yet" if np.isnan(recover) else f"{recover:.0f}",
            )
        )
        css.append("base" if event["book"] == facts.base else "")
    if rows:
        head = (
            "event",
            "book",
            "condors, USD",
            "layers, USD",
            "total, USD",
            "drawdown, %",
            "sessions to recover",
        )
        names = list(dict.fromkeys(covered["event"]))
        traces = []
        for position, book in enumerate(facts.order()):
            pnl = covered[covered["book"] == book].set_index("event")["pnl"].reindex(names)
            traces.append(bars(book, names, pnl / facts.scale(book), position))
        caption = f"P&L in the windows of named events, {facts.unit}."
        axes = layout(f"P&L, {facts.unit}", xaxis=axis(type="category"), barmode="group")
        section.add(Figure("events", caption, traces, axes, 360))
        section.add(
            table(head, rows, "Scorecard per event and book (total includes costs and interest)", css)
        )
    reasons = events[events["skipped"] != ""].groupby("skipped", sort=False)["event"].agg(", ".join)
    for reason, missed in reasons.items():
        section.add(text(f"{reason}: {missed}", css="small"))
    return section


def layers_section(facts: Facts) -> Section:
    """Contracts per layer over the term structure of volatility."""
    section = Section("layers", "The layers through time")
    market = facts.study.market
    if facts.subject is None or facts.simulated:
        return section.add(text("Not measured: needs a hedged book over one history.", css="missing"))
    traces = []
    names = {"vix": "VIX", "vix3m": "VIX3M", "vx1": "first VIX future", "vx2": "second VIX future"}
    if market is not None:
        for position, name in enumerate(name for name in names if name in market):
            level = facts.largest(market[name].to_numpy())
            traces.append(line(names[name], level, position + 4, legendgroup="market"))
    held = layer_contracts(facts.study, facts.subject, facts.layers_of(facts.subject))
    for position, (layer, contracts) in enumerate(held.items()):
        trace = line(layer, facts.last(contracts), position, yaxis="y2", digits=0, stackgroup="layers")
        trace["fillcolor"] = f"@f{position % 8}"
        trace["line"]["shape"] = "hv"
        traces.append(trace)
    lower, upper = [0.0, 0.42], [0.5, 1.0]
    axes = layout(
        xaxis=axis(type="date", anchor="y2"),
        yaxis=axis("volatility, points", domain=upper),
        yaxis2=axis("contracts", domain=lower, anchor="x"),
        hovermode="x unified",
    )
    caption = (
        f"Above: levels of volatility. Below: contracts that {facts.subject} holds at the close, layer on layer. A "
        "curve that turns (the first future above the second) is where a hedge is paid for."
    )
    return section.add(Figure("layers", caption, traces, axes, 480))


def slide_section(facts: Facts) -> Section:
    """P&L of the positions under shocks of index and VIX, now and next session, in total and per layer."""
    section = Section("slide", "If the market moved at once")
    slide = facts.study.risk_slide
    if slide is None or slide.empty or facts.shown not in set(slide["book"]):
        return section.add(
            text("Not measured: the study has no marks to shock, or no option was held.", css="missing")
        )
    own = slide[slide["book"] == facts.shown]
    day = own["day"].iloc[0]
    section.add(
        text(
            f"Positions of {facts.shown} at the close of {day:%Y-%m-%d}, the last one at which most books hold "
            "options. Each cell reprices every option on the smile that the moved levels imply: an approximation."
        )
    )
    for when, title in (("now", "at once"), ("next session", "one session later")):
        section.add(
            _slide_grid(own[own["when"] == when], f"slide-{when.split()[0]}", f"{facts.shown}, {title}")
        )
    now = own[own["when"] == "now"]
    if set(now["bucket"]) - set(CONDOR_LEGS):
        parts = now.assign(bucket=now["bucket"].where(~now["bucket"].isin(CONDOR_LEGS), "condors"))
        folds = parts[parts["spot"] == 0.0].groupby(["bucket", "vix"])["pnl"].sum().unstack()
        crash = parts[parts["spot"] == parts["spot"].min()].groupby(["bucket", "vix"])["pnl"].sum().unstack()
        for frame, words in ((folds, "index unchanged"), (crash, "index at its lowest")):
            rows = [(name, *(number(float(x), 0) for x in frame.loc[name])) for name in frame.index]
            head = ("part", *(f"VIX +{vix:g}" for vix in frame.columns))
            section.add(table(head, rows, f"USD per layer, at once, {words}"))
    return section


def _slide_grid(own: pd.DataFrame, key: str, title: str) -> Figure:
    cells = own.groupby(["spot", "vix"])["pnl"].sum().unstack() / 1e3
    texts = [[number(x, 0) for x in row] for row in cells.to_numpy()]
    limit = max(float(np.abs(cells.to_numpy()).max()), 1e-9)
    across = [f"+{vix:g}" for vix in cells.columns]
    down = [f"{spot:+.1%}" for spot in cells.index]
    trace = grid(across, down, cells.to_numpy(), texts, limit, "thousand USD")
    axes = layout(
        "index",
        "VIX, points",
        xaxis=axis("VIX, points", type="category"),
        yaxis=axis("index", type="category"),
    )
    return Figure(key, f"P&L of {title}, thousand USD.", [trace], axes, 330)


def waterfall_section(facts: Facts) -> Section:
    """Where the P&L came from; the parts sum to it exactly."""
    section = Section("waterfall", "Where the P&L came from")
    attribution: Any = facts.study.attribution()
    for position, book in enumerate(dict.fromkeys((facts.base, facts.shown))):
        own = attribution.loc[book]
        parts = {name: float(own[name]) for name in facts.buckets if own[name] != 0.0}
        if not parts:
            continue
        names = [*parts, "total"]
        trace = {
            "type": "waterfall",
            "x": [plotly_text(name) for name in names],
            "y": [*numbers(np.array(list(parts.values())) / 1e3), 0],
            "measure": ["relative"] * len(parts) + ["total"],
            "increasing": {"marker": {"color": "@gain"}},
            "decreasing": {"marker": {"color": "@loss"}},
            "totals": {"marker": {"color": "@ink"}},
            "connector": {"line": {"color": "@muted", "width": 1}},
            "showlegend": False,
        }
        axes = layout("thousand USD", xaxis=axis(type="category"))
        section.add(
            Figure(f"waterfall-{position}", f"P&L of {book} by leg, layer and cost.", [trace], axes, 340)
        )
    rows = [(book, *(number(float(x), 0) for x in attribution.loc[book])) for book in facts.order()]
    head = ("book", *(name.replace("_", " ") for name in facts.buckets))
    return section.add(table(head, rows, "P&L by bucket, USD; each row sums to the change of the equity"))


def phases_section(facts: Facts) -> Section:
    """P&L by market phase, which sums to that of the study, and the phases through time."""
    section = Section("phases", "Phases")
    market = facts.study.market
    if market is None or "phase" not in market:
        return section.add(text("Not measured: the study has no phases of its market.", css="missing"))
    phase = market["phase"].astype(str)
    pnl: Any = facts.study.pnl.groupby(phase.to_numpy()).sum()
    share = phase.value_counts(normalize=True)
    names = [name for name in PHASES if name in pnl.index]
    traces = [
        bars(book, names, pnl.loc[names, book] / facts.scale(book), position)
        for position, book in enumerate(facts.order())
    ]
    axes = layout(f"P&L, {facts.unit}", xaxis=axis(type="category"), barmode="group")
    section.add(Figure("phases", "P&L on the sessions of each phase.", traces, axes, 340))
    rows = [
        (
            name,
            number(float(share[name]), 1, 100.0),
            *(number(float(pnl.at[name, book]), 0) for book in facts.order()),
        )
        for name in names
    ]
    totals: Any = pnl.loc[names].sum()
    rows.append(("all", "100.0", *(number(float(totals[book]), 0) for book in facts.order())))
    head = ("phase", "sessions, %", *facts.order())
    section.add(table(head, rows, "P&L by phase, USD; the phases sum to the P&L of the study"))
    vix = line("VIX", facts.largest(market["vix"].to_numpy()), 4)
    codes = np.array([PHASES.index(name) for name in phase])
    bands = [
        _phase_band(facts, codes, low, high) for low, high in _runs(codes) if PHASES[codes[low]] != "calm"
    ]
    caption = "VIX; shaded where the market is not calm: blue press, orange expansion, green normalisation."
    axes = layout("VIX, points", xaxis=axis(type="date"), shapes=bands)
    return section.add(Figure("phase-line", caption, [vix], axes, 300))


def _runs(codes: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and last session of each stretch of one phase."""
    starts = np.r_[0, np.flatnonzero(np.diff(codes)) + 1]
    ends = np.r_[starts[1:] - 1, len(codes) - 1]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))


def _phase_band(facts: Facts, codes: NDArray[np.int64], low: int, high: int) -> dict[str, Any]:
    # A phase lasts until the close at which the next one begins.
    end = min(high + 1, len(facts.days) - 1)
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": f"{facts.days[low]:%Y-%m-%d}",
        "x1": f"{facts.days[end]:%Y-%m-%d}",
        "y0": 0,
        "y1": 1,
        "fillcolor": f"@f{_PHASE_COLOURS[PHASES[codes[low]]]}",
        "line": {"width": 0},
        "layer": "below",
    }
