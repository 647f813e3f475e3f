"""The clock, the disks and the queue."""

from __future__ import annotations

import pytest

from provisioner.audit.finding import Finding, Outcome, Severity
from provisioner.audit.inside import clock, disk, queue
from tests.unit.inside_making import NOW, host, one


@pytest.mark.parametrize(
    ("at", "off"),
    [(1000, 0.0), (999, 0.0), (1002, 0.0), (1003, 0.5), (990, -9.0), (5000, 3997.5)],
)
def test_a_clock_is_off_by_what_the_exchange_cannot_explain(at: int, off: float) -> None:
    assert clock.difference(at, clock.Exchange(1000.0, 1002.5)) == off


@pytest.mark.parametrize(
    ("ahead", "outcome", "weight"),
    [
        (0, Outcome.PASS, Severity.HIGH),
        (10, Outcome.WARN, Severity.MEDIUM),
        (7200, Outcome.FAIL, Severity.HIGH),
    ],
)
def test_a_clock_is_right_within_seconds(ahead: int, outcome: Outcome, weight: Severity) -> None:
    found = one(clock.audit(host(at=NOW + ahead), "mx", clock.Exchange(NOW, NOW + 1)), "right")
    assert (found.outcome, found.weight) == (outcome, weight)


def test_how_far_the_clock_is_off_is_said_in_the_unit_that_fits() -> None:
    found = one(clock.audit(host(at=NOW - 7201), "mx", clock.Exchange(NOW, NOW + 1)), "right")
    assert found.summary == "the clock is 2 hours behind ours"


@pytest.mark.parametrize(
    ("texts", "outcome"),
    [
        ({"time": "NTP=yes\nNTPSynchronized=yes\n"}, Outcome.PASS),
        ({"time": "NTP=yes\nNTPSynchronized=no\n"}, Outcome.FAIL),
        ({"time": "NTP=no\nNTPSynchronized=no\n"}, Outcome.FAIL),
        ({"time": "Failed to connect to bus\n"}, Outcome.ERROR),
        ({"time": "NTP=no\nNTPSynchronized=no\n", "virtualization": "lxc\n"}, Outcome.SKIPPED),
    ],
)
def test_something_keeps_the_clock(texts: dict[str, str], outcome: Outcome) -> None:
    assert one(clock.audit(host(texts), "mx"), "kept").outcome is outcome


HEAD = "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
MOUNTS = "/dev/vda1 / ext4 rw,relatime 0 0\n/dev/vdb1 /var ext4 %s,relatime 0 0\n"
PLACES = "/|/\n/var|/var\n/var|/var/log\n/var|/var/spool/postfix\n"
LIMITS = "queue_directory = /var/spool/postfix\nqueue_minfree = 0\nmessage_size_limit = 52428800\n"


def disks(name: str, *, free: int = 50_000_000, inodes: int = 900_000, option: str = "rw") -> Finding:
    texts = {
        "space": f"{HEAD}/dev/vda1 20000000 1 15000000 25% /\n/dev/vdb1 100000000 1 {free} 50% /var\n" * 2,
        "inodes": f"{HEAD}/dev/vda1 1000000 1 990000 1% /\n/dev/vdb1 1000000 1 {inodes} 10% /var\n"
        "none 0 0 0 - /x\n",
        "mount-points": PLACES, "mounts": MOUNTS % option, "queue-limits": LIMITS,
    }  # fmt: skip
    return one(disk.audit(host(texts), "mx"), name)


@pytest.mark.parametrize(
    ("free", "outcome", "weight"),
    [
        (50_000_000, Outcome.PASS, Severity.HIGH),
        (11_000_000, Outcome.PASS, Severity.HIGH),
        (5_000_000, Outcome.WARN, Severity.MEDIUM),
        (1_000_000, Outcome.FAIL, Severity.HIGH),
    ],
)
def test_a_disk_is_full_by_its_share_and_by_what_is_left(
    free: int, outcome: Outcome, weight: Severity
) -> None:
    found = disks("space", free=free)
    assert (found.outcome, found.weight) == (outcome, weight)


