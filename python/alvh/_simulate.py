"""Books on many joint futures of SPX, VIX, VIX futures and VIX options."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from contextlib import nullcontext
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _core
from alvh._arguments import is_real, is_whole, shown
from alvh._chunks import Assembly, Chunk, Configuration, Plan, digest
from alvh._chunks import merge as merge_chunks
from alvh._dispatch import Dispatcher
from alvh._episodes import FairSignals, IntradayConfig
from alvh._run_folder import RunFolder
from alvh._tables import tables
from alvh.books import Book
from alvh.errors import ConfigError, LimitError
from alvh.market import Market
from alvh.simulation import MOST_JOBS, SESSIONS_PER_YEAR

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from alvh.study import Study

    Progress = Callable[[int, int], object]

__all__ = ["merge", "simulate"]

_SOURCE = "simulate"
_EPOCH = date(1970, 1, 1)
# Numbers kept of all paths together: 8 GB.
_MOST_NUMBERS = 10**9
# Numbers kept of one book on one path, without its buckets.
_NUMBERS = 40
_MOST_STEPS = 10**12
_MOST_RECORDED = 1_000


def simulate(
    books: Book | Iterable[Book],
    market: Market | None = None,
    n_paths: int = 20_000,
    years: float = 1.0,
    steps_per_day: int = 1,
    seed: int = 0,
    n_jobs: int | None = None,
    executor: Executor | None = None,
    progress: bool | Progress | None = None,
    *,
    antithetic: bool = False,
    control_variates: bool = True,
    start: str | date = "2025-01-02",
    spot: float = 5_900.0,
    warm_up: int = 252,
    marks: Literal["model", "surface"] = "model",
    measure: Literal["P", "Q"] = "P",
    record_paths: int = 10,
    folder: str | os.PathLike[str] | None = None,
    resume: bool = False,
    retries: int = 2,
    first_path: int = 0,
    intraday: IntradayConfig | None = None,
    fair: FairSignals | None = None,
    overlay: bool = False,
    overnight: float | None = None,
    weekend: float | None = None,
    overnight_jump_share: float | None = None,
) -> Study:
    """Run books over simulated paths of the market model.

    All books see the same paths. A path depends on the configuration, the seed and its own number only: not on how
    many paths there are, who computes them, on how many threads, in which order, or how often the run was stopped.

    Parameters
    ----------
    books : Book or iterable of Book
        What to run, with different names.
    market : Market, optional
        The model, with its rates and its state at the start; `Market.default` by default.
    n_paths : int
        Number of paths.
    years : float
        Length of a path [years], rounded to whole sessions of 1/252.
    steps_per_day : int
        Steps of a session, a divisor of 390.
    seed : int
        Seed, 0 to 2**64 - 1.
    n_jobs : int, optional
        Threads of one chunk; by default one per processor here, one on an executor.
    executor : concurrent.futures.Executor, optional
        Who computes the chunks: threads, a process pool, ``dask.distributed.Client.get_executor()``. Work items are the
        configuration, the seed, the first path and the number of paths.
    progress : bool or callable, optional
        True shows a bar (package ``tqdm``); a callable gets the number of finished paths and of all paths.
    antithetic : bool
        Paths 2k and 2k + 1 share their jumps and mirror each other's other draws; a pair counts as one observation.
    control_variates : bool
        Whether statistics use what is known about the paths exactly; outcomes stay as they are.
    start : str or datetime.date
        The books begin on the first session on or after this day, the paths `warm_up` sessions before; sessions,
        expiries and strikes are those of the calendar.
    spot : float
        Index where the paths begin [points].
    warm_up : int
        Sessions before `start` on which the market of a path moves and signals are taken but no book trades: rules that
        read signals wait for 252. With 0 the books begin at the state and the index that were given.
    marks : {"model", "surface"}
        What prices the legs: the model itself, or the smiles that history uses, fitted to the indices of the path.
    measure : {"P", "Q"}
        Real-world or pricing measure of the paths.
    record_paths : int
        Paths numbered below this keep sessions, fills, decisions and incidents.
    folder : path-like, optional
        Where finished chunks go, each in one step; a killed run goes on from there.
    resume : bool
        Whether to go on with the run in `folder`: what is damaged or foreign there is computed again and counted.
    retries : int
        How often a chunk that an executor lost is asked for again.
    first_path : int
        Number of the first path: parts of a run on different machines differ in it and are put together by `merge`.
    intraday : IntradayConfig, optional
        Ignition episodes inside a day; none by default.
    fair : FairSignals, optional
        Signals beside prices, which come with episodes.
    overlay : bool
        Whether marks of the model scale the volatility of VIX options to what the market asked.
    overnight, weekend : float, optional
        Share of a session's variance between close and open, over a night and over a weekend or holiday; None is the
        estimate of the clock.
    overnight_jump_share : float, optional
        Share of the jumps between close and open; None is that of the variance.

    Returns
    -------
    Study
        Statistics with standard errors, outcomes of every path, records of some.

    Raises
    ------
    ConfigError
        An argument breaks its rule.
    LimitError
        More than a billion numbers to keep or 10**12 steps, found before anything is allocated.
    DataError
        The manifest in `folder` cannot be read.
    ExecutorError
        The executor lost a chunk more often than `retries`.
    """
    wanted = _books(books)
    market = Market.default() if market is None else market
    if not isinstance(market, Market):
        raise ConfigError("RUN030", _SOURCE, "market", type(market).__name__, "a Market")
    sessions = _sessions(years)
    _whole("seed", seed, 0, 2**64 - 1)
    _whole("n_paths", n_paths, 1, 2**53)
    _whole("first_path", first_path, 0, 2**53)
    _whole("warm_up", warm_up, 0, 10_000)
    _whole("record_paths", record_paths, 0, _MOST_RECORDED)
    _whole("retries", retries, 0, 1_000)
    _whole("steps_per_day", steps_per_day, 1, 390)
    if n_jobs is not None:
        _whole("n_jobs", n_jobs, 1, MOST_JOBS)
    _limits(len(wanted), n_paths, (sessions + warm_up) * (steps_per_day + 1))
    for name, flag in (
        ("antithetic", antithetic),
        ("resume", resume),
        ("control_variates", control_variates),
        ("overlay", overlay),
    ):
        if not isinstance(flag, (bool, np.bool_)):
            raise ConfigError("RUN031", _SOURCE, name, shown(flag), "True or False")
    if resume and folder is None:
        raise ConfigError("RUN032", _SOURCE, "resume", "True", "a folder to go on with", hint="pass folder=")
    if executor is not None and not isinstance(executor, Executor):
        expected = "a concurrent.futures.Executor"
        raise ConfigError("RUN033", _SOURCE, "executor", type(executor).__name__, expected)
    if not is_real(spot):
        raise ConfigError("RUN034", _SOURCE, "spot", shown(spot), "a finite number")
    day = _day(start)
    content = {
        "start": (day - _EPOCH).days,
        "sessions": sessions,
        "warm_up": int(warm_up),
        "steps_per_day": int(steps_per_day),
        "spot": float(spot),
        "measure": measure,
        "antithetic": bool(antithetic),
        "marks": marks,
    }
    switches: dict[str, Any] = {
        "intraday": _part("intraday", intraday, IntradayConfig),
        "fair": _part("fair", fair, FairSignals),
        "overlay": bool(overlay) or None,
        "controls": bool(control_variates) or None,
        "overnight": overnight,
        "weekend": weekend,
        "overnight_jump_share": overnight_jump_share,
    }
    content |= {name: value for name, value in switches.items() if value is not None}
    configuration = Configuration(
        market.to_json(), _world_json(content), tuple(book.encode() for book in wanted), int(record_paths)
    )
    _core.check_world(configuration.world)
    plan = Plan(configuration, int(seed), int(first_path), int(n_paths))
    if n_jobs is None:
        n_jobs = 1 if executor is not None else os.cpu_count() or 1
    if marks == "model":
        # Computed once here: workers of this machine find them in the cache.
        tables(market, True, os.cpu_count() or 1)
    chunk, run = _run(plan, executor, int(n_jobs), int(retries), progress, folder, bool(resume))
    return _study(chunk, configuration, run, bool(control_variates))


def _run(
    plan: Plan,
    executor: Executor | None,
    n_jobs: int,
    retries: int,
    progress: bool | Progress | None,
    folder: str | os.PathLike[str] | None,
    resume: bool,
) -> tuple[Chunk, dict[str, Any]]:
    disk = None if folder is None else RunFolder(folder, plan, resume)
    whole = Assembly(plan.first_path, plan.n_paths)
    dispatcher = Dispatcher(plan, executor, n_jobs, retries, disk is not None)
    pieces = plan.pieces()
    missing = []
    done = 0
    with _shown(progress, plan.n_paths) as tell:
        for piece in pieces:
            held = None if disk is None else disk.load(*piece)
            if held is None:
                missing.append(piece)
            else:
                whole.put(held)
                done += held.count
        tell(done, plan.n_paths)
        for piece, chunk, content in dispatcher.run(missing):
            if disk is not None:
                disk.save(*piece, content)
            whole.put(chunk)
            done += chunk.count
            tell(done, plan.n_paths)
    run = {"chunks": len(pieces), "computed": len(missing), "executor_failures": dispatcher.failures}
    if disk is not None:
        run |= disk.recomputed
    return whole.finish(), run


def merge(*studies: Study) -> Study:
    """Put parts of one simulation together, exactly: the result is that of a single run.

    Parameters
    ----------
    *studies : Study
        Simulations with the same books, market and seed over adjacent ranges of paths, in any order.

    Returns
    -------
    Study
        The whole.

    Raises
    ------
    ConfigError
        ``RUN035`` for what is no simulated study, or none at all.
    DataError
        ``RUN001``..``RUN003`` for paths in two parts, missing paths, parts of different runs.
    """
    from alvh.study import Study

    for position, study in enumerate(studies):
        if not isinstance(study, Study) or "outcomes" not in study.raw:
            where = f"studies[{position}]"
            raise ConfigError("RUN035", "merge", where, shown(study), "a simulated Study")
    if not studies:
        raise ConfigError("RUN035", "merge", "studies", "none", "at least one simulated Study")
    chunk = merge_chunks(_chunk(study) for study in studies)
    first = studies[0].raw
    run = {
        key: sum(study.quality["run"].get(key, 0) for study in studies) for key in studies[0].quality["run"]
    }
    return _study(chunk, first["configuration"], run, first["use_controls"])


def _study(chunk: Chunk, configuration: Configuration, run: dict[str, Any], controls: bool) -> Study:
    from alvh.study import Study

    content = json.loads(configuration.json)
    world = content["world"]
    days = np.array([record["day"] for record in chunk.records[:1]])
    raw = {
        "configuration": configuration,
        "use_controls": controls,
        "books": list(chunk.facts["books"]),
        "buckets": list(chunk.facts["buckets"]),
        "rules": list(chunk.facts["rules"]),
        "event_kinds": list(chunk.facts["event_kinds"]),
        "capital": np.array([book["capital"] for book in content["books"]], dtype=np.float64),
        "outcomes": {name: a for name, a in chunk.arrays.items() if not name.startswith("path:")},
        "paths": {name[5:]: a for name, a in chunk.arrays.items() if name.startswith("path:")},
        "records": chunk.records,
        "first_path": chunk.first,
        "n_paths": chunk.count,
        "sessions": world["sessions"],
        "antithetic": world["antithetic"],
        "flags": {"clamped": chunk.facts["clamped"]},
        "marks": {"steps": chunk.facts["steps"]},
        "provenance": {
            "seed": chunk.seed,
            "alvh": _core.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.machine(),
            "configuration_hash": configuration.digest,
            "data_hash": hashlib.sha256(json.dumps(content["market"], sort_keys=True).encode()).hexdigest(),
            "digest": digest(chunk),
            "marks": world["marks"],
            "first": str(_first_session(world["start"])),
            "last": "" if not days.size else str(days[0, -1].astype("datetime64[D]")),
            "n_paths": chunk.count,
            "first_path": chunk.first,
            "years": world["sessions"] / SESSIONS_PER_YEAR,
            "market": content["market"],
            "world": world,
            "books": content["books"],
        },
    }
    return Study(raw, note=f"simulated paths of {content['market']['name']}", run=run)


def _chunk(study: Study) -> Chunk:
    """Undo `_study`."""
    raw = study.raw
    arrays = {**raw["outcomes"], **{f"path:{name}": values for name, values in raw["paths"].items()}}
    facts = {key: raw[key] for key in ("books", "buckets", "rules", "event_kinds")}
    facts |= {"clamped": raw["flags"]["clamped"], "steps": raw["marks"]["steps"]}
    seed, first = raw["provenance"]["seed"], raw["first_path"]
    return Chunk(raw["configuration"].digest, seed, first, raw["n_paths"], arrays, facts, raw["records"])


def _first_session(start: int) -> np.datetime64:
    day = np.datetime64(start, "D")
    sessions = _core.calendar_sessions(start, start + 14)
    return np.datetime64(int(sessions[0]), "D") if len(sessions) else day


def _books(books: Book | Iterable[Book]) -> tuple[Book, ...]:
    if not isinstance(books, Iterable | Book):
        raise ConfigError("RUN036", _SOURCE, "books", type(books).__name__, "a Book or several")
    wanted = (books,) if isinstance(books, Book) else tuple(books)
    if not wanted:
        raise ConfigError("RUN036", _SOURCE, "books", "none", "at least one book")
    names: set[str] = set()
    for position, book in enumerate(wanted):
        if not isinstance(book, Book):
            where = f"books[{position}]"
            raise ConfigError("RUN036", _SOURCE, where, shown(book), "a Book", hint="see alvh.books.named")
        if book.name in names:
            raise ConfigError("RUN036", _SOURCE, "books", f"{book.name!r} twice", "different names")
        names.add(book.name)
    return wanted


def _whole(name: str, value: Any, low: int, high: int) -> None:
    if is_whole(value, low, high):
        return
    if is_whole(value, high, 2**200) or (isinstance(value, int) and value > high):
        raise LimitError("RUN037", _SOURCE, name, shown(value), f"at most {high}")
    raise ConfigError("RUN038", _SOURCE, name, shown(value), f"a whole number, {low} to {high}")


def _sessions(years: Any) -> int:
    if not is_real(years) or not years > 0.0:
        raise ConfigError("RUN039", _SOURCE, "years", shown(years), "a number above 0")
    if years > 100.0:
        raise LimitError("RUN040", _SOURCE, "years", shown(years), "at most 100")
    sessions = round(float(years) * SESSIONS_PER_YEAR)
    if sessions == 0:
        raise ConfigError("RUN039", _SOURCE, "years", shown(years), "at least one session of 1/252")
    return sessions


def _limits(n_books: int, n_paths: int, steps: int) -> None:
    numbers = n_paths * n_books * _NUMBERS
    if numbers > _MOST_NUMBERS:
        most = _MOST_NUMBERS // (n_books * _NUMBERS)
        got = f"{n_paths} paths of {n_books} books"
        hint = "simulate parts by first_path"
        raise LimitError("RUN041", _SOURCE, "n_paths", got, f"at most {most} paths in memory", hint=hint)
    if n_paths * steps > _MOST_STEPS:
        got = f"{n_paths} paths of {steps} steps"
        raise LimitError("RUN042", _SOURCE, "n_paths", got, f"at most {_MOST_STEPS} steps")


def _day(start: Any) -> date:
    if isinstance(start, str):
        try:
            return date.fromisoformat(start)
        except ValueError:
            raise ConfigError("RUN043", _SOURCE, "start", shown(start), "a day as YYYY-MM-DD") from None
    if isinstance(start, date):
        return date(start.year, start.month, start.day)
    raise ConfigError("RUN043", _SOURCE, "start", shown(start), "a day as YYYY-MM-DD")


def _part(name: str, value: Any, kind: type[IntradayConfig | FairSignals]) -> Any:
    if value is None:
        return None
    if not isinstance(value, kind):
        raise ConfigError("RUN048", _SOURCE, name, type(value).__name__, f"a {kind.__name__}")
    return json.loads(value.to_json())


def _world_json(content: dict[str, Any]) -> str:
    for name, value in content.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError("RUN044", _SOURCE, name, shown(value), "a finite number")
    try:
        return json.dumps(content, allow_nan=False)
    except (TypeError, ValueError):
        for name, value in content.items():
            if not isinstance(value, (str, int, float, bool, dict, type(None))):
                expected = "a plain value"
                raise ConfigError("RUN044", _SOURCE, name, shown(value), expected) from None
        raise


def _shown(progress: bool | Progress | None, total: int) -> AbstractContextManager[Progress]:
    """Make what is told how far the run is, in a context that tidies up behind it."""
    if progress is None or progress is False:
        return nullcontext(lambda done, total: None)
    if callable(progress):
        return nullcontext(progress)
    if progress is not True:
        raise ConfigError("RUN045", _SOURCE, "progress", shown(progress), "True, False or a callable")
    return _Bar(total)


class _Bar:
    """A bar on standard error."""

    def __init__(self, total: int) -> None:
        from tqdm import tqdm

        self._bar = tqdm(total=total, unit="path", unit_scale=True, leave=False)

    def __enter__(self) -> Progress:
        return self._tell

    def _tell(self, done: int, total: int) -> None:
        self._bar.update(done - self._bar.n)

    def __exit__(self, *_: object) -> None:
        self._bar.close()
