"""What a name server publishes against what is needed, asked over a real socket on loopback."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from provisioner.dns import findings_text
from provisioner.dns.compare import Finding, compared
from provisioner.dns.published import ask
from provisioner.dns.records import Entry, merged
from provisioner.dns.resolver import name_server
from provisioner.errors import InputError
from provisioner.roles.model import Record

KEY = "v=DKIM1; k=rsa; p=" + "QUJD" * 120


@contextmanager
def name_server_with(
    zone: dict[tuple[str, str], list[str]], rcode: int = 0, mute: bool = False
) -> Iterator[str]:
    """A server on loopback that answers from `zone`, with `rcode`, or not at all; its address and port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                query, client = server.recvfrom(4096)
                if not query:
                    return
                if mute:
                    continue
                message = dns.message.from_wire(query)
                question = message.question[0]
                key = (question.name.to_text(omit_final_dot=True), question.rdtype.name)
                reply = dns.message.make_response(message, recursion_available=True)
                reply.set_rcode(rcode)
                if values := zone.get(key):
                    reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", key[1], *values))
                elif not rcode and not any(name == key[0] for name, _ in zone):
                    reply.set_rcode(dns.rcode.NXDOMAIN)
                server.sendto(reply.to_wire(max_size=4096), client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        port = server.getsockname()[1]
        yield f"127.0.0.1:{port}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", port))
        thread.join(5)


def entries(*wanted: tuple[str, str, str]) -> tuple[Entry, ...]:
    return merged(("mx1", Record(name, type_, value, "mail")) for name, type_, value in wanted)


def checked(wanted: tuple[Entry, ...], resolver: str, seconds: float = 5.0) -> tuple[Finding, ...]:
    return compared(wanted, ask(((one.name, one.type) for one in wanted), resolver, seconds))


def quoted(text: str) -> str:
    return " ".join(f'"{text[at : at + 200]}"' for at in range(0, len(text), 200))


def test_what_is_published_as_needed_is_said_to_be_whatever_its_spelling() -> None:
    zone = {
        ("example.org", "MX"): ["10 MX1.Example.ORG."],
        ("example.org", "TXT"): ['"google-site-verification=x"', '"V=spf1 MX -all"'],
        ("k._domainkey.example.org", "TXT"): [quoted(KEY.replace("; ", ";"))],
        ("_dmarc.example.org", "TXT"): ['"v=DMARC1;  rua=mailto:a@b.example;p=none"'],
    }
    wanted = entries(
        ("example.org", "MX", "10 mx1.example.org"),
        ("example.org", "TXT", "v=spf1 mx -all"),
        ("k._domainkey.example.org", "TXT", KEY),
        ("_dmarc.example.org", "TXT", "v=DMARC1; p=none; rua=mailto:a@b.example"),
    )

    with name_server_with(zone) as resolver:
        findings = checked(wanted, resolver)

    assert {(finding.name, finding.outcome) for finding in findings} == {
        (name, "published") for name, _ in zone
    }
    assert len(findings) == 4


@pytest.mark.parametrize(
    ("wanted", "published", "outcome", "found"),
    [
        (("example.org", "TXT", "v=spf1 mx -all"), ['"v=spf1 a -all"'], "differs", ("v=spf1 a -all",)),
        (("example.org", "TXT", "v=spf1 mx -all"), ['"other=1"'], "missing", ()),
        (
            ("example.org", "TXT", "v=spf1 mx -all"),
            ['"v=spf1 mx -all"', '"v=spf1 -all"'],
            "differs",
            ("v=spf1 -all", "v=spf1 mx -all"),
        ),
        (("k._domainkey.example.org", "TXT", KEY), [quoted(KEY + "QQ")], "differs", (KEY + "QQ",)),
        (("example.org", "MX", "10 a.example.org"), ["20 a.example.org."], "differs", ("20 a.example.org.",)),
        (("mx1.example.org", "A", "192.0.2.1"), [], "missing", ()),
        (("a.example.org", "CNAME", "b.example.org"), ["c.example.org."], "differs", ("c.example.org.",)),
    ],
)
def test_what_differs_or_is_missing_is_named_with_both_sides(
    wanted: tuple[str, str, str], published: list[str], outcome: str, found: tuple[str, ...]
) -> None:
    with name_server_with({wanted[:2]: published} if published else {}) as resolver:
        (finding,) = checked(entries(wanted), resolver)

    assert (finding.outcome, tuple(sorted(finding.found))) == (outcome, tuple(sorted(found)))
    text = "\n".join(findings_text.lines([finding], resolver))
    assert f"✗ {outcome}" in text
    assert all(f"published  {value}" in text for value in found)
    assert f"needed     {finding.wanted[0]}" in text


def test_another_mx_beside_the_needed_one_is_named_and_no_fault() -> None:
    zone = {("example.org", "MX"): ["10 mx1.example.org.", "50 backup.example.net."]}

    with name_server_with(zone) as resolver:
        (finding,) = checked(entries(("example.org", "MX", "10 mx1.example.org")), resolver)

    assert finding.outcome == "published"
    assert finding.also == ("50 backup.example.net.",)
    assert "also there: 50 backup.example.net." in "\n".join(findings_text.lines([finding], resolver))


def test_the_worst_is_said_first_and_the_sum_of_all_last() -> None:
    wanted = entries(
        ("a.example.org", "A", "192.0.2.1"),
        ("b.example.org", "A", "192.0.2.2"),
        ("c.example.org", "A", "192.0.2.3"),
    )
    zone = {("a.example.org", "A"): ["192.0.2.1"], ("c.example.org", "A"): ["192.0.2.9"]}

    with name_server_with(zone) as resolver:
        findings = checked(wanted, resolver)

    assert [finding.outcome for finding in findings] == ["differs", "missing", "published"]
    last = list(findings_text.lines(findings, resolver))[-1]
    assert last == f"1 differs, 1 missing, 1 published. Asked {resolver}."
    assert findings_text.document(findings, resolver)["summary"] == {
        "differs": 1,
        "missing": 1,
        "unanswered": 0,
        "published": 1,
    }


def test_a_server_that_fails_is_no_proof_that_a_record_is_missing() -> None:
    with name_server_with({}, rcode=dns.rcode.SERVFAIL) as resolver:
        (finding,) = checked(entries(("example.org", "MX", "10 mx1.example.org")), resolver)

    assert (finding.outcome, finding.error) == ("unanswered", "127.0.0.1 answered SERVFAIL")


def test_a_mute_server_is_given_up_in_the_time_there_is_for_all_questions() -> None:
    wanted = entries(*((f"h{n}.example.org", "A", "192.0.2.1") for n in range(60)))

    started = time.monotonic()
    with name_server_with({}, mute=True) as resolver:
        findings = checked(wanted, resolver, seconds=0.3)

    assert {finding.outcome for finding in findings} == {"unanswered"}
    assert time.monotonic() - started < 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
        ("[::1]", ("::1", 53)),
    ],
)
def test_a_resolver_is_an_address_with_or_without_a_port(text: str, expected: tuple[str, int]) -> None:
    assert name_server(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "dns.example.org", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x", "[::1", "[::1]53", "[::1]:"],
)
def test_anything_else_is_no_resolver(text: str) -> None:
    with pytest.raises(InputError, match="is not an address with a port"):
        name_server(text)
