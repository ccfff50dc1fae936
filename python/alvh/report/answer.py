"""The answer in one screen, the claims behind it, the statistics, and what can mislead."""

from __future__ import annotations

import math
import re
from html import escape
from typing import TYPE_CHECKING, Any

from alvh._claims import percent
from alvh.report.markup import Section, number, shortened, table, text, usd

if TYPE_CHECKING:
    import pandas as pd

    from alvh.report.facts import Facts

__all__ = ["card", "caveats", "claims_section", "metrics_section", "misleading_section"]

# A verdict is told by its word and its sign, never by colour alone.
_SIGNS = {"supported": "✓", "not supported": "✗", "undecided": "?", "not measured": "-"}
# Two rows of the printed table are indented under the one before, which a column of headings cannot be.
_LABELS = {"max_drawdown_usd": "max drawdown, USD", "drawdown_sessions": "max drawdown, sessions"}
_ENDS = ("", "_low", "_high")
_CSS = {"supported": "yes", "not supported": "no", "undecided": "open", "not measured": "none"}


def card(facts: Facts) -> str:
    """Verdict, cost, worst event and biggest caveat."""
    tiles = [_verdict_tile(facts), _cost_tile(facts), _event_tile(facts)]
    caveat = caveats(facts)[0]
    tiles.append(_tile("Biggest caveat", caveat[0], caveat[1], "caveat"))
    return f'<div class="card">{"".join(tiles)}</div>'


def _tile(label: str, value: str, note: str, css: str = "") -> str:
    # A number stays with its unit.
    value, note = (
        re.sub(r"(?<=[\d\]]) (?=%|k |M )|(?<= [kM]) (?=USD)", "\u00a0", part) for part in (value, note)
    )
    return (
        f'<div class="tile {css}"><div class="label">{escape(label)}</div>'
        f'<div class="value">{escape(value)}</div><div class="note">{escape(note)}</div></div>'
    )


def _row(facts: Facts, claim: str, claimed: str | None = None) -> pd.Series[Any] | None:
    frame = facts.claims
    wanted = (
        (frame["claim"] == claim) & (frame["book"] == facts.subject) & (frame["verdict"] != "not measured")
    )
    if claimed is not None:
        wanted &= frame["claimed"] == claimed
    return frame[wanted].iloc[0] if wanted.any() else None


def _verdict_tile(facts: Facts) -> str:
    label = "Are drawdowns 35-40 % smaller, as claimed?"
    row = _row(facts, "drawdown reduction", "35-40 %")
    counts = facts.claims["verdict"].value_counts()
    tally = ", ".join(f"{counts[name]} {name}" for name in _SIGNS if name in counts)
    if row is None:
        return _tile(label, "not measured", f"No hedged book to compare. Claims: {tally}.", "none")
    found = str(row["verdict"])
    value, low, high = (float(row[end]) for end in ("estimate", "low", "high"))
    measured = f"largest fall of {shortened(row['book'])} {_compared(value)} than that of {shortened(row['against'])}"
    if not math.isnan(low):
        measured += f" (95 %: {_compared(low)} to {_compared(high)})"
    note = f"{measured}. All {len(facts.claims)} claims: {tally}."
    return _tile(label, f"{_SIGNS[found]} {found}", note, _CSS[found])


def _compared(reduction: float) -> str:
    return f"{abs(reduction):.0%}".replace("%", " %") + (" smaller" if reduction >= 0.0 else " larger")


def _cost_tile(facts: Facts) -> str:
    row = _row(facts, "hedge cost a year")
    if row is None or math.isnan(float(row["estimate"])):
        return _tile("Cost of the hedge", "not measured", "No hedged book in this study.", "none")
    low, high = (number(float(row[end]), 2, 100.0) for end in ("low", "high"))
    note = f"of capital, 95 % interval {low} to {high}; claimed 1-2 %: {row['verdict']}"
    return _tile("Cost of the hedge", f"{number(float(row['estimate']), 2, 100.0)} % a year", note)


