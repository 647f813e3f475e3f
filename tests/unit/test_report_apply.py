from __future__ import annotations

import pytest

from provisioner.apply import HostOutcome
from provisioner.errors import AuthenticationError, Location, NotBegun, NotPutBack, PutBack
from provisioner.report.apply import outcome_lines, totals
from provisioner.resources.change import Change
from provisioner.roles.model import Port
from provisioner.verify.result import PortResult

CHANGES = (
    Change("package:postfix", "install", "postfix"),
    Change("file:/etc/postfix/main.cf", "update", "postfix"),
    Change("file:/etc/postfix/master.cf", "create", "postfix"),
    Change("service:dovecot", "start", "dovecot"),
    Change("service:postfix", "reload", "postfix"),
)


def shown(*outcomes: HostOutcome) -> str:
    return "\n".join(line.plain.rstrip() for line in outcome_lines(outcomes, 80))


def port(number: int, ok: bool = True) -> PortResult:
    return PortResult(Port(number, "smtp", "postfix"), ok, "ok", "takes mail")


def test_a_changed_host_says_what_changed_what_was_reloaded_and_what_was_proven() -> None:
    outcome = HostOutcome("mx1", "changed", CHANGES, seconds=2.94, ports=(port(25), port(465)))
    text = shown(outcome)
    words = " ".join(text.replace("2.9 s", "").split())
    assert words == "mx1 ✓ 2 changes, 1 package installed, dovecot started, postfix reloaded, 2 ports proven"
    assert text.splitlines()[0].endswith(" 2.9 s")
    assert max(map(len, text.splitlines())) <= 80


def test_how_long_a_restart_took_is_said_and_many_hosts_are_alike_all_the_same() -> None:
    changes = (Change("service:rspamd", "restart", "rspamd"), Change("service:postfix", "reload", "postfix"))
    took = {"rspamd": 1400, "postfix": 30}
    assert "✓ rspamd restarted in 1.4 s, postfix reloaded" in shown(
        HostOutcome("mx1", "changed", changes, service_ms=took)
    )
    many = [HostOutcome(f"mx{n}", "changed", changes, service_ms={"rspamd": 1000 + n}) for n in range(300)]
    assert len(shown(*many).splitlines()) == 1


def test_how_long_a_reload_took_is_said_where_it_held_new_connections_back() -> None:
    changes = (
        Change("service:dovecot", "reload", "dovecot", holds=12),
        Change("service:postfix", "reload", "postfix"),
    )
    outcome = HostOutcome("mx1", "changed", changes, service_ms={"dovecot": 600, "postfix": 30})
    assert "✓ dovecot reloaded in 0.6 s, postfix reloaded" in shown(outcome)


@pytest.mark.parametrize("took", [0.3, 12.0, 130.0, 3599.0])
def test_the_time_a_host_took_is_at_the_right_edge_however_long(took: float) -> None:
    changes = tuple(Change(f"service:service-{n}", "restart", "base") for n in range(9))
    first = shown(HostOutcome("mx1.example.org", "changed", changes, seconds=took)).splitlines()[0]
    assert first.startswith("mx1.example.org   ✓ service-0") and first.endswith(" s") and len(first) == 80


def test_a_host_that_was_put_back_says_why_from_which_line_and_what_to_try() -> None:
    error = PutBack(
        "Port 25 answered RCPT TO:<alice@example.org> with",
        where=Location("inventory.yml", 14, 5),
        note="postfix_parameters.smtpd_relay_restrictions",
        hint="permit_mynetworks",
        evidence=["451 4.3.5 Server configuration error"],
    )
    log = ('postfix/smtpd[812]: fatal: unknown smtpd restriction: "permit_mynetwroks"',)
    text = shown(HostOutcome("mx1.example.org", "rolled-back", CHANGES, error, seconds=4.2, log=log))
    assert (
        text
        == """\
mx1.example.org   ✗ put back as it was                                     4.2 s
  Port 25 answered RCPT TO:<alice@example.org> with
    451 4.3.5 Server configuration error
  postfix/smtpd[812]: fatal: unknown smtpd restriction: "permit_mynetwroks"
  from   postfix_parameters.smtpd_relay_restrictions   inventory.yml:14
  try    permit_mynetworks"""
    )


