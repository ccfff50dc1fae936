"""Whatever stands in a DBN file, reading it gives what the vendor's decoder gives or one of our one-line errors."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path

import alvh
import pytest
import zstandard
from alvh import _core
from alvh.errors import AlvhError, DataError, DecodeError, LimitError, TruncatedError

sys.path.insert(0, str(Path(__file__).parents[1] / "reference"))
sys.path.insert(0, str(Path(__file__).parents[1]))
import dbn_files as made
from conftest import SHARED_DATA
from dbn_vendor import Vendor
from test_dbn import expected_rows, is_used, rows_of_tape

SAMPLES = sorted((SHARED_DATA / "books").glob("dbn*/*")) if SHARED_DATA.is_dir() else []
# Files beyond this are cut at some bytes only.
LARGEST = 3_000
OURS = {
    f"{schema}.v{version}{'.ts_out' * ts_out}": made.file(schema, 6, version, ts_out=ts_out)
    for schema in made.SCHEMAS
    for version, ts_out in ((1, False), (2, True), (3, False))
}


@pytest.fixture(scope="module")
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.close()


def check_message(error: AlvhError) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 400


def frames_of(packed: bytes) -> list[bytes]:
    """Compressed frames of a file."""
    frames = []
    while packed:
        unpack = zstandard.ZstdDecompressor().decompressobj()
        unpack.decompress(packed)
        length = len(packed) - len(unpack.unused_data)
        frames.append(packed[:length])
        packed = packed[length:]
    return frames


def check_cuts(
    data: bytes, cuts: Iterable[int] | None = None, instrument_id: int | None = None
) -> Counter[str]:
    """Cut a file at every byte; say how often each kind of answer came."""
    rows = rows_of_tape(alvh.read_dbn(data, tick_size=0.25, instrument_id=instrument_id))
    frames = [] if data.startswith(b"DBN") else frames_of(data)
    ends = set(accumulate(map(len, frames)))
    found: Counter[str] = Counter()
    for cut in cuts if cuts is not None else range(len(data)):
        decoded = data[:cut]
        if frames:
            unpack = zstandard.ZstdDecompressor().stream_reader(data[:cut], read_across_frames=True)
            decoded = unpack.read() if cut in ends else b""
        begin = 8 + struct.unpack_from("<I", decoded, 4)[0] if len(decoded) >= 8 else 1 << 40
        try:
            tape = alvh.read_dbn(data[:cut], tick_size=0.25, instrument_id=instrument_id)
        except AlvhError as error:
            check_message(error)
            found[error.code] += 1
            # The metadata alone are a file without records; everything else was cut.
            is_empty = error.code == "DBN035" and len(decoded) == begin
            if not (is_empty or isinstance(error, TruncatedError)):
                pytest.fail(f"cut at {cut}: {error}")
            continue
        # Only between two records, and never inside a frame, does a file end well: there is no mark of its end.
        stride = 4 * decoded[begin]
        assert len(decoded) > begin
        assert (len(decoded) - begin) % stride == 0
        assert rows_of_tape(tape) == rows[: len(tape)]
        assert instrument_id or len(tape) == (len(decoded) - begin) // stride
        found["whole"] += 1
    return found


@pytest.mark.parametrize("name", OURS)
def test_every_cut_of_our_files(name: str) -> None:
    found = check_cuts(OURS[name])
    assert found["whole"] == 5
    assert found["DBN035"] == 1
    assert found["DBN005"] + found["DBN006"] == len(OURS[name]) - 6
    packed = zstandard.compress(OURS[name])
    assert check_cuts(packed) == {"DBN005": 4, "DBN007": len(packed) - 4}


def test_every_cut_of_several_frames() -> None:
    data = made.file("mbp-1", 30)
    begin = len(data) - 30 * 80
    pieces = [
        data[:begin],
        data[begin : begin + 800],
        data[begin + 800 : begin + 1_000],
        data[begin + 1_000 :],
    ]
    found = check_cuts(b"".join(map(zstandard.compress, pieces)))
    assert (found["DBN035"], found["whole"], found["DBN006"]) == (1, 1, 1)
    assert set(found) == {"DBN005", "DBN006", "DBN007", "DBN035", "whole"}


@pytest.mark.needs_shared_data
@pytest.mark.parametrize("path", [p for p in SAMPLES if is_used(p)], ids=lambda path: path.name[-40:])
def test_every_cut_of_the_samples(path: Path) -> None:
    data = path.read_bytes()
    cuts: Iterable[int] = range(len(data))
    if len(data) > LARGEST:
        rng = random.Random(len(data))
        cuts = [*range(400), *range(len(data) - 400, len(data)), *rng.sample(range(len(data)), 200)]
    instrument = 294973 if "settlement" in path.name else None
    found = check_cuts(data, cuts, instrument)
    assert sum(found.values()) == len(cuts)
    whole = 10 if path.suffix == ".dbn" else len(frames_of(data)) - 1
    assert found["DBN035"] + found["whole"] <= whole


def mutate(raw: bytes, rng: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(9):
            case 0 | 1 | 2:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 3:
                data[at : at + 1] = bytes([data[at % len(data)] ^ (1 << rng.randrange(8))])
            case 4:
                data[at : at + 8] = rng.choice(
                    (b"\xff" * 8, bytes(8), b"\xff" * 7 + b"\x7f", struct.pack("<Q", 1 << 63))
                )
            case 5:
                del data[at : at + rng.randint(1, 40)]
            case 6:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 8)))
            case 7:
                other = rng.randrange(len(data))
                data[at:at] = data[other : other + rng.randint(1, 400)]
            case _:
                # Only the beginning, where lengths and counts are.
                data[at % 160] = rng.choice((0, 1, 2, 3, 127, 128, 255))
        if not data:
            data = bytearray(raw[:1])
    return bytes(data)


def check_mutations(files: list[bytes], seed: int, turns: int, vendor: Vendor) -> Counter[str]:
    """Ours is an error, or the vendor's records; say how often each kind of answer came."""
    rng = random.Random(seed)
    found: Counter[str] = Counter()
    for _ in range(turns):
        data = mutate(rng.choice(files), rng)
        try:
            tape = alvh.read_dbn(data, tick_size=1e-9)
            ours = rows_of_tape(tape, 1)
        except AlvhError as error:
            check_message(error)
            found[type(error).__name__] += 1
            continue
        rows = vendor.rows(data)
        found["same"] += 1
        assert isinstance(rows, list), (rows, data)
        assert ours == expected_rows(rows, tape), data
    return found


