"""Whether certificates will be renewed in time, and whether the services show what is on disk."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.inside import renewal
from tests.unit.certificate_making import NOW, Made, make
from tests.unit.inside_making import host, one

PATH = "/etc/letsencrypt/live/mx/fullchain.pem"
AUTHORITY = make("An Authority", key="ca", days=3650, authority=True)
SHORT = make("mx1.example.test", AUTHORITY, begins=-10, days=90)
TIMER = "LastTriggerUSec=\nResult=success\nId=certbot.timer\nLoadState=loaded\nActiveState=%s\n"
SERVICE = "Result=%s\nId=certbot.service\nLoadState=loaded\nActiveState=inactive\nUnitFileState=static\n"


def judged(
    name: str, made: Made = SHORT, *, served: Made | None = None, days: float = 0, **texts: str
) -> Finding:
    """`days` after now."""
    given = {"certificates": f"file {PATH}\n{made.pem}{AUTHORITY.pem}", "time": "NTP=yes\n"}
    if served:
        given["served-certificates"] = f"port 25\n{made.pem}port 993\n{served.pem}"
    at = int((NOW + timedelta(days=days)).timestamp())
    return one(renewal.audit(host(given | texts, at=at), "mx"), name)


@pytest.mark.parametrize(
    ("days", "outcome", "weight"),
    [
        (0, Outcome.PASS, Severity.HIGH),
        (60, Outcome.PASS, Severity.HIGH),
        (70, Outcome.FAIL, Severity.HIGH),
        (81, Outcome.FAIL, Severity.CRITICAL),
    ],
)
def test_a_certificate_holds_for_weeks(days: int, outcome: Outcome, weight: Severity) -> None:
    found = judged("in-time", days=days)
    assert (found.outcome, found.weight) == (outcome, weight)


def test_a_certificate_for_six_days_is_not_late_on_its_second() -> None:
    assert judged("in-time", make("mx", AUTHORITY, begins=-1, days=5)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        ({"units": TIMER % "active"}, Outcome.PASS),
        ({"units": TIMER % "inactive"}, Outcome.FAIL),
        ({}, Outcome.FAIL),
        ({"renewal": "/var/spool/cron/crontabs/root\n"}, Outcome.PASS),
        ({"renewal": "/etc/cron.d/certbot\n"}, Outcome.FAIL),
    ],
)
def test_a_certificate_for_90_days_has_a_timer(texts: dict[str, str], outcome: Outcome) -> None:
    assert judged("automatic", **texts).outcome is outcome


@pytest.mark.parametrize("made", [make("mx", AUTHORITY, days=365), make("self-signed", days=80)])
def test_a_certificate_for_a_year_or_ones_own_needs_no_timer(made: Made) -> None:
    assert judged("automatic", made).outcome is Outcome.SKIPPED


@pytest.mark.parametrize(("result", "outcome"), [("success", Outcome.PASS), ("exit-code", Outcome.FAIL)])
def test_the_last_renewal_succeeded(result: str, outcome: Outcome) -> None:
    assert judged("succeeded", units=SERVICE % result).outcome is outcome


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        ({"renewal": "/etc/letsencrypt/renewal-hooks/deploy/mail\n"}, Outcome.PASS),
        (
            {"renewal": "/etc/letsencrypt/renewal/mx.conf:renew_hook = systemctl reload dovecot\n"},
            Outcome.PASS,
        ),
        ({"renewal": "/root/.acme.sh/mx/mx.conf:Le_ReloadCmd='systemctl reload postfix'\n"}, Outcome.PASS),
        ({"renewal": "/etc/letsencrypt/renewal/mx.conf:installer = None\n"}, Outcome.WARN),
        ({"units": TIMER.replace("certbot", "provision-acme") % "active"}, Outcome.PASS),
    ],
)
def test_a_renewed_certificate_reaches_the_services(texts: dict[str, str], outcome: Outcome) -> None:
    assert judged("reloads", **texts).outcome is outcome


@pytest.mark.parametrize(
    ("packages", "outcome", "words"),
    [
        (("postfix", "dovecot-core"), Outcome.WARN, "reloads Postfix and Dovecot after"),
        (("exim4-daemon-light",), Outcome.PASS, "Exim sees a new certificate by itself"),
        (("dovecot-core", "exim4-daemon-light"), Outcome.WARN, "reloads Dovecot after"),
        (("opensmtpd",), Outcome.WARN, "reloads OpenSMTPD after"),
        (("dovecot-core", "msmtp-mta"), Outcome.WARN, "reloads Dovecot after"),
        ((), Outcome.WARN, "reloads the mail servers after"),
    ],
)
def test_who_would_keep_the_old_certificate_is_named(
    packages: tuple[str, ...], outcome: Outcome, words: str
) -> None:
    found = judged(
        "reloads", **{"packages-installed": "".join(f"{name} 1:4.5-6 installed\n" for name in packages)}
    )
    assert found.outcome is outcome
    assert words in found.summary


def test_a_service_that_shows_the_old_certificate_is_found() -> None:
    old = make("mx1.example.test", AUTHORITY, begins=-80, days=10)
    found = judged("served", served=old)
    assert (found.outcome, found.summary) == (
        Outcome.FAIL,
        "port 993 shows a certificate that is not on disk",
    )
    assert judged("served", served=SHORT).outcome is Outcome.PASS


BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.mark.parametrize("text", ["", f"file {PATH}\n", f"file {PATH}\n{BROKEN}"])
def test_what_is_no_certificate_is_not_judged(text: str) -> None:
    found = one(renewal.audit(host({"certificates": text}), "mx"), "in-time")
    assert found.outcome is Outcome.SKIPPED
