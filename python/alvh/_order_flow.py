"""Labelled order flow, simulated or put into real books."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from alvh import _core
from alvh._arguments import is_real, is_whole, shown
from alvh.errors import ConfigError
from alvh.events import Tape
from alvh.ignition import native

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["OrderFlow", "flow_fields", "order_flow", "transplant"]

_KINDS: tuple[str, ...] = tuple(_core.LABEL_KINDS)
# The detector's clocks with their retrace windows, seconds.
_WINDOWS = {1: 60.0, 15: 600.0, 120: 3_600.0}


def flow_fields(
    instrument: str = "index_future",
    *,
    style: Literal["a", "b"] = "a",
    clock: int | Sequence[int] = 1,
    **changes: Any,
) -> dict[str, Any]:
    """Give every field of a simulated instrument, to read or to change.

    Parameters
    ----------
    instrument : {"index_future", "stock", "crypto"}
        Deep book with a spread of one tick; thin book with a wider one; tiny tick.
    style : {"a", "b"}
        ``"a"``: Hawkes arrivals, orders one by one, accelerating pushes, exponential decay. ``"b"``: Poisson arrivals
        with bursts, runs of one side, round lots, whole levels requoted, linear pushes, hyperbolic decay.
    clock : int or sequence of int
        Units of the clocks that episodes belong to [seconds]: 1, 15 or 120; none for ordinary flow.
    **changes : Any
        Fields and their values.

    Returns
    -------
    dict
        The fields of `FlowConfig` in docs/labelled.md.

    Raises
    ------
    ConfigError
        ``LAB001``: no such instrument; ``LAB007``: no such clock; ``LAB008``: no such field; ``LAB016``: no such style.
    """
    if not isinstance(instrument, str):
        raise ConfigError(
            "LAB001", "order_flow", "instrument", shown(instrument), "index_future, stock or crypto"
        )
    if not isinstance(style, str) or style not in ("a", "b"):
        raise ConfigError("LAB016", "order_flow", "style", shown(style), "a or b")
    fields: dict[str, Any] = json.loads(_core.order_flow_preset(instrument))
    fields["style"] = style
    clocks = tuple(clock) if isinstance(clock, Sequence) else (clock,)
    for unit in clocks:
        _clock(unit, "order_flow")
    fields["episodes"] = [
        json.loads(_core.order_flow_episodes(float(unit), _WINDOWS[unit])) for unit in clocks
    ]
    for name, value in changes.items():
        if name not in fields:
            raise ConfigError(
                "LAB008", "order_flow", shown(name), "an unknown field", "the documented fields"
            )
        fields[name] = value
    return fields


@dataclass(frozen=True, eq=False)
class OrderFlow:
    """A tape with the labels of what is in it.

    Attributes
    ----------
    tape : Tape
        The events.
    seed : int
        What it was drawn from.
    fields : dict
        What it was simulated with.
    """

    tape: Tape
    seed: int
    fields: dict[str, Any]
    _labels: _core.Labels

    @property
    def labels(self) -> pd.DataFrame:
        """One row an episode, in order.

        ``kind`` (ignition, informed, volume_only, sweep, sham, unclear), ``is_true`` (ignition), ``side``,
        ``clock`` [seconds], ``onset`` (volume begins), ``ignition`` (push begins), ``peak``, ``half_back`` (NaT:
        never), ``end`` (three quarters are back, or the window is over) [UTC]; ``reference`` and ``peak_price``
        [ticks]; ``displacement`` [ticks]; ``sigma`` (of one second before the onset) [ticks];
        ``displacement_sigma`` (over sigma times the root of the clock's unit); ``retrace`` (largest share that came
        back in the window); ``participant``.
        """
        import pandas as pd

        raw = self._labels.columns()
        columns: dict[str, Any] = {
            "kind": np.array(_KINDS, dtype=object)[raw["kind"]],
            "is_true": raw["kind"] == 0,
            "side": raw["side"],
            "clock": raw["unit"],
        }
        for name in ("onset", "ignition", "peak", "half_back", "end"):
            stamps = raw[name].astype("datetime64[ns]")
            stamps[raw[name] == 0] = np.datetime64("NaT")
            columns[name] = pd.DatetimeIndex(stamps, tz="UTC")
        names = (
            "reference",
            "peak_price",
            "displacement",
            "sigma",
            "displacement_sigma",
            "retrace",
            "participant",
        )
        return pd.DataFrame(columns | {name: raw[name] for name in names})

    @property
    def mid(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Time [ns] and value [ticks] of every change of the mid."""
        return self._labels.mid()

    @property
    def hours(self) -> float:
        """Length [hours]."""
        start, end = self._labels.span()
        return (end - start) / 3.6e12

    @property
    def counts(self) -> dict[str, int]:
        """Arrivals by cause: background trades and quotes, trades against stale quotes, planned orders."""
        return dict(zip(("trades", "quotes", "arbitrage", "planned"), self._labels.counts(), strict=True))

    def __repr__(self) -> str:
        kinds = self._labels.columns()["kind"]
        true = int((kinds == 0).sum())
        return f"OrderFlow({self.tape!r}, seed={self.seed}, {true} ignitions, {len(kinds) - true} decoys)"


