"""Postfix judged from inside: what lets strangers relay, what hides passwords, what is only unusual."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.inside import (
    postfix_identity,
    postfix_limits,
    postfix_recipients,
    postfix_relay,
    postfix_tables,
    postfix_tls,
)
from provisioner.audit.inside.postfix_tls import oldest
from provisioner.audit.inside.seen import Inside, Output
from tests.unit.inside_making import host, one

PORT_25 = "smtp inet n - y - - smtpd\n"
DEFAULTS = """\
mail_version = 3.7.11
myhostname = mx1.example.org
mynetworks = 127.0.0.0/8 [::1]/128
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_reject_unlisted_recipient = yes
smtpd_sasl_auth_enable = no
smtpd_sasl_security_options = noanonymous
message_size_limit = 10240000
virtual_transport = virtual
local_transport = local:$myhostname
mydestination = localhost
local_recipient_maps = unix:passwd.byname
"""


def postfix(main: str = "", master: str = PORT_25, **more: str) -> Inside:
    """A host whose main.cf says `main` over the defaults."""
    every = {line.partition(" = ")[0]: line for line in [*DEFAULTS.splitlines(), *main.splitlines()]}
    texts = {
        "postfix-all": "\n".join(every.values()),
        "postfix-set": main,
        "postfix-main": main,
        "postfix-master": master,
    }
    return host(texts | {f"postfix-{name}": text for name, text in more.items()})


def relay(inside: Inside) -> list[Finding]:
    return list(postfix_relay.audit(inside, "mx1"))


def said(findings: Iterable[Finding], name: str) -> tuple[str, str]:
    """Outcome and place of a check."""
    finding = one(findings, name)
    return finding.outcome.value, finding.place


@pytest.mark.parametrize(
    ("networks", "outcome", "severity"),
    [
        ("127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128", "pass", Severity.HIGH),
        ("127.0.0.0/8 192.168.1.0/24 8.8.8.8", "pass", Severity.HIGH),
        ("127.0.0.0/8 0.0.0.0/0", "fail", Severity.CRITICAL),
        ("[::]/0", "fail", Severity.CRITICAL),
        ("127.0.0.0/8 8.8.0.0/16", "fail", Severity.HIGH),
        ("127.0.0.0/8 172.17.0.0/16", "warn", Severity.MEDIUM),
    ],
)
def test_networks_are_judged_by_how_many_machines_are_in_them(
    networks: str, outcome: str, severity: Severity
) -> None:
    finding = one(relay(postfix(f"# ours\nmynetworks = {networks}")), "mynetworks")

    assert (finding.outcome.value, finding.weight) == (outcome, severity)
    assert finding.place == "/etc/postfix/main.cf:2"
    assert finding.evidence[0] == f"mynetworks = {networks}"


@pytest.mark.parametrize(
    "main",
    [
        "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions =",
        "smtpd_relay_restrictions = permit_mynetworks",
        "smtpd_relay_restrictions = permit, reject_unauth_destination",
        "smtpd_relay_restrictions = warn_if_reject reject_unauth_destination",
        "smtpd_relay_restrictions = permit\nsmtpd_recipient_restrictions = permit_mynetworks, permit",
    ],
)
def test_an_open_relay_is_critical_however_it_came_about(main: str) -> None:
    finding = one(relay(postfix(main)), "relay-restrictions")

    assert (finding.outcome, finding.weight) == (Outcome.FAIL, Severity.CRITICAL)
    assert finding.place == "/etc/postfix/main.cf:1"


@pytest.mark.parametrize(
    "main",
    [
        "smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
        "smtpd_relay_restrictions =\nsmtpd_recipient_restrictions = reject_unauth_destination, permit",
        "smtpd_relay_restrictions = permit\nsmtpd_recipient_restrictions = reject_unauth_destination",
        "smtpd_restriction_classes = ours\nours = permit_mynetworks, reject\nsmtpd_relay_restrictions = ours",
        "smtpd_relay_restrictions = permit\nsmtpd_client_restrictions = permit_sasl_authenticated, reject",
    ],
)
def test_one_list_that_refuses_is_enough_to_be_no_open_relay(main: str) -> None:
    assert one(relay(postfix(main)), "relay-restrictions").outcome is Outcome.PASS


def test_an_option_in_master_cf_opens_one_port_and_is_the_place() -> None:
    master = f"{PORT_25}# for the scanner\n2525 inet n - y - - smtpd\n  -o smtpd_relay_restrictions=permit\n"

    finding = one(relay(postfix(master=master)), "relay-restrictions")

    assert (finding.outcome, finding.place) == (Outcome.FAIL, "/etc/postfix/master.cf:3")
    assert "2525" in finding.summary


def test_a_port_on_loopback_is_no_relay_for_strangers() -> None:
    master = "127.0.0.1:10025 inet n - n - - smtpd\n  -o smtpd_relay_restrictions=permit\n"

    assert one(relay(postfix(master=master)), "relay-restrictions").outcome is Outcome.SKIPPED


def test_a_sender_that_a_table_lets_in_before_the_refusal_makes_an_open_relay() -> None:
    main = (
        "smtpd_relay_restrictions = check_sender_access hash:/etc/postfix/friends, reject_unauth_destination"
    )
    line = "/etc/postfix/friends:7:example.net OK"

    findings = relay(postfix(main, access=line))

    assert one(findings, "relay-restrictions").outcome is Outcome.FAIL
    assert said(findings, "access-tables") == ("fail", "/etc/postfix/friends:7")


def test_a_table_of_client_addresses_may_let_them_in() -> None:
    main = "smtpd_client_restrictions = check_client_access cidr:/etc/postfix/clients"

    findings = relay(postfix(main, access="/etc/postfix/clients:1:192.0.2.1 OK"))

    assert one(findings, "access-tables").outcome is Outcome.PASS


LOGIN = "submission inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n"


def test_whoever_logs_in_may_send_as_anybody_without_a_list_or_without_a_look_at_it() -> None:
    maps = "smtpd_sender_login_maps = hash:/etc/postfix/senders"
    checked = f"{maps}\nsmtpd_sender_restrictions = reject_sender_login_mismatch"

    outcomes = [
        one(relay(postfix(main, LOGIN)), "sender-login").outcome.value for main in ("", maps, checked)
    ]

    assert outcomes == ["fail", "fail", "pass"]


def test_a_login_is_safe_where_tls_is_demanded_whatever_auth_only_says() -> None:
    encrypted = f"{LOGIN}  -o smtpd_tls_security_level=encrypt\n"

    plain, safe = (
        one(postfix_tls.audit(postfix("smtpd_tls_security_level = may", master), "mx1"), "plaintext-login")
        for master in (LOGIN, encrypted)
    )

    assert (plain.outcome, safe.outcome) == (Outcome.FAIL, Outcome.PASS)


def test_465_without_tls_from_the_first_byte_is_found_at_its_service() -> None:
    findings = postfix_tls.audit(postfix(master=f"{PORT_25}smtps inet n - y - - smtpd\n"), "mx1")

    assert said(findings, "submission-tls") == ("fail", "/etc/postfix/master.cf:2")


@pytest.mark.parametrize(
    ("value", "version"),
    [
        (">=TLSv1.2", ""),
        (">=TLSv1", "TLSv1"),
        ("!SSLv2, !SSLv3", "TLSv1"),
        ("!SSLv2,!SSLv3,!TLSv1,!TLSv1.1", ""),
        ("TLSv1.2 TLSv1.3", ""),
        ("TLSv1.1, TLSv1.2", "TLSv1.1"),
        ("", "SSLv3"),
    ],
)
def test_the_oldest_version_of_each_way_to_write_a_list_is_known(value: str, version: str) -> None:
    assert oldest(value) == version


def test_dane_without_validated_answers_is_told_apart_from_no_tls() -> None:
    findings = list(postfix_tls.audit(postfix("smtp_tls_security_level = dane"), "mx1"))

    finding = one(findings, "outbound-tls")

    assert (finding.outcome, finding.weight) == (Outcome.FAIL, Severity.MEDIUM)
    assert "smtp_dns_support_level = dnssec" in finding.fix


def test_a_domain_in_two_lists_is_named_with_both_places() -> None:
    main = "mydestination = localhost, shop.test\nvirtual_mailbox_domains = hash:/etc/postfix/domains"

    findings = postfix_identity.audit(
        postfix(main, domains="virtual_mailbox_domains shop.test /etc/postfix/domains:3"), "mx1"
    )

    finding = one(findings, "domains")
    assert finding.evidence == (
        "shop.test: mydestination (/etc/postfix/main.cf:1), virtual_mailbox_domains (/etc/postfix/domains:3)",
    )


def test_a_limit_counts_only_where_its_agent_delivers() -> None:
    small = "mailbox_size_limit = 1000\nmydestination = localhost"
    lmtp = f"{small}\nlocal_transport = lmtp:unix:private/lmtp"

    outcomes = [
        one(postfix_limits.audit(postfix(main), "mx1"), "sizes").outcome.value for main in (small, lmtp)
    ]

    assert outcomes == ["fail", "pass"]


def recipients(main: str, **more: str) -> list[Finding]:
    return list(postfix_recipients.audit(postfix(main, **more), "mx1"))


def test_a_relay_for_others_that_asks_the_next_server_knows_its_users() -> None:
    domains = "relay_domains = branch.test"
    asking = f"{domains}\nsmtpd_recipient_restrictions = reject_unverified_recipient"
    listed = f"{domains}\nrelay_recipient_maps = hash:/etc/postfix/relayed"

    outcomes = [one(recipients(main), "unknown-users").outcome.value for main in (domains, asking, listed)]

    assert outcomes == ["warn", "pass", "pass"]


def test_relay_domains_that_repeat_mydestination_as_in_old_defaults_are_no_relay() -> None:
    assert one(recipients("relay_domains = localhost"), "unknown-users").outcome is Outcome.PASS


VIRTUAL = "virtual_mailbox_domains = shop.test\nvirtual_mailbox_maps ="


@pytest.mark.parametrize(
    ("main", "lines", "outcome"),
    [
        ("local_recipient_maps =", "", "fail"),
        ("local_recipient_maps = static:<hidden>", "", "fail"),
        (f"{VIRTUAL} proxy:static:all", "", "fail"),
        (f"{VIRTUAL} regexp:/etc/postfix/all", "virtual_mailbox_maps /etc/postfix/all:1 /./ x", "fail"),
        (f"{VIRTUAL} hash:/etc/postfix/boxes", "", "pass"),
        ("smtpd_reject_unlisted_recipient = no", "", "fail"),
    ],
)
def test_a_list_that_has_every_name_is_no_list(main: str, lines: str, outcome: str) -> None:
    assert one(recipients(main, **{"catch-alls": lines}), "unknown-users").outcome.value == outcome


def test_all_the_ways_in_for_nobody_are_told_and_the_worst_comes_first() -> None:
    found = one(recipients("relay_domains = branch.test\nlocal_recipient_maps ="), "unknown-users")

    assert (found.outcome, found.place) == (Outcome.FAIL, "/etc/postfix/main.cf:2")
    assert found.evidence[-1] == "mail for any name at relay domains is taken"


OURS = "mydestination = localhost, shop.test"
ALIASES = "virtual_alias_maps /etc/postfix/aliases:7 @shop.test"
BOXES = "virtual_mailbox_maps /etc/postfix/boxes:1 @shop.test x"
LMTP = "virtual_transport = lmtp:unix:private/lmtp"
NOBODY = "local_recipient_maps =\nluser_relay"


@pytest.mark.parametrize(
    ("main", "lines", "outcome", "place"),
    [
        (OURS, f"{ALIASES} ann@shop.test", "pass", ""),
        (OURS, f"{ALIASES} ann", "pass", ""),
        (OURS, f"{ALIASES} ann@shop.test, far@elsewhere.test", "fail", "/etc/postfix/aliases:7"),
        (OURS, f"{ALIASES} @localhost", "fail", "/etc/postfix/aliases:7"),
        ("mydestination = mysql:/etc/postfix/domains", f"{ALIASES} ann@any.test", "pass", ""),
        ("mydestination = hash:/etc/postfix/domains", f"{ALIASES} ann@in-table.test", "pass", ""),
        (OURS, BOXES, "pass", ""),
        (LMTP, BOXES, "fail", "/etc/postfix/boxes:1"),
        (
            OURS,
            "relay_recipient_maps /etc/postfix/relayed:2 @branch.test x",
            "fail",
            "/etc/postfix/relayed:2",
        ),
        (f"{NOBODY} = $user@old.test", "", "fail", "/etc/postfix/main.cf:2"),
        (f"{NOBODY} = far@elsewhere.test", "", "fail", "/etc/postfix/main.cf:2"),
        (f"{NOBODY} = ann", "", "pass", ""),
        ("luser_relay = far@elsewhere.test", "", "pass", ""),
    ],
)
def test_a_catch_all_is_judged_by_where_its_mail_ends(
    main: str, lines: str, outcome: str, place: str
) -> None:
    domains = "mydestination in-table.test /etc/postfix/domains:1"

    assert said(recipients(main, domains=domains, **{"catch-alls": lines}), "catch-all") == (outcome, place)


@pytest.mark.parametrize(
    ("classes", "outcome", "missing"),
    [
        ("resource, software", "pass", ""),
        ("resource software bounce", "pass", ""),
        ("bounce,resource", "warn", "software"),
        ("", "warn", "resource and software"),
    ],
)
def test_postmaster_must_hear_of_lost_mail(classes: str, outcome: str, missing: str) -> None:
    found = one(postfix_limits.audit(postfix(f"notify_classes = {classes}"), "mx1"), "notices")

    assert found.outcome.value == outcome
    assert f"nothing of {missing} problems" in found.summary or not missing


IPV4 = "2: eth0    inet 192.0.2.7/24 brd 192.0.2.255 scope global eth0\\       valid_lft forever\n"
IPV6 = "2: eth0    inet6 2001:db8::7/64 scope global \\       valid_lft forever\n"
LOCAL = "2: eth0    inet6 fd00::7/64 scope global \\       valid_lft forever\n"
GONE = "2: eth0    inet6 2001:db8::8/64 scope global deprecated \\       valid_lft 9sec\n"


@pytest.mark.parametrize(
    ("main", "addresses", "outcome", "severity"),
    [
        ("inet_protocols = all", IPV4 + IPV6, "pass", Severity.LOW),
        ("inet_protocols = all", IPV4, "pass", Severity.LOW),
        ("inet_protocols = ipv4", IPV4, "pass", Severity.LOW),
        ("inet_protocols = ipv4", IPV4 + LOCAL + GONE, "pass", Severity.LOW),
        ("inet_protocols = ipv4", IPV4 + IPV6, "warn", Severity.LOW),
        ("inet_protocols = ipv6", IPV4 + IPV6, "fail", Severity.HIGH),
        ("inet_protocols = ipv6", IPV4, "fail", Severity.HIGH),
        ("inet_protocols = ipv4", IPV6, "fail", Severity.HIGH),
        ("inet_protocols = ipv6, ipv4\nsmtp_address_preference = ipv6", IPV4, "warn", Severity.LOW),
    ],
)
def test_protocols_are_held_against_the_addresses_that_are_there(
    main: str, addresses: str, outcome: str, severity: Severity
) -> None:
    told = postfix(main)
    inside = Inside(told.at, told.files, {**told.outputs, "addresses": Output(0, addresses)})

    found = one(postfix_identity.audit(inside, "mx1"), "protocols")

    assert (found.outcome.value, found.weight) == (outcome, severity)


def test_without_ip_no_protocol_is_judged() -> None:
    assert one(postfix_identity.audit(postfix(), "mx1"), "protocols").outcome is Outcome.ERROR


TABLE = "smtp_sasl_password_maps = hash:/etc/postfix/sasl"


@pytest.mark.parametrize(
    ("state", "wrong"),
    [
        ("hash 600 root root 100 200 /etc/postfix/sasl", []),
        ("hash 644 root root 100 200 /etc/postfix/sasl", ["tables-passwords"]),
        ("hash 602 root root 100 200 /etc/postfix/sasl", ["tables-writable"]),
        ("hash 600 root root 300 200 /etc/postfix/sasl", ["tables-compiled"]),
        ("hash 0 - - 0 absent /etc/postfix/sasl", ["tables"]),
    ],
)
def test_a_table_is_judged_by_its_state(state: str, wrong: list[str]) -> None:
    findings = postfix_tables.audit(postfix(TABLE, tables=state), "mx1")

    assert [one.check.id.partition(".")[2] for one in findings if one.outcome is Outcome.FAIL] == wrong


def test_a_cache_of_postfix_s_own_need_not_be_there() -> None:
    main = "smtp_tls_session_cache_database = btree:/var/lib/postfix/cache"

    findings = postfix_tables.audit(
        postfix(main, tables="btree 0 - - 0 absent /var/lib/postfix/cache"), "mx1"
    )

    assert one(findings, "tables").outcome is Outcome.SKIPPED


def test_a_postfix_that_cannot_be_read_is_not_called_sound() -> None:
    findings = relay(Inside(0, {}, {"postfix-all": Output(0, "")}))

    assert {finding.outcome for finding in findings} == {Outcome.ERROR}


def test_a_host_without_postfix_has_no_findings_about_it() -> None:
    assert relay(host()) == []
