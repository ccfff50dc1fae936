"""The decision log: written, verified, and every way of tampering found."""

from __future__ import annotations

import hashlib
import json
import pickle
import sys
from pathlib import Path

import alvh
import numpy as np
import pandas as pd
import pytest
from alvh import _canonical
from alvh.decisions import Anchor, Decisions, verify_log
from alvh.errors import ConfigError, GovernanceError
from alvh.study import Study
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_result import raw_result

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import generated


@pytest.fixture(scope="module")
def study():
    return alvh.backtest(alvh.books.named("unhedged", "static"), generated.history(3, 300), replicates=0)


@pytest.fixture(scope="module")
def log(study, tmp_path_factory):
    path = tmp_path_factory.mktemp("log") / "decisions.jsonl"
    anchor = study.decisions().write(path)
    return path.read_bytes(), anchor


def written(folder: Path, data: bytes) -> Path:
    path = folder / "log.jsonl"
    path.write_bytes(data)
    return path


def test_the_log_holds_every_decision(study, log):
    data, anchor = log
    lines = [json.loads(line) for line in data.splitlines()]
    frame = study.decisions()
    assert len(lines) == len(frame) == anchor.length > 20
    assert [line["rule"] for line in lines] == frame["rule"].tolist()
    assert [line["time"][:10] for line in lines] == [f"{day:%Y-%m-%d}" for day in frame["day"]]
    assert [line["after"] for line in lines] == frame["after"].tolist()
    assert [line["inputs"] for line in lines] == [json.loads(text) for text in frame["inputs"]]
    assert lines[-1]["hash"] == anchor.head
    # One policy for each book: that of its configuration.
    assert len({(line["book"], line["policy"]) for line in lines}) == 2


def test_the_chain_by_hand(log):
    """What docs/governance.md says, without the library."""
    data, anchor = log
    domain = b"alvh decision log 1\n"
    before = hashlib.sha256(domain).hexdigest()
    for line in data.splitlines():
        entry = json.loads(line)
        digest = entry.pop("hash")
        assert entry["prev"] == before
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        before = hashlib.sha256(domain + text.encode()).hexdigest()
        assert digest == before
    assert before == anchor.head


def test_a_log_that_is_in_order_verifies(log, tmp_path):
    data, anchor = log
    path = written(tmp_path, data)
    assert alvh.verify_log(path) == anchor
    assert alvh.verify_log(path, anchor) == anchor
    assert alvh.verify_log(path, str(anchor)) == anchor
    assert Anchor.parse(f"{anchor}\n") == anchor
    empty = verify_log(written(tmp_path, b""))
    assert empty.length == 0
    # An anchor of an earlier time: the log may have grown since.
    assert verify_log(written(tmp_path, data), empty) == anchor


def test_a_log_goes_on_and_is_not_written_over(study, log, tmp_path):
    path = tmp_path / "log.jsonl"
    first = study.decisions().write(path)
    with pytest.raises(ConfigError, match=r"^LOG002 "):
        study.decisions().write(path)
    second = study.decisions().write(path, append=True)
    assert second.length == 2 * first.length
    assert verify_log(path, first) == second
    assert path.read_bytes().startswith(log[0])
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(GovernanceError, match=r"^LOG004 "):
        study.decisions().write(path, append=True)


def refused(folder: Path, data: bytes, anchor: Anchor | None = None) -> GovernanceError:
    with pytest.raises(GovernanceError) as caught:
        verify_log(written(folder, data), anchor)
    assert len(str(caught.value).splitlines()) == 1
    return caught.value


