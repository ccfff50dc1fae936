"""Policies, orders to halt, and the signatures under them."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from alvh import _canonical
from alvh._ed25519 import ORDER, key_fault
from alvh.books import Book
from alvh.governance._forms import (
    MOST_SIGNERS,
    VERSION,
    bad,
    checked_hash,
    checked_time,
    library,
    parsed_books,
    plain_books,
    read_form,
)
from alvh.governance._forms import (
    now as at_now,
)

DELAY = 48 * 3600
"""Seconds between the last approval and the moment a policy takes effect."""
COLLECTING = 24 * 3600
"""Seconds that a proposal leaves for its approvals unless it says otherwise."""
_HEX128 = re.compile(r"[0-9a-f]{128}", re.ASCII)
# What is hashed and signed begins with what it is, so that nothing can be passed off as something else.
_POLICY = b"alvh governance 1 policy\n"
_HALT = b"alvh governance 1 halt\n"
_APPROVAL = b"alvh governance 1 approval\n"


@dataclass(frozen=True)
class Policy:
    """What may run from a moment on, and who may change that.

    Parameters
    ----------
    books : tuple of Book
        Books that may run.
    halt : tuple of Book
        Books that one signer may switch to: the pre-approved halt policy.
    signers : tuple of str
        Public keys, hexadecimal, in ascending order.
    threshold : int
        Approvals that a change needs, at least 2.
    effective : int
        When it takes effect [s since 1970, UTC]; every approval is at least 48 hours older.
    parent : str or None
        Hash of the policy or halt that it replaces; None for the first of all.

    Raises
    ------
    GovernanceError
        When a key may not be enrolled, or a field breaks its rule.
    """

    books: tuple[Book, ...]
    halt: tuple[Book, ...]
    signers: tuple[str, ...]
    threshold: int
    effective: int
    parent: str | None = None

    def __post_init__(self) -> None:
        for field in ("books", "halt"):
            books = getattr(self, field)
            if not isinstance(books, tuple) or not books or not all(isinstance(book, Book) for book in books):
                raise bad("GOV009", "Policy", field, type(books).__name__, "a tuple of at least one book")
            names = [book.name for book in books]
            if len(set(names)) != len(names):
                raise bad("GOV011", "Policy", field, ", ".join(names), "books of different names")
        checked_time("Policy", "effective", self.effective)
        if self.parent is not None:
            checked_hash("Policy", "parent", self.parent)
        count = len(self.signers) if isinstance(self.signers, tuple) else 0
        if not 2 <= count <= MOST_SIGNERS:
            raise bad("GOV012", "Policy", "signers", count, f"a tuple of 2..{MOST_SIGNERS} keys")
        for place, key in enumerate(self.signers):
            checked_hash("Policy", f"signers[{place}]", key)
            fault = key_fault(bytes.fromhex(key))
            if fault:
                raise bad(
                    "GOV013", "Policy", f"signers[{place}]", fault, "a key of prime order in its one encoding"
                )
        if any(one >= two for one, two in pairwise(self.signers)):
            raise bad(
                "GOV014",
                "Policy",
                "signers",
                "keys out of order or twice",
                "distinct keys in ascending order",
            )
        if type(self.threshold) is not int or not 2 <= self.threshold <= len(self.signers):
            rule = f"2..{len(self.signers)}: no single key moves anything"
            raise bad("GOV015", "Policy", "threshold", self.threshold, rule)
        try:
            self.to_bytes()
        except ValueError as error:
            raise bad(
                "GOV003", "Policy", "books", _canonical.fault(error), "values with one form in JSON"
            ) from None

    @classmethod
    def first(
        cls,
        books: Iterable[Book],
        halt: Iterable[Book],
        signers: Iterable[str],
        *,
        threshold: int = 3,
        effective: int | None = None,
        now: float | None = None,
    ) -> Policy:
        """Begin a chain.

        Parameters
        ----------
        books, halt : iterable of Book
            Books that may run, and those of the halt.
        signers : iterable of str
            Public keys, hexadecimal; five by custom.
        threshold : int
            Approvals that a change needs.
        effective : int, optional
            When it takes effect [s since 1970, UTC]. Default: in 72 hours, which leaves 24 to collect approvals.
        now : float, optional
            Time [s since 1970, UTC]; default: the clock.

        Returns
        -------
        Policy
            To be approved by every signer.

        Raises
        ------
        GovernanceError
            As for the class.
        """
        when = at_now(now) + COLLECTING + DELAY if effective is None else effective
        return cls(tuple(books), tuple(halt), tuple(sorted(signers)), threshold, when)

    @cached_property
    def hash(self) -> str:
        """Name of the policy: SHA-256 over its canonical bytes, hexadecimal."""
        return hashlib.sha256(_POLICY + self.to_bytes()).hexdigest()

    def _plain(self) -> dict[str, Any]:
        return {
            "books": plain_books(self.books),
            "effective": self.effective,
            "format": "alvh policy",
            "halt": plain_books(self.halt),
            "parent": self.parent,
            "signers": list(self.signers),
            "threshold": self.threshold,
            "version": VERSION,
        }

    def to_bytes(self) -> bytes:
        """Write the policy.

        Returns
        -------
        bytes
            Canonical JSON.
        """
        return _canonical.encode(self._plain())

    @classmethod
    def from_bytes(cls, data: bytes, source: str = "policy") -> Policy:
        """Read a policy.

        Parameters
        ----------
        data : bytes
            What :meth:`to_bytes` wrote.
        source : str
            Name for errors.

        Returns
        -------
        Policy
            The policy; written again it gives the same bytes.

        Raises
        ------
        GovernanceError
            When the bytes are not canonical, a field is unknown or missing, or breaks its rule.
        """
        fields = ("books", "effective", "halt", "parent", "signers", "threshold")
        value = read_form(source, data, "alvh policy", fields)
        if not isinstance(value["signers"], list):
            raise bad("GOV012", source, "signers", value["signers"], f"2..{MOST_SIGNERS} keys")
        policy = cls(
            parsed_books(source, "books", value["books"]),
            parsed_books(source, "halt", value["halt"]),
            tuple(value["signers"]),
            value["threshold"],
            value["effective"],
            value["parent"],
        )
        # Books fill in defaults and turn integers into floats: what was not said is not signed.
        if policy.to_bytes() != data:
            raise bad(
                "GOV016",
                source,
                "bytes",
                "another form of the policy",
                "every field of every book, as written",
            )
        return policy


@dataclass(frozen=True)
class Halt:
    """An order to run nothing but the halt policy.

    Parameters
    ----------
    parent : str
        Hash of the end of the chain that it stops.
    time : int
        When it was given, and takes effect [s since 1970, UTC].
    """

    parent: str
    time: int

    def __post_init__(self) -> None:
        checked_hash("Halt", "parent", self.parent)
        checked_time("Halt", "time", self.time)

    @cached_property
    def hash(self) -> str:
        """Name of the order: SHA-256 over its canonical bytes, hexadecimal."""
        return hashlib.sha256(_HALT + _canonical.encode(dataclasses.asdict(self))).hexdigest()


@dataclass(frozen=True)
class Approval:
    """A signature under one policy or one order to halt.

    Parameters
    ----------
    key : str
        Public key, hexadecimal.
    signature : str
        Ed25519 signature, hexadecimal.
    subject : str
        Hash of what is approved.
    time : int
        When it was signed [s since 1970, UTC].
    """

    key: str
    signature: str
    subject: str
    time: int

    def __post_init__(self) -> None:
        checked_hash("Approval", "key", self.key)
        checked_hash("Approval", "subject", self.subject)
        checked_time("Approval", "time", self.time)
        if not isinstance(self.signature, str) or not _HEX128.fullmatch(self.signature):
            raise bad("GOV017", "Approval", "signature", self.signature, "128 hexadecimal digits")

    def to_bytes(self) -> bytes:
        """Write the approval.

        Returns
        -------
        bytes
            Canonical JSON.
        """
        form = {"format": "alvh approval", "version": VERSION}
        return _canonical.encode(form | dataclasses.asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes, source: str = "approval") -> Approval:
        """Read an approval; whether it holds is checked where it is used.

        Parameters
        ----------
        data : bytes
            What :meth:`to_bytes` wrote.
        source : str
            Name for errors.

        Returns
        -------
        Approval
            The approval.

        Raises
        ------
        GovernanceError
            When the bytes are not canonical, or a field breaks its rule.
        """
        value = read_form(source, data, "alvh approval", ("key", "signature", "subject", "time"))
        return cls(value["key"], value["signature"], value["subject"], value["time"])

    def verify(self, subject: str, kind: str = "policy") -> None:
        """Check the signature.

        Parameters
        ----------
        subject : str
            Hash of what should have been approved.
        kind : {"policy", "halt"}
            What that is.

        Raises
        ------
        GovernanceError
            When it is for something else, or the signature does not hold.
        """
        public_key = library()[1]
        from cryptography.exceptions import InvalidSignature

        if self.subject != subject:
            raise bad("GOV020", "approval", "subject", self.subject, f"{subject}, which is to be approved")
        signature = bytes.fromhex(self.signature)
        # RFC 8032 section 5.1.7: S below the order, or every signature would have a second form.
        if int.from_bytes(signature[32:], "little") >= ORDER:
            raise bad("GOV021", "approval", "signature", "S >= L", "S below the order of the group")
        fault = key_fault(bytes.fromhex(self.key))
        if fault:
            raise bad("GOV013", "approval", "key", fault, "a key of prime order in its one encoding")
        try:
            public = public_key.from_public_bytes(bytes.fromhex(self.key))
            public.verify(signature, message(kind, self.key, subject, self.time))
        except InvalidSignature:
            rule = "a signature of this key over this subject and time"
            raise bad("GOV022", "approval", "signature", f"{self.signature[:16]}...", rule) from None


def message(kind: str, key: str, subject: str, time: int) -> bytes:
    return _APPROVAL + _canonical.encode({"key": key, "kind": kind, "subject": subject, "time": time})
