"""Versions with known holes, releases past their end, and what was upgraded and still runs as before."""

from __future__ import annotations

import pytest

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.inside import restarts, updates
from tests.unit.inside_making import NOW, host, one

DAY = 86400
DEBIAN = (
    'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
)
POSTFIX = "postfix/oldstable-security 3.7.11-0+deb12u2 amd64 [upgradable from: 3.7.11-0+deb12u1]"
LIBRARY = "libxml2/oldstable,oldstable-security 2.9.14-1+deb12u3 amd64 [upgradable from: 2.9.14-1]"
POINT = "tzdata/oldstable 2026b all [upgradable from: 2026a]"
TEXTS = {
    "archives": "bookworm|Debian|http://deb.debian.org/debian\n"
    "bookworm-security|Debian-Security|http://security.debian.org/debian-security\n",
    "apt-times": f"{NOW - 3600} /var/lib/apt/lists/partial\n",
    "upgrades": "Listing...\n",
    "apt-settings": 'APT::Periodic "";\nAPT::Periodic::Update-Package-Lists "1";\n'
    'APT::Periodic::Unattended-Upgrade "1";\n',
    "packages-installed": "postfix 3.7.11 installed\nunattended-upgrades 2.9.1 installed\n",
    "units": "Id=apt-daily-upgrade.timer\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\n"
    "Result=success\nId=apt-daily-upgrade.service\nLoadState=loaded\n",
}


def judged(name: str, *, system: str = DEBIAN, at: int = NOW, **texts: str) -> Finding:
    changed = {key.replace("_", "-"): text for key, text in texts.items()}
    return one(updates.audit(host(TEXTS | changed, files={"/etc/os-release": system}, at=at), "mx"), name)


def test_a_host_that_is_up_to_date_passes_every_check() -> None:
    found = list(updates.audit(host(TEXTS, files={"/etc/os-release": DEBIAN}), "mx"))
    assert [finding.outcome for finding in found] == [Outcome.PASS] * len(updates.CHECKS)


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("7", Outcome.FAIL),
        ("11", Outcome.FAIL),
        ("12", Outcome.PASS),
        ("13", Outcome.PASS),
        ("14", Outcome.PASS),
    ],
)
def test_a_release_is_judged_by_the_end_of_its_updates(number: str, outcome: Outcome) -> None:
    system = f'ID=debian\nVERSION_ID="{number}"\nPRETTY_NAME="Debian GNU/Linux {number}"\n'
    assert judged("release", system=system).outcome is outcome


def test_a_release_that_ends_soon_is_said_in_time() -> None:
    found = judged("release", at=NOW + 500 * DAY)
    assert found.outcome is Outcome.WARN
    assert "82 more days, until 2028-06-30" in found.summary


@pytest.mark.parametrize("system", ['ID=ubuntu\nVERSION_ID="24.04"\n', "ID=debian\n"])
def test_a_system_whose_dates_are_not_known_is_not_judged(system: str) -> None:
    assert judged("release", system=system).outcome is Outcome.SKIPPED


def test_sources_without_the_security_archive_are_wrong_and_listed() -> None:
    found = judged("security-archive", archives="bookworm|Debian|http://deb.debian.org/debian\n")
    assert found.outcome is Outcome.FAIL
    assert found.evidence == ("bookworm at http://deb.debian.org/debian",)


@pytest.mark.parametrize(
    ("release", "outcome"),
    [
        ("bookworm-security", Outcome.PASS),
        ("stable-security", Outcome.PASS),
        ("bullseye-security", Outcome.FAIL),
        ("buster/updates", Outcome.FAIL),
        ("trixie-security", Outcome.FAIL),
    ],
)
def test_the_security_archive_of_another_release_mends_nothing_here(release: str, outcome: Outcome) -> None:
    site = "http://security.debian.org/debian-security"
    found = judged("security-archive", archives=f"{release}|Debian-Security|{site}\n")
    assert found.outcome is outcome
    assert outcome is Outcome.PASS or found.evidence == (f"{release} at {site}",)


@pytest.mark.parametrize(
    ("suite", "outcome"),
    [("bookworm-security", Outcome.PASS), ("buster/updates", Outcome.FAIL), ("bookworm", Outcome.FAIL)],
)
def test_an_archive_is_known_before_its_lists_are_fetched(suite: str, outcome: Outcome) -> None:
    host_name = "security" if suite != "bookworm" else "deb"
    uri = f"http://{host_name}.debian.org/debian/dists/{suite}"
    sources = f"'{uri}/InRelease' x_InRelease 0 \n'{uri}/main/binary-amd64/Packages.xz' x_Packages 0 \n"
    assert judged("security-archive", archives="", apt_sources=sources).outcome is outcome


@pytest.mark.parametrize(("days", "outcome"), [(1, Outcome.PASS), (5, Outcome.WARN), (30, Outcome.FAIL)])
def test_lists_grow_old(days: int, outcome: Outcome) -> None:
    assert judged("lists", apt_times=f"{NOW - days * DAY} /var/lib/apt/lists/partial\n").outcome is outcome


