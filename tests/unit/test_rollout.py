"""The order in which hosts are begun, and when no further one is: batches, thresholds, agreement."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event, Lock

import pytest

from provisioner.errors import InputError, ProvisionError
from provisioner.hosts.together import Company, Stop, Together
from provisioner.rollout import Rollout, Rules, Share, batches, shares

HOSTS = [f"mx{number}" for number in range(1, 7)]


class Fleet:
    """Hosts that are changed by noting it; those in `broken` fail."""

    def __init__(self, *broken: str) -> None:
        self.broken = broken
        self.begun: list[str] = []
        self.most = self.working = 0
        self.stop = Stop()
        self.lock = Lock()

    def change(self, host: str, _settled: Callable[[], None]) -> str:
        with self.lock:
            self.begun.append(host)
            self.working += 1
            self.most = max(self.most, self.working)
        time.sleep(0.02)
        with self.lock:
            self.working -= 1
        return f"{host} {'failed' if host in self.broken else 'changed'}"

    def run(self, rules: Rules, hosts: list[str] = HOSTS) -> list[str]:
        rollout = Rollout(
            rules,
            self.stop,
            change=self.change,
            skip=lambda host, why: f"{host} skipped: {why}",
            failed=lambda said: said.split()[0] if said.endswith("failed") else "",
        )
        return rollout.run(hosts)


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("2", [2, 2, 2]), ("4", [4, 2]), ("50%", [3, 3]), ("1%", [1] * 6), ("1,50%", [1, 3, 2]), ("9", [6])],
)
def test_hosts_are_cut_into_batches_in_their_order(text: str, sizes: list[int]) -> None:
    cut = batches(HOSTS, shares(text, "--serial", least=1))
    assert [len(batch) for batch in cut] == sizes
    assert [host for batch in cut for host in batch] == HOSTS


@pytest.mark.parametrize("text", ["0", "-1", "x", "", "101%", "0%", "1,", "2.5", "٣"])
def test_what_is_no_number_of_hosts_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--serial"):
        shares(text, "--serial", least=1)


@pytest.mark.parametrize(
    ("share", "failed", "exceeded"),
    [
        (Share(0), 0, False),
        (Share(0), 1, True),
        (Share(2), 2, False),
        (Share(2), 3, True),
        (Share(33, True), 2, True),
        (Share(34, True), 2, False),
    ],
)
def test_more_than_the_limit_is_more_not_as_many(share: Share, failed: int, exceeded: bool) -> None:
    assert share.exceeded(failed, 6) == exceeded


def test_without_rules_a_failure_stops_nobody() -> None:
    fleet = Fleet("mx1", "mx2")
    assert fleet.run(Rules()) == ["mx1 failed", "mx2 failed", *(f"mx{n} changed" for n in (3, 4, 5, 6))]


def test_no_more_than_forks_are_at_work_at_a_time() -> None:
    fleet = Fleet()
    fleet.run(Rules(forks=2))
    assert fleet.most == 2


def test_after_a_batch_with_a_failure_no_other_is_begun_and_each_host_is_told_why() -> None:
    fleet = Fleet("mx2")
    outcomes = fleet.run(Rules(serial=(Share(1), Share(2))))
    assert fleet.begun[0] == "mx1" and set(fleet.begun) == {"mx1", "mx2", "mx3"}
    assert outcomes[3:] == [f"mx{n} skipped: mx2 failed in an earlier batch" for n in (4, 5, 6)]


def test_batches_go_on_while_no_more_failed_than_allowed() -> None:
    fleet = Fleet("mx1", "mx3", "mx4")
    outcomes = fleet.run(Rules(serial=(Share(1),), max_fail=Share(1)))
    assert fleet.begun == ["mx1", "mx2", "mx3"]
    assert outcomes[3] == "mx4 skipped: mx1, mx3 failed, and --max-fail is 1"


def test_the_limit_holds_within_a_batch_too() -> None:
    fleet = Fleet(*HOSTS)
    fleet.run(Rules(forks=1, max_fail=Share(1)))
    assert fleet.begun == ["mx1", "mx2"]


def test_once_interrupted_no_further_host_is_begun() -> None:
    fleet = Fleet()
    fleet.stop.no_more.set()
    assert fleet.run(Rules()) == [f"{host} skipped: interrupted before it was begun" for host in HOSTS]


def test_a_slow_host_holds_up_no_other() -> None:
    others = Event()
    ended: list[str] = []

    def change(host: str, _settled: Callable[[], None]) -> str:
        if host == "mx1":
            assert others.wait(10)
        ended.append(host)
        if len(ended) == len(HOSTS) - 1:
            others.set()
        return host

    rollout = Rollout[str, str](Rules(forks=2), Stop(), change, lambda host, _: host, lambda _: "")
    rollout.run(HOSTS)
    assert ended[-1] == "mx1"


def agreed(broken: tuple[str, ...], rules: Rules) -> dict[str, str]:
    """All hosts together: what each ended as."""
    together = Together(frozenset(HOSTS))

    def change(host: str, settled: Callable[[], None]) -> tuple[str, str]:
        if host in broken:
            together.fail(host)
            return host, "failed"
        together.ready(host)
        settled()
        ends = time.monotonic() + 10
        while together.verdict() is None:
            assert time.monotonic() < ends
            time.sleep(0.01)
        return host, "kept" if together.verdict() else "back"

    def skip(host: str, why: ProvisionError) -> tuple[str, str]:
        return host, why.message

    rollout = Rollout(rules, Stop(), change, skip, lambda _: "", together)
    return dict(rollout.run(HOSTS))


@pytest.mark.parametrize("rules", [Rules(), Rules(forks=2), Rules(serial=(Share(2),))])
def test_together_all_keep_their_change_when_all_have_proven(rules: Rules) -> None:
    assert set(agreed((), rules).values()) == {"kept"}


def test_together_one_failure_takes_all_back_and_begins_no_other() -> None:
    ended = agreed(("mx3",), Rules(serial=(Share(2),)))
    assert [ended[host] for host in HOSTS[:3]] == ["back", "back", "failed"]
    assert ended["mx5"] == ended["mx6"] == "--atomic changes all hosts or none, and mx3 failed"


def test_an_agreement_once_reached_stays_whatever_comes_after() -> None:
    together = Together(frozenset({"a", "b"}))
    together.ready("a")
    assert together.verdict() is None
    together.ready("b")
    together.fail("a")
    assert (together.verdict(), together.who) == (True, "")


def test_an_agreement_that_is_not_reached_in_time_fails_and_stays_so() -> None:
    together = Together(frozenset({"a", "b"}), patience=0.0)
    assert together.verdict() is None
    together.ready("a")
    assert together.verdict() is False
    together.ready("b")
    assert together.verdict() is False


def test_what_waits_for_a_lock_is_called_off_by_the_first_interruption_what_is_at_work_by_the_second() -> (
    None
):
    company = Company()
    company.stop.no_more.set()
    assert (company.called_off(waiting=True), company.called_off(waiting=False)) == (True, False)
    company.stop.undo.set()
    assert company.called_off(waiting=False)
