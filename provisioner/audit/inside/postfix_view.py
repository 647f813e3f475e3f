"""Postfix as it is set on a host: every parameter's value and line, the services of master.cf."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from provisioner.adopt.postfix_text import Service, logical_lines, parameters, printed, services, split_braces
from provisioner.audit.finding import Check, Finding
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, untested

MAIN = "/etc/postfix/main.cf"
MASTER = "/etc/postfix/master.cf"
_PORTS = {"25": "smtp", "587": "submission", "465": "submissions", "smtps": "submissions"}
_NAME = re.compile(r"\$(?:\((\w+)\)|\{(\w+)\}|(\w+))")
_TABLE = re.compile(
    r"(?:proxy:)?(hash|btree|lmdb|dbm|cdb|texthash|regexp|pcre|cidr|mysql|pgsql|ldap|sqlite):(/\S+)"
)


@dataclass(frozen=True)
class Port:
    """A service of master.cf that talks SMTP to the network, and the line it begins at."""

    service: Service
    line: int

    @property
    def kind(self) -> str:
        """`smtp`, `submission`, `submissions`, or the port as written."""
        name = self.service.name.rpartition(":")[2]
        return _PORTS.get(name, name)

    @property
    def is_local(self) -> bool:
        """Whether it listens on loopback alone."""
        return self.service.name.startswith(("127.", "localhost:", "[::1]:"))

    @property
    def place(self) -> str:
        """File and line."""
        return f"{MASTER}:{self.line}" if self.line else MASTER


@dataclass(frozen=True)
class Postfix:
    """One host's Postfix."""

    values: Mapping[str, str] = field(default_factory=dict)
    """Every parameter with `$names` replaced, defaults too."""
    here: frozenset[str] = frozenset()
    """Parameters that main.cf sets."""
    lines: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Where main.cf sets a parameter for the last time, and to what."""
    ports: tuple[Port, ...] = ()
    services: tuple[Service, ...] = ()
    inside: Inside = field(default_factory=Inside, repr=False)
    """What else the host told: tables, and what they let in."""

    @property
    def strangers(self) -> tuple[Port, ...]:
        """Where other servers hand mail over: port 25."""
        return tuple(port for port in self.ports if port.kind == "smtp" and not port.is_local)

    @property
    def people(self) -> tuple[Port, ...]:
        """Where people hand mail in: 587 and 465."""
        return tuple(port for port in self.ports if port.kind in ("submission", "submissions"))

    @property
    def open_ports(self) -> tuple[Port, ...]:
        """Every port that the network can reach."""
        if self.get("inet_interfaces") in ("loopback-only", "localhost", "127.0.0.1"):
            return ()
        return tuple(port for port in self.ports if not port.is_local and port.service.command == "smtpd")

    @property
    def version(self) -> tuple[int, ...]:
        """`(3, 7, 11)`."""
        return tuple(int(part) for part in re.findall(r"\d+", self.get("mail_version"))[:3])

    def get(self, name: str, port: Port | None = None) -> str:
        """A parameter's value, as it holds for one service of master.cf."""
        if port is None or name not in port.service.options:
            return self.values.get(name, "")
        return self.expanded(port.service.options[name])

    def words(self, name: str, port: Port | None = None) -> list[str]:
        """The words of a list."""
        return split_braces(self.get(name, port))

    def yes(self, name: str, port: Port | None = None) -> bool:
        """Whether a switch is on."""
        return self.get(name, port).lower() == "yes"

    def expanded(self, value: str) -> str:
        """A value with every `$name` replaced."""
        for _ in range(8):
            if "$" not in value or len(value) > 100_000:
                break
            value = _NAME.sub(lambda found: self.values.get(found[1] or found[2] or found[3], ""), value)
        return value

    def place(self, name: str, port: Port | None = None) -> str:
        """Where a parameter is set: `/etc/postfix/main.cf:31`; main.cf where it isn't."""
        if port and name in port.service.options:
            return port.place
        number = self.lines.get(name, (0, ""))[0]
        return f"{MAIN}:{number}" if number else MAIN

    def said(self, name: str, port: Port | None = None) -> str:
        """How a parameter is set, to show."""
        if port and name in port.service.options:
            return f"{port.service.name} {port.service.type}: -o {name}={port.service.options[name]}"
        if name in self.lines:
            return f"{name} = {self.lines[name][1]}"
        return f"{name} = {self.get(name) or '(nothing)'} (default)"

    def at(self, verdict: Verdict, name: str, port: Port | None = None) -> Verdict:
        """A verdict about a parameter, with its line as the place and the first evidence."""
        said = (self.said(name, port), *verdict.evidence)
        settings = (*verdict.settings, name)
        return replace(verdict, place=self.place(name, port), evidence=said, settings=settings)

    def tables(self, names: set[str] | None = None) -> list[tuple[str, str, str]]:
        """Parameter, type and path of every table that main.cf or a service names, each once."""
        named = [(name, self.get(name)) for name in self.values if name in self.here]
        for service in self.services:
            named += [(name, self.expanded(value)) for name, value in service.options.items()]
        found: dict[tuple[str, str, str], None] = {}
        for name, value in named:
            for kind, path in _TABLE.findall(value):
                if names is None or name in names:
                    found[name, kind, path.rstrip(",}")] = None
        return list(found)


def read(inside: Inside) -> Postfix | None:
    """Postfix as the host told it; None where there is none, or postconf can't read it."""
    values = printed(inside.output("postfix-all"))
    if "mail_version" not in values:
        return None
    here = printed(inside.output("postfix-set"))
    lines = {name: (number, value) for name, value, number in parameters(inside.output("postfix-main"))}
    found: list[tuple[Service, int]] = []
    for number, line in logical_lines(inside.output("postfix-master")):
        found += [(service, number) for service in services(line)]
    if not found:
        found = [(service, 0) for service in services(inside.output("postfix-services"))]
    ports = [
        Port(service, number)
        for service, number in found
        if service.type == "inet" and service.command in ("smtpd", "postscreen")
    ]
    every = tuple(service for service, _ in found)
    return Postfix(values, frozenset({*here, *lines}), lines, tuple(ports), every, inside)


def judged(
    inside: Inside, subject: str, judgements: Mapping[Check, Callable[[Postfix], Verdict]]
) -> Iterator[Finding]:
    """A finding for each check, in order; none where there is no Postfix."""
    if "postfix-all" not in inside.outputs:
        return
    postfix = read(inside)
    for check, judgement in judgements.items():
        verdict = judgement(postfix) if postfix else untested("`postconf` could not read its configuration")
        yield verdict.of(check, subject)
