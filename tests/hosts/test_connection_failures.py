"""Each way in which a mail connection fails, made for real, and what `test-connection` says of it.

Postfix, Dovecot, OpenSSL, a firewall and a validating resolver make the failures; a few answers that no
server gives on purpose are said by a line of Perl (ports 9101 to 9112 in connection_servers.sh).
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from provisioner.cli.app import run
from provisioner.explain.kinds import kinds
from tests.hosts.connection_lab import FAILURES, LOGIN, PASSWORD, TO, Lab, connection_lab, dropping


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A mail server with faults, and the DNS that knows it."""
    with connection_lab(tmp_path_factory.mktemp("connection")) as made:
        yield made


Walk = Callable[..., dict]  # type: ignore[type-arg]


@pytest.fixture
def walk(lab: Lab, capsys: pytest.CaptureFixture[str]) -> Walk:
    """Run `test-connection TARGET OPTIONS` against the lab; the document it prints."""

    def walked(target: str, *options: str, code: int = 3, resolver: str = "") -> dict:  # type: ignore[type-arg]
        command = [
            "test-connection",
            target,
            "--json",
            "--timeout",
            "4",
            "--reach",
            f"{lab.server.address}/32",
        ]
        command += [
            "--resolver",
            resolver or lab.names.address,
            "--authorities",
            str(lab.folder / "root.pem"),
        ]
        command += [option.replace("FOLDER", str(lab.folder)) for option in options]
        assert run(command) == code, capsys.readouterr()
        found: dict = json.loads(capsys.readouterr().out)  # type: ignore[type-arg]
        return found

    return walked


def failed(document: dict) -> tuple[str, str]:  # type: ignore[type-arg]
    """The step and the kind of the first failure."""
    failure = next(one["failure"] for one in document["connections"] if one["failure"])
    assert failure["do"], "somebody can do something about it"
    return failure["step"], failure["kind"]


def warnings(connection: dict) -> dict[str, str]:  # type: ignore[type-arg]
    """Step → kind of what was gone on with."""
    steps = [step for step in connection["steps"] if step["outcome"] == "warning"]
    return {step["step"]: step["means"]["kind"] for step in steps}


@pytest.mark.parametrize(("target", "options", "step", "kind"), FAILURES)
def test_a_failure_is_named_at_its_step(
    walk: Walk, target: str, options: tuple[str, ...], step: str, kind: str
) -> None:
    assert failed(walk(target, *options)) == (step, kind)


def test_a_resolver_that_is_silent(walk: Walk, lab: Lab) -> None:
    assert failed(walk("mail.lab:25", "--timeout", "1", resolver=f"{lab.server.address}:5399")) == (
        "name",
        "resolver-silent",
    )


def test_a_server_that_has_no_room_for_one_more(walk: Walk, lab: Lab) -> None:
    with socket.create_connection((lab.server.address, 2509)) as held:
        held.recv(100)

        assert failed(walk("mail.lab:2509", "--protocol", "smtp")) == ("greeting", "busy")


def test_a_client_that_sends_too_fast(walk: Walk) -> None:
    limited = ("mail.lab:2510", "--protocol", "smtp", *TO, "alice@lab.test")
    walk(*limited, code=0)

    assert failed(walk(*limited)) == ("sender", "rate-limited")


def test_a_user_with_too_many_connections(walk: Walk, lab: Lab) -> None:
    context = ssl.create_default_context(cafile=str(lab.folder / "root.pem"))
    with contextlib.ExitStack() as held:
        for _ in range(2):
            plain = held.enter_context(socket.create_connection((lab.server.address, 993)))
            session = held.enter_context(context.wrap_socket(plain, server_hostname="mail.lab"))
            session.recv(1000)
            session.sendall(f'a LOGIN bob@lab.test "{PASSWORD}"\r\n'.encode())
            assert b"a OK" in session.recv(4000)
        bob = ("--user", "bob@lab.test", "--password-file", "FOLDER/password")

        assert failed(walk("mail.lab:993", *bob)) == ("login", "login-too-many")


def test_one_family_that_does_not_work_is_a_warning(walk: Walk) -> None:
    (connection,) = walk("half.lab:25", code=0)["connections"]

    warned = {
        step["step"]: step["means"]["kind"] for step in connection["steps"] if step["outcome"] == "warning"
    }
    assert warned["connect"] == "ipv6-broken"


