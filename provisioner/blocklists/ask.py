"""Ask the lists, all side by side: first whether each is alive, then what it says, then why.

A list that fails its own test entries is told nothing of what the user looks for.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from provisioner.blocklists.keys import variable
from provisioner.blocklists.reading import query_name, read, self_test_fault, zone_fault
from provisioner.blocklists.result import Answer, Asks, BlockList, Target, Verdict
from provisioner.blocklists.targets import found_target
from provisioner.dns.resolver import Reply, Resolver
from provisioner.dns.zones import zone_of

AT_ONCE = 64
"""Questions to lists; each list's own servers get few of them."""
TARGETS_AT_ONCE = 8
REASON_CHARACTERS = 300
PUBLIC_RESOLVERS = {
    "1.1.1.1": "Cloudflare", "1.0.0.1": "Cloudflare", "2606:4700:4700::1111": "Cloudflare",
    "2606:4700:4700::1001": "Cloudflare", "8.8.8.8": "Google", "8.8.4.4": "Google",
    "2001:4860:4860::8888": "Google", "2001:4860:4860::8844": "Google", "9.9.9.9": "Quad9",
    "149.112.112.112": "Quad9", "9.9.9.10": "Quad9", "2620:fe::fe": "Quad9", "2620:fe::9": "Quad9",
    "208.67.222.222": "OpenDNS", "208.67.220.220": "OpenDNS", "2620:119:35::35": "OpenDNS",
    "2620:119:53::53": "OpenDNS", "64.6.64.6": "UltraDNS", "64.6.65.6": "UltraDNS", "4.2.2.1": "Level 3",
    "4.2.2.2": "Level 3", "94.140.14.14": "AdGuard", "94.140.15.15": "AdGuard",
    "185.228.168.9": "CleanBrowsing", "193.110.81.0": "dns0.eu", "185.253.5.0": "dns0.eu",
    "86.54.11.1": "DNS4EU",
}  # fmt: skip
"""Resolvers that everybody may use, with who runs them; many lists answer none of them."""


@dataclass(frozen=True, slots=True)
class _Question:
    list: BlockList
    zone: str
    subject: str

    @property
    def name(self) -> str:
        return query_name(self.subject, self.zone)


def warnings(resolver: Resolver) -> tuple[str, ...]:
    """What to know before the answers of this resolver are believed."""
    public = [(one, PUBLIC_RESOLVERS[one]) for one, _ in resolver.servers if one in PUBLIC_RESOLVERS]
    if not public:
        return ()
    said = " and ".join(f"{address} ({owner})" for address, owner in public)
    return (
        f"{said} is a resolver for everybody: many lists do not answer it, or answer wrongly. Ask one of"
        " your own (--resolver), such as unbound on the mail server.",
    )


def check_targets(
    names: Sequence[str], lists: Sequence[BlockList], keys: Mapping[str, str], resolver: Resolver
) -> tuple[Target, ...]:
    """Ask `lists` about each target (as `checked_name` gives it) and all that belongs to it."""
    with ThreadPoolExecutor(TARGETS_AT_ONCE) as pool:
        targets = list(pool.map(lambda name: found_target(name, resolver), names))
    addresses = list(dict.fromkeys(address for target in targets for address, _ in target.addresses))
    domains = list(dict.fromkeys(name for target in targets for name in target.names))
    answers = check(addresses, domains, lists, keys, resolver)
    return tuple(
        replace(
            target,
            answers=tuple(
                answer
                for answer in answers
                if answer.subject in (*(address for address, _ in target.addresses), *target.names)
                or any(_about(answer, name, resolver) for name in target.names)
            ),
        )
        for target in targets
    )


def check(
    addresses: Sequence[str],
    names: Sequence[str],
    lists: Sequence[BlockList],
    keys: Mapping[str, str],
    resolver: Resolver,
) -> tuple[Answer, ...]:
    """What each list says of each address and name that it can be asked about."""
    answers: list[Answer] = []
    questions: list[_Question] = []
    if any(one.asks is Asks.DOMAIN for one in lists):
        with ThreadPoolExecutor(TARGETS_AT_ONCE) as pool:
            list(pool.map(lambda name: zone_of(name, resolver), names))  # the resolver keeps what it hears
    for found, (fault, fault_ipv6) in zip(lists, _faults(lists, keys, resolver), strict=True):
        for subject in _subjects(found, addresses, names, resolver):
            why = fault or (fault_ipv6 if ":" in subject else "")
            if why:
                answers.append(Answer(found, subject, Verdict.UNKNOWN, detail=why))
            else:
                questions.append(_Question(found, _zone(found, keys), subject))
    replies = resolver.ask_all([(question.name, "A") for question in questions], AT_ONCE)
    read_ones = [_read(question, reply) for question, reply in zip(questions, replies, strict=True)]
    reasoned = _with_reasons(questions, read_ones, resolver)
    lists_, subjects = list(lists), [*addresses, *names]
    every = [_hidden(answer, keys) for answer in (*answers, *reasoned)]

    def place(answer: Answer) -> tuple[int, int]:
        known = answer.subject in subjects
        return lists_.index(answer.list), subjects.index(answer.subject) if known else len(subjects)

    return tuple(sorted(every, key=place))


