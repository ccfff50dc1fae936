"""Signals and phases: causality, cheats that it must catch, legal edges, quorum, monotony."""

from __future__ import annotations

import copy
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alvh
import numpy as np
import pytest
from alvh import signals
from alvh.history import History
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))
import signal_histories
import signals_twin

Rows = list[dict[str, Any]]
Readings = list[dict[str, Any]]
PRICES = ("spot", "vix")
EDGES = {
    ("calm", "press"),
    ("calm", "expansion"),
    ("press", "calm"),
    ("press", "expansion"),
    ("expansion", "normalisation"),
    ("normalisation", "calm"),
    ("normalisation", "expansion"),
}


def random_case(seed: int, n: int = 70, *, bars: bool = False) -> tuple[History, alvh.SignalConfig]:
    rng = np.random.default_rng([77, seed])
    columns = signal_histories.random_columns(rng, n, every=int(rng.choice([1, 15])), bars=bars)
    return History(columns), signal_histories.random_config(rng, step=bars)


def transcript(history: History, config: alvh.SignalConfig) -> dict[str, list[bytes]]:
    """Every reading of every step, as bytes."""
    table = signals.compute(history, config, every_step=True)
    return {
        str(name): [np.asarray(value).tobytes() for value in table[name].to_numpy()]
        if name != "phase"
        else [str(value).encode() for value in table[name]]
        for name in table.columns
    }


def poisoned(history: History, day: int, seconds: int, rng: np.random.Generator) -> History:
    """The same history with everything after an instant changed: what is dated on the day is known at its close."""
    columns = {}
    for name, column in history.columns.items():
        row_day = history.columns["day"]
        late = row_day >= day
        if name.startswith(("bar_", "alarm")):
            prefix = "bar" if name.startswith("bar_") else "alarm"
            key = history.columns[f"{prefix}_day"], history.columns[f"{prefix}_seconds"]
            late = (key[0] > day) | ((key[0] == day) & (key[1] > seconds))
        elif name.startswith("vx_"):
            low = int(np.searchsorted(row_day, day))
            late = np.arange(column.size) >= history.columns["vx_offset"][low]
        elif name == "signal.sessions_to_event":
            late = row_day > day
        if column.dtype.kind == "f" and column.size == late.size:
            factor = 1.0 + 0.2 * rng.random(column.size)
            column = np.where(late, column * factor, column)
        columns[name] = column
    return History(columns)


def assert_same_before(
    first: dict[str, list[bytes]], second: dict[str, list[bytes]], rows: int, skip: tuple[str, ...]
) -> None:
    for name, column in first.items():
        if name not in skip:
            assert column[:rows] == second[name][:rows], name


@pytest.mark.parametrize("seed", range(40))
def test_a_thousand_cuts_change_nothing_before_them(seed: int) -> None:
    history, config = random_case(seed, 40, bars=seed % 4 == 0)
    whole = transcript(history, config)
    cuts = np.random.default_rng(seed).choice(np.arange(1, len(history)), 25, replace=False)
    for k in cuts:
        part = transcript(history.cut(int(k)), config)
        assert_same_before(part, whole, len(part["spot"]), ())


@pytest.mark.parametrize("seed", range(30))
def test_poison_after_an_instant_changes_nothing_before_it(seed: int) -> None:
    """Also within a session: at the open and at noon nobody knows the close."""
    history, config = random_case(100 + seed, 40, bars=seed % 2 == 0)
    rng = np.random.default_rng(seed)
    whole = transcript(history, config)
    steps = history.source().steps()
    is_close = np.r_[np.diff(steps["day"]) != 0, True]
    caught = 0
    for boundary in rng.choice(np.flatnonzero(~is_close), 12, replace=False):
        day, seconds = int(steps["day"][boundary]), int(steps["seconds"][boundary])
        other = transcript(poisoned(history, day, seconds, rng), config)
        # The price of an estimated step is made from its session's bar; no signal may be.
        is_estimate = bool(steps["flags"][boundary] & 3)
        assert_same_before(whole, other, boundary + 1, PRICES if is_estimate else ())
        caught += any(other[name][boundary + 1 :] != column[boundary + 1 :] for name, column in whole.items())
    assert caught == 12


def edited(rows: Rows, edit: Callable[[Rows, int], dict[str, Any]]) -> Rows:
    source = copy.deepcopy(rows)
    return [{**row, **edit(source, i)} for i, row in enumerate(rows)]


def closing(rows: Rows, i: int) -> int:
    """Index of the close of the session of row i."""
    return next(j for j in range(i, len(rows)) if rows[j]["is_close"])


def later(rows: Rows, i: int, step: int) -> int:
    return min(i + step, len(rows) - 1)


def with_inputs(rows: Rows, i: int, **changes: float) -> dict[str, Any]:
    return {"inputs": {**rows[i]["inputs"], **changes}}


def backfilled(rows: Rows, i: int) -> dict[str, Any]:
    filled = {}
    for name, value in rows[i]["inputs"].items():
        after = (r["inputs"][name] for r in rows[i:] if r["is_close"] and not math.isnan(r["inputs"][name]))
        filled[name] = next(after, value) if math.isnan(value) and rows[i]["is_close"] else value
    return {"inputs": filled}


