"""The decision log: a chain of lines in which a changed, missing, added or moved line shows.

Each line is canonical JSON of the fields after, before, book, hash, inputs, n, policy, prev, rule, time: ``n`` counts
lines from 1, ``prev`` is the hash of the line before (of an empty log for the first), ``hash`` is SHA-256 of the line
without itself. Whoever can write the file can write the whole chain anew: only an anchor, length and last hash, kept
somewhere else, shows that, and shows a tail that was cut.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pandas as pd

from alvh import _canonical
from alvh._files import write_whole
from alvh.errors import ConfigError, GovernanceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Anchor", "Decisions", "verify_log"]

_DOMAIN = b"alvh decision log 1\n"
_START = hashlib.sha256(_DOMAIN).hexdigest()
_FIELDS = frozenset(("after", "before", "book", "hash", "inputs", "n", "policy", "prev", "rule", "time"))
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", re.ASCII)
# A line longer than this is no decision.
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Anchor:
    """Length and last hash of a log: what has to be kept apart from it.

    Parameters
    ----------
    length : int
        Lines.
    head : str
        Hash of the last line, hexadecimal.
    """

    length: int
    head: str

    def __str__(self) -> str:
        return f"{self.length}:{self.head}"

    @classmethod
    def parse(cls, text: str) -> Anchor:
        """Read what ``str(anchor)`` writes.

        Parameters
        ----------
        text : str
            ``length:hash``.

        Returns
        -------
        Anchor
            The anchor.

        Raises
        ------
        GovernanceError
            When the text is none.
        """
        length, _, head = text.strip().partition(":")
        if not (re.fullmatch(r"0|[1-9][0-9]{0,17}", length, re.ASCII) and _HASH.fullmatch(head)):
            raise GovernanceError(
                "LOG001", "anchor", "text", ascii(text)[:60], "length:hash, as str(anchor) writes"
            )
        return cls(int(length), head)


class Decisions(pd.DataFrame):
    """Decisions of the policy as a frame that can be written as a log.

    What is derived from it, a selection for example, is a plain frame: only the whole list has a chain.
    """

    _metadata = ["policies"]  # noqa: RUF012  (pandas' own protocol)
    policies: Mapping[str, str]

    @classmethod
    def of(cls, frame: pd.DataFrame, policies: Mapping[str, str]) -> Decisions:
        """Join decisions with the policies that made them.

        Parameters
        ----------
        frame : pandas.DataFrame
            Book, day, seconds after midnight New York, rule, before, after, inputs as JSON.
        policies : mapping of str to str
            Hash of the policy of each book.

        Returns
        -------
        Decisions
            The frame, with :meth:`write`.
        """
        made = cls(frame)
        made.policies = dict(policies)
        return made

    def to_frame(self) -> pd.DataFrame:
        """Copy into a plain frame.

        Returns
        -------
        pandas.DataFrame
            The same rows and columns.
        """
        return pd.DataFrame(self)

    def write(self, path: str | os.PathLike[str], *, append: bool = False) -> Anchor:
        """Write the log as JSON lines, chained by hashes.

        Parameters
        ----------
        path : str or path-like
            The file.
        append : bool
            Goes on with the log in the file, which is verified first. Without it the file must not exist: a log
            is not written over.

        Returns
        -------
        Anchor
            Length and last hash: keep them apart from the file.

        Raises
        ------
        ConfigError
            When the file exists and `append` is False.
        GovernanceError
            When the log in the file is not in order.
        OSError
            When the file cannot be written.
        """
        target = Path(path)
        anchor, old = Anchor(0, _START), b""
        if target.exists():
            if not append:
                rule = "a new file; a log is only appended to, with append=True"
                raise ConfigError("LOG002", "Decisions.write", "path", str(path), rule)
            anchor = verify_log(target)
            old = target.read_bytes()
        made = list(self._lines(anchor))

        def write(stream: BinaryIO) -> None:
            stream.write(old)
            for _, line in made:
                stream.write(line + b"\n")

        write_whole(target, write)
        return made[-1][0] if made else anchor

    def _lines(self, anchor: Anchor) -> Iterator[tuple[Anchor, bytes]]:
        columns = ("book", "day", "seconds", "rule", "before", "after", "inputs")
        for book, day, seconds, rule, before, after, inputs in zip(
            *(self[name] for name in columns), strict=True
        ):
            entry = {
                "n": anchor.length + 1,
                "time": f"{day:%Y-%m-%d}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}",
                "book": str(book),
                "rule": str(rule),
                "inputs": _finite(json.loads(inputs)),
                "before": _finite(float(before)),
                "after": _finite(float(after)),
                "policy": self.policies[str(book)],
                "prev": anchor.head,
            }
            anchor = Anchor(anchor.length + 1, _hash(entry))
            yield anchor, _canonical.encode({**entry, "hash": anchor.head})


def policy_hashes(books: Sequence[str], provenance: Mapping[str, Any]) -> dict[str, str]:
    """Find the hash of the policy behind each book: the governed one, else that of the book's configuration.

    Parameters
    ----------
    books : sequence of str
        Names.
    provenance : mapping
        Of a study.

    Returns
    -------
    dict
        Hash by name, hexadecimal.
    """
    governed = provenance.get("policy_hash")
    if governed is not None:
        return dict.fromkeys(books, str(governed))
    return {
        book: hashlib.sha256(_canonical.encode(configuration)).hexdigest()
        for book, configuration in zip(books, provenance["books"], strict=True)
    }


def _finite(value: Any) -> Any:
    """Turn a number that JSON cannot say into null, and a zero into the one zero."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_finite(each) for each in value]
    if isinstance(value, float):
        return value + 0.0 if abs(value) < float("inf") else None
    return value


