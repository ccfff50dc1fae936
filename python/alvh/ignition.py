"""Momentum ignition in the order book: detection over a tape, and what was found.

:func:`detect` runs the detector of docs/detector.md over a tape of order-book events and returns a :class:`Signal`;
:func:`features` gives the numbers it looks at. All of it is causal: what is known after an event does not change when
more events follow.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alvh import _core
from alvh._arguments import is_whole, shown
from alvh._hawkes import HawkesFit, fit_hawkes
from alvh._ignition_config import IgnitionConfig
from alvh.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "HawkesFit",
    "IgnitionConfig",
    "Signal",
    "arrivals",
    "bulk_vpin",
    "detect",
    "features",
    "fit_hawkes",
    "order_flow_imbalance",
]

STAGES = tuple(_core.IGNITION_STAGES)
OUTCOMES = tuple(_core.IGNITION_OUTCOMES)
_NO_PRICE = 2**63 - 1


def native(tape: Any) -> _core.Tape:
    """Return the core's tape behind a :class:`alvh.events.Tape`."""
    if isinstance(tape, _core.Stream):
        rule = "a tape of events: a streamed signal keeps none, that of alvh.detect does"
        raise ConfigError("IGN028", "Signal", "tape", "an IgnitionDetector", rule)
    inner = getattr(tape, "_core", tape)
    if isinstance(inner, _core.Tape):
        return inner
    rule = "a tape: read_dbn, read_lobster, read_binance, read_taq, from_arrays or from_frame make one"
    raise ConfigError("IGN022", "detect", "tape", type(tape).__name__, rule)


def checked(config: Any) -> IgnitionConfig:
    """Return the configuration, or the default one for None."""
    if config is None:
        return IgnitionConfig()
    if isinstance(config, IgnitionConfig):
        return config
    raise ConfigError("IGN023", "detect", "config", type(config).__name__, "an IgnitionConfig or None")


def detect(
    tape: Any, config: IgnitionConfig | None = None, *, progress: Callable[[float], object] | None = None
) -> Signal:
    """Find momentum ignition on a tape.

    The state machine of docs/detector.md runs on three clocks side by side. The result is that of
    :class:`alvh.IgnitionDetector` fed with the same events one by one.

    Parameters
    ----------
    tape : Tape
        Events of one instrument.
    config : IgnitionConfig, optional
        The default one if none; see :meth:`IgnitionConfig.calibrate`.
    progress : callable, optional
        Called with the seconds since the start about ten times a second while the core is at work.

    Returns
    -------
    Signal
        Episodes with their evidence, stages, timeline, quality.

    Raises
    ------
    ConfigError
        ``IGN022``, ``IGN023``, ``IGN047``: an argument of another type.
    SchemaError
        A tape without a book.
    DataError
        ``IGN001``: time goes back; and what reading the tape raises.
    """
    config = checked(config)
    if progress is not None and not callable(progress):
        raise ConfigError("IGN047", "detect", "progress", shown(progress), "a callable or None")
    return Signal(tape, config, _core.ignition_detect(native(tape), config.to_json(), progress))


def features(
    tape: Any, config: IgnitionConfig | None = None, *, every: str = "1s", clock: int = 0
) -> pd.DataFrame:
    """Features of one clock along a tape.

    A row is taken after the first event at or past each multiple of `every`: it holds what was known then. Features of
    the clock are those at the end of its last cell (a hundredth of its unit), which lies at most one cell before the
    event; VPIN, intensities and runs include the event.

    Parameters
    ----------
    tape : Tape
        Events of one instrument.
    config : IgnitionConfig, optional
        The default one if none.
    every : str, optional
        A duration as pandas writes it ("1s", "100ms"), or "event" for a row an event.
    clock : {0, 1, 2}, optional
        Which clock.

    Returns
    -------
    pandas.DataFrame
        Indexed by the time of the event [UTC], with its number in ``event`` and a column for each feature of
        docs/detector.md; prices in ticks, sizes in lots.

    Raises
    ------
    ConfigError
        ``IGN010``: no such clock; ``IGN024``: no such duration.
    """
    import pandas as pd

    config = checked(config)
    step = 0 if every == "event" else _duration(every)
    if every != "event" and step <= 0:
        raise ConfigError("IGN024", "features", "every", shown(every), 'a duration such as "1s", or "event"')
    if not is_whole(clock, 0, len(config.clocks) - 1):
        raise ConfigError("IGN010", "features", "clock", shown(clock), f"0 to {len(config.clocks) - 1}")
    columns = _core.ignition_features(native(tape), config.to_json(), clock, step)
    index = _times(columns.pop("time")).rename("time")
    frame = pd.DataFrame(columns, index=index, copy=False)
    return frame.assign(is_ultrafast=frame["is_ultrafast"] > 0.0)


