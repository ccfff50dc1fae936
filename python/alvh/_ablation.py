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
    from alvh.marks import QuoteMarks, SurfaceMarks

__all__ = ["ablate"]

_ENDS = ("", "_low", "_high")
_SAVED = (("drawdown_saved", "drawdown_reduction"), ("shortfall_saved", "expected_shortfall_reduction"))


def ablate(
    book: Book,
    history: History,
    marks: SurfaceMarks | QuoteMarks | None = None,
    *,
    seed: int = 0,
    replicates: int = 2000,
    min_sessions: int = 252,
) -> pd.DataFrame:
    """Switch off each rule and each group of signals in turn and compare with the whole, paired.

    Parameters
    ----------
    book : Book
        A book with an :class:`~alvh.AdaptivePolicy`.
    history : History
        The market.
    marks : SurfaceMarks or QuoteMarks, optional
        What prices the legs; default: the surface of the history.
    seed, replicates, min_sessions : int
        As for :func:`alvh.backtest`.

    Returns
    -------
    pandas.DataFrame
        One row per rule that is on and per group of signals that weighs, best first: ``kind`` (rule or signals),
        ``earned`` (P&L with it less P&L without it, USD), ``drawdown_saved`` (maximum drawdown without it less with
        it, as a fraction of the one without), ``shortfall_saved`` (the same of the expected shortfall 95 %), each with
        ``_low`` and ``_high`` (95 %), ``decisions`` (how many carry its identifier; NaN for signals) and ``verdict``:
        earns, costs, or undecided where the interval of ``earned`` holds zero; idle where nothing changed.

    Raises
    ------
    ConfigError
        When the book has no adaptive policy, or nothing in it is on.
    """
    import pandas as pd

    from alvh._backtest import backtest

    if not isinstance(book.rules, AdaptivePolicy):
        raise ConfigError("ABL001", "ablate", "book", repr(book.name), "a book with an AdaptivePolicy")
    variants = _variants(book.rules)
    if not variants:
        raise ConfigError("ABL002", "ablate", "rules", "none on", "at least one rule that is on")
    without = {
        name: book.replace(name=f"without {name}", rules=policy) for name, (_, policy) in variants.items()
    }
    study = backtest(
        [book, *without.values()],
        history,
        marks,
        seed=seed,
        replicates=replicates,
        min_sessions=min_sessions,
    )
    frame = study.paired(base=book.name).drop(columns="reading")
    paired = {str(name): dict(row) for name, row in frame.iterrows()}
    pnl = study.pnl
    counts = study.decisions()[["book", "rule"]].value_counts()
    rows: list[dict[str, Any]] = []
    for name, (kind, _) in variants.items():
        row = paired[f"without {name}"]
        earned = _negated(row, "pnl_difference")
        idle = bool(np.array_equal(pnl[book.name], pnl[f"without {name}"]))
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
        entry["verdict"] = "idle" if idle else _verdict(earned)
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


def _negated(row: dict[str, float], name: str) -> list[float]:
    """Turn around a comparison of the book without the rule with the whole one, ends swapped."""
    value, low, high = (float(row[f"{name}{end}"]) for end in _ENDS)
    return [-value, -high, -low]


def _saved(reduction: float) -> float:
    """Turn 1 - a/b, negated, into 1 - b/a."""
    ratio = 1.0 + reduction
    return 1.0 - 1.0 / ratio if ratio > 0.0 else np.nan


def _verdict(earned: list[float]) -> str:
    if earned[1] > 0.0:
        return "earns"
    return "costs" if earned[2] < 0.0 else "undecided"
