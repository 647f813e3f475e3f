"""The packet filter: whether it lets in only what is meant, over IPv4 and IPv6, also after a reboot.

Rules are read as text, for what a whole rule set comes to: whether it drops what no rule accepts, and which
ports are accepted. What a provider's own firewall does can't be seen from inside.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.seen import Inside
from provisioner.audit.inside.units import Unit, units
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned

INPUT = Check(
    "firewall.input",
    Severity.LOW,
    "What is not meant to be open is dropped",
    "A service that starts by itself, with an upgrade or by mistake, is open to the world at once. A packet"
    " filter that drops by default keeps it in.",
    "nftables: a chain `type filter hook input priority filter; policy drop;` that accepts established"
    " connections, `lo`, ICMP, and the ports of mail and SSH; or `ufw default deny incoming`.",
    "NIST SP 800-41 §4.1; CIS Controls 4.4",
)
IPV6 = Check(
    "firewall.ipv6",
    Severity.MEDIUM,
    "IPv6 is filtered as IPv4 is",
    "What is closed over IPv4 and open over IPv6 is open.",
    "nftables: a table of the family `inet` holds for both; with iptables, the same rules in ip6tables.",
    "RFC 9099 §3.1",
)
BOOT = Check(
    "firewall.boot",
    Severity.MEDIUM,
    "The packet filter is there again after a reboot",
    "Rules that nobody loads are gone with the next power cut.",
    "`systemctl enable nftables` with the rules in /etc/nftables.conf; or netfilter-persistent, ufw,"
    " firewalld.",
    "nft(8); Debian wiki, nftables",
)
OUTGOING = Check(
    "firewall.outgoing-mail",
    Severity.HIGH,
    "Postfix may connect to port 25 of other servers",
    "Without it nothing leaves: mail waits in the queue for days and then comes back.",
    "Accept `tcp dport 25` in the chain of `hook output`, or set `relayhost` to a server that may.",
    "RFC 5321 §4.5.4",
)
CHECKS = (INPUT, IPV6, BOOT, OUTGOING)

_LOADERS = ("nftables", "provision-firewall", "netfilter-persistent", "ufw", "firewalld", "shorewall", "ferm")
_BASE = re.compile(r"type filter hook (input|output) .*?; (?:policy (\w+);)?")


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that all packets of a direction pass."""

    family: str
    """`ip`, `ip6` or `inet`."""
    name: str
    drops: bool
    """Whether a packet that no rule accepts is dropped or refused."""
    rules: tuple[str, ...]


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge the packet filter. Subject of each finding: the host."""
    read = [name for name in ("nft", "iptables", "ip6tables") if inside.ran(name)]
    if not read:
        missing = untested("the rules could not be read: neither nft nor iptables-save works here")
        for check in CHECKS:
            yield missing.of(check, subject)
        return
    incoming = chains(inside, "input")
    yield _input(incoming).of(INPUT, subject)
    yield _ipv6(inside, incoming).of(IPV6, subject)
    yield _boot(inside, incoming).of(BOOT, subject)
    yield _outgoing(inside).of(OUTGOING, subject)


def chains(inside: Inside, hook: str) -> tuple[Chain, ...]:
    """The chains of `input` or `output`, of nftables and of iptables."""
    return (*_nft(inside.output("nft"), hook), *_iptables(inside.output("iptables"), "ip", hook),
            *_iptables(inside.output("ip6tables"), "ip6", hook))  # fmt: skip


def _nft(text: str, hook: str) -> Iterator[Chain]:
    family = ""
    blocks: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        word = line.split()
        if len(word) >= 3 and word[0] == "table":
            family = word[1]
        elif len(word) >= 2 and word[0] == "chain":
            blocks.append((family, word[1], []))
        elif word and blocks:
            blocks[-1][2].append(line.strip())
    for family, name, lines in blocks:
        head = next((match for line in lines if (match := _BASE.search(line))), None)
        if head and head[1] == hook and family in ("ip", "ip6", "inet"):
            rules = tuple(line for line in lines if line != "}" and not _BASE.search(line))
            # A rule that names nothing and drops or refuses is as good as the policy.
            last = re.sub(r"^(counter( packets \d+ bytes \d+)? )?", "", rules[-1]) if rules else ""
            refuses = head[2] == "drop" or last.startswith(("drop", "reject"))
            # Chains that it leads to are read for the ports that they accept.
            inner = tuple(rule for other, chain, found in blocks if other == family and chain != name
                          for rule in found if "dport" in rule)  # fmt: skip
            jumps = any(re.search(r"\b(jump|goto)\b", rule) for rule in rules)
            yield Chain(family, name, refuses, (*rules, *inner) if jumps else rules)


def _iptables(text: str, family: str, hook: str) -> Iterator[Chain]:
    chain = hook.upper()
    table = re.search(r"^\*filter$(.*?)^COMMIT$", text, re.M | re.S)
    if not table:
        return
    policy = re.search(rf"^:{chain} (\w+)", table[1], re.M)
    own = f"-A {chain} "
    rules = tuple(line for line in table[1].splitlines() if line.startswith(own) or "dport" in line)
    last = next((rule for rule in reversed(rules) if rule.startswith(own)), "")
    refuses = bool(re.fullmatch(rf"-A {chain} -j (DROP|REJECT)( --reject-with \S+)?", last))
    yield Chain(family, chain, refuses or bool(policy and policy[1] == "DROP"), rules)


def shut(inside: Inside, port: int) -> bool:
    """Whether the filter drops what comes to a TCP port, as far as its rules can be read."""
    for family in ("ip", "ip6"):
        dropping = [one for one in chains(inside, "input") if one.drops and one.family in (family, "inet")]
        if not dropping or all(any(_accepts(rule, port) for rule in one.rules) for one in dropping):
            return False
    return True


def _accepts(rule: str, port: int) -> bool:
    if not re.search(r"\baccept\b|-j ACCEPT", rule):
        return False
    if re.search(r"iif(name)? \"?lo|-i lo\b|ct state|--ctstate|--state|icmp|\budp\b", rule):
        return False
    if "saddr" in rule or "-s " in rule:
        return False
    ports = re.search(r"dport (\{[^}]*\}|\S+)|--dports? (\S+)", rule)
    if not ports:
        return "tcp" not in rule or "port" not in rule
    words = re.findall(r"\d+(?:[-:]\d+)?", ports[0])
    return any(_within(port, word) for word in words)


def _within(port: int, word: str) -> bool:
    low, _, high = word.replace(":", "-").partition("-")
    return int(low) <= port <= int(high or low)


def _input(incoming: tuple[Chain, ...]) -> Verdict:
    dropping = [one for one in incoming if one.drops]
    if dropping:
        return passed(f"what no rule accepts is dropped ({dropping[0].family} {dropping[0].name})")
    if incoming and any(one.rules for one in incoming):
        shown = [
            f"{one.family} {one.name}: {len(one.rules)} rules, and the rest accepted" for one in incoming
        ]
        return warned("there are rules for what comes in, and what none of them names is let in", *shown)
    return warned("nothing is filtered on the host; whether its provider does can't be seen from here")


def _ipv6(inside: Inside, incoming: tuple[Chain, ...]) -> Verdict:
    addresses = [line.split()[3] for line in inside.output("addresses").splitlines() if " inet6 " in line]
    public = [address for address in addresses if not address.startswith(("fe80", "fd", "fc"))]
    v4 = any(one.drops and one.family in ("ip", "inet") for one in incoming)
    v6 = any(one.drops and one.family in ("ip6", "inet") for one in incoming)
    if not v4:
        return skipped("IPv4 is not filtered either")
    if v6:
        return passed("IPv6 is filtered too")
    if not public:
        return skipped("the host has no public IPv6 address")
    return failed("IPv4 is filtered and IPv6 is not", *public)


def _boot(inside: Inside, incoming: tuple[Chain, ...]) -> Verdict:
    if not any(one.drops for one in incoming):
        return skipped("there is no filter to bring back")
    known = units(inside)
    loaders = [name for name in _LOADERS if known.get(f"{name}.service", Unit()).at_boot]
    if loaders:
        return passed(f"{loaders[0]}.service brings it back")
    states = [f"{name}.service {known[f'{name}.service'].enabled}" for name in _LOADERS
              if known.get(f"{name}.service", Unit()).known]  # fmt: skip
    return warned("the rules are there, and nothing that loads them at boot was found", *states)


def _outgoing(inside: Inside) -> Verdict:
    relay = inside.output("relayhost").strip()
    if relay:
        return skipped(f"mail leaves through {relay}")
    for chain in chains(inside, "output"):
        mail = [rule for rule in chain.rules if _names_mail(rule)]
        refusing = [rule for rule in mail if re.search(r"\b(drop|reject)\b|-j (DROP|REJECT)", rule)]
        letting = [rule for rule in chain.rules if re.search(r"\baccept\b|-j ACCEPT", rule) and (
            rule in mail or _accepts(rule, 25))]  # fmt: skip
        if refusing and not letting:
            return failed("the packet filter keeps mail from leaving", *refusing)
        if chain.drops and not letting:
            return failed("the packet filter drops what leaves, and accepts no port 25",
                          f"{chain.family} {chain.name}")  # fmt: skip
    return passed("no rule keeps mail from leaving")


def _names_mail(rule: str) -> bool:
    ports = re.search(r"dport (\{[^}]*\}|\S+)|--dports? (\S+)", rule)
    words = re.findall(r"\d+(?:[-:]\d+)?", ports[0]) if ports else []
    return any(_within(25, word) for word in words)