def _duration(text: Any) -> int:
    """Nanoseconds of a duration as pandas writes it; 0 of anything else."""
    import pandas as pd

    try:
        return int(pd.Timedelta(text).value) if isinstance(text, str) else 0
    except (TypeError, ValueError):
        return 0


def order_flow_imbalance(
    tape: Any, levels: int = 1, *, normalise: str | None = None
) -> npt.NDArray[np.float64]:
    """Order-flow imbalance of every event of a tape, alone or over a trailing window and per unit of depth.

    The non-strict form of Cont, Kukanov and Stoikov (2014), doi:10.1093/jjfinec/nbt003, equation (2): a change of size
    at an unchanged best price counts. Over several levels the imbalance of level k weighs 1/k (Xu, Gould and Howison
    2019, doi:10.1142/S2382626619500114).

    Price impact is inverse to depth, so that imbalances of different hours or instruments compare only per unit of it.
    With `normalise` the value at time t is the sum of the imbalances in (t - window, t] over the mean depth in the same
    window: mean over its whole books, over bid and ask, and over the levels (Cont, Kukanov and Stoikov 2014, average
    depth; several levels: Cont, Cucuringu and Zhang 2023, doi:10.1080/14697688.2023.2236159).

    Parameters
    ----------
    tape : Tape
        Events of one instrument.
    levels : int, optional
        Best levels that count, 1 to 10.
    normalise : str, optional
        Length of the trailing window as pandas writes it ("10s"); without it every event stands alone, in lots.

    Returns
    -------
    numpy.ndarray of float64, shape (n_events,)
        Positive for buyers. Without `normalise` lots: 0 for an event that does not leave a whole book, and for the
        first two-sided one after an open, a halt, a gap or a snapshot. With it multiples of the mean depth of a level:
        what is known after the event; the window begins anew after an open, a halt, a gap or a snapshot, and is NaN
        without a whole book or without depth. A missing level has depth 0.

    Raises
    ------
    ConfigError
        ``IGN060``: another number of levels; ``IGN061``: no such duration.
    SchemaError
        ``IGN005``: a tape without a book.
    """
    if not is_whole(levels, 1, 10):
        raise ConfigError("IGN060", "order_flow_imbalance", "levels", shown(levels), "1 to 10")
    window = None if normalise is None else _duration(normalise)
    if window is not None and window <= 0:
        rule = 'a duration such as "10s", or None'
        raise ConfigError("IGN061", "order_flow_imbalance", "normalise", shown(normalise), rule)
    return _core.order_flow_imbalances(native(tape), int(levels), window)


