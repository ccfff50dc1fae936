"""Published readings of the 4/4/2 hedge as books: what the texts actually say, side by side.

The texts on the layered VIX hedge contradict each other. Each preset is one reading of them with the address of its
source; what the source leaves open is said in `choices` and is ours. All presets share their condor and its account, so
that the hedge is all that differs, except `vix_tail_hedge`, an index of its own. Five million USD and a hundred
condors, so that whole contracts do not matter: budgets of the same shares buy nothing in a small account.

This project is not affiliated with the authors of any source. Rules are cited, text is not copied.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alvh.books import Book, HedgeLayer, IronCondor, LayeredHedge, static, vix_tail_hedge
from alvh.errors import ConfigError

__all__ = ["CAPITAL", "CONDORS", "Preset", "describe", "named", "names"]

CAPITAL = 5_000_000.0
"""Account of every preset but `vix_tail_hedge` [USD]."""
CONDORS = 100
"""Condors of one entry in that account."""
_SITE = "https://www.vixshield.com/ask/"
# The claims speak of 1 to 2 % of the account a year: the middle of it.
_BUDGET = 0.015


@dataclass(frozen=True)
class Preset:
    """A published reading and how it became a book.

    Parameters
    ----------
    name : str
        Name.
    says : str
        What the source says, in our words.
    source : str
        Address of the page, or name of the document.
    status : str
        ``"PUB"`` when all numbers were found in the source, ``"PUB?"`` when some could not be confirmed there,
        ``"STD"`` for a standard of the field.
    choices : str
        What the source leaves open, and what stands here instead.
    hedge : callable
        Makes the hedge.
    """

    name: str
    says: str
    source: str
    status: str
    choices: str
    hedge: Callable[[], LayeredHedge]

    def book(self, condor: IronCondor | None = None, capital: float | None = None) -> Book:
        """Build the book.

        Parameters
        ----------
        condor : IronCondor, optional
            Default: 45 days, 0.16 delta, a hundred contracts on each monthly expiry day.
        capital : float, optional
            Starting capital [USD]; five million by default, ten for `vix_tail_hedge`.

        Returns
        -------
        Book
            The book, by the name of the preset.
        """
        if self.name == "vix_tail_hedge":
            return vix_tail_hedge() if capital is None else vix_tail_hedge(capital)
        own = IronCondor(contracts=CONDORS) if condor is None else condor
        return Book(own, self.hedge(), capital=CAPITAL if capital is None else capital, name=self.name)

    def to_dict(self) -> dict[str, Any]:
        """Describe the preset in built-in types.

        Returns
        -------
        dict
            Name, what it says, source, status, choices, layers as text.
        """
        row = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        row["hedge"] = [_layer_text(layer) for layer in self.hedge().layers]
        return row


def _layer_text(layer: HedgeLayer) -> str:
    changed = []
    for field in dataclasses.fields(layer):
        value = getattr(layer, field.name)
        if field.name not in ("name", "dte") and value != field.default:
            changed.append(f"{field.name} {value}")
    return f"{layer.name}: {layer.dte} dte" + "".join(f", {text}" for text in changed)


def _default() -> LayeredHedge:
    hedge = static().hedge
    assert hedge is not None  # the static book is the hedged one
    return hedge


def _otm_ladder() -> LayeredHedge:
    return LayeredHedge(
        (
            HedgeLayer("outer", dte=30, weight=4, strike_offset=5.0),
            HedgeLayer("middle", dte=110, weight=4, strike_offset=8.0),
            HedgeLayer("inner", dte=220, weight=2, strike_level=32.5),
        )
    )


def _notional_share() -> LayeredHedge:
    return LayeredHedge(
        (
            HedgeLayer("outer", dte=38, delta=0.30, notional_share=0.04),
            HedgeLayer("middle", dte=75, delta=0.30, notional_share=0.04),
            HedgeLayer("inner", dte=120, delta=0.30, notional_share=0.02),
        )
    )


def _short_budget() -> LayeredHedge:
    return LayeredHedge(
        (
            HedgeLayer("outer", dte=6, roll_dte=0, expiries="weekly", budget_share=0.4),
            HedgeLayer("middle", dte=38, budget_share=0.4),
            HedgeLayer("inner", dte=75, budget_share=0.2),
        ),
        budget=_BUDGET,
    )


def _one_week_budget() -> LayeredHedge:
    return LayeredHedge(
        (
            HedgeLayer("outer", dte=7, roll_dte=1, instrument="vix_future", budget_share=0.4),
            HedgeLayer("middle", dte=38, budget_share=0.4),
            HedgeLayer("inner", dte=75, budget_share=0.2),
        ),
        budget=_BUDGET,
    )


def _weekly_roll() -> LayeredHedge:
    outer, middle, inner = _default().layers
    return LayeredHedge((dataclasses.replace(outer, roll_every=8, expiries="weekly"), middle, inner))


def _staged_futures() -> LayeredHedge:
    stages = ((4.0, 0.325), (6.0, 0.275), (10.0, 0.275))
    return LayeredHedge(
        tuple(
            HedgeLayer(
                f"stage{place}", dte=30, roll_dte=5, instrument="vix_future", weight=futures, vix_rise=rise
            )
            for place, (rise, futures) in enumerate(stages, 1)
        ),
        per_condors=1.0,
    )


def _tail_hedge() -> LayeredHedge:
    hedge = vix_tail_hedge().hedge
    assert hedge is not None  # the index holds calls
    return hedge


_BUDGET_RULE = (
    "the budget: 1.5 % of equity a year, the middle of the claimed 1 to 2 %, spent evenly over the year; "
)

_PRESETS = (
    Preset(
        "442-30-110-220",
        "VIX calls of 0.45 to 0.55 delta at 30, 110 and 220 days, four, four and two for ten condors; the outer ones "
        "move on near 21 days",
        f"{_SITE}how-does-the-alvh-442-vix-call-layering-across-30110220-dte-actually-work-when-vix-is-sitting-at-18",
        "PUB",
        "the middle of the delta; per ten condors; rolls of the longer layers at 80 and 190 days; at 21 days the outer "
        "rolls to its own tenor, and moving its premium into the middle is left to adaptive rules",
        _default,
    ),
    Preset(
        "442-otm-ladder",
        "the same tenors and weights, strikes 4 to 6 points above VIX, 7 to 9 points above it, and near 30 to 35",
        f"{_SITE}how-does-the-alvh-442-vix-call-layering-across-30110220-dte-actually-work-when-vix-is-sitting-at-18-f72e3",
        "PUB",
        "the middle of each range; the last range as a level, as the source gives it at a VIX of 18; '7 to 9 points "
        "higher' as above VIX, where it might also mean above the outer strike",
        _otm_ladder,
    ),
    Preset(
        "442-notional-pct",
        "calls out of the money for 4, 4 and 2 % of the condors' notional at 30 to 45, 60 to 90 and 120 or more days",
        f"{_SITE}how-does-the-alvh-442-layered-vix-call-hedge-actually-perform-when-vix-is-sitting-at-1795",
        "PUB",
        "the percentage as premium at each purchase; the notional as wing width times 100 USD times condors, their "
        "risk, because 4 % of index times 100 would cost more than the account; 0.30 delta; 38, 75 and 120 days; rolls "
        "after the default rule",
        _notional_share,
    ),
    Preset(
        "40-40-20-short",
        "40, 40 and 20 % of the hedge at 4 to 7, 30 to 45 and 60 or more days",
        f"{_SITE}how-does-the-alvh-hedge-actually-work-with-the-442-contract-layering-across-different-dtes-does-it-really-only-cost-1-2-",
        "PUB",
        f"{_BUDGET_RULE}calls of 0.50 delta; 6, 38 and 75 days; the shortest held to settlement, in weekly expiries, "
        "which exist since 2015-10",
        _short_budget,
    ),
    Preset(
        "40-40-20-1week",
        "40, 40 and 20 % of the hedge at 1 to 7, 30 to 45 and more days, the front by VIX futures",
        f"{_SITE}can-someone-explain-the-mechanics-behind-the-442-notional-weighting-in-alvh-and-why-the-time-shifting-works-so-well",
        "PUB?",
        f"{_BUDGET_RULE}the front month of the futures, rolled a day before it settles, because weekly futures hardly "
        "trade; as many as have the delta of the calls that the share would buy; the source at hand says one to two "
        "weeks for the front and 8 to 12 for the rest",
        _one_week_budget,
    ),
    Preset(
        "442-weekly-roll",
        "the default, with the short layer rolled every 7 to 10 calendar days",
        f"{_SITE}can-someone-explain-how-the-alvh-layered-vix-hedge-works-with-the-442-contract-ratios-and-fixed-roll-schedules",
        "PUB",
        "after 8 days, or at 21 days to expiry, which mostly comes first, to the weekly expiry nearest 30 days; the "
        "other layers as in the default",
        _weekly_roll,
    ),
    Preset(
        "staged-futures",
        "VIX futures in three stages as VIX rises by 4, 6 and 10 points, from 0.25 to 0.40 futures a condor to 0.75 to "
        "1.0",
        f"{_SITE}does-layering-staggered-vix-futures-in-alvh-actually-offset-gammadelta-blowout-on-a-threatened-spx-condor",
        "PUB?",
        "rises above the lowest VIX close of 20 sessions, stages off below half of their rise; 0.325, 0.60 and 0.875 "
        "futures a condor with the second stage halfway; one-month futures; the numbers could not be confirmed in what "
        "is at hand of the source",
        _staged_futures,
    ),
    Preset(
        "vix_tail_hedge",
        "the S&P 500 with one-month 30-delta VIX calls for 1 % of the portfolio when the VIX future is at 15 to 30, "
        "0.5 % at 30 to 50, none otherwise",
        "Cboe, VXTH index rules",
        "STD",
        "the book of docs/books.md: an index holding without condors",
        _tail_hedge,
    ),
)
_BY_NAME = {preset.name: preset for preset in _PRESETS}


def names() -> tuple[str, ...]:
    """List the presets.

    Returns
    -------
    tuple of str
        Names.
    """
    return tuple(_BY_NAME)


def describe() -> tuple[Preset, ...]:
    """List the presets with what they say, their sources and what is ours.

    Returns
    -------
    tuple of Preset
        Presets.
    """
    return _PRESETS


def named(*which: str, condor: IronCondor | None = None, capital: float | None = None) -> tuple[Book, ...]:
    """Build presets by name.

    Parameters
    ----------
    *which : str
        Names out of :func:`names`; none for all of them.
    condor : IronCondor, optional
        Default: 45 days, 0.16 delta, a hundred contracts on each monthly expiry day.
    capital : float, optional
        Starting capital [USD].

    Returns
    -------
    tuple of Book
        One book per name.

    Raises
    ------
    ConfigError
        When a name is not known.
    """
    for name in which:
        if name not in _BY_NAME:
            raise ConfigError("CFG064", "presets.named", "name", repr(name), f"one of {', '.join(_BY_NAME)}")
    return tuple(_BY_NAME[name].book(condor, capital) for name in which or _BY_NAME)
