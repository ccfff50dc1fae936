"""Simulated studies: the same bits whoever computes them, runs that were stopped, executors that fail."""

from __future__ import annotations

import concurrent.futures
import json
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh import _chunks
from alvh.errors import ConfigError, DataError, ExecutorError, LimitError

YEARS = 0.25
PATHS = 300
BOOKS = ("unhedged", "static")
PIECES = 64


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    """Several chunks in a small run, here and in every process that is started."""
    monkeypatch.setattr(_chunks, "_BLOCK", PIECES)
    monkeypatch.setattr(_chunks, "_WORK", 1)


def run(n_paths=PATHS, **options):
    settings = {"years": YEARS, "seed": 7, "record_paths": 2, "n_jobs": 1, "marks": "surface"} | options
    return alvh.simulate(alvh.books.named(*BOOKS), n_paths=n_paths, **settings)


@pytest.fixture(scope="module")
def whole():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_chunks, "_BLOCK", PIECES)
        patch.setattr(_chunks, "_WORK", 1)
        return run()


class OutOfOrder(Executor):
    """Computes everything when it is asked for the first result, and hands over in another order."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.items = []

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        self.items.append((future, fn, args))
        if len(self.items) == 5:
            self.flush()
        else:
            threading.Timer(0.3, self.flush).start()
        return future

    def flush(self):
        items, self.items = self.items, []
        self.random.shuffle(items)
        for future, fn, args in items:
            if future.set_running_or_notify_cancel():
                future.set_result(fn(*args))


class Faulty(Executor):
    """Fails, or gives the answer to another question, every so often."""

    def __init__(self, faults):
        self.faults = list(faults)
        self.earlier = None

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        fault = self.faults.pop(0) if self.faults else "none"
        answer = fn(*args)
        if fault == "lost":
            future.set_exception(OSError("connection reset"))
        elif fault == "cancelled":
            future.cancel()
            future.set_running_or_notify_cancel()
        elif fault == "damaged":
            future.set_result(answer[:-1] + bytes([answer[-1] ^ 1]))
        elif fault == "other" and self.earlier is not None:
            future.set_result(self.earlier)
        else:
            future.set_result(answer)
        self.earlier = answer
        return future


def test_threads_shards_and_arrival_order_do_not_matter(whole):
    assert run(n_jobs=2).digest == whole.digest
    with ThreadPoolExecutor(2) as threads:
        assert run(executor=threads) == whole
    for seed in (1, 2):
        assert run(executor=OutOfOrder(seed)).digest == whole.digest


@pytest.mark.parametrize("n_shards", [2, 7])
def test_parts_merge_into_the_whole_in_any_order(whole, n_shards):
    borders = [round(PATHS * part / n_shards) for part in range(n_shards + 1)]
    parts = [run(end - start, first_path=start) for start, end in pairwise(borders)]
    random.Random(n_shards).shuffle(parts)
    merged = alvh.merge(*parts)
    assert merged == whole
    assert merged.digest == whole.digest
    pd.testing.assert_frame_equal(merged.summary(), whole.summary())


def test_a_process_pool_gives_the_same_bits(whole):
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert run(executor=pool).digest == whole.digest


def test_dask_gives_the_same_bits(whole):
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        assert run(executor=client.get_executor()).digest == whole.digest


def test_the_digest_knows_every_number_and_the_seed(whole):
    assert run(seed=8).digest != whole.digest
    arrays = {name: values.copy() for name, values in whole.raw["outcomes"].items()}
    chunk = _chunks.Chunk("c", 1, 0, PATHS, arrays, {}, [])
    before = _chunks.digest(chunk)
    arrays["traded"][1, 5] = np.nextafter(arrays["traded"][1, 5], np.inf)
    assert _chunks.digest(chunk) != before


def test_lost_wrong_and_damaged_answers_are_asked_for_again_and_counted(whole):
    study = run(executor=Faulty(["none", "lost", "cancelled", "damaged", "other"]))
    assert study.digest == whole.digest
    assert study.quality["run"]["executor_failures"] == 4


def test_an_executor_that_keeps_failing_is_an_error_that_names_the_chunk():
    with pytest.raises(
        ExecutorError, match=r"RUN020 simulate:paths \d+\.\.\d+ executor: got OSError 'connection"
    ):
        run(executor=Faulty(["lost"] * 100), retries=1)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        with pytest.raises(concurrent.futures.process.BrokenProcessPool):
            pool.submit(os._exit, 3).result()
        with pytest.raises(ExecutorError, match="RUN020"):
            run(executor=pool)


def test_a_finished_folder_is_read_and_a_longer_run_goes_on_from_it(whole, tmp_path):
    first = run(folder=tmp_path / "run")
    assert first == whole
    again = run(folder=tmp_path / "run", resume=True)
    assert again == whole
    assert again.quality["run"]["computed"] == 0
    longer = run(PATHS + PIECES, folder=tmp_path / "run", resume=True)
    assert longer.quality["run"]["computed"] == 2
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["seed"] == 7
    assert manifest["configuration"] == whole.provenance["configuration_hash"]
    with pytest.raises(ConfigError, match="RUN010"):
        run(folder=tmp_path / "run")
    with pytest.raises(ConfigError, match=r"RUN011 .*seed: got 7, expected 8"):
        run(folder=tmp_path / "run", resume=True, seed=8)
    (tmp_path / "run" / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="RUN012"):
        run(folder=tmp_path / "run", resume=True)


def test_damaged_and_foreign_chunks_are_computed_again_and_counted(whole, tmp_path):
    run(folder=tmp_path)
    chunks = sorted(tmp_path.glob("*.alvh"))
    content = chunks[0].read_bytes()
    chunks[0].write_bytes(content[: len(content) // 2])
    chunks[1].write_bytes(b"")
    flipped = bytearray(chunks[2].read_bytes())
    flipped[len(flipped) // 2] ^= 4
    chunks[2].write_bytes(flipped)
    chunks[3].write_bytes(content)
    (tmp_path / ".paths-000000000000-64.alvh.x1y2").write_bytes(b"half")
    study = run(folder=tmp_path, resume=True)
    assert study == whole
    assert (study.quality["run"]["damaged"], study.quality["run"]["foreign"]) == (3, 1)
    assert not list(tmp_path.glob(".*"))


KILLED = """
import sys
from concurrent.futures import ThreadPoolExecutor
import alvh
from alvh import _chunks
_chunks._BLOCK, _chunks._WORK = 64, 1
compute = _chunks.compute
def logged(*item):
    with open(sys.argv[2], "a") as log:
        log.write(f"{item[2]}\\n")
    return compute(*item)
