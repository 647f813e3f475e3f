"""What `test-connection`, `settings` and `explain` refuse before they ask anybody, and how they end."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.cli.app import run
from provisioner.client_settings.result import Encryption, Kind, Protocol, Server, Settings, Source
from provisioner.connection.result import Outcome, Stage, Step, Walk
from provisioner.explain.kinds import kind
from provisioner.report import connection as connection_report
from provisioner.report import settings as settings_report

SERVER = ["test-connection", "mail.example.test:587"]
ALICE = ["--user", "alice@example.test"]


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("something was contacted")

    monkeypatch.setattr("provisioner.dns.resolver.Resolver.ask", asked)
    monkeypatch.setattr("socket.create_connection", asked)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([*SERVER, "--send"], "--send needs a recipient"),
        ([*SERVER, "--mechanism", "PLAIN"], "--mechanism without a login"),
        ([*SERVER, *ALICE, "--password-file", "FILE", "--mechanism", "FOO"], "none that is spoken here"),
        ([*SERVER, "--look-in", "imap.example.test"], "--look-in looks for a message"),
        ([*SERVER, "--password-file", "FILE"], "a password without a login"),
        ([*SERVER, "--token-file", "FILE"], "a token without a login"),
        ([*SERVER, *ALICE, "--token-file", "FILE", "--password-file", "FILE"], "two ways to log in"),
        ([*SERVER, *ALICE, "--token-file", "FILE", "--mechanism", "PLAIN"], "takes a password, not a token"),
        ([*SERVER, *ALICE, "--password-file", "FILE", "--mechanism", "XOAUTH2"], "takes an access token"),
        ([*SERVER, *ALICE, "--mechanism", "oauthbearer"], "the access token of alice@example.test is needed"),
        ([*SERVER, *ALICE, "--token-file", "CONTROL"], "characters that no access token has"),
        ([*SERVER, *ALICE, "--token-file", "EMPTY"], "no token in its first line"),
        ([*SERVER, "--user", "", "--password-file", "FILE"], "--user is empty"),
        ([*SERVER, "--user", "a\nb", "--password-file", "FILE"], "--user has control characters"),
        ([*SERVER, *ALICE, "--password-file", "CONTROL"], "the password has a line break or a NUL"),
        ([*SERVER, *ALICE, "--password-file", "EMPTY"], "no password in its first line"),
        ([*SERVER, *ALICE, "--password-file", "LATIN"], "no UTF-8 text"),
        ([*SERVER, *ALICE, "--password-file", "ABSENT"], "No such file"),
        ([*SERVER, *ALICE], "nobody can be asked"),
        ([*SERVER, "--helo", "x y"], "not a host name"),
        ([*SERVER, "--to", "bob"], "not a mail address"),
        ([*SERVER, "--authorities", "FILE"], "no certificates in PEM form"),
        ([*SERVER, "--authorities", "EMPTY"], "no certificates in PEM form"),
        ([*SERVER, "--authorities", "ABSENT"], "No such file"),
        ([*SERVER, "--reach", "everywhere"], "not a network"),
        ([*SERVER, "--resolver", "dns.example.test"], "not an address"),
        (["test-connection", "imap.example.test:993", "--to", "bob@example.test"], "speaks IMAP"),
        (["test-connection", "https://mail.example.test"], "is a URL"),
        (["test-connection", "al@example.test"], "provision settings al@example.test finds the servers"),
        (["test-connection", "mail.example.test:99999"], "is not a port"),
        (["test-connection", "mail.example.test:1"], "says nothing about what is spoken"),
        (["settings"], "no address was given"),
        (["settings", "alice"], "is not a domain"),
        (["settings", "al ice@example.test"], "is not a mail address"),
        (["settings", "alice@straße.test"], "in more than one way in DNS"),
        (["settings", "alice@example.test", "--authorities", "FILE"], "no certificates in PEM form"),
        (["explain", "folder/no-such-file"], "there is no file"),
        (["explain", "/"], "is a folder"),
        (["explain", "550 x", "--ip", "nowhere"], "is not an address"),
    ],
)  # fmt: skip
def test_what_can_t_be_done_is_refused_before_anybody_is_asked(
    arguments: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    contents = {"FILE": b"secret\n", "CONTROL": b"a\0b\n", "EMPTY": b"", "LATIN": b"w\xf6rd\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    given = [str(tmp_path / one) if one in (*contents, "ABSENT") else one for one in arguments]

    assert run(given) == 2
    said = capsys.readouterr()
    assert words in " ".join(said.err.split()) and not said.out
    assert "secret" not in said.err


def test_a_mistake_is_a_document_for_a_program(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*SERVER, "--send", "--json"]) == 2

    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "input"


def test_words_longer_than_a_file_s_name_can_be_are_words(capsys: pytest.CaptureFixture[str]) -> None:
    line = "Nov 26 08:00:00 mx1 postfix/smtp[812]: 4B1C2D: to=<carol@elsewhere.test>, relay=none, dsn=4.4.1, "
    line += f"status=deferred (connect to mx.{'x' * 60}.test[192.0.2.9]:25: Connection timed out) {'x' * 200}"

    assert run(["explain", line]) == 0
    assert "could not reach the next one" in capsys.readouterr().out


# --- what a person reads ----------------------------------------------------------------------


def walked(*steps: Step, user: str = "") -> str:
    walk = Walk("mail.example.test:993", user, steps)
    return "\n".join(line.plain for line in connection_report.conclusion(walk, 80))


def test_a_walk_that_ends_before_a_login_says_how_to_try_one() -> None:
    hello = Step(Stage.HELLO, Outcome.OK, "offers PLAIN, LOGIN")

    assert walked(hello).splitlines() == [
        "", "Everything that was tried works.", "No login was tried: --user LOGIN does that."
    ]  # fmt: skip
    assert "--user" not in walked(Step(Stage.HELLO, Outcome.OK, "offers no login"))
    assert "--user" not in walked(hello, Step(Stage.LOGIN, Outcome.OK, "PLAIN as alice"), user="alice")


def test_a_message_that_is_missed_names_the_mailbox_that_was_looked_into() -> None:
    meaning = kind("not-found", user="alice@example.test", name="bob@example.test", detail="60 s")

    said = walked(Step(Stage.MAILBOX, Outcome.FAILED, "not in 2 folders", 61.0, meaning), user="alice")

    assert "the mailbox of alice@example.test. See whether mail to bob@example.test" in " ".join(said.split())


IMAP = Server(Protocol.IMAP, "imap.example.test", 993, Encryption.TLS, "alice@example.test", "account")
SMTP = Server(Protocol.SMTP, "smtp.example.test", 587, Encryption.STARTTLS, "alice@example.test", "account")
PLACE = Source(Kind.AUTOCONFIG, "https://autoconfig.example.test/", (IMAP, SMTP))
GUESSED = Source(Kind.MX, "names of example.test", (IMAP,), warning="guessed from names that exist")
OK_WALK = Walk("imap.example.test:993", "", (Step(Stage.NAME, Outcome.OK, "192.0.2.1"),))
BAD_WALK = Walk(
    "smtp.example.test:587",
    "",
    (Step(Stage.CONNECT, Outcome.FAILED, "refused", 0.1, kind("refused", host="smtp.example.test")),),
)
MINDED = Walk(
    "imap.example.test:993",
    "",
    (Step(Stage.CONNECT, Outcome.WARNING, "", 0.1, kind("ipv6-broken", host="imap.example.test")),),
)


def shown(settings: Settings, walks: tuple[Walk, ...] = (), *, verbose: bool = False) -> list[str]:
    servers = settings.chosen.servers if settings.chosen else ()
    told = settings_report.lines(settings, servers, 80, walks, verbose=verbose)
    return [line.plain for line in told]


def test_each_server_has_its_protocol_port_and_encryption() -> None:
    told = shown(Settings("alice@example.test", PLACE, (PLACE,)))

    assert told[-2:] == [
        "    read  IMAP  imap.example.test  993  TLS       login alice@example.test",
        "    send  SMTP  smtp.example.test  587  STARTTLS  login alice@example.test",
    ]


def test_a_login_that_does_not_fit_has_a_line_of_its_own() -> None:
    app = replace(SMTP, password="app")
    place = replace(PLACE, servers=(IMAP, app))

    assert shown(Settings("alice@example.test", place, (place,)))[-2:] == [
        "    send  SMTP  smtp.example.test  587  STARTTLS",
        "          login alice@example.test, app password",
    ]


def test_a_login_that_is_the_same_for_all_and_does_not_fit_stands_once() -> None:
    place = replace(PLACE, servers=(replace(IMAP, password="app"), replace(SMTP, password="app")))

    assert shown(Settings("alice@example.test", place, (place,)))[-3:] == [
        "    read  IMAP  imap.example.test  993  TLS",
        "    send  SMTP  smtp.example.test  587  STARTTLS",
        "    all   login alice@example.test, app password",
    ]


def test_a_check_puts_a_sign_before_each_server_and_the_reason_below() -> None:
    told = shown(Settings("alice@example.test", PLACE, (PLACE,)), (OK_WALK, BAD_WALK))

    assert [line[:8] for line in told if line[2:3] in "✓!✗"] == ["  ✓ read", "  ✗ send"]
    assert "      The machine smtp.example.test answers, but nothing listens" in "\n".join(told)
    assert told[-2:] == [
        "  1 of 2 servers did not work. No login was tried: provision test-connection",
        "  does that.",
    ]


def test_a_check_that_went_on_with_something_to_mind_has_another_sign() -> None:
    told = shown(Settings("alice@example.test", PLACE, (PLACE,)), (MINDED,))

    assert any(line.startswith("  ! read  IMAP") for line in told)
    assert any("reached over IPv4 but not over IPv6" in line for line in told)
    assert told[-2].startswith("  1 server tried, without a fault. 1 more was not tried.")


def test_a_guess_advises_a_check_until_there_was_one() -> None:
    settings = Settings("alice@example.test", GUESSED, (GUESSED,))

    assert "--check tries them" in "\n".join(shown(settings))
    assert "--check tries them" not in "\n".join(shown(settings, (OK_WALK,)))


def test_what_else_was_asked_is_told_only_where_something_was() -> None:
    other = Source(Kind.SRV, "SRV records of example.test", problem="example.test has none")

    alone = shown(Settings("alice@example.test", PLACE, (PLACE,)), verbose=True)
    more = shown(Settings("alice@example.test", PLACE, (PLACE, other)), verbose=True)

    assert "  Also asked:" not in alone
    assert "  Also asked:" in more and "example.test has none" in more[-1]


def test_no_line_is_wider_than_the_screen() -> None:
    long = "the sources differ about imap: " + " and ".join(f"h{n}.example.test" for n in range(12))

    told = shown(Settings("alice@example.test", PLACE, (PLACE,), (long,)), (OK_WALK, OK_WALK))

    assert max(map(len, told)) <= 80


# --- explain ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "code", "id_"),
    [
        (["550", "5.7.1", "Relaying", "denied"], 0, "relay-denied"),
        (["a1 NO sorry"], 0, "unknown-refusal"),
        (["hello", "world"], 3, "not-known"),
    ],
)
def test_words_are_taken_together_and_what_is_none_of_ours_is_said_to_be(
    words: list[str], code: int, id_: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", *words, "--json"]) == code

    assert json.loads(capsys.readouterr().out)["reply"]["kind"] == id_


def test_bytes_that_are_no_text_are_not_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\xfe\x00\x01")))

    assert run(["explain"]) == 3
    assert "is known here" in " ".join(capsys.readouterr().out.split())
