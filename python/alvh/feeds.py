"""Readers of the text files of feeds: LOBSTER, recordings of Binance, quotes and trades of TAQ."""

from __future__ import annotations

import datetime as dt
import os
import re
from typing import TYPE_CHECKING, Any, Literal, cast

from alvh import _core, _packed
from alvh._arguments import is_real, shown
from alvh.errors import AlvhError, ConfigError, DataError, SchemaError
from alvh.events import Tape

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_binance", "read_lobster", "read_taq"]

Path = str | os.PathLike[str]
Date = str | dt.date
# Since that day Nasdaq's message of a hidden execution says "buy" whatever was resting.
_SIDES_HIDDEN = dt.date(2014, 7, 14)
_TAQ_DATE = r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)"
# Names of files in LEAN's layout, outside and inside of its archives.
_TAQ_NAME = re.compile(
    r"__(?P<symbol>[^_]+)__(?P<date>\d{8})_(?:quote|trade)|(?<!\d)(?P<date2>\d{8})_(?P<symbol2>[^_]+)_(?:quote|trade)",
    re.IGNORECASE,
)


def _policies(
    given: str | Mapping[str, str], defaults: dict[str, str], allowed: Mapping[str, str]
) -> dict[str, str]:
    """Policy of each anomaly; one word holds for those that can have it."""
    if isinstance(given, str):
        named = {name: given for name in defaults if given in allowed.get(name, "raise flag drop").split()}
        if not named:
            raise ConfigError("EVT001", "policy", "policy", repr(given)[:40], "raise, flag or drop")
        return {**defaults, **named}
    try:
        named = dict(given)
    except (TypeError, ValueError):
        raise ConfigError(
            "EVT001", "policy", "policy", repr(given)[:40], "raise, flag, drop or a mapping"
        ) from None
    for name, policy in named.items():
        if name not in defaults:
            raise ConfigError("EVT004", "policy", "name", repr(name)[:40], " or ".join(defaults))
        words = allowed.get(name, "raise flag drop").split()
        if policy not in words:
            raise ConfigError("EVT001", "policy", name, repr(policy)[:40], " or ".join(words))
    return {**defaults, **named}


def _session_date(date: Date | None, path: Path, pattern: str, source: str) -> dt.date:
    text: Any = date
    if date is None:
        found = re.search(pattern, os.path.basename(os.fspath(path)))
        if found is None:
            raise DataError("TIM017", source, "date", "no date in the name", "a date", hint="pass date=")
        text = "-".join(found.groups())
    if isinstance(text, dt.datetime):
        text = text.date()
    if isinstance(text, dt.date):
        day = text
    else:
        try:
            day = dt.date.fromisoformat(text)
        except (TypeError, ValueError):
            raise DataError("TIM001", source, "date", repr(text)[:40], "a date such as 2012-06-21") from None
    if not 1990 <= day.year < 2100:
        raise DataError("TIM013", source, "date", str(day), "1990..2100")
    named = _named_date(path, pattern)
    if named is not None and named != day:
        raise DataError("TIM018", source, "date", str(day), f"{named}, the date in the name")
    return day


def _named_date(path: Path, pattern: str) -> dt.date | None:
    found = re.search(pattern, os.path.basename(os.fspath(path)))
    if found is None:
        return None
    try:
        return dt.date.fromisoformat("-".join(found.groups()))
    except ValueError:  # digits that are no date
        return None


def _check_pair(quotes: Path, trades: Path, source: str) -> None:
    """Refuse files whose names say that they are of different symbols or days."""
    found = [_TAQ_NAME.search(os.path.basename(os.fspath(path))) for path in (quotes, trades)]
    if found[0] is None or found[1] is None:
        return
    (symbol, day), (other, other_day) = (
        (match["symbol"] or match["symbol2"], match["date"] or match["date2"]) for match in found if match
    )
    if symbol.lower() != other.lower():
        expected = f"{symbol.lower()}, the symbol of the quotes"
        raise DataError("TAQ011", source, "symbol", f"trades of {other.lower()}", expected)
    if day != other_day:
        raise DataError("TAQ011", source, "date", f"trades of {other_day}", f"{day}, the date of the quotes")


