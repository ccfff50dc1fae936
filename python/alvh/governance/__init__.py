"""Policies that no single key can change: m of n signatures, 48 hours, a chain of parents, a halt for emergencies.

A :class:`Policy` says which books may run, which books are its halt, who signs and how many of them it takes. It is
canonical JSON, named by its hash, and names the hash of the policy that it replaces. An :class:`Approval` is an Ed25519
signature over that hash and the time (RFC 8032, doi:10.17487/RFC8032). A :class:`Register` holds the chain and refuses
whatever is out of order; ``alvh.backtest(books, history, governed=register.in_effect())`` runs the books in effect and
no others.

Needs the package ``cryptography``: install alvh with its extra, ``alvh[governance]``.
"""

from alvh.governance._keys import Key
from alvh.governance._policy import DELAY, Approval, Halt, Policy
from alvh.governance._register import Governed, Register

__all__ = ["DELAY", "Approval", "Governed", "Halt", "Key", "Policy", "Register"]
