"""The detector as a stream: one event, one record or one block at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alvh import _core
from alvh._arguments import is_real, shown
from alvh.errors import ConfigError, DecodeError, SchemaError

if TYPE_CHECKING:
    import pandas as pd

    from alvh.ignition import IgnitionConfig, Signal

__all__ = ["IgnitionDetector"]

# How the state of a detector is laid out as a dictionary; the bytes in it have a version of their own.
_LAYOUT = 1


class IgnitionDetector(_core.Stream):
    """Momentum-ignition detector for live events: what :func:`alvh.detect` does over a tape, event by event.

    Fed with the events of a tape, in pieces of any size, it finds what :func:`alvh.detect` finds, bit for bit. Its
    state can be pickled, or kept by :meth:`state_dict`, and goes on from there as if there had been no pause. A
    detector is used by one call at a time: a second one, from another thread or from inside the first, raises.

    Parameters
    ----------
    config : IgnitionConfig, optional
        The default one if none.
    feed : {"orders", "levels", "depth"}, optional
        How events describe the book: every order with its id; the new total of a price level; or the best levels
        with every event (:meth:`update_record` with market by price, or `levels` of :meth:`update_batch`).
    tick_size : float, optional
        One tick [currency]. :meth:`update_record` needs it; prices of frames are in ticks without it.
    time : {"receive", "event"}, optional
        Which time of a record is the clock.

    Raises
    ------
    ConfigError
        ``IGN030``, ``IGN039``, ``IGN044``, ``IGN045``: an argument that breaks its rule. Every method:
        ``IGN035`` after :meth:`close`, ``IGN036`` while another call is at work, ``IGN037`` after a defect.

    Examples
    --------
    >>> detector = alvh.IgnitionDetector()
    >>> detector.update(1_700_000_000_000_000_000, "A", "B", 20_000, 5, 1)
    0
    >>> detector.stage
    'idle'
    """

    tick_size: float
    config: IgnitionConfig

    def __new__(
        cls,
        config: IgnitionConfig | None = None,
        *,
        feed: str = "orders",
        tick_size: float | None = None,
        time: str = "receive",
    ) -> IgnitionDetector:
        """Make a detector that has seen nothing."""
        from alvh.ignition import checked

        if not isinstance(time, str) or time not in ("receive", "event"):
            raise ConfigError("IGN044", "IgnitionDetector", "time", shown(time), "receive or event")
        if not isinstance(feed, str) or feed not in ("orders", "levels", "depth"):
            raise ConfigError("IGN045", "IgnitionDetector", "feed", shown(feed), "orders, levels or depth")
        if tick_size is not None and not is_real(tick_size):
            raise ConfigError("IGN045", "IgnitionDetector", "tick_size", shown(tick_size), "a number or None")
        config = checked(config)
        self = super().__new__(cls, config.to_json(), feed, tick_size, time == "receive")
        self.config = config
        self.tick_size = 1.0 if tick_size is None else float(tick_size)
        return self

    def update_batch(
        self,
        ts: npt.ArrayLike,
        action: npt.ArrayLike,
        side: npt.ArrayLike,
        price: npt.ArrayLike,
        size: npt.ArrayLike,
        order_id: npt.ArrayLike | None = None,
        flags: npt.ArrayLike | None = None,
        participant: npt.ArrayLike | None = None,
        levels: Sequence[npt.ArrayLike] | None = None,
    ) -> int:
        """Take a block of events in columns.

        Contiguous arrays of the types below are used as they are; others are converted if nothing is lost.

        Parameters
        ----------
        ts : array_like of int64, shape (n,)
            Times, not going back [ns since the epoch].
        action, side : array_like of uint8, shape (n,)
            ASCII codes of the letters of docs/events.md, or those letters.
        price : array_like of int64, shape (n,)
            Prices [ticks].
        size : array_like of int64, shape (n,)
            Sizes [lots].
        order_id, participant : array_like of uint64, shape (n,), optional
            Ids; 0 if none.
        flags : array_like of uint8, shape (n,), optional
            Bits as Databento defines them; 128 (the book is whole) if none.
        levels : four array_like of int64, shape (n, k), optional
            Bid prices, ask prices [ticks], bid sizes, ask sizes [lots] after each event, best first, k at most 10: for
            ``feed="depth"``, which needs them. A missing level has size 0 and price -2**63 (bid) or 2**63 - 1 (ask).

        Returns
        -------
        int
            Highest stage of any clock after the last event: 0 idle, 1 armed, 2 ignited, 3 cascade.

        Raises
        ------
        SchemaError
            ``IGN042``, ``IGN046``: columns of other lengths, types or shapes, or with masked values.
        DataError
            ``IGN001``, ``IGN002``, ``IGN003``: as :meth:`update`; the events before the one that is named were taken.
        ConfigError
            ``IGN040``: levels without a feed of depths, or the other way round.
        """
        given = (ts, action, side, price, size, order_id, flags, participant)
        for name, column in zip(_NAMES, given, strict=True):
            _whole(name, column)
        for column in levels if isinstance(levels, tuple | list) else ():
            _whole("levels", column)
        try:
            return self.update_columns(ts, action, side, price, size, order_id, flags, participant, levels)  # type: ignore[arg-type]
        except TypeError:
            return self.update_columns(
                _column("ts", ts),
                _column("action", action),
                _column("side", side),
                _column("price", price),
                _column("size", size),
                None if order_id is None else _column("order_id", order_id),
                None if flags is None else _column("flags", flags),
                None if participant is None else _column("participant", participant),
                None if levels is None else _levels(levels),
            )

    @property
    def signal(self) -> Signal:
        """What was found so far, as :func:`alvh.detect` gives it."""
        from alvh.ignition import Signal

        return Signal(self, self.config, self.columns())

    @property
    def episodes(self) -> pd.DataFrame:
        """Every alarm so far and what became of it; columns of :attr:`alvh.Signal.episodes`."""
        return self.signal.episodes

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state: plain numbers, text and bytes.

        Returns
        -------
        dict
            What :meth:`load_state_dict` takes. The bytes are versioned and checksummed.
        """
        return {"layout": _LAYOUT, "tick_size": self.tick_size, "state": self.to_bytes()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take the state of another detector, its configuration and feed included.

        Parameters
        ----------
        state : mapping
            What :meth:`state_dict` gave. Nothing changes if it is refused.

        Raises
        ------
        DecodeError
            ``IGN004``: damaged, of another version, or no state at all.
        """
        from alvh.ignition import IgnitionConfig

        known = isinstance(state, Mapping) and state.get("layout") == _LAYOUT
        tick_size = state.get("tick_size") if known else None
        content = state.get("state") if known else None
        if not isinstance(content, bytes) or not isinstance(tick_size, float) or not tick_size > 0.0:
            raise DecodeError("IGN004", "state", "layout", type(state).__name__, "what state_dict gave")
        self.load_bytes(content)
        self.config = IgnitionConfig.from_json(self.config_json())
        self.tick_size = tick_size

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.state_dict())

    def __copy__(self) -> IgnitionDetector:
        return _restored(type(self), self.state_dict())

    def __deepcopy__(self, memo: object) -> IgnitionDetector:
        return _restored(type(self), self.state_dict())

    def __repr__(self) -> str:
        try:
            return f"<IgnitionDetector: {self.stage}, score {self.score:.1f}, {self.n_events} events>"
        except ConfigError as error:
            return f"<IgnitionDetector: {error.value}>"


def _restored(cls: type[IgnitionDetector], state: Mapping[str, Any]) -> IgnitionDetector:
    detector = cls()
    detector.load_state_dict(state)
    return detector


# In the order of the arguments of `update_batch`.
_NAMES = ("ts", "action", "side", "price", "size", "order_id", "flags", "participant")
_TYPES: dict[str, type[np.generic]] = {
    "ts": np.int64,
    "price": np.int64,
    "size": np.int64,
    "action": np.uint8,
    "side": np.uint8,
    "flags": np.uint8,
    "order_id": np.uint64,
    "participant": np.uint64,
}


def _wrong(name: str, value: object, expected: str) -> SchemaError:
    got = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
    return SchemaError("IGN046", "update_batch", name, got, expected)


def _whole(name: str, column: object) -> None:
    """Refuse a column with values that its owner took out: the numbers behind a mask mean nothing."""
    if isinstance(column, np.ma.MaskedArray) and np.ma.is_masked(column):
        raise SchemaError("IGN046", "update_batch", name, "masked values", "a value in every row")


def _converted(name: str, column: npt.ArrayLike, to: type[np.generic], n_dim: int) -> npt.NDArray[Any]:
    expected = f"{to.__name__}, {n_dim}-dimensional"
    try:
        values = np.asarray(column)
    except (TypeError, ValueError):
        raise _wrong(name, column, expected) from None
    if (
        values.dtype.kind in "US"
        and to is np.uint8
        and values.dtype.itemsize == np.dtype(f"{values.dtype.kind}1").itemsize
    ):
        values = values.astype("S1").view(np.uint8)
    if values.ndim != n_dim or (values.dtype.kind not in "iu" and values.size):
        raise _wrong(name, values, expected)
    # Only values that the type can hold are the same after the way there and back.
    cast = np.ascontiguousarray(values.astype(to))
    if values.size and (np.any(cast.astype(values.dtype) != values) or np.any((values < 0) != (cast < 0))):
        raise _wrong(name, values, f"{expected}, within its range")
    return cast


def _column(name: str, column: npt.ArrayLike) -> npt.NDArray[Any]:
    return _converted(name, column, _TYPES[name], 1)


def _levels(levels: Sequence[npt.ArrayLike]) -> list[npt.NDArray[Any]]:
    if isinstance(levels, str) or not isinstance(levels, Sequence) or len(levels) != 4:
        raise _wrong("levels", levels, "four arrays")
    return [_converted("levels", column, np.int64, 2) for column in levels]
