"""Whatever stands in a file, loading it either works or raises one of our one-line errors."""

import random
from pathlib import Path

import alvh
import numpy as np
import pytest
from alvh.errors import AlvhError
from alvh.history import History

DAYS = alvh.calendar.sessions("2012-01-03", "2012-03-02")
SPX = "\n".join(
    ["Date,Open,High,Low,Close,Adj Close,Volume"]
    + [f"{d},{1300 + i},{1310 + i},{1290 + i},{1305 + i},{1305 + i},1000" for i, d in enumerate(DAYS)]
)
SPY = "\n".join(["time,open,close"] + [f"{d} 00:00,{1300000 + i},{1305000 + i}" for i, d in enumerate(DAYS)])
VIX = "\n".join(
    ["DATE,OPEN,HIGH,LOW,CLOSE"]
    + [f"{d.astype(object):%m/%d/%Y},{20 + i % 5},{23 + i % 5},{18},{21 + i % 4}" for i, d in enumerate(DAYS)]
)
VX = "\n".join(
    ["A disclaimer.", "Trade Date,Futures,Open,High,Low,Close,Settle,Change,Total Volume,EFP,Open Interest"]
    + [f"{d.astype(object):%m/%d/%Y},J (Apr 12),9,9,9,9,{20 + i % 3},0,1,0,1" for i, d in enumerate(DAYS)]
)
RATES = "\n".join(["Date,Value"] + [f"{d},0.0{i % 9}" for i, d in enumerate(DAYS[::-1])])
BARS = "\n".join(["time,spot,vix,vx1"] + [f"{d} 10:00:00-05:00,1300,20,21" for d in DAYS])
FILES = {
    "spx": SPX,
    "vix": VIX,
    "vx": VX,
    "rates": RATES,
    "bars": BARS,
    "vvix": VIX,
    "spy": SPY,
}
PIECES = (
    b"", b"0", b"-1", b"nan", b"inf", b"-inf",
    b"1e999", b"1e-320", b"1_0", b",", b"\n", b"\r", b'"', b"\0", b"\xff",
    b"\xef\xbb\xbf", b"2012-13-45", b"99/99/9999", b"0000-00-00", b"9999-12-31",
    b"0001-01-01", b"Date", b"CLOSE",
    b"1,000.5", b"01/02/2012", b"2012-01-03T09:30", b"2012-01-03 25:61",
    b"+99:99", b" ", b"(Zzz 99)", b"F (Jan 05)",
    b"\xd9\xa3", b"Ticker", b"Price,Close\nTicker,^X\n", b"\n" * 7, b"9" * 400,
)  # fmt: skip


def check_message(error: AlvhError) -> None:
    assert "\n" not in str(error)
    assert len(str(error)) < 400


def mutate(raw: bytes, rng: random.Random) -> bytes:
    data = bytearray(raw)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                data[at : at + rng.randint(0, 12)] = rng.choice(PIECES)
            case 1:
                del data[at : at + rng.randint(1, 40)]
            case 2:
                data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randint(1, 4)))
            case 3:
                lines = bytes(data).split(b"\n")
                i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
                lines[i], lines[j] = lines[j], lines[i]
                data = bytearray(b"\n".join(lines))
            case 4:
                cells = bytes(data).split(b",")
                cells[rng.randrange(len(cells))] = rng.choice(PIECES)
                data = bytearray(b",".join(cells))
            case _:
                data = data[:at]
    return bytes(data)


@pytest.mark.parametrize("argument", FILES)
def test_mutated_files_raise_only_our_errors(argument: str, tmp_path: Path) -> None:
    rng = random.Random(argument)
    paths = {}
    for name in {"spx", "vix", argument}:
        paths[name] = tmp_path / f"{name}.csv"
        paths[name].write_text(FILES[name])
    History.load(**paths)
    failed = 0
    for _ in range(600):
        raw = mutate(FILES[argument].encode(), rng)
        paths[argument].write_bytes(raw)
        try:
            History.load(**paths).steps()
        except AlvhError as error:
            failed += 1
            check_message(error)
        except Exception as error:
            pytest.fail(f"{type(error).__name__}: {error} from {raw!r}")
    assert failed > 100


def test_mutated_archives_raise_only_our_errors(tmp_path: Path) -> None:
    import gzip
    import io
    import zipfile

    rng = random.Random(5)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("spx.csv", SPX)
    (tmp_path / "vix.csv").write_text(VIX)
    for suffix, whole in ((".gz", gzip.compress(SPX.encode())), (".zip", buffer.getvalue())):
        path = tmp_path / f"spx.csv{suffix}"
        for _ in range(300):
            path.write_bytes(mutate(whole, rng))
            try:
                History.load(path, tmp_path / "vix.csv")
            except AlvhError as error:
                check_message(error)


def test_random_frames_raise_only_our_errors() -> None:
    import pandas as pd

    rng = np.random.default_rng(11)
    spx = pd.DataFrame({"Close": 1300.0 + np.arange(DAYS.size)}, index=pd.DatetimeIndex(DAYS))
    values = [np.nan, None, "x", -1.0, 0.0, 1e300, np.inf, True, pd.NaT, pd.NA, 3 + 1j, b"1", [1], "20"]
    for _ in range(500):
        cells = [20.0] * DAYS.size
        cells[rng.integers(DAYS.size)] = values[rng.integers(len(values))]
        index = list(spx.index)
        if rng.random() < 0.3:
            index[rng.integers(DAYS.size)] = [pd.NaT, None, 5, "2012-01-0x", (1, 2)][rng.integers(5)]
        frame = pd.DataFrame({"CLOSE": cells}, index=pd.Index(index))
        try:
            History.load(spx, frame)
        except AlvhError as error:
            check_message(error)
