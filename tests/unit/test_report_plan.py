from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import get_args

from provisioner.errors import HostKeyError, ProvisionError
from provisioner.inventory.model import Host
from provisioner.plan import Plan
from provisioner.report.plan import View, plan_lines
from provisioner.resources import File, Resource
from provisioner.resources.change import Action, Change, Edited
from provisioner.resources.observed import Facts, LastApplied, Observed
from provisioner.roles.model import Desired

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MAIN = File("/etc/postfix/main.cf", b"", "postfix", reload=("postfix",))
DIFF = """\
--- /etc/postfix/main.cf
+++ /etc/postfix/main.cf
@@ -30,2 +30,2 @@
 mynetworks = 127.0.0.0/8
-message_size_limit = 52428800
+message_size_limit = 104857600
"""
UPDATE = Change("file:/etc/postfix/main.cf", "update", "postfix", DIFF)
RELOAD = Change("service:postfix", "reload", "postfix")


def plan(
    host: str,
    *changes: Change,
    warnings: tuple[str, ...] = (),
    observed: Observed | None = None,
    resources: tuple[Resource, ...] = (MAIN,),
) -> Plan:
    seen = observed or Observed(facts=Facts(debian="12.12"))
    desired = Desired(Host(host, {}, {}), "bookworm", resources)
    return Plan(desired, seen, changes, warnings=warnings)


def shown(results: Mapping[str, Plan | ProvisionError], view: View | None = None) -> str:
    return "\n".join(line.plain.rstrip() for line in plan_lines(results, view or View(now=NOW)))


def test_a_plan_shows_hosts_roles_files_lines_and_what_is_interrupted() -> None:
    last = LastApplied(
        "1", datetime(2026, 11, 20, 14, 2).astimezone(), "anna <anna@example.org>", "3f2c1ab77", True
    )
    observed = Observed(facts=Facts(debian="12.12"), last=last)
    view = View(
        now=NOW,
        trace=lambda _plan: lambda line: "inventory.yml:14 postfix_parameters" if "size" in line else "",
    )
    text = shown({"mx1": plan("mx1", UPDATE, RELOAD, observed=observed), "mx2": plan("mx2")}, view)
    assert (
        text
        == """\
mx1   Debian 12.12 · last applied 20 Nov 14:02 by anna from 3f2c1ab
  postfix
    ~ update  /etc/postfix/main.cf                                reload postfix
         mynetworks = 127.0.0.0/8
        -message_size_limit = 52428800
        +message_size_limit = 104857600    inventory.yml:14 postfix_parameters
    ~ reload  postfix
mx2   unchanged

Plan: 1 file on 1 of 2 hosts. Reloads postfix; restarts nothing."""
    )


def test_hosts_with_the_same_changes_are_shown_together() -> None:
    hosts = [f"mx{n}" for n in range(1, 7)]
    text = shown({host: plan(host, UPDATE, RELOAD) for host in hosts})
    assert text.startswith("mx1, mx2, mx3 and 3 more   Debian 12.12\n")
    assert text.count("+message_size_limit") == 1
    assert text.endswith("Plan: 1 file on 6 of 6 hosts. Reloads postfix; restarts nothing.")


def test_a_difference_shared_by_hosts_that_differ_elsewhere_is_shown_once() -> None:
    other = Change("package:postfix", "install", "postfix")
    text = shown({"mx1": plan("mx1", UPDATE), "mx2": plan("mx2", other, UPDATE)})
    assert text.count("+message_size_limit") == 1
    assert "the same lines as on mx1" in text


def test_an_unreachable_host_is_named_with_what_to_do_and_does_not_hide_the_others() -> None:
    error = HostKeyError("its host key changed", evidence=["presented  SHA256:p0L"], hint="compare the key")
    text = shown({"mx1": error, "mx2": plan("mx2", UPDATE)})
    assert "mx1   ✗ not touched: its host key changed\n    presented  SHA256:p0L\n" in text
    assert "  try    compare the key\n" in text
    assert text.endswith("on 1 of 2 hosts. Restarts nothing. 1 host could not be planned.")


def test_hosts_that_fail_for_one_reason_are_shown_together() -> None:
    results = {f"mx{n}": HostKeyError("its host key is unknown", hint="compare the keys") for n in range(9)}
    text = shown({**results, "mx9": plan("mx9", UPDATE)})
    assert text.startswith("mx0, mx1, mx2 and 6 more   ✗ not touched: its host key is unknown\n")
    assert text.count("compare the keys") == 1
    assert text.endswith("9 hosts could not be planned.")


def test_a_file_that_somebody_else_edited_is_pointed_out() -> None:
    changed = datetime(2026, 11, 22, 9, 15).astimezone().timestamp()
    theirs = "--- x\n+++ x\n@@ -1 +1 @@\n-message_size_limit = 1\n+message_size_limit = 52428800"
    line = "postfix_parameters: {message_size_limit: 52428800}"
    edited = Edited(changed, "anna", theirs, mergeable=True, inventory=(line,))
    text = shown({"mx1": plan("mx1", replace(UPDATE, edited=edited))})
    assert "edited on the host 22 Nov 09:15 by anna, not by us; can be kept" in text
    assert "-message_size_limit = 52428800    theirs" in text
    assert f"in the inventory this keeps it:\n          {line}" in text