def _zone(found: BlockList, keys: Mapping[str, str]) -> str:
    """The zone to ask; `""` where it takes a key that there is not."""
    if found.key in keys:
        return found.keyed_zone.format(key=keys[found.key])
    return found.zone


def _subjects(
    found: BlockList, addresses: Sequence[str], names: Sequence[str], resolver: Resolver
) -> list[str]:
    if found.asks is Asks.ADDRESS:
        return [one for one in addresses if found.ipv6 or ipaddress.ip_address(one).version == 4]
    if found.asks is Asks.NAME:
        return list(names)
    return list(dict.fromkeys(_registered(name, resolver) for name in names))


def _registered(name: str, resolver: Resolver) -> str:
    """The domain that somebody has registered: the zone that the name lies in, as a rule."""
    zone = zone_of(name, resolver)
    return zone if "." in zone and name.endswith(f".{zone}") else name


def _about(answer: Answer, name: str, resolver: Resolver) -> bool:
    return answer.list.asks is Asks.DOMAIN and answer.subject == _registered(name, resolver)


def _faults(lists: Sequence[BlockList], keys: Mapping[str, str], resolver: Resolver) -> list[tuple[str, str]]:
    """Why each list can't be asked or believed, and why not on IPv6; `""` where it can."""
    zones = [_zone(found, keys) for found in lists]
    tests = [
        test for found, zone in zip(lists, zones, strict=True) if zone for test in _life_signs(found, zone)
    ]
    asked = dict(zip(tests, resolver.ask_all(tests, AT_ONCE), strict=True))
    return [_fault(found, zone, asked) for found, zone in zip(lists, zones, strict=True)]


def _life_signs(found: BlockList, zone: str) -> list[tuple[str, str]]:
    """What is asked to see whether a list is alive: its test entries, else the head of its zone."""
    entries = (found.test_listed, found.test_not_listed, found.test_listed_ipv6)
    return [(query_name(entry, zone), "A") for entry in entries if entry] or [(zone, "SOA")]


def _fault(found: BlockList, zone: str, asked: Mapping[tuple[str, str], Reply]) -> tuple[str, str]:
    if not zone:
        return f"takes a key, and there is none ({variable(found.key)})", ""

    if (zone, "SOA") in asked:
        return zone_fault(asked[zone, "SOA"]), ""

    def fault(entry: str, expected: Verdict) -> str:
        return self_test_fault(found, entry, asked[query_name(entry, zone), "A"], expected) if entry else ""

    general = fault(found.test_listed, Verdict.LISTED) or fault(found.test_not_listed, Verdict.NOT_LISTED)
    return general, fault(found.test_listed_ipv6, Verdict.LISTED)


def _read(question: _Question, reply: Reply) -> Answer:
    return read(question.list, question.subject, reply)


def _with_reasons(
    questions: Sequence[_Question], answers: Sequence[Answer], resolver: Resolver
) -> list[Answer]:
    """The TXT records of what is listed (RFC 5782 §2.1)."""
    wanted = [
        question.name
        for question, answer in zip(questions, answers, strict=True)
        if answer.verdict in (Verdict.LISTED, Verdict.NOTED)
    ]
    replies = resolver.ask_all([(name, "TXT") for name in wanted], AT_ONCE)
    reasons = {
        name: " ".join(reply.texts())[:REASON_CHARACTERS] for name, reply in zip(wanted, replies, strict=True)
    }
    return [
        replace(answer, reason=reasons.get(question.name, ""))
        for question, answer in zip(questions, answers, strict=True)
    ]


def _hidden(answer: Answer, keys: Mapping[str, str]) -> Answer:
    """The same, without a key in it: servers and errors repeat the name that was asked for."""
    key = keys.get(answer.list.key)
    if not key:
        return answer
    return replace(answer, reason=_without(answer.reason, key), detail=_without(answer.detail, key))


def _without(text: str, key: str) -> str:
    return re.sub(re.escape(key), "<key>", text, flags=re.IGNORECASE)
