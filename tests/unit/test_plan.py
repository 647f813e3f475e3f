"""The plan: what differs, in the order it is changed in, and what services are told."""

from __future__ import annotations

from dataclasses import replace

from provisioner.inventory.model import Host
from provisioner.plan import ServiceAction, make_plan, written_after
from provisioner.resources import Command, Directory, File, Guard, Link, Package, Service, Timer, User
from provisioner.resources.observed import AccountState, FileState, Observed, UnitState, Written
from provisioner.roles.model import Desired

HOST = Host("mx1", {}, {})
MAIN = File("/etc/postfix/main.cf", b"a = 1\n", "postfix", reload=("postfix",), runs=("postmap",))
MASTER = File("/etc/postfix/master.cf", b"smtp\n", "postfix", restart=("postfix",))
POSTFIX = Service("postfix", "postfix@-.service", "postfix", enable_unit="postfix.service")
POSTMAP = Command("postmap", ("postmap", "/etc/postfix/virtual"), "postfix")
CHECK = Command("check", ("postconf", "-n"), "postfix", "validate", paths=("/etc/postfix/",))
ALL = (Package("postfix", "postfix"), MAIN, MASTER, POSTMAP, POSTFIX, CHECK)


def desired(*resources: object) -> Desired:
    return Desired(HOST, "bookworm", resources)  # type: ignore[arg-type]


def as_file(file: File, changed: float = 100.0) -> FileState:
    return FileState("file", file.owner, file.group, file.mode, 1, changed, file.digest)


RUNNING = UnitState("loaded", "active", "enabled", state_changed=200.0, started=150.0)
THERE = Observed(
    files={MAIN.path: as_file(MAIN), MASTER.path: as_file(MASTER)},
    packages={"postfix": "3.7"},
    units={"postfix@-.service": RUNNING, "postfix.service": replace(RUNNING)},
)


def said(observed: Observed, *resources: object) -> list[tuple[str, str]]:
    return [(c.resource, c.action) for c in make_plan(desired(*resources), observed).changes]


def test_a_host_that_is_as_it_shall_be_has_no_changes() -> None:
    assert make_plan(desired(*ALL), THERE).changes == ()


def test_an_empty_host_gets_everything_in_order() -> None:
    assert said(Observed(), *ALL) == [
        ("package:postfix", "install"),
        ("file:/etc/postfix/main.cf", "create"),
        ("file:/etc/postfix/master.cf", "create"),
        ("command:postmap", "run"),
        ("service:postfix", "enable"),
        ("service:postfix", "start"),
    ]


def test_the_unit_that_is_enabled_may_be_another_than_the_one_that_runs() -> None:
    plan = make_plan(desired(*ALL), Observed())
    assert plan.services == (
        ServiceAction("postfix.service", "enable", "postfix"),
        ServiceAction("postfix@-.service", "restart", "postfix"),
    )


def test_a_changed_file_reloads_its_service_once_and_shows_its_diff() -> None:
    seen = replace(THERE, files={**THERE.files, MAIN.path: FileState("file", "root", "root", 0o644, 6, 100.0, "0" * 64, content=b"a = 2\n")})  # fmt: skip # noqa: E501
    plan = make_plan(desired(*ALL), seen)
    assert [(c.resource, c.action) for c in plan.changes] == [
        (MAIN.id, "update"), ("command:postmap", "run"), ("service:postfix", "reload"),
    ]  # fmt: skip
    assert "-a = 2\n+a = 1" in plan.changes[0].diff


def test_a_restart_takes_the_place_of_a_reload() -> None:
    assert said(replace(THERE, files={}), *ALL)[-1] == ("service:postfix", "restart")


def test_a_service_that_cannot_reload_is_restarted() -> None:
    fixed = replace(POSTFIX, can_reload=False)
    seen = replace(THERE, files={MASTER.path: as_file(MASTER)})
    assert said(seen, MAIN, MASTER, fixed)[-1] == ("service:postfix", "restart")


def test_a_reload_that_holds_new_connections_back_says_for_how_long_and_a_restart_does_not() -> None:
    holding = replace(POSTFIX, reload_holds=12)
    reload = make_plan(desired(MAIN, holding), replace(THERE, files={})).changes[-1]
    restart = make_plan(desired(MASTER, holding), replace(THERE, files={})).changes[-1]
    assert (reload.action, reload.holds) == ("reload", 12)
    assert (restart.action, restart.holds) == ("restart", 0)


def test_a_service_older_than_its_files_is_a_difference() -> None:
    seen = replace(THERE, files={**THERE.files, MAIN.path: as_file(MAIN, changed=300.0)})
    (change,) = make_plan(desired(*ALL), seen).changes
    assert (change.resource, change.action) == ("service:postfix", "reload")
    assert "older configuration" in change.why


def test_a_reload_makes_up_for_a_reload_but_not_for_a_restart() -> None:
    seen = replace(THERE, files={**THERE.files, MASTER.path: as_file(MASTER, changed=180.0)})
    assert said(seen, *ALL) == [("service:postfix", "restart")]


def test_a_service_that_starts_anyway_is_not_reloaded_too() -> None:
    seen = replace(THERE, files={}, units={})
    assert [action for resource, action in said(seen, *ALL) if resource == POSTFIX.id] == ["enable", "start"]


def test_a_checker_runs_when_what_it_checks_changes() -> None:
    assert make_plan(desired(*ALL), replace(THERE, files={})).validators == (CHECK,)
    assert make_plan(desired(*ALL, Package("x", "x")), THERE).validators == ()


