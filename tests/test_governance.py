"""Signed policies: who may change what, when, and that nothing else passes."""

from __future__ import annotations

import builtins
import dataclasses
import json
import pickle
import sys
from pathlib import Path

import alvh
import numpy as np
import pytest
from alvh import _canonical, _ed25519, books
from alvh._ed25519 import ORDER, SMALL_ORDER, key_fault
from alvh.errors import ConfigError, GovernanceError
from alvh.governance import DELAY, Approval, Governed, Halt, Key, Policy, Register
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "reference"))
import generated

P = 2**255 - 19
START = 1_700_000_000


def key(number: int) -> Key:
    return Key(Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "little")))


KEYS = tuple(sorted((key(n) for n in range(1, 8)), key=lambda each: each.public))
FIVE, EXTRA = KEYS[:5], KEYS[5:]
RUN, HALT, NEXT = books.named("unhedged", "static"), books.named("unhedged"), books.named("static")
FIRST = Policy.first(RUN, HALT, [each.public for each in FIVE], now=START)
REGISTER = Register(FIRST, [each.approve(FIRST, now=START) for each in FIVE], now=START)
BEGUN = FIRST.effective
CHANGE = REGISTER.propose(NEXT, now=BEGUN)
APPROVALS = tuple(each.approve(CHANGE, now=BEGUN + 60) for each in FIVE[:3])
CHANGED = REGISTER.enact(CHANGE, APPROVALS, now=BEGUN + 120)


def refused(code: str, call) -> GovernanceError:
    with pytest.raises(GovernanceError) as caught:
        call()
    assert caught.value.code == code, caught.value
    assert len(str(caught.value).splitlines()) == 1
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    return caught.value


# ---- keys


def encoded(point: tuple[int, int]) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def small_points() -> list[tuple[int, int]]:
    """Multiples of a point of order eight, found by taking the large part out of points of the curve."""
    y = 1
    while True:
        y += 1
        point = _ed25519._decode(y.to_bytes(32, "little"))
        if not isinstance(point, str):
            small = _ed25519._times(ORDER, point)
            multiples = [_ed25519._times(k, small) for k in range(8)]
            if len(set(multiples)) == 8:
                return multiples


def test_the_eight_points_of_small_order_are_those_of_the_curve():
    points = small_points()
    assert {encoded(point) for point in points} == SMALL_ORDER
    for point in points:
        x, y = point
        assert (-x * x + y * y - 1 + 121665 * pow(121666, -1, P) * x * x * y * y) % P == 0
        assert key_fault(encoded(point)) == "a point of small order"


def test_only_canonical_points_of_prime_order_are_enrolled():
    # y >= p: 19 values with either sign.
    for y in range(P, 2**255):
        for sign in (0, 1):
            assert key_fault((y | sign << 255).to_bytes(32, "little")) == "not canonical: y >= p"
    # x = 0 with a sign: second encodings of points of order 1 and 2.
    for y in (1, P - 1):
        assert key_fault((y | 1 << 255).to_bytes(32, "little")) == "not canonical: the sign of x = 0"
    off = [y for y in range(2, 60) if key_fault(y.to_bytes(32, "little")) == "not a point of the curve"]
    # Every other y has no x.
    assert 15 < len(off) < 45
    good = _ed25519._decode(bytes.fromhex(KEYS[0].public))
    assert not isinstance(good, str)
    for small in small_points()[1:]:
        mixed = encoded(_ed25519._add(good, small))
        assert key_fault(mixed) == "a point with a part of small order"
    assert all(key_fault(bytes.fromhex(each.public)) == "" for each in KEYS)
    assert key_fault(b"") == "0 bytes"


def test_the_decoding_finds_the_keys_of_rfc_8032():
    """Section 7.1: public keys of the test vectors, from their secrets by the library and by our arithmetic."""
    base = _ed25519._decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert not isinstance(base, str)
    assert _ed25519._times(ORDER, base) == (0, 1)
    assert encoded(base).hex() == "58" + 31 * "66"
    for secret, public in (
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        ),
    ):
        assert Key(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))).public == public
        assert key_fault(bytes.fromhex(public)) == ""


