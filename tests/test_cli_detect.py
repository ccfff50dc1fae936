"""The command `alvh detect`."""

from __future__ import annotations

import gzip
import json
import re
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import alvh
import pytest
from alvh._cli_detect import _WORDS
from alvh._feed_format import format_of
from alvh.cli import main
from alvh.errors import DataError, SchemaError

sys.path.insert(0, str(Path(__file__).parent / "reference"))

from ignition_flows import Flow, ignition

BOOK_SAMPLES = (
    "dbn/test_data.mbo.v3.dbn",
    "dbn/test_data.mbp-1.v1.dbn.zst",
    "dbn/test_data.mbp-10.v2.dbn.zst",
    "dbn/test_data.tbbo.v3.dbn.zst",
    "dbn_es/historical_bars_catalog__databento__futures_mbp-1_2024-07-01T23-58_2024-07-02T00-02.dbn.zst",
    "dbn_es/order_book_deltas_catalog__databento__orderbooks_mbo_2024-05-08T00-00-00_2024-05-08T00-00-02.dbn.zst",
    "lobster/{0}_message_10.csv lobster/{0}_orderbook_10.csv".format("AAPL_2012-06-21_34200000_57600000"),
    "binance/spot_btcusdt_20240808.gz",
    "binance/cm_btcusd_perp_20240808.gz",
    "taq/equity__usa__tick__bac__20131007_quote.zip taq/equity__usa__tick__bac__20131007_trade.zip",
)
OTHER_SCHEMAS = ("trades", "ohlcv-1s", "definition", "statistics", "status", "imbalance")


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """A file that looks like DBN and a reader that gives a made-up tape; keeps what it was called with."""
    seen = SimpleNamespace(tape=ignition(30).tape(), files=(), settings={})

    def read(*files, **settings):
        seen.files, seen.settings = files, settings
        return seen.tape

    for name in ("read_dbn", "read_lobster", "read_binance", "read_taq"):
        monkeypatch.setattr(alvh, name, read, raising=False)
    monkeypatch.chdir(tmp_path)
    Path("es.dbn").write_bytes(b"DBN\x01" + bytes(8))
    return seen


