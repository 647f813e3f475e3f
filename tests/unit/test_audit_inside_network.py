"""What listens, what the packet filter lets in, how people come in by SSH, and what stops who guesses."""

from __future__ import annotations

import pytest

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.inside import bans, firewall, sockets, ssh
from tests.unit.inside_making import host, one

MAIL = """\
tcp LISTEN 0 100 0.0.0.0:25 0.0.0.0:* users:(("master",pid=407,fd=13))
tcp LISTEN 0 100 [::]:587 [::]:* users:(("master",pid=407,fd=14))
tcp LISTEN 0 100 *:993 *:* users:(("dovecot",pid=36,fd=45))
tcp LISTEN 0 128 0.0.0.0:2222 0.0.0.0:* users:(("sshd",pid=51,fd=3))
tcp LISTEN 0 511 127.0.0.1:6379 0.0.0.0:* users:(("redis-server",pid=39,fd=6))
tcp LISTEN 0 511 [::ffff:127.0.0.1]:8080 *:* users:(("java",pid=40,fd=6))
udp UNCONN 0 0 127.0.0.53%lo:53 0.0.0.0:* users:(("systemd-resolve",pid=30,fd=6))
"""
MYSQL = 'tcp LISTEN 0 80 0.0.0.0:3306 0.0.0.0:* users:(("mariadbd",pid=400,fd=20))\n'
WEBMIN = 'tcp LISTEN 0 80 0.0.0.0:10000 0.0.0.0:* users:(("miniserv.pl",pid=400,fd=20))\n'
NFT = """\
table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif "lo" accept
		tcp dport { 22, 25, 587, 993, 6000-6010 } accept
		ip saddr 192.0.2.0/24 tcp dport 3306 accept
	}
}
"""
UFW = """\
*filter
:INPUT DROP [0:0]
:OUTPUT ACCEPT [0:0]
:ufw-user-input - [0:0]
:ufw-user-limit-accept - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -j ufw-user-input
-A ufw-user-input -p tcp -m multiport --dports 25,587,993 -j ACCEPT
-A ufw-user-limit-accept -j ACCEPT
COMMIT
"""
OPEN_UFW = UFW.replace("INPUT DROP", "INPUT ACCEPT")
OPEN_NFT = NFT.replace("policy drop", "policy accept")


def listening(name: str, *, promised: frozenset[int] | None = None, **texts: str) -> Finding:
    return one(sockets.audit(host({"sockets": MAIL, **texts}), "mx", promised), name)


def test_a_mail_server_with_ssh_and_local_caches_is_right() -> None:
    found = sockets.audit(host({"sockets": MAIL}), "mx", frozenset({25, 587, 993}))
    assert [finding.outcome for finding in found] == [Outcome.PASS] * 3


def test_a_database_open_to_the_network_is_named_with_its_program() -> None:
    found = listening("internal", sockets=MAIL + MYSQL)
    assert found.summary == "open to the network: MariaDB (3306)"
    assert found.evidence == ("tcp 0.0.0.0:3306 mariadbd",)
    assert (found.outcome, found.weight) == (Outcome.FAIL, Severity.HIGH)


@pytest.mark.parametrize("line", [
    'tcp LISTEN 0 4096 *:11334 *:* users:(("rspamd",pid=1,fd=18))',
    'tcp LISTEN 0 4096 [2001:db8::1]:7777 [::]:* users:(("redis-server",pid=1,fd=18))',
    "tcp LISTEN 0 4096 0.0.0.0:111 0.0.0.0:*",
    'udp UNCONN 0 0 0.0.0.0:11211 0.0.0.0:* users:(("memcached",pid=1,fd=18))',
    'tcp LISTEN 0 100 0.0.0.0:24 0.0.0.0:* users:(("dovecot",pid=36,fd=45))',
])  # fmt: skip
def test_what_serves_its_own_host_alone_is_known_by_program_or_port(line: str) -> None:
    assert listening("internal", sockets=MAIL + line).outcome is Outcome.FAIL


def test_a_packet_filter_makes_an_open_database_less_severe() -> None:
    found = listening("internal", sockets=MAIL + MYSQL, nft=NFT)
    assert (found.outcome, found.weight) == (Outcome.WARN, Severity.LOW)


@pytest.mark.parametrize(
    ("promised", "outcome", "weight"),
    [(None, Outcome.WARN, Severity.INFO), (frozenset({25, 587, 993}), Outcome.WARN, Severity.LOW)],
)
def test_what_else_is_open_weighs_more_where_the_inventory_says_what_is_meant(
    promised: frozenset[int] | None, outcome: Outcome, weight: Severity
) -> None:
    found = listening("expected", sockets=MAIL + WEBMIN, promised=promised)
    assert (found.outcome, found.weight) == (outcome, weight)
    assert "10000 (miniserv.pl)" in found.summary