def test_a_command_runs_until_its_guard_is_met() -> None:
    command = Command("key", ("make-key",), "tls", guard=Guard(creates="/etc/key"), restart=("postfix",))
    assert said(THERE, *ALL, command) == [("command:key", "run"), ("service:postfix", "restart")]
    assert said(replace(THERE, met=frozenset({"key"})), *ALL, command) == []


def test_a_command_of_another_role_with_the_same_name_is_not_meant() -> None:
    other = replace(POSTMAP, role="dovecot")
    assert ("command:postmap", "run") not in said(replace(THERE, files={}), MAIN, other)


def test_what_no_role_brings_any_more_is_taken_away_but_packages_stay() -> None:
    seen = replace(
        THERE,
        files={
            **THERE.files,
            "/etc/old": FileState("file", digest="1" * 64),
            "/etc/gone": FileState("absent"),
        },
        units={**THERE.units, "old.service": RUNNING},
        written=(
            Written("file", MAIN.path, MAIN.digest, "postfix"),
            Written("file", "/etc/old", "1" * 64, "old"),
            Written("file", "/etc/gone", "1" * 64, "old"),
            Written("service", "old.service", "old.service", "old"),
        ),
    )
    plan = make_plan(desired(*ALL), seen)
    assert [(c.resource, c.action) for c in plan.changes] == [
        ("file:/etc/old", "delete"), ("service:old.service", "stop"),
    ]  # fmt: skip
    assert plan.deletes == ("/etc/old",)
    assert plan.services == (
        ServiceAction("old.service", "stop", "old"),
        ServiceAction("old.service", "disable", "old"),
    )


def test_a_link_that_takes_a_files_place_is_not_taken_away_as_that_file() -> None:
    seen = replace(THERE, written=(Written("file", "/etc/key", "1" * 64, "tls"),))
    plan = make_plan(desired(*ALL, Link("/etc/key", "/var/lib/key", "tls")), seen)
    assert plan.deletes == ()


def test_a_hand_edit_is_named_as_such() -> None:
    theirs = FileState("file", "root", "root", 0o644, 6, 1700000000.0, "2" * 64, content=b"a = 3\n")
    seen = replace(
        THERE,
        files={**THERE.files, MAIN.path: theirs},
        written=(Written("file", MAIN.path, "3" * 64, "postfix"),),
    )
    edited = make_plan(desired(*ALL), seen).changes[0].edited
    assert edited is not None and edited.when == 1700000000.0


def test_a_secret_file_has_no_diff() -> None:
    secret = replace(MAIN, sensitive=True)
    (change, *_) = make_plan(desired(secret), Observed()).changes
    assert change.sensitive and change.diff == ""


def test_a_wrong_mode_or_owner_is_said_in_words() -> None:
    loose = replace(as_file(MAIN), mode=0o666, owner="nobody")
    (change,) = make_plan(desired(MAIN), replace(THERE, files={MAIN.path: loose})).changes
    assert change.why == "owner nobody:root → root:root, mode 0666 → 0644"


def test_a_link_in_place_of_a_file_is_replaced_not_followed() -> None:
    link = FileState("link", "root", "root", 0o777, 1, 1.0, target="/etc/shadow")
    (change, *_) = make_plan(desired(MAIN), Observed(files={MAIN.path: link})).changes
    assert (change.action, change.why) == ("update", "is a link now")


def test_a_user_joins_the_groups_it_lacks_and_leaves_none() -> None:
    user = User("vmail", "dovecot", groups=("mail", "ssl-cert"))
    seen = Observed(users={"vmail": AccountState(5000, ("vmail", "mail", "other"))})
    (change,) = make_plan(desired(user), seen).changes
    assert change.why == "joins ssl-cert"


def test_a_timer_is_kept_enabled_and_waiting() -> None:
    timer = Timer("renew", "renew.timer", "tls")
    waiting = Observed(units={"renew.timer": UnitState("loaded", "active", "enabled")})
    assert said(waiting, timer) == []
    assert make_plan(desired(timer), Observed()).services == (
        ServiceAction("renew.timer", "enable", "tls"), ServiceAction("renew.timer", "restart", "tls"),
    )  # fmt: skip


def test_directories_and_links_are_compared_too() -> None:
    assert said(Observed(), Directory("/srv/m", "x"), Link("/srv/l", "m", "x")) == [
        ("directory:/srv/m", "create"), ("link:/srv/l", "create"),
    ]  # fmt: skip


def test_only_roles_that_could_cut_us_off_ask_for_a_new_connection() -> None:
    rules = File("/etc/nftables.conf", b"x", "firewall")
    assert make_plan(desired(rules), Observed()).cuts_off
    assert not make_plan(desired(*ALL), Observed()).cuts_off


def test_what_the_host_remembers_as_ours_is_what_would_be_taken_away() -> None:
    kinds = [
        note.kind for note in written_after(desired(*ALL, Timer("t", "t.timer", "tls"), Link("/l", "m", "x")))
    ]
    assert kinds == ["file", "file", "service", "timer", "link"]


def test_what_a_role_no_longer_brings_its_services_let_go_of() -> None:
    old = FileState("file", changed=1.0, digest="0" * 64)
    seen = replace(
        THERE,
        files={**THERE.files, "/etc/postfix/old": old},
        written=(Written("file", "/etc/postfix/old", "0" * 64, "postfix"),),
    )
    assert said(seen, *ALL) == [("file:/etc/postfix/old", "delete"), ("service:postfix", "reload")]
