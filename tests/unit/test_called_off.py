"""What is said of a transaction that did not fail by itself: locked out, interrupted, taken back."""

from __future__ import annotations

import pytest

from provisioner.errors import Interrupted, Locked, NotBegun, ProvisionError, PutBack
from provisioner.hosts.together import Company, Stop, Together
from provisioner.hosts.transaction import Ended, Failure
from provisioner.outcome import called_off

OTHERS = frozenset({"mx1", "mx2"})


def company(failed: str | None = None, *, once: bool = False, twice: bool = False) -> Company:
    """A run in which `failed` (or, empty, a host that was not begun) failed; None: not all or none."""
    stop = Stop()
    if once or twice:
        stop.no_more.set()
    if twice:
        stop.undo.set()
    if failed is None:
        return Company(stop)
    together = Together(OTHERS)
    together.fail(failed)
    return Company(stop, together)


REFUSED = Failure("refused", ("others",))
INTERRUPTED = "interrupted before it was kept"
WITH_MX2 = "--atomic changes all hosts or none, and mx2 failed"


@pytest.mark.parametrize(
    ("outcome", "run", "kind", "message"),
    [
        ("undone", company("mx2"), PutBack, WITH_MX2),
        ("untouched", company("mx2"), NotBegun, WITH_MX2),
        ("undone", company("mx2", once=True), PutBack, WITH_MX2),
        ("undone", company("", once=True), PutBack, INTERRUPTED),
        ("undone", company("", twice=True), PutBack, INTERRUPTED),
        ("undone", company(twice=True), PutBack, INTERRUPTED),
        ("untouched", company(once=True), Interrupted, "interrupted while it waited for another transaction"),
    ],
)
def test_what_was_called_off_says_by_whom(
    outcome: str, run: Company, kind: type[ProvisionError], message: str
) -> None:
    error = called_off(Ended(outcome, REFUSED, called_off=True), run)
    assert (type(error), str(error)) == (kind, message)


@pytest.mark.parametrize("outcome", ["stuck", "unknown"])
def test_what_could_not_be_put_back_is_no_quiet_end(outcome: str) -> None:
    assert called_off(Ended(outcome, REFUSED, called_off=True), company("mx2")) is None


def test_what_failed_by_itself_is_left_to_its_own_words() -> None:
    assert called_off(Ended("undone", Failure("service", ("nginx.service", "stays"))), company("mx2")) is None


def test_a_lock_is_named_with_its_holder() -> None:
    error = called_off(Ended("untouched", Failure("locked", ("Anna since 22:10",))), Company())
    assert isinstance(error, Locked) and str(error) == "another transaction is at work: Anna since 22:10"
    assert "--lock-timeout" in error.hint


@pytest.mark.parametrize("until", ["1764000000", "x", "9" * 30, ""])
def test_a_persons_lock_is_named_whatever_the_host_says_of_it(until: str) -> None:
    failure = Failure("held", ("Anna <anna@example.org>", until, "moving disks"))
    error = called_off(Ended("untouched", failure), Company())
    assert isinstance(error, Locked)
    assert str(error).startswith("locked by Anna until ") and str(error).endswith(" UTC: moving disks")