def test_nothing_secret_is_shown_but_that_it_changes_is() -> None:
    users = Change("file:/etc/dovecot/users", "update", "dovecot", "", True, "1 secret changed: bob")
    key = Change("file:/etc/ssl/private/mail.key", "update", "tls", "", True)
    text = shown({"mx1": plan("mx1", users, key)})
    assert "    ~ update  /etc/dovecot/users\n        1 secret changed: bob\n" in text
    assert "    ~ update  /etc/ssl/private/mail.key\n        its content is secret and not shown\n" in text


def test_a_long_new_file_is_counted_unless_it_is_asked_for() -> None:
    diff = "--- /dev/null\n+++ /etc/x\n@@ -0,0 +1,40 @@\n" + "".join(f"+line {n}\n" for n in range(40))
    results = {"mx1": plan("mx1", Change("file:/etc/x", "create", "base", diff))}
    assert "a new file of 40 lines; -v shows them" in shown(results)
    assert "+line 39" in shown(results, View(now=NOW, whole=True))


def test_many_new_files_are_counted_however_short() -> None:
    diff = "--- /dev/null\n+++ /etc/x\n@@ -0,0 +1,2 @@\n+one\n+two\n"
    files = [Change(f"file:/etc/{n}", "create", "base", diff) for n in range(9)]
    assert shown({"mx1": plan("mx1", *files)}).count("a new file of 2 lines") == 9
    assert "+two" in shown({"mx1": plan("mx1", *files[:3])})


def test_of_what_stays_the_same_only_the_nearest_lines_are_shown() -> None:
    unchanged = [f" line {n}" for n in range(3)]
    hunk = "\n".join(["@@ -1,8 +1,8 @@", *unchanged, "-old", "+new", *unchanged, ""])
    text = shown({"mx1": plan("mx1", Change("file:/etc/a", "update", "base", hunk + hunk))})
    shown_lines = [line.strip() for line in text.splitlines()[3:-2]]
    assert shown_lines == ["line 2", "-old", "+new", "line 0", "…", "line 2", "-old", "+new", "line 0"]


def test_packages_fold_into_the_width() -> None:
    packages = [Change(f"package:package-with-a-name-{n}", "install", "base") for n in range(12)]
    text = shown({"mx1": plan("mx1", *packages)})
    assert max(map(len, text.splitlines())) <= 80
    assert text.count("package-with-a-name-") == 12
    assert "Plan: 12 packages on 1 host." in text


def test_a_restart_is_said_in_the_summary() -> None:
    restart = Change("service:dovecot", "restart", "dovecot", why="runs an older configuration")
    text = shown({"mx1": plan("mx1", restart)})
    assert "runs an older configuration" in text
    assert text.endswith("Plan: services only on 1 host. Restarts dovecot.")


def test_a_reload_that_holds_new_connections_back_is_said_at_its_line_and_in_the_summary() -> None:
    changes = (Change("service:dovecot", "reload", "dovecot", holds=12), Change("service:x", "reload", "x"))
    text = shown({"mx1": plan("mx1", *changes)})
    assert text.splitlines()[2] == (
        "    ~ reload  dovecot                        holds new connections, 12 s at most"
    )
    assert " ".join(text.splitlines()[-2:]) == (
        "Plan: services only on 1 host. Reloads dovecot, x; restarts nothing."
        " New connections to dovecot are held meanwhile, 12 s at most."
    )


def test_warnings_are_shown_even_where_nothing_changes() -> None:
    text = shown({"mx1": plan("mx1", warnings=("outbound port 25 is blocked",))})
    assert text.startswith("mx1   unchanged · Debian 12.12\n  ! outbound port 25 is blocked\n")
    assert text.endswith("Nothing to change on 1 host.")


def test_what_a_host_says_cannot_act_on_the_terminal() -> None:
    diff = "@@ -1 +1 @@\n-\x1b[2Jold\u202e\n+new\n"
    observed = Observed(facts=Facts(debian="12\x1b[1m"))
    text = shown({"mx1": plan("mx1", Change("file:/etc/a", "update", "base", diff), observed=observed)})
    assert "\x1b" not in text and "\u202e" not in text
    assert "-\\x1b[2Jold\\u202e" in text


def test_every_action_has_its_sign() -> None:
    for action in get_args(Action):
        assert action in shown({"mx1": plan("mx1", Change("service:x", action, "web"))})


def test_a_rollback_says_what_it_goes_back_to_and_the_next_plan_that_it_happened() -> None:
    back = shown({"mx1": replace(plan("mx1", UPDATE), back_to="20261124T100000-000aaaa")})
    assert "  goes back to after 20261124T100000-000aaaa\n" in back
    last = LastApplied("x", NOW, "Anna <a@b>", "3f2c1ab", back_to="start")
    later = shown({"mx1": plan("mx1", UPDATE, observed=Observed(last=last))})
    assert "last rolled back" in later and "3f2c1ab" not in later
