"""Signals and phases of a history: every reading that the policy acts on, computed by the same streaming core.

Formulas, sources and defaults: docs/signals.md and docs/phases.md.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from alvh import _core
from alvh._signal_config import GroupWeights, PhaseConfig, SignalConfig, UserSignal
from alvh._signal_inputs import INPUTS, read_dates
from alvh.errors import ConfigError

if TYPE_CHECKING:
    import pandas as pd

    from alvh._signal_frame import PhaseFrame, SignalFrame
    from alvh.history import History

__all__ = [
    "GROUPS",
    "INPUTS",
    "PHASES",
    "SIGNALS",
    "GroupWeights",
    "PhaseConfig",
    "SignalConfig",
    "UserSignal",
    "compute",
    "phases",
    "read_dates",
]

_NAMES = _core.signal_names()
SIGNALS: tuple[str, ...] = tuple(_NAMES["signals"])
GROUPS: tuple[str, ...] = tuple(_NAMES["groups"])
PHASES: tuple[str, ...] = tuple(_NAMES["phases"])


def compute(history: History, config: SignalConfig | None = None, *, every_step: bool = False) -> SignalFrame:
    """Compute every signal, group, the hedge score and the phase of a history.

    Parameters
    ----------
    history : History
        Prices, and the columns of :meth:`alvh.History.with_signals`.
    config : SignalConfig, optional
        Parameters; the defaults of the method when absent.
    every_step : bool, optional
        Whether each step of the engine has a row; the closes of sessions only by default.

    Returns
    -------
    SignalFrame
        A pandas frame indexed by ``session`` (or ``time``, New York): ``spot`` and ``vix`` [points]; one column a
        signal in [0, 1], NaN where absent; one column a group (mean of its present signals); ``score`` (hedge score,
        0 while the quorum is missed), ``raw_score``, ``standing`` (groups at one half); ``phase``; and what the
        signals are made from. ``.plot()`` draws it.

    Raises
    ------
    ConfigError
        ``SIG013``: a signal of the user reads a column that the history does not have; ``SIG038``: no such argument.
    """
    from alvh._signal_frame import SignalFrame

    return SignalFrame(_columns(history, config, every_step))


def phases(history: History, config: SignalConfig | None = None) -> PhaseFrame:
    """Label every session of a history with its phase.

    Parameters
    ----------
    history : History
        Prices, and the columns of :meth:`alvh.History.with_signals`.
    config : SignalConfig, optional
        Parameters; the defaults of the method when absent.

    Returns
    -------
    PhaseFrame
        A pandas frame indexed by ``session``: ``spot`` and ``vix`` [points], ``phase``, ``phase_sessions`` (closed
        sessions since it was entered), ``event_driven`` (an expansion entered inside an event window). ``.plot()``
        draws the phases under the S&P 500 and VIX.

    Raises
    ------
    ConfigError
        As :func:`compute`.
    """
    from alvh._signal_frame import PhaseFrame

    frame = _columns(history, config, False)
    return PhaseFrame(frame[["spot", "vix", "phase", "phase_sessions", "event_driven"]])


def _columns(history: History, config: SignalConfig | None, every_step: bool) -> pd.DataFrame:
    import pandas as pd

    config = SignalConfig() if config is None else config
    if not isinstance(config, SignalConfig):
        raise ConfigError("SIG038", "signals", "config", type(config).__name__, "a SignalConfig or None")
    if not hasattr(history, "source"):
        raise ConfigError("SIG038", "signals", "history", type(history).__name__, "a History")
    raw: dict[str, Any] = _core.signals(history.source(), json.dumps(config._encode()), bool(every_step))
    day, seconds, phase = raw.pop("day"), raw.pop("seconds"), raw.pop("phase")
    index: pd.Index[Any]
    if every_step:
        time = day.astype("datetime64[D]").astype("datetime64[s]") + seconds.astype("timedelta64[s]")
        index = pd.DatetimeIndex(time, name="time").tz_localize("America/New_York")
    else:
        index = pd.DatetimeIndex(day.astype("datetime64[D]"), name="session")
    frame = pd.DataFrame(raw, index=index)
    frame["standing"] = frame["standing"].astype(np.int64)
    frame["macd_cross"] = frame["macd_cross"].astype(np.int64)
    names = pd.Categorical.from_codes(phase, dtype=pd.CategoricalDtype(list(PHASES)))
    frame.insert(2, "phase", pd.Series(names, index=index))
    return frame
