"""One address of one mail server: which of its ports are open, and what is asked at each.

An open port is asked what an ordinary client asks, and scanned for TLS; with `--intrusive` also what
an attacker would try. A closed port is a fault only where something promises it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from provisioner.audit import caa, certificate, dane, reverse_dns, services
from provisioner.audit.case import Case, own_literal
from provisioner.audit.finding import Check, Finding, Outcome
from provisioner.audit.injection import INJECTION, STATE, audit_injection
from provisioner.audit.logins import CLEARTEXT, ENUMERATION, audit_cleartext_login, audit_user_enumeration
from provisioner.audit.mailbox import audit_mailbox
from provisioner.audit.mailbox_talk import Mailbox
from provisioner.audit.relay import OPEN_RELAY, SUBMISSION_RELAY, audit_relay
from provisioner.audit.server_port import SECONDS, WAIT, ServerPort
from provisioner.audit.services import Service
from provisioner.audit.smtp import audit_smtp
from provisioner.audit.smuggling import PIPELINING, SMUGGLING, audit_smuggling
from provisioner.audit.submission import audit_submission
from provisioner.audit.tls import audit_tls
from provisioner.audit.vrfy import EXPN, VRFY, audit_vrfy
from provisioner.audit.work import Done, Job
from provisioner.tls import Limits, Speech, TlsScan, scan

KNOCK_SECONDS = 3.0
"""For a port that nothing promises: most firewalls drop what they don't let in."""


@dataclass(frozen=True)
class Server:
    """One address of a host that handles mail for `domain` (`""` where none is known)."""

    name: str
    address: str
    domain: str = ""
    exchanger: bool = False
    """Others deliver to it: port 25 has to answer."""
    label: str = ""
    """`IPv6` or the address, where the host has other addresses too, so that findings name this one."""
    services: tuple[Service, ...] = services.SERVICES
    promised: frozenset[int] = frozenset()
    """Ports that a record or the inventory names."""
    known: bool = False
    """All ports that are meant to be open are in `promised`."""

    def subject(self, number: int) -> str:
        """What findings about a port call it."""
        host = f"[{self.name}]" if ":" in self.name else self.name
        return f"{host}:{number} ({self.label})" if self.label else f"{host}:{number}"


def labels(addresses: Sequence[str]) -> dict[str, str]:
    """A label for each address of one host: none for a single one, the family where that tells enough."""
    if len(addresses) < 2:
        return dict.fromkeys(addresses, "")
    families = {address: "IPv6" if ":" in address else "IPv4" for address in addresses}
    if len(set(families.values())) == len(families):
        return families
    return {address: address for address in addresses}


def server_jobs(server: Server, case: Case) -> tuple[Job, ...]:
    """What to begin with: a knock at each port, and what DNS says of the host."""
    jobs = [
        Job(f"port {service.number} of {server.name}", partial(_knock, server, service, case))
        for service in server.services
    ]
    if server.known and case.asked.wants("services"):
        jobs.append(Job(f"the open ports of {server.name}", partial(_nothing_unexpected, server, case)))
    return (*jobs, *_name_jobs(server, case))


def _name_jobs(server: Server, case: Case) -> Iterable[Job]:
    if server.name != server.address and case.asked.wants("caa"):
        look = partial(caa.audit, server.name, case.run.resolver)
        yield Job(f"CAA of {server.name}", lambda: Done(tuple(look())))
    mails = any(service.number == 25 for service in server.services)
    if not mails and case.asked.wants("reverse-dns"):
        yield _reverse_job(server, case, "", sends=False)


def _reverse_job(server: Server, case: Case, greeting: str, *, sends: bool) -> Job:
    look = partial(reverse_dns.audit, server.address, case.run.resolver, greeting_name=greeting, sends=sends)
    return Job(f"reverse DNS of {server.address}", lambda: Done(tuple(look())))


def _knock(server: Server, service: Service, case: Case) -> Done:
    subject = server.subject(service.number)
    promised = service.number in server.promised
    error = _refusal(server, service.number, case, _patience(server, service.number, case))
    if error is not None:
        return _closed(server, service, case, error)
    findings = [Finding(services.PROMISED, Outcome.PASS, subject, "answers, as promised")] if promised else []
    if server.known and not promised:
        findings.append(Finding(services.UNEXPECTED, Outcome.FAIL, subject, "is open, and not deployed"))
    return Done(tuple(findings), tuple(_open_jobs(server, service, case)))


def _nothing_unexpected(server: Server, case: Case) -> Done:
    """What the knocks at all ports come to; those that are under way are waited for."""
    numbers = [service.number for service in server.services]
    refusals = {one: _refusal(server, one, case, _patience(server, one, case)) for one in numbers}
    subject = f"{server.name} ({server.label})" if server.label else server.name
    return Done(services.nothing_unexpected(subject, server.promised, refusals))


