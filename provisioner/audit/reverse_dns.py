"""Reverse DNS: whether an address leads to a name, the name back to the address, and the server says it too.

"Forward-confirmed reverse DNS", `iprev` in RFC 8601 §2.7.3. Big receivers refuse or distrust mail from
addresses without it.
"""

from __future__ import annotations

import ipaddress
import re

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.dns.resolver import Reply, Resolver, Status

PRESENT = Check(
    "reverse-dns.present",
    Severity.HIGH,
    "The address leads to a name",
    "Gmail, Microsoft and many others refuse mail from an address without a PTR record.",
    "Set the address's PTR (reverse DNS) to the server's name. Whoever gave you the address sets it: the"
    " hosting provider's panel, or the network's owner.",
    "RFC 1912 §2.1, RFC 8601 §2.7.3",
)
CONFIRMED = Check(
    "reverse-dns.confirmed",
    Severity.HIGH,
    "The name leads back to the address",
    "Anybody may write any name into a PTR of theirs. Receivers believe it only where that name's A or"
    " AAAA record has the same address.",
    "Publish an A (or AAAA) record for the name in the PTR with this address, or set the PTR to a name that"
    " has one.",
    "RFC 8601 §2.7.3",
)
SINGLE = Check(
    "reverse-dns.single",
    Severity.LOW,
    "The address has one name",
    "With several PTR records the order is random, and so is the name that a receiver compares.",
    "Keep one PTR: the name in Postfix's `myhostname`.",
    "RFC 1912 §2.1",
)
OWN_NAME = Check(
    "reverse-dns.own-name",
    Severity.MEDIUM,
    "The name is the server's own and not the provider's default",
    "Names made of the address, such as `static-192-0-2-1.provider.example`, are what dial-up and hacked"
    " machines have. Block lists of dynamic addresses go by them.",
    "Set the PTR to the server's own name, the one in Postfix's `myhostname`.",
    "M3AAWG Sender Best Common Practices, Spamhaus PBL",
)
GREETING = Check(
    "reverse-dns.greeting",
    Severity.LOW,
    "The server calls itself by the name its address leads to",
    "Receivers compare the name in HELO with the PTR, and spam filters count a difference against the"
    " sender.",
    "Postfix: `myhostname = NAME` with the name in the PTR; leave `smtpd_banner` and `smtp_helo_name` at"
    " `$myhostname`.",
    "RFC 5321 §4.1.4, RFC 8601 §2.7.3",
)
GREETING_NAME = Check(
    "reverse-dns.greeting-name",
    Severity.MEDIUM,
    "The server calls itself by a name that exists",
    "A server's name in its greeting and in HELO must be a full domain name with an address. Many refuse"
    " mail from `localhost` or `mail`.",
    "Postfix: `myhostname = mx1.example.org`, and an A record for that name.",
    "RFC 5321 §2.3.5, §4.1.1.1",
)
CHECKS = (PRESENT, CONFIRMED, SINGLE, OWN_NAME, GREETING, GREETING_NAME)

_GENERIC = re.compile(
    r"(^|[-.])(dyn(amic)?|dhcp|dial(up|in)?|ppp|pool|dsl|adsl|vdsl|cable|static|broadband|customers?|clients?|"
    r"unassigned|vps|cloud|ip|host|hsd\d*|fibre|ftth)\d*([-.]|$)"
)
MOST_NAMES = 5


def audit(address: str, resolver: Resolver, *, greeting_name: str = "", sends: bool = True) -> list[Finding]:
    """Judge the reverse DNS of one address of a mail server. Subject of each finding: the address.

    `greeting_name` is the first word after 220 in the server's banner; `""` where it isn't known.
    `sends` is false for a server known not to send (mail comes in only): what is missing weighs less then.
    """
    reply = resolver.reverse(address)
    findings = _names(address, reply, sends)
    names = _targets(reply)
    if names:
        confirmed, finding = _confirmed(address, names, resolver, sends)
        findings += [finding, _own_name(address, confirmed or names, sends)]
        if greeting_name:
            findings.append(_greeting(address, confirmed or names, greeting_name))
    if greeting_name:
        findings.append(_greeting_name(address, greeting_name, resolver))
    return findings


def _targets(reply: Reply) -> list[str]:
    return [text.rstrip(".").lower() for text in reply.texts()]


def _weight(check: Check, sends: bool) -> Severity | None:
    return None if sends else max(check.severity, Severity.LOW, key=lambda severity: severity.rank)


def _names(address: str, reply: Reply, sends: bool) -> list[Finding]:
    if not reply.answered:
        return [Finding(PRESENT, Outcome.ERROR, address, "its name could not be asked for", (reply.detail,))]
    names = _targets(reply)
    if not names:
        asked = f"{reply.name} PTR: {reply.status}"
        return [Finding(PRESENT, Outcome.FAIL, address, "leads to no name (no PTR record)", (asked,),
                        severity=_weight(PRESENT, sends))]  # fmt: skip
    evidence = tuple(f"{reply.name} PTR {name}" for name in names[:MOST_NAMES])
    found = [Finding(PRESENT, Outcome.PASS, address, f"leads to {names[0]}", evidence)]
    if len(names) > 1:
        return [*found, Finding(SINGLE, Outcome.WARN, address, f"has {len(names)} names", evidence)]
    return [*found, Finding(SINGLE, Outcome.PASS, address, "has one name")]