def _event_tile(facts: Facts) -> str:
    events = facts.events
    own = events[(events["book"] == facts.shown) & (events["skipped"] == "")]
    if facts.simulated:
        row = facts.summary.loc[facts.shown]
        note = f"mean loss of the worst 5 % of simulated paths of {shortened(facts.shown)}"
        if facts.subject:
            note += (
                f"; {shortened(facts.base)} {usd(-float(facts.summary['pnl_shortfall_95'].loc[facts.base]))}"
            )
        return _tile("Worst paths", usd(-float(row["pnl_shortfall_95"])), note)
    if own.empty:
        pnl = facts.study.pnl[facts.shown]
        day = pnl.idxmin()
        note = f"worst day of {shortened(facts.shown)}; no named event in the data"
        return _tile("Worst event", f"{day:%Y-%m-%d}: {usd(float(pnl.min()))}", note)
    worst = own.loc[own["pnl"].idxmin()]
    note = f"{shortened(facts.shown)}, {worst['start']:%Y-%m-%d} to {worst['end']:%Y-%m-%d}"
    if facts.subject:
        other = events[(events["book"] == facts.base) & (events["event"] == worst["event"])].iloc[0]
        note += f"; {shortened(facts.base)} {usd(float(other['pnl']))}"
    return _tile("Worst event", f"{worst['event']}: {usd(float(worst['pnl']))}", note)


def claims_section(facts: Facts) -> Section:
    """Every claim with its verdict."""
    import pandas as pd

    section = Section("claims", "What is claimed, what was measured")
    rows, css = [], []
    frame = facts.claims
    measured = frame["verdict"] != "not measured"
    # Most rows rest on the same sample, which is named once.
    common = str(frame["sample"][measured].mode().iloc[0]) if measured.any() else ""
    for _, row in pd.concat([frame[measured], frame[~measured]]).iterrows():
        found = str(row["verdict"])
        coverage = float(row["coverage"])
        own = "" if row["sample"] == common else str(row["sample"])
        rows.append(
            (
                f"{row['claim']}, {row['claimed']}",
                row["book"],
                row["against"] or "-",
                percent(row),
                f"{_SIGNS[found]} {found}" + (" (within the range)" if row["within"] else ""),
                "-"
                if math.isnan(coverage)
                else f"{coverage:.0%}" + (" (indicative)" if row["indicative"] else ""),
                "; ".join(dict.fromkeys(part for part in (own, str(row["why"]), str(row["change"])) if part)),
            )
        )
        css.append(_CSS[found])
    head = (
        "claim",
        "book",
        "against",
        "measured [95 %]",
        "verdict",
        "coverage",
        "sample, where it is another, and what would change the verdict",
    )
    caption = "Published claims beside what was measured" + (f" on {common}" if common else "")
    section.add(table(head, rows, caption, css))
    return section.add(
        text(
            "Supported: the whole 95 % interval lies above the lower end of the claimed range (for a cost: below its "
            "upper end). Not supported: it lies on the other side. Undecided: it does not tell. Coverage: how often "
            "such intervals held the truth on simulated histories.",
            css="small",
        )
    )


def metrics_section(facts: Facts) -> Section:
    """Statistics per book with their intervals."""
    section = Section("metrics", "The books in numbers")
    columns = {name: column.tolist() for name, column in facts.summary.items()}
    order = [facts.index(book) for book in facts.order()]
    rows = []
    sample = facts.study._sample
    for name, label, factor, digits in sample.rows:
        cells = [
            sample.cell([columns[f"{name}{end}"][book] for end in _ENDS], factor, digits) for book in order
        ]
        rows.append((_LABELS.get(name, label), *cells))
    for name, label, factor, digits in sample.counts:
        rows.append(
            (label.strip(), *(sample.cell([columns[name][book]] * 3, factor, digits) for book in order))
        )
    section.add(table(("", *facts.order()), rows, f"Statistics per book, {sample.caption()}"))
    for sentence in facts.study.sentences():
        section.add(text(sentence))
    for remark in facts.study.incident_lines():
        section.add(text(remark, css="small"))
    return section