from alvh import _dispatch
_dispatch.compute = logged
with ThreadPoolExecutor(2) as workers:
    study = alvh.simulate(alvh.books.named("unhedged", "static"), n_paths=int(sys.argv[3]), years=0.25,
                          seed=7, record_paths=2, marks="surface", folder=sys.argv[1], resume=True, executor=workers)
print(study.digest)
"""


def computed(log: Path) -> int:
    return len(log.read_text().split()) if log.exists() else 0


def test_a_killed_run_goes_on_and_redoes_at_most_one_chunk_per_worker(tmp_path):
    # More kills before a release: .ci/long.
    n_kills = int(os.environ.get("ALVH_KILLS", "2"))
    n_chunks = 6 * n_kills
    folder, log = tmp_path / "run", tmp_path / "log"
    command = [sys.executable, "-c", KILLED, folder, log, str(n_chunks * PIECES)]
    delays = random.Random(1)
    kills = 0
    for _ in range(n_kills):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        before = computed(log)
        while process.poll() is None and computed(log) == before:
            time.sleep(0.002)
        time.sleep(delays.uniform(0.0, 0.1))
        if process.poll() is None:
            process.kill()
            kills += 1
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert kills > 0
    assert done.stdout.strip() == run(n_chunks * PIECES).digest
    assert n_chunks <= computed(log) <= n_chunks + 2 * kills
    assert not list(folder.glob(".*"))


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a process")
def test_ctrl_c_leaves_whole_chunks_only(tmp_path):
    program = (
        "import alvh\n"
        "alvh.simulate(alvh.books.named('static'), n_paths=200_000, years=1.0, n_jobs=1, marks='surface',"
        f" folder={str(tmp_path)!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("*.alvh")) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in error
    assert not list(tmp_path.glob(".*"))
    for path in tmp_path.glob("*.alvh"):
        _chunks.Chunk.decode(path.read_bytes())


def test_progress_ends_at_the_whole(tmp_path):
    seen = []
    run(progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, PATHS)
    assert seen[-1] == (PATHS, PATHS)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    run(128, progress=True)


def test_merging_what_does_not_belong_together_is_an_error(whole):
    part = run(128)
    with pytest.raises(DataError, match=r"RUN001 merge:path 0 parts: got twice"):
        alvh.merge(part, whole)
    with pytest.raises(DataError, match=r"RUN002 merge parts: got paths 128\.\.149 missing"):
        alvh.merge(part, run(64, first_path=150))
    with pytest.raises(DataError, match="RUN003"):
        alvh.merge(part, run(64, first_path=128, seed=8))
    with pytest.raises(DataError, match="RUN003"):
        alvh.merge(part, run(64, first_path=128, years=0.5))
    with pytest.raises(ConfigError, match="RUN035"):
        alvh.merge()
    with pytest.raises(ConfigError, match="RUN035"):
        alvh.merge(part, 3)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"n_paths": 0}, ConfigError),
        ({"n_paths": 2.5}, ConfigError),
        ({"n_paths": 10**12}, LimitError),
        ({"n_paths": 10**30}, LimitError),
        ({"n_paths": True}, ConfigError),
        ({"years": 0.0}, ConfigError),
        ({"years": 1e9}, LimitError),
        ({"years": float("nan")}, ConfigError),
        ({"years": 0.001}, ConfigError),
        ({"seed": -1}, ConfigError),
        ({"seed": 2**64}, LimitError),
        ({"steps_per_day": 7}, ConfigError),
        ({"n_jobs": 0}, ConfigError),
        ({"n_jobs": 10**6}, LimitError),
        ({"market": "default"}, ConfigError),
        ({"executor": object()}, ConfigError),
        ({"progress": 3}, ConfigError),
        ({"start": "yesterday"}, ConfigError),
        ({"start": "1850-01-01"}, DataError),
        ({"start": 3}, ConfigError),
        ({"spot": -1.0}, ConfigError),
        ({"spot": float("inf")}, ConfigError),
        ({"marks": "none"}, ConfigError),
        ({"measure": "R"}, ConfigError),
        ({"resume": True}, ConfigError),
        ({"antithetic": 2}, ConfigError),
        ({"record_paths": 10**6}, LimitError),
        ({"first_path": -3}, ConfigError),
        ({"intraday": {"share": 1.0}}, ConfigError),
        ({"overlay": 1}, ConfigError),
        ({"overnight": object()}, ConfigError),
        ({"overnight": float("nan")}, ConfigError),
    ],
)
def test_bad_arguments_are_refused_before_anything_runs(options, error, monkeypatch):
    monkeypatch.setattr(_chunks, "compute", None)
    with pytest.raises(error) as caught:
        run(**({"n_paths": 64} | options))
    assert "\n" not in str(caught.value)
    assert caught.value.code


def test_bad_books_are_refused():
    for books in ([], [3], 3, [*alvh.books.named("static"), *alvh.books.named("static")]):
        with pytest.raises(ConfigError, match="RUN036"):
            alvh.simulate(books, n_paths=64)


def test_controls_move_a_mean_within_its_error_and_shrink_that(whole):
    plain, steered = alvh.Study({**whole.raw, "use_controls": False}).summary(), whole.summary()
    away = (steered["pnl"] - plain["pnl"]).abs()
    assert (away > 0.0).all()
    assert (away < 4.0 * plain["pnl_std_error"]).all()
    assert (steered["pnl_std_error"] < plain["pnl_std_error"]).all()


def test_a_simulated_study_answers_like_any_other(whole, tmp_path):
    whole = alvh.Study({**whole.raw, "use_controls": False}, run=whole._run)
    summary = whole.summary()
    outcomes = whole.raw["outcomes"]
    pnl = outcomes["pnl"]
    assert summary["pnl"].to_numpy() == pytest.approx(pnl.mean(axis=1))
    assert summary["pnl_std_error"].to_numpy() == pytest.approx(pnl.std(axis=1, ddof=1) / np.sqrt(PATHS))
    assert (summary["max_drawdown_low"] < summary["max_drawdown_high"]).all()
    paired = whole.paired()
    assert list(paired.index) == ["static"]
    difference = pnl[1] - pnl[0]
    assert paired.loc["static", "pnl_difference"] == pytest.approx(difference.mean())
    expected = difference.std(ddof=1) / np.sqrt(PATHS)
    assert paired.loc["static", "pnl_difference_std_error"] == pytest.approx(expected)
    falls = outcomes["max_drawdown"]
    reduction = 1 - falls[1].mean() / falls[0].mean()
    assert paired.loc["static", "drawdown_reduction"] == pytest.approx(reduction)
    attribution = whole.attribution()
    np.testing.assert_allclose(attribution.sum(axis=1), summary["pnl"], atol=1e-6)
    assert (whole.attribution(std_errors=True)["short_put"] > 0.0).all()
    equity = whole.equity()
    assert equity.index.names == ["path", "day"]
    assert len(equity) == 2 * 63
    assert equity.loc[1].iloc[-1].to_numpy() == pytest.approx(outcomes["final_equity_cents"][:, 1] / 100.0)
    assert set(whole.trades["path"]) <= {0, 1}
    assert {"path", "book", "item", "value"} == set(whole.to_frame().columns)
    assert "mean maximum drawdown of unhedged" in whole.sentences()[0]
    assert whole.provenance["n_paths"] == PATHS
    parsed = json.loads(whole.to_json(), parse_constant=lambda text: pytest.fail(text))
    assert parsed["books"]["static"]["pnl_std_error"] > 0.0
    assert "±" in repr(whole)
    assert max(map(len, repr(whole).splitlines())) <= 100
    assert "<table>" in whole._repr_html_()
    assert pickle.loads(pickle.dumps(whole)) == whole
    assert whole.plot.save(tmp_path / "study.png").read_bytes().startswith(b"\x89PNG")


def test_history_and_simulation_stand_in_one_table(whole):
    history = alvh.backtest(
        alvh.books.named(*BOOKS), alvh.History.demo().cut(400), replicates=100, min_sessions=1
    )
    table = alvh.compare(history, whole)
    assert table.loc[("static", "max_drawdown"), "simulated"] == whole.summary().loc["static", "max_drawdown"]
    assert ("static", "drawdown_reduction") in table.index
    assert table["apart"].dtype == bool
    with pytest.raises(ConfigError, match="RUN046"):
        alvh.compare(history, 3)


def test_the_command_prints_the_comparison(capsys, tmp_path):
    from alvh.cli import main

    arguments = ["simulate", "--paths", "64", "--years", "0.25", "--seed", "7", "--jobs", "1"]
    assert main([*arguments, "--folder", str(tmp_path / "run")]) == 0
    text = capsys.readouterr().out
    assert "64 simulated paths" in text
    assert "mean P&L, USD" in text
    assert "Against unhedged" in text
    assert main([*arguments, "--folder", str(tmp_path / "run"), "--resume", "--json"]) == 0
    parsed = json.loads(capsys.readouterr().out)
    assert parsed["quality"]["run"]["computed"] == 0
    assert main([*arguments, "--market", "nobody"]) == 2
    assert main([*arguments, "--paths", "0"]) == 2


@pytest.mark.parametrize("marks", ["surface", "model"])
def test_rules_that_read_signals_act_on_simulated_paths_and_disturb_nobody(marks):
    fixed = alvh.books.static().replace(name="fixed")
    rules = alvh.books.adaptive().replace(name="rules")
    options = {"n_paths": 24, "years": 0.5, "seed": 3, "marks": marks, "warm_up": 252, "record_paths": 0}
    both = alvh.simulate([fixed, rules], **options).raw["outcomes"]["final_equity_cents"].reshape(2, -1)
    alone = alvh.simulate([fixed], **options).raw["outcomes"]["final_equity_cents"].reshape(-1)
    assert np.mean(both[0] != both[1]) > 0.5
    assert np.array_equal(alone, both[0])
