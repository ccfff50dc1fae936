"""Broken files of feeds: cut at every byte, mutated by the thousand, packed files cut and mutated.

Every outcome is a tape or one line of an AlvhError that is no InternalError.
"""

from __future__ import annotations

import collections
import gzip
import os
import re
import zipfile

import alvh
import numpy as np
import pytest
from alvh import _core
from alvh.errors import AlvhError, DecodeError, InternalError, LimitError, SchemaError, TruncatedError
from conftest import SHARED_DATA

SHAPE = re.compile(r"^[A-Z]{3}\d{3} \S.* got .*, expected .*$")
MUTATIONS = 10_000
CUT = 20_000

LOBSTER_MESSAGES = (
    b"".join(
        b"36000.%09d,%d,%d,%d,%d,%d\n"
        % (i * 7_000_001, 1 + i % 5, 100 + i, 1 + i % 9, 100_000 + 100 * (i % 3), 1 - 2 * (i % 2))
        for i in range(12)
    )
    + b"36001.1,6,-1,5,100000,-1\n36001.2,7,0,0,-1,-1\n36001.3,7,0,0,0,-1\n36001.4,7,0,0,1,-1\n"
)
LOBSTER_BOOK = b"100300,5,99900,7,100400,1,99800,2\n100300,5,99900,7,9999999999,0,-9999999999,0\n" * 8
BINANCE = (
    b"".join(
        b'17231612560%02d000000 {"stream":"x@depth","data":{"e":"depthUpdate","E":1723161256001,"s":"X","U":%d,"u":%d,'
        b'"b":[["10.%d","1.5"],["9.5","0"]],"a":[["11.%d","2"]]}}\n'
        b'17231612560%02d000001 {"data":{"u":%d,"s":"X","b":"10.%d","B":"3","a":"11.0","A":"1"}}\n'
        b'17231612560%02d000002 {"data":{"e":"trade","E":1723161256001,"s":"X","p":"10.5","q":"0.1",'
        b'"T":1723161256001,"m":%s}}\n'
        % (i, 10 * i, 10 * i + 9, i, i, i, 10 * i + 9 + i % 2, i, i, b"true" if i % 2 else b"false")
        for i in range(6)
    )
    + b'1723161256010000000 {"lastUpdateId":35,"bids":[["10.1","1"],["9.9","2"]],"asks":[["11.2","1"]]}\n'
)
TAQ_QUOTES = b"".join(
    b"%d,%d,5,0,0,N,1,0\n%d,0,0,%d,7,P,1,0\n"
    % (34_199_000 + 400 * i, 100_000 - 100 * (i % 3), 34_199_000 + 400 * i, 100_100 + 100 * (i % 2))
    for i in range(12)
)
TAQ_TRADES = b"".join(
    b"%d,%d,%d,D,%s,%d\n"
    % (
        34_199_100 + 350 * i,
        100_000 + 50 * (i % 3),
        1 + i,
        (b"1", b"20000020", b"80", b"100000")[i % 4],
        i % 7 == 6,
    )
    for i in range(12)
)


def lobster(messages, book=LOBSTER_BOOK):
    reader = _core.FeedReader.lobster(
        ("m.csv", "b.csv"), 1_340_251_200_000_000_000, True, None, "raise", "flag"
    )
    return filled(reader, messages, book)


def binance(lines):
    return filled(_core.FeedReader.binance("b.gz", None, False, 1_000_000, None, None, "raise"), lines)


def taq(trades, quotes=TAQ_QUOTES):
    midnight, session = 1_381_118_400_000_000_000, (34_200 * 10**9, 57_600 * 10**9)
    reader = _core.FeedReader.taq(
        ("q.csv", "t.csv"), midnight, False, session, False, None, "raise", "drop", "flag"
    )
    return filled(reader, trades, quotes)


def filled(reader, *parts):
    for part, data in enumerate(parts):
        half = len(data) // 2
        reader.push(part, data[:half])
        reader.push(part, data[half:])
    return alvh.Tape(reader.finish(""))


CASES = {
    "lobster messages": (lobster, LOBSTER_MESSAGES),
    "lobster book": (lambda book: lobster(LOBSTER_MESSAGES, book), LOBSTER_BOOK),
    "binance": (binance, BINANCE),
    "taq trades": (taq, TAQ_TRADES),
    "taq quotes": (lambda quotes: taq(TAQ_TRADES, quotes), TAQ_QUOTES),
}


def outcome(read, *data):
    """Class of the error, or the tape."""
    try:
        tape = read(*data)
    except AlvhError as error:
        found = error
    else:
        sound(tape)
        return tape
    assert SHAPE.match(str(found)), repr(str(found))
    assert len(str(found)) < 400
    assert not isinstance(found, InternalError)
    return type(found)


def sound(tape):
    """What every tape keeps: times in order, letters, sizes, sorted levels."""
    arrays = tape.to_arrays()
    assert tape.n_events > 0
    assert (np.diff(arrays["ts"]) >= 0).all()
    assert set(bytes(arrays["action"])) <= set(b"ACMTFRNHOX")
    assert set(bytes(arrays["side"])) <= set(b"BAN")
    assert (arrays["size"] >= 0).all()
    assert (arrays["price"] > 0).all()
    if tape.n_levels > 1:
        assert (np.diff(arrays["bid_size"] > 0, axis=1).sum(axis=1) <= 1).all()


