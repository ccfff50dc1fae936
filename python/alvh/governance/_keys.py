"""Private keys of signers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alvh.governance._forms import bad, library
from alvh.governance._forms import now as at_now
from alvh.governance._policy import Approval, Halt, Policy, message

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from alvh.governance._register import Register


class Key:
    """A private key of one signer. Never shown, pickled or compared; write it with a passphrase."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    def __repr__(self) -> str:
        return f"Key(public={self.public!r})"

    def __reduce__(self) -> str:
        raise bad("GOV018", "Key", "pickle", "a private key", "to_pem with a passphrase")

    @classmethod
    def generate(cls) -> Key:
        """Make a key from the operating system's randomness.

        Returns
        -------
        Key
            A new key.
        """
        return cls(library()[0].generate())

    @classmethod
    def from_pem(cls, data: bytes, passphrase: bytes) -> Key:
        """Read a key.

        Parameters
        ----------
        data : bytes
            What :meth:`to_pem` wrote.
        passphrase : bytes
            Passphrase.

        Returns
        -------
        Key
            The key.

        Raises
        ------
        GovernanceError
            When the passphrase is wrong, or the file holds no Ed25519 key.
        """
        kind = library()[0]
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        rule = "an Ed25519 key in PEM and its passphrase"
        try:
            private = load_pem_private_key(data, passphrase)
        except (ValueError, TypeError) as error:
            raise bad("GOV019", "key file", "key", type(error).__name__, rule) from None
        if not isinstance(private, kind):
            raise bad("GOV019", "key file", "key", type(private).__name__, rule)
        return cls(private)

    def to_pem(self, passphrase: bytes) -> bytes:
        """Write the key, encrypted.

        Parameters
        ----------
        passphrase : bytes
            Passphrase, not empty.

        Returns
        -------
        bytes
            PKCS #8 in PEM.

        Raises
        ------
        GovernanceError
            When the passphrase is empty.
        """
        from cryptography.hazmat.primitives import serialization

        if not passphrase:
            raise bad("GOV019", "Key.to_pem", "passphrase", "nothing", "a passphrase")
        return self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase),
        )

    @property
    def public(self) -> str:
        """Public key, hexadecimal."""
        return self._private.public_key().public_bytes_raw().hex()

    def approve(self, policy: Policy, *, now: float | None = None) -> Approval:
        """Sign a policy.

        Parameters
        ----------
        policy : Policy
            What is approved. Read it first.
        now : float, optional
            Time [s since 1970, UTC]; default: the clock.

        Returns
        -------
        Approval
            The signature.
        """
        return self._sign("policy", policy.hash, at_now(now))

    def halt(self, register: Register, *, now: float | None = None) -> tuple[Halt, Approval]:
        """Order a halt.

        Parameters
        ----------
        register : Register
            What is stopped.
        now : float, optional
            Time [s since 1970, UTC]; default: the clock.

        Returns
        -------
        Halt
            The order.
        Approval
            Its signature; `Register.stop` takes both.
        """
        order = Halt(register.head, at_now(now))
        return order, self._sign("halt", order.hash, order.time)

    def _sign(self, kind: str, subject: str, time: int) -> Approval:
        signature = self._private.sign(message(kind, self.public, subject, time))
        return Approval(self.public, signature.hex(), subject, time)
