"""The command line over a made-up backtest."""

from __future__ import annotations

import json
from types import SimpleNamespace

import alvh
import pytest
from alvh.cli import main
from alvh.errors import DataError, InternalError
from alvh.study import Study
from raw_result import raw_result

NOTE = "S&P 500 and VIX 2014-2018; no VIX futures"


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Stands in for history, marks, books and backtest; keeps what they were called with."""
    seen = {}
    history = SimpleNamespace(note=NOTE)

    def load(**files):
        seen["files"] = files
        return history

    def backtest(books, history, marks=None, *, seed, replicates):
        seen.update(books=books, marks=marks, seed=seed)
        return Study(raw_result(400), note=history.note, seed=seed, replicates=replicates)

    fakes = {
        "History": SimpleNamespace(load=load, demo=lambda: history),
        "Chain": SimpleNamespace(read=lambda path, format: ("chain", path, format)),
        "marks": SimpleNamespace(surface=lambda history: "surface", quotes=lambda chain: chain),
        "books": SimpleNamespace(named=lambda *names: names),
        "backtest": backtest,
    }
    for name, fake in fakes.items():
        monkeypatch.setattr(alvh, name, fake, raising=False)
    monkeypatch.chdir(tmp_path)
    seen["monkeypatch"] = monkeypatch
    return seen


def test_default_study_prints_tables_and_saves_a_picture(calls, capsys, tmp_path):
    assert main(["study", "--replicates", "50"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[0] == NOTE
    assert "max drawdown, %" in out
    assert "the maximum drawdown of unhedged from" in out
    assert out.rstrip().endswith("equity and drawdown: alvh-study.png")
    assert [file.name for file in tmp_path.iterdir()] == ["alvh-study.png"]
    assert calls["books"] == ("unhedged", "static")


def test_json_prints_json_only(calls, capsys):
    assert main(["study", "--json", "--seed", "3", "--replicates", "20", "--books", "a, b"]) == 0
    captured = capsys.readouterr()
    assert set(json.loads(captured.out)["books"]) == {"unhedged", "static"}
    assert captured.err.startswith(NOTE)
    assert (calls["seed"], calls["books"]) == (3, ("a", "b"))


def test_files_and_chain_reach_the_library(calls, tmp_path):
    files = ["--spx", "s.csv", "--vix", "v.csv", "--vix9d", "n.csv"]
    chain = ["--chain", "c.csv", "--chain-format", "cboe"]
    assert main(["study", *files, *chain, "--out", "results", "--replicates", "20"]) == 0
    assert calls["files"] == {"spx": "s.csv", "vix": "v.csv", "vix9d": "n.csv"}
    assert calls["marks"] == ("chain", "c.csv", "cboe")
    assert sorted(file.name for file in (tmp_path / "results").iterdir()) == [
        "alvh-study.json",
        "alvh-study.png",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--spx", "s.csv"], "--vix missing"),
        (["--chain", "c.csv"], "--spx and --vix missing"),
        (["--chain-format", "cboe"], "needs --chain"),
        (["--png", "nowhere/x.png"], "no folder nowhere"),
        (["--seed", "-1"], "argument --seed"),
        (["--frobnicate"], "unrecognized arguments"),
    ],
)
def test_user_errors_are_one_line_and_exit_2(calls, capsys, arguments, message):
    with pytest.raises(SystemExit) as status:
        main(["study", *arguments])
    assert status.value.code == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (DataError("HIS001", "s.csv", "rows", "180", "252"), 2, "HIS001 s.csv rows: got 180"),
        (FileNotFoundError(2, "No such file or directory", "s.csv"), 2, "s.csv: No such file"),
        (ModuleNotFoundError("no arch", name="arch"), 2, "arch is not installed"),
        (InternalError("STA021", "engine", "x", "1", "0"), 1, "report it"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_errors_have_a_status_and_leave_no_file(calls, capsys, tmp_path, error, status, message):
    def fail(*args, **kwargs):
        raise error

    calls["monkeypatch"].setattr(alvh, "backtest", fail)
    assert main(["study"]) == status
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_picture_leaves_no_half_file(calls, tmp_path):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    calls["monkeypatch"].setattr("matplotlib.figure.Figure.savefig", interrupt)
    assert main(["study", "--replicates", "20"]) == 130
    assert list(tmp_path.iterdir()) == []