def bulk_vpin(tape: Any, bucket: int, *, buckets: int = 50, bars: int = 10) -> pd.DataFrame:
    """VPIN with bulk classification, a row a full bucket of volume.

    Volume is cut into bars of equal lots, `bars` to a bucket. Of a bar the share Phi(d/sigma) counts as bought, where d
    is its last price less that of the bar before and sigma the standard deviation of the d of the last `buckets` x
    `bars` bars, this one included. VPIN is the mean of abs(bought - sold) over the volume of the last `buckets` buckets
    (Easley, Lopez de Prado and O'Hara 2012, doi:10.1093/rfs/hhs053; its limits: Andersen and Bondarenko 2014,
    doi:10.1016/j.finmar.2013.05.005). The published form takes bars of one minute and the sigma of the whole sample,
    which looks ahead; this one knows nothing of what follows. With true signs it is the column ``vpin`` of
    :func:`features`.

    Parameters
    ----------
    tape : Tape
        Events of one instrument; trades are enough. Those without a price are left out.
    bucket : int
        Lots of a bucket; published: a fiftieth of a mean day, which only you know.
    buckets : int, optional
        Buckets of the mean, 1 to 1,000.
    bars : int, optional
        Bars of a bucket, 1 to 100, at most one a lot.

    Returns
    -------
    pandas.DataFrame
        Indexed by the time of the print that filled the bucket [UTC]: ``event``, its number; ``bought``, share of the
        bucket in [0, 1]; ``vpin`` in [0, 1], NaN before there are enough buckets.

    Raises
    ------
    ConfigError
        ``IGN062`` to ``IGN064``: a number of lots, buckets or bars out of range.
    """
    import pandas as pd

    rules = (
        ("IGN062", "bucket", bucket, 2**53),
        ("IGN063", "buckets", buckets, 1_000),
        ("IGN064", "bars", bars, 100),
    )
    for code, name, value, most in rules:
        if not is_whole(value, 1, most):
            raise ConfigError(code, "bulk_vpin", name, shown(value), f"a whole number from 1 to {most}")
    columns = _core.bulk_vpin(native(tape), int(bucket), int(buckets), int(bars))
    index = _times(columns.pop("time")).rename("time")
    return pd.DataFrame(columns, index=index, copy=False)


def arrivals(tape: Any, side: str = "trade") -> npt.NDArray[np.int64]:
    """Return the times at which aggressors came, strictly ascending: prints of one nanosecond are one event.

    Parameters
    ----------
    tape : Tape
        Events of one instrument; trades are enough.
    side : {"trade", "buy", "sell"}
        Every trade, or those of one side.

    Returns
    -------
    numpy.ndarray of int64
        Nanoseconds since the epoch, for :func:`fit_hawkes`.

    Raises
    ------
    ConfigError
        ``IGN065``: no such side.
    """
    if not isinstance(side, str):
        raise ConfigError("IGN065", "arrivals", "side", shown(side), "buy, sell or trade")
    return _core.aggressor_times(native(tape), side)


def _times(values: npt.NDArray[np.int64], missing: npt.NDArray[np.bool_] | None = None) -> pd.DatetimeIndex:
    import pandas as pd

    stamps = values.astype("datetime64[ns]")
    if missing is not None:
        stamps[missing] = np.datetime64("NaT")
    return pd.DatetimeIndex(stamps, tz="UTC")


def _names(codes: npt.NDArray[np.uint8], names: tuple[str, ...]) -> Any:
    import pandas as pd

    # One type however many rows there are.
    return pd.array(np.array(names, dtype=object)[codes], dtype="str")


_MOMENTS = ("onset", "detected", "cascade", "peak", "end")
_PRICES = ("reference_price", "detected_price", "peak_price", "end_price")
_EVIDENCE = (
    "push_z",
    "velocity_z",
    "volume_burst",
    "thinning",
    "cascade_share",
    "levels_swept",
    "branching_jump",
    "participant",
    "participant_share",
    "participant_reversal",
)