def test_deleted_inserted_and_moved_lines_are_found_at_their_line(log, tmp_path):
    lines = log[0].splitlines(keepends=True)
    n = len(lines)
    for place in (0, 1, n // 2, n - 2):
        error = refused(tmp_path, b"".join(lines[:place] + lines[place + 1 :]))
        assert (error.code, error.position) == ("LOG008", f"line {place + 1}")
        error = refused(tmp_path, b"".join([*lines[:place], lines[place], *lines[place:]]))
        assert (error.code, error.position) == ("LOG008", f"line {place + 2}")
        swapped = [*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]
        assert refused(tmp_path, b"".join(swapped)).position == f"line {place + 1}"


def chained(entries: list[dict]) -> bytes:
    """A chain as somebody would write it who may write the file."""
    before, out = hashlib.sha256(b"alvh decision log 1\n").hexdigest(), []
    for number, entry in enumerate(entries, 1):
        entry = {key: value for key, value in entry.items() if key != "hash"} | {"n": number, "prev": before}
        before = hashlib.sha256(b"alvh decision log 1\n" + _canonical.encode(entry)).hexdigest()
        out.append(_canonical.encode({**entry, "hash": before}) + b"\n")
    return b"".join(out)


def test_only_the_anchor_finds_a_cut_tail_and_a_chain_written_anew(log, tmp_path):
    data, anchor = log
    lines = data.splitlines(keepends=True)
    cut = b"".join(lines[:-3])
    assert verify_log(written(tmp_path, cut)).length == anchor.length - 3
    assert refused(tmp_path, cut, anchor).code == "LOG011"
    assert refused(tmp_path, b"", anchor).code == "LOG011"
    entries = [json.loads(line) for line in lines]
    assert chained(entries) == data
    entries[4]["after"] = 99.0
    forged = chained(entries)
    assert verify_log(written(tmp_path, forged)).length == anchor.length
    assert refused(tmp_path, forged, anchor).code == "LOG010"
    # Longer than the anchor saw, and another log before it.
    assert refused(tmp_path, chained([*entries, entries[0]]), anchor).code == "LOG010"
    with pytest.raises(GovernanceError, match=r"^LOG001 "):
        verify_log(written(tmp_path, data), "12")


def test_one_line_written_anew_breaks_the_chain_behind_it(log, tmp_path):
    lines = log[0].splitlines(keepends=True)
    entry = json.loads(lines[4]) | {"after": 99.0}
    del entry["hash"]
    digest = hashlib.sha256(b"alvh decision log 1\n" + _canonical.encode(entry)).hexdigest()
    lines[4] = _canonical.encode({**entry, "hash": digest}) + b"\n"
    error = refused(tmp_path, b"".join(lines))
    assert (error.code, error.position) == ("LOG009", "line 6")


def test_fields_of_another_kind_are_refused_even_in_a_good_chain(log, tmp_path):
    entries = [json.loads(line) for line in log[0].splitlines()[:3]]
    for field, value in (
        ("time", "yesterday"),
        ("policy", "00"),
        ("inputs", []),
        ("after", "4"),
        ("rule", 1),
    ):
        bad = [*entries[:1], {**entries[1], field: value}, entries[2]]
        error = refused(tmp_path, chained(bad))
        assert (error.code, error.field, error.position) == ("LOG007", field, "line 2")
    assert refused(tmp_path, chained([{**entries[0], "more": 1}])).code == "LOG006"
    assert refused(tmp_path, b"[1]\n").code == "LOG006"
    assert refused(tmp_path, b"x" * (1 << 21)).code == "LOG003"


def test_every_flipped_byte_is_found(log, tmp_path):
    """1,500 flips over the file, each by another bit pattern."""
    data, _ = log
    rng = np.random.default_rng(5)
    for place in rng.integers(0, len(data), 1_500):
        bad = bytearray(data)
        bad[place] ^= int(rng.integers(1, 256))
        refused(tmp_path, bytes(bad))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_edit_of_bytes_is_found_with_the_anchor(log, tmp_path_factory, data):
    original, anchor = log
    at = data.draw(st.integers(0, len(original)))
    removed = data.draw(st.integers(0, 400))
    put = data.draw(st.binary(max_size=60))
    bad = original[:at] + put + original[at + removed :]
    # What is added behind a whole log is no harm to the anchor, but no line either.
    if bad != original:
        refused(tmp_path_factory.mktemp("log"), bad, anchor)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_garbage_is_refused(tmp_path_factory, data):
    if data:
        refused(tmp_path_factory.mktemp("log"), data + b"\n")


def test_decisions_are_a_frame(study, tmp_path):
    decisions = study.decisions()
    assert isinstance(decisions, pd.DataFrame)
    assert isinstance(decisions, Decisions)
    # A selection has no chain.
    chosen = decisions[decisions["rule"] == "layer.roll"]
    assert type(chosen) is pd.DataFrame
    assert not hasattr(chosen, "write")
    assert type(decisions.to_frame()) is pd.DataFrame
    assert pickle.loads(pickle.dumps(decisions)).write(tmp_path / "a") == decisions.write(tmp_path / "b")


def test_numbers_that_json_cannot_say_are_null(tmp_path):
    raw = raw_result(20)
    raw["decisions"] |= {"after": np.array([np.nan]), "inputs": ['{"vix": NaN, "list": [-0.0]}']}
    Study(raw, replicates=0).decisions().write(tmp_path / "log")
    line = json.loads((tmp_path / "log").read_bytes())
    assert (line["after"], line["inputs"]) == (None, {"vix": None, "list": [0.0]})
    assert verify_log(tmp_path / "log").length == 1
