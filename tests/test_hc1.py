"""The reference workload agrees with NumPy (and, in benches/bench_hc1.py, with others); no bit depends on the run."""

from __future__ import annotations

import hashlib
import itertools
import sys
from dataclasses import fields
from pathlib import Path

import alvh
import numpy as np
import pytest
from alvh.errors import ConfigError, LimitError
from alvh.simulation import Outcomes, instruction_sets, reference_workload

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import draws
import hc1_numpy as twin

NAMES = [field.name for field in fields(Outcomes)]


def columns(outcomes: Outcomes) -> list[np.ndarray]:
    return [getattr(outcomes, name) for name in NAMES]


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """Difference of the means in standard errors."""
    return abs(a.mean() - b.mean()) / np.sqrt(a.var() / a.size + b.var() / b.size)


@pytest.fixture(scope="module")
def ours() -> Outcomes:
    return reference_workload(60_000, seed=1)


@pytest.fixture(scope="module")
def numpy_outcomes() -> np.ndarray:
    return twin.simulate(20_000, 2)


@pytest.mark.parametrize("row", range(4), ids=NAMES)
def test_means_and_spreads_agree_with_numpy(ours: Outcomes, numpy_outcomes: np.ndarray, row: int) -> None:
    a, b = columns(ours)[row], numpy_outcomes[row]
    assert distance(a, b) < 3.0
    # The spread too: the standard error of a variance is sqrt((kurtosis - 1)/n) of it.
    spread = [(x - x.mean()) ** 2 for x in (a, b)]
    assert distance(spread[0], spread[1]) < 3.0


def test_every_path_is_that_of_numpy_on_the_same_numbers() -> None:
    n, first, seed = 2_000, 3, (5 << 32) + 77
    got = columns(reference_workload(n, seed, first_path=first))
    index = np.arange(first, first + n)
    want = twin.simulate(n, 0, lambda step: draws.reference_step(step, index, seed, twin.MU_V))
    # A price at its exit to the last digit, or a budget of calls, may fall on either side: one path in a thousand.
    same = np.abs(np.stack(got) - want) < 0.01
    assert same.all(axis=0).mean() > 0.999
    assert np.stack(got)[3].sum() > 1_000


def test_a_step_of_numpy_has_the_prices_of_the_library() -> None:
    p = twin.Ladder(3)
    p.v[:] = [0.0, 0.022, 0.3]
    condor, weight, sd, discount = (table[0] for table in twin.tables())
    twin.open_positions(p, condor, weight, sd, discount)
    # Away from the strikes at the money of opening, so that both sides of the intrinsic value occur.
    p.log_spot += [0.1, -0.02, -0.2]
    legs = twin.leg_prices(p, condor)
    vol = np.sqrt(twin.THETA_EFF + (p.v - twin.THETA_EFF) * condor[0])
    forward = np.exp(p.log_spot) * np.exp((twin.RATE - twin.YIELD) * 42 / 252)
    for leg, right in enumerate(("put", "put", "call", "call")):
        m = np.log(p.strike[leg] / forward) / (vol * condor[1])
        smile = vol * (1 - 0.10 * m + 0.015 * m * m)
        want = alvh.black76(forward, p.strike[leg], 42 / 252, smile, twin.RATE, right)
        np.testing.assert_allclose(legs[leg], want, rtol=1e-10, atol=1e-9)


def test_no_bit_depends_on_how_it_is_run() -> None:
    n = 3_000
    want = columns(reference_workload(n, seed=9))
    for name in instruction_sets():
        for jobs in (1, 2):
            for got, wanted in zip(
                columns(reference_workload(n, seed=9, n_jobs=jobs, instruction_set=name)), want, strict=True
            ):
                np.testing.assert_array_equal(got, wanted)
    for shards in (2, 7):
        edges = np.linspace(0, n, shards + 1).astype(int)
        parts = [
            columns(reference_workload(int(b - a), seed=9, first_path=int(a)))
            for a, b in itertools.pairwise(edges)
        ]
        for row, wanted in enumerate(want):
            np.testing.assert_array_equal(np.concatenate([part[row] for part in parts]), wanted)
    assert not np.array_equal(reference_workload(n, seed=10).equity, want[0])


def test_the_bits_are_those_of_every_machine() -> None:
    digest = hashlib.sha256(b"".join(column.tobytes() for column in columns(reference_workload(500, seed=4))))
    assert digest.hexdigest()[:16] == "2f7f4611f85be908"


def test_results_are_read_only(ours: Outcomes) -> None:
    assert not any(column.flags.writeable for column in columns(ours))
    assert reference_workload(0).equity.size == 0


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        (
            {"n_paths": 10**10},
            LimitError,
            "SIM001 reference_workload n_paths: got 10000000000, expected at most",
        ),
        (
            {"n_paths": 2**70},
            LimitError,
            "SIM011 reference_workload n_paths: got 1180591620717411303424, expected",
        ),
        ({"n_paths": -1}, ConfigError, "SIM010 reference_workload n_paths: got -1, expected a whole number"),
        (
            {"n_paths": 1.5},
            ConfigError,
            "SIM010 reference_workload n_paths: got 1.5, expected a whole number",
        ),
        (
            {"n_paths": 1, "n_jobs": 0},
            ConfigError,
            "SIM010 reference_workload n_jobs: got 0, expected 1 or more",
        ),
        (
            {"n_paths": 1, "n_jobs": 10**6},
            LimitError,
            "SIM011 reference_workload n_jobs: got 1000000, expected",
        ),
        ({"n_paths": 1, "seed": True}, ConfigError, "SIM010 reference_workload seed: got True, expected"),
        (
            {"n_paths": 1, "instruction_set": "mmx"},
            ConfigError,
            'SIM009 simulation instruction_set: got "mmx"',
        ),
    ],
)
def test_bad_arguments(arguments: dict, error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        reference_workload(**arguments)
    assert str(caught.value).startswith(text)
