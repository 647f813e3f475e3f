"""The audit from inside: one exchange, whatever the host answers, joined with what is seen from outside."""

from __future__ import annotations

import re
import time
from base64 import b64encode
from types import TracebackType
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from inside_making import NOW
from test_audit_outside import Watched, Zone, audited

from provisioner.audit.finding import Outcome
from provisioner.audit.inside import judge, software
from provisioner.audit.inside.clock import Exchange
from provisioner.audit.inside.reading import SCRIPT, Reading, read
from provisioner.audit.inside.seen import FIRST_LINE, File, Inside, Output, parse
from provisioner.audit.judgement import Judgement
from provisioner.audit.outside import HostTarget
from provisioner.cli.audit import exit_code
from provisioner.errors import AuthenticationError, NotTouched
from provisioner.hosts.channels import Result
from provisioner.hosts.connection import Connection, Settings

NAMES = sorted(set(re.findall(r"(?:\boutput|\boutput_and_errors|\btold) ([a-z][a-z0-9-]+)", SCRIPT)))
"""Every output that the script has."""


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode() or "-"


def answer(*lines: str, packages: str = "") -> bytes:
    told = [FIRST_LINE, f"at {int(time.time())}", f"output packages-installed 0 {encoded(packages)}"]
    return "\n".join([*told, *lines, "end", ""]).encode()


class Host:
    """Stands in for the connection to a host."""

    def __init__(self, says: bytes, error: NotTouched | None = None) -> None:
        self.says, self.error = says, error
        self.exchanges = 0

    def connect(self, _settings: Settings) -> Host:
        if self.error:
            raise self.error
        return self

    def run(self, script: str, **_limits: object) -> Result:
        assert script == SCRIPT
        self.exchanges += 1
        return Result(0, self.says, b"")

    def close(self) -> None:
        pass

    def __enter__(self) -> Host:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


POSTFIX = "postfix 3.7.11-0+deb12u1 installed\ndovecot-core 1:2.3.19.1+dfsg1-2.1+deb12u1 installed\n"
EXIM = "exim4-daemon-light 4.96-15+deb12u7 installed\ndovecot-core 1:2.3.19.1+dfsg1-2.1 installed\n"
LISTENING = 'tcp LISTEN 0 100 0.0.0.0:25 0.0.0.0:* users:(("master",pid=9,fd=13))\n'


def target(addresses: tuple[str, ...] = ("192.0.2.1",), **more: object) -> HostTarget:
    login = Settings("mx.test", "mx.test", 22, "root")
    return HostTarget("root@mx.test", "mx.test", addresses, login=login, **more)  # type: ignore[arg-type]


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Host:
    host = Host(answer(f"output sockets 0 {encoded(LISTENING)}", packages=POSTFIX))
    monkeypatch.setattr("provisioner.hosts.connection.connect", host.connect)
    return host


def areas(judgement: Judgement) -> set[str]:
    return {finding.check.area for finding in judgement.findings}


def test_a_host_is_judged_from_both_sides_in_one_exchange(there: Host) -> None:
    gate = Watched()
    judgement = audited(target(promised=frozenset({25})), Zone({}), gate)
    assert there.exchanges == 1
    assert {"software", "files", "sockets"} <= areas(judgement)
    assert {port for _, port in gate.wanted} >= {25, 993}
    assert judgement.score is not None and judgement.error is None and judgement.inside_error is None


@pytest.mark.parametrize(
    ("checks", "exchanges", "contacted"),
    [(("sockets.expected",), 1, False), (("smtp.answers",), 0, True), (("sockets", "smtp"), 1, True)],
)
def test_what_no_chosen_check_needs_is_not_asked(
    there: Host, checks: tuple[str, ...], exchanges: int, contacted: bool
) -> None:
    gate = Watched()
    from provisioner.audit.catalogue import chosen

    audited(target(), Zone({}), gate, checks=chosen(checks))
    assert (there.exchanges, bool(gate.wanted)) == (exchanges, contacted)


def test_a_host_without_mail_ports_has_an_inside_all_the_same(there: Host) -> None:
    judgement = audited(target(), Zone({}))
    assert judgement.error is None
    assert "From outside, no mail port of mx.test answers." in judgement.notes
    assert exit_code([judgement], None) == 0


def test_a_host_whose_address_only_ssh_knows_is_judged_from_inside_alone(
    there: Host,
) -> None:
    note = "Nothing was judged from outside: DNS knows no address of mx.test."
    assert note in audited(target(addresses=()), Zone({})).notes
    assert note not in audited(target(addresses=(), promised=frozenset()), Zone({})).notes


def test_a_host_that_lets_nobody_in_is_judged_from_outside_and_the_exit_code_says_so(there: Host) -> None:
    there.error = AuthenticationError("root@mx.test:22 refused the login")
    zone = Zone({("192.0.2.1.reverse", "PTR"): ["mx.test."], ("mx.test", "A"): ["192.0.2.1"]})
    judgement = audited(target(), zone)
    assert judgement.error is None
    assert judgement.inside_error is there.error
    assert "reverse-dns" in areas(judgement)
    assert exit_code([judgement], None) == 5