@pytest.mark.parametrize("small", sorted(SMALL_ORDER), ids=lambda each: each.hex()[:8])
def test_keys_of_small_order_are_refused_at_enrolment_and_at_use(small):
    signers = tuple(sorted([*(each.public for each in FIVE[:4]), small.hex()]))
    error = refused("GOV013", lambda: dataclasses.replace(FIRST, signers=signers))
    assert error.value == "a point of small order"
    # A signature that nobody made: S = 0 and R the identity, which holds for the identity as key under any message.
    forged = Approval(small.hex(), (1).to_bytes(32, "little").hex() + "00" * 32, CHANGE.hash, BEGUN)
    refused("GOV013", lambda: forged.verify(CHANGE.hash))


def test_the_package_accepts_what_enrolment_refuses():
    """Why enrolment checks keys: here the package verifies a signature of the identity under any message."""
    public = Ed25519PublicKey.from_public_bytes((1).to_bytes(32, "little"))
    signature = (1).to_bytes(32, "little") + bytes(32)
    try:
        public.verify(signature, b"anything")
        public.verify(signature, b"something else")
    except InvalidSignature:
        pytest.skip("this version of the package refuses it by itself")


def test_a_signature_has_one_form():
    approval = APPROVALS[0]
    signature = bytes.fromhex(approval.signature)
    s = int.from_bytes(signature[32:], "little")
    second = signature[:32] + (s + ORDER).to_bytes(32, "little")
    # What the package does.
    message = b"alvh governance 1 approval\n" + _canonical.encode(
        {"key": approval.key, "kind": "policy", "subject": CHANGE.hash, "time": approval.time}
    )
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(approval.key))
    public.verify(signature, message)
    with pytest.raises(InvalidSignature):
        public.verify(second, message)
    # What we do, whatever the package does.
    bad = dataclasses.replace(approval, signature=second.hex())
    refused("GOV021", lambda: bad.verify(CHANGE.hash))


def test_private_keys_stay_private():
    one = Key.generate()
    data = one.to_pem(b"open sesame")
    assert Key.from_pem(data, b"open sesame").public == one.public
    refused("GOV019", lambda: Key.from_pem(data, b"wrong"))
    refused("GOV019", lambda: Key.from_pem(b"nothing", b"open sesame"))
    refused("GOV019", lambda: one.to_pem(b""))
    refused("GOV018", lambda: pickle.dumps(one))
    assert one._private.private_bytes_raw().hex() not in repr(one)


# ---- the chain


def test_the_life_of_a_register():
    refused("GOV040", lambda: REGISTER.in_effect(BEGUN - 1))
    assert REGISTER.in_effect(BEGUN) == Governed(FIRST.hash, RUN, BEGUN, False)
    # Agreed upon, but not before its time.
    assert CHANGED.in_effect(CHANGE.effective - 1).hash == FIRST.hash
    assert CHANGED.in_effect(CHANGE.effective) == Governed(CHANGE.hash, NEXT, CHANGE.effective, False)
    assert CHANGE.effective - APPROVALS[0].time >= DELAY == 172_800
    assert (CHANGED.root, CHANGED.head, len(CHANGED)) == (FIRST.hash, CHANGE.hash, 2)
    # What was is as it was.
    assert len(REGISTER) == 1
    assert CHANGED.in_effect(BEGUN) == REGISTER.in_effect(BEGUN)


def enact(policy=CHANGE, approvals=APPROVALS, now=BEGUN + 120, register=REGISTER):
    return lambda: register.enact(policy, approvals, now=now)


