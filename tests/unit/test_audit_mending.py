"""Which change to the inventory mends a finding on a server of ours."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from provisioner.apply import Planned
from provisioner.audit.catalogue import CHECKS
from provisioner.audit.finding import Finding, Outcome
from provisioner.audit.judgement import Judgement, Kind
from provisioner.audit.mending import BETTER, UNSET, edited, edits_for, in_inventory, mend, mended_by
from provisioner.cli.fix_plan import FixPlan
from provisioner.errors import Location
from provisioner.inventory.model import Host, Origins
from provisioner.plan import Plan
from provisioner.resources.change import Change

BY_ID = {check.id: check for check in CHECKS}
PLACE = Location("inventory.yml", 14, 9)
OPEN = {"mynetworks": "0.0.0.0/0"}
RELAY_OUT = "take out `mynetworks` below postfix_parameters   # inventory.yml:14:9"


def finding(identity: str, subject: str = "mx1.example.org:25", fix: str = "") -> Finding:
    return Finding(BY_ID[identity], Outcome.FAIL, subject, "is wrong", fix=fix)


def host(**variables: object) -> Host:
    origins = Origins({(name,): PLACE for name in variables})
    return Host("mx1.example.org", variables, variables, origins=origins)


def test_an_override_that_the_fix_names_is_taken_out() -> None:
    ours = host(postfix_parameters={"mynetworks": "0.0.0.0/0", "message_size_limit": 1000})

    edits = edits_for(finding("smtp.open-relay"), ours)

    assert [(edit.name, edit.takes_out, edit.where) for edit in edits] == [
        ("postfix_parameters.mynetworks", True, PLACE)
    ]
    assert edited(ours, edits).variables == {"postfix_parameters": {"message_size_limit": 1000}}
    assert ours.variables["postfix_parameters"] == {"mynetworks": "0.0.0.0/0", "message_size_limit": 1000}


def test_the_last_override_takes_its_variable_with_it() -> None:
    ours = host(postfix_services={"smtp/inet": {"smtpd_tls_auth_only": "no"}})

    assert edited(ours, edits_for(finding("smtp.login-before-tls"), ours)).variables == {}


@pytest.mark.parametrize(
    ("subject", "names"),
    [
        (
            "h:25",
            ["postfix_parameters.smtpd_tls_auth_only", "postfix_services.smtp/inet.smtpd_tls_auth_only"],
        ),
        (
            "h:587",
            [
                "postfix_parameters.smtpd_tls_auth_only",
                "postfix_services.submission/inet.smtpd_tls_auth_only",
            ],
        ),
    ],
)
def test_only_the_service_of_the_port_is_changed(subject: str, names: list[str]) -> None:
    no = {"smtpd_tls_auth_only": "no"}
    ours = host(postfix_parameters=no, postfix_services={"smtp/inet": no, "submission/inet": no})

    assert [edit.name for edit in edits_for(finding("smtp.login-before-tls", subject), ours)] == names


def test_a_fault_of_dovecot_s_port_leaves_postfix_alone() -> None:
    ours = host(
        postfix_parameters={"smtpd_tls_protocols": ">=TLSv1"},
        dovecot_settings={"ssl_min_protocol": "TLSv1", "protocol imap": {"mail_max_userip_connections": 1}},
    )

    assert [edit.name for edit in edits_for(finding("tls.version", "h:993"), ours)] == [
        "dovecot_settings.ssl_min_protocol"
    ]
    assert [edit.name for edit in edits_for(finding("tls.version", "h:25"), ours)] == [
        "postfix_parameters.smtpd_tls_protocols"
    ]


def test_a_finding_that_knows_its_settings_leaves_others_in_the_same_fix_alone() -> None:
    ours = host(postfix_parameters={"mailbox_size_limit": 1, "message_size_limit": 2, "smtpd_banner": "x"})
    known = replace(finding("postfix.sizes", "mx1.example.org"), settings=("mailbox_size_limit",))

    assert [edit.name for edit in edits_for(known, ours)] == ["postfix_parameters.mailbox_size_limit"]


def test_a_name_that_a_fix_only_refers_to_is_not_taken_out() -> None:
    ours = host(postfix_parameters={"smtpd_banner": "mail", "myhostname": "mx1.example.org"})

    assert [edit.name for edit in edits_for(finding("postfix.banner", "mx1.example.org"), ours)] == [
        "postfix_parameters.smtpd_banner"
    ]


def test_a_default_that_does_not_pass_is_set_to_what_does() -> None:
    edits = edits_for(finding("dmarc.policy", "example.org"), host())

    assert [edit.sentence for edit in edits] == ["mail_dmarc_policy: quarantine"]
    assert edited(host(), edits).variables == {"mail_dmarc_policy": "quarantine"}
    assert edits_for(finding("dmarc.policy", "example.org"), host(mail_dmarc_policy="reject")) == ()


def test_a_variable_whose_default_passes_is_taken_out_where_it_is_set() -> None:
    assert edits_for(finding("spf.everybody", "example.org"), host()) == ()
    edits = edits_for(finding("spf.everybody", "example.org"), host(mail_spf="v=spf1 +all"))
    told = in_inventory(finding("spf.everybody", "example.org"), edits)

    assert told.inventory == "take out `mail_spf`   # inventory.yml:14:9"


def test_where_the_inventory_decides_nothing_the_finding_stays_as_it_is() -> None:
    found = finding("reverse-dns.present", "192.0.2.1")

    assert edits_for(found, host(postfix_parameters={"message_size_limit": 1})) == ()
    assert in_inventory(found, ()) == replace(found)


def test_every_check_named_is_one_that_exists() -> None:
    assert set(BETTER) <= set(BY_ID)
    from fnmatch import filter as matching

    assert all(
        matching(BY_ID, pattern)
        for pattern in UNSET
        if not pattern.startswith(("updates", "clock", "accounts", "sockets"))
    )


def test_what_an_audit_of_ours_found_comes_with_the_change_that_ends_it() -> None:
    ours = host(mail_domains={"example.org": {}}, mail_spf="v=spf1 +all", postfix_parameters=OPEN)
    other = Host("mx2.example.net", {}, {})
    domain = Judgement(
        "example.org", Kind.DOMAIN, (finding("spf.everybody", "example.org"), finding("smtp.open-relay"))
    )
    server = Judgement("mx1.example.org", Kind.HOST, (finding("smtp.open-relay"), finding("mx.ipv6", "x")))

    mended = mend([domain, server], [ours, other])

    assert [[one.inventory for one in judgement.findings] for judgement in mended.judgements] == [
        ["take out `mail_spf`   # inventory.yml:14:9", RELAY_OUT],
        [RELAY_OUT, ""],
    ]
    assert [(host.name, dict(host.variables)) for host in mended.hosts] == [
        ("mx1.example.org", {"mail_domains": {"example.org": {}}}),
        ("mx2.example.net", {}),
    ]
    assert {edit.name: len(found) for edit, found in mended.edits.items()} == {
        "mail_spf": 1,
        "postfix_parameters.mynetworks": 2,
    }


PLAIN = Change("file:/etc/postfix/master.cf", "update", "postfix", "-  -o smtpd_tls_auth_only=no\n")


@pytest.mark.parametrize(
    ("target", "subject", "planned", "left"),
    [
        ("example.org", "mx1.example.org:25", "mx1.example.org", False),
        ("example.org", "mx1.example.org:25", "mx2.example.org", True),
        ("example.org", "mx1.example.org", "mx1.example.org", False),
        ("example.org", "mx1.example.org", "mx2.example.org", True),
        ("example.org", "192.0.2.1", "mx1.example.org", False),
        ("example.org", "192.0.2.1", "mx2.example.org", True),
        ("example.org", "example.org", "mx2.example.org", False),
        ("example.org", "s1._domainkey.example.org", "mx2.example.org", False),
        ("mx1.example.org", "192.0.2.1:25", "mx1.example.org", False),
        ("mx1.example.org", "192.0.2.1:25", "mx2.example.org", True),
    ],
)
def test_of_two_hosts_it_is_the_plan_of_the_one_that_is_wrong_that_ends_a_finding(
    target: str, subject: str, planned: str, left: bool
) -> None:
    shared = {"mail_domains": {"example.org": {}}}
    hosts = [Host(f"mx{n}.example.org", {**shared, "mail_addresses": [f"192.0.2.{n}"]}, {}) for n in (1, 2)]
    found = finding("smtp.login-before-tls", subject)
    fixes = FixPlan.__new__(FixPlan)  # Without a connection to either.
    fixes.mended = mend([Judgement(target, Kind.HOST, (found,))], hosts)
    fixes._planned = [
        cast(Planned, SimpleNamespace(plan=SimpleNamespace(host=host, changes=changes)))
        for host in hosts
        for changes in [(PLAIN,) if host.name == planned else ()]
    ]

    assert fixes.left() == ([found] if left else [])


@pytest.mark.parametrize(
    ("change", "mends"),
    [
        (Change("file:/etc/postfix/main.cf", "update", "postfix", "-mynetworks = 0.0.0.0/0\n"), True),
        (
            Change("file:/etc/postfix/main.cf", "update", "postfix", " mynetworks = 0.0.0.0/0\n-biff = no\n"),
            False,
        ),
        (Change("file:/etc/postfix/extra.cf", "update", "postfix"), True),
        (Change("service:postfix", "restart", "postfix"), False),
    ],
)
def test_a_plan_mends_what_it_changes_where_the_fix_points(change: Change, mends: bool) -> None:
    plan = cast(Plan, SimpleNamespace(changes=(change,)))
    found = replace(finding("smtp.open-relay"), place="/etc/postfix/extra.cf:3")

    assert mended_by(plan, found) is mends


def test_a_port_that_does_not_answer_is_mended_where_a_service_changes() -> None:
    plan = cast(Plan, SimpleNamespace(changes=(Change("service:postfix", "start", "postfix"),)))

    assert mended_by(plan, finding("smtp.answers"))
    assert not mended_by(cast(Plan, SimpleNamespace(changes=())), finding("smtp.answers"))