class Signal:
    """What the detector found on a tape; :func:`detect` makes it.

    Attributes
    ----------
    config : IgnitionConfig
        The configuration it ran with.
    tape : Tape
        The tape; the detector itself where the signal is that of a stream.
    quality : dict of str to int
        What the reader, the book and the detector flagged or dropped; kinds with a count of zero are left out.
    """

    def __init__(self, tape: Any, config: IgnitionConfig, raw: Mapping[str, Any]) -> None:
        self.tape = tape
        self.config = config
        self.quality: dict[str, int] = dict(raw["quality"])
        self._raw = dict(raw)

    @property
    def tick_size(self) -> float:
        """One tick [currency]."""
        return float(self.tape.tick_size)

    @functools.cached_property
    def episodes(self) -> pd.DataFrame:
        """One row an alarm, in the order of the alarms.

        Columns: ``onset`` (beginning of the burst that armed), ``detected`` (the early alarm), ``cascade``, ``peak``,
        ``end`` [UTC; NaT when it has not come]; ``side`` (+1 up, -1 down); ``score`` (0 to 100); ``outcome``
        (reverted, continued, expired, open); ``confirmed`` (reverted); ``clock`` [seconds]; ``was_armed``; prices
        [currency]; ``retrace`` (share of the move); the largest push, velocity, burst and share of volume at new
        extremes, the smallest depth ratio, levels swept; ``branching_jump``; ``sigma`` [currency];
        ``participant`` (0: unknown) with its share of the volume of the move and its volume against it over that with
        it; and the number of the event that made each moment known (-1: none).
        """
        import pandas as pd

        raw = self._raw["episodes"]
        outcome = _names(raw["outcome"], OUTCOMES)
        columns: dict[str, Any] = {name: _times(raw[name], raw[f"{name}_event"] < 0) for name in _MOMENTS}
        columns |= {"side": raw["side"], "score": raw["score"]}
        columns["outcome"] = outcome
        columns |= {
            "confirmed": raw["outcome"] == OUTCOMES.index("reverted"),
            "clock": np.array(self.config.clocks)[raw["clock"]],
        }
        columns["was_armed"] = raw["was_armed"]
        columns |= {name: raw[name] * self.tick_size for name in _PRICES}
        columns |= {"retrace": raw["retrace"], "sigma": raw["sigma"] * self.tick_size}
        columns |= {name: raw[name] for name in _EVIDENCE}
        columns |= {f"{name}_event": raw[f"{name}_event"] for name in _MOMENTS}
        frame = pd.DataFrame(columns)
        frame.index.name = "episode"
        return frame

    @functools.cached_property
    def transitions(self) -> pd.DataFrame:
        """Every change of stage and every outcome in the order in which they became known.

        Columns ``time`` [UTC], ``event``, ``clock`` [seconds], ``side``, ``stage`` (of the clock from here on: idle,
        armed, ignited, cascade), ``episode`` (row of :attr:`episodes`, -1 for none), ``outcome`` (of the episode that
        ended here, else "open") and ``score``. The log only grows: that of a shorter
        tape is the beginning of that of a longer one.
        """
        import pandas as pd

        raw = self._raw["transitions"]
        return pd.DataFrame(
            {
                "time": _times(raw["time"]),
                "event": raw["event"],
                "clock": np.array(self.config.clocks)[raw["clock"]],
                "side": raw["side"],
                "stage": _names(raw["stage"], STAGES),
                "episode": raw["episode"],
                "outcome": _names(raw["outcome"], OUTCOMES),
                "score": raw["score"],
            }
        )

    @functools.cached_property
    def timeline(self) -> pd.DataFrame:
        """One row a unit of the first clock (a second by default) in which there was an event.

        Indexed by the end of the unit [UTC]. Columns: ``known`` (time of the event that ended it: nothing of the row
        was known before), ``mid`` and ``spread`` [currency], ``volume`` [lots], the largest ``score`` of an alarm that
        was going on (0 without one), the smallest ``quick_ratio`` of either side (infinite: nobody took), the
        ``push_z`` of largest absolute value, the highest ``stage`` of any clock, ``is_scored``.
        """
        import pandas as pd

        raw = self._raw["timeline"]
        return pd.DataFrame(
            {
                "known": _times(raw["known"]),
                "mid": raw["mid"] * self.tick_size,
                "spread": raw["spread"] * self.tick_size,
                "volume": raw["volume"],
                "score": raw["score"],
                "quick_ratio": raw["quick_ratio"],
                "push_z": raw["push_z"],
                "stage": _names(raw["stage"], STAGES),
                "is_scored": raw["is_scored"],
            },
            index=_times(raw["time"]).rename("time"),
        )

    @property
    def thresholds(self) -> dict[str, Any]:
        """What has to be exceeded, as it was used; with the configuration's hash and, if so, how it was calibrated."""
        names = [
            "clocks",
            "volume_ratio",
            "push_z",
            "velocity_z",
            "thinning",
            "move_bp",
            "alarm_score",
            "idle_factor",
        ]
        names += ["cascade_ticks", "cascade_sigma", "cascade_bp", "retrace_share", "retrace_windows"]
        found: dict[str, Any] = {
            name: list(value) if isinstance(value := getattr(self.config, name), tuple) else value
            for name in names
        }
        calibration = self.config.calibration
        return {
            **found,
            "config_hash": self.config.hash,
            "calibration": None if calibration is None else calibration.to_dict(),
        }

    @property
    def events(self) -> int:
        """Number of events of the tape."""
        return int(self._raw["events"])

    @property
    def scored_seconds(self) -> float:
        """Seconds of the timeline in which anything was scored."""
        return float(self._raw["timeline"]["is_scored"].sum() * self.config.clocks[0])

    def evidence(self, episode: int) -> pd.DataFrame:
        """Return the events of the tape that made an episode.

        Parameters
        ----------
        episode : int
            Row of :attr:`episodes`.

        Returns
        -------
        pandas.DataFrame
            Events from the onset to the end (to the last event while it is open), by number: ``time`` [UTC],
            ``action``, ``side``, ``price`` [currency; NaN without one], ``size`` [lots], ``order_id``,
            ``participant``, ``flags``, and the ``moment`` that the event made known, if any.

        Raises
        ------
        ConfigError
            ``IGN025``: no such episode; ``IGN028``: a signal of :class:`alvh.IgnitionDetector`, which has no tape.
        """
        import pandas as pd

        native(self.tape)

        row = self._episode(episode)
        first = int(row["onset_event"])
        last = int(row["end_event"]) if row["end_event"] >= 0 else self.events - 1
        raw = _core.ignition_events(native(self.tape), first, last)
        letters = {name: raw[name].tobytes().decode("ascii", "replace") for name in ("action", "side")}
        price = np.where(raw["price"] == _NO_PRICE, np.nan, raw["price"] * self.tick_size)
        frame = pd.DataFrame(
            {
                "time": _times(raw["time"]),
                **{name: pd.array(list(text), dtype="str") for name, text in letters.items()},
                "price": price,
                "size": raw["size"],
                "order_id": raw["order_id"],
                "participant": raw["participant"],
                "flags": raw["flags"],
                "moment": "",
            },
            index=pd.Index(raw["event"], name="event"),
        )
        # Later moments win where one event made several known: an ignition from idle is its own onset.
        for name in _MOMENTS:
            number = int(row[f"{name}_event"])
            if number in frame.index:
                frame.loc[number, "moment"] = name
        return frame

    def _episode(self, episode: int) -> pd.Series[Any]:
        n = len(self._raw["episodes"]["side"])
        if not is_whole(episode, 0, n - 1):
            rule = f"0 to {n - 1}" if n else "nothing: there is no episode"
            raise ConfigError("IGN025", "Signal", "episode", shown(episode), rule)
        return self.episodes.iloc[int(episode)]

    def by_session(
        self,
        calendar: Any = None,
        bar: str | None = None,
        *,
        lookback: int = 20,
        past: pd.DataFrame | None = None,
    ) -> pd.DataFrame:
        """Aggregate to sessions, or to bars of sessions: what a daily or intraday strategy can use.

        A second of the timeline belongs to the bar in which it became known. ``quick_ratio_relative`` divides by the
        median of the same bar over the `lookback` sessions before, strictly past, and is NaN until there are as many.

        Parameters
        ----------
        calendar : {None, "24h"} or pandas.DataFrame, optional
            None: sessions of the New York Stock Exchange, 09:30 to the close of :mod:`alvh.calendar`. "24h": days of
            UTC. A frame of your own: one row a session, with ``open`` and ``close`` [with a time zone].
        bar : str, optional
            A duration as pandas writes it ("30min"); the whole session by default.
        lookback : int, optional
            Sessions of the median.
        past : pandas.DataFrame, optional
            What this method gave for earlier tapes of the instrument (one a day, say), for the median.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``session`` (date) and, with `bar`, ``start`` [UTC]; bars that the tape touches. Columns:
            ``start`` (without `bar`), ``end`` [UTC];
            ``score`` (largest); ``quick_ratio`` (smallest); ``quick_ratio_relative``; ``episodes`` (early alarms);
            ``confirmed`` (known as such in the bar); ``armed`` [seconds in which any clock was armed or beyond];
            ``first_armed``, ``first_ignited`` [UTC]; ``scored`` [seconds]; ``is_complete`` (the tape goes on beyond
            its end); ``usable_from`` [UTC]: the first open or end of a bar after the values were known. Score and
            ratios are NaN where nothing was scored.

        Raises
        ------
        ConfigError
            ``IGN026``: an argument of another kind.
        LimitError
            ``IGN048``: more than two million bars.
        """
        from alvh._ignition_sessions import by_session

        return by_session(self, calendar, bar, lookback, past)

    def plot(self, episode: int | None = None, *, figure: Figure | None = None) -> Axes:
        """Draw the timeline of the score, or the book around one episode.

        Parameters
        ----------
        episode : int, optional
            Row of :attr:`episodes`; the whole timeline by default.
        figure : matplotlib.figure.Figure, optional
            Where to draw; a new figure by default. ``axes.figure.savefig(path)`` saves it.

        Returns
        -------
        matplotlib.axes.Axes
            The uppermost axes drawn on.

        Raises
        ------
        ConfigError
            ``IGN029``: another kind of figure; ``IGN025``: no such episode; ``IGN028``: an episode of a signal of
            :class:`alvh.IgnitionDetector`, which has no tape.
        DataError
            ``IGN027``: no two-sided book in the window of an episode.
        """
        from alvh import ignition_plot

        if figure is not None and not hasattr(figure, "subplots"):
            raise ConfigError(
                "IGN029", "plot", "figure", type(figure).__name__, "a matplotlib figure or None"
            )
        if episode is not None:
            native(self.tape)
        if episode is None:
            return ignition_plot.timeline(self, figure)
        return ignition_plot.episode(self, self._episode(episode), figure)

    def summary(self) -> pd.Series[Any]:
        """Return what was found, counted.

        Returns
        -------
        pandas.Series
            Events, first and last second, scored seconds, early alarms, outcomes, highest score, seconds armed,
            number of flagged anomalies, hash of the configuration.
        """
        import pandas as pd

        timeline, episodes = self.timeline, self.episodes
        counts = {name: int((episodes["outcome"] == name).sum()) for name in OUTCOMES}
        return pd.Series(
            {
                "events": self.events,
                "start": timeline.index[0] if len(timeline) else pd.NaT,
                "end": timeline.index[-1] if len(timeline) else pd.NaT,
                "scored_seconds": self.scored_seconds,
                "alarms": len(episodes),
                **counts,
                "highest_score": float(timeline["score"].max()) if len(timeline) else 0.0,
                "flagged": sum(self.quality.values()),
                "config_hash": self.config.hash,
            },
            name="signal",
        )

    def __repr__(self) -> str:
        found = self.summary()
        span = (
            ""
            if found["start"] is None or not len(self.timeline)
            else f", {found['start']:%Y-%m-%d %H:%M:%S} UTC"
        )
        return (
            f"Signal({found['events']:,} events{span}, {found['scored_seconds']:,.0f} s scored: "
            f"{found['alarms']} early alarms, {found['reverted']} confirmed)"
        )

    def _repr_html_(self) -> str:
        import html

        shown = ["detected", "side", "clock", "score", "outcome", "reference_price", "peak_price", "retrace"]
        frame = self.episodes[shown].head(20)
        return f"<p>{html.escape(repr(self))}</p>{frame.to_html(float_format='{:,.4g}'.format, border=0)}"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Signal):
            return NotImplemented
        mine, theirs = self._raw, other._raw
        parts = ("episodes", "transitions", "timeline")
        return (
            self.config == other.config
            and self.quality == other.quality
            and (mine["events"], mine["end"]) == (theirs["events"], theirs["end"])
            and all(
                # Bit for bit, so that a missing number equals a missing number.
                mine[part][name].tobytes() == theirs[part][name].tobytes()
                for part in parts
                for name in mine[part]
            )
        )

    __hash__ = None  # type: ignore[assignment]

    def __getstate__(self) -> dict[str, Any]:
        kept = ("tape", "config", "quality", "_raw")
        return {name: self.__dict__[name] for name in kept}
