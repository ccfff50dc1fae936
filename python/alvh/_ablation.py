"""Which rules earn their keep: every rule and every group of signals switched off in turn, on the same market."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh.errors import ConfigError
from alvh.policy import SWITCHES, AdaptivePolicy

if TYPE_CHECKING:
    import pandas as pd

    from alvh.books import Book
    from alvh.history import History
    from alvh.market import Market

__all__ = ["ablate"]

_ENDS = ("", "_low", "_high")
_SAVED = (("drawdown_saved", "drawdown_reduction"), ("shortfall_saved", "expected_shortfall_reduction"))


def ablate(book: Book, market: History | Market, **options: Any) -> pd.DataFrame:
    """Switch off each rule and each group of signals in turn and compare with the whole, paired.

    Parameters
    ----------
    book : Book
        A book with an :class:`~alvh.AdaptivePolicy`.
    market : History or Market
        A recorded market, or a model of it whose paths are simulated. No rule acts before the warm-up of the signals
        is over: a simulation must be longer than that.
    **options
        Of :func:`alvh.backtest` (``marks``, ``seed``, ``replicates``, ``min_sessions``) or of :func:`alvh.simulate`
        (``n_paths``, ``years``, ``seed``, ...).

    Returns
    -------
    pandas.DataFrame
        One row per rule that is on and per group of signals that weighs, best first: ``kind`` (rule or signals),
        ``earned`` (P&L with it less P&L without it, USD), ``drawdown_saved`` (maximum drawdown without it less with
        it, as a fraction of the one without), ``shortfall_saved`` (the same of the expected shortfall 95 %), each with
        ``_low`` and ``_high`` (95 %), ``decisions`` (how many carry its identifier, in a simulation on the recorded
        paths; NaN for signals) and ``verdict``: earns, costs, or undecided where the interval of ``earned`` holds
        zero; idle where nothing changed.

    Raises
    ------
    ConfigError
        When the book has no adaptive policy, nothing in it is on, or the market is none.
    """
    import pandas as pd

    from alvh._backtest import backtest
    from alvh._simulate import simulate
    from alvh.history import History
    from alvh.market import Market

    if not isinstance(book.rules, AdaptivePolicy):
        raise ConfigError("ABL001", "ablate", "book", repr(book.name), "a book with an AdaptivePolicy")
    variants = _variants(book.rules)
    if not variants:
        raise ConfigError("ABL002", "ablate", "rules", "none on", "at least one rule that is on")
    without = [book.replace(name=f"without {name}", rules=rules) for name, (_, rules) in variants.items()]
    if isinstance(market, History):
        study = backtest([book, *without], market, **options)
    elif isinstance(market, Market):
        study = simulate([book, *without], market, **options)
    else:
        raise ConfigError("ABL003", "ablate", "market", type(market).__name__, "a History or a Market")
    frame = study.paired(base=book.name)
    paired = {str(name): dict(row) for name, row in frame.iterrows()}
    counts = study.decisions()[["book", "rule"]].value_counts()
    rows: list[dict[str, Any]] = []
    for name, (kind, _) in variants.items():
        row = paired[f"without {name}"]
        earned = _negated(row, "pnl_difference")
        entry: dict[str, Any] = {"rule": name, "kind": kind}
        entry |= dict(zip((f"earned{end}" for end in _ENDS), earned, strict=True))
        for target, source in _SAVED:
            # The comparison has the book without the rule over the whole one: the other way round is what was saved.
            saved = [_saved(value) for value in _negated(row, source)]
            entry |= dict(zip((f"{target}{end}" for end in _ENDS), saved, strict=True))
        identifiers = RULE_IDS.get(name, ())
        entry["decisions"] = (
            float(sum(int(counts.get((book.name, each), 0)) for each in identifiers))
            if identifiers
            else np.nan
        )
        entry["verdict"] = _verdict(earned)
        rows.append(entry)
    ranked = pd.DataFrame(rows).set_index("rule")
    return ranked.sort_values("earned", ascending=False, kind="stable")


RULE_IDS: dict[str, tuple[str, ...]] = {
    "sizing": ("hedge.sizing",),
    "automatic_vega": ("hedge.automatic_vega",),
    "automatic_vega_exception": ("hedge.automatic_vega_exception",),
    "press": ("hedge.press",),
    "time_shift_hedge": ("hedge.time_shift", "hedge.time_shift_back"),
    "recycling": ("hedge.recycle",),
    "sell_ladder": ("hedge.sell_ladder",),
    "normalisation": ("hedge.normalise",),
    "caps": ("hedge.caps",),
    "second_engine": ("sleeve.feed", "sleeve.buy", "sleeve.sell"),
    "trim": ("condor.trim",),
    "time_shift_condor": ("condor.time_shift", "condor.time_shift_back"),
    "expansion_gate": ("condor.expansion_gate",),
    "fair_value_shift": ("condor.fair_value",),
}
"""Identifiers of the decisions of each switch."""


def _variants(policy: AdaptivePolicy) -> dict[str, tuple[str, AdaptivePolicy]]:
    """Build the policy without each of its rules and without each group of its signals."""
    variants = {name: ("rule", policy.without(name)) for name in SWITCHES if getattr(policy, name)}
    weights = policy.signals.weights
    for group in (field.name for field in dataclasses.fields(weights)):
        if getattr(weights, group) > 0.0:
            mute: dict[str, Any] = {group: 0.0}
            signals = dataclasses.replace(policy.signals, weights=dataclasses.replace(weights, **mute))
            variants[f"signals: {group}"] = ("signals", dataclasses.replace(policy, signals=signals))
    return variants


def _negated(row: dict[str, Any], name: str) -> list[float]:
    """Turn around a comparison of the book without the rule with the whole one, ends swapped."""
    value, low, high = (float(row[f"{name}{end}"]) for end in _ENDS)
    return [-value, -high, -low]


def _saved(reduction: float) -> float:
    """Turn 1 - a/b, negated, into 1 - b/a."""
    ratio = 1.0 + reduction
    return 1.0 - 1.0 / ratio if ratio > 0.0 else np.nan


def _verdict(earned: list[float]) -> str:
    # Differences that are zero on every resampled path: the same book.
    if not any(earned):
        return "idle"
    if earned[1] > 0.0:
        return "earns"
    return "costs" if earned[2] < 0.0 else "undecided"