def test_every_wrong_approval_is_refused():
    two = APPROVALS[:2]
    refused("GOV025", enact(approvals=two))
    refused("GOV025", enact(approvals=()))
    # The same signer twice, with the same and with another time.
    refused("GOV023", enact(approvals=(*two, two[0])))
    refused("GOV023", enact(approvals=(*two, FIVE[0].approve(CHANGE, now=BEGUN + 61))))
    # A stranger, even with enough others.
    refused("GOV024", enact(approvals=(*APPROVALS, EXTRA[0].approve(CHANGE, now=BEGUN))))
    # Signed by one, presented as another's.
    stolen = dataclasses.replace(APPROVALS[2], key=FIVE[3].public)
    refused("GOV022", enact(approvals=(*two, stolen)))
    # Another time than was signed.
    refused("GOV022", enact(approvals=(*two, dataclasses.replace(APPROVALS[2], time=BEGUN))))
    # Replayed: for another change, and under another subject.
    other = REGISTER.propose(HALT, now=BEGUN)
    refused("GOV020", enact(policy=other))
    replayed = [dataclasses.replace(each, subject=other.hash) for each in APPROVALS]
    refused("GOV022", enact(policy=other, approvals=replayed))
    # An order to halt is no approval of a policy, were its hash the same.
    order = FIVE[2]._sign("halt", CHANGE.hash, BEGUN)
    refused("GOV022", enact(approvals=(*two, order)))


def test_a_change_comes_after_its_parent_and_never_into_the_past():
    refused("GOV033", enact(register=CHANGED, now=CHANGE.effective))
    refused("GOV033", enact(policy=dataclasses.replace(CHANGE, parent="0" * 64)))
    refused("GOV033", enact(policy=dataclasses.replace(CHANGE, parent=None)))
    # 48 hours after the last approval, to the second.
    late = FIVE[3].approve(CHANGE, now=CHANGE.effective - DELAY + 1)
    refused("GOV034", enact(approvals=(*APPROVALS, late), now=CHANGE.effective - DELAY + 1))
    just = FIVE[3].approve(CHANGE, now=CHANGE.effective - DELAY)
    enact(approvals=(*APPROVALS, just), now=CHANGE.effective - DELAY)()
    # Signed in the future; handed in when it should have begun already.
    refused("GOV030", enact(now=BEGUN + 59))
    enact(now=CHANGE.effective)()
    refused("GOV031", enact(now=CHANGE.effective + 1))
    # Before its parent takes effect.
    soon = CHANGED.propose(RUN, effective=CHANGE.effective, now=BEGUN)
    approvals = [each.approve(soon, now=BEGUN + 60) for each in FIVE[:3]]
    refused("GOV035", enact(soon, approvals, register=CHANGED))


def test_the_first_policy_needs_every_signer():
    approvals = [each.approve(FIRST, now=START) for each in FIVE]
    refused("GOV025", lambda: Register(FIRST, approvals[:4], now=START))
    refused("GOV033", lambda: Register(CHANGE, APPROVALS, now=BEGUN + 120))
    late = dataclasses.replace(FIRST, effective=START + DELAY - 1)
    refused("GOV034", lambda: Register(late, [each.approve(late, now=START) for each in FIVE], now=START))


def test_signers_change_only_with_the_old_and_the_new_threshold():
    new = (*FIVE[2:], *EXTRA)
    change = REGISTER.propose(signers=[each.public for each in new], threshold=4, now=BEGUN)
    approve = {each: each.approve(change, now=BEGUN + 60) for each in KEYS}

    def outcome(*signers):
        return enact(change, [approve[each] for each in signers])

    # Three of the old, but only three of the new.
    refused("GOV025", outcome(*FIVE[2:]))
    # Four of the new, but only two of the old.
    refused("GOV025", outcome(*FIVE[3:], *EXTRA))
    register = outcome(*FIVE[2:], EXTRA[0])()
    # From now on the new ones decide, and the old ones that left do not.
    again = register.propose(RUN, now=change.effective)
    old = [each.approve(again, now=change.effective) for each in FIVE[:2]]
    fresh = [each.approve(again, now=change.effective) for each in new[:4]]
    refused("GOV024", enact(again, [*fresh, *old], change.effective, register))
    enact(again, fresh, change.effective, register)()
    # A lower threshold is a change of signers as well.
    lower = REGISTER.propose(threshold=2, now=BEGUN)
    refused("GOV025", enact(lower, [each.approve(lower, now=BEGUN) for each in FIVE[:2]]))