def test_mutated_files(vendor: Vendor) -> None:
    found = check_mutations(list(OURS.values()), 1, 10_000, vendor)
    assert found["same"] > 1_000
    assert found["DecodeError"] > 1_000
    assert found["TruncatedError"] > 100


def test_mutated_compressed_files(vendor: Vendor) -> None:
    # Without a checksum, so that broken frames are seen by the framing too.
    pack = zstandard.ZstdCompressor(level=1, write_checksum=False).compress
    files = [pack(data) for data in OURS.values()]
    files += [pack(data[:500]) + pack(data[500:]) for data in OURS.values()]
    found = check_mutations(files, 2, 10_000, vendor)
    assert found["same"] > 200
    assert found["DecodeError"] > 2_000


@pytest.mark.needs_shared_data
def test_mutated_samples(vendor: Vendor) -> None:
    paths = [path for path in SAMPLES if is_used(path) and path.stat().st_size < LARGEST]
    found = check_mutations([path.read_bytes() for path in paths], 3, 10_000, vendor)
    assert found["same"] > 200


def test_wrong_magic_and_version() -> None:
    good = made.file()
    for head in (b"DBX", b"dbn", b"\0\0\0", b"PK\x03", b"\x1f\x8b\x08", b"MZ\x90"):
        with pytest.raises(DecodeError, match=r"^DBN001 bytes:byte 0 magic: got 0x"):
            alvh.read_dbn(head + good[3:])
    for version in (0, 4, 5, 255):
        with pytest.raises(DecodeError, match=rf"^DBN008 bytes:byte 3 version: got {version}, expected 1, 2"):
            alvh.read_dbn(good[:3] + bytes([version]) + good[4:])
    for empty in (b"", zstandard.compress(b"")):
        with pytest.raises(TruncatedError, match=r"^DBN005 bytes "):
            alvh.read_dbn(empty)


def test_wrong_lengths() -> None:
    head, one = made.metadata(), made.record()
    two = head + one + made.record(i=1)
    at = len(head) + len(one)
    with pytest.raises(DecodeError) as caught:
        alvh.read_dbn(two[:at] + bytes([10]) + two[at + 1 :])
    expected = f"DBN003 bytes:record 1 @ byte {at} length: got 40 (rtype 0xa0), expected 56"
    assert str(caught.value) == expected
    assert caught.value.position == f"record 1 @ byte {at}"
    for words in (0, 1, 13, 15, 16, 255):
        with pytest.raises(DataError, match=r"^DBN00[36] "):
            alvh.read_dbn(two[:at] + bytes([words]) + two[at + 1 :])
    # Lengths of the metadata that do not fit what is there.
    length = struct.unpack_from("<I", head, 4)[0]
    for claim, code in (
        (0, "DBN009"),
        (length - 90, "DBN009"),
        (length + 2**20, "DBN005"),
        (2**32 - 1, "DBN014"),
    ):
        with pytest.raises(AlvhError, match=f"^{code} "):
            alvh.read_dbn(head[:4] + struct.pack("<I", claim) + two[8:])
    # Garbage, or another file, behind the last record.
    with pytest.raises(
        DecodeError, match=r"^DBN004 bytes:record 2 @ byte \d+ rtype: got 0x42, .* second file"
    ):
        alvh.read_dbn(two + two)
    for rest in (b"\0", bytes(15)):
        with pytest.raises(
            TruncatedError, match=r"^DBN006 bytes:record 2 @ byte \d+ record: got \d+ bytes bef"
        ):
            alvh.read_dbn(two + rest)
    with pytest.raises(DecodeError, match=r"^DBN003 bytes:record 2 @ byte \d+ length: got 0 \(rtype 0x00\)"):
        alvh.read_dbn(two + bytes(16))
    with pytest.raises(DecodeError, match=r"^DBN012 bytes:compressed byte \d+ zstd: got Unknown frame desc"):
        alvh.read_dbn(zstandard.compress(two) + b"garbage")