def rescaled(rows: Rows, i: int) -> dict[str, Any]:
    fears = [row["vix"] for row in rows]
    return {"vix": 16.0 + 6.0 * (rows[i]["vix"] - float(np.mean(fears))) / float(np.std(fears))}


def centred(rows: Rows, i: int) -> dict[str, Any]:
    return {"spot": float(np.mean([r["spot"] for r in rows[max(i - 2, 0) : i + 3]]))}


def foretold(rows: Rows, i: int) -> dict[str, Any]:
    after = rows[later(rows, i, 1)]
    return with_inputs(rows, i, sessions_to_event=0.0 if after["vix"] > 1.03 * rows[i]["vix"] else 9.0)


CHEATS: dict[str, Callable[[Rows, int], dict[str, Any]]] = {
    "next bar's VIX": lambda rows, i: {"vix": rows[later(rows, i, 1)]["vix"]},
    "VIX scaled by the whole sample": rescaled,
    "centred average of the index": centred,
    "holes filled from behind": backfilled,
    "daily columns at the open": lambda rows, i: {"inputs": rows[closing(rows, i)]["inputs"]},
    "the close as every step's price": lambda rows, i: {"spot": rows[closing(rows, i)]["spot"]},
    "settlements before the close": lambda rows, i: {"futures": rows[closing(rows, i)]["futures"]},
    "score of a later session": lambda rows, i: with_inputs(
        rows, i, ignition_score=rows[later(rows, i, 4)]["inputs"].get("ignition_score", math.nan)
    ),
    "events guessed from what follows": foretold,
    "index relative to its last value": lambda rows, i: {
        "spot": rows[i]["spot"] / rows[-1]["spot"] * 1_000.0 + 500.0
    },
    "VIX9D of the close at noon": lambda rows, i: {"vix9d": rows[closing(rows, i)]["vix9d"]},
}


def honest(rows: Rows, i: int) -> dict[str, Any]:
    return {}


def looks_ahead(edit: Callable[[Rows, int], dict[str, Any]], seed: int) -> bool:
    """Whether readings before some row change when that row and all after it do."""
    history, config = random_case(200 + seed, 30, bars=True)
    rows, rng = signal_histories.rows_of(history), np.random.default_rng(seed)
    system = lambda given: signals_twin.walk(edited(given, edit), config._encode())  # noqa: E731
    whole = system(rows)
    for boundary in rng.choice(np.arange(len(rows) // 2, len(rows) - 1), 8, replace=False):
        other = copy.deepcopy(rows)
        for row in other[boundary:]:
            factor = 1.0 + 0.3 * rng.random()
            row |= {name: row[name] * factor for name in ("spot", "vix", "vix9d", "rate")}
            row["futures"] = [(expiry, price * factor) for expiry, price in row["futures"]]
            row["inputs"] = {name: value * factor for name, value in row["inputs"].items()}
        if repr(system(other)[:boundary]) != repr(whole[:boundary]):
            return True
    return False


@pytest.mark.parametrize("name", CHEATS)
def test_planted_cheats_are_caught(name: str) -> None:
    assert any(looks_ahead(CHEATS[name], seed) for seed in range(3))


def test_the_honest_twin_is_not_caught() -> None:
    assert not any(looks_ahead(honest, seed) for seed in range(3))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), bars=st.booleans())
def test_only_legal_edges_and_no_edge_without_its_macd(seed: int, bars: bool) -> None:
    history, config = random_case(seed, bars=bars)
    table = signals.compute(history, config, every_step=True)
    phase = table["phase"].astype(str).to_numpy()
    bullish = table["macd_bullish"].to_numpy()
    assert phase[0] == "calm" or not bars
    for i in range(1, len(phase)):
        if phase[i] != phase[i - 1]:
            assert (phase[i - 1], phase[i]) in EDGES
            # Hysteresis: the way in asks for the opposite of the way out.
            if phase[i] == "expansion":
                assert bullish[i]
            if phase[i] == "normalisation":
                assert not bullish[i]
            assert table["phase_sessions"].iloc[i] == 0


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_signals_groups_and_quorum(seed: int) -> None:
    history, config = random_case(seed)
    table = signals.compute(history, config)
    names = [*signals.SIGNALS, "mood"]
    values = table[names].to_numpy()
    assert np.all(np.isnan(values) | ((values >= 0.0) & (values <= 1.0)))
    groups = table[list(signals.GROUPS)]
    weights = np.array([getattr(config.weights, name) for name in signals.GROUPS])
    standing = ((groups >= config.standing) & (weights > 0.0)).sum(axis=1)
    np.testing.assert_array_equal(table["standing"], standing)
    np.testing.assert_allclose(table["raw_score"], groups.fillna(0.0).to_numpy() @ weights, atol=1e-14)
    kept = np.where(standing >= config.quorum, table["raw_score"], 0.0)
    np.testing.assert_array_equal(table["score"], kept)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), lift=st.floats(0.01, 5.0))
def test_more_signal_is_never_less_score(seed: int, lift: float) -> None:
    history, config = random_case(seed)
    columns = dict(history.columns)
    columns["user.mood"] = columns["user.mood"] + lift
    low, high = signals.compute(history, config), signals.compute(History(columns), config)
    assert np.all(high["score"].to_numpy() >= low["score"].to_numpy() - 1e-15)
