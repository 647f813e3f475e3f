"""Signs of abuse and of trouble, in what the host counted in its mail log."""

from __future__ import annotations

import pytest

from provisioner.audit.finding import Finding, Outcome
from provisioner.audit.inside import logs
from tests.unit.inside_making import host, one, outcomes

LINES = "lines\t4000\t2026-11-20T03\t2026-11-25T23\n"
PLACES = "1795649646 4096 /var/log/journal\n"


def judged(name: str, *rows: str, places: str = PLACES) -> Finding:
    return one(logs.audit(host({"mail-log": LINES + "\n".join(rows), "log-places": places}), "mx"), name)


def test_a_quiet_log_has_nothing_wrong() -> None:
    quiet = host({"mail-log": f"{LINES}delivery\t90\tsent\n", "log-places": PLACES})
    assert set(outcomes(logs.audit(quiet, "mx")).values()) == {"pass"}


@pytest.mark.parametrize(
    ("rows", "places", "outcome"),
    [
        (LINES, PLACES, Outcome.PASS),
        (LINES, "1 40 /run/log/journal\n", Outcome.WARN),
        ("lines\t0\t\t\n", PLACES, Outcome.WARN),
        ("lines\t0\t\t\n", "", Outcome.FAIL),
    ],
)
def test_the_log_is_there_and_kept(rows: str, places: str, outcome: Outcome) -> None:
    found = list(logs.audit(host({"mail-log": rows, "log-places": places}), "mx"))
    assert one(found, "kept").outcome is outcome
    assert len(found) == len(logs.CHECKS)


@pytest.mark.parametrize(("package", "outcome"), [("exim4-base", Outcome.SKIPPED), ("postfix", Outcome.WARN)])
def test_a_host_whose_mail_server_logs_elsewhere_is_not_blamed(package: str, outcome: Outcome) -> None:
    said = {"mail-log": "lines\t0\t\t\n", "log-places": PLACES}
    packages = {"packages-installed": f"{package} 4.96-15 installed\n"}

    assert one(logs.audit(host(said | packages), "mx"), "kept").outcome is outcome


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("address\t60\t192.0.2.66\t20\t2\t alice@example.org", Outcome.FAIL),
        ("address\t60\t192.0.2.66\t20\t0\t", Outcome.PASS),
        ("address\t60\t192.0.2.66\t1\t2\t alice@example.org", Outcome.PASS),
        ("address\t60\t192.0.2.66\t20\t400\t alice bob carol", Outcome.PASS),
        ("address\t60\t127.0.0.1\t20\t2\t alice@example.org", Outcome.PASS),
    ],
)
def test_who_tries_many_accounts_and_then_comes_in_has_a_password(row: str, outcome: Outcome) -> None:
    found = judged("guessed", row)
    assert found.outcome is outcome
    if outcome is Outcome.FAIL:
        assert found.evidence == ("192.0.2.66: 60 failures for 20 accounts, then in as alice@example.org",)


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("address\t900\t192.0.2.66\t20\t0\t", Outcome.WARN),
        ("address\t20\t192.0.2.66\t20\t0\t", Outcome.PASS),
        ("account\t400\talice@example.org\t380", Outcome.WARN),
    ],
)
def test_somebody_who_is_not_stopped_is_named(row: str, outcome: Outcome) -> None:
    assert judged("failed-logins", row).outcome is outcome


@pytest.mark.parametrize(("networks", "outcome"), [(3, Outcome.PASS), (40, Outcome.WARN)])
def test_an_account_used_from_everywhere_is_doubtful(networks: int, outcome: Outcome) -> None:
    assert judged("many-networks", f"login\t{networks}\talice@example.org\t90").outcome is outcome


@pytest.mark.parametrize(
    ("row", "outcome"),
    [
        ("sent\t900\talice@example.org\t950\t12\t2026-11-25T03", Outcome.WARN),
        ("sent\t900\tshop@example.org\t9000\t10\t2026-11-25T03", Outcome.PASS),
        ("sent\t40\tbob@example.org\t950\t90\t2026-11-25T03", Outcome.PASS),
    ],
)
def test_an_account_that_sends_to_hundreds_at_once_is_told_unless_it_always_does(
    row: str, outcome: Outcome
) -> None:
    assert judged("sending", row).outcome is outcome


def test_a_receiver_that_names_a_block_list_is_quoted() -> None:
    line = "status=bounced (host mx.example.net said: 550 5.7.1 blocked using zen.spamhaus.org)"
    found = judged("listed", f"listed\t3\tmx.example.net\t{line}")
    assert (found.outcome, found.evidence) == (Outcome.FAIL, (line,))


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        (["delivery\t90\tsent", "delivery\t5\tbounced"], Outcome.PASS),
        (["delivery\t60\tsent", "delivery\t40\tbounced"], Outcome.WARN),
        (["delivery\t40\tsent", "delivery\t60\tdeferred"], Outcome.WARN),
        (["delivery\t4\tbounced"], Outcome.SKIPPED),
    ],
)
def test_most_mail_is_taken(rows: list[str], outcome: Outcome) -> None:
    assert judged("delivered", *rows).outcome is outcome


@pytest.mark.parametrize(
    ("kind", "check"),
    [
        ("crash", "crashes"), ("fatal", "crashes"), ("limits", "limits"), ("space", "space"),
        ("milter", "parts"), ("tables", "parts"), ("login", "parts"),
    ],
)  # fmt: skip
def test_trouble_in_the_log_is_quoted_once_with_its_count(kind: str, check: str) -> None:
    found = judged(check, f"trouble\t7\t{kind}\tpostfix/smtpd[1]: fatal: something")
    assert found.outcome is Outcome.FAIL
    assert found.evidence == ("7 times: postfix/smtpd[1]: fatal: something",)