def test_a_deployed_port_on_which_nothing_listens_is_missing() -> None:
    found = listening("promised", promised=frozenset({25, 465, 993}))
    assert (found.outcome, found.summary) == (Outcome.FAIL, "nothing listens on 465")
    assert listening("promised").outcome is Outcome.SKIPPED


def test_where_sockets_could_not_be_read_nothing_is_known() -> None:
    found = list(sockets.audit(host(absent=["sockets"]), "mx"))
    assert {finding.outcome for finding in found} == {Outcome.ERROR}


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        ({"nft": NFT}, Outcome.PASS),
        ({"iptables": UFW}, Outcome.PASS),
        ({"iptables": OPEN_UFW}, Outcome.WARN),
        ({"iptables": OPEN_UFW.replace("COMMIT", "-A INPUT -j DROP\nCOMMIT")}, Outcome.PASS),
        ({"nft": OPEN_NFT}, Outcome.WARN),
        ({"nft": OPEN_NFT.replace("\t}", "\t\tcounter packets 5 bytes 60 drop\n\t}", 1)}, Outcome.PASS),
        ({"nft": ""}, Outcome.WARN),
    ],
)  # fmt: skip
def test_a_packet_filter_drops_what_no_rule_accepts(texts: dict[str, str], outcome: Outcome) -> None:
    assert one(firewall.audit(host(texts), "mx"), "input").outcome is outcome


def test_rules_that_nobody_can_read_are_not_judged() -> None:
    found = list(firewall.audit(host(absent=["nft", "iptables"]), "mx"))
    assert [finding.outcome for finding in found] == [Outcome.ERROR] * len(firewall.CHECKS)


@pytest.mark.parametrize(
    ("rules", "port", "closed"),
    [
        ({"nft": NFT}, 25, False),
        ({"nft": NFT}, 3306, True),
        ({"nft": NFT}, 6005, False),
        ({"nft": NFT.replace("tcp dport {", "ip daddr 192.0.2.1 tcp dport {")}, 25, False),
        ({"iptables": UFW}, 25, False),
        ({"iptables": UFW}, 3306, False),
        ({"iptables": UFW, "ip6tables": UFW}, 25, False),
        ({"iptables": UFW, "ip6tables": UFW}, 3306, True),
        ({}, 3306, False),
    ],
)
def test_ports_are_shut_only_where_both_families_drop_them(
    rules: dict[str, str], port: int, closed: bool
) -> None:
    assert firewall.shut(host(rules), port) is closed


@pytest.mark.parametrize(
    ("address", "ip6tables", "outcome"),
    [
        ("2001:db8::5/64", "", Outcome.FAIL),
        ("2001:db8::5/64", UFW, Outcome.PASS),
        ("fd00::5/64", "", Outcome.SKIPPED),
    ],
)
def test_ipv6_is_filtered_where_ipv4_is(address: str, ip6tables: str, outcome: Outcome) -> None:
    addresses = f"2: eth0    inet6 {address} scope global \\ valid_lft forever"
    inside = host({"iptables": UFW, "ip6tables": ip6tables, "addresses": addresses})
    assert one(firewall.audit(inside, "mx"), "ipv6").outcome is outcome


@pytest.mark.parametrize(("enabled", "outcome"), [("enabled", Outcome.PASS), ("disabled", Outcome.WARN)])
def test_the_filter_comes_back_after_a_reboot(enabled: str, outcome: Outcome) -> None:
    state = f"Id=nftables.service\nLoadState=loaded\nActiveState=active\nUnitFileState={enabled}\n"
    assert one(firewall.audit(host({"nft": NFT, "units": state}), "mx"), "boot").outcome is outcome


OUT = "table inet out {\nchain output {\ntype filter hook output priority filter; policy %s;\n%s\n}\n}\n"


@pytest.mark.parametrize(
    ("policy", "rule", "outcome"),
    [
        ("accept", "ip daddr 192.0.2.9 accept", Outcome.PASS),
        ("accept", "tcp dport 25 reject", Outcome.FAIL),
        ("drop", "tcp dport { 53, 443 } accept", Outcome.FAIL),
        ("drop", "tcp dport { 25, 53, 443 } accept", Outcome.PASS),
        ("accept", 'meta skuid "postfix" tcp dport 25 accept\n\t\ttcp dport 25 drop', Outcome.PASS),
    ],
)
def test_mail_may_leave(policy: str, rule: str, outcome: Outcome) -> None:
    assert one(firewall.audit(host({"nft": OUT % (policy, rule)}), "mx"), "outgoing-mail").outcome is outcome


