"""The command line over a made-up backtest."""

from __future__ import annotations

import inspect
import json
from types import SimpleNamespace

import alvh
import pytest
from alvh._files import write_whole
from alvh.chain import FORMATS
from alvh.cli import _CHAIN_FORMATS, _SERIES, _marks_lines, main
from alvh.errors import DataError, InternalError
from alvh.history import History
from alvh.study import Study
from raw_result import raw_result

NOTE = "S&P 500 and VIX 2014-2018; cannot cover: VIX futures" + ", and much else" * 8
STAND_IN = "- VIX futures come from the term structure."


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Stands in for history, marks, books and backtest; keeps what they were called with."""
    seen = {}
    history = SimpleNamespace(note=f"{NOTE}\n{STAND_IN}")

    def load(**files):
        seen["files"] = files
        return history

    def backtest(books, history, marks=None, *, seed, replicates, min_sessions):
        seen.update(books=books, marks=marks, seed=seed, min_sessions=min_sessions)
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
    assert out.splitlines()[:2] == [NOTE, STAND_IN]
    assert "max drawdown, %" in out
    assert "the maximum drawdown of unhedged from" in " ".join(out.split())
    assert "most margin, USD                        40.0 k                    40.0 k" in out
    assert "  portfolio scan                           n/a                       n/a" in out
    assert "incidents of unhedged: 1 margin call; 2 entries skipped (VIX)." in out
    assert max(len(line) for line in out.splitlines()[1:]) <= 100
    assert out.rstrip().endswith("equity and drawdown: alvh-study.png")
    assert [file.name for file in tmp_path.iterdir()] == ["alvh-study.png"]
    assert calls["books"] == ("unhedged", "static", "adaptive")


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
    assert calls["min_sessions"] == 252
    assert sorted(file.name for file in (tmp_path / "results").iterdir()) == [
        "alvh-study.json",
        "alvh-study.png",
        "manifest.json",
    ]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--spx", "s.csv"], "--vix missing"),
        (["--chain", "c.csv"], "--spx and --vix missing"),
        (["--chain-format", "cboe"], "needs --chain"),
        (["--png", "nowhere/x.png"], "no folder nowhere"),
        (["--seed", "-1"], "argument --seed: got '-1', expected a whole number from 0 on"),
        (["--seed", "x"], "argument --seed: got 'x', expected a whole number from 0 on"),
        (["--min-sessions", "0"], "argument --min-sessions: got '0', expected a whole number from 1 on"),
        (["--chain", "c.csv", "--chain-format", "x"], "'cboe', 'optionsdx'"),
        (["--spx", "s", "--vix", "v", "--rates-unit", "percent"], "--rates-unit: needs --rates"),
        (["--spx", "s", "--vix", "v", "--bars-tz", "UTC"], "--bars-tz: needs --bars"),
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


def test_marks_from_a_chain_are_counted():
    raw = raw_result(30)
    assert _marks_lines(Study(raw, replicates=0)) == []
    raw["marks"] = {"answered": 5, "uncovered": 2_849, "no_quote": 0, "zero_bid": 0}
    counted, closes = _marks_lines(Study(raw, replicates=0))
    assert (
        counted
        == "option marks: 5 from the chain; the surface stands in for the rest (no quotes that day 2,849)."
    )
    assert "trades there only" in closes


def test_a_folder_that_cannot_be_written_names_the_picture(tmp_path):
    with pytest.raises(OSError, match="No such file") as caught:
        write_whole(tmp_path / "nowhere" / "x.png", lambda stream: None)
    assert caught.value.filename == str(tmp_path / "nowhere" / "x.png")


def test_every_source_and_setting_reaches_the_library(calls):
    flags = {name: f"{name}.csv" for name in _SERIES}
    arguments = [part for name, path in flags.items() for part in (f"--{name.replace('_', '-')}", path)]
    settings = ["--rates-unit", "percent", "--missing", "drop", "--bars-tz", "UTC", "--min-sessions", "10"]
    assert main(["study", *arguments, *settings, "--replicates", "20"]) == 0
    assert calls["files"] == {**flags, "rates_unit": "percent", "missing": "drop", "bars_tz": "UTC"}
    assert calls["min_sessions"] == 10
    assert set(calls["files"]) <= set(inspect.signature(History.load).parameters)


def test_without_a_command_the_help_is_printed(capsys):
    assert main([]) == 2
    err = capsys.readouterr().err
    assert err.startswith("usage: alvh")
    assert "replay books over recorded history" in err
    with pytest.raises(SystemExit) as status:
        main(["--version"])
    assert status.value.code == 0
    assert capsys.readouterr().out == f"alvh {alvh.__version__}\n"


def test_help_fits_80_columns_and_names_formats_and_books(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main(["study", "--help"])
    out = capsys.readouterr().out
    assert max(len(line) for line in out.splitlines()) <= 80
    words = out.replace(",", " ").split()
    assert set(alvh.books.named.__globals__["_NAMED"]) <= set(words)
    assert tuple(FORMATS) == _CHAIN_FORMATS
    assert "{canonical,cboe,optionsdx,eod,wide}" in out


def test_missing_files_and_folders_are_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "--spx", "nowhere.csv", "--vix", "v.csv"]) == 2
    err = capsys.readouterr().err
    assert "HIS001 nowhere.csv path: got no such file" in err
    assert err.count("\n") == 1
    assert "Traceback" not in err


def test_the_demonstration_says_on_its_first_line_what_it_cannot_cover(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["study", "--replicates", "20"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first == (
        "Demonstration: S&P 500 OHLC, VIX closes; 1,257 sessions 2014-01-03 to 2018-12-31; cannot cover: VIX "
        "opens, VIX futures, VIX9D, VIX3M, VVIX, SKEW, interest rates, VIX settlements."
    )
    assert "- VIX options settle on the VIX close." in rest
    assert max(len(line) for line in rest) <= 100
    assert "\n".join(rest).count("2014-01-03 to 2018-12-31") == 1