def _hash(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(_DOMAIN + _canonical.encode(dict(entry))).hexdigest()


def verify_log(path: str | os.PathLike[str], anchor: Anchor | str | None = None) -> Anchor:
    """Check every line of a decision log, in memory that does not grow with it.

    Parameters
    ----------
    path : str or path-like
        What `Decisions.write` wrote.
    anchor : Anchor or str, optional
        Length and last hash from an earlier look at the log. It may have grown since; what it was then must be
        unchanged.

    Returns
    -------
    Anchor
        Length and last hash of the log now.

    Raises
    ------
    GovernanceError
        With the line, when one was changed, deleted, inserted or moved; with the length, when the log no longer
        holds what the anchor saw.
    OSError
        When the file cannot be read.
    """
    source = os.fspath(path)
    kept = Anchor.parse(anchor) if isinstance(anchor, str) else anchor
    now = Anchor(0, _START)
    seen = kept is None or kept == now
    with open(path, "rb") as stream:
        while line := stream.readline(_LONGEST + 1):
            now = _next(source, now, line)
            if kept is not None and now.length == kept.length:
                seen = now.head == kept.head
                if not seen:
                    raise GovernanceError(
                        "LOG010",
                        source,
                        "hash",
                        now.head,
                        f"{kept.head}, which the anchor saw",
                        f"line {now.length}",
                        "the log up to here was written anew",
                    )
    if kept is not None and not seen:
        raise GovernanceError(
            "LOG011",
            source,
            "length",
            f"{now.length} lines",
            f"at least {kept.length}, which the anchor saw",
            hint="the tail was cut",
        )
    return now


def _next(source: str, before: Anchor, line: bytes) -> Anchor:
    number = before.length + 1
    where = f"line {number}"

    if len(line) > _LONGEST:
        raise GovernanceError("LOG003", source, "line", "more bytes", f"at most {_LONGEST}", where)
    if not line.endswith(b"\n"):
        raise GovernanceError(
            "LOG004",
            source,
            "line",
            "no end of line",
            "a whole line",
            where,
            "the file was cut in the middle of it",
        )
    try:
        entry = _canonical.decode(line[:-1])
    except ValueError as error:
        raise GovernanceError(
            "LOG005", source, "line", _canonical.fault(error), "canonical JSON", where
        ) from None
    if not isinstance(entry, dict) or entry.keys() != _FIELDS:
        got = ", ".join(map(ascii, entry))[:80] if isinstance(entry, dict) else type(entry).__name__
        rule = "after, before, book, hash, inputs, n, policy, prev, rule, time"
        raise GovernanceError("LOG006", source, "fields", got, rule, where)
    fault = _shape_fault(entry)
    if fault:
        raise GovernanceError("LOG007", source, fault, ascii(entry[fault])[:60], "a value of its kind", where)
    if entry["n"] != number:
        moved = (
            "lines are missing before it" if entry["n"] > number else "lines were inserted or moved before it"
        )
        raise GovernanceError("LOG008", source, "n", str(entry["n"]), str(number), where, moved)
    if entry["prev"] != before.head:
        raise GovernanceError(
            "LOG009",
            source,
            "prev",
            entry["prev"],
            before.head,
            where,
            "the line before is another one than was written",
        )
    digest = entry.pop("hash")
    if _hash(entry) != digest:
        raise GovernanceError("LOG012", source, "hash", digest, _hash(entry), where, "the line was changed")
    return Anchor(number, digest)


def _shape_fault(entry: Mapping[str, Any]) -> str:
    """Name the first field that does not hold what a decision holds."""
    rules: dict[str, Callable[[Any], Any]] = {
        "n": lambda value: type(value) is int,
        "hash": lambda value: type(value) is str and _HASH.fullmatch(value),
        "prev": lambda value: type(value) is str and _HASH.fullmatch(value),
        "policy": lambda value: type(value) is str and _HASH.fullmatch(value),
        "time": lambda value: type(value) is str and _TIME.fullmatch(value),
        "book": lambda value: type(value) is str,
        "rule": lambda value: type(value) is str,
        "inputs": lambda value: type(value) is dict,
        "before": lambda value: value is None or type(value) is float,
        "after": lambda value: value is None or type(value) is float,
    }
    return next((name for name, is_good in rules.items() if not is_good(entry[name])), "")