def _midnight(day: dt.date) -> int:
    """Midnight in New York [ns since the epoch]; counted back from noon, as clocks change in the small hours."""
    from zoneinfo import ZoneInfo

    noon = dt.datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo("America/New_York"))
    return (int(noon.timestamp()) - 43_200) * 1_000_000_000


def _number(value: object, field: str) -> float | None:
    if value is None:
        return None
    if not is_real(value):
        raise ConfigError("EVT002", "feed", field, shown(value), "a finite number above 0")
    return float(cast("float", value))


def _fill(reader: _core.FeedReader, part: int, path: Path) -> None:
    for chunk in _packed.chunks(path):
        reader.push(part, chunk)


def read_lobster(
    message: Path,
    book: Path,
    *,
    date: Date | None = None,
    tick_size: float | None = None,
    symbol: str | None = None,
    policy: str | Mapping[str, str] | None = None,
) -> Tape:
    """Read a day of LOBSTER: the messages and the book after each of them.

    Every message is an event with the book's levels after it (ten at most). Types 1 to 7 become A (submission),
    C (partial cancellation, deletion), T (execution of a visible or a hidden order), X (cross), H, N, O
    (halted, quoting again, trading again). A trade's side is its aggressor's, the other one than LOBSTER's
    direction, which is that of the resting order. Hidden executions are counted; from 2014-07-14 on their
    side is unknown, as Nasdaq has said "buy" for all of them since. A file that begins within a minute of
    09:30 has an O before its first message.

    Parameters
    ----------
    message, book : str or path-like
        Files ``..._message_N.csv`` and ``..._orderbook_N.csv``, plain, gzip or zip.
    date : str or datetime.date, optional
        Day of the session; otherwise from the name of the message file.
    tick_size : float, optional
        One tick [USD]; otherwise the largest that every displayed price of the files is a multiple of.
    symbol : str, optional
        Otherwise from the name of the message file.
    policy : {"raise", "flag", "drop"} or mapping, optional
        ``"time_backwards"`` (default raise; flag: the clock stands still) and ``"off_grid_trade"``: hidden
        executions and crosses between two ticks (default flag: the tick that is less extreme for the aggressor).

    Returns
    -------
    Tape
        Depth of the book, order ids.

    Raises
    ------
    DataError
        ``LOB003``, ``LOB004``, ``LOB007``, ``LOB010`` with the line; ``TIM017`` no date; ``TIM018`` another
        `date` than that of the name.
    SchemaError
        ``LOB001``, ``LOB005`` number of fields.
    DecodeError
        ``LOB002``, ``LOB006`` no numbers.
    TruncatedError
        ``LOB008``, ``LOB009``: files that are empty or of unequal length. A row that is cut off within its
        last number cannot be told from a whole one, unless the file is packed.
    LimitError, DataError
        ``FIL001``..``FIL007``: the files themselves.
    """
    sources = _packed.name_of(message, "read_lobster"), _packed.name_of(book, "read_lobster")
    day = _session_date(date, message, r"(\d{4})-(\d{2})-(\d{2})", sources[0])
    chosen = _policies(policy or {}, {"time_backwards": "raise", "off_grid_trade": "flag"}, {})
    reader = _core.FeedReader.lobster(
        sources,
        _midnight(day),
        day < _SIDES_HIDDEN,
        _number(tick_size, "tick_size"),
        chosen["time_backwards"],
        chosen["off_grid_trade"],
    )
    _fill(reader, 0, message)
    _fill(reader, 1, book)
    return Tape(reader.finish(sources[0].split("_")[0] if symbol is None else symbol))