def caveats(facts: Facts) -> list[tuple[str, str]]:
    """Say what can mislead, the gravest first: a head and a sentence."""
    study, found = facts.study, []
    provenance, note = study.provenance, study.note
    hypothetical = facts.summary.get("hypothetical_hedge_pnl")
    if hypothetical is not None and (hypothetical != 0.0).any():
        book = str(hypothetical.abs().idxmax())
        found.append(
            (
                "The hedge could not be bought",
                f"{usd(float(hypothetical[book]))} of the hedge P&L of {shortened(book)} is from before VIX options "
                "were listed (2006-02-24).",
            )
        )
    asleep = _asleep(facts)
    if asleep:
        found.append(
            (
                "The adaptive rules never acted",
                f"Their signals warm up over more sessions than there are: {', '.join(map(shortened, asleep))}.",
            )
        )
    if facts.simulated:
        found.append(
            ("A model, not the market", "Every path is simulated: what the model lacks cannot happen here.")
        )
    if not facts.simulated and provenance.get("marks", {}).get("kind") == "surface":
        found.append(
            (
                "Prices are modelled, not quoted",
                "No option quotes: every option is priced on a smile built from index levels, the hedge included.",
            )
        )
    if "VIX futures come from" in note:
        found.append(
            (
                "VIX futures are stand-ins",
                "They come from the term structure of the VIX indices, not from trades.",
            )
        )
    drawdown = facts.claims[facts.claims["claim"] == "drawdown reduction"]
    if drawdown["indicative"].any():
        share = float(drawdown["coverage"].min())
        found.append(
            (
                "Drawdown intervals are indicative",
                f"On simulated histories only {share:.0%} of them held the truth.",
            )
        )
    if not facts.simulated:
        span = f"{facts.days[0]:%Y-%m-%d} to {facts.days[-1]:%Y-%m-%d}"
        events = facts.events
        missing = int((events["skipped"] != "").sum())
        found.append(
            (
                "One history",
                f"{len(facts.days):,} sessions, {span}: {missing} of {events['event'].nunique()} named events lie "
                "outside it, and a crash that is not in the data is in no interval.",
            )
        )
    found.append(
        (
            "Fills are assumed",
            "Orders fill at a fixed share of the half-spread from the middle; "
            "what another share does is under Slippage and fees.",
        )
    )
    return found


def _asleep(facts: Facts) -> list[str]:
    """Books whose signals are still warming up when the data end."""
    provenance = facts.study.provenance
    sessions = len(facts.days)
    if facts.simulated:
        sessions = facts.study.raw["sessions"] + provenance["world"]["warm_up"]
    configured = zip(facts.study.books, provenance["books"], strict=True)
    rules = {name: (book.get("rules") or {}).get("adaptive") for name, book in configured}
    return [name for name, rule in rules.items() if rule and rule["signals"]["warm_up"] >= sessions]


def misleading_section(facts: Facts) -> Section:
    """How this can mislead, and what was run."""
    section = Section("misleading", "How this can mislead you")
    items = "".join(f"<li><b>{escape(head)}.</b> {escape(line)}</li>" for head, line in caveats(facts))
    section.add(f"<ol>{items}</ol>")
    covers, *stand_ins = facts.study.note.splitlines() or [""]
    items = "".join(text(line.removeprefix("- "), "li") for line in stand_ins)
    section.add(text("What the data cover", "h3"), text(covers), f"<ul>{items}</ul>" if items else "")
    quality = facts.study.quality
    counted = [(name.replace("_", " "), f"{count:,}") for name, count in quality["flags"].items() if count]
    counted += [(f"marks: {name}", value) for name, value in quality["marks"].items()]
    if counted:
        section.add(table(("flag", "count"), counted, "Flags of the data and of the marks"))
    provenance = dict(facts.study.provenance)
    configured = provenance.pop("books")
    how = provenance.pop("bootstrap", None) or provenance.pop("intervals")
    rows = [(name.replace("_", " "), shortened(value)) for name, value in provenance.items()]
    rows += [(f"intervals: {name}".replace("_", " "), shortened(value)) for name, value in how.items()]
    rows.append(("configurations in this study", f"{len(configured)} books"))
    section.add(text("What was run", "h3"))
    section.add(table(("item", "value"), rows, "Seed, versions, hashes"))
    return section.add(
        text(
            "Configurations tried before this study and thrown away are not counted here, and every one of them makes "
            "a good result more likely by chance.",
            css="small",
        )
    )
