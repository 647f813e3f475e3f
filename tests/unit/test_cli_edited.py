"""Apply and somebody's edits: asked about, or the host is left out."""

from __future__ import annotations

from provisioner.apply import Planned
from provisioner.cli.edited import keep_what_can_be, leave_out_edited
from provisioner.errors import EditedOnHost
from provisioner.inventory.model import Host
from provisioner.plan import make_plan
from provisioner.resources import File
from provisioner.resources.observed import Edit, FileState, Observed, Written
from provisioner.roles.model import Desired

CONF = "/etc/x.conf"


def planned(name: str, there: bytes, wanted: bytes) -> Planned:
    """A host where `there` has taken the place of `a = 1`."""
    state = FileState("file", "root", "root", 0o644, 1, 1.0, File(CONF, there, "web").digest, content=there)
    seen = Observed(
        files={CONF: state},
        written=(Written("file", CONF, File(CONF, b"a = 1\n", "web").digest, "web"),),
        edits={CONF: Edit(b"a = 1\n", there)} if there != b"a = 1\n" else {},
    )
    host = Host(name, {}, {})
    return Planned(host, make_plan(Desired(host, "trixie", (File(CONF, wanted, "web"),)), seen))


def test_hosts_with_edits_are_left_out_unless_somebody_agrees_and_the_others_change() -> None:
    hosts = [planned("mx1", b"a = 2\n", b"a = 3\n"), planned("mx2", b"a = 1\n", b"a = 3\n")]
    leave_out_edited(hosts, lambda _question: False)
    assert isinstance(hosts[0].error, EditedOnHost) and CONF in hosts[0].error.message
    assert hosts[0].error.exit_code == 3
    assert hosts[1].error is None


def test_the_question_names_the_hosts_and_the_files_and_yes_overwrites() -> None:
    asked: list[str] = []

    def agree(question: str) -> bool:
        asked.append(question)
        return True

    hosts = [planned("mx1", b"a = 2\n", b"a = 3\n")]
    leave_out_edited(hosts, agree)
    assert hosts[0].error is None
    assert asked == [f"Overwrite what was edited on mx1: {CONF}?"]


def test_nobody_is_asked_where_nothing_would_be_lost() -> None:
    def refuse(question: str) -> bool:
        raise AssertionError(question)

    kept = planned("mx1", b"a = 1\nb = 2\n", b"a = 3\n")
    keep_what_can_be([kept])
    leave_out_edited([kept, planned("mx2", b"a = 1\n", b"a = 3\n")], refuse)
    assert kept.plan is not None
    (change,) = kept.plan.changes
    assert "+a = 3" in change.diff and "-b = 2" not in change.diff
