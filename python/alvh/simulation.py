"""Paths of the market model, and the reference workload of the simulation benchmark.

Random numbers depend on seed, path, step and purpose only: the same path comes out whether it is simulated alone or
among a million, on one thread or many, on any instruction set. ``docs/simulation.md`` has schemes, errors and speed.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _core
from alvh._episodes import Scenario, ScenarioSession, scenario, scenarios
from alvh.errors import ConfigError, LimitError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alvh.market import Market

__all__ = [
    "Outcomes",
    "Paths",
    "Scenario",
    "ScenarioSession",
    "instruction_sets",
    "paths",
    "reference_workload",
    "scenario",
    "scenarios",
]

SESSIONS_PER_YEAR = 252
MOST_JOBS = 1_024
# Counts beyond this do not cross into the core as they are; all its limits are far below.
_MOST = 2**62


@dataclass(frozen=True, eq=False)
class Paths:
    """Paths of the market model; arrays are read-only with one row a path and one column a record.

    Attributes
    ----------
    years : ndarray, shape (n_records,)
        Time of the records [sessions/252], 0 first.
    spot : ndarray, shape (n_paths, n_records)
        Index level.
    v1, v2 : ndarray, shape (n_paths, n_records)
        Fast and slow variance [variance a year].
    intensity : ndarray, shape (n_paths, n_records)
        Intensity of jumps [jumps a year under Q].
    measure : str
        ``"P"`` or ``"Q"``.
    seed, first_path : int
        Which numbers were drawn.
    """

    years: NDArray[np.float64]
    spot: NDArray[np.float64]
    v1: NDArray[np.float64]
    v2: NDArray[np.float64]
    intensity: NDArray[np.float64]
    measure: str
    seed: int
    first_path: int

    @property
    def state(self) -> dict[str, NDArray[np.float64]]:
        """The part of the arrays that the pricing functions of `alvh.Market` take as ``state``."""
        return {"v1": self.v1, "v2": self.v2, "intensity": self.intensity}

    def __len__(self) -> int:
        return int(self.spot.shape[0])

    def __repr__(self) -> str:
        n, records = self.spot.shape
        return f"Paths({n} under {self.measure}, {records} records over {self.years[-1]:.4g} years, seed {self.seed})"


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Results of the reference workload, one number a path; arrays are read-only.

    Attributes
    ----------
    equity : ndarray, shape (n_paths,)
        Cash and positions after 252 steps [USD]; every path begins with 100,000.
    max_drawdown : ndarray, shape (n_paths,)
        Largest fall of equity below its peak [USD].
    max_margin : ndarray, shape (n_paths,)
        Largest margin of a condor [USD].
    stops : ndarray, shape (n_paths,)
        Condors closed at three times their credit.
    """

    equity: NDArray[np.float64]
    max_drawdown: NDArray[np.float64]
    max_margin: NDArray[np.float64]
    stops: NDArray[np.float64]


def instruction_sets() -> tuple[str, ...]:
    """List the instruction sets of this machine that the simulation is compiled for.

    Returns
    -------
    tuple of str
        Names, the one that is used first; results are the same on all.
    """
    return tuple(_core.instruction_sets())


def _count(function: str, name: str, value: Any, most: int = _MOST) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ConfigError("SIM010", function, name, repr(value), "a whole number")
    count = int(value)
    if count < 0:
        raise ConfigError("SIM010", function, name, repr(count), "a whole number, 0 or more")
    if count > most:
        raise LimitError("SIM011", function, name, repr(count), f"at most {most}")
    return count


def _jobs(function: str, value: Any) -> int:
    if _count(function, "n_jobs", value, MOST_JOBS) == 0:
        raise ConfigError("SIM010", function, "n_jobs", "0", "1 or more")
    return int(value)


def _set(value: str | None) -> str:
    return _core.instruction_sets()[0] if value is None else str(value)