def test_episodes_quality_and_thresholds_are_printed(calls, capsys, tmp_path):
    assert main(["detect", "es.dbn", "--no-calibrate"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Tape(made up: ")
    assert "Data quality: " in out
    assert "- nothing was flagged or dropped" in out
    assert "Default thresholds: not calibrated, as asked." in out
    assert re.search(r"clock +volume +push z +velocity z +depth +move +score +cascade", out)
    assert re.search(r" 1 s +3 x +4 +1\.5 +<= 0\.9 x +0\.3 bp +50 +", out)
    assert "reverted" in out
    assert "early alarms: 1 in " in out
    assert max(map(len, out.splitlines())) <= 110
    assert sorted(path.name for path in tmp_path.iterdir()) == ["es.dbn"]


def test_json_prints_json_only_and_finite_numbers(calls, capsys):
    assert main(["detect", "es.dbn", "--json", "--no-calibrate"]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert captured.err == ""
    assert set(found) == {"episodes", "quality", "thresholds"}
    (episode,) = found["episodes"]
    assert episode["outcome"] == "reverted"
    assert episode["detected"].endswith("+00:00")
    assert episode["branching_jump"] is None
    assert found["quality"]["flagged"] == {}
    assert found["quality"]["events"] == len(calls.tape)
    assert found["thresholds"]["config_hash"] == alvh.IgnitionConfig().hash
    assert found["thresholds"]["push_z"] == [4.0, 4.0, 4.0]
    assert found["thresholds"]["alarm_score"] == [50.0, 50.0, 50.0]
    assert found["thresholds"]["thinning"] == 0.9


def test_a_long_tape_is_calibrated_on_its_first_part_and_reported_on_the_rest(calls, capsys):
    calls.tape = Flow(2).calm(200).burst(1).push(30).drift(-20).calm(30).tape()
    assert main(["detect", "es.dbn"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "Calibrated on the first 60% of the tape, to 2023-11-14 22:15:" in out
    assert "this part of the tape is too short for that" in out
    # The verdict is that of the hours after the calibrated ones, for each target.
    assert re.search(
        r"early alarms: \d+ in [\d.,]+ scored minutes; [^:]*: at most 10 a day is not shown", out
    )
    assert re.search(
        r"confirmed events: \d+ in [\d.,]+ scored minutes; [^:]*: at most 1 a day is not shown", out
    )
    assert out.count("shown") == 2
    assert main(["detect", "es.dbn", "--alarms-per-day", "1e9", "--confirmed-per-day", "1e8"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "at most 1e+09 a day is shown" in out
    assert "at most 1e+08 a day is shown" in out
    # Targets are for all clocks together: one of them says nothing about them.
    assert main(["detect", "es.dbn", "--clock", "15"]) == 0
    assert "shown" not in capsys.readouterr().out
    assert main(["detect", "es.dbn", "--json"]) == 0
    thresholds = json.loads(capsys.readouterr().out)["thresholds"]
    assert thresholds["calibration"]["factor"] >= 1.0
    # Nothing after the first part has been looked at.
    calls.tape = calls.tape.slice(0, len(calls.tape) - 500)
    assert main(["detect", "es.dbn", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["thresholds"]["calibration"]["factor"] == pytest.approx(
        thresholds["calibration"]["factor"]
    )


def test_episodes_of_the_calibrated_part_are_not_reported(calls, capsys):
    calls.tape = (
        Flow(2).calm(90).burst(1).push(30).drift(-20).calm(90).burst(1).push(30).drift(-20).calm(5).tape()
    )
    arguments = ["detect", "es.dbn", "--json", "--alarms-per-day", "1e9", "--confirmed-per-day", "1e9"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["thresholds"]["calibration"]["factor"] == 1.0
    (episode,) = found["episodes"]
    assert episode["detected"] > found["thresholds"]["reported_from"]
    assert len(alvh.detect(calls.tape).episodes) == 2


def test_a_short_tape_keeps_the_default_thresholds_unless_told(calls, capsys):
    calls.tape = Flow(2).calm(60).tape()
    assert main(["detect", "es.dbn"]) == 0
    assert "fewer than the 60 that a calibration is made on" in " ".join(capsys.readouterr().out.split())
    assert main(["detect", "es.dbn", "--calibrate"]) == 0
    assert "Calibrated on the first 60%" in capsys.readouterr().out
    calls.tape = Flow(2).calm(20).tape()
    assert main(["detect", "es.dbn", "--calibrate"]) == 2
    assert capsys.readouterr().err.startswith(
        "alvh: IGN020 calibrate tape: got no second that could be scored"
    )


def test_a_configuration_file_is_used_as_it_is(calls, capsys):
    Path("mine.json").write_text('{"push_z": 500}')
    assert main(["detect", "es.dbn", "--config", "mine.json"]) == 0
    assert "Episodes: none." in capsys.readouterr().out
    Path("mine.json").write_text('{"push": 500}')
    assert main(["detect", "es.dbn", "--config", "mine.json"]) == 2
    assert capsys.readouterr().err == (
        "alvh: CFG100 IgnitionConfig push: got an unknown field, expected the documented fields\n"
    )


def test_the_picture_is_drawn_and_an_interrupted_one_leaves_nothing(calls, capsys, tmp_path, monkeypatch):
    assert main(["detect", "es.dbn", "--plot", "a.png", "--no-calibrate"]) == 0
    assert main(["detect", "es.dbn", "--plot", "b.png", "--no-calibrate", "--episode", "0"]) == 0
    pictures = [Path(name).read_bytes() for name in ("a.png", "b.png")]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert pictures[0] != pictures[1]

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", interrupt)
    assert main(["detect", "es.dbn", "--plot", "c.png"]) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "es.dbn"]


def test_a_tape_of_less_than_a_second_is_drawn_and_said_to_be_empty(calls, capsys):
    calls.tape = calls.tape.slice(0, 3)
    assert main(["detect", "es.dbn", "--plot", "a.png"]) == 0
    out = capsys.readouterr().out
    assert "Nothing was scored: no rate of alarms can be given." in out
    assert Path("a.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (["--plot", "a.png", "--episode", "7"], "IGN025 Signal episode: got 7"),
        (["--plot", "n" * 300], "n" * 300 + ": File name too long"),
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_picture_that_cannot_be_is_refused_before_anything_is_printed(
    calls, capsys, arguments, start, form
):
    assert main(["detect", "es.dbn", "--no-calibrate", *arguments, *form]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"alvh: {start}")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("value", ["[" * 100_000, "1" + "0" * 399, "1" * 5_000])
def test_a_configuration_that_no_float_or_stack_holds_is_one_line(calls, capsys, value):
    Path("mine.json").write_text(f'{{"push_z": {value}}}')
    assert main(["detect", "es.dbn", "--config", "mine.json"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("alvh: CFG10")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "lobster"], "lobster needs its order-book file"),
        (["es.dbn"], "dbn is one file"),
        (["--date", "2012-06-21"], "argument --date: not for dbn"),
        (["--clock", "7"], "got 7, expected one of 1, 15, 120"),
        (["--tick-size", "-1"], "got '-1', expected a number above 0"),
        (["--episode", "0"], "needs --plot"),
        (["--plot", "nowhere/a.png"], "no folder nowhere"),
        (["--config", "a", "--calibrate"], "not allowed with"),
    ],
)
def test_user_errors_are_one_line_and_exit_2(calls, capsys, arguments, message):
    with pytest.raises(SystemExit) as status:
        main(["detect", "es.dbn", *arguments])
    assert status.value.code == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_errors_of_readers_and_files_are_one_line(calls, capsys, monkeypatch):
    def fail(*files, **settings):
        raise SchemaError("DBN030", "es.dbn", "schema", "ohlcv-1s", "a schema with a book")

    monkeypatch.setattr(alvh, "read_dbn", fail)
    assert main(["detect", "es.dbn"]) == 2
    assert (
        capsys.readouterr().err == "alvh: DBN030 es.dbn schema: got ohlcv-1s, expected a schema with a book\n"
    )
    assert main(["detect", "nowhere.dbn"]) == 2
    assert capsys.readouterr().err == "alvh: nowhere.dbn: No such file or directory\n"
    assert main(["detect", "es.dbn", "--config", "nowhere.json"]) == 2
    assert capsys.readouterr().err == "alvh: nowhere.json: No such file or directory\n"


def test_settings_reach_the_reader_and_pairs_come_in_any_order(calls, capsys):
    Path("a.csv").write_text("34200.004241176,1,16113575,18,5853300,1\n")
    Path("b.csv").write_text("5859400,200,5853300,18\n")
    assert main(["detect", "b.csv", "a.csv", "--date", "2012-06-21", "--tick-size", "0.01"]) == 0
    assert calls.files == ("a.csv", "b.csv")
    assert calls.settings == {"date": "2012-06-21", "tick_size": 0.01}
    for name, setting in (("ESM4", {"symbol": "ESM4"}), ("5482", {"instrument_id": 5482})):
        assert main(["detect", "es.dbn", "--instrument", name]) == 0
        assert calls.settings == setting


def test_clocks_can_be_chosen(calls, capsys):
    assert main(["detect", "es.dbn", "--clock", "15", "--no-calibrate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["episodes"] == []


def test_formats_are_known_by_their_content(tmp_path):
    def write(content: bytes) -> Path:
        path = tmp_path / "file"
        path.write_bytes(content)
        return path

    quotes = b"14400151,0,0,140200,500,Q,1,0\n"
    packed = tmp_path / "file.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("20131007_bac.csv", quotes)
    assert format_of(packed) == ("taq", 0)
    assert format_of(write(b"14400554,139400,500,P,20002020,0\n")) == ("taq", 1)
    assert format_of(write(gzip.compress(b'1723161253937085768 {"stream":"x"}\n'))) == ("binance", 0)
    assert format_of(write(b"34200.1,1,16113575,18,5853300,1\n5,6\n")) == ("lobster", 0)
    assert format_of(write(b"5859400,200,5853300,18,5859800,200,5853000,150")) == ("lobster", 1)
    assert format_of(write(b"\x28\xb5\x2f\xfd")) == ("dbn", 0)
    for content, shown in (
        (b"", "an empty file"),
        (b"time,price\n1,2\n", "'time,price'"),
        (b"\x00\xff\x00\xff", "bytes 00ff00ff"),
        (b"\x1f\x8b\x08\x00broken", "bytes 1f8b0800"),
        (b"PK\x03\x04broken", "bytes 504b0304"),
    ):
        with pytest.raises(DataError, match="DET001") as caught:
            format_of(write(content))
        assert caught.value.value == shown


def test_every_kind_of_anomaly_has_words():
    names = set(alvh._core.FLAW_NAMES)
    assert len(names) > 20
    assert names == set(_WORDS)


@pytest.mark.needs_shared_data
@pytest.mark.parametrize("sample", BOOK_SAMPLES)
def test_every_sample_with_a_book_gives_a_report(shared_data, sample, capsys, tmp_path):
    files = [str(shared_data / "books" / name) for name in sample.split()]
    assert main(["detect", *files, "--plot", str(tmp_path / "a.png")]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert "Data quality: " in captured.out
    assert "Thresholds:" in captured.out
    assert "Episodes" in captured.out
    assert (tmp_path / "a.png").is_file()


@pytest.mark.needs_shared_data
@pytest.mark.parametrize("schema", OTHER_SCHEMAS)
def test_other_schemas_are_one_line(shared_data, schema, capsys):
    file = str(shared_data / "books" / "dbn" / f"test_data.{schema}.v3.dbn.zst")
    # One price is not enough to derive a tick of.
    assert main(["detect", file, "--tick-size", "0.25"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    # The name of the file holds the schema too: what was got is named after it.
    assert re.search(rf"^alvh: (DBN|IGN)\d{{3}} [^ ]+ schema: got {schema}\b", captured.err)
