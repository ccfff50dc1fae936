"""The chain of policies and halts, and what it lets run."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from alvh import _canonical
from alvh._files import write_whole
from alvh.books import Book
from alvh.governance._forms import VERSION, bad, exact_fields, plain_books, read_form
from alvh.governance._forms import now as at_now
from alvh.governance._policy import COLLECTING, DELAY, Approval, Halt, Policy

# An order to halt that is older than this when it comes in is refused: it would reach into the past.
_HALT_AGE = 3600


@dataclass(frozen=True)
class Governed:
    """What a register lets run at a time; `alvh.backtest` takes it as `governed`.

    Parameters
    ----------
    hash : str
        Hash of the policy, or of the order to halt.
    books : tuple of Book
        Books that may run.
    since : int
        When it took effect [s since 1970, UTC].
    halted : bool
        Whether these are the books of the halt.
    """

    hash: str
    books: tuple[Book, ...]
    since: int
    halted: bool

    def require(self, books: Iterable[Book]) -> None:
        """Refuse any books but these.

        Parameters
        ----------
        books : iterable of Book
            What somebody wants to run.

        Raises
        ------
        GovernanceError
            With the first field that differs.
        """
        given = tuple(books)
        if len(given) != len(self.books):
            rule = f"the {len(self.books)} of the policy"
            raise bad("GOV050", "books", "books", f"{len(given)} books", rule)
        for place, (one, two) in enumerate(zip(plain_books(given), plain_books(self.books), strict=True)):
            different = _difference(one, two, f"books[{place}]")
            if different:
                path, got, wanted = different
                raise bad(
                    "GOV051",
                    "books",
                    path,
                    ascii(got),
                    f"{ascii(wanted)[:80]}, as the policy {self.hash[:16]} says",
                )


def _difference(one: Any, two: Any, path: str) -> tuple[str, Any, Any] | None:
    if isinstance(one, dict) and isinstance(two, dict) and one.keys() == two.keys():
        pairs = [(f"{path}.{name}", one[name], two[name]) for name in one]
    elif isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        pairs = [(f"{path}[{place}]", *each) for place, each in enumerate(zip(one, two, strict=True))]
    else:
        return None if type(one) is type(two) and one == two else (path, one, two)
    return next((found for name, a, b in pairs if (found := _difference(a, b, name))), None)


@dataclass(frozen=True)
class _Record:
    """A link of the chain with its approvals, by ascending key."""

    body: Policy | Halt
    approvals: tuple[Approval, ...]


class Register:
    """The chain of policies and halts. Immutable: every step makes a new one, after checking it.

    Parameters
    ----------
    first : Policy
        Policy without a parent.
    approvals : iterable of Approval
        One of every signer: this proves that each holds its key.
    now : float, optional
        Time [s since 1970, UTC]; default: the clock.

    Raises
    ------
    GovernanceError
        When an approval is missing, or anything is out of order.
    """

    def __init__(self, first: Policy, approvals: Iterable[Approval], *, now: float | None = None) -> None:
        self._records: tuple[_Record, ...] = ()
        self._append(_record(first, approvals), at_now(now))

    @property
    def root(self) -> str:
        """Hash of the first policy: whoever reads a register must know it from elsewhere."""
        return self._records[0].body.hash

    @property
    def head(self) -> str:
        """Hash of the last link, which the next one names as its parent."""
        return self._records[-1].body.hash

    @property
    def policy(self) -> Policy:
        """The last policy of the chain, in effect or not yet."""
        return next(each.body for each in reversed(self._records) if isinstance(each.body, Policy))

    def __len__(self) -> int:
        return len(self._records)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Register) and self._records == other._records

    def __hash__(self) -> int:
        return hash(self._records)

    def __repr__(self) -> str:
        return f"Register(root={self.root[:16]!r}, head={self.head[:16]!r}, records={len(self)})"

    def propose(
        self,
        books: Iterable[Book] | None = None,
        *,
        halt: Iterable[Book] | None = None,
        signers: Iterable[str] | None = None,
        threshold: int | None = None,
        effective: int | None = None,
        now: float | None = None,
    ) -> Policy:
        """Draw up a change; what is not given stays.

        Parameters
        ----------
        books, halt : iterable of Book, optional
            Books that may run, and those of the halt.
        signers : iterable of str, optional
            Public keys, hexadecimal.
        threshold : int, optional
            Approvals that a change needs.
        effective : int, optional
            When it takes effect [s since 1970, UTC]. Default: in 72 hours, which leaves 24 to collect approvals.
        now : float, optional
            Time [s since 1970, UTC]; default: the clock.

        Returns
        -------
        Policy
            A policy whose parent is the end of the chain.
        """
        last = self.policy
        return Policy(
            last.books if books is None else tuple(books),
            last.halt if halt is None else tuple(halt),
            last.signers if signers is None else tuple(sorted(signers)),
            last.threshold if threshold is None else threshold,
            max(at_now(now) + COLLECTING + DELAY, self._last_time() + 1) if effective is None else effective,
            self.head,
        )

    def enact(self, policy: Policy, approvals: Iterable[Approval], *, now: float | None = None) -> Register:
        """Add a change to the chain.

        Parameters
        ----------
        policy : Policy
            The change.
        approvals : iterable of Approval
            Of as many signers of the policy before as its threshold says and, where signers or threshold change, of as
            many of the new ones too.
        now : float, optional
            Time [s since 1970, UTC]; default: the clock.

        Returns
        -------
        Register
            The longer chain.

        Raises
        ------
        GovernanceError
            When parent, key, signature, time or number is wrong, or an approval comes twice.
        """
        return self._with(_record(policy, approvals), at_now(now))

    def stop(self, order: Halt, approval: Approval, *, now: float | None = None) -> Register:
        """Switch to the halt policy, at once.

        The halt is that of the policy in effect. It stays until a policy that names this halt as its parent takes
        effect; one that waited for its 48 hours no longer starts.

        Parameters
        ----------
        order : Halt
            The order.
        approval : Approval
            Of one signer in effect.
        now : float, optional
            Time [s since 1970, UTC]; default: the clock.

        Returns
        -------
        Register
            The longer chain.

        Raises
        ------
        GovernanceError
            When the chain is halted already, or parent, key, signature or time is wrong.
        """
        return self._with(_record(order, (approval,)), at_now(now))

    def in_effect(self, at: float | None = None) -> Governed:
        """Find what may run.

        Parameters
        ----------
        at : float, optional
            Time [s since 1970, UTC]; default: the clock.

        Returns
        -------
        Governed
            The policy or halt in effect.

        Raises
        ------
        GovernanceError
            When nothing is in effect yet.
        """
        return self._at(at_now(at))

    def _at(self, moment: int) -> Governed:
        found: Governed | None = None
        for record in self._records:
            body = record.body
            if isinstance(body, Policy):
                if body.effective <= moment:
                    found = Governed(body.hash, body.books, body.effective, False)
            elif body.time <= moment:
                # The halt of the policy in effect when it was ordered, not of one that was only approved.
                found = Governed(body.hash, self._policy_at(body.time).halt, body.time, True)
        if found is None:
            raise bad(
                "GOV040",
                "register",
                "time",
                moment,
                f"{self.policy.effective} or later: nothing is in effect",
            )
        return found

    def _policy_at(self, moment: int) -> Policy:
        policies = [each.body for each in self._records if isinstance(each.body, Policy)]
        started = [policy for policy in policies if policy.effective <= moment]
        if not started:
            raise bad(
                "GOV040",
                "register",
                "time",
                moment,
                f"{policies[0].effective} or later: nothing is in effect",
            )
        return started[-1]

    def _with(self, record: _Record, now: int) -> Register:
        longer = object.__new__(Register)
        longer._records = self._records
        longer._append(record, now)
        return longer

    def _append(self, record: _Record, now: int) -> None:
        """Check a link as it comes in: as ever, and that it is not late."""
        self._check(record)
        latest = max(approval.time for approval in record.approvals)
        if latest > now:
            raise bad("GOV030", "approval", "time", latest, f"{now} or before: it is signed in the future")
        if isinstance(record.body, Policy) and now > record.body.effective:
            rule = f"{now} or later: no policy takes effect in the past"
            raise bad("GOV031", "Policy", "effective", record.body.effective, rule)
        if isinstance(record.body, Halt) and now - record.body.time > _HALT_AGE:
            rule = f"{now - _HALT_AGE} or later: no halt takes effect in the past"
            raise bad("GOV032", "Halt", "time", record.body.time, rule)
        self._records = (*self._records, record)

    def _check(self, record: _Record) -> None:
        """Check a link against the chain before it, whenever that is."""
        body, approvals = record.body, record.approvals
        parent = self.head if self._records else None
        if body.parent != parent:
            rule = f"{parent or 'None'}, the end of the chain"
            raise bad("GOV033", type(body).__name__, "parent", body.parent or "None", rule)
        keys = [approval.key for approval in approvals]
        for one, two in pairwise(keys):
            if one == two:
                raise bad("GOV023", "approvals", "key", f"{one[:16]}... twice", "one approval of each signer")
        if isinstance(body, Policy):
            self._check_policy(body, approvals)
        else:
            self._check_halt(body, approvals)

    def _check_policy(self, policy: Policy, approvals: Sequence[Approval]) -> None:
        before = self.policy if self._records else None
        parties = [(before.signers, before.threshold, "signers")] if before else []
        if before is None:
            parties.append((policy.signers, len(policy.signers), "first signers"))
        elif (before.signers, before.threshold) != (policy.signers, policy.threshold):
            parties.append((policy.signers, policy.threshold, "new signers"))
        known = {key for signers, _, _ in parties for key in signers}
        for approval in approvals:
            if approval.key not in known:
                raise bad(
                    "GOV024", "approval", "key", approval.key, "a signer of this policy or of the one before"
                )
            approval.verify(policy.hash)
            if policy.effective - approval.time < DELAY:
                rule = f"at least {approval.time + DELAY}: 48 hours after every approval"
                raise bad("GOV034", "Policy", "effective", policy.effective, rule)
        for signers, threshold, name in parties:
            count = sum(approval.key in signers for approval in approvals)
            if count < threshold:
                raise bad("GOV025", "approvals", name, f"{count} approvals", f"{threshold} of {len(signers)}")
        if before and policy.effective <= self._last_time():
            rule = f"after {self._last_time()}, when its parent takes effect"
            raise bad("GOV035", "Policy", "effective", policy.effective, rule)

    def _check_halt(self, order: Halt, approvals: Sequence[Approval]) -> None:
        if len(approvals) != 1:
            raise bad("GOV026", "approvals", "number", len(approvals), "one for a halt")
        # One key may stop what runs, not what the others have agreed upon to go on.
        if self._at(order.time).halted:
            raise bad("GOV036", "Halt", "time", order.time, "a time at which nothing is halted already")
        signers = self._policy_at(order.time).signers
        if approvals[0].key not in signers:
            raise bad("GOV024", "approval", "key", approvals[0].key, "a signer of the policy in effect")
        if approvals[0].time != order.time:
            raise bad("GOV037", "approval", "time", approvals[0].time, f"{order.time}, as the order says")
        approvals[0].verify(order.hash, "halt")
        signed = max(approval.time for approval in self._records[-1].approvals)
        if order.time < signed:
            raise bad(
                "GOV038", "Halt", "time", order.time, f"{signed} or later, when its parent was approved"
            )

    def _last_time(self) -> int:
        """When the end of the chain takes effect."""
        body = self._records[-1].body
        return body.effective if isinstance(body, Policy) else body.time

    def to_bytes(self) -> bytes:
        """Write the chain.

        Returns
        -------
        bytes
            Canonical JSON.
        """
        records = []
        for record in self._records:
            approvals = [
                {"key": each.key, "signature": each.signature, "time": each.time} for each in record.approvals
            ]
            if isinstance(record.body, Policy):
                records.append({"approvals": approvals, "policy": record.body._plain()})
            else:
                records.append({"approvals": approvals, "halt": dataclasses.asdict(record.body)})
        return _canonical.encode({"format": "alvh register", "records": records, "version": VERSION})

    @classmethod
    def from_bytes(
        cls, data: bytes, root: str, *, head: str | None = None, source: str = "register"
    ) -> Register:
        """Read a chain and check every link of it.

        Parameters
        ----------
        data : bytes
            What :meth:`to_bytes` wrote.
        root : str
            Hash of its first policy, known from elsewhere: anybody can make a chain with keys of their own.
        head : str, optional
            Hash of its last link, known from elsewhere: a chain that was cut is a good chain, but an old one.
        source : str
            Name for errors.

        Returns
        -------
        Register
            The chain.

        Raises
        ------
        GovernanceError
            When anything is out of order.
        """
        value = read_form(source, data, "alvh register", ("records",))
        if not isinstance(value["records"], list) or not value["records"]:
            raise bad("GOV041", source, "records", value["records"], "a list of at least one record")
        made = object.__new__(cls)
        made._records = ()
        for place, item in enumerate(value["records"]):
            record = _parse_record(f"{source} records[{place}]", item)
            made._check(record)
            made._records = (*made._records, record)
        if made.to_bytes() != data:
            raise bad(
                "GOV042", source, "bytes", "another form of the chain", "approvals in ascending order of keys"
            )
        for name, known, own in (("root", root, made.root), ("head", head, made.head)):
            if known is not None and own != known:
                raise bad("GOV043", source, name, own, str(known))
        return made

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Write the chain to a file, whole or not at all.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        pathlib.Path
            The path.
        """
        return write_whole(path, lambda stream: stream.write(self.to_bytes()))

    @classmethod
    def read(cls, path: str | os.PathLike[str], root: str, *, head: str | None = None) -> Register:
        """Read a chain from a file; see :meth:`from_bytes`.

        Parameters
        ----------
        path : str or path-like
            The file.
        root : str
            Hash of its first policy, known from elsewhere.
        head : str, optional
            Hash of its last link, known from elsewhere.

        Returns
        -------
        Register
            The chain.

        Raises
        ------
        GovernanceError
            When anything is out of order.
        """
        return cls.from_bytes(Path(path).read_bytes(), root, head=head, source=os.fspath(path))


def _record(body: Policy | Halt, approvals: Iterable[Approval]) -> _Record:
    listed = tuple(sorted(approvals, key=lambda approval: approval.key))
    if not listed:
        raise bad("GOV025", "approvals", "signers", "0 approvals", "as many as the threshold says")
    return _Record(body, listed)


def _parse_record(source: str, item: Any) -> _Record:
    name = "halt" if isinstance(item, dict) and "halt" in item else "policy"
    value = exact_fields(source, item, ("approvals", name))
    body: Policy | Halt
    if name == "policy":
        try:
            body = Policy.from_bytes(_canonical.encode(value["policy"]), source)
        except ValueError as error:
            raise bad("GOV003", source, "policy", _canonical.fault(error), "canonical JSON") from None
    else:
        parts = exact_fields(source, value["halt"], ("parent", "time"))
        body = Halt(parts["parent"], parts["time"])
    if not isinstance(value["approvals"], list):
        raise bad("GOV041", source, "approvals", value["approvals"], "a list of approvals")
    approvals = []
    for each in value["approvals"]:
        parts = exact_fields(f"{source} approvals", each, ("key", "signature", "time"))
        approvals.append(Approval(parts["key"], parts["signature"], body.hash, parts["time"]))
    return _record(body, approvals)