def test_a_host_of_which_nothing_can_be_seen_has_one_reason(there: Host) -> None:
    there.error = NotTouched("mx.test:22 refuses connections")
    judgement = audited(target(addresses=()), Zone({}))
    assert judgement.error is there.error and judgement.inside_error is None
    assert exit_code([judgement], None) == 5


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"Last login: yesterday\n",
        answer()[:-5],
        answer("file a b c"),
        answer("output x 0 !!"),
        b"\xff\x00",
    ],
    ids=[
        "nothing",
        "a greeting",
        "no end",
        "a short line",
        "no base64",
        "bytes",
    ],  # an answer has the time in it
)
def test_an_answer_that_makes_no_sense_is_no_answer(there: Host, says: bytes) -> None:
    there.says = says
    judgement = audited(target(addresses=()), Zone({}))
    assert judgement.error is not None and "makes no sense" in judgement.error.message
    assert judgement.score is None


def test_the_ports_of_the_inventory_are_what_is_expected_to_listen(there: Host) -> None:
    found = audited(target(deployed=frozenset({25, 993})), Zone({}), checks=("sockets.promised",))
    (finding,) = found.of(Outcome.FAIL)
    assert finding.summary == "nothing listens on 993"
    assert finding.subject == "mx.test"


def test_a_defect_in_one_area_takes_nothing_else_with_it(
    there: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret value")

    monkeypatch.setattr("provisioner.audit.inside.software.audit", broken)
    judgement = audited(target(), Zone({}))
    (incomplete,) = (finding for finding in judgement.findings if finding.check.id == "audit.complete")
    assert "software of mx.test" in incomplete.summary
    assert "secret" not in str(incomplete)
    assert "files" in areas(judgement)


@pytest.mark.parametrize(
    ("packages", "outcome", "note"),
    [
        (POSTFIX, Outcome.PASS, ""),
        (
            EXIM,
            Outcome.SKIPPED,
            "The host runs Exim 4.96, whose settings are not judged from inside;"
            " those of Dovecot 2.3.19.1 are.",
        ),
        ("opensmtpd 6.8.0p2-5 installed\n", Outcome.SKIPPED,
         "The host runs OpenSMTPD 6.8.0p2, whose settings are not judged from inside."),
        ("postfix 3.7.11-0+deb12u1 config-files\n", Outcome.SKIPPED, "No mail server was found on the host."),
    ],
)  # fmt: skip
def test_a_mail_server_that_is_not_known_here_is_named(packages: str, outcome: Outcome, note: str) -> None:
    inside = parse(answer(packages=packages))
    (finding,) = software.audit(inside, "mx.test")
    assert finding.outcome is outcome
    assert software.note(inside) == note


def test_a_mail_server_without_a_package_is_known_by_its_program() -> None:
    listening = LISTENING.replace("master", "docker-proxy")
    inside = parse(answer(f"output sockets 0 {encoded(listening)}"))
    assert software.note(inside) == (
        "The host runs a container at port 25, whose settings are not judged from inside."
    )


def test_our_own_clock_is_read_before_and_after(there: Host) -> None:
    before = time.time()
    reading = read(cast("Connection", there))
    assert before <= reading.exchange.sent <= reading.exchange.received <= time.time()


WORDS = [*("file", "output", "at", "end", "-", ".", "0", "-1", "644"), "9" * 20, "YQ==", "x", "é", "１"]
words = st.sampled_from(WORDS)


@given(st.lists(st.lists(words, max_size=9).map(" ".join), max_size=6))
@example(["at 99999999999999999999"])
def test_any_answer_is_read_or_refused(lines: list[str]) -> None:
    try:
        inside = parse("\n".join([FIRST_LINE, *lines, "end"]).encode())
    except NotTouched as refusal:
        assert len(refusal.message) <= 300
    else:
        assert 0 <= inside.at < 2**40
        assert all(0 <= output.status < 256 for output in inside.outputs.values())


PIECES = (
    *("0", "7", "-1", "644", "99999999999999999999", "²", "root", "/", "/etc/x", "é", "\x1b[2J", "\x00"),
    *("=", " = ", ":", "|", " ", "\t", "\n", "\n\n", "{", "}", "[", "]", "%"),
    *("count", "sender", "lines", "login", "address", "trouble", "installed", "tcp", "udp", "yes", "no"),
    *("jail ", "Inst a [1] (2 x)", "Id=a.timer\nLoadState=loaded", "file /x\n", "port 25\n"),
    "-A INPUT -p tcp --dport",
    "chain input { type filter hook input priority 0; policy drop; }",
    "-----BEGIN CERTIFICATE-----\n",
    "-----END CERTIFICATE-----\n",
)
pieces = st.sampled_from(PIECES)
texts = st.lists(pieces, max_size=12).map("".join)


@settings(max_examples=200)
@given(st.dictionaries(st.sampled_from(NAMES), texts, max_size=8), st.sampled_from([0, 1, 124, 127]), texts)
def test_nothing_that_a_host_says_breaks_a_judgement(said: dict[str, str], status: int, release: str) -> None:
    outputs = {name: Output(0, "") for name in NAMES} | {
        name: Output(status, text) for name, text in said.items()
    }
    files = {
        "/etc/os-release": File("/etc/os-release", "file", 0o644, "root", "root", 9, NOW, release.encode())
    }
    reading = Reading(Inside(NOW, files, outputs), Exchange(NOW, NOW + 1))
    known = judge.Known("mx.test", frozenset({25}))
    for area in judge.AREAS:
        found = list(judge.findings(area, reading, known))
        assert {finding.check for finding in found} <= set(area.CHECKS)
        assert all(len(finding.summary) <= 400 for finding in found)