def read_binance(
    path: Path,
    *,
    symbol: str | None = None,
    clock: Literal["receive", "exchange"] = "receive",
    warm_up: float = 60.0,
    tick_size: float | None = None,
    lot_size: float | None = None,
    policy: str | Mapping[str, str] | None = None,
) -> Tape:
    """Read a recording of Binance's streams: depth updates, best quotes, trades and snapshots of one instrument.

    Lines are ``<time of receipt in ns> <message>``. The book is kept as the exchange documents it: an update
    must follow the one before it (spot: ``U`` is the last ``u`` + 1; futures: ``pu`` is the last ``u``), and
    a snapshot is brought up to date with the updates received before it. Until the first snapshot, and from
    a gap to the next one, events carry the flag of a book that may be wrong; where no snapshot comes, the
    book that updates and best quotes have built anew is believed after `warm_up`. Best quotes
    (``bookTicker``) that are newer than the depth lie over it and hide what is beyond them until the depth
    has caught up. Trades are signed by ``m`` and change no book, as the depth tells the same.

    Parameters
    ----------
    path : str or path-like
        The file, plain, gzip or zip.
    symbol : str, optional
        Instrument; needed where the file holds several.
    clock : {"receive", "exchange"}
        Time of receipt, or the exchange's own (``T``, else ``E``; best quotes of spot have none and take the
        last).
    warm_up : float
        Time after which a book without a snapshot is believed [s].
    tick_size, lot_size : float, optional
        One tick and one lot; otherwise the largest that all prices and sizes of the file are multiples of.
    policy : {"raise", "flag"} or mapping, optional
        ``"time_backwards"``: default raise for the time of receipt, flag (the clock stands still) for the
        exchange's, whose streams are not in step.

    Returns
    -------
    Tape
        Sizes of price levels.

    Raises
    ------
    DataError
        ``BIN004``..``BIN008``, ``BIN010``, ``TIM013`` with the line.
    SchemaError
        ``BIN003`` several instruments.
    DecodeError
        ``BIN001``, ``BIN002``, ``BIN006``, ``BIN007``: not such a line.
    TruncatedError
        ``BIN002`` a last line that is cut off, ``BIN009`` nothing to read.
    LimitError, DataError
        ``FIL001``..``FIL007``: the file itself.
    """
    source = _packed.name_of(path, "read_binance")
    if clock not in ("receive", "exchange"):
        raise ConfigError("EVT007", "read_binance", "clock", repr(clock)[:40], "receive or exchange")
    seconds = _number(warm_up, "warm_up")
    if seconds is None or not 0.0 <= seconds <= 86_400.0:
        raise ConfigError("EVT008", "read_binance", "warm_up", repr(warm_up)[:40], "0 to 86400 seconds")
    default = {"time_backwards": "raise" if clock == "receive" else "flag"}
    chosen = _policies(policy or {}, default, {"time_backwards": "raise flag"})
    reader = _core.FeedReader.binance(
        source,
        symbol,
        clock == "exchange",
        int(seconds * 1e9),
        _number(tick_size, "tick_size"),
        _number(lot_size, "lot_size"),
        chosen["time_backwards"],
    )
    _fill(reader, 0, path)
    return Tape(reader.finish(""))


