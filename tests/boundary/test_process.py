"""The compiled core in a forked child, in threads, under Ctrl-C, and on the way through pickle and copy."""

from __future__ import annotations

import copy
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import alvh
import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def history() -> alvh.History:
    return alvh.History.demo()


@pytest.fixture(scope="module")
def study(history: alvh.History) -> alvh.Study:
    return run(history)


def run(history: alvh.History, seed: int = 3) -> alvh.Study:
    return alvh.backtest(alvh.books.named("unhedged", "static"), history, seed=seed, replicates=100)


FORK = """
import os, alvh
def digest(study):
    import hashlib
    return hashlib.sha256(study.to_json().encode()).hexdigest().encode()
history = alvh.History.demo()
books = alvh.books.named("unhedged", "static")
here = digest(alvh.backtest(books, history, replicates=100))
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, digest(alvh.backtest(books, history, replicates=100)))
    os._exit(0)
there = os.read(read, 64)
assert os.waitpid(child, 0)[1] == 0
assert there == here, (there, here)
print("same")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_gets_the_same_result() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "same", done.stderr


def test_two_threads_at_once_get_the_same_result(history: alvh.History, study: alvh.Study) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: run(history), range(2))
    assert first == second == study


def test_results_are_the_same_again_and_depend_on_the_seed_in_intervals_only(
    history: alvh.History, study: alvh.Study
) -> None:
    again, other = run(history), run(history, seed=4)
    assert again == study
    assert again.to_json() == study.to_json()
    pd.testing.assert_frame_equal(other.equity(), study.equity())
    assert not other.summary().equals(study.summary())


def test_pickles(history: alvh.History, study: alvh.Study) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        for value in (history, study, *alvh.books.named(), alvh.marks.surface(history)):
            back = pickle.loads(pickle.dumps(value, protocol))
            assert back == value
    back = pickle.loads(pickle.dumps(history))
    assert back.data_hash == history.data_hash
    assert run(back) == study


def test_copies(history: alvh.History, study: alvh.Study) -> None:
    for value in (history, study, *alvh.books.named()):
        assert copy.copy(value) == value
        assert copy.deepcopy(value) == value
    assert study != object()
    assert alvh.books.static() != alvh.books.unhedged()


def test_errors_pickle_with_their_parts() -> None:
    with pytest.raises(alvh.ConfigError) as caught:
        alvh.HedgeLayer("outer", dte=30, delta=1.5)
    back = pickle.loads(pickle.dumps(caught.value))
    assert str(back) == str(caught.value)
    assert (back.code, back.field, back.value) == ("CFG007", "delta", "1.5")


def test_results_cannot_be_written_to(history: alvh.History, study: alvh.Study) -> None:
    with pytest.raises(ValueError, match="read-only"):
        history.columns["spx_close"][0] = 1.0
    arrays = [value for value in study.raw.values() if isinstance(value, np.ndarray)]
    assert len(arrays) >= 7
    assert not any(array.flags.writeable for array in arrays)
    with pytest.raises(AttributeError):
        study.seed = 5  # type: ignore[misc]


LONG = """
import sys, time
import numpy as np
{imports}
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print(time.monotonic(), flush=True)
"""
BOOTSTRAP = (
    "from alvh.statistics import intervals; pnl = np.random.default_rng(0).normal(0, 1e3, (2, 7_000)); z = 0 * pnl",
    "intervals([5e5, 5e5], pnl, interest=z, credit=z, hedge=z, hedge_calm=z, base=0, seed=0, replicates=1_000_000)",
)
ENGINE = (
    "import alvh; history = alvh.History.demo(); static = alvh.books.static();"
    "books = [static.replace(name=f'b{i}') for i in range(3_000)]",
    "alvh.backtest(books, history, replicates=1)",
)
IMPLIED = (
    "import alvh; price = np.full(40_000_000, 0.05)",
    "alvh.implied_vol(price, 1.0, 1.1, 0.5, 0.0, 'call')",
)
PATHS = (
    "import alvh; market = alvh.Market.default()",
    "alvh.simulation.paths(market, 64, 1_000, 390, record_every=390 * 252_000, n_jobs=2)",
)
WORKLOAD = (
    "from alvh.simulation import reference_workload",
    "reference_workload(20_000_000)",
)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process on Windows")
@pytest.mark.parametrize(
    "work",
    [BOOTSTRAP, ENGINE, IMPLIED, PATHS, WORKLOAD],
    ids=["bootstrap", "engine", "implied", "paths", "workload"],
)
def test_ctrl_c_ends_a_long_call(work: tuple[str, str]) -> None:
    # Each call would go on for several times the bound. How fast the answer is, benches/bench_interrupt.py measures.
    script = LONG.format(imports=work[0], call=work[1])
    child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.4)
        sent = time.monotonic()
        child.send_signal(signal.SIGINT)
        out, _ = child.communicate(timeout=120)
    finally:
        child.kill()
    assert child.returncode == 0
    assert float(out) - sent < 5.0