@pytest.mark.parametrize("name", CASES)
def test_cut_at_every_byte(name):
    read, data = CASES[name]
    whole = read(data)
    sound(whole)
    seen = collections.Counter()
    for end in range(len(data)):
        found = outcome(read, data[:end])
        seen[found if isinstance(found, type) else "tape"] += 1
    if name.startswith("lobster"):
        # Rows of both files are counted: only a cut within the last number of the last row can pass.
        assert seen["tape"] <= 2
    else:
        assert seen["tape"] < len(data)
    assert sum(seen.values()) == len(data)


TOKENS = [
    b"",
    b" ",
    b"-",
    b"-1",
    b"0",
    b"nan",
    b"inf",
    b"1e9",
    b"0x1",
    b"99999999999999999999",
    b"9" * 400,
    b"\x00",
    b"\xff",
]
TOKENS += [
    b",",
    b",,,",
    b"\n",
    b"\r",
    b"\r\n",
    b'"',
    b"'",
    b"[",
    b"]",
    b"{",
    b"}",
    b":",
    b"null",
    b"true",
    b'"1"',
    b"\xef\xbb\xbf",
]
TOKENS += [
    b"9223372036854775807",
    b"-9223372036854775808",
    b"4294967296",
    b".",
    b"1.",
    b".5",
    b"1.123456789012345678901",
    b"[[[[[[[",
]


def mutated(data, rng):
    """One to three random edits of bytes, fields and lines."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        at, kind = int(rng.integers(0, len(data) or 1)), int(rng.integers(0, 7))
        token = TOKENS[int(rng.integers(0, len(TOKENS)))]
        lines = data.split(b"\n")
        i, j = (int(k) for k in rng.integers(0, len(lines), 2))
        if kind == 0 and data:
            data[at] = int(rng.integers(0, 256))
        elif kind == 1:
            data[at:at] = token
        elif kind == 2:
            data[at : at + int(rng.integers(1, 9))] = token
        elif kind == 3:
            lines[i], lines[j] = lines[j], lines[i]
            data = bytearray(b"\n".join(lines))
        elif kind == 4:
            lines.insert(i, lines[j])
            data = bytearray(b"\n".join(lines))
        elif kind == 5:
            del lines[i]
            data = bytearray(b"\n".join(lines))
        else:
            fields = re.split(rb"(?<=[,:])", bytes(lines[i]))
            fields[int(rng.integers(0, len(fields)))] = token + b","
            lines[i] = bytearray(b"".join(fields))
            data = bytearray(b"\n".join(lines))
    return bytes(data)


@pytest.mark.parametrize(
    ("format", "names"),
    [
        ("lobster", CASES.keys() & {"lobster messages", "lobster book"}),
        ("binance", {"binance"}),
        ("taq", {"taq trades", "taq quotes"}),
    ],
)
def test_mutations_raise_one_line_or_read_well(format, names):
    rng = np.random.default_rng(20_121_007)
    seen = collections.Counter()
    for name in sorted(names):
        read, data = CASES[name]
        for _ in range(MUTATIONS // len(names)):
            found = outcome(read, mutated(data, rng))
            seen[found.__name__ if isinstance(found, type) else "tape"] += 1
    print(format, dict(seen))
    assert sum(seen.values()) == MUTATIONS
    # The edits are neither all harmless nor all fatal.
    assert seen["tape"] > MUTATIONS // 50
    assert seen["DecodeError"] > MUTATIONS // 50


SAMPLES = SHARED_DATA / "books"


@pytest.mark.needs_shared_data
def test_samples_cut_at_every_byte():
    message, book = sorted((SAMPLES / "lobster").glob("*.csv"))
    spot = gzip.decompress((SAMPLES / "binance/spot_btcusdt_20240808.gz").read_bytes())
    tables = []
    for name in ("trade", "quote"):
        with zipfile.ZipFile(SAMPLES / f"taq/equity__usa__tick__bac__20131007_{name}.zip") as archive:
            tables.append(archive.read(archive.namelist()[0]))
    trades, quotes = tables
    cases = {
        "lobster": (lambda data: lobster(data, book.read_bytes()), message.read_bytes()),
        "binance": (binance, spot),
        "taq": (lambda data: taq(trades[: 1 << 12], data), quotes),
    }
    for name, (read, data) in cases.items():
        # Every byte of the first lines, and of the last of the first 20 kB.
        ends = [*range(3_000), *range(CUT - 1_000, CUT)] if name == "taq" else range(0, CUT)
        if name == "lobster":
            ends = range(0, CUT, 7)
        found = [outcome(read, data[:end]) for end in ends]
        assert all(isinstance(one, type) for one in found) or name != "lobster"


@pytest.fixture(params=["gz", "zip"])
def pack(request, tmp_path):
    path = tmp_path / f"x.{request.param}"
    if request.param == "gz":
        path.write_bytes(gzip.compress(BINANCE * 1, mtime=0))
    else:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x", BINANCE)
    return path


def test_packed_files_cut_at_every_byte_never_read(pack):
    assert alvh.read_binance(pack).n_events > 20
    for end in range(pack.stat().st_size - 1, -1, -1):
        os.truncate(pack, end)
        found = outcome(alvh.read_binance, pack)
        assert found in (TruncatedError, DecodeError, SchemaError, LimitError), (end, found)


def test_packed_files_mutated(pack):
    data, rng = pack.read_bytes(), np.random.default_rng(7)
    whole = alvh.read_binance(pack)
    seen = collections.Counter()
    for _ in range(1_000):
        broken = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            broken[int(rng.integers(0, len(data)))] = int(rng.integers(0, 256))
        pack.write_bytes(broken)
        found = outcome(alvh.read_binance, pack)
        seen[found.__name__ if isinstance(found, type) else "tape"] += 1
        # Packed bytes carry a checksum: what is read is what was written.
        assert isinstance(found, type) or found == whole
    assert seen["DecodeError"] > 100
