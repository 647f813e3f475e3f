"""Who Postfix says it is and what it expects of others: names, domains, greeting, protocol rules."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.postfix_view import MAIN, Postfix, judged
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned

HOSTNAME = Check(
    "postfix.hostname",
    Severity.HIGH,
    "The host introduces itself by its full name",
    "Postfix introduces itself by it. Receivers refuse a HELO without a domain, or one that says localhost.",
    "main.cf: `myhostname = mx1.example.org`, the name that the address's PTR record has.",
    "RFC 5321 §4.1.1.1; postconf(5), myhostname",
)
DOMAINS = Check(
    "postfix.domains",
    Severity.MEDIUM,
    "Each domain is in one class of addresses",
    "A domain in two lists belongs to one of them only: mail is refused for users of the other, and"
    " Postfix warns in"
    " the log for each message.",
    "main.cf: take the domain out of mydestination (or of the other list).",
    "ADDRESS_CLASS_README; postconf(5), virtual_mailbox_domains",
)
BANNER = Check(
    "postfix.banner",
    Severity.LOW,
    "The greeting begins with the host's name and tells no version",
    "The name is demanded by the protocol. A version or a distribution tells which holes to try.",
    "main.cf: `smtpd_banner = $myhostname ESMTP`.",
    "RFC 5321 §4.2, §4.3.1; postconf(5), smtpd_banner",
)
VRFY = Check(
    "postfix.vrfy",
    Severity.LOW,
    "VRFY is off",
    "With VRFY, address lists are checked by the thousand without a message.",
    "main.cf: `disable_vrfy_command = yes`.",
    "postconf(5), disable_vrfy_command; RFC 2505 §2.11",
)
HELO = Check(
    "postfix.helo",
    Severity.LOW,
    "A client must introduce itself",
    "Every mail server does. Much spam software does not, and the restrictions on HELO have nothing to"
    " look at.",
    "main.cf: `smtpd_helo_required = yes`.",
    "RFC 5321 §4.1.4; postconf(5), smtpd_helo_required",
)
SMUGGLING = Check(
    "postfix.bare-newline",
    Severity.HIGH,
    "A message ends with <CR><LF>.<CR><LF> only",
    "Otherwise a second message with a forged sender can be hidden in the first, and passes SPF and DMARC"
    " (SMTP smuggling, CVE-2023-51764). Before Postfix 3.9 the default is no.",
    "main.cf: `smtpd_forbid_bare_newline = normalize` (Postfix 3.7.10 and later; else `yes`).",
    "CVE-2023-51764; postconf(5), smtpd_forbid_bare_newline; RFC 5321 §4.1.1.4",
)
WARNINGS = Check(
    "postfix.unknown-parameters",
    Severity.LOW,
    "Postfix knows every parameter that is set",
    "A misspelt or outdated parameter does nothing, whatever it was meant to protect.",
    "main.cf, master.cf: correct the name, or take the line out; `postconf -n` repeats the warnings.",
    "postconf(1), -n",
)
LEVEL = Check(
    "postfix.compatibility-level",
    Severity.LOW,
    "The defaults of a Postfix of today hold",
    "Without it, Postfix keeps the defaults of many years ago, and logs a warning wherever they matter.",
    "main.cf: `compatibility_level = 3.6`, after the log has no more warnings of backwards-compatible"
    " settings.",
    "COMPATIBILITY_README",
)
PROTOCOLS = Check(
    "postfix.protocols",
    Severity.LOW,
    "Postfix uses the addresses that the host has",
    "With an IPv6 address that Postfix does not use, whoever has IPv6 alone can't reach it, and an AAAA"
    " record leads others nowhere. With IPv6 alone it reaches few others.",
    "main.cf: `inet_protocols = all`, with AAAA, PTR and SPF for the IPv6 address; or take the address off"
    " the host.",
    "postconf(5), inet_protocols; IPV6_README",
)
CHECKS = (HOSTNAME, DOMAINS, BANNER, VRFY, HELO, SMUGGLING, WARNINGS, LEVEL, PROTOCOLS)

_LISTS = ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains")
_GIVING_AWAY = re.compile(r"Debian|Ubuntu|CentOS|GNU|\b\d+\.\d+\.\d+\b", re.IGNORECASE)


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge identity and protocol. Subject of each finding: the host."""
    return judged(
        inside,
        subject,
        {
            HOSTNAME: _hostname,
            DOMAINS: _domains,
            BANNER: _banner,
            VRFY: _Switch("disable_vrfy_command", "VRFY is off", "VRFY is answered"),
            HELO: _Switch(
                "smtpd_helo_required", "a client must introduce itself", "mail is taken without HELO"
            ),
            SMUGGLING: _smuggling,
            WARNINGS: _warnings,
            LEVEL: _level,
            PROTOCOLS: _protocols,
        },
    )


class _Switch:
    """A switch that should be on wherever strangers connect."""

    def __init__(self, name: str, good: str, bad: str) -> None:
        self.name, self.good, self.bad = name, good, bad

    def __call__(self, postfix: Postfix) -> Verdict:
        if not postfix.open_ports:
            return skipped("no port of smtpd is open to the network")
        for port in postfix.open_ports:
            if port not in postfix.people and not postfix.yes(self.name, port):
                return postfix.at(warned(self.bad), self.name, port)
        return postfix.at(passed(self.good), self.name)


