"""One condor at a time: its legs, its payoff, what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alvh.report.facts import CONDOR_LEGS
from alvh.report.markup import Section, numbers, text

if TYPE_CHECKING:
    from alvh.report.facts import Facts

__all__ = ["explorer_data", "explorer_section"]

# A list of more could not be looked through.
_MOST = 400


def explorer_section(facts: Facts, trades: list[dict[str, Any]]) -> Section:
    """Lay out controls and an empty figure; the page's script draws the chosen condor."""
    section = Section("explorer", "Trade explorer")
    if not trades:
        return section.add(text("No closed condor to show.", css="missing"))
    caption = "Profit and loss at expiry by index level, legs and break-evens marked"
    return section.add(
        text(
            f"Closed condors of {facts.shown}"
            + (f", the {_MOST} largest gains and losses." if len(trades) == _MOST else ".")
        ),
        '<p class="controls"><button type="button" id="explorer-before">Previous</button> '
        '<label for="explorer-choice">Condor</label> <select id="explorer-choice"></select> '
        '<button type="button" id="explorer-after">Next</button></p>',
        '<p id="explorer-words" aria-live="polite"></p>',
        '<figure><div class="figure" id="figure-explorer" data-explorer="yes" role="img" '
        f'aria-label="{caption}" style="height:360px"></div><figcaption>{caption}.</figcaption></figure>',
    )


def explorer_data(facts: Facts) -> list[dict[str, Any]]:
    """List the closed condors of the book that is shown, with their legs."""
    condors = facts.study.condors
    condors = condors[condors["book"] == facts.shown]
    if len(condors) > _MOST:
        largest = condors["pnl"].abs().nlargest(_MOST).index
        condors = condors.loc[np.sort(largest.to_numpy())]
    trades = facts.study.trades
    if facts.simulated and len(condors):
        # Positions are numbered anew on every path: one recorded path is looked at.
        path = condors["path"].iloc[0]
        condors, trades = condors[condors["path"] == path], trades[trades["path"] == path]
    trades = trades[(trades["book"] == facts.shown) & trades["bucket"].isin(CONDOR_LEGS)]
    # The first trade of a position in a leg opens it.
    legs = trades.drop_duplicates(["position", "bucket"]).set_index(["position", "bucket"])
    strikes = legs["strike"].to_dict()
    expiries = legs["expiry"].to_dict()
    market = facts.study.market
    spot = {} if market is None else market["spx"].to_dict()
    found: list[dict[str, Any]] = []
    row: Any
    for row in condors.itertuples(index=False):
        position = row.position
        if any((position, leg) not in strikes for leg in CONDOR_LEGS):
            continue
        found.append(
            {
                "opened": f"{row.opened:%Y-%m-%d}",
                "closed": f"{row.closed:%Y-%m-%d}",
                "expiry": f"{expiries[position, 'short_put']:%Y-%m-%d}",
                "strikes": numbers([strikes[position, leg] for leg in CONDOR_LEGS]),
                "contracts": int(row.contracts),
                "credit": round(float(row.credit), 2),
                "pnl": round(float(row.pnl), 2),
                "rule": str(row.exit_rule),
                "spot": numbers([spot.get(row.opened, np.nan), spot.get(row.closed, np.nan)]),
            }
        )
    return found
