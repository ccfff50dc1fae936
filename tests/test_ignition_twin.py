"""The detector of the core against a slow twin written from its description."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import alvh
import numpy as np
import pytest
from alvh.ignition import OUTCOMES

sys.path.insert(0, str(Path(__file__).parent / "reference"))

from ignition_flows import Flow, ignition, random_steps, tape_of
from ignition_twin import Step, Twin

# Small thresholds, so that random tapes have episodes of every outcome.
EASY = alvh.IgnitionConfig(
    clocks=(0.5, 2.0, 8.0),
    tau_slow=8.0,
    tau_sigma=20.0,
    volume_ratio=1.05,
    push_z=1.0,
    velocity_z=0.3,
    move_bp=0.2,
    alarm_score=5.0,
    thinning=1.3,
    cascade_ticks=1.0,
    cascade_sigma=0.5,
    cascade_bp=0.2,
    cool_down=1.0,
    open_mask=5.0,
    retrace_windows=(4.0, 8.0, 20.0),
    stale_after=15.0,
)


def run_twin(steps: list[Step], config: alvh.IgnitionConfig) -> Twin:
    twin = Twin(json.loads(config.to_json()))
    for step in steps:
        twin.step(step)
    return twin


def assert_features_agree(steps: list[Step], config: alvh.IgnitionConfig, twin: Twin) -> int:
    tape, seen = tape_of(steps), 0
    for i in range(3):
        frame = alvh.features(tape, config, every="event", clock=i)
        rows = [row[i] for row in twin.rows if row]
        assert len(frame) == len(rows)
        for name in rows[0] if rows else ():
            theirs = np.array([row[name] for row in rows])
            mine = frame[name].to_numpy()
            # Differences of nearly equal prices carry the rounding of the prices.
            near_zero = 1e-9 * max(1.0, np.nanmax(np.abs(theirs[np.isfinite(theirs)]), initial=0.0))
            np.testing.assert_allclose(
                mine, theirs, rtol=1e-9, atol=near_zero, err_msg=f"{name} of clock {i}"
            )
            seen += int(np.isfinite(theirs).sum())
    return seen


def assert_episodes_agree(steps: list[Step], config: alvh.IgnitionConfig, twin: Twin) -> alvh.Signal:
    signal = alvh.detect(tape_of(steps), config)
    raw = signal._raw["episodes"]
    assert len(raw["side"]) == len(twin.episodes)
    for k, theirs in enumerate(twin.episodes):
        for name, value in theirs.items():
            if isinstance(value, tuple):
                assert (raw[name][k], raw[f"{name}_event"][k]) == value, (k, name)
            elif name == "outcome":
                assert OUTCOMES[raw[name][k]] == value, (k, name)
            elif name == "clock":
                assert config.clocks[raw[name][k]] == value
            elif isinstance(value, float):
                assert raw[name][k] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), (k, name)
            else:
                assert raw[name][k] == value, (k, name)
    found = signal.transitions
    times = signal._raw["transitions"]["time"]
    columns = ("event", "clock", "side", "stage", "episode", "outcome")
    mine = zip(times, *(found[name] for name in columns), strict=True)
    assert list(mine) == [move[:-1] for move in twin.transitions]
    assert found["score"].to_numpy() == pytest.approx([move[-1] for move in twin.transitions], rel=1e-9)
    assert signal.quality == twin.quality
    return signal


@pytest.mark.parametrize("seed", range(4))
def test_features_and_episodes_of_random_tapes(seed: int) -> None:
    steps = random_steps(seed, 2_000)
    twin = run_twin(steps, EASY)
    assert assert_features_agree(steps, EASY, twin) > 30_000
    assert_episodes_agree(steps, EASY, twin)


def test_random_tapes_have_episodes_of_every_outcome() -> None:
    outcomes = set()
    for seed in range(6):
        outcomes |= set(alvh.detect(tape_of(random_steps(seed, 2_000)), EASY).episodes["outcome"])
    assert {"reverted", "continued", "expired"} <= outcomes


@pytest.mark.parametrize(
    "flow",
    [
        pytest.param(ignition(30), id="up"),
        pytest.param(ignition(-30), id="down"),
        pytest.param(Flow(3).calm(90).push(30).calm(80), id="from idle, stays"),
        pytest.param(Flow(4).calm(90).burst(1).push(8).calm(10), id="never large"),
        pytest.param(Flow(5).calm(90).burst(1).push(30), id="open at the end"),
        pytest.param(Flow(6).calm(330).burst(2).push(40).drift(-30).calm(60), id="with a branching ratio"),
    ],
)
def test_synthetic_ignitions(flow: Flow) -> None:
    config = alvh.IgnitionConfig()
    twin = run_twin(flow.steps, config)
    assert twin.episodes
    assert_features_agree(flow.steps, config, twin)
    assert_episodes_agree(flow.steps, config, twin)


def test_the_twin_disagrees_with_another_configuration() -> None:
    flow = ignition(30)
    twin = run_twin(flow.steps, alvh.IgnitionConfig(tau_fast=0.26))
    with pytest.raises(AssertionError, match="of clock 0"):
        assert_features_agree(flow.steps, alvh.IgnitionConfig(), twin)
