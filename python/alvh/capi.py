"""C functions of the detector, for compiled hosts: numba, cffi, C.

The compiled module exports ``alvh_ignition_new``, ``alvh_ignition_step``, ``alvh_ignition_score`` and
``alvh_ignition_free``; here they are as :mod:`ctypes` functions, which numba calls from ``@njit`` code at the cost of a
C call. A handle is a number: one that was never given out, or was freed, gives an error code and nothing worse.

Codes of :func:`step`: 0 idle, 1 armed, 2 ignited, 3 cascade; `BAD_HANDLE`, `BUSY` (another call on the detector is at
work), `REFUSED` (time goes back, or a value beyond what is taken; the detector is unchanged), `DEFECT`.

Examples
--------
>>> from alvh import capi
>>> handle = capi.new()
>>> capi.step(handle, 1_700_000_000_000_000_000, ord("A"), ord("B"), 20_000, 5, 1, capi.LAST)
0
>>> capi.score(handle)
0.0
>>> capi.free(handle)
0
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from alvh import _core
from alvh.errors import ConfigError, LimitError

if TYPE_CHECKING:
    from alvh.ignition import IgnitionConfig

__all__ = [
    "BAD_HANDLE",
    "BUSY",
    "CDEF",
    "DEFECT",
    "LAST",
    "REFUSED",
    "free",
    "library",
    "new",
    "score",
    "step",
]

BAD_HANDLE = -1
BUSY = -2
REFUSED = -3
DEFECT = -4

LAST = 128
"""Flag of the last record of an event: the book is whole after it."""

CDEF = """
uint64_t alvh_ignition_new(const char *json, size_t length, int64_t feed);
int64_t alvh_ignition_step(uint64_t handle, int64_t ts, int64_t action, int64_t side, int64_t price, int64_t size,
                           uint64_t order_id, int64_t flags);
double alvh_ignition_score(uint64_t handle);
int64_t alvh_ignition_free(uint64_t handle);
"""
"""Declarations of the functions in C, as ``cffi.FFI().cdef`` takes them."""

_FEEDS = {"orders": 0, "levels": 1}


def library() -> str:
    """Return the path of the shared object that exports the functions.

    Returns
    -------
    str
        What ``ctypes.CDLL`` and ``cffi.FFI().dlopen`` take.
    """
    path: str = _core.__file__
    return path


_library = ctypes.CDLL(library())

_new = _library.alvh_ignition_new
_new.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int64]
_new.restype = ctypes.c_uint64

step = _library.alvh_ignition_step
"""One event: handle, time [ns], action, side (ASCII codes), price [ticks], size [lots], order id, flags; the code."""
step.argtypes = [ctypes.c_uint64, *[ctypes.c_int64] * 5, ctypes.c_uint64, ctypes.c_int64]
step.restype = ctypes.c_int64

score = _library.alvh_ignition_score
"""Largest score of an alarm that is going on, 0 to 100, else 0; NaN for a handle that is none."""
score.argtypes = [ctypes.c_uint64]
score.restype = ctypes.c_double

free = _library.alvh_ignition_free
"""Closes the detector of a handle; 0, or the code."""
free.argtypes = [ctypes.c_uint64]
free.restype = ctypes.c_int64


def new(config: IgnitionConfig | None = None, feed: str = "orders") -> int:
    """Open a detector; :func:`free` closes it.

    Parameters
    ----------
    config : IgnitionConfig, optional
        The default one if none.
    feed : {"orders", "levels"}, optional
        How events describe the book.

    Returns
    -------
    int
        The handle, never 0.

    Raises
    ------
    ConfigError
        ``IGN039``: another feed; ``IGN023``: no configuration.
    LimitError
        ``IGN043``: too many detectors are open.
    """
    from alvh.ignition import checked

    if feed not in _FEEDS:
        raise ConfigError("IGN039", "capi.new", "feed", repr(feed), "orders or levels")
    json = checked(config).to_json().encode()
    handle = int(_new(json, len(json), _FEEDS[feed]))
    if handle == 0:
        raise LimitError(
            "IGN043", "capi.new", "detectors", f"{_core.CAPI_SLOTS} open", "fewer", hint="free some"
        )
    return handle
