"""Drift: three inputs, what we wrote, what is there, what is wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioner.drift.merge import Merged, merge
from provisioner.drift.settings import are_settled, inventory_lines
from provisioner.inventory.model import Host
from provisioner.plan import Plan, keep_edits, make_plan
from provisioner.report.redact import Redaction
from provisioner.resources import File
from provisioner.resources.observed import Edit, FileState, Observed, Written
from provisioner.roles.model import Desired

BASE = b"one\ntwo\nthree\nfour\n"


@pytest.mark.parametrize(
    ("theirs", "wanted", "merged"),
    [
        (BASE, b"one\nTWO\nthree\nfour\n", b"one\nTWO\nthree\nfour\n"),
        (b"one\n2\nthree\nfour\n", BASE, b"one\n2\nthree\nfour\n"),
        (b"1\ntwo\nthree\nfour\n", b"one\ntwo\nthree\n4\n", b"1\ntwo\nthree\n4\n"),
        (b"1\ntwo\nthree\nfour\n", b"one\nTWO\nthree\nfour\n", b"1\nTWO\nthree\nfour\n"),
        (b"one\nthree\nfour\n", b"one\ntwo\nthree\nfour\nfive\n", b"one\nthree\nfour\nfive\n"),
        (b"zero\n" + BASE, b"ONE\ntwo\nthree\nfour\n", b"zero\nONE\ntwo\nthree\nfour\n"),
        (b"one\n2\nthree\nfour\n", b"one\n2\nthree\nfour\n", b"one\n2\nthree\nfour\n"),
        (b"one\ntwo\nthree\nfour", BASE + b"five\n", b"one\ntwo\nthree\nfour\nfive\n"),
    ],
)
def test_both_changes_are_in_what_is_merged(theirs: bytes, wanted: bytes, merged: bytes) -> None:
    result = merge(BASE, theirs, wanted)
    assert result is not None and result.content == merged


def test_where_both_changed_a_line_ours_stands_and_it_is_counted() -> None:
    theirs, wanted = b"one\n2\nthree\n4\n", b"one\nTWO\nthree\nfour\n"
    assert merge(BASE, theirs, wanted) == Merged(b"one\nTWO\nthree\n4\n", 1)


def test_two_different_lines_at_the_same_place_are_a_conflict() -> None:
    assert merge(BASE, BASE + b"theirs\n", BASE + b"ours\n") == Merged(BASE + b"ours\n", 1)


def test_what_is_no_text_is_not_merged() -> None:
    assert merge(b"\xff", b"\xfe", b"x") is None


MAIN_CF = b"# ours\nmessage_size_limit = 10\nmynetworks = 127.0.0.0/8\n  [::1]/128\nsoft_bounce = yes\n"


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (b"limit = 10", b"limit = 20", "postfix_parameters: {message_size_limit: 20}"),
        (b"= yes", b"= no", 'postfix_parameters: {soft_bounce: "no"}'),
        (b"soft_bounce = yes\n", b"", "postfix_parameters: {soft_bounce: null}"),
        (b"  [::1]/128\n", b"\t10.0.0.0/8\n", 'postfix_parameters: {mynetworks: "127.0.0.0/8 10.0.0.0/8"}'),
    ],
)
def test_a_changed_parameter_of_postfix_is_a_line_of_the_inventory(old: bytes, new: bytes, line: str) -> None:
    assert inventory_lines("/etc/postfix/main.cf", MAIN_CF, MAIN_CF.replace(old, new)) == (line,)


def test_an_edit_is_settled_once_the_inventory_gives_every_setting_its_value() -> None:
    theirs = MAIN_CF.replace(b"= 10", b"= 20").replace(b"soft_bounce = yes\n", b"")
    ours = b"# From the inventory.\nmessage_size_limit = 20\nmynetworks = 127.0.0.0/8 [::1]/128\n"
    assert are_settled("/etc/postfix/main.cf", MAIN_CF, theirs, ours)
    assert not are_settled("/etc/postfix/main.cf", MAIN_CF, theirs, ours + b"soft_bounce = yes\n")
    assert not are_settled("/etc/postfix/main.cf", MAIN_CF, b"# only a comment\n" + MAIN_CF, MAIN_CF)
    assert not are_settled("/etc/other", MAIN_CF, theirs, ours)


def test_a_comment_or_a_line_moved_changes_no_parameter() -> None:
    assert inventory_lines("/etc/postfix/main.cf", MAIN_CF, b"# theirs\n" + MAIN_CF) == ()


def test_a_setting_in_a_block_of_dovecot_keeps_its_block() -> None:
    before = b"protocol imap {\n  mail_max_userip_connections = 10\n}\n"
    after = before.replace(b"10", b"40") + b"auth_verbose = yes\n"
    assert inventory_lines("/etc/dovecot/dovecot.conf", before, after) == (
        'dovecot_settings: {"protocol imap": {mail_max_userip_connections: 40}}',
        'dovecot_settings: {auth_verbose: "yes"}',
    )


def test_the_lines_are_read_back_by_yaml_as_what_was_set() -> None:
    import yaml

    values = [
        "20",
        "0x1f",
        "1e3",
        "yes",
        "~",
        "a: b",
        "x # y",
        "- z",
        "on",
        "12:30",
        "$mydomain",
        "=a",
        "007",
    ]
    after = MAIN_CF + b"".join(f"p{n} = {value}\n".encode() for n, value in enumerate(values))
    lines = inventory_lines("/etc/postfix/main.cf", MAIN_CF, after)
    read = [next(iter(yaml.safe_load(line)["postfix_parameters"].values())) for line in lines]
    assert [str(value) for value in read] == values[:10]
    assert all(isinstance(value, str) for value in read[1:])


CONF = "/etc/x.conf"
OURS, THEIRS = b"a = 1\nb = 2\n", b"a = 9\nb = 2\n"


def plan_of(wanted: bytes | None, *, mode: int = 0o644, sensitive: bool = False) -> Plan:
    written = File(CONF, OURS, "web")
    there = File(CONF, THEIRS, "web")
    seen = Observed(
        files={CONF: FileState("file", "root", "root", mode, 1, 1700000000.0, there.digest, content=THEIRS)},
        written=(Written("file", CONF, written.digest, "web"),),
        edits={CONF: Edit(OURS, THEIRS, "anna")},
    )
    files = () if wanted is None else (File(CONF, wanted, "web", mode=mode, sensitive=sensitive),)
    return make_plan(Desired(Host("mx1", {}, {}), "bookworm", files), seen)


def test_an_edit_is_shown_as_theirs_with_who_and_when() -> None:
    (change,) = plan_of(OURS).changes
    assert change.edited is not None and change.edited.mergeable
    assert (change.edited.by, change.edited.when) == ("anna", 1700000000.0)
    assert "-a = 1\n+a = 9" in change.edited.theirs and change.edited.merged == ""


def test_an_edit_that_is_kept_needs_no_change_but_is_said_and_remembered() -> None:
    plan = keep_edits(plan_of(OURS))
    assert plan.changes == () and plan.warnings == (f"{CONF} keeps what was edited on the host",)


def test_what_is_wanted_goes_into_an_edit_that_is_kept_and_the_host_remembers_what_roles_brought() -> None:
    wanted = b"a = 1\nb = 3\n"
    plan = keep_edits(plan_of(wanted))
    (change,) = plan.changes
    assert "-b = 2\n+b = 3" in change.diff and change.edited is None
    assert plan.bases == (wanted,)
    assert plan.written == (Written("file", CONF, File(CONF, wanted, "web").digest, "web"),)


def test_an_edit_in_conflict_is_not_kept() -> None:
    plan = keep_edits(plan_of(b"a = 5\nb = 2\n"))
    assert plan.changes[0].edited is not None and not plan.changes[0].edited.mergeable
    assert plan.bases == ()


def test_an_edit_that_is_wanted_by_now_is_none_any_more() -> None:
    assert plan_of(THEIRS).changes == ()
    assert plan_of(b"a = 9\nb = 3\n").changes[0].edited is None


def test_an_edited_file_that_nobody_brings_any_more_is_pointed_out_and_can_stay() -> None:
    plan = plan_of(None)
    assert plan.deletes == (CONF,) and plan.changes[0].edited is not None
    stays = keep_edits(plan)
    assert stays.changes == () and stays.deletes == ()
    assert [note.name for note in stays.written or ()] == [CONF]


@pytest.mark.parametrize(("mode", "sensitive"), [(0o600, False), (0o644, True)])
def test_nothing_of_an_edited_secret_file_is_shown(mode: int, sensitive: bool) -> None:
    edited = plan_of(OURS, mode=mode, sensitive=sensitive).changes[0].edited
    assert edited is not None and (edited.theirs, edited.merged, edited.inventory) == ("", "", ())


def test_a_secret_in_an_edit_takes_the_whole_of_it_out_of_sight() -> None:
    (change,) = plan_of(OURS).changes
    assert change.edited is not None
    change = replace(change, diff="", edited=replace(change.edited, theirs="+password = hunter22"))
    (shown,) = Redaction(["hunter22"])([change])
    assert shown.edited is not None and shown.edited.theirs == ""