def _hostname(postfix: Postfix) -> Verdict:
    name = postfix.get("myhostname").lower()
    if name.startswith("localhost") or name.endswith((".localdomain", ".local", ".localhost")):
        return postfix.at(failed(f"introduces itself as {name}"), "myhostname")
    if "." not in name.strip("."):
        return postfix.at(failed(f"introduces itself as {name}, which has no domain"), "myhostname")
    return postfix.at(passed(f"introduces itself as {name}"), "myhostname")


def _domains(postfix: Postfix) -> Verdict:
    held: dict[str, dict[str, str]] = {}
    # By default relay_domains repeats mydestination at old compatibility levels: that says nothing.
    used = [name for name in _LISTS if name in postfix.here or name == "mydestination"]
    for name in used:
        for word in postfix.words(name):
            if "/" not in word and ":" not in word:
                held.setdefault(word.lower(), {})[name] = postfix.place(name)
    for line in postfix.inside.output("postfix-domains").splitlines():
        words = line.split(" ", 2)
        if len(words) == 3 and words[0] in used:
            held.setdefault(words[1].lower(), {}).setdefault(words[0], words[2])
    twice = {domain: lists for domain, lists in held.items() if len(lists) > 1}
    if not twice:
        return passed("each domain is in one class of addresses")
    said = [
        f"{domain}: {', '.join(f'{name} ({at})' for name, at in lists.items())}"
        for domain, lists in twice.items()
    ]
    first, lists = next(iter(twice.items()))
    verdict = failed(f"{first} is in {' and in '.join(lists)}", *said)
    return replace(verdict, place=next(iter(lists.values())))


def _banner(postfix: Postfix) -> Verdict:
    text, name = postfix.get("smtpd_banner"), postfix.get("myhostname")
    if not text.startswith(name):
        return postfix.at(failed("the greeting does not begin with the host's name"), "smtpd_banner")
    if found := _GIVING_AWAY.search(text.removeprefix(name)):
        return postfix.at(warned(f"the greeting tells everybody: {found[0]}"), "smtpd_banner")
    return postfix.at(passed("the greeting tells the name alone"), "smtpd_banner")


def _smuggling(postfix: Postfix) -> Verdict:
    name = "smtpd_forbid_bare_newline"
    if not postfix.open_ports:
        return skipped("no port of smtpd is open to the network")
    for port in postfix.open_ports:
        if name not in postfix.values:
            return failed(
                f"Postfix {postfix.get('mail_version')} can't forbid it", fix="Install a newer Postfix."
            )
        if postfix.get(name, port).lower() not in ("yes", "normalize", "reject", "note"):
            return postfix.at(failed("a message may end in other ways, too"), name, port)
    return postfix.at(passed("a message ends in one way only"), name)


def _warnings(postfix: Postfix) -> Verdict:
    lines = [line for line in postfix.inside.output("postfix-warnings").splitlines() if "warning:" in line]
    if not lines:
        return passed("`postconf` has no warning about parameters")
    found = re.search(r"(/\S+\.cf): (?:unused|undefined) parameter: (\w+)", lines[0])
    place = found[1] if found else MAIN
    if found and found[2] in postfix.lines:
        place = postfix.place(found[2])
    return replace(warned(f"`postconf` has {len(lines)} warning(s)", *lines), place=place)


def _level(postfix: Postfix) -> Verdict:
    value = postfix.get("compatibility_level")
    numbers = tuple(int(part) for part in re.findall(r"\d+", value)[:2])
    if numbers < ((2,) if postfix.version < (3, 6) else (3, 6)):
        return postfix.at(warned(f"keeps the defaults of level {value or 0}"), "compatibility_level")
    return postfix.at(passed(f"has the defaults of level {value}"), "compatibility_level")


def _protocols(postfix: Postfix) -> Verdict:
    name = "inet_protocols"
    if not postfix.inside.ran("addresses"):
        return untested("the host has no `ip` to say which addresses it has")
    used = {"ipv4", "ipv6"} if "all" in postfix.words(name) else set(postfix.words(name))
    there = _addresses(postfix.inside)
    for protocol, label in (("ipv4", "IPv4"), ("ipv6", "IPv6")):
        if used == {protocol} and not there[protocol]:
            said = f"uses {label} alone, and the host has no such address: no mail gets in or out"
            return postfix.at(failed(said, severity=Severity.HIGH), name)
    if there["ipv4"] and "ipv4" not in used:
        said = "uses IPv6 alone: servers that have IPv4 alone are out of reach"
        return postfix.at(failed(said, *there["ipv4"], severity=Severity.HIGH), name)
    if there["ipv6"] and "ipv6" not in used:
        return postfix.at(warned(f"does not use {there['ipv6'][0]}", *there["ipv6"]), name)
    if not there["ipv6"] and "ipv6" in used and postfix.get("smtp_address_preference") == "ipv6":
        fix = "main.cf: take `smtp_address_preference` out."
        said = "tries IPv6 first for each message, and the host has no such address"
        return postfix.at(warned(said, fix=fix), "smtp_address_preference")
    return postfix.at(passed("uses the addresses that the host has"), name)


def _addresses(inside: Inside) -> dict[str, list[str]]:
    """Addresses that others can reach, of each protocol, as `ip -o addr show scope global` lists them."""
    found: dict[str, list[str]] = {"ipv4": [], "ipv6": []}
    for line in inside.output("addresses").splitlines():
        words = line.split()
        if len(words) < 4 or words[2] not in ("inet", "inet6") or {"deprecated", "dadfailed"} & set(words):
            continue
        address = words[3].partition("/")[0]
        if not address.startswith(("fc", "fd", "fe80")):  # RFC 4193: for one network alone.
            found["ipv4" if words[2] == "inet" else "ipv6"].append(address)
    return found
