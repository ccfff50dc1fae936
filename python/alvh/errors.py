"""Exceptions of alvh.

Every message is one line: ``CODE source[:position] field: got VALUE, expected RULE[; hint]``.
"""

from __future__ import annotations

__all__ = [
    "AlvhError",
    "ConfigError",
    "DataError",
    "DecodeError",
    "ExecutorError",
    "GovernanceError",
    "InternalError",
    "LimitError",
    "LookAheadError",
    "NumericalError",
    "SchemaError",
    "TruncatedError",
]


class AlvhError(Exception):
    """Base of all errors of the library.

    Parameters
    ----------
    code : str
        Stable identifier, for example ``"CFG007"``.
    source : str
        File, configuration class or argument that was read.
    field : str
        Column, field or parameter.
    value : str
        What was found.
    expected : str
        The rule that it breaks.
    position : str, optional
        Line, index or path inside the source.
    hint : str, optional
        A remedy.
    """

    def __init__(
        self,
        code: str,
        source: str,
        field: str,
        value: str,
        expected: str,
        position: str = "",
        hint: str = "",
    ) -> None:
        super().__init__(code, source, field, value, expected, position, hint)
        self.code = code
        self.source = source
        self.field = field
        self.value = value
        self.expected = expected
        self.position = position
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.source}:{self.position}" if self.position else self.source
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.code} {where} {self.field}: got {self.value}, expected {self.expected}{hint}"


class ConfigError(AlvhError, ValueError):
    """A configuration field breaks its rule."""


class DataError(AlvhError, ValueError):
    """Market data that cannot be used as it is."""


class DecodeError(DataError):
    """Bytes that are not what the format says."""


class TruncatedError(DataError):
    """A file that ends too early."""


class SchemaError(DataError):
    """Columns that are missing, duplicated or of the wrong type."""


class NumericalError(AlvhError, ArithmeticError):
    """A number that has no finite answer."""


class LimitError(AlvhError):
    """A size beyond what is allowed, found before anything is allocated."""


class LookAheadError(AlvhError):
    """Something tried to use data from its own future."""


class GovernanceError(AlvhError):
    """A policy, key or signature that is not in order."""


class ExecutorError(AlvhError, RuntimeError):
    """An executor that did not do its work: a worker died, an answer was lost or is another one."""


class InternalError(AlvhError, RuntimeError):
    """A defect of the library itself: please report it."""