def test_a_bad_certificate_between_servers_is_a_warning(walk: Walk, lab: Lab) -> None:
    (connection,) = walk(f"{lab.server.address}:25", code=0)["connections"]

    warned = {
        step["step"]: step["means"]["kind"] for step in connection["steps"] if step["outcome"] == "warning"
    }
    assert warned == {"certificate": "certificate-name"}


def test_a_message_that_is_lost_is_missed(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.cli.test_connection._LOOK_SECONDS", 2.0)
    lost = (*LOGIN, "--to", "lost@lab.test", "--send", "--look-in", "mail.lab")

    assert failed(walk("mail.lab:587", *lost)) == ("mailbox", "not-found")


def test_a_message_in_the_junk_folder_is_a_warning(walk: Walk) -> None:
    junk = ("--user", "junk@lab.test", "--password-file", "FOLDER/password", "--from", "junk@lab.test")

    sent = walk("mail.lab:465", *junk, "--to", "junk@lab.test", "--send", "--look-in", "mail.lab", code=0)

    last = sent["connections"][1]["steps"][-1]
    assert (last["outcome"], last["means"]["kind"]) == ("warning", "in-junk")


# --- all is well ------------------------------------------------------------------------------


def test_a_message_is_sent_and_found(walk: Walk) -> None:
    sent = walk("mail.lab:587", *LOGIN, "--to", "alice@lab.test", "--send", "--look-in", "mail.lab", code=0)

    there, back = sent["connections"]
    assert [step["step"] for step in there["steps"]] == [
        "name", "connect", "greeting", "tls", "certificate", "hello",
        "login", "sender", "recipient", "message",
    ]  # fmt: skip
    assert [step["step"] for step in back["steps"][-3:]] == ["login", "mailbox", "mailbox"]
    assert back["steps"][-2]["detail"].startswith("INBOX opened, ")
    assert back["steps"][-1]["detail"] == "in INBOX"


@pytest.mark.parametrize("port", [25, 465, 587, 143, 993, 110, 995])
def test_every_port_of_a_server_that_works(walk: Walk, port: int) -> None:
    login = () if port == 25 else LOGIN

    (connection,) = walk(f"mail.lab:{port}", *login, code=0)["connections"]

    assert connection["ok"]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("port", [587, 993, 995])
def test_each_way_to_log_in(walk: Walk, port: int, mechanism: str) -> None:
    walk(f"mail.lab:{port}", *LOGIN, "--mechanism", mechanism, code=0)


def test_a_mail_domain_leads_to_its_mx(walk: Walk) -> None:
    (connection,) = walk("elsewhere.lab", *TO, "alice@lab.test", code=0)["connections"]

    assert connection["steps"][0]["detail"] == "mx.lab takes the mail of elsewhere.lab"


def test_an_mx_that_can_t_be_reached_is_a_warning_where_another_takes_the_mail(walk: Walk, lab: Lab) -> None:
    reach = ("--reach", f"{dropping(lab.server.address)}/32", "--timeout", "2")
    (connection,) = walk("second.lab", *TO, "alice@lab.test", *reach, code=0)["connections"]

    minded = [(step["step"], step["means"]["kind"]) for step in connection["steps"] if "means" in step]
    assert minded == [("name", "mx-broken"), ("name", "leads-inside"), ("connect", "port-25-blocked")]
    assert connection["steps"][-1]["step"] == "recipient"


def test_the_servers_of_an_address_are_found_and_tried(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["settings", "alice@elsewhere.lab", "--check", "--json", "--reach", f"{lab.server.address}/32"]
    command += ["--resolver", lab.names.address, "--authorities", str(lab.folder / "root.pem")]

    assert run(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["found"]["kind"] == "srv"
    assert [(check["target"], check["ok"]) for check in found["checks"]] == [
        ("mail.lab:993", True),
        ("mail.lab:465", True),
    ]


def test_a_private_server_of_a_record_is_not_tried(lab: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["settings", "alice@elsewhere.lab", "--check", "--json", "--resolver", lab.names.address]

    assert run(command) == 3
    found = json.loads(capsys.readouterr().out)
    assert {check["failure"]["kind"] for check in found["checks"]} == {"leads-inside"}


def test_at_least_40_kinds_are_made_for_real() -> None:
    made = {kind for _, _, _, kind in FAILURES}

    assert len(made) >= 40 and made <= set(kinds())