def test_of_a_long_log_the_lines_that_say_why_are_shown() -> None:
    log = ("connect from us", "fatal: unknown restriction", *(f"reject: {n}" for n in range(20)))
    text = shown(HostOutcome("mx1", "rolled-back", error=PutBack("port 25 is silent"), log=log))
    assert "fatal: unknown restriction" in text and "reject" not in text
    mixed = ("warning: unknown restriction", "error: closing", "connect", "warning: unknown restriction")
    text = shown(HostOutcome("mx1", "rolled-back", error=PutBack("port 25 is silent"), log=mixed))
    assert text.count("warning: unknown restriction") == 1 and "connect" not in text
    rejects = shown(HostOutcome("mx1", "rolled-back", error=PutBack("port 25 is silent"), log=log[2:]))
    assert "reject: 19" in rejects and "reject: 14" not in rejects


def test_a_host_that_could_not_be_put_back_says_what_is_left_to_do() -> None:
    error = NotPutBack("the disk is full", hint="free some space, then apply again")
    text = shown(HostOutcome("mx1", "failed", error=error, left=("/etc/postfix/main.cf",)))
    assert "✗ failed, and could not be put back" in text
    assert "  left   /etc/postfix/main.cf" in text


def test_a_host_that_was_not_reached_says_so() -> None:
    error = AuthenticationError("refused every key", hint="add your key")
    text = shown(HostOutcome("mx1", "unreachable", error=error))
    assert text.startswith("mx1   ✗ not touched: refused every key")
    assert "  try    add your key" in text


def test_a_few_unchanged_hosts_are_listed_and_many_are_said_once() -> None:
    few = [HostOutcome(f"mx{n}", "unchanged") for n in range(3)]
    many = [HostOutcome(f"mx{n}", "unchanged", seconds=n / 100) for n in range(300)]
    assert shown(*few).count("✓ unchanged") == 3
    (line,) = shown(*many).splitlines()
    assert line.startswith("mx0, mx1, mx2 and 297 more   ✓ unchanged") and line.endswith("  3.0 s at most")


def test_many_hosts_that_changed_in_the_same_way_are_said_once() -> None:
    one = HostOutcome("odd", "changed", CHANGES[:1])
    many = [HostOutcome(f"mx{n}", "changed", CHANGES, seconds=2.0) for n in range(300)]
    text = shown(*many, one)
    assert text.startswith("mx0, mx1, mx2 and 297 more\n  ✓ 2 changes, 1 package installed, dovecot started")
    assert "odd     ✓ 1 package installed" in text
    assert len(text.splitlines()) == 4


def test_a_failure_among_many_unchanged_hosts_is_not_lost() -> None:
    many = [HostOutcome(f"mx{n}", "unchanged") for n in range(300)]
    failed = HostOutcome("bad", "rolled-back", error=PutBack("port 25 is silent"))
    assert "Port 25 is silent" in shown(*many, failed)


def test_many_hosts_that_were_not_begun_share_a_line_and_a_few_have_one_each() -> None:
    error = NotBegun("mx1 failed in an earlier batch")
    skipped = [HostOutcome(f"mx{number}", "skipped", error=error) for number in range(2, 30)]
    text = shown(HostOutcome("mx1", "rolled-back", error=PutBack("port 25 is silent")), *skipped)
    assert text.count("mx1 failed in an earlier batch") == 1 and "mx2, mx3, mx4 and 25 more" in text
    text = shown(*skipped[:3])
    assert text.count("✗ not touched: mx1 failed in an earlier batch") == 3
    assert "for the same reason" not in text


def test_hosts_that_failed_for_one_reason_are_each_named_and_the_reason_said_once() -> None:
    error = PutBack("port 25 is silent", where=Location("inventory.yml", 14), evidence=["pid 812"])
    again = PutBack("port 25 is silent", where=Location("inventory.yml", 14), evidence=["pid 977"])
    text = shown(
        HostOutcome("mx1", "rolled-back", error=error),
        HostOutcome("mx2", "rolled-back", error=again),
        HostOutcome("mx3", "rolled-back", error=PutBack("port 587 is silent")),
    )
    assert text.count("put back as it was") == 3
    assert text.count("Port 25 is silent") == 1
    assert "  for the same reason as mx1\n" in text
    assert "Port 587 is silent" in text


def test_the_totals_count_each_outcome() -> None:
    outcomes = [HostOutcome("a", "changed"), HostOutcome("b", "unchanged"), HostOutcome("c", "rolled-back")]
    assert totals(outcomes, 3.02).plain == "1 changed, 1 unchanged, 1 put back in 3.0 s."


def test_what_a_host_says_cannot_act_on_the_terminal() -> None:
    error = PutBack("port 25 said \x1b[2J", evidence=["\x1b]0;title\x07"])
    text = shown(HostOutcome("mx1", "rolled-back", error=error, log=("\x1b[31m",), left=("\x1b",)))
    assert "\x1b" not in text and "\x07" not in text
