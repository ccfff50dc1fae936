"""What every file of governance shares: one form, checked fields, one library."""

from __future__ import annotations

import re
import time as clock
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from alvh import _canonical
from alvh import _configuration as configuration
from alvh.books import Book
from alvh.errors import AlvhError, ConfigError, GovernanceError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

VERSION = 1
MOST_SIGNERS = 64
_LATEST = 253_402_300_800  # the year 10000
_LARGEST_FILE = 1 << 24
_HEX64 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def bad(code: str, source: str, field: str, value: object, expected: str, hint: str = "") -> GovernanceError:
    text = value if isinstance(value, str) else ascii(value)
    return GovernanceError(code, source, field, text[:80], expected, hint=hint)


def library() -> tuple[type[Ed25519PrivateKey], type[Ed25519PublicKey]]:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ModuleNotFoundError:
        rule = "cryptography; install alvh with its extra: 'alvh[governance]'"
        raise ConfigError("GOV001", "governance", "signatures", "no library", rule) from None
    return ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey


def read_form(source: str, data: bytes, form: str, fields: Sequence[str]) -> dict[str, Any]:
    """Take a canonical file of one form apart."""
    if len(data) > _LARGEST_FILE:
        raise bad("GOV002", source, "bytes", len(data), f"at most {_LARGEST_FILE}")
    try:
        value = _canonical.decode(data)
    except ValueError as error:
        raise bad("GOV003", source, "bytes", _canonical.fault(error), "canonical JSON") from None
    if not isinstance(value, dict) or value.get("format") != form:
        raise bad("GOV004", source, "format", value.get("format") if isinstance(value, dict) else value, form)
    if type(value.get("version")) is not int or value["version"] != VERSION:
        raise bad("GOV005", source, "version", value.get("version"), str(VERSION))
    return exact_fields(source, value, ("format", "version", *fields))


def exact_fields(source: str, value: Any, fields: Sequence[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) != set(fields):
        got = ", ".join(sorted(value)) if isinstance(value, dict) else type(value).__name__
        raise bad("GOV006", source, "fields", ascii(got), ", ".join(sorted(fields)))
    return value


def checked_time(source: str, field: str, value: Any) -> int:
    if type(value) is not int or not 0 <= value < _LATEST:
        raise bad("GOV007", source, field, value, "whole seconds since 1970, UTC")
    return value


def checked_hash(source: str, field: str, value: Any) -> str:
    if not isinstance(value, str) or not _HEX64.fullmatch(value):
        raise bad("GOV008", source, field, value, "a SHA-256 of 64 hexadecimal digits")
    return value


def now(now: float | None) -> int:
    return int(clock.time() if now is None else now)


def parsed_books(source: str, field: str, value: Any) -> tuple[Book, ...]:
    if not isinstance(value, list) or not value:
        raise bad("GOV009", source, field, value, "a list of at least one book")
    try:
        made = tuple(configuration.from_dict(each, Book, f"{field}[{i}]") for i, each in enumerate(value))
    except AlvhError as error:
        raise bad("GOV010", source, error.field, error.value, error.expected, error.hint) from None
    return made


def plain_books(books: Iterable[Book]) -> list[dict[str, Any]]:
    return [configuration.to_dict(book) for book in books]