def test_postfix_refuses_mail_where_less_than_one_and_a_half_of_the_largest_message_fits() -> None:
    assert disks("queue-accepts", free=76_000).outcome is Outcome.FAIL
    assert disks("queue-accepts", free=77_000).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("inodes", "outcome"), [(900_000, Outcome.PASS), (50_000, Outcome.WARN), (9_000, Outcome.FAIL)]
)
def test_a_disk_without_inodes_holds_no_more_files(inodes: int, outcome: Outcome) -> None:
    assert disks("inodes", inodes=inodes).outcome is outcome


def test_a_file_system_of_mail_that_cannot_be_written_is_found() -> None:
    found = disks("writable", option="ro")
    assert found.outcome is Outcome.FAIL
    assert found.evidence == ("/var is mounted read-only; it holds /var, /var/log, /var/spool/postfix",)
    assert disks("writable").outcome is Outcome.PASS


def test_disks_that_could_not_be_read_are_not_judged() -> None:
    outcomes = [finding.outcome for finding in disk.audit(host(), "mx")]
    assert outcomes == [Outcome.ERROR, Outcome.SKIPPED, Outcome.ERROR, Outcome.ERROR]


REASON = "reason\t180\tconnect to mx.example.net[192.0.2.7]:25: Connection timed out\n"


def queued(name: str, text: str, files: str = "corrupt 0\n") -> Finding:
    return one(queue.audit(host({"queue": text, "queue-files": files}), "mx"), name)


def test_an_empty_queue_passes_every_check() -> None:
    found = list(queue.audit(host({"queue": "", "queue-files": "corrupt 0\n"}), "mx"))
    assert [finding.outcome for finding in found] == [Outcome.PASS] * len(queue.CHECKS)


@pytest.mark.parametrize(
    ("count", "outcome"), [(10, Outcome.PASS), (250, Outcome.WARN), (3000, Outcome.FAIL)]
)
def test_a_long_queue_is_told_with_its_reasons(count: int, outcome: Outcome) -> None:
    found = queued("size", f"count\t{count}\tdeferred\t{NOW - 600}\n{REASON}")
    assert found.outcome is outcome
    if outcome is not Outcome.PASS:
        assert found.evidence == ("180 times: connect to mx.example.net[192.0.2.7]:25: Connection timed out",)


@pytest.mark.parametrize(("name", "age", "outcome"), [
    ("active", 600, Outcome.PASS), ("active", 9000, Outcome.FAIL), ("maildrop", 9000, Outcome.FAIL),
    ("deferred", 9000, Outcome.PASS),
])  # fmt: skip
def test_mail_on_its_way_moves(name: str, age: int, outcome: Outcome) -> None:
    assert queued("moving", f"count\t3\t{name}\t{NOW - age}\n").outcome is outcome


@pytest.mark.parametrize(("days", "outcome"), [(1, Outcome.PASS), (3, Outcome.WARN)])
def test_mail_that_waits_for_days_is_told(days: int, outcome: Outcome) -> None:
    assert queued("old", f"count\t3\tdeferred\t{NOW - days * 86400}\n").outcome is outcome


def test_mail_on_hold_and_corrupt_mail_are_told() -> None:
    found = queued("held", f"count\t3\thold\t{NOW}\n", "corrupt 2\nmaildrop 0\n")
    assert (found.outcome, found.summary) == (Outcome.WARN, "messages are kept back: 3 on hold, 2 corrupt")


@pytest.mark.parametrize(("bounces", "outcome"), [(5, Outcome.PASS), (80, Outcome.FAIL)])
def test_bounces_that_nobody_takes_are_backscatter(bounces: int, outcome: Outcome) -> None:
    text = f"count\t100\tdeferred\t{NOW}\nsender\t{bounces}\tMAILER-DAEMON\n"
    assert queued("backscatter", text).outcome is outcome


def test_a_sender_whose_mail_fills_the_queue_is_named() -> None:
    text = f"count\t500\tdeferred\t{NOW}\nsender\t400\talice@example.org\nsender\t20\tbob@example.org\n"
    found = queued("one-sender", text)
    assert found.outcome is Outcome.FAIL
    assert found.evidence == ("alice@example.org: 400 messages",)
    assert queued("one-sender", "sender\t400\tMAILER-DAEMON\n").outcome is Outcome.PASS


def test_without_postfix_there_is_no_queue() -> None:
    assert {finding.outcome for finding in queue.audit(host(), "mx")} == {Outcome.SKIPPED}
