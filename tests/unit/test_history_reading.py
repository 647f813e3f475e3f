"""History and the way back: what a host remembers, read without trust, and turned into a plan."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from provisioner.cli.rollback import moment_or_id
from provisioner.errors import InputError, NotTouched
from provisioner.history.comparison import make_plan
from provisioner.history.histories import HostHistory, touched
from provisioner.history.way_back import Place, Unit, WayBack, find
from provisioner.hosts.history import Transaction, parse
from provisioner.inventory.model import Host
from provisioner.report.history import history_document, history_lines
from provisioner.resources import Command, Directory, File
from provisioner.resources.observed import FileState, Observed, UnitState, Written
from provisioner.roles.model import Desired, Port
from provisioner.verify.expectations import Trust, TrustKind
from provisioner.verify.proof import decode, encode, proof_of

NOW = datetime(2026, 11, 24, 23, 0, tzinfo=UTC)
META = "id X\nwhen 1795733040\nwho Anna\\0040<a@b>\ncommit 3f2c1ab99\nclean yes\n"


def transaction(name: str, outcome: str = "kept", **texts: str) -> Transaction:
    named = {key.replace("_", "."): text for key, text in texts.items()}
    content = {"meta": META, "outcome": f"{outcome}\n", **named}
    return Transaction(name, 0.0, 8, texts={key: text.encode() for key, text in content.items()})


def answer(*lines: str) -> bytes:
    return "\n".join(("noise", "provision-history 1", *lines, "end", "")).encode()


def word(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_the_answer_of_a_host_is_read_in_the_order_it_gives() -> None:
    read = parse(
        answer(
            "current B dead",
            "transaction A 10.5 72",
            f"text meta {word(META)}",
            f"text outcome {word('undone')}",
            "fail validate nginx",
            "transaction B 9999999999.0 8",
            "saved A 1 file root mail 640 3 " + word("abc"),
            "saved A 2 file root root 644 9 " + word("cut"),
            "account passwd 33 www-data",
        )
    )
    first, second = read.transactions
    assert (first.outcome, first.failure, first.who, first.commit) == ("undone", "validate nginx", "Anna <a@b>", "3f2c1ab99")  # fmt: skip # noqa: E501
    assert second.outcome == "unfinished" and (read.current, read.current_runs) == ("B", False)
    assert (read.saved["A", 1].mode, read.saved["A", 1].content) == (0o640, b"abc")
    assert not read.saved["A", 2].whole
    assert read.accounts["passwd", 33] == "www-data"


@pytest.mark.parametrize(
    "lines",
    [
        ["transaction ../../etc 1.0 1"],
        ["transaction A later 1"],
        ["text meta !!"],
        ["fail before any"],
        ["saved A 1 device root root 644 0 -"],
        ["what is this"],
    ],
)
def test_what_our_script_does_not_write_is_refused(lines: list[str]) -> None:
    with pytest.raises(NotTouched):
        parse(answer(*lines))


def test_an_answer_that_was_cut_off_is_refused() -> None:
    with pytest.raises(NotTouched):
        parse(answer("transaction A 1.0 1").removesuffix(b"end\n"))


def test_what_roles_brought_is_believed_only_if_it_has_its_hash() -> None:
    assert parse(answer(f"written {'0' * 64} {word('x')}")).written == {}


ONE = transaction(
    "20261124T100000-000aaaa",
    manifest="file /etc/a 1 root root 0644\ncommand postmap 60 postmap /etc/a\nagain postmap\n"
    "command make-key 60 openssl genpkey\nvalidator check 30 nginx -t\nallow check is\\0040ok\n"
    "service x.service restart\npackage nginx\nprove up 5 true\n",
    before="absent /etc/a L2V0Yw==\n",
    services="x.service inactive disabled\n",
    record="file /etc/a 11 web\n",
)
TWO = transaction(
    "20261124T110000-000bbbb",
    manifest="file /etc/a 1 root root 0644\nfile /etc/key 2 root root 0600\nsensitive /etc/key\n"
    "directory /srv 0 root root 0755\nservice x.service reload\nholds x.service 12\n"
    "prove up 5 true\nprove later 5 false\n",
    before="copy /etc/a 1\nabsent /etc/key\nattributes /srv 33 33 750\n",
    services="x.service active enabled\n",
    record="file /etc/a 22 web\nfile /etc/key 33 tls\n",
    record_before="file /etc/a 11 web\n",
)
FAILED = transaction("20261124T120000-000cccc", "undone", before="copy /etc/a 1\n")


def test_the_way_back_is_behind_the_last_transaction_that_was_kept() -> None:
    way = find([ONE, TWO, FAILED])
    assert way is not None and way.to == ONE.id
    assert way.places == (
        Place("/etc/a", "copy", (TWO.id, 1)),
        Place("/etc/key", "absent"),
        Place("/srv", "attributes", owner=(33, 33), mode=0o750),
    )
    assert way.units == (Unit("x.service", "active", "enabled", ("reload",)),)
    assert way.written == (Written("file", "/etc/a", "11", "web"),)
    assert way.holds == {"x.service": 12}
    assert way.sensitive == {"/etc/key"} and way.roles["/etc/key"] == "tls"
    assert [command.name for command in way.proves] == ["up"]
    assert way.validators[0].allow == ("is ok",)


def test_behind_all_of_them_is_how_it_was_before_the_first() -> None:
    way = find([ONE, TWO], "start")
    assert way is not None and way.to == "start"
    assert {place.path: place.kind for place in way.places}["/etc/a"] == "absent"
    assert way.units == (Unit("x.service", "inactive", "disabled", ("restart", "reload")),)
    assert (way.written, way.validators, way.proves, way.stays) == ((), (), (), ("package:nginx",))


def test_only_a_command_that_a_file_asked_for_runs_again_and_not_on_what_goes() -> None:
    kept = transaction("B", manifest=ONE.texts["manifest"].decode(), before="copy /etc/a 1\n")
    way = find([ONE, kept])
    assert way is not None and [command.name for command in way.commands] == ["postmap"]
    gone = find([ONE])
    assert gone is not None and gone.commands == ()


@pytest.mark.parametrize(
    ("to", "undone"),
    [
        ("", 1),
        (ONE.id, 1),
        (TWO.id, 0),
        ("20261124T103000", 1),
        ("20261124T093000", 2),
        ("20261125T000000", 0),
        ("start", 2),
    ],
)
def test_an_id_a_time_or_the_start_says_how_far_back(to: str, undone: int) -> None:
    way = find([ONE, TWO, FAILED], to)
    assert (len(way.undone) if way else 0) == undone


def test_a_history_that_does_not_reach_back_so_far_says_so() -> None:
    with pytest.raises(LookupError):
        find([TWO], "start")


def planned(way: WayBack, seen: Observed, *resources: File | Directory) -> list[tuple[str, str]]:
    return [(c.action, c.resource) for c in make_plan(Host("mx1", {}, {}), way, resources, seen).changes]


def way_back(places: Iterable[Place] = (), units: Iterable[Unit] = ()) -> WayBack:
    return WayBack("start", (), tuple(places), tuple(units), roles={"/etc/a": "web"})


THERE = FileState("file", "root", "root", 0o644, 1, 1.0, "0" * 64, content=b"now\n")


def test_what_was_not_there_goes_and_directories_only_if_they_are_empty() -> None:
    seen = Observed(files={"/etc/a": THERE, "/srv/x": FileState("directory"), "/srv": FileState("directory")})
    places = [Place("/etc/a", "absent"), Place("/srv/x", "absent", parents=("/srv",))]
    plan = make_plan(Host("mx1", {}, {}), way_back(places), (), seen)
    assert (plan.deletes, plan.empties) == (("/etc/a",), ("/srv/x", "/srv"))


@pytest.mark.parametrize(
    ("was", "now", "actions"),
    [
        (("active", "enabled"), UnitState("loaded", "active", "enabled"), ["restart"]),
        (("inactive", "disabled"), UnitState("loaded", "active", "enabled"), ["stop", "disable"]),
        (("active", "enabled"), UnitState("loaded", "inactive", "disabled"), ["enable", "start"]),
        (("inactive", "not-found"), UnitState(), []),
    ],
)
def test_services_go_back_to_what_they_were(was: tuple[str, str], now: UnitState, actions: list[str]) -> None:
    way = way_back(units=[Unit("x.service", *was, ("reload", "restart"))])
    seen = Observed(files={"/etc/a": THERE}, units={"x.service": now})
    found = planned(way, seen, File("/etc/a", b"then\n", "web"))
    assert [action for action, resource in found if resource == "service:x.service"] == actions


def test_a_reload_on_the_way_back_says_that_it_holds_new_connections() -> None:
    way = replace(
        way_back(units=[Unit("x.service", "active", "enabled", ("reload",))]), holds={"x.service": 12}
    )
    running = {"x.service": UnitState("loaded", "active", "enabled")}
    seen = Observed(files={"/etc/a": THERE}, units=running)
    plan = make_plan(Host("mx1", {}, {}), way, [File("/etc/a", b"then\n", "web")], seen)
    assert [(change.action, change.holds) for change in plan.changes] == [("update", 0), ("reload", 12)]


def test_what_only_root_may_read_now_is_not_shown_either() -> None:
    seen = Observed(files={"/etc/a": FileState("file", "root", "root", 0o600, 1, 1.0, "0" * 64)})
    plan = make_plan(Host("mx1", {}, {}), way_back(), [File("/etc/a", b"then\n", "web")], seen)
    assert plan.changes[0].sensitive and plan.changes[0].diff == ""


def test_a_proof_is_read_back_as_it_was_kept() -> None:
    ports = (Port(25, "smtp", "postfix", "starttls"), Port(22, "ssh", "base"))
    variables = {"mail_domains": {"example.org": {"users": {"alice": {}}}}, "tls_provider": "self_signed"}
    proof = decode(encode(proof_of(Desired(Host("mx1", variables, {}), "trixie", (), ports))))
    assert [port.number for port in proof.ports] == [25]
    assert proof.expect.recipients == ("alice@example.org",)
    assert proof.expect.trust == Trust(TrustKind.ANY)
    assert decode(b"").ports == ()


@pytest.mark.parametrize(
    "text",
    [
        b"x",
        b"[]",
        b'{"ports": [], "hostname": "a\\r\\nRCPT", "recipients": [], "trust": ["any", ""]}',
        b'{"ports": [{"number": 0, "protocol": "smtp", "role": "x", "tls": "none"}], "hostname": "a", '
        b'"recipients": [], "trust": ["any", ""]}',
    ],
)
def test_a_proof_that_somebody_made_up_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        decode(text)


def test_the_list_says_when_what_became_of_it_by_whom_and_what() -> None:
    histories = [HostHistory("mx1", (FAILED, TWO)), HostHistory("mx2", error=NotTouched("no route"))]
    lines = [line.plain for line in history_lines(histories, touched, 100, NOW)]
    assert any("✗ undone" in line and FAILED.id in line for line in lines)
    assert any("✓ kept" in line and line.endswith("Anna from 3f2c1ab") for line in lines)
    assert any("/etc/a and /etc/key, 1 directory, x.service reloaded" in line for line in lines)
    assert any("no route" in line for line in lines)


def test_what_a_host_says_of_its_history_cannot_act_on_the_terminal() -> None:
    hostile = transaction(
        "A", "kept", meta="who \\0033[2J\ncommit \x1b]0;x\x07\n", manifest="file /\\0033[1m 1 a b 0644\n"
    )
    assert not any(
        "\x1b" in line.plain for line in history_lines([HostHistory("mx1", (hostile,))], touched, 80, NOW)
    )


def test_the_document_names_every_resource() -> None:
    document = history_document([HostHistory("mx1", (TWO,))], touched, 0.1)
    ((one,),) = (host["transactions"] for host in document["hosts"].values())  # type: ignore[attr-defined]
    assert {"resource": "file:/etc/key", "action": "write"} in one["resources"]
    assert (one["command"], one["outcome"], one["commit"]) == ("apply", "kept", "3f2c1ab99")


def test_a_time_becomes_the_beginning_of_an_id() -> None:
    assert moment_or_id("2026-11-24T14:02:00+00:00") == "20261124T140200"
    assert moment_or_id(ONE.id) == ONE.id
    with pytest.raises(InputError, match="neither a transaction nor a time"):
        moment_or_id("yesterday")


def test_a_command_of_the_way_back_has_no_guard_so_that_it_can_run_again() -> None:
    way = find([ONE, transaction("B", manifest=ONE.texts["manifest"].decode(), before="copy /etc/a 1\n")])
    assert way is not None
    assert way.commands == (Command("postmap", ("postmap", "/etc/a"), "", "commit", timeout=60),)