def paths(
    market: Market,
    n_paths: int,
    years: float = 1.0,
    steps_per_day: int = 1,
    seed: int = 0,
    measure: Literal["P", "Q"] = "P",
    *,
    spot: float = 100.0,
    record_every: int = 1,
    antithetic: bool = False,
    first_path: int = 0,
    n_jobs: int = 1,
    instruction_set: str | None = None,
) -> Paths:
    """Simulate paths of the market model.

    Variances move by the quadratic-exponential scheme and the log price by the scheme tied to it, Andersen (2008),
    doi:10.21314/JCF.2008.189; jumps come by an exponential clock that is exact for self-exciting jumps. A model year
    has 252 sessions.

    Parameters
    ----------
    market : Market
        The model; its ``start`` is the state at time 0.
    n_paths : int
        Number of paths.
    years : float
        Length [years], rounded to whole sessions.
    steps_per_day : int
        Steps of a session, a divisor of 390.
    seed : int
        Seed, 0 to 2**64 - 1.
    measure : {"P", "Q"}
        Real-world or pricing measure.
    spot : float
        Index level at time 0.
    record_every : int
        Steps between records, a divisor of the number of steps.
    antithetic : bool
        Paths 2k and 2k + 1 share their jumps and mirror each other's other draws.
    first_path : int
        Index of the first path: ``paths(..., n_paths=5, first_path=10)`` are rows 10 to 14 of a longer run.
    n_jobs : int
        Threads; results do not depend on it.
    instruction_set : str, optional
        One of `instruction_sets`; None is the widest. Results do not depend on it.

    Returns
    -------
    Paths
        Arrays of shape (n_paths, n_records).

    Raises
    ------
    ConfigError
        An argument breaks its rule.
    LimitError
        More than 500 million numbers to return, or more than 10**12 steps.

    Examples
    --------
    >>> import alvh
    >>> sample = alvh.simulation.paths(alvh.Market.default(), n_paths=4, years=0.5, seed=7)
    >>> sample.spot.shape
    (4, 127)
    """
    from alvh.market import Market

    if not isinstance(market, Market):
        raise ConfigError("SIM012", "paths", "market", type(market).__name__, "a Market")
    if measure not in ("P", "Q"):
        raise ConfigError("SIM013", "paths", "measure", repr(measure), '"P" or "Q"')
    for name, value in (("years", years), ("spot", spot)):
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
            raise ConfigError("SIM014", "paths", name, repr(value), "a finite number")
    if years < 0:
        raise ConfigError("SIM014", "paths", "years", repr(years), "above 0")
    if not isinstance(antithetic, (bool, np.bool_)):
        raise ConfigError("SIM015", "paths", "antithetic", repr(antithetic), "True or False")
    seed, first_path = (_count("paths", "seed", seed, 2**64 - 1), _count("paths", "first_path", first_path))
    records, columns = _core.simulate_paths(
        market.to_json(),
        _count("paths", "n_paths", n_paths),
        first_path,
        min(round(float(years) * SESSIONS_PER_YEAR), _MOST),
        _count("paths", "steps_per_day", steps_per_day),
        _count("paths", "record_every", record_every),
        float(spot),
        measure == "P",
        bool(antithetic),
        seed,
        _jobs("paths", n_jobs),
        _set(instruction_set),
    )
    time = np.arange(records, dtype=np.float64) * (
        int(record_every) / (SESSIONS_PER_YEAR * int(steps_per_day))
    )
    time.flags.writeable = False
    spot_, v1, v2, intensity = (column.reshape(-1, records) for column in columns)
    return Paths(time, spot_, v1, v2, intensity, measure, seed, first_path)


def reference_workload(
    n_paths: int,
    seed: int = 0,
    *,
    first_path: int = 0,
    n_jobs: int = 1,
    instruction_set: str | None = None,
) -> Outcomes:
    """Run HC-1, the workload by which the simulation is compared with other ways to write it.

    252 daily steps of an iron condor with a ladder of VIX calls under stochastic variance with co-jumps and a
    self-exciting intensity, seven option prices a step; ``docs/simulation.md`` has the arithmetic. It is made for
    comparing speed, not for trading.

    Parameters
    ----------
    n_paths : int
        Number of paths.
    seed : int
        Seed, 0 to 2**64 - 1.
    first_path : int
        Index of the first path.
    n_jobs : int
        Threads; results do not depend on it.
    instruction_set : str, optional
        One of `instruction_sets`; None is the widest. Results do not depend on it.

    Returns
    -------
    Outcomes
        Arrays of shape (n_paths,).

    Raises
    ------
    ConfigError
        An argument breaks its rule.
    LimitError
        More than a billion paths.
    """
    function = "reference_workload"
    columns = _core.reference_workload(
        _count(function, "n_paths", n_paths),
        _count(function, "first_path", first_path),
        _count(function, "seed", seed, 2**64 - 1),
        _jobs(function, n_jobs),
        _set(instruction_set),
    )
    return Outcomes(*columns)
