"""Audits from outside against servers and records that are slow, endless, silent or lead elsewhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import dns.message
import dns.rdata
import dns.rdatatype
import pytest

from provisioner.audit.case import Asked, Run
from provisioner.audit.finding import Outcome
from provisioner.audit.gate import Gate
from provisioner.audit.judgement import Judgement, Kind
from provisioner.audit.outside import Auditable, DomainTarget, HostTarget, audit_all
from provisioner.audit.services import promises
from provisioner.audit.silence import NotTried
from provisioner.audit.targets import AddressTarget, NameTarget
from provisioner.dns.reach import Reach
from provisioner.dns.resolver import Reply, Resolver, Status

Records = dict[tuple[str, str], list[str]]


class Zone:
    """A resolver whose answers are written down; names that are not there do not exist."""

    def __init__(self, records: Records, silent: bool = False) -> None:
        self.records, self.silent = records, silent
        self.servers: list[tuple[str, int]] = [("192.0.2.53", 53)]
        self.seconds = 1.0

    def ask(self, name: str, rdtype: str, *, checking_disabled: bool = False) -> Reply:
        if self.silent:
            return Reply(name, rdtype, Status.TIMEOUT, detail="192.0.2.53 did not answer within 1.0 s")
        texts = self.records.get((name.lower(), rdtype))
        if texts is None:
            known = any(owner == name.lower() for owner, _ in self.records)
            return Reply(name, rdtype, Status.NODATA if known else Status.NXDOMAIN)
        found = tuple(dns.rdata.from_text("IN", rdtype, text) for text in texts)
        return Reply(name, rdtype, Status.FOUND, found, canonical=name)

    def ask_all(self, questions: list[tuple[str, str]], at_once: int = 8) -> list[Reply]:
        return [self.ask(*question) for question in questions]

    def reverse(self, address: str) -> Reply:
        return self.ask(f"{address}.reverse", "PTR")

    def addresses(self, name: str) -> tuple[str, ...]:
        return (*self.ask(name, "A").texts(), *self.ask(name, "AAAA").texts())


class Watched(Gate):
    """A gate that notes where somebody wanted to go, and lets nobody out of this machine."""

    def __init__(self, ports: dict[int, int] | None = None) -> None:
        super().__init__(timeout=1.0)
        self.wanted: list[tuple[str, int]] = []
        self.ports = ports or {}

    def connect(self, address, port, ends, timeout=None, *, host=""):  # type: ignore[no-untyped-def]
        """A connection to the stand-in of that port; refused where there is none."""
        self.wanted.append((address, port))
        if port not in self.ports:
            raise ConnectionRefusedError(111, "Connection refused")
        return super().connect("127.0.0.1", self.ports[port], ends, timeout, host=host)


def run_of(zone: Zone, gate: Gate, **asked: object) -> Run:
    settings = {"timeout": 1.0, "target_seconds": 20.0, **asked}
    return Run(Asked(**settings), cast("Resolver", zone), Reach(), gate)  # type: ignore[arg-type]


def audited(target: Auditable, zone: Zone, gate: Gate | None = None, **asked: object) -> Judgement:
    (judgement,) = audit_all([target], run_of(zone, gate or Watched(), **asked), 1)
    return judgement


def outcomes(judgement: Judgement) -> dict[str, Outcome]:
    return {finding.check.id: finding.outcome for finding in judgement.findings}


@contextmanager
def server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port of this machine where each connection is given to `serve`."""
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        listening.settimeout(0.1)

        def loop() -> None:
            while not ended.is_set():
                try:
                    stream, _ = listening.accept()
                except OSError:
                    continue
                threading.Thread(target=one, args=(stream,), daemon=True).start()

        def one(stream: socket.socket) -> None:
            with stream:
                try:
                    serve(stream)
                except OSError:
                    return

        thread = threading.Thread(target=loop, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            ended.set()
            thread.join()


def silent(stream: socket.socket) -> None:
    """Takes the connection and never says a word."""
    stream.recv(1)


def endless(stream: socket.socket) -> None:
    """Never ends its first line."""
    while True:
        stream.sendall(b"220-" + b"x" * 4096)


def dripping(stream: socket.socket) -> None:
    """A byte of the greeting now and then."""
    stream.settimeout(0.2)
    while True:
        stream.sendall(b"2")
        try:
            if not stream.recv(1):
                return
        except TimeoutError:
            continue


def nasty(stream: socket.socket) -> None:
    """Greets with what would rewrite a terminal."""
    stream.sendall(b"220 mx \x1b[2J\x1b]0;owned\x07\r\n")
    while stream.recv(1024):
        stream.sendall(b"500 \x1b[31mno\r\n")


@pytest.mark.parametrize("serve", [silent, endless, dripping, nasty])
def test_a_hostile_server_costs_seconds_and_is_judged(serve: Callable[[socket.socket], None]) -> None:
    with server(serve) as port:
        gate = Watched({25: port})
        judgement = audited(AddressTarget("192.0.2.1", "192.0.2.1"), Zone({}), gate, target_seconds=8.0)

    assert judgement.error is None
    assert outcomes(judgement)["smtp.answers"] is not Outcome.PASS
    assert Outcome.PASS not in {outcomes(judgement).get(f"tls.{name}") for name in ("offered", "version")}
    assert judgement.score is None or judgement.score < 100


MAIL = {("example.test", "MX"): ["10 mx.example.test."], ("mx.example.test", "A"): ["127.0.0.1"]}
METADATA = {**MAIL, ("mx.example.test", "A"): ["169.254.169.254"]}
MAPPED: Records = {("example.test", "MX"): ["10 mx.example.test."],
                   ("mx.example.test", "AAAA"): ["::ffff:10.0.0.1"]}  # fmt: skip
BY_SRV: Records = {
    ("example.test", "MX"): ["0 ."],
    ("_imaps._tcp.example.test", "SRV"): ["0 1 993 inside.example.test."],
    ("inside.example.test", "A"): ["10.0.0.1"],
}


@pytest.mark.parametrize("records", [MAIL, METADATA, MAPPED, BY_SRV])
def test_no_record_leads_inside(records: Records) -> None:
    gate = Watched()
    judgement = audited(NameTarget("example.test", "example.test"), Zone(records), gate)
    assert judgement.kind is Kind.DOMAIN
    assert gate.wanted == []
    assert any("was not followed" in note for note in judgement.notes)


def test_a_host_that_the_user_named_may_be_inside() -> None:
    gate = Watched()
    zone = Zone({("mail.lan", "A"): ["10.0.0.1"]})
    judgement = audited(NameTarget("mail.lan", "mail.lan"), zone, gate)
    assert judgement.kind is Kind.HOST
    assert {port for _, port in gate.wanted} == {25, 465, 587, 143, 993, 110, 995, 4190}
    assert judgement.error is not None and "no mail port of mail.lan answers" in judgement.error.message


def test_a_domain_of_a_thousand_servers_is_not_followed_to_all_of_them() -> None:
    records: Records = {("example.test", "MX"): [f"10 mx{n}.example.test." for n in range(1000)]}
    records |= {(f"mx{n}.example.test", "A"): [f"198.18.{n // 250}.{n % 250 + 1}"] for n in range(1000)}
    gate = Watched()
    run = run_of(Zone(records), gate)
    reachable = Run(run.asked, run.resolver, Reach(["198.18.0.0/15"]), gate)
    (judgement,) = audit_all([NameTarget("example.test", "example.test")], reachable, 1)
    assert len({address for address, _ in gate.wanted}) == 12
    assert any("addresses were connected to" in note for note in judgement.notes)


def test_a_closed_port_is_a_fault_only_where_it_is_promised() -> None:
    zone = Zone({})
    target = HostTarget("mx", "mx.example.test", ("192.0.2.1",), "example.test", frozenset({25, 993}))
    with server(nasty) as port:
        judgement = audited(target, zone, Watched({25: port, 110: port}), checks=("services.promised",
                            "services.unexpected"))  # fmt: skip
    found = {(f.check.id, f.subject): f.outcome for f in judgement.findings}
    assert found == {
        ("services.promised", "mx.example.test:25"): Outcome.PASS,
        ("services.promised", "mx.example.test:993"): Outcome.FAIL,
        ("services.unexpected", "mx.example.test:110"): Outcome.FAIL,
    }


class Firewalled(Watched):
    """Ports without a stand-in drop what comes, or are `crowded`: their turn never came."""

    crowded: frozenset[int] = frozenset()

    def connect(self, address, port, ends, timeout=None, *, host=""):  # type: ignore[no-untyped-def]
        """As a firewall lets it through."""
        if port not in self.ports:
            raise NotTried("no time was left") if port in self.crowded else TimeoutError("timed out")
        return super().connect(address, port, ends, timeout, host=host)


@pytest.mark.parametrize("gate", [Watched, Firewalled])
def test_a_host_that_opens_only_what_is_deployed_passes_and_says_what_that_is(gate: type[Watched]) -> None:
    target = HostTarget("mx", "mx.example.test", ("192.0.2.1",), "example.test", frozenset({25, 143}))
    with server(nasty) as port:
        checks = ("services.unexpected",)
        judgement = audited(target, Zone({}), gate({25: port, 143: port}), checks=checks)
    (found,) = judgement.findings
    assert (found.outcome, found.subject) == (Outcome.PASS, "mx.example.test")
    assert found.summary == "has no mail port open but 25 and 143, which are deployed"


def test_a_host_where_nothing_could_be_tried_passes_nothing() -> None:
    target = HostTarget("mx", "mx.example.test", ("192.0.2.1",), "example.test", frozenset({25, 143}))
    checks = ("services.unexpected",)
    (away,) = audited(target, Zone({}), Firewalled(), checks=checks).findings
    assert (away.outcome, away.summary) == (Outcome.ERROR, "could not be reached at any mail port")
    with server(nasty) as port:
        busy = Firewalled({25: port})
        busy.crowded = frozenset({110, 995})
        (found,) = audited(target, Zone({}), busy, checks=checks).findings
    assert (found.outcome, found.summary) == (Outcome.ERROR, "was not tried at 110 and 995")


def test_of_a_host_of_others_nobody_knows_what_is_deployed() -> None:
    judgement = audited(AddressTarget("192.0.2.1", "192.0.2.1"), Zone({}), checks=("services.unexpected",))
    assert judgement.findings == ()


def test_for_dane_nothing_but_the_port_of_mail_is_scanned() -> None:
    target = HostTarget("mx", "mx.example.test", ("192.0.2.1",))
    with server(nasty) as port:
        gate = Watched({25: port, 143: port})
        audited(target, Zone({}), gate, checks=("dane.present",))
    assert gate.wanted.count(("192.0.2.1", 143)) == 1  # the knock
    assert gate.wanted.count(("192.0.2.1", 25)) > 1


def test_where_this_machine_has_no_ipv6_no_server_is_blamed_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "provisioner.audit.domain.no_way", lambda address: "no IPv6" if ":" in address else ""
    )
    records: Records = {
        ("e.test", "MX"): ["10 mx.e.test."],
        ("mx.e.test", "A"): ["8.8.8.8"],
        ("mx.e.test", "AAAA"): ["2001:4860::1"],
    }
    gate = Watched()
    judgement = audited(NameTarget("e.test", "e.test"), Zone(records), gate)
    assert {address for address, _ in gate.wanted} == {"8.8.8.8"}
    assert any("2001:4860::1, which was not followed: no IPv6" in note for note in judgement.notes)