def read_taq(
    quotes: Path,
    trades: Path,
    *,
    date: Date | None = None,
    kind: Literal["national", "venues"] = "national",
    session: tuple[str, str] = ("09:30", "16:00"),
    extended: bool = False,
    tick_size: float | None = None,
    symbol: str | None = None,
    policy: str | Mapping[str, str] | None = None,
) -> Tape:
    """Read a day of consolidated quotes and trades of a US stock, in the layout of QuantConnect's LEAN.

    Quotes come before trades of the same millisecond: the two tapes are stamped apart, and a trade is shown
    with a book that is never older than it. A trade is signed by the quote before its millisecond (Lee and
    Ready 1991, doi:10.1111/j.1540-6261.1991.tb02683.x): above the mid a buyer made it, below it a seller; at
    the mid, or without a sound quote, the last change of price decides. Opening, reopening and closing
    prints and crosses are X events; prints that are no executions at the market of their time (official
    prices, late, out of sequence, average, derived or prior prices) are left out and counted as
    ``other_record``. There is an O at the open and an H at the close.

    Parameters
    ----------
    quotes : str or path-like
        Rows ``ms since midnight in New York, bid price, bid size, ask price, ask size, exchange, condition,
        suspicious``, prices in 1e-4 USD; plain, gzip or zip.
    trades : str or path-like
        Rows ``ms, price, size, exchange, condition, suspicious``.
    date : str or datetime.date, optional
        Day of the session; otherwise from the name of the quote file.
    kind : {"national", "venues"}
        What the rows of quotes are: the best bid and offer of all exchanges (a side that is 0 has not
        changed; bid and ask rows of one millisecond are one event), or the quotes of each exchange (a side
        that is 0 is empty there), which are added up by price to at most ten levels.
    session : tuple of str
        Open and close in New York.
    extended : bool
        Whether events outside the session are kept. Otherwise they are counted as ``outside_session``;
        quotes before the open still make the book at the open.
    tick_size : float, optional
        One tick [USD]; otherwise the largest that every quoted price is a multiple of.
    symbol : str, optional
        Name of the instrument.
    policy : {"raise", "flag", "drop"} or mapping, optional
        ``"time_backwards"`` (default raise), ``"suspicious"`` (rows the vendor marks; default drop) and
        ``"off_grid_trade"``: trades between two ticks (default flag: the tick that is less extreme for the
        aggressor).

    Returns
    -------
    Tape
        Depth of the book.

    Raises
    ------
    DataError
        ``TAQ003``..``TAQ005``, ``TAQ007``..``TAQ009``; ``TAQ011`` names of different symbols or days; ``TIM017`` no
        date; ``TIM018`` another `date` than that of a name.
    SchemaError
        ``TAQ001`` a table of another kind, ``FIL002`` only one of the tables.
    DecodeError
        ``TAQ002`` not such a row.
    TruncatedError
        ``TAQ006`` an empty table.
    LimitError, DataError
        ``FIL001``..``FIL007``: the files themselves.
    """
    if quotes is None or trades is None:
        missing = "quotes" if quotes is None else "trades"
        raise SchemaError("TAQ010", "read_taq", missing, "nothing", "a table of quotes and a table of trades")
    sources = _packed.name_of(quotes, "read_taq"), _packed.name_of(trades, "read_taq")
    if kind not in ("national", "venues"):
        raise ConfigError("EVT009", "read_taq", "kind", repr(kind)[:40], "national or venues")
    _check_pair(quotes, trades, sources[1])
    day = _session_date(date, quotes, _TAQ_DATE, sources[0])
    if date is not None:
        _session_date(date, trades, _TAQ_DATE, sources[1])
    default = {"time_backwards": "raise", "suspicious": "drop", "off_grid_trade": "flag"}
    chosen = _policies(policy or {}, default, {})
    reader = _core.FeedReader.taq(
        sources,
        _midnight(day),
        kind == "venues",
        _hours(session),
        bool(extended),
        _number(tick_size, "tick_size"),
        chosen["time_backwards"],
        chosen["suspicious"],
        chosen["off_grid_trade"],
    )
    _fill(reader, 0, trades)
    _fill(reader, 1, quotes)
    return Tape(reader.finish(symbol or ""))


def _hours(session: tuple[str, str]) -> tuple[int, int]:
    try:
        open_, close = (dt.time.fromisoformat(text) for text in session)
        open_ns, close_ns = (
            (t.hour * 3600 + t.minute * 60 + t.second) * 1_000_000_000 for t in (open_, close)
        )
    except (AlvhError, AttributeError, TypeError, ValueError):
        open_ns, close_ns = 1, 0
    if open_ns >= close_ns:
        expected = "open and close such as ('09:30', '16:00')"
        raise ConfigError("EVT014", "read_taq", "session", repr(session)[:40], expected)
    return open_ns, close_ns
