"""The base of every frozen part of a book: types of its fields, and the core's check."""

from __future__ import annotations

import json
import math
import numbers
import types
from typing import Any, Literal, Union, get_args, get_origin

from alvh import _configuration as configuration
from alvh import _core
from alvh.errors import ConfigError

__all__ = ["Part", "seconds"]

_KINDS: dict[type, tuple[type, str]] = {
    bool: (bool, "True or False"),
    int: (numbers.Integral, "an integer"),
    float: (numbers.Real, "a number"),
    str: (str, "a string"),
    types.NoneType: (types.NoneType, "None"),
}
# Integers of the core.
_LARGEST = 2**31


def _described(hint: Any) -> str:
    """Say what a field of this type takes."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_described(each) for each in get_args(hint))
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if get_origin(hint) is tuple:
        return "a tuple"
    return _KINDS[hint][1] if hint in _KINDS else str(hint.__name__)


def _native(value: Any, hint: Any) -> Any:
    """Return a value in the built-in type of its field; raises TypeError when it has another one."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        for each in parts:
            try:
                return _native(value, each)
            except TypeError:
                continue
    elif origin is Literal:
        if isinstance(value, str) and value in parts:
            return str(value)
    elif origin is tuple:
        if isinstance(value, (tuple, list)):
            hints = [parts[0]] * len(value) if parts[-1] is ... else parts
            if len(hints) == len(value):
                return tuple(_native(each, part) for each, part in zip(value, hints, strict=True))
    elif hint in _KINDS:
        is_flag = isinstance(value, bool)
        if isinstance(value, _KINDS[hint][0]) and (hint is bool) == is_flag:
            if hint is types.NoneType:
                return None
            native = hint(value)
            if hint is int and abs(native) >= _LARGEST:
                raise TypeError
            return native
    elif isinstance(value, hint):
        return value
    raise TypeError


def _is_finite(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_is_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


def seconds(owner: str, name: str, text: str) -> int:
    """Read a time of day as seconds after midnight.

    Parameters
    ----------
    owner, name : str
        Class and field, for the error.
    text : str
        ``"HH:MM"``.

    Returns
    -------
    int
        Seconds.

    Raises
    ------
    ConfigError
        When the text is no time of day.
    """
    hours, colon, minutes = text.partition(":")
    is_time = colon and (hours + minutes).isdecimal() and len(hours) <= 2 and len(minutes) == 2
    if not (is_time and hours and int(minutes) < 60):
        raise ConfigError("CFG098", owner, name, repr(text), "a time of day HH:MM, New York")
    return int(hours) * 3600 + int(minutes) * 60


class Part(configuration.Part):
    """A frozen part of a book: encodes itself for the core, which checks it."""

    def _encode(self) -> dict[str, Any]:
        raise AssertionError  # every part defines its own encoding

    def __post_init__(self) -> None:
        owner = type(self).__name__
        part: Any = type(self)
        for name, hint in configuration.hints(part).items():
            given = getattr(self, name)
            try:
                value = _native(given, hint)
            except (TypeError, OverflowError):
                raise ConfigError("CFG097", owner, name, repr(given), _described(hint)) from None
            if not _is_finite(value):
                raise ConfigError("CFG099", owner, name, repr(given), "a finite number")
            object.__setattr__(self, name, value)
        _core.check_part(owner, json.dumps(self._encode()))