def test_what_does_not_depend_on_the_domain_is_asked_of_a_shared_server_once() -> None:
    domains = ("a.test", "b.test", "c.test")
    records: Records = {(one, "MX"): ["10 mx.a.test."] for one in domains}
    records[("mx.a.test", "A")] = ["198.18.0.1"]
    tried = []
    for some in (domains[:1], domains):
        with server(nasty) as port:
            gate = Watched({143: port})
            run = run_of(Zone(records), gate, checks=("imap.answers",))
            reachable = Run(run.asked, run.resolver, Reach(["198.18.0.0/15"]), gate)
            judgements = audit_all([DomainTarget(one, one) for one in some], reachable, 1)
        assert all("imap.answers" in outcomes(judgement) for judgement in judgements)
        tried.append(gate.wanted.count(("198.18.0.1", 143)))
    assert tried[0] == tried[1]


def test_a_port_of_which_no_check_is_wanted_is_told_no_wrong_login() -> None:
    target = HostTarget("mx", "mx.example.test", ("192.0.2.1",), "example.test", frozenset({25, 143}))
    with server(nasty) as port:
        gate = Watched({25: port, 143: port})
        audited(target, Zone({}), gate, checks=("smtp.expn",), intrusive=True, user="alice@example.test")
    assert gate.wanted.count(("192.0.2.1", 25)) > 1
    assert gate.wanted.count(("192.0.2.1", 143)) == 1  # whether it is open