def _patience(server: Server, number: int, case: Case) -> float:
    """Seconds to wait for a port to take a connection."""
    needed = number in server.promised or (number == 25 and server.exchanger)
    return case.asked.timeout if needed else min(KNOCK_SECONDS, case.asked.timeout)


def _refusal(server: Server, number: int, case: Case, timeout: float) -> OSError | None:
    """Why a port takes no connection, found out once in a run; None where it does."""

    def knock() -> OSError | None:
        try:
            case.run.gate.connect(server.address, number, case.ends, timeout, host=server.name).close()
        except OSError as error:
            return error
        return None

    found = case.run.once.get(("knock", server.address, number), knock)
    assert found is None or isinstance(found, OSError)
    return found


def _closed(server: Server, service: Service, case: Case, error: OSError) -> Done:
    subject = server.subject(service.number)
    findings: list[Finding] = []
    more: list[Job] = []
    if service.number in server.promised:
        outcome = Outcome.FAIL if isinstance(error, ConnectionRefusedError) else Outcome.ERROR
        said = "refuses connections" if outcome is Outcome.FAIL else f"could not be reached: {_words(error)}"
        findings.append(Finding(services.PROMISED, outcome, subject, said))
    if service.number == 25:
        if server.exchanger and service.number not in server.promised and case.asked.wants("smtp"):
            more.append(Job(f"port 25 of {server.name}", partial(_smtp, server, service, case)))
        else:
            more.append(_reverse_job(server, case, "", sends=False))
        if server.exchanger and case.asked.wants("dane"):
            more.append(Job(f"DANE of {server.name}", partial(_dane, server, service, None, case)))
    return Done(tuple(findings), tuple(more))


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__


def _open_jobs(server: Server, service: Service, case: Case) -> Iterable[Job]:
    """The conversation; what asks more of the server comes after it, so as not to be what it answers to."""
    subject = server.subject(service.number)
    after = tuple(_later_jobs(server, service, case))
    greeting = service.area == "smtp" and case.asked.wants("reverse-dns")  # which is held against it
    if not greeting and not case.asked.wants(service.area):
        yield from after
        return

    def converse() -> Done:
        done = _conversation(server, service, case)
        return replace(done, more=(*done.more, *after))

    yield Job(f"the conversation with {subject}", converse)


def _conversation(server: Server, service: Service, case: Case) -> Done:
    """The conversation; on a mailbox port none of it is about the domain, so that one is for all of them."""
    talk = {"smtp": _smtp, "submission": _submission}.get(service.area)
    if talk is not None:
        return _twice(partial(talk, server, service, case), case)
    once = partial(_twice, partial(_mailbox, server, service, case), case)
    done = case.run.once.get(("mailbox", server.name, server.address, service), once)
    assert isinstance(done, Done)
    return done


def _twice(talk: Callable[[], Done], case: Case) -> Done:
    """Again where nobody answered: a busy server is not a broken one."""
    done = talk()
    return talk() if _unanswered(done) and case.left > case.asked.timeout else done


def _unanswered(done: Done) -> bool:
    return any(f.check.id.endswith(".answers") and f.outcome is not Outcome.PASS for f in done.findings)


def _later_jobs(server: Server, service: Service, case: Case) -> Iterable[Job]:
    if case.asked.wants("tls", "certificate", *(["dane"] if service.number == 25 else [])):
        yield Job(f"the TLS of {server.subject(service.number)}", partial(_tls, server, service, case))
    if case.asked.wants(service.area):
        yield from _intrusive_jobs(server, service, case)


def _port(server: Server, service: Service, case: Case) -> ServerPort:
    return ServerPort(
        host=server.name,
        address=server.address,
        number=service.number,
        open_stream=case.run.gate.opener(server.address, service.number, case.ends, host=server.name),
        helo_name=own_literal(server.address),
        implicit_tls=service.implicit_tls,
        label=server.subject(service.number),
        seconds=min(SECONDS, 2.5 * case.asked.timeout),
        wait=min(WAIT, 1.2 * case.asked.timeout),
    )


def _smtp(server: Server, service: Service, case: Case) -> Done:
    audit = audit_smtp(_port(server, service, case), server.domain)
    more = []
    if case.asked.wants("reverse-dns"):
        more.append(_reverse_job(server, case, audit.talk.banner_name, sends=True))
    return Done(audit.findings, tuple(more))


def _submission(server: Server, service: Service, case: Case) -> Done:
    return Done(audit_submission(_port(server, service, case), server.domain).findings)


def _mailbox(server: Server, service: Service, case: Case) -> Done:
    return Done(audit_mailbox(_port(server, service, case), Mailbox(service.area)).findings)


def _tls(server: Server, service: Service, case: Case) -> Done:
    found = _scan(server, service, case)
    host = f"[{server.name}]" if ":" in server.name else server.name
    findings = [
        *audit_tls(found, host, service.number),
        *certificate.audit_certificates(
            found,
            (server.name,),
            host,
            service.number,
            now=datetime.now(UTC),
            authorities=case.run.authorities,
        ),
    ]
    named = tuple(replace(finding, subject=server.subject(service.number)) for finding in findings)
    if service.number == 25 and server.name != server.address and case.asked.wants("dane"):
        return Done((*named, *_dane(server, service, found, case).findings))
    return Done(named)


