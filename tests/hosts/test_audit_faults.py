"""A lab of seeded faults: every check of the audit from outside meets its fault, and finds no other.

What is seeded is in audit_seeds.py (records) and the files that audit_faulty_servers.py joins (servers); the
page of it is docs/audit-faults.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pytest

from provisioner.blocklists.lists import known_lists
from provisioner.blocklists.reading import query_name
from provisioner.cli.app import run
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, layer_of, mail_layer, succeed
from tests.hosts import audit_fault_inventory as inventory
from tests.hosts import audit_fault_message as letter
from tests.hosts import audit_fault_web as web
from tests.hosts import audit_fault_zones as zones
from tests.hosts import audit_faulty_dovecot as dovecot
from tests.hosts import audit_faulty_postfix as postfix
from tests.hosts import audit_faulty_servers as servers
from tests.hosts import audit_faulty_tls as tls
from tests.hosts import audit_flawed_servers as flawed
from tests.hosts import test_audit_ports as audited_ports
from tests.hosts import test_tls_scan as tls_servers
from tests.hosts.audit_seeds import DKIM_NAMED, RECORDS, Seed

Wrong = dict[str, str]


@dataclass(frozen=True)
class Lab:
    """The host of names, the host of servers, and Exim's."""

    folder: Path
    names: SandboxHost
    faulty: SandboxHost
    exim: SandboxHost

    def audited(
        self, targets: Sequence[str], *arguments: str, resolver: str = "", seconds: int = 300
    ) -> dict[str, list[dict[str, str]]]:
        """Target → the findings of `provision audit`, which has so many `seconds` for each."""
        report = self.folder / "report.json"
        status = run(
            [
                "audit",
                *targets,
                *arguments,
                "--resolver",
                resolver or self.names.address,
                "--reach",
                self.names.address,
                "--reach",
                str(self.names.address6),
                "--reach",
                self.faulty.address,
                "--reach",
                f"{self.faulty.address6}/64",
                "--reach",
                str(self.exim.address6),
                "--authorities",
                str(self.folder / "ca.pem"),
                "--format",
                "json",
                "--output",
                str(report),
                "--fail-on",
                "none",
                "--time-limit",
                str(seconds),
            ]
        )
        assert status == 0
        document = json.loads(report.read_text())["targets"]
        return {name: cast("list[dict[str, str]]", one["findings"]) for name, one in document.items()}

    def seeds(self, seeds: Sequence[Seed], *arguments: str, targets: Sequence[str] = ()) -> None:
        """Each seed has the faults it should have in its areas, and no other."""
        areas = dict.fromkeys(area for seed in seeds for area in seed.areas)
        checks = [word for area in areas for word in ("--check", area)]
        found = self.audited(targets or [seed.domain for seed in seeds], *(arguments or checks))
        seen = {seed.name: wrong(found[seed.domain], seed.areas) for seed in seeds}
        meant = {seed.name: {i: fault.outcome for i, fault in seed.wrong.items()} for seed in seeds}
        assert seen == meant
        assert "audit.complete" not in {finding["id"] for findings in found.values() for finding in findings}
        for seed in seeds:
            passed = {finding["id"] for finding in found[seed.domain] if finding["outcome"] == "pass"}
            assert set(seed.sound) <= passed, seed.name


def wrong(findings: Iterable[dict[str, str]], areas: set[str]) -> Wrong:
    """Check → its worse outcome, of those that are fail or warn."""
    found: Wrong = {}
    for finding in findings:
        if finding["outcome"] in ("fail", "warn") and finding["id"].partition(".")[0] in areas:
            before = found.get(finding["id"])
            found[finding["id"]] = "fail" if "fail" in (before, finding["outcome"]) else "warn"
    return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    def gnutls(host: SandboxHost) -> None:
        succeed(host, "apt-get update -q 2>&1; apt-get install -y -q --no-install-recommends gnutls-bin 2>&1")

    layer = layer_of("bookworm", "gnutls-bin-on-mail", gnutls, start=mail_layer("bookworm"))
    exim_layer = audited_ports.installed("bookworm", "exim4-daemon-light")
    with (
        booted("bookworm", zones.layer()) as names,
        booted("bookworm", layer) as faulty,
        booted("bookworm", exim_layer) as exim,
    ):
        found = Lab(tmp_path_factory.mktemp("faults"), names, faulty, exim)
        succeed(faulty, f"mkdir -p /srv/tls\n{tls_servers.files()}")
        succeed(faulty, tls_servers.SCRIPT.read_text())
        servers.start(faulty)
        flawed.start_exim(exim, succeed(faulty, "cat /srv/tls/ec.key /srv/tls/ec.pem"))
        web.serve(names)
        values = {"idle": names.address, "idle6": str(names.address6)}
        unproven = {"server6": servers.addresses(faulty)["dane-sound"], "spki": key_hash(faulty)}
        entries = block_list_entries(servers.addresses(faulty)[postfix.LISTED.name])
        zones.serve(
            names,
            zones.seeded((*RECORDS, *DKIM_NAMED, *letter.SEEDS, *web.STS, web.LATE), values)
            + servers.records(faulty, exim),
            zones.reverse(servers.pointers(faulty)) + zones.listed(entries),
            {zones.UNPROVEN.name: zones.UNPROVEN.records.format(**unproven)},
        )
        (found.folder / "ca.pem").write_text(servers.AUTHORITIES)
        yield found