def test_a_host_of_which_only_records_are_asked_for_need_not_answer() -> None:
    zone = Zone({("mail.test", "A"): ["192.0.2.1"]})
    judgement = audited(NameTarget("mail.test", "mail.test"), zone, checks=("caa.present",))
    assert judgement.error is None
    assert set(outcomes(judgement)) == {"caa.present"}


def test_a_resolver_that_is_silent_leaves_nothing_to_judge() -> None:
    judgement = audited(NameTarget("example.test", "example.test"), Zone({}, silent=True))
    assert judgement.error is not None and judgement.error.exit_code == 5
    assert "DNS gives no answer about example.test" in judgement.error.message


def test_a_resolver_that_is_silent_is_waited_for_once() -> None:
    """The first questions go out together, not each when the one before was given up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
        mute.bind(("127.0.0.1", 0))
        mute.settimeout(5)
        resolver = Resolver(f"127.0.0.1:{mute.getsockname()[1]}", seconds=2.0)
        run = Run(Asked(), resolver, Reach(), Watched())
        (judgement,) = audit_all([NameTarget("example.test", "example.test")], run, 1)
        asked = [dns.message.from_wire(mute.recv(4096)).question[0].rdtype for _ in range(3)]

    assert judgement.error is not None and "did not answer" in judgement.error.message
    assert set(asked) == {dns.rdatatype.MX, dns.rdatatype.A, dns.rdatatype.AAAA}


def test_what_was_not_done_in_time_is_named() -> None:
    with server(silent) as port:
        judgement = audited(
            AddressTarget("192.0.2.1", "192.0.2.1"), Zone({}), Watched({25: port}), target_seconds=0.3
        )
    late = next(finding for finding in judgement.findings if finding.check.id == "audit.complete")
    assert late.outcome is Outcome.ERROR and "since the time was up" in late.summary
    assert any(
        note.startswith("Not everything could be asked, since the time was up") for note in judgement.notes
    )


def test_a_defect_of_ours_is_told_and_takes_nothing_else_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[object]:
        raise ZeroDivisionError

    monkeypatch.setattr("provisioner.audit.domain.tls_rpt.audit", broken)
    judgement = audited(NameTarget("example.test", "example.test"), Zone(BY_SRV))
    assert outcomes(judgement)["mx.present"] is Outcome.PASS
    assert any("for a defect in provision" in note and "TLS-RPT" in note for note in judgement.notes)


def test_targets_are_audited_side_by_side_in_the_order_they_were_named() -> None:
    domains = [DomainTarget(f"d{number}.test", f"d{number}.test") for number in range(30)]
    done: list[str] = []
    run = run_of(Zone({}), Watched(), checks=("mx.present",))
    judgements = audit_all(domains, run, 10, lambda name, _: done.append(name))
    assert [judgement.target for judgement in judgements] == [domain.text for domain in domains]
    assert sorted(done) == sorted(domain.text for domain in domains)


@pytest.mark.parametrize(
    ("records", "outcome", "ports"),
    [
        ({("_imaps._tcp.e.test", "SRV"): ["0 1 993 mx.e.test."], ("mx.e.test", "A"): ["192.0.2.1"]},
         Outcome.PASS, [993]),
        ({("_imaps._tcp.e.test", "SRV"): ["0 1 1993 mx.e.test."], ("mx.e.test", "A"): ["192.0.2.1"]},
         Outcome.PASS, [1993]),
        ({("_imaps._tcp.e.test", "SRV"): ["0 0 0 ."]}, Outcome.WARN, []),
        ({("_imaps._tcp.e.test", "SRV"): ["0 1 993 gone.e.test."]}, Outcome.FAIL, []),
        ({("_imaps._tcp.e.test", "SRV"): ["0 1 0 mx.e.test."], ("mx.e.test", "A"): ["192.0.2.1"]},
         Outcome.FAIL, []),
        ({}, Outcome.WARN, []),
    ],
)  # fmt: skip
def test_srv_records_say_what_is_promised(records: Records, outcome: Outcome, ports: list[int]) -> None:
    promised, (finding,) = promises("e.test", cast("Resolver", Zone(records)))
    assert finding.outcome is outcome
    assert [promise.service.number for promise in promised] == ports


class BrokenSignatures(Zone):
    """A validating resolver before a zone whose DNSSEC is broken: it answers only where it need not check."""

    def ask(self, name: str, rdtype: str, *, checking_disabled: bool = False) -> Reply:
        if checking_disabled:
            return super().ask(name, rdtype)
        return Reply(name, rdtype, Status.SERVFAIL, detail="SERVFAIL")


def test_a_domain_whose_dnssec_is_broken_is_judged_and_told_what_is_broken() -> None:
    zone = BrokenSignatures(
        {
            ("example.test", "MX"): ["10 mx.example.test."],
            ("example.test", "SOA"): ["ns.example.test. hostmaster.example.test. 1 3600 600 86400 300"],
            ("example.test", "DS"): [f"4711 13 2 {'ab' * 32}"],
        }
    )

    judgement = audited(NameTarget("example.test", "example.test"), zone)

    assert judgement.kind is Kind.DOMAIN
    assert judgement.error is None
    valid = next(one for one in judgement.findings if one.check.id == "dnssec.valid")
    assert (valid.outcome, valid.subject) == (Outcome.FAIL, "example.test")
    assert valid.summary == "is bogus: its signatures are wrong"
    assert valid.evidence == ("SERVFAIL", "the same question with checking disabled (CD) was answered")