def test_one_signer_may_halt_and_nothing_else():
    moment = CHANGE.effective + 1_000
    order, approval = FIVE[4].halt(CHANGED, now=moment)
    halted = CHANGED.stop(order, approval, now=moment + 5)
    # At once, and only from then on.
    assert halted.in_effect(moment - 1).hash == CHANGE.hash
    assert halted.in_effect(moment) == Governed(order.hash, HALT, moment, True)
    # One key cannot halt what is halted, or give an order into the past or the future.
    again = FIVE[3].halt(halted, now=moment + 10)
    refused("GOV036", lambda: halted.stop(*again, now=moment + 10))
    refused("GOV032", lambda: CHANGED.stop(order, approval, now=moment + 3_601))
    refused("GOV030", lambda: CHANGED.stop(order, approval, now=moment - 1))
    refused("GOV024", lambda: CHANGED.stop(*EXTRA[0].halt(CHANGED, now=moment), now=moment))
    refused("GOV033", lambda: REGISTER.stop(order, approval, now=moment))
    refused(
        "GOV037", lambda: CHANGED.stop(dataclasses.replace(order, time=moment + 1), approval, now=moment + 2)
    )
    # An approval of a policy is no order.
    signed = FIVE[4]._sign("policy", order.hash, moment)
    refused("GOV022", lambda: CHANGED.stop(order, signed, now=moment))
    early = FIVE[4].halt(REGISTER, now=BEGUN - 10)
    refused("GOV040", lambda: REGISTER.stop(*early, now=BEGUN - 10))
    # On with the old policy: m of n and 48 hours, as ever.
    resume = halted.propose(NEXT, now=moment + 100)
    one = FIVE[4].approve(resume, now=moment + 110)
    refused("GOV025", enact(resume, (one,), moment + 120, halted))
    three = [each.approve(resume, now=moment + 110) for each in FIVE[:3]]
    resumed = halted.enact(resume, three, now=moment + 120)
    assert resumed.in_effect(resume.effective - 1).halted
    assert resumed.in_effect(resume.effective).books == NEXT
    # The key that halted cannot keep the others from going on.
    veto = FIVE[4].halt(resumed, now=moment + 130)
    refused("GOV036", lambda: resumed.stop(*veto, now=moment + 130))


def test_a_halt_stops_what_was_still_waiting():
    moment = BEGUN + 200
    order, approval = FIVE[0].halt(CHANGED, now=moment)
    halted = CHANGED.stop(order, approval, now=moment)
    # The change had 48 hours to go: it does not start by itself.
    assert halted.in_effect(CHANGE.effective + 10).halted
    # A halt before its parent was approved reaches into the past.
    late = Halt(CHANGED.head, BEGUN + 59)
    refused("GOV038", lambda: CHANGED.stop(late, FIVE[0]._sign("halt", late.hash, late.time), now=BEGUN + 60))


def test_the_halt_is_that_of_the_policy_in_effect():
    change = REGISTER.propose(halt=NEXT, now=BEGUN)
    waiting = REGISTER.enact(change, [each.approve(change, now=BEGUN) for each in FIVE[:3]], now=BEGUN)
    halted = waiting.stop(*FIVE[0].halt(waiting, now=BEGUN + 5), now=BEGUN + 5)
    assert halted.in_effect(BEGUN + 5).books == HALT
    later = waiting.stop(*FIVE[0].halt(waiting, now=change.effective), now=change.effective)
    assert later.in_effect(change.effective).books == NEXT


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("GOV009", {"books": ()}),
        ("GOV009", {"halt": [books.static()]}),
        ("GOV011", {"books": (books.static(), books.static())}),
        ("GOV007", {"effective": -1}),
        ("GOV007", {"effective": 1.5}),
        ("GOV008", {"parent": "abc"}),
        ("GOV012", {"signers": (FIVE[0].public,)}),
        ("GOV012", {"signers": [each.public for each in FIVE]}),
        ("GOV008", {"signers": ("A" * 64, *(each.public for each in FIVE))}),
        ("GOV014", {"signers": tuple(each.public for each in reversed(FIVE))}),
        ("GOV014", {"signers": (FIVE[0].public, *(each.public for each in FIVE))}),
        ("GOV015", {"threshold": 1}),
        ("GOV015", {"threshold": 6}),
        ("GOV015", {"threshold": True}),
    ],
)
def test_every_field_of_a_policy_has_its_rule(code, changes):
    refused(code, lambda: dataclasses.replace(FIRST, **changes))