def test_a_smart_host_makes_a_closed_port_25_no_matter() -> None:
    inside = host({"nft": OUT % ("accept", "tcp dport 25 reject"), "relayhost": "[smart.example.org]:587\n"})
    assert one(firewall.audit(inside, "mx"), "outgoing-mail").outcome is Outcome.SKIPPED


SSHD = "permitrootlogin %s\npasswordauthentication %s\npermitemptypasswords %s\n"
STATES = "root %s 2026-11-25 0 99999 7 -1\nalice %s 2026-11-25 0 99999 7 -1\n"


@pytest.mark.parametrize(
    ("sshd", "states", "outcomes"),
    [
        (("without-password", "no", "no"), ("P", "P"), ["pass", "pass", "pass"]),
        (("yes", "yes", "no"), ("P", "P"), ["fail", "warn", "pass"]),
        (("yes", "yes", "no"), ("L", "L"), ["pass", "pass", "pass"]),
        (("yes", "no", "no"), ("P", "P"), ["pass", "pass", "pass"]),
        (("no", "yes", "yes"), ("L", "NP"), ["pass", "pass", "fail"]),
    ],
)
def test_ssh_takes_keys(sshd: tuple[str, ...], states: tuple[str, str], outcomes: list[str]) -> None:
    inside = host({"sshd": SSHD % sshd, "passwords": STATES % states})
    assert [finding.outcome.value for finding in ssh.audit(inside, "mx")] == outcomes


def test_a_host_without_sshd_is_not_judged_and_one_with_a_broken_one_could_not_be() -> None:
    assert {finding.outcome for finding in ssh.audit(host(absent=["sshd"]), "mx")} == {Outcome.SKIPPED}
    broken = host({"sshd": "Bad configuration option: Foo"})
    assert {finding.outcome for finding in ssh.audit(broken, "mx")} == {Outcome.ERROR}


FAIL2BAN = "Result=success\nId=fail2ban.service\nLoadState=loaded\nActiveState=%s\nUnitFileState=enabled\n"
JAILS = """\
jail sshd
Status for the jail: sshd
|- Filter
|  |- Total failed:\t12
jail dovecot
Status for the jail: dovecot
|- Filter
|  |- Currently failed:\t0
|  |- Total failed:\t%d
`- Actions
   |- Total banned:\t1
"""
LIMITS = "smtpd_client_auth_rate_limit = %s\nsmtpd_sasl_type = %s\nsasl yes\nauth_penalty %s\n"


def standing(name: str, texts: dict[str, str]) -> Outcome:
    return one(bans.audit(host({"sockets": MAIL} | texts), "mx"), name).outcome


def test_a_running_fail2ban_with_jails_for_mail_is_right() -> None:
    texts = {"units": FAIL2BAN % "active", "jails": JAILS % 3, "mail-log": "address\t80\t192.0.2.9\t4\t0\t\n"}
    found = bans.audit(host({"sockets": MAIL} | texts), "mx")
    assert [finding.outcome for finding in found] == [Outcome.PASS] * len(bans.CHECKS)


def test_fail2ban_that_is_installed_and_stopped_is_wrong() -> None:
    assert standing("running", {"units": FAIL2BAN % "failed"}) is Outcome.FAIL


def test_fail2ban_for_ssh_alone_does_not_help_mail() -> None:
    only_ssh = JAILS.partition("jail dovecot")[0]
    assert standing("mail-jails", {"units": FAIL2BAN % "active", "jails": only_ssh}) is Outcome.FAIL


def test_a_jail_that_sees_none_of_many_failures_reads_the_wrong_log() -> None:
    texts = {"jails": JAILS % 0, "mail-log": "address\t80\t192.0.2.9\t4\t0\t\n"}
    assert standing("jails-see", texts) is Outcome.FAIL
    assert standing("jails-see", texts | {"mail-log": "address\t8\t192.0.2.9\t4\t0\t\n"}) is Outcome.PASS


@pytest.mark.parametrize(
    ("limits", "outcome"),
    [
        (("60", "dovecot", "on"), Outcome.PASS),
        (("0", "dovecot", "on"), Outcome.WARN),
        (("0", "dovecot", "off"), Outcome.FAIL),
        (("0", "cyrus", "on"), Outcome.FAIL),
    ],
)
def test_without_bans_the_limits_of_the_services_count(
    limits: tuple[str, str, str], outcome: Outcome
) -> None:
    assert standing("guessing", {"login-limits": LIMITS % limits}) is outcome


def test_where_no_log_in_is_offered_nothing_needs_to_be_stopped() -> None:
    relay = 'tcp LISTEN 0 100 0.0.0.0:25 0.0.0.0:* users:(("master",pid=407,fd=13))\n'
    assert standing("guessing", {"sockets": relay}) is Outcome.SKIPPED