def key_hash(host: SandboxHost) -> str:
    """The hash of the servers' key for TLSA records `3 1 1`, as OpenSSL has it."""
    key = "openssl x509 -in /srv/tls/ec.pem -noout -pubkey | openssl pkey -pubin -outform DER"
    return succeed(host, f"{key} | sha256sum").split()[0]


def block_list_entries(address: str) -> dict[str, str]:
    """The entries of the listed seed."""
    by_name = {one.name: one.zone for one in known_lists()}
    return {
        query_name(address, by_name["spamhaus-zen"]): "127.0.0.2",
        query_name(postfix.LISTED.domain, by_name["spamhaus-dbl"]): "127.0.1.2",
    }


def test_every_fault_of_records_is_found_and_no_other(lab: Lab) -> None:
    lab.seeds(RECORDS)


def test_every_fault_of_a_dkim_key_that_was_named_is_found_and_no_other(lab: Lab) -> None:
    lab.seeds(DKIM_NAMED, "--check", "dkim", "--selector", "named")


def test_a_signature_over_a_message_that_was_altered_is_found_and_no_other_fault(lab: Lab) -> None:
    message = lab.folder / "message.eml"
    message.write_bytes(letter.message())
    lab.seeds(letter.SEEDS, "--check", "dkim", "--message", str(message))


def test_every_fault_of_an_mta_sts_policy_is_found_and_no_other(lab: Lab) -> None:
    lab.seeds(web.STS)


def test_a_port_that_the_inventory_does_not_open_is_found_and_no_other(lab: Lab) -> None:
    path = inventory.write_inventory(lab.folder / "inventory.yml", lab.faulty)
    lab.seeds(inventory.SEEDS, "--check", "services", "--outside-only", targets=[path])


def test_what_was_not_asked_in_time_is_told(lab: Lab) -> None:
    found = lab.audited([web.LATE.domain], "--check", "submission", "--check", "tls", seconds=4)
    told = [finding for finding in found[web.LATE.domain] if finding["id"] == "audit.complete"]
    assert [finding["outcome"] for finding in told] == [web.LATE.wrong["audit.complete"].outcome]
    assert f"since the time was up: the conversation with mx1.late.test:{web.SILENT}" in told[0]["summary"]


def test_every_fault_of_port_25_is_found_and_no_other(lab: Lab) -> None:
    lab.seeds((*postfix.SMTP, *postfix.REVERSE, postfix.LISTED))


def test_every_fault_of_dane_is_found_and_no_other(lab: Lab) -> None:
    lab.seeds((*postfix.DANE, zones.UNPROVEN))


def test_every_fault_of_ports_for_people_is_found_and_no_other(lab: Lab) -> None:
    lab.seeds((*postfix.SUBMISSION, *dovecot.MAILBOX))


def test_every_fault_of_tls_is_found_and_no_other(lab: Lab) -> None:
    lab.seeds(tls.TLS)


INTRUSIVE = ("--intrusive", "--user", dovecot.USER)
ASKED_FIRST = (postfix.RELAY, postfix.SUBMISSION_OPEN, dovecot.CLEARTEXT)


def test_every_fault_that_only_an_attacker_would_meet_is_found(lab: Lab) -> None:
    checks = [word for seed in ASKED_FIRST for identity in seed.wrong for word in ("--check", identity)]
    found = lab.audited([seed.domain for seed in ASKED_FIRST], *checks, "--intrusive")
    for seed in ASKED_FIRST:
        seen = wrong(found[seed.domain], seed.areas)
        assert seen == {identity: fault.outcome for identity, fault in seed.wrong.items()}


def test_every_fault_that_an_attacker_would_meet_on_port_25_is_found_and_no_other(lab: Lab) -> None:
    lab.seeds((*flawed.SMTP.values(), flawed.EXPN), *INTRUSIVE, "--check", "smtp")


def test_every_fault_that_an_attacker_would_meet_where_people_log_in_is_found_and_no_other(lab: Lab) -> None:
    seeds = (*flawed.PORTS.values(), dovecot.TOLD, postfix.SUBMISSION_TOLD)
    areas = sorted({area for seed in seeds for area in seed.areas})
    lab.seeds(seeds, *INTRUSIVE, *(word for area in areas for word in ("--check", area)))


def test_every_fault_of_a_zone_is_found_and_no_other(lab: Lab) -> None:
    domains = [child.domain for child in zones.CHILDREN]
    found = lab.audited(domains, "--check", "dnssec", "--check", "dns")
    assert {name: wrong(found[name], {"dnssec", "dns"}) for name in domains} == {
        child.domain: {identity: fault.outcome for identity, fault in child.wrong.items()}
        for child in zones.CHILDREN
    }
    passed = {finding["id"] for finding in found["sound.test"] if finding["outcome"] == "pass"}
    assert passed >= {identity for child in zones.CHILDREN for identity in child.wrong} - {"dnssec.keys"}
    assert "is bogus" in next(f["summary"] for f in found["bogus.test"] if f["id"] == "dnssec.valid")


def test_a_resolver_that_does_not_validate_is_told_of(lab: Lab) -> None:
    found = lab.audited(["sound.test"], "--check", "dnssec", resolver=f"{lab.names.address}:5300")
    assert wrong(found["sound.test"], {"dnssec"}) == {"dnssec.resolver": "warn"}