def _scan(server: Server, service: Service, case: Case) -> TlsScan:
    """The scan of a port; another target of the run may have made it."""

    def make() -> TlsScan:
        return scan(
            case.run.gate.opener(server.address, service.number, case.ends, host=server.name),
            server.name if server.name != server.address else "",
            starttls=service.opening,
            limits=Limits(
                seconds=case.left, wait=min(WAIT, case.asked.timeout), hello=own_literal(server.address)
            ),
        )

    found = case.run.once.get(("tls", server.name, server.address, service), make)
    assert isinstance(found, TlsScan)
    return found


def _dane(server: Server, service: Service, found: TlsScan | None, case: Case) -> Done:
    chain = found.chain.certificates if found and found.speech is Speech.TLS and found.chain else None
    names = (server.domain,) if server.domain else ()
    findings = dane.audit(server.name, chain, case.run.resolver, names=names, port=service.number)
    return Done(tuple(findings))


INTRUSIVE: dict[str, tuple[Check, ...]] = {
    "smtp": (OPEN_RELAY, SMUGGLING, PIPELINING, INJECTION["smtp"], STATE, VRFY, EXPN),
    **{
        area: (INJECTION[area], CLEARTEXT[area], ENUMERATION[area])
        for area in ("submission", "imap", "pop3", "managesieve")
    },
}
INTRUSIVE["submission"] = (SUBMISSION_RELAY, *INTRUSIVE["submission"])


def _intrusive_jobs(server: Server, service: Service, case: Case) -> Iterable[Job]:
    subject = server.subject(service.number)
    if not case.asked.intrusive:
        checks = [
            check
            for check in INTRUSIVE[service.area]
            if not (service.implicit_tls and check in (INJECTION[service.area], CLEARTEXT.get(service.area)))
        ]
        yield Job(f"what is skipped at {subject}", lambda: Done(_not_asked(checks, subject)))
        return
    for what, tried in _tries(server, service, case):
        yield Job(f"{what} at {subject}", partial(_try, tried))


def _not_asked(checks: Sequence[Check], subject: str) -> tuple[Finding, ...]:
    said = "was not tried, since only --intrusive does"
    return tuple(Finding(check, Outcome.SKIPPED, subject, said) for check in checks)


Try = Callable[[], tuple[Finding, ...]]


def _try(tried: Try) -> Done:
    return Done(tried())


def _tries(server: Server, service: Service, case: Case) -> Iterable[tuple[str, Try]]:
    """The intrusive checks of a port, with their names."""
    port, area = _port(server, service, case), service.area
    once = partial(_once, server, service, case)
    if area in ("smtp", "submission"):
        submission = area == "submission"
        relay = partial(audit_relay, port, server.domain, "", submission=submission)
        yield "relaying", once("relay", relay)
    if area == "smtp":
        yield (
            "smuggling",
            once("smuggling", partial(audit_smuggling, port, server.domain, recipient=case.asked.user)),
        )
        yield "VRFY and EXPN", once("vrfy", partial(audit_vrfy, port, server.domain, user=case.asked.user))
    if not service.implicit_tls:
        yield "injection before TLS", once("injection", partial(audit_injection, port, area))
    if area != "smtp":
        if not service.implicit_tls:
            yield "a login before TLS", once("cleartext", partial(audit_cleartext_login, port, area))
        yield "wrong logins", once("enumeration", partial(_enumeration, server, port, area, case))


LOGIN_ORDER = (993, 143, 465, 587, 995, 110, 4190)
"""Which port wrong logins are tried at: the first of these that is open."""


def _enumeration(server: Server, port: ServerPort, area: str, case: Case) -> tuple[Finding, ...]:
    """At one port of a server only: each wrong login makes Dovecot slower for this address."""
    if not case.asked.user:
        said = "was not tried: --user ADDRESS names an address that exists"
        return (Finding(ENUMERATION[area], Outcome.SKIPPED, port.subject, said),)
    offered = {service.number for service in server.services}
    for number in LOGIN_ORDER[: _place(port.number)]:
        if number in offered and _refusal(server, number, case, KNOCK_SECONDS) is None:
            said = f"was not tried: wrong logins at port {number} stand for all"
            return (Finding(ENUMERATION[area], Outcome.SKIPPED, port.subject, said),)
    return audit_user_enumeration(port, area, case.asked.user)


def _place(number: int) -> int:
    return LOGIN_ORDER.index(number) if number in LOGIN_ORDER else 0


def _once(server: Server, service: Service, case: Case, what: str, tried: Try) -> Try:
    """The same try at the same port is made once in a run, however many domains share the server."""

    def run() -> tuple[Finding, ...]:
        found = case.run.once.get((what, server.name, server.address, service), tried)
        assert isinstance(found, tuple)
        return found

    return run
