"""Signals and phases: twin, TA-Lib, golden numbers, inputs of a history, pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from alvh import signals
from alvh.history import History

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import signal_histories
import signals_twin

# Histories of the twin; a few hundred rows each in one call of the core.
N_DAILY, N_BARS = 850, 150


def assert_equal(table: pd.DataFrame, readings: list[dict[str, Any]], label: str) -> None:
    assert len(table) == len(readings)
    for name in table.columns:
        if name in ("spot", "vix", "macd_cross", "ignition_score", "ignition_side"):
            continue
        got = table[name].to_numpy()
        want = np.array([reading[name] for reading in readings])
        if got.dtype.kind == "f":
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12, err_msg=f"{label} {name}")
        else:
            assert list(got) == list(want), f"{label} {name}"


@pytest.mark.parametrize("chunk", range(10))
def test_the_twin_agrees_over_a_thousand_random_histories(chunk: int) -> None:
    seen: dict[str, int] = dict.fromkeys((*signals.SIGNALS, *signals.PHASES), 0)
    for index in range(chunk, N_DAILY + N_BARS, 10):
        rng = np.random.default_rng([2026, index])
        is_bars = index >= N_DAILY
        every = int(rng.choice([1, 1, 3, 15]))
        n = int(rng.integers(25, 45)) if is_bars else int(rng.integers(30, 75))
        history = History(signal_histories.random_columns(rng, n, every=every, bars=is_bars))
        config = signal_histories.random_config(rng, step=is_bars)
        table = signals.compute(history, config, every_step=True)
        readings = signals_twin.walk(signal_histories.rows_of(history), config._encode())
        assert_equal(table, readings, f"history {index}")
        for name in signals.SIGNALS:
            seen[name] += int((table[name] > 0).sum())
        for name in signals.PHASES:
            seen[name] += int((table["phase"] == name).sum())
    # Agreement on nothing would be easy: everything happened.
    assert min(seen.values()) > 20, seen
