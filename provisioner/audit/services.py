"""The services of mail: their ports, what is spoken there, and which of them a domain promises (RFC 6186)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Outcome, Severity
from provisioner.audit.silence import NotTried
from provisioner.dns.resolver import Resolver, Status
from provisioner.tls.opening import Opening


@dataclass(frozen=True, slots=True)
class Service:
    """One port and its protocol. `area` is the area of the ids of its checks; `srv` is RFC 6186's name."""

    number: int
    area: str
    implicit_tls: bool = False
    srv: str = ""

    @property
    def opening(self) -> Opening:
        """How TLS begins there."""
        return Opening.IMPLICIT if self.implicit_tls else _OPENINGS[self.area]


_OPENINGS = {
    "smtp": Opening.SMTP,
    "submission": Opening.SMTP,
    "imap": Opening.IMAP,
    "pop3": Opening.POP3,
    "managesieve": Opening.MANAGESIEVE,
}
SERVICES = (
    Service(25, "smtp"),
    Service(465, "submission", True, "_submissions"),  # RFC 8314 §5.1
    Service(587, "submission", False, "_submission"),
    Service(143, "imap", False, "_imap"),
    Service(993, "imap", True, "_imaps"),
    Service(110, "pop3", False, "_pop3"),
    Service(995, "pop3", True, "_pop3s"),
    Service(4190, "managesieve", False, "_sieve"),  # RFC 5804 §1.8
)
BY_NUMBER: Mapping[int, Service] = {service.number: service for service in SERVICES}
MOST_TARGETS = 5
"""Targets taken of one SRV name."""

SRV = Check(
    "services.srv",
    Severity.MEDIUM,
    "The SRV records for mail programs can be read",
    "Mail programs find servers by these records. A record that leads nowhere costs each of them a wait.",
    "Publish `_imaps._tcp IN SRV 0 1 993 mx1.example.org.` and its like, and take out those of services that"
    " are gone; `0 0 0 .` says that there is none.",
    "RFC 6186 §3.1, §3.4; RFC 8314 §5.1",
)
PROMISED = Check(
    "services.promised",
    Severity.HIGH,
    "Every port that is promised answers",
    "People and programs rely on a service that a record or the inventory names.",
    "Start the service and open the port in the firewall, or take out the record.",
    "RFC 6186 §3.1",
)
UNEXPECTED = Check(
    "services.unexpected",
    Severity.MEDIUM,
    "No mail port is open that the inventory does not open",
    "What nobody deployed, nobody keeps up to date.",
    "Stop the service, or deploy it by the inventory.",
    "CIS Controls 4.8",
)
CHECKS = (SRV, PROMISED, UNEXPECTED)


@dataclass(frozen=True, slots=True)
class Promise:
    """A service that a record names."""

    service: Service
    host: str
    record: str


def promises(domain: str, resolver: Resolver) -> tuple[tuple[Promise, ...], tuple[Finding, ...]]:
    """What the SRV records of a mail domain promise, and the finding about the records themselves."""
    known = [service for service in SERVICES if service.srv]
    replies = resolver.ask_all([(f"{service.srv}._tcp.{domain}", "SRV") for service in known])
    found: list[Promise] = []
    wrong: list[str] = []
    unasked = [reply.detail for reply in replies if not reply.answered]
    for service, reply in zip(known, replies, strict=True):
        if reply.status is not Status.FOUND:
            continue
        for record in reply.records[:MOST_TARGETS]:
            target = str(record.target).rstrip(".").lower()  # type: ignore[attr-defined]  # SRV
            text = f"{reply.name} SRV {record.to_text()}"
            if not target:  # RFC 6186 §3.4: decidedly not available
                continue
            port = int(record.port)  # type: ignore[attr-defined]
            if port == 0 or not resolver.addresses(target):
                wrong.append(text)
            else:
                found.append(Promise(_at(service, port), target, text))
    return tuple(found), _finding(domain, found, wrong, unasked)


def nothing_unexpected(
    subject: str, deployed: frozenset[int], refusals: Mapping[int, OSError | None]
) -> tuple[Finding, ...]:
    """That no port is open which nobody deployed; nothing where one is, which is a finding about that port.

    `refusals` says for each mail port why it took no connection, None where it did. A port that a firewall
    drops is shut; a host that answers at none of them may be away.
    """
    opened = [number for number, refusal in refusals.items() if refusal is None]
    if not deployed.issuperset(opened):
        return ()
    untried = [number for number, refusal in refusals.items() if isinstance(refusal, NotTried)]
    if untried:
        return (Finding(UNEXPECTED, Outcome.ERROR, subject, f"was not tried at {_ports(untried)}"),)
    if not opened and not any(isinstance(one, ConnectionRefusedError) for one in refusals.values()):
        return (Finding(UNEXPECTED, Outcome.ERROR, subject, "could not be reached at any mail port"),)
    but = f" but {_ports(opened)}, which {'are' if len(opened) > 1 else 'is'} deployed" if opened else ""
    return (Finding(UNEXPECTED, Outcome.PASS, subject, f"has no mail port open{but}"),)


def _ports(numbers: Iterable[int]) -> str:
    *most, last = map(str, sorted(numbers))
    return f"{', '.join(most)} and {last}" if most else last


def _at(service: Service, port: int) -> Service:
    return Service(port, service.area, service.implicit_tls, service.srv)


def _finding(
    domain: str, found: list[Promise], wrong: list[str], unasked: Iterable[str]
) -> tuple[Finding, ...]:
    if wrong:
        number = "a record leads" if len(wrong) == 1 else f"{len(wrong)} records lead"
        return (
            Finding(SRV, Outcome.FAIL, domain, f"{number} to a port or name that is not there", tuple(wrong)),
        )
    if found:
        said = tuple(promise.record for promise in found)
        return (Finding(SRV, Outcome.PASS, domain, "has SRV records for mail programs", said),)
    why = tuple(dict.fromkeys(unasked))
    if why:
        return (Finding(SRV, Outcome.ERROR, domain, "its SRV records could not be asked for", why),)
    fix = "Publish SRV records for the services there are, such as `_imaps._tcp` and `_submissions._tcp`."
    return (
        Finding(SRV, Outcome.WARN, domain, "has no SRV records for mail programs", (), fix, Severity.INFO),
    )
