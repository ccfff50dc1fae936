"""``alvh report``, ``alvh doctor``, job files and the manifest of a run."""

from __future__ import annotations

import hashlib
import json

import pytest
from alvh._job import flags_of
from alvh.cli import main
from alvh.errors import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_report_writes_the_page_and_prints_the_verdicts(folder, capsys):
    assert main(["report", "--html", "a.html", "--replicates", "50"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Published claims, measured")
    assert "report: a.html" in out
    assert [file.name for file in folder.iterdir()] == ["a.html"]


def test_report_as_json(folder, capsys):
    assert main(["report", "--json", "--replicates", "50"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["report"] == "alvh.html"
    assert {row["verdict"] for row in found["claims"]} <= {
        "supported",
        "not supported",
        "undecided",
        "not measured",
    }


def test_an_interrupted_report_leaves_no_half_file(folder, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("alvh.report.page.page", interrupt)
    assert main(["report", "--replicates", "50"]) == 130
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("target", ["nowhere/a.html", "."])
def test_a_page_without_a_place_is_refused_before_the_work(target, capsys):
    with pytest.raises(SystemExit) as status:
        main(["report", "--html", target])
    assert status.value.code == 2
    assert "argument --html" in capsys.readouterr().err


def test_doctor_finds_this_installation_well(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"versions", "machine", "checks"}
    assert len(found["checks"]) >= 3
    assert all(outcome.startswith(("ok, ", "skipped, ")) for outcome in found["checks"].values())
    assert main(["doctor"]) == 0
    assert "instruction sets" in capsys.readouterr().out


def test_doctor_reports_a_failed_check(capsys, monkeypatch):
    def broken(*args, **kwargs):
        raise ValueError("no such\nthing")

    monkeypatch.setattr("alvh.simulation.paths", broken)
    assert main(["doctor"]) == 1
    captured = capsys.readouterr()
    assert "failed, ValueError: no such thing" in captured.out
    assert "DOC001 doctor checks: got same bits failed" in captured.err


def test_bench_times_the_usual_work(capsys):
    assert main(["bench", "--rounds", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["seconds"]) == 3
    assert all(seconds > 0.0 for seconds in found["seconds"].values())
    assert main(["bench", "--rounds", "1"]) == 0
    assert "medians of 1 rounds" in capsys.readouterr().out


JOB = """
[books]
names = ["unhedged", "static"]
[run]
seed = 5
replicates = 40
[output]
folder = "run"
"""


def test_a_job_gives_the_same_bytes_again(folder, capsys):
    (folder / "job.toml").write_text(JOB)
    runs = []
    for _ in range(2):
        assert main(["study", "--job", "job.toml"]) == 0
        runs.append({file.name: file.read_bytes() for file in (folder / "run").iterdir()})
    assert runs[0] == runs[1]
    assert set(runs[0]) == {"alvh-study.json", "alvh-study.png", "manifest.json"}
    manifest = json.loads(runs[0]["manifest.json"])
    assert manifest["run"]["seed"] == 5
    for name, digest in manifest["sha256"].items():
        assert hashlib.sha256(runs[0][name]).hexdigest() == digest
    capsys.readouterr()
    # What stands beside the job wins.
    assert main(["study", "--job", "job.toml", "--seed", "6"]) == 0
    assert json.loads((folder / "run" / "manifest.json").read_text())["run"]["seed"] == 6


def test_flags_of_a_job(folder):
    (folder / "sub").mkdir()
    path = folder / "sub" / "job.toml"
    path.write_text('[market]\nspx = "a.csv"\nrates_unit = "percent"\n[run]\nmin_sessions = 9\n')
    assert flags_of(str(path)) == [
        f"--spx={folder / 'sub' / 'a.csv'}",
        "--rates-unit=percent",
        "--min-sessions=9",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[run", "JOB001 job.toml text: got "),
        ("\xff", "JOB001 job.toml text: got "),
        ("[runs]\nseed = 1", "JOB002 job.toml runs: got an unknown table, expected tables of market, books"),
        ("seed = 1", "JOB002 job.toml seed: got an unknown table"),
        ("[run]\nseeds = 1", "JOB002 job.toml run.seeds: got an unknown field, expected one of seed"),
        ("[run]\nseed = true", "JOB003 job.toml run.seed: got True, expected a whole number"),
        ("[run]\nseed = 1.5", "JOB003 job.toml run.seed: got 1.5, expected a whole number"),
        ("[market]\nspx = 3", "JOB003 job.toml market.spx: got 3, expected text"),
        ('[books]\nnames = ["a,b"]', "JOB003 job.toml books.names: got"),
        ("[books]\nnames = []", "JOB003 job.toml books.names: got []"),
    ],
)
def test_a_wrong_job_is_named_in_one_line(folder, capsys, text, message):
    (folder / "job.toml").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError):
        flags_of("job.toml")
    assert main(["study", "--job", "job.toml"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
