"""ARC (RFC 8617): what earlier receivers of a forwarded message saw, and who vouches for it.

Each forwarder adds a set of three fields with its number `i=`: what it found (ARC-Authentication-
Results), a signature of the message as it passed it on (ARC-Message-Signature), and a seal over all
sets so far (ARC-Seal). A chain that holds says who claims what; whether to believe them is for the
receiver to decide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from provisioner.authentication import authentication_results
from provisioner.authentication import message as messages
from provisioner.authentication.authentication_results import AuthenticationResults
from provisioner.authentication.dkim import canonical
from provisioner.authentication.dkim.key import find_key
from provisioner.authentication.dkim.signature import Signature, parse_signature
from provisioner.authentication.dkim.verification import (
    DkimResult,
    SignatureResult,
    check,
    holds,
    not_for_this,
    weakness,
)
from provisioner.authentication.lookup import Lookup
from provisioner.authentication.message import Field, Message
from provisioner.authentication.tags import parse as parse_tags

SETS = 50
"""§4.2.1: more than fifty are a failure."""
RESULTS, SIGNATURE, SEAL = "arc-authentication-results", "arc-message-signature", "arc-seal"
_KINDS = (RESULTS, SIGNATURE, SEAL)


class ChainStatus(StrEnum):
    """What a chain comes to (§4.4)."""

    NONE = "none"
    PASS = "pass"  # noqa: S105
    FAIL = "fail"


@dataclass(frozen=True)
class Instance:
    """One set: who sealed it, what it claims, and whether its parts hold."""

    number: int
    results: AuthenticationResults
    """What the sealer found when the message came to it."""
    chain: str
    """`cv=`: what the sealer says of the chain before it."""
    seal: SignatureResult
    message_signature: SignatureResult

    @property
    def sealer(self) -> str:
        """The domain that vouches."""
        return self.seal.domain


@dataclass(frozen=True)
class ArcResult:
    """What the chain comes to, and each set, the first forwarder first."""

    status: ChainStatus
    problem: str = ""
    instances: tuple[Instance, ...] = ()
    oldest_pass: int = 0
    """The earliest set from which the message was not changed any more (§5.2); 0 for unchanged since all."""

    @property
    def sealers(self) -> tuple[str, ...]:
        """The domains that vouch, the first forwarder first."""
        return tuple(one.sealer for one in self.instances)


def verify(message: bytes | Message, lookup: Lookup) -> ArcResult:
    """Validate the chain of a message (§5.2)."""
    whole = messages.split(message) if isinstance(message, bytes) else message
    sets, fault = _sets(whole)
    if fault:
        return ArcResult(ChainStatus.FAIL, fault)
    if not sets:
        return ArcResult(ChainStatus.NONE)
    instances = tuple(_instance(number, sets, whole, lookup) for number in range(1, len(sets) + 1))
    problem = _problem(instances)
    return ArcResult(
        ChainStatus.FAIL if problem else ChainStatus.PASS, problem, instances, _oldest_pass(instances)
    )


def _sets(message: Message) -> tuple[list[dict[str, Field]], str]:
    """The sets in order, or why they are no chain (§5.2, steps 1 and 3)."""
    sets: dict[int, dict[str, Field]] = {}
    for field in message.fields:
        if field.name not in _KINDS:
            continue
        number = _number(field)
        if not 1 <= number <= SETS:
            return [], f"{field.name} has no number from 1 to {SETS}"
        if field.name in sets.setdefault(number, {}):
            return [], f"there is more than one {field.name} with i={number}"
        sets[number][field.name] = field
    for number in range(1, len(sets) + 1):
        missing = [kind for kind in _KINDS if kind not in sets.get(number, {})]
        if missing:
            return [], f"set {number} is not whole: {', '.join(missing)} is missing"
    return [sets[number] for number in sorted(sets)], ""


def _number(field: Field) -> int:
    value = field.value.decode("latin-1")
    first = value.partition(";")[0] if field.name == RESULTS else value
    text = parse_tags(first).get("i")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0


def _instance(number: int, sets: Sequence[dict[str, Field]], message: Message, lookup: Lookup) -> Instance:
    parts = sets[number - 1]
    signature = parse_signature(parts[SIGNATURE], ("i", "a", "b", "bh", "d", "h", "s"))
    signed = check(signature, message, lookup)
    if SEAL in signature.headers and not signature.fault:
        signed = SignatureResult(DkimResult.NEUTRAL, signature, "it signs an ARC-Seal (RFC 8617 §4.1.2)")
    seal = _seal(number, sets, lookup)
    value = parts[RESULTS].text.partition(";")[2]
    chain = seal.signature.tags.packed("cv").lower()
    return Instance(number, authentication_results.parse(value), chain, seal, signed)


def _seal(number: int, sets: Sequence[dict[str, Field]], lookup: Lookup) -> SignatureResult:
    """Check a seal: it covers all sets up to its own, and itself without `b=` (§5.1.1)."""
    seal = parse_signature(sets[number - 1][SEAL], ("i", "a", "b", "cv", "d", "s"))
    if seal.fault or "h" in seal.tags:
        return SignatureResult(DkimResult.NEUTRAL, seal, seal.fault or "a seal has no h= (RFC 8617 §4.1.3)")
    found = find_key(seal.domain, seal.selector, lookup)
    if found.problem or found.key is None:
        result = DkimResult.TEMPERROR if found.temporary else DkimResult.PERMERROR
        return SignatureResult(result, seal, found.problem, key=found.key)
    unfit = not_for_this(found.key, seal)
    if unfit:
        return SignatureResult(DkimResult.PERMERROR, seal, unfit, key=found.key)
    if not holds(_sealed(number, sets, seal), seal, found.key):
        return SignatureResult(
            DkimResult.FAIL, seal, "the seal does not fit the sets it covers", (), found.key
        )
    weak = weakness(seal, found.key)
    return SignatureResult(DkimResult.POLICY if weak else DkimResult.PASS, seal, weak, (), found.key)


def _sealed(number: int, sets: Sequence[dict[str, Field]], seal: Signature) -> bytes:
    covered = [one[kind] for one in sets[:number] for kind in _KINDS]
    whole = b"".join(canonical.header(field.raw, "relaxed") for field in covered[:-1])
    own = canonical.header(canonical.without_signature(seal.field), "relaxed")
    return whole + own.removesuffix(b"\r\n")


def _problem(instances: Sequence[Instance]) -> str:
    """Why the chain fails; `""` where it holds (§5.2, steps 2 to 6)."""
    last = instances[-1]
    if last.chain == "fail":
        return f"{last.sealer or 'the last sealer'} says that the chain had failed before it"
    for one in instances:
        expected = "none" if one.number == 1 else "pass"
        if one.chain != expected:
            return f"set {one.number} has cv={one.chain[:20] or '(nothing)'} where {expected} belongs"
    if not last.message_signature.passed:
        return f"the message signature of set {last.number}: {last.message_signature.problem}"
    for one in reversed(instances):
        if not one.seal.passed:
            return f"the seal of set {one.number}: {one.seal.problem}"
    return ""


def _oldest_pass(instances: Sequence[Instance]) -> int:
    oldest = len(instances) + 1
    for one in reversed(instances):
        if not one.message_signature.passed:
            break
        oldest = one.number
    return 0 if oldest == 1 else oldest
