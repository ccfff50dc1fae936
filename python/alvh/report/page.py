"""The page: its sections in the order in which a reader needs them, in one file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Any

import alvh
from alvh.report import answer, costs, curves, explorer, hedge
from alvh.report.facts import Facts
from alvh.report.ignition import ignition_section
from alvh.report.markup import data_block

if TYPE_CHECKING:
    from alvh.ignition import Signal
    from alvh.report.markup import Section
    from alvh.study import Study

__all__ = ["page"]

_EDUCATION = (
    "For education. Not advice to buy or sell anything; measured results are of the past or of a model."
)


def page(study: Study, signal: Signal | None = None) -> str:
    """Lay out the whole report.

    Parameters
    ----------
    study : Study
        What to report.
    signal : Signal, optional
        Episodes of momentum ignition to show beside it.

    Returns
    -------
    str
        The HTML document.
    """
    from plotly.offline import get_plotlyjs

    facts = Facts(study)
    trades = explorer.explorer_data(facts)
    sections = [
        answer.claims_section(facts),
        answer.metrics_section(facts),
        curves.equity_section(facts),
        curves.difference_section(facts),
        curves.frontier_section(facts),
        hedge.events_section(facts),
        hedge.layers_section(facts),
        hedge.slide_section(facts),
        hedge.waterfall_section(facts),
        costs.fills_section(facts),
        costs.sensitivity_section(facts),
        costs.margin_section(facts),
        hedge.phases_section(facts),
        explorer.explorer_section(facts, trades),
        curves.months_section(facts),
        ignition_section(signal),
        answer.misleading_section(facts),
    ]
    figures = {
        figure.key: {"data": figure.data, "layout": figure.layout}
        for section in sections
        for figure in section.figures
    }
    data = [
        data_block("figures", figures),
        data_block("shared", {"days": facts.labels()}),
        data_block("trades", trades),
    ]
    scripts = [get_plotlyjs(), _asset("page.js")]
    return _document(facts, sections, data, scripts)


def _asset(name: str) -> str:
    return resources.files("alvh.report").joinpath(name).read_text(encoding="utf-8")


def _document(facts: Facts, sections: list[Section], data: list[str], scripts: list[str]) -> str:
    # Only these two scripts may run, and nothing may be fetched: a page that was tampered with stays dumb.
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    )
    policy = f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:"
    study = facts.study
    if facts.simulated:
        span = f"{study.raw['n_paths']:,} simulated paths of {study.raw['sessions']:,} sessions"
    else:
        span = f"{len(facts.days):,} sessions {facts.days[0]:%Y-%m-%d} to {facts.days[-1]:%Y-%m-%d}"
    names = ", ".join(facts.order())
    title = f"Does the hedge do what is claimed? {len(study.books)} books, {span}"
    lead = f"{span}; books: {names if len(names) < 90 else names[:89] + '…'}. {_EDUCATION}"
    links = "".join(f'<a href="#{section.key}">{escape(_short(section))}</a>' for section in sections)
    body = "\n".join(section.html() for section in sections)
    versions: dict[str, Any] = study.provenance
    made = f"alvh {alvh.__version__}, seed {versions.get('seed', study.seed)}"
    code = "".join(f"<script>{script}</script>" for script in scripts)
    return (
        f'<!DOCTYPE html>\n<html lang="en" data-look="light"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_asset('page.css')}</style></head>\n"
        f'<body><a class="skip" href="#claims">Skip to the claims</a>'
        f'<header><h1>Does the hedge do what is claimed?</h1><p class="lead">{escape(lead)}</p>'
        f"{answer.card(facts)}</header>\n"
        f'<nav aria-label="Sections"><div><button type="button" id="look">Look: auto</button>{links}</div></nav>\n'
        f"<main>{body}<noscript><p>The pictures need JavaScript; every number is in the tables.</p></noscript></main>\n"
        f"<footer><p>{escape(_EDUCATION)}</p><p>{escape(made)}.</p></footer>\n"
        f"{''.join(data)}{code}</body></html>\n"
    )


_SHORT = {
    "claims": "Claims",
    "metrics": "Numbers",
    "equity": "Equity",
    "difference": "Difference",
    "frontier": "Cost and protection",
    "events": "Events",
    "layers": "Layers",
    "slide": "Shocks",
    "waterfall": "Sources",
    "fills": "Fills",
    "sensitivity": "Sensitivity",
    "margin": "Margin",
    "phases": "Phases",
    "explorer": "Trades",
    "months": "Months",
    "ignition": "Ignition",
    "misleading": "Caveats",
}


def _short(section: Section) -> str:
    return _SHORT[section.key]