def order_flow(
    seed: int,
    hours: float = 6.5,
    *,
    instrument: str = "index_future",
    style: Literal["a", "b"] = "a",
    clock: int | Sequence[int] = 1,
    feed: Literal["levels", "depth", "orders"] = "levels",
    participants: bool = False,
    fields: Mapping[str, Any] | None = None,
) -> OrderFlow:
    """Simulate order flow with labelled ignitions and decoys.

    Half of the episodes are ignitions: two-sided volume at the touch with refills while the price holds, then a
    one-sided burst with quotes pulled and stops triggered by distance, then decay back within the clock's window on
    lower volume. The others are informed moves that stay, volume without a move, and sweeps that refill.

    Parameters
    ----------
    seed : int
        The tape depends on it and on the fields only.
    hours : float
        Length [hours].
    instrument, style, clock
        See :func:`flow_fields`.
    feed : {"levels", "depth", "orders"}
        How the events describe the book: sizes of price levels, ten levels with each event, or orders with ids. The
        flow is the same.
    participants : bool
        Whether events carry participant ids.
    fields : mapping, optional
        All fields, as :func:`flow_fields` gives them; replaces instrument, style and clock.

    Returns
    -------
    OrderFlow
        Tape and labels.

    Raises
    ------
    ConfigError
        ``LAB001`` to ``LAB009``, ``LAB016``, ``LAB017``: an argument or a field breaks its rule.
    """
    number = _seed(seed)
    if not is_real(hours):
        raise ConfigError("LAB004", "order_flow", "hours", shown(hours), "a number of hours")
    if not isinstance(feed, str):
        raise ConfigError("LAB006", "order_flow", "feed", shown(feed), "levels, depth or orders")
    if fields is not None and not isinstance(fields, Mapping):
        raise ConfigError("LAB017", "order_flow", "fields", shown(fields), "what flow_fields gives")
    chosen = dict(fields) if fields is not None else flow_fields(instrument, style=style, clock=clock)
    for name, value in chosen.items():
        parts = value if isinstance(value, list | tuple) else (value,)
        if name != "episodes" and any(
            isinstance(part, int | float) and not _is_finite(part) for part in parts
        ):
            raise ConfigError("LAB003", "order_flow", name, shown(value), "finite")
    try:
        text = json.dumps(chosen)
    except (TypeError, ValueError, RecursionError):
        raise ConfigError(
            "LAB017", "order_flow", "fields", shown(fields), "numbers, text and lists of them"
        ) from None
    core, labels = _core.simulate_order_flow(text, number, float(hours), feed, bool(participants))
    return OrderFlow(Tape(core), number, chosen, labels)


def transplant(
    tape: Any,
    strengths: tuple[float, float] = (2.0, 20.0),
    n: int = 10,
    seed: int = 0,
    *,
    shams: int = 0,
    clock: int = 1,
) -> OrderFlow:
    """Put ignitions into the real book of a tape.

    Between the real events come the igniter's: trades of both sides at the touch, then marketable child orders that
    take the levels which the book really holds. Later prices are shifted by the displacement (accelerating, then
    decaying as in :func:`order_flow`), the consumed side is shown thinner. A sham does the same with no displacement
    and no thinning; the only trace of it are events (action ``N``) that change nothing. What the real price does by
    itself goes on, so that not every ignition comes back: ``labels.retrace`` says which did.

    Parameters
    ----------
    tape : Tape
        Events of any reader; records of a DBN file are decoded to columns, which takes memory. The result carries
        levels with each event.
    strengths : tuple of two floats
        Smallest and largest displacement [standard deviations of the mid over one unit of the clock].
    n : int
        Number of ignitions.
    seed : int
        What they are drawn from.
    shams : int
        Number of shams among them.
    clock : {1, 15, 120}
        Unit of the clock [seconds].

    Returns
    -------
    OrderFlow
        Tape and labels; shams are of the kind ``"sham"``.

    Raises
    ------
    ConfigError
        ``LAB007``: no such clock; ``LAB012``, ``LAB013``: a number that breaks its rule, or no room for so many.
    DecodeError
        As the reader's, for records of a file that changed since.
    """
    _clock(clock, "transplant")
    ends = tuple(strengths) if isinstance(strengths, tuple | list | np.ndarray) else ()
    if len(ends) != 2 or not all(is_real(end) for end in ends):
        raise ConfigError("LAB012", "transplant", "strengths", shown(strengths), "two finite numbers")
    low, high = (float(end) for end in ends)
    for field, count in (("n", n), ("shams", shams)):
        if not is_whole(count, 0, 1_000_000):
            raise ConfigError("LAB012", "transplant", field, shown(count), "0 to 1000000")
    core, labels = _core.transplant_ignitions(
        native(tape), (low, high), int(n), int(shams), _seed(seed), float(clock), _WINDOWS[clock]
    )
    fields = {"strengths": [low, high], "n": int(n), "shams": int(shams), "clock": clock}
    return OrderFlow(Tape(core), int(seed), fields, labels)


def _seed(seed: int) -> int:
    if not is_whole(seed, 0, 2**64 - 1):
        raise ConfigError("LAB009", "order_flow", "seed", shown(seed), "an integer in [0, 2^64)")
    return int(seed)


def _clock(unit: Any, source: str) -> None:
    if not is_whole(unit, 1, max(_WINDOWS)) or unit not in _WINDOWS:
        raise ConfigError("LAB007", source, "clock", shown(unit), "1, 15 or 120")


def _is_finite(value: float) -> bool:
    return isinstance(value, bool) or is_real(value)
