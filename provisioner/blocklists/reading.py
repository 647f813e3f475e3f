"""What a list's answer means (RFC 5782 §2.1, §2.3), decided without asking anybody."""

from __future__ import annotations

import ipaddress

from provisioner.blocklists.result import Answer, BlockList, Code, Meaning, Verdict
from provisioner.dns.resolver import Reply, Status

MOST_CODES = 20
_LISTED = ipaddress.IPv4Network("127.0.0.0/8")
_ERRORS = (
    Code("127.255.255.*", "the list refuses to answer the resolver that was asked", Verdict.UNKNOWN),
    Code("127.0.0.1", "the list refuses to answer the resolver that was asked", Verdict.UNKNOWN),
)
"""By custom never a listing, whatever the list."""
_ORDER = list(Verdict)


def query_name(subject: str, zone: str) -> str:
    """The name to ask for: an address reversed before the zone, a name as it is (RFC 5782 §2.1, §2.4, §3)."""
    try:
        address = ipaddress.ip_address(subject)
    except ValueError:
        return f"{subject}.{zone}"
    if address.version == 4:
        return ".".join([*reversed(str(address).split(".")), zone])
    return ".".join([*reversed(address.exploded.replace(":", "")), zone])


def read(found: BlockList, subject: str, reply: Reply) -> Answer:
    """What the reply to the question for A says of `subject`.

    What is not an answer of a list is unknown, and never not listed: a time-out, a refusal, an address
    outside 127.0.0.0/8 (somebody else answers for the zone), a code that means an error.
    """
    if reply.status in (Status.NXDOMAIN, Status.NODATA):
        return Answer(found, subject, Verdict.NOT_LISTED)
    if reply.status is not Status.FOUND:
        return Answer(found, subject, Verdict.UNKNOWN, detail=_silence(reply))
    texts = reply.texts()[:MOST_CODES]
    outside = [text for text in texts if ipaddress.IPv4Address(text) not in _LISTED]
    if outside:
        why = f"answered {outside[0]}, which no block list does: the zone is not the list's any more, or the"
        return Answer(found, subject, Verdict.UNKNOWN, detail=f"{why} resolver makes answers up")
    meanings = tuple(dict.fromkeys(one for text in sorted(texts) for one in _meanings(found, text)))
    verdict = min((one.verdict for one in meanings), key=_ORDER.index)
    errors = [one for one in meanings if one.verdict is Verdict.UNKNOWN]
    if errors:
        return Answer(
            found, subject, Verdict.UNKNOWN, meanings, detail=f"{errors[0].code}: {errors[0].means}"
        )
    return Answer(found, subject, verdict, meanings, steps=_steps(found, texts))


def self_test_fault(found: BlockList, entry: str, reply: Reply, expected: Verdict) -> str:
    """Why a list can't be believed, by one of its test entries (RFC 5782 §5); `""` where it can.

    `expected` is `listed` (with any code of the list's), or `not-listed`.
    """
    answer = read(found, entry, reply)
    if answer.verdict is Verdict.UNKNOWN:
        return answer.detail
    if expected is Verdict.NOT_LISTED and answer.verdict is not expected:
        return f"lists {entry}, which it never should: it lists the world"
    if expected is not Verdict.NOT_LISTED and answer.verdict is Verdict.NOT_LISTED:
        return f"does not list its own test entry {entry}: it has ended, or does not answer us"
    return ""


def zone_fault(reply: Reply) -> str:
    """Why a list without test entries can't be believed, by the SOA of its zone; `""` where it is there.

    A resolver that knows nothing of the list would otherwise make it say of everybody that it has them not.
    A zone of rbldnsd may have no SOA; its name is there all the same.
    """
    if reply.status is Status.NXDOMAIN:
        return "has no zone in DNS: it has ended, or the resolver does not reach it"
    return "" if reply.status in (Status.FOUND, Status.NODATA) else _silence(reply)


def _silence(reply: Reply) -> str:
    words = {
        Status.TIMEOUT: "did not answer in time",
        Status.REFUSED: "refused to answer",
        Status.SERVFAIL: "could not be asked: its name servers fail, or do not answer the resolver",
    }
    return words.get(reply.status, reply.detail or str(reply.status))


def _meanings(found: BlockList, text: str) -> tuple[Meaning, ...]:
    code = _code(found, text)
    if code is not None:
        return (Meaning(text, code.means, code.verdict),)
    last = int(text.rpartition(".")[2])
    bits = tuple(Meaning(text, means, verdict) for bit, means, verdict in found.bits if last & bit)
    if bits:
        return bits
    verdict = Verdict.NOTED if found.white else Verdict.LISTED
    return (Meaning(text, "a code that our data does not know; see the list's page", verdict),)


def _code(found: BlockList, text: str) -> Code | None:
    return next((code for code in (*found.codes, *_ERRORS) if code.fits(text)), None)


def _steps(found: BlockList, texts: tuple[str, ...]) -> tuple[str, ...]:
    codes = [_code(found, text) for text in sorted(texts)]
    steps = [step for code in codes if code is not None for step in code.steps]
    return tuple(dict.fromkeys(steps)) or found.steps
