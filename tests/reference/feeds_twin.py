"""Slow, obvious twins of the readers of feeds: dictionaries, Decimal, one book after another.

Each yields, for every event, what the tape must say there: time, action, side, price, size (as numbers of the file)
and the best levels of both sides after it.
"""

from __future__ import annotations

import bisect
import csv
import gzip
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path

LEVELS = 10
NS = 1_000_000_000


def text_of(path: Path) -> str:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data).decode()
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.read(archive.namelist()[0]).decode()
    return data.decode()


def units(text: str) -> int:
    """Make a decimal number one of 1e-8, exactly."""
    return int(Decimal(text).scaleb(8).to_integral_exact())


class Side:
    """Sizes by price, and the prices in order."""

    def __init__(self, rows=()):
        self.sizes: dict[int, int] = {}
        self.prices: list[int] = []
        for price, size in rows:
            self.set(price, size)

    def set(self, price: int, size: int) -> int:
        """Set the size at a price and say the one before."""
        before = self.sizes.pop(price, 0)
        if before and not size:
            self.prices.remove(price)
        if size and not before:
            bisect.insort(self.prices, price)
        if size:
            self.sizes[price] = size
        return before

    def highest(self, below=None, n=LEVELS):
        end = len(self.prices) if below is None else bisect.bisect_left(self.prices, below)
        return [(price, self.sizes[price]) for price in self.prices[max(0, end - n) : end][::-1]]

    def lowest(self, above=None, n=LEVELS):
        start = 0 if above is None else bisect.bisect_right(self.prices, above)
        return [(price, self.sizes[price]) for price in self.prices[start : start + n]]


def lobster(message: Path, book: Path, midnight: int):
    """Rows of both files side by side; prices in 1e-4 USD."""
    letters = {"1": "A", "2": "C", "3": "C", "4": "T", "5": "T", "6": "X"}
    rows = zip(csv.reader(text_of(message).splitlines()), csv.reader(text_of(book).splitlines()), strict=True)
    for i, ((time, kind, number, size, price, direction), levels) in enumerate(rows):
        ns = int(Decimal(time) * NS)
        if i == 0 and Decimal(time) < 34_260:
            yield midnight + 34_200 * NS, "O", "N", None, 0, 0, ([], [])
        bids = [(int(levels[k + 2]), int(levels[k + 3])) for k in range(0, len(levels), 4)]
        asks = [(int(levels[k]), int(levels[k + 1])) for k in range(0, len(levels), 4)]
        resting = "B" if direction == "1" else "A"
        side = {"A": resting, "C": resting, "T": "A" if resting == "B" else "B"}[letters[kind]]
        sides = [level for level in bids if level[1]], [level for level in asks if level[1]]
        yield midnight + ns, letters[kind], side, int(price), int(size), int(number), sides


def binance(path: Path):
    """Book after every line: the last snapshot, every update after its id, the newest best quotes over it.

    Yields the time, the trade (aggressor, price, size) or None, whether the book is sound, and the best levels; prices
    and sizes in 1e-8.
    """
    seen: list[dict] = []
    depth = Side(), Side()
    known, ticker, sound = None, None, False
    for line in text_of(path).splitlines():
        received, _, message = line.partition(" ")
        data = json.loads(message)
        data = data.get("data", data)
        trade = None
        if data.get("e") == "trade":
            trade = "A" if data["m"] else "B", units(data["p"]), units(data["q"])
        elif data.get("e") == "depthUpdate":
            if seen:
                # The samples have no gaps: what is not the next update is a defect of this twin or of its reader.
                assert data["pu"] == seen[-1]["u"] if "pu" in data else data["U"] == seen[-1]["u"] + 1
            seen.append(data)
            if known is None or data["u"] > known:
                update(depth, data)
                known = data["u"]
        elif "lastUpdateId" in data:
            known = data["lastUpdateId"]
            depth = Side(), Side()
            update(depth, {"b": data["bids"], "a": data["asks"]})
            for earlier in seen:
                if earlier["u"] > known:
                    update(depth, earlier)
            known = max([known, *(earlier["u"] for earlier in seen)])
            sound = True
        elif "B" in data and (ticker is None or data["u"] > ticker["u"]):
            ticker = data
        bids, asks = depth[0].highest(), depth[1].lowest()
        if ticker is not None and (known is None or ticker["u"] > known):
            bid, ask = units(ticker["b"]), units(ticker["a"])
            bids = [(bid, units(ticker["B"])), *depth[0].highest(below=bid, n=LEVELS - 1)]
            asks = [(ask, units(ticker["A"])), *depth[1].lowest(above=ask, n=LEVELS - 1)]
        yield int(received), trade, sound, bids, asks


def update(depth: tuple[Side, Side], data: dict) -> None:
    for side, rows in zip(depth, (data["b"], data["a"]), strict=True):
        for price, size in rows:
            side.set(units(price), units(size))


AUCTION = 0x40 | 0x80 | 0x100 | 0x200000
ELSEWHERE = 0x2 | 0x4 | 0x8 | 0x200 | 0x800 | 0x4000 | 0x40000 | 0x100000 | 0x1000000 | 0x2000000 | 0x4000000


def taq(quotes: Path, trades: Path):
    """National quotes and signed trades of the session; prices in 1e-4 USD, times in ms since midnight.

    Signs are found by looking up the last quote of an earlier millisecond, whatever was merged how.
    """
    changes: list[tuple[int, tuple[int, int], tuple[int, int]]] = []
    bid = ask = (0, 0)
    rows = [[int(cell) for cell in row[:5]] for row in csv.reader(text_of(quotes).splitlines())]
    for i, (ms, bid_price, bid_size, ask_price, ask_size) in enumerate(rows):
        if bid_price:
            bid = bid_price, bid_size
        if ask_price:
            ask = ask_price, ask_size
        later = rows[i + 1] if i + 1 < len(rows) else None
        if bid_price and later is not None and later[0] == ms and later[3]:
            continue
        changes.append((ms, bid, ask))
    stamps = [change[0] for change in changes]
    events = [(ms, 0, i, "N", "N", None, 0) for i, ms in enumerate(stamps)]
    last, direction = 0, "N"
    for ms, price, size, _, condition, suspicious in csv.reader(text_of(trades).splitlines()):
        at, price, bits = int(ms), int(price), int(condition, 16)
        if bits & ELSEWHERE or suspicious == "1":
            continue
        now = bisect.bisect_right(stamps, at) - 1
        if bits & AUCTION:
            events.append((at, 1, now, "X", "N", price, int(size)))
            continue
        if last and price != last:
            direction = "B" if price > last else "A"
        last = price
        before = bisect.bisect_left(stamps, at) - 1
        side = direction
        if before >= 0:
            _, (bid_price, _), (ask_price, _) = changes[before]
            if bid_price and ask_price and 2 * price != bid_price + ask_price:
                side = "B" if 2 * price > bid_price + ask_price else "A"
        events.append((at, 1, now, "T", side, price, int(size)))
    events.sort(key=lambda event: event[:2])
    for ms, _, now, action, side, price, size in events:
        if 34_200_000 <= ms < 57_600_000:
            yield ms, action, side, price, size, changes[now][1], changes[now][2]
