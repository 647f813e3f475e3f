"""History, rollback and drift on real hosts: who changed what, the way back, and edits that are not ours.

The resources are those of a small web server, as in the tests of the transaction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from provisioner.apply import HostOutcome, Planned, apply_hosts, close
from provisioner.cli.app import run
from provisioner.history.histories import HostHistory, read_histories, touched
from provisioner.history.restore import plan_rollbacks
from provisioner.plan import keep_edits
from provisioner.resources import Directory, File, Link, Resource, Service
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, layer_of, succeed
from tests.hosts.test_transaction import CONF, PICTURE, Place, site, web

SECRET = "correct-horse-canary"
PICTURE_OF_SRV = (
    "find /srv -printf '%p %y %m %u %g %l\\n' | sort; cat /srv/*/* 2>/dev/null; "
    "systemctl is-active extra; true"
)


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def web_host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A host with the web server, `web("one")` applied."""

    def install(host: SandboxHost) -> None:
        succeed(host, "apt-get update -q && apt-get install -y -q --no-install-recommends nginx-light 2>&1")

    with booted(request.param, layer_of(request.param, "nginx-light", install)) as host:
        place = Place(host, tmp_path_factory.mktemp("inventory"))
        assert place.apply(*web()).error is None
        yield place


@pytest.fixture
def place(web_host: Place) -> Iterator[Place]:
    """The same, as `web("one")` again after the test."""
    yield web_host
    outcome = web_host.apply(*web())
    assert outcome.status in ("changed", "unchanged"), outcome.error


def history(place: Place) -> HostHistory:
    (found,) = read_histories([place.host], place.run.folder, place.run.options)
    assert found.error is None, found.error
    return found


def way_back(place: Place, to: str = "") -> Planned:
    (planned,) = plan_rollbacks([place.host], place.run, to)
    return planned


def roll_back(place: Place, to: str = "") -> HostOutcome:
    (outcome,) = apply_hosts([way_back(place, to)], place.run)
    return outcome


def picture(place: Place) -> str:
    return place.sh(f"{PICTURE}; {PICTURE_OF_SRV}")


UNIT = b"[Service]\nExecStart=/bin/sleep 1d\n[Install]\nWantedBy=multi-user.target\n"
EXTRA: tuple[Resource, ...] = (
    Directory("/srv/new/deep", "web", "www-data", "www-data", 0o750),
    File("/srv/new/deep/it's ü", SECRET.encode(), "web", "www-data", "www-data", 0o600, sensitive=True),
    Link("/srv/new/link", "deep", "web"),
    File("/etc/systemd/system/extra.service", UNIT, "web"),
    Service("extra", "extra.service", "web", can_reload=False),
)


def test_history_tells_what_was_applied_by_whom_from_where_and_what_became_of_it(place: Place) -> None:
    assert place.apply(*web("two")).status == "changed"
    assert (
        place.apply(*web("three", File("/etc/nginx/conf.d/b.conf", b"no\n", "web"))).status == "rolled-back"
    )
    undone, kept, *_ = history(place).transactions
    assert (kept.outcome, kept.who, kept.commit) == ("kept", "Anna <anna@example.org>", "3f2c1ab")
    assert (undone.outcome, undone.failure) == ("undone", "validate nginx")
    assert list(touched(kept)) == [(f"file:{CONF}", "write"), ("service:nginx.service", "reload")]


def test_a_rollback_brings_back_files_modes_owners_links_and_services(place: Place) -> None:
    before = picture(place)
    assert place.apply(*web("two", *EXTRA)).status == "changed"
    after = picture(place)
    planned = way_back(place)
    assert planned.plan is not None, planned.error
    close([planned])
    assert SECRET not in "".join(change.diff for change in planned.plan.changes)
    assert picture(place) == after
    outcome = roll_back(place)
    assert outcome.status == "changed", (outcome.error, outcome.log)
    assert picture(place) == before
    assert f"update file:{CONF}" in place.changes(*web("two", *EXTRA))
    assert place.changes(*web()) == []
    assert roll_back(place).status == "changed"
    assert picture(place) == after
    assert place.changes(*web("two", *EXTRA)) == []


def test_a_rollback_goes_behind_several_transactions_and_by_time(place: Place) -> None:
    before = picture(place)
    start = history(place).transactions[0].id
    place.sh("sleep 1")  # a time names the last transaction of its second
    for text in ("two", "three"):
        assert place.apply(*web(text, *EXTRA)).status == "changed"
    assert roll_back(place, start).status == "changed"
    assert picture(place) == before
    assert history(place).transactions[0].back_to == start
    again = way_back(place, start[:15])
    close([again])
    assert again.plan is not None and again.plan.changes == ()


def test_a_rollback_that_does_not_work_is_undone(place: Place) -> None:
    assert place.apply(*web("two")).status == "changed"
    last = history(place).transactions[0].id
    place.sh(f"echo nonsense > /var/lib/provision/history/{last}/saved/1")
    before = picture(place)
    outcome = roll_back(place)
    assert outcome.status == "rolled-back" and "checker" in str(outcome.error)
    assert picture(place) == before