def test_lists_that_were_never_fetched_are_wrong() -> None:
    assert judged("lists", apt_times="").outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("name", "line", "severity"),
    [("mail-software", POSTFIX, Severity.HIGH), ("security", LIBRARY, Severity.MEDIUM)],
)
def test_a_pending_security_update_is_a_known_hole(name: str, line: str, severity: Severity) -> None:
    found = judged(name, upgrades=f"{line}\n")
    assert (found.outcome, found.weight) == (Outcome.FAIL, severity)
    package, before, after = line.split("/")[0], line.rstrip("]").split()[-1], line.split()[1]
    assert found.evidence == (f"{package} {before}, mended in {after}",)


def test_other_updates_are_told_and_cost_nothing() -> None:
    found = judged("other", upgrades=f"{POINT}\n")
    assert (found.outcome, found.weight) == (Outcome.WARN, Severity.INFO)
    assert found.summary == "1 update without weight for security is pending"


@pytest.mark.parametrize("times", ["", f"{NOW - 9 * DAY} /var/lib/apt/lists/partial\n"])
def test_old_lists_say_nothing_of_what_is_pending_but_what_they_show_counts(times: str) -> None:
    assert judged("mail-software", apt_times=times).outcome is Outcome.ERROR
    assert judged("mail-software", apt_times=times, upgrades=POSTFIX).outcome is Outcome.FAIL


def test_mail_software_that_no_archive_has_is_told() -> None:
    line = "postgrey/now 1.36-5.1 all [installed,local]"
    assert judged("orphans", upgrades=f"Listing...\n{line}\n").evidence == (line,)
    kernel = "linux-image-5.10.0-9-amd64/now 5.10.70-1 amd64 [installed,local]"
    assert judged("orphans", upgrades=f"Listing...\n{kernel}\n").outcome is Outcome.PASS


@pytest.mark.parametrize(
    "texts",
    [
        {"packages_installed": "postfix 3.7.11 installed\n"},
        {"apt_settings": TEXTS["apt-settings"].replace('Upgrade "1"', 'Upgrade "0"')},
        {"apt_settings": 'APT::Periodic::Unattended-Upgrade "1";\n'},
        {"units": "Id=apt-daily-upgrade.timer\nLoadState=masked\nActiveState=inactive\n"},
        {"units": "Id=apt-daily-upgrade.timer\nLoadState=loaded\nActiveState=inactive\n"},
        {"units": "Result=exit-code\nId=apt-daily-upgrade.service\nLoadState=loaded\nActiveState=failed\n"},
    ],
)
def test_automatic_updates_are_there_on_and_succeed(texts: dict[str, str]) -> None:
    assert judged("automatic", **texts).outcome is Outcome.FAIL


def test_a_host_without_apt_is_not_judged_by_it() -> None:
    found = list(updates.audit(host(absent=["archives"]), "mx"))
    assert {finding.outcome for finding in found} == {Outcome.SKIPPED}


@pytest.mark.parametrize(
    ("lines", "outcome"),
    [
        ("", Outcome.PASS),
        ("      3 master /usr/lib/x86_64-linux-gnu/libssl.so.3\n", Outcome.FAIL),
        ("      1 cron /usr/lib/x86_64-linux-gnu/libc.so.6\n", Outcome.WARN),
    ],
)
def test_services_run_the_libraries_that_are_installed(lines: str, outcome: Outcome) -> None:
    found = one(restarts.audit(host({"replaced-libraries": lines}), "mx"), "restarted")
    assert found.outcome is outcome


@pytest.mark.parametrize(
    ("kernel", "outcome"),
    [
        (
            "running 6.1.0-30-amd64\ninstalled vmlinuz-6.1.0-9-amd64\ninstalled vmlinuz-6.1.0-30-amd64\n",
            Outcome.PASS,
        ),
        (
            "running 6.1.0-9-amd64\ninstalled vmlinuz-6.1.0-9-amd64\ninstalled vmlinuz-6.1.0-30-amd64\n",
            Outcome.WARN,
        ),
        ("running 6.1.0-9-amd64\ninstalled vmlinuz-6.1.0-30-amd64\n", Outcome.WARN),
        ("required\nrunning 6.1.0-30-amd64\ninstalled vmlinuz-6.1.0-30-amd64\n", Outcome.WARN),
        ("running 5.15.1-linode8\n", Outcome.PASS),
    ],
)
def test_the_newest_kernel_runs(kernel: str, outcome: Outcome) -> None:
    found = one(restarts.audit(host({"virtualization": "none\n", "kernel": kernel}), "mx"), "rebooted")
    assert found.outcome is outcome


def test_a_container_has_no_kernel_of_its_own() -> None:
    inside = host({"virtualization": "lxc\n", "kernel": "running 6.1.0-9-amd64\n"})
    assert one(restarts.audit(inside, "mx"), "rebooted").outcome is Outcome.SKIPPED


def test_a_container_has_to_be_started_anew_where_an_update_asks_for_it() -> None:
    inside = host({"virtualization": "lxc\n", "kernel": "required\nrunning 6.1.0-9-amd64\n"})
    found = one(restarts.audit(inside, "mx"), "rebooted")
    assert (found.outcome, found.evidence) == (Outcome.WARN, ("/run/reboot-required",))


def test_an_apt_without_patterns_says_nothing() -> None:
    assert judged("orphans", packages_installed="apt 1.8.2.3 installed\n").outcome is Outcome.ERROR