# ---- files


def test_files_come_back_equal(tmp_path):
    assert Policy.from_bytes(CHANGE.to_bytes()) == CHANGE
    assert Policy.from_bytes(CHANGE.to_bytes()).to_bytes() == CHANGE.to_bytes()
    assert Approval.from_bytes(APPROVALS[0].to_bytes()) == APPROVALS[0]
    halted = CHANGED.stop(*FIVE[0].halt(CHANGED, now=CHANGE.effective), now=CHANGE.effective)
    path = halted.write(tmp_path / "register.json")
    assert Register.read(path, FIRST.hash, head=halted.head) == halted
    refused("GOV043", lambda: Register.read(path, CHANGE.hash))
    # A chain that was cut is in order; only its head shows it.
    path.write_bytes(CHANGED.to_bytes())
    assert Register.read(path, FIRST.hash) == CHANGED
    refused("GOV043", lambda: Register.read(path, FIRST.hash, head=halted.head))


def edited(data: bytes, **changes) -> bytes:
    return _canonical.encode(json.loads(data) | changes)


def test_other_forms_of_a_policy_are_refused():
    data = CHANGE.to_bytes()
    for other in (
        data + b"\n",
        b" " + data,
        data.replace(b'"threshold":3', b'"threshold":+3'),
        data.replace(b'"threshold":3', b'"threshold":03'),
        data.replace(b'"delta":0.5', b'"delta":0.50'),
        data.replace(b'"delta":0.5', b'"delta":5e-1'),
        data.replace(b'"delta":0.5', b'"delta":NaN'),
        data.replace(b'"weight":4.0', b'"weight":Infinity'),
        data.replace(b'"threshold":3', b'"threshold":3,"threshold":3'),
        data.replace(b'"name":"static"', b'"name":"stati\\u0063"'),
        data.replace(b'"name":"static"', '"name":"stätic"'.encode()),
        data.replace(b'"budget":null,', b'"budget":null,"budget":null,'),
        b"[" * 100_000,
        b"",
        b"{}" + data,
    ):
        assert other != data
        refused("GOV003", lambda other=other: Policy.from_bytes(other))
    # Canonical JSON, and yet not what the library would write.
    refused("GOV015", lambda: Policy.from_bytes(edited(data, threshold=3.0)))
    refused("GOV016", lambda: Policy.from_bytes(data.replace(b'"weight":4.0', b'"weight":4', 1)))
    refused("GOV016", lambda: Policy.from_bytes(data.replace(b'"budget":null,', b"", 1)))
    refused("GOV010", lambda: Policy.from_bytes(data.replace(b'"delta"', b'"delto"', 1)))
    refused("GOV006", lambda: Policy.from_bytes(edited(data, more=1)))
    refused("GOV005", lambda: Policy.from_bytes(edited(data, version=2)))
    refused("GOV005", lambda: Policy.from_bytes(edited(data, version=True)))
    refused("GOV004", lambda: Policy.from_bytes(APPROVALS[0].to_bytes()))
    refused("GOV004", lambda: Policy.from_bytes(b"[1]"))
    refused("GOV012", lambda: Policy.from_bytes(edited(data, signers=5)))
    refused("GOV009", lambda: Policy.from_bytes(edited(data, books=[])))
    refused("GOV002", lambda: Policy.from_bytes(b" " * (1 << 25)))
    refused("GOV017", lambda: Approval.from_bytes(edited(APPROVALS[0].to_bytes(), signature="00")))
    refused("GOV041", lambda: Register.from_bytes(edited(CHANGED.to_bytes(), records=[]), FIRST.hash))
    records = json.loads(CHANGED.to_bytes())["records"]
    records[1]["approvals"].reverse()
    refused("GOV042", lambda: Register.from_bytes(edited(CHANGED.to_bytes(), records=records), FIRST.hash))