def test_an_id_that_no_host_knows_is_an_error_and_nothing_changes(place: Place) -> None:
    planned = way_back(place, "20000101T000000-000000f")
    close([planned])
    assert planned.plan is None and "there is no kept transaction" in str(planned.error)


def test_mail_that_came_meanwhile_is_not_taken_away_by_a_rollback(place: Place) -> None:
    assert place.apply(*web("one", Directory("/srv/mail", "web"))).status == "changed"
    place.sh("echo precious > /srv/mail/letter")
    assert roll_back(place).status == "changed"
    assert place.sh("cat /srv/mail/letter; rm -r /srv/mail") == "precious\n"


def test_old_transactions_go_when_they_take_too_much_room_and_the_newest_stays(place: Place) -> None:
    *_, oldest = history(place).transactions
    place.sh(f"fallocate -l 300M /var/lib/provision/history/{oldest.id}/big")
    assert place.apply(*web("two")).status == "changed"
    ids = [one.id for one in history(place).transactions]
    assert oldest.id not in ids and len(ids) >= 1
    assert roll_back(place).status == "changed"


def listing(*lines: str) -> File:
    return replace(site(""), content="".join(f"# {line}\n" for line in lines).encode())


def test_an_edit_is_told_from_ours_can_be_kept_and_shows_until_somebody_decides(place: Place) -> None:
    others = web()[:1] + web()[2:]
    assert place.apply(*others, listing("a", "b", "c")).status == "changed"
    place.sh(f"sed -i 's/# b/# theirs/' {CONF}")
    planned = place.plan(*others, listing("a", "b", "ours"))
    assert planned.plan is not None
    (change, *_) = planned.plan.changes
    assert change.edited is not None and change.edited.mergeable
    assert "-# b\n+# theirs" in change.edited.theirs
    planned.plan = keep_edits(planned.plan)
    (outcome,) = apply_hosts([planned], place.run)
    assert outcome.status == "changed", outcome.error
    assert place.sh(f"cat {CONF}") == "# a\n# theirs\n# ours\n"
    later = place.plan(*others, listing("a", "b", "ours"))
    close([later])
    assert later.plan is not None and later.plan.changes[0].edited is not None
    assert keep_edits(later.plan).changes == ()
    assert place.apply(*others, listing("a", "b", "ours")).status == "changed"
    last = history(place).transactions[0].id
    assert "# theirs" in place.sh(f"cat /var/lib/provision/history/{last}/saved/*")


def test_nothing_of_an_edited_secret_file_is_shown(place: Place) -> None:
    secret = File("/etc/secret", f"{SECRET}\n".encode(), "web", mode=0o600, sensitive=True)
    assert place.apply(*web("one", secret)).status == "changed"
    place.sh("echo more >> /etc/secret")
    planned = place.plan(*web("one", secret))
    close([planned])
    assert planned.plan is not None
    assert planned.plan.changes[0].edited is not None
    assert SECRET not in repr(planned.plan.changes)
    assert SECRET not in repr(history(place))
    # A saved copy has the mode of what it is a copy of; the folders around it are root's alone.
    loose = "find /var/lib/provision ! -path '*/saved/*' \\( ! -user root -o -perm /077 \\) -print"
    assert place.sh(loose) == ""


ROLE = """\
description: A web server.
packages: [nginx-light]
files:
  /etc/nginx/conf.d/site.conf: {content: "# one\\n", reload: [nginx]}
services: {nginx: {}}
"""


def test_the_commands_say_what_there_is_and_refuse_to_lose_an_edit(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place.run.folder
    (folder / "roles" / "web").mkdir(parents=True, exist_ok=True)
    (folder / "roles" / "web" / "role.yml").write_text(ROLE)
    variables = {**place.host.variables, "roles": ["web"]}
    inventory = folder / "inventory.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {place.host.name: variables}}}))

    def provision(command: str, *options: str) -> tuple[int, str]:
        status = run([command, str(inventory), *options])
        return status, " ".join(capsys.readouterr().out.split())  # wherever its lines are broken

    place.sh(f"echo '# by hand' >> {CONF}")
    status, said = provision("apply", "--yes", "--no-verify")
    assert status == 3 and f"{CONF} was edited" in said
    assert "by hand" in place.sh(f"cat {CONF}")
    status, said = provision("apply", "--yes", "--no-verify", "--overwrite-edits")
    assert status == 0 and f"provision rollback {inventory}" in said
    assert provision("rollback", "--check")[0] == 3
    assert provision("rollback", "--yes")[0] == 0
    assert "by hand" in place.sh(f"cat {CONF}")
    assert provision("rollback", "--yes")[0] == 0
    assert "by hand" not in place.sh(f"cat {CONF}")
    status, said = provision("history", "--json")
    newest = json.loads(said)["hosts"][place.host.name]["transactions"][0]
    assert status == 0 and (newest["command"], newest["outcome"]) == ("rollback", "kept")
