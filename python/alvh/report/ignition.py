"""Episodes of momentum ignition, when a signal is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from alvh.report.figures import axis, layout
from alvh.report.markup import Figure, Section, numbers, table, text

if TYPE_CHECKING:
    from alvh.ignition import Signal

__all__ = ["ignition_section"]

_MOST_POINTS = 3_000
_MOST_EPISODES = 50


def ignition_section(signal: Signal | None) -> Section:
    """Score through time and the episodes."""
    import pandas as pd

    section = Section("ignition", "Momentum ignition")
    if signal is None:
        return section.add(text("Not measured: no tape or signal was given to this report.", css="missing"))
    timeline, episodes = signal.timeline, signal.episodes
    section.add(text(f"{signal.events:,} order-book events, {len(episodes):,} episodes."))
    if len(timeline):
        step = -(-len(timeline) // _MOST_POINTS)
        starts = np.arange(0, len(timeline), step)
        # The highest score of each stretch, so that thinning hides no alarm.
        score = np.maximum.reduceat(np.nan_to_num(timeline["score"].to_numpy(dtype=np.float64)), starts)
        times = pd.DatetimeIndex(timeline.index[starts]).strftime("%Y-%m-%d %H:%M:%S.%f").tolist()
        trace: dict[str, Any] = {
            "type": "scatter",
            "mode": "lines",
            "name": "score",
            "x": times,
            "y": numbers(score, 1),
            "line": {"color": "@c0", "width": 1.5},
        }
        axes = layout("score, 0 to 100", xaxis=axis(type="date"))
        section.add(
            Figure("ignition", "Score of the detector, UTC; highest of each stretch.", [trace], axes, 320)
        )
    if len(episodes):
        names = [
            name
            for name in ("onset", "detected", "peak", "end", "side", "score", "outcome")
            if name in episodes
        ]
        rows = [[_shown(row[name]) for name in names] for _, row in episodes.head(_MOST_EPISODES).iterrows()]
        section.add(table(names, rows, f"Episodes (first {min(len(episodes), _MOST_EPISODES)})"))
    return section


def _shown(value: Any) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