@pytest.mark.parametrize("value", [-0.0, float("nan"), float("inf"), {1: 2}, {"a": object()}, "\ud800", (1,)])
def test_values_without_one_form_are_not_written(value):
    with pytest.raises(ValueError):  # noqa: PT011  (the reasons differ by kind)
        _canonical.encode({"a": [value]})


def test_a_repeated_key_is_named_as_such():
    with pytest.raises(ValueError, match=r"^a key twice$"):
        _canonical.decode(b'{"a":1,"a":1}')


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(json_values)
def test_canonical_json_is_one_form(value):
    data = _canonical.encode(value)
    again = _canonical.decode(data)
    assert _canonical.encode(again) == data
    assert again == value
    loose = json.dumps(value).encode()
    if loose != data:
        with pytest.raises(ValueError):  # noqa: PT011
            _canonical.decode(loose)


def flips(data: bytes, n: int, seed: int):
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(data), n):
        bad = bytearray(data)
        bad[place] ^= int(rng.integers(1, 256))
        yield bytes(bad)


def test_every_flipped_byte_of_every_file_is_refused():
    """1,700 flips: of the register, the policy and the approvals, by any bit pattern at any place."""
    halted = CHANGED.stop(*FIVE[0].halt(CHANGED, now=CHANGE.effective), now=CHANGE.effective)
    count = 0
    for bad in flips(halted.to_bytes(), 700, 1):
        with pytest.raises(GovernanceError):
            Register.from_bytes(bad, FIRST.hash, head=halted.head)
        count += 1
    for bad in flips(CHANGE.to_bytes(), 500, 2):
        with pytest.raises(GovernanceError):
            REGISTER.enact(Policy.from_bytes(bad), APPROVALS, now=BEGUN + 120)
        count += 1
    for bad in flips(APPROVALS[1].to_bytes(), 500, 3):
        with pytest.raises(GovernanceError):
            REGISTER.enact(CHANGE, (APPROVALS[0], Approval.from_bytes(bad), APPROVALS[2]), now=BEGUN + 120)
        count += 1
    assert count == 1_700


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_edit_of_a_register_is_refused(data):
    original = CHANGED.to_bytes()
    at = data.draw(st.integers(0, len(original)))
    removed = data.draw(st.integers(0, 300))
    put = data.draw(st.binary(max_size=40))
    bad = original[:at] + put + original[at + removed :]
    if bad != original:
        with pytest.raises(GovernanceError):
            Register.from_bytes(bad, FIRST.hash, head=CHANGED.head)


# ---- runs


def test_a_governed_run_takes_its_books_and_no_others(tmp_path):
    history = generated.history(3, 120)
    policy = CHANGED.in_effect(CHANGE.effective)
    study = alvh.backtest(NEXT, history, replicates=0, min_sessions=100, governed=policy)
    assert study.provenance["policy_hash"] == CHANGE.hash
    study.decisions().write(tmp_path / "log")
    lines = [json.loads(line) for line in (tmp_path / "log").read_bytes().splitlines()]
    assert lines
    assert {line["policy"] for line in lines} == {CHANGE.hash}
    hedge = dataclasses.replace(NEXT[0].hedge, per_condors=9.0)
    error = refused(
        "GOV051",
        lambda: alvh.backtest(NEXT[0].replace(hedge=hedge), history, min_sessions=100, governed=policy),
    )
    assert (error.field, error.value) == ("books[0].hedge.per_condors", "9.0")
    refused("GOV050", lambda: alvh.backtest(RUN, history, min_sessions=100, governed=policy))
    refused("GOV051", lambda: policy.require(HALT))


def test_without_the_package_the_extra_is_named(monkeypatch):
    real = builtins.__import__

    def missing(name, *rest):
        if name.startswith("cryptography"):
            raise ModuleNotFoundError(name="cryptography")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    for call in (Key.generate, lambda: APPROVALS[0].verify(CHANGE.hash)):
        with pytest.raises(ConfigError, match=r"^GOV001 .*'alvh\[governance\]'$"):
            call()