def _confirmed(address: str, names: list[str], resolver: Resolver, sends: bool) -> tuple[list[str], Finding]:
    """The names that lead back, and what is said of it. RFC 8601 §2.7.3 bounds the names asked."""
    wanted = ipaddress.ip_address(address)
    rdtype = "A" if wanted.version == 4 else "AAAA"
    replies = {name: resolver.ask(name, rdtype) for name in names[:MOST_NAMES]}
    back = [name for name, reply in replies.items() if str(wanted) in reply.texts()]
    if back:
        return back, Finding(CONFIRMED, Outcome.PASS, address, f"{back[0]} leads back to it")
    silent = [reply for reply in replies.values() if not reply.answered]
    evidence = tuple(
        f"{name} {rdtype} {', '.join(reply.texts()[:5]) or reply.status}" for name, reply in replies.items()
    )
    if silent:
        return [], Finding(CONFIRMED, Outcome.ERROR, address, f"the address of {silent[0].name} could not be"
                           " asked for", (silent[0].detail,))  # fmt: skip
    return [], Finding(
        CONFIRMED, Outcome.FAIL, address, f"leads to {names[0]}, which does not lead back", evidence,
        fix=f"Publish `{names[0]}. {rdtype} {wanted}`, or set the PTR to a name that has this address.",
        severity=_weight(CONFIRMED, sends),
    )  # fmt: skip


def looks_generic(name: str, address: str) -> bool:
    """Whether a name seems made from its address by a provider, and for no server of its own."""
    parsed = ipaddress.ip_address(address)
    plain = name.lower()
    if parsed.version == 4:
        octets = str(parsed).split(".")
        numbers = re.findall(r"\d+", plain)
        run = [str(int(number)) for number in numbers if len(number) <= 3]
        inside = "".join(octet.zfill(3) for octet in octets), f"{int(parsed):08x}"
        if any(run[at : at + 3] in (octets[1:], octets[:3], octets[::-1][:3], octets[::-1][1:])
               for at in range(len(run))) or any(text in plain for text in inside):  # fmt: skip
            return True
        return bool(_GENERIC.search(plain.partition(".")[0])) and any(octet in numbers for octet in octets)
    digits = parsed.exploded.replace(":", "")
    groups = [group.lstrip("0") or "0" for group in parsed.exploded.split(":")]
    return digits[16:] in plain.replace("-", "").replace(".", "") or "-".join(groups[-4:]) in plain


def _own_name(address: str, names: list[str], sends: bool) -> Finding:
    generic = [name for name in names[:MOST_NAMES] if looks_generic(name, address)]
    if generic and len(generic) == len(names[:MOST_NAMES]):
        return Finding(OWN_NAME, Outcome.WARN, address, f"leads to {generic[0]}, a provider's default name",
                       severity=_weight(OWN_NAME, sends))  # fmt: skip
    return Finding(OWN_NAME, Outcome.PASS, address, "leads to a name of the server's own")


def _greeting(address: str, names: list[str], greeting_name: str) -> Finding:
    said = greeting_name.rstrip(".").lower()
    if said in names:
        return Finding(GREETING, Outcome.PASS, address, f"the server greets as {said}, as its PTR says")
    return Finding(
        GREETING, Outcome.WARN, address, f"leads to {names[0]}, and the server greets as {said}",
        (f"220 {greeting_name}",), fix=f"Postfix: `myhostname = {names[0]}`, or set the PTR to {said}.",
    )  # fmt: skip


def _greeting_name(address: str, greeting_name: str, resolver: Resolver) -> Finding:
    said = greeting_name.rstrip(".").lower()
    evidence = (f"220 {greeting_name}",)
    literal = said.startswith("[") and said.endswith("]")
    if literal or "." not in said or said.endswith((".localdomain", ".local", ".lan", ".internal")):
        why = "an address" if literal else "no full domain name"
        return Finding(GREETING_NAME, Outcome.FAIL, address, f"the server greets as {said}, {why}", evidence)
    replies = resolver.ask_all([(said, "A"), (said, "AAAA")])
    if any(reply.status is Status.FOUND for reply in replies):
        return Finding(GREETING_NAME, Outcome.PASS, address, f"the server greets as {said}, which exists")
    if not all(reply.answered for reply in replies):
        return Finding(GREETING_NAME, Outcome.ERROR, address, f"whether {said} exists could not be asked",
                       tuple(reply.detail for reply in replies if reply.detail))  # fmt: skip
    return Finding(
        GREETING_NAME,
        Outcome.FAIL,
        address,
        f"the server greets as {said}, which has no address",
        evidence,
        fix=f"Publish an A record for {said}, or change Postfix's `myhostname`.",
    )
