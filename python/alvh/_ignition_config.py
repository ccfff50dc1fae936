"""The configuration of the ignition detector."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import numbers
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh._arguments import is_real, shown
from alvh.errors import ConfigError

if TYPE_CHECKING:
    from alvh._ignition_calibration import Calibration

__all__ = ["IgnitionConfig", "instant"]

Triple = tuple[float, float, float]
# Fields with one number for each clock; one number given stands for all of them.
_PER_CLOCK = (
    "retrace_windows",
    "volume_ratio",
    "push_z",
    "velocity_z",
    "move_bp",
    "alarm_score",
    "cascade_sigma",
)
_LARGEST_NS = 2**63 - 1


@dataclass(frozen=True)
class IgnitionConfig:
    """What the detector is told: clocks, time constants, thresholds, masks, weights of the score.

    Time constants and durations are in units of each clock (seconds on the clock of 1 s, quarters of a minute on that
    of 15 s) unless "seconds" is said. Fields with three numbers have one for each clock; a single number stands for all
    three. In brackets: unit; PUB a published number, STD standard in the field, OWN chosen by us and measured on
    labelled order flow (docs/detector.md). Every field is checked by the core when an object is made.

    Parameters
    ----------
    clocks : tuple of three floats
        Lengths of the clocks' unit [seconds], ascending whole multiples of the first. OWN: a burst in one stock lasts
        seconds, an index episode minutes.
    retrace_windows : tuple of three floats
        Time from the peak within which a move has to come back [seconds]. OWN.
    tau_fast : float
        Time constant of the push, the burst and the fast mean of the mid [units]. OWN.
    tau_mid : float
        Time constant of the mean of the mid that a move is measured from [units]. OWN.
    tau_slow : float
        Time constant of ordinary rates and depths [units]. OWN.
    tau_sigma : float
        Time constant of the volatility of the mid [units]. OWN.
    volume_ratio : tuple of three floats
        Fast over slow rate of volume that arms. OWN.
    arm_hold : float
        Time that the arming condition has to hold [units]. OWN.
    arm_timeout : float
        Time after which an armed clock goes idle; it may arm again at once [units]. OWN.
    arm_move_ticks : float
        Largest distance of the mid from its mean while arming [ticks]; at least half a spread and half a tick. OWN.
    push_z : tuple of three floats
        Order-flow imbalance that ignites [standard deviations of shot noise]. OWN; the imbalance itself is PUB.
    velocity_z : tuple of three floats
        Distance of the mid from its mean that ignites [standard deviations]. OWN.
    thinning : float
        Largest ratio of the consumed side's depth to its mean that ignites. OWN.
    move_bp : tuple of three floats
        Smallest distance of the mid from its mean that ignites [basis points]. OWN.
    alarm_score : tuple of three floats
        Smallest score that ignites [0..100]. OWN: the best balance of precision and recall on labelled order flow.
    idle_factor : float
        Factor of `push_z` and `velocity_z` when the clock was not armed. OWN.
    cascade_ticks : float
        Smallest move of a cascade [ticks]. OWN.
    cascade_sigma : tuple of three floats
        Smallest move of a cascade [standard deviations of the mid's change over one unit]. OWN.
    cascade_bp : float
        Smallest move of a cascade [basis points]. OWN.
    cascade_window : float
        Time within which an ignition has to become a cascade [units]. OWN.
    retrace_share : float
        Share of the move that has to come back, in (0, 1]. OWN.
    cool_down : float
        Time after an episode without another one on the same clock [units]. OWN.
    warm_up : float
        Time without scoring after the start of a tape or after a gap [share of `tau_slow`]. OWN.
    open_mask : float
        Time without scoring after an open or reopen [seconds]. OWN: 2015-08-24 happened inside it.
    masks : tuple of pairs
        Windows without scoring, ``[start, end)``: integers [ns since the epoch] or time stamps with a time zone.
    stale_after : float
        A pause of the feed beyond this is counted, and nothing is scored on its far side [seconds]. OWN.
    vpin_bucket : float
        Lots of one bucket of the volume-synchronised probability of informed trading; 0 switches it off. The
        published size is a fiftieth of the mean daily volume, which only you know.
    score_weights : tuple of five floats
        Weights of push z, velocity z, ln(1 + z) of the trade burst, thinning and fade share in the score. OWN: fitted
        on labelled order flow (docs/detector.md).
    score_offset : float
        The score's constant, with which the score is 50 at the alarm. OWN.
    calibration : object, optional
        How the thresholds were found, set by :meth:`calibrate`; no part of the configuration's identity.

    Raises
    ------
    ConfigError
        ``CFG100`` to ``CFG107``: a field breaks its rule. ``CFG108``: a field of the wrong type.

    Examples
    --------
    >>> alvh.IgnitionConfig(push_z=6.0).push_z
    (6.0, 6.0, 6.0)
    """

    clocks: Triple = (1.0, 15.0, 120.0)
    retrace_windows: Triple = (60.0, 600.0, 3600.0)
    tau_fast: float = 0.25
    tau_mid: float = 1.0
    tau_slow: float = 60.0
    tau_sigma: float = 300.0
    volume_ratio: Triple = (3.0, 3.0, 3.0)
    arm_hold: float = 0.2
    arm_timeout: float = 10.0
    arm_move_ticks: float = 2.0
    push_z: Triple = (4.0, 4.0, 4.0)
    velocity_z: Triple = (1.5, 1.5, 1.5)
    thinning: float = 0.9
    move_bp: Triple = (0.3, 0.3, 0.3)
    alarm_score: Triple = (50.0, 50.0, 50.0)
    idle_factor: float = 2.0
    cascade_ticks: float = 4.0
    cascade_sigma: Triple = (3.0, 3.0, 3.0)
    cascade_bp: float = 1.0
    cascade_window: float = 5.0
    retrace_share: float = 0.5
    cool_down: float = 5.0
    warm_up: float = 0.5
    open_mask: float = 300.0
    masks: tuple[tuple[int, int], ...] = ()
    stale_after: float = 30.0
    vpin_bucket: float = 0.0
    score_weights: tuple[float, float, float, float, float] = (0.014, 0.215, 1.893, -3.129, -3.395)
    score_offset: float = 3.084
    calibration: Calibration | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, default in _defaults().items():
            value = getattr(self, name)
            if name == "masks":
                value = _windows(value)
            elif isinstance(default, float):
                value = _number(name, value)
            else:
                value = _numbers(name, value, len(default))
            object.__setattr__(self, name, value)
        _core.ignition_hash(self.to_json())

    def to_json(self) -> str:
        """Return the fields as JSON; :meth:`from_json` reads it."""
        return json.dumps({name: getattr(self, name) for name in _defaults()})

    @classmethod
    def from_json(cls, text: str) -> IgnitionConfig:
        """Make a configuration of JSON; fields that are missing take their defaults.

        Parameters
        ----------
        text : str
            An object of fields.

        Returns
        -------
        IgnitionConfig
            The configuration.

        Raises
        ------
        ConfigError
            ``CFG100``: no JSON object, or an unknown field; else as the class.
        """
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise ConfigError("CFG100", "IgnitionConfig", "fields", str(error), "JSON") from None
        except RecursionError:
            raise ConfigError(
                "CFG100", "IgnitionConfig", "fields", "values nested too deeply", "JSON"
            ) from None
        if not isinstance(fields, dict):
            raise ConfigError("CFG100", "IgnitionConfig", "fields", type(fields).__name__, "a JSON object")
        unknown = [name for name in fields if name not in _defaults()]
        if unknown:
            raise ConfigError(
                "CFG100",
                "IgnitionConfig",
                " ".join(unknown[0].split())[:40],
                "an unknown field",
                "the documented fields",
            )
        return cls(**fields)

    def replace(self, **changes: Any) -> IgnitionConfig:
        """Return a copy with other values; how it was calibrated is forgotten.

        Parameters
        ----------
        **changes : Any
            Fields and their new values.

        Returns
        -------
        IgnitionConfig
            The changed copy.

        Raises
        ------
        ConfigError
            As the class; ``CFG100`` for an unknown field.
        """
        unknown = [name for name in changes if name not in _defaults()]
        if unknown:
            raise ConfigError(
                "CFG100", "IgnitionConfig", unknown[0], "an unknown field", "the documented fields"
            )
        return dataclasses.replace(self, **{"calibration": None, **changes})

    @property
    def hash(self) -> str:
        """SHA-256 of the canonical fields, hexadecimal."""
        return _core.ignition_hash(self.to_json())

    @classmethod
    def calibrate(
        cls,
        tape: Any,
        alarms_per_day: float = 10.0,
        confirmed_per_day: float = 1.0,
        *,
        base: IgnitionConfig | None = None,
        hours_per_day: float = 6.5,
        until: Any = None,
    ) -> IgnitionConfig:
        """Scale the thresholds in standard deviations until ordinary hours of the instrument give few alarms.

        The detector runs over the tape with `push_z`, `velocity_z` and `cascade_sigma` times each factor of a grid
        from 1 to 8; the smallest factor is taken whose rate of early alarms and of confirmed events, with everything
        above it, meets the targets. Alarms of the tape are taken for false ones: calibrate on ordinary days. A rate
        beyond what the counts can show is extrapolated by an exponential in the factor where at least two factors have
        counts; without any alarm the upper end of the Poisson interval is what is compared. ``config.calibration``
        holds the curve, exact intervals, and in words what the length of the tape can and cannot say.

        Parameters
        ----------
        tape : Tape
            Ordinary hours of one instrument.
        alarms_per_day, confirmed_per_day : float, optional
            Targets [per instrument and day, all clocks together].
        base : IgnitionConfig, optional
            What the factors multiply; the defaults if none.
        hours_per_day : float, optional
            Hours of trading in a day: 6.5 for stocks, 24 for crypto [hours].
        until : int or time stamp, optional
            Use the tape up to here only [ns since the epoch, or with a time zone].

        Returns
        -------
        IgnitionConfig
            `base` with scaled thresholds, the weights of push and velocity in the score divided by the same factor,
            and with ``.calibration``.

        Raises
        ------
        DataError
            ``IGN020``: nothing of the tape was scored.
        ConfigError
            ``IGN021``: a target or a number of hours that is not positive; ``IGN023``: another kind of `base`.
        """
        from alvh._ignition_calibration import calibrate

        if base is not None and not isinstance(base, IgnitionConfig):
            raise ConfigError("IGN023", "calibrate", "base", type(base).__name__, "an IgnitionConfig or None")
        start = cls() if base is None else base
        return calibrate(tape, start, alarms_per_day, confirmed_per_day, hours_per_day, until)


@functools.cache
def _defaults() -> dict[str, Any]:
    fields = dataclasses.fields(IgnitionConfig)
    return {each.name: each.default for each in fields if each.name != "calibration"}


def _number(name: str, value: Any) -> float:
    if is_real(value):
        return float(value)
    raise ConfigError("CFG108", "IgnitionConfig", name, shown(value), "a finite number")


def _numbers(name: str, value: Any, n: int) -> tuple[float, ...]:
    if name in _PER_CLOCK and isinstance(value, numbers.Real):
        value = (value,) * n
    if isinstance(value, tuple | list | np.ndarray) and len(value) == n:
        return tuple(_number(f"{name}[{i}]", each) for i, each in enumerate(value))
    raise ConfigError("CFG108", "IgnitionConfig", name, shown(value), f"a tuple of {n} numbers")


def _windows(value: Any) -> tuple[tuple[int, int], ...]:
    rule = "pairs of ns since the epoch or of time stamps with a time zone"
    if not isinstance(value, tuple | list) or any(
        not isinstance(pair, tuple | list) or len(pair) != 2 for pair in value
    ):
        raise ConfigError("CFG108", "IgnitionConfig", "masks", shown(value), rule)
    return tuple((instant(start, "masks"), instant(end, "masks")) for start, end in value)


def instant(value: Any, name: str) -> int:
    """Ns since the epoch of an integer or of a time stamp with a zone."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool) and abs(int(value)) <= _LARGEST_NS:
        return int(value)
    import pandas as pd

    stamp: Any = None
    with contextlib.suppress(TypeError, ValueError):
        stamp = pd.Timestamp(value)
    if stamp is None or pd.isna(stamp) or stamp.tzinfo is None:
        rule = "ns since the epoch or a time stamp with a time zone"
        raise ConfigError("CFG108", "IgnitionConfig", name, shown(value), rule)
    return int(stamp.tz_convert("UTC").as_unit("ns").value)