def test_wrong_fields() -> None:
    head = made.metadata()
    with pytest.raises(DecodeError, match=r"^DBN022 bytes:record 0 @ byte \d+ action: got 'X', expected one"):
        alvh.read_dbn(head + made.record(action=b"X"))
    with pytest.raises(
        DecodeError, match=r"^DBN029 bytes:record 0 @ byte \d+ side: got '\\n', expected A, B"
    ):
        alvh.read_dbn(head + made.record(side=b"\n"))
    with pytest.raises(DataError, match=r"^DBN019 bytes:record 0 @ byte \d+ ts_recv: got none, expected ns"):
        alvh.read_dbn(head + made.record(ts_recv=made.NO_TIME, ts_event=0))
    with pytest.raises(DataError, match=r"^DBN035 bytes records: got none, expected records of type 0xa0"):
        alvh.read_dbn(head)
    # What a symbol holds must not break the line.
    with pytest.raises(DataError) as caught:
        alvh.read_dbn(made.metadata(symbols=(("A\nB", 1),)) + made.record(), symbol="A\nC")
    check_message(caught.value)


def test_bombs(tmp_path: Path) -> None:
    # Records and metadata of zeros without end: the first of them is refused before the next are unpacked.
    zeros = pack_turns(made.metadata(), bytes(1 << 20), 256)
    assert len(zeros) < 50_000
    with pytest.raises(DecodeError, match=r"^DBN003 "):
        alvh.read_dbn(zeros)
    huge = pack_turns(b"DBN\x03" + struct.pack("<I", 256 << 20), bytes(1 << 20), 256)
    with pytest.raises(
        LimitError, match=r"^DBN014 bytes:byte 4 metadata length: got 268435456, expected at m"
    ):
        alvh.read_dbn(huge)
    # A frame that says it holds 2^62 bytes is not believed, and one with a window of a gigabyte is not opened.
    claim = b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 62) + b"\x01\x00\x00"
    with pytest.raises(LimitError, match=r"^DBN013 bytes:compressed byte 0 zstd window: got Frame requires "):
        alvh.read_dbn(claim)
    window = b"\x28\xb5\x2f\xfd\x00" + bytes([20 << 3]) + b"\x01\x00\x00"
    with pytest.raises(LimitError, match=r"^DBN013 "):
        alvh.read_dbn(window)
    # Records without end are read without being kept.
    one = b"".join(made.record("mbp-10", i) for i in range(1_000))
    many = tmp_path / "many.dbn.zst"
    many.write_bytes(pack_turns(made.metadata(schema="mbp-10"), one, 1_000))
    assert many.stat().st_size < 1 << 20
    tape = alvh.read_dbn(many)
    assert len(tape) == 1_000_000
    assert not _core.dbn_about(tape._core)[3]


MEMORY = """
import re, sys
from pathlib import Path
import alvh
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10
before = peak()
print(len(alvh.read_dbn(sys.argv[1])), peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the peak of the memory from /proc")
@pytest.mark.parametrize("packed", [False, True])
def test_memory_does_not_grow_with_the_file(packed: bool, tmp_path: Path) -> None:
    one = b"".join(made.record("mbp-10", i) for i in range(1_000))
    grown = []
    for turns in (300, 900):
        path = tmp_path / "a.dbn"
        if packed:
            path.write_bytes(pack_turns(made.metadata(schema="mbp-10"), one, turns))
        else:
            path.write_bytes(made.metadata(schema="mbp-10") + one * turns)
        command = [sys.executable, "-c", MEMORY, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        n, megabytes = map(int, done.stdout.split())
        assert n == 1_000 * turns
        grown.append(megabytes)
    # Both files are beyond what is kept; what was kept until then, and the buffers, are what is seen.
    assert max(grown) < 120
    assert abs(grown[1] - grown[0]) < 20


def pack_turns(head: bytes, part: bytes, turns: int) -> bytes:
    """Compress a head and the same part many times, never holding them all."""
    pack = zstandard.ZstdCompressor(level=1).compressobj()
    return pack.compress(head) + b"".join(pack.compress(part) for _ in range(turns)) + pack.flush()
