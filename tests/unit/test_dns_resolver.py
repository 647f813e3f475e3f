"""What the resolver makes of answers of every kind, over real sockets on loopback."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from provisioner.dns.exchangers import exchangers
from provisioner.dns.resolver import IN_FLIGHT, Reply, Resolver, Status

Answers = Callable[[dns.message.Message], list[bytes]]


def both_on_one_port() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket of one number: one that is free for both, which the first found need not be."""
    while True:
        packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        streams = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        packets.bind(("127.0.0.1", 0))
        try:
            streams.bind(packets.getsockname())
        except OSError:
            packets.close()
            streams.close()
        else:
            return packets, streams


@contextmanager
def server(udp: Answers, tcp: Answers | None = None) -> Iterator[str]:
    """A name server on loopback: each packet is answered with the packets that `udp` gives."""
    packets, streams = both_on_one_port()
    with packets, streams:
        port = packets.getsockname()[1]
        streams.listen()

        def serve() -> None:
            while True:
                wire, client = packets.recvfrom(4096)
                if not wire:
                    return
                for answer in udp(dns.message.from_wire(wire)):
                    packets.sendto(answer, client)

        def serve_streams() -> None:
            while True:
                try:
                    connection, _ = streams.accept()
                except OSError:
                    return
                with connection:
                    size = struct.unpack("!H", connection.recv(2))[0]
                    query = dns.message.from_wire(connection.recv(size))
                    for answer in tcp(query) if tcp else []:
                        connection.sendall(answer)

        threads = [threading.Thread(target=one, daemon=True) for one in (serve, serve_streams)]
        for thread in threads:
            thread.start()
        yield f"127.0.0.1:{port}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", ("127.0.0.1", port))
        streams.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(5)


def reply_to(query: dns.message.Message, *rrsets: str, rcode: int = 0, flags: int = 0) -> dns.message.Message:
    """A reply with these records, each written as `name TYPE value`."""
    reply = dns.message.make_response(query, recursion_available=True)
    reply.set_rcode(rcode)
    reply.flags |= flags
    for text in rrsets:
        name, rdtype, value = text.split(" ", 2)
        reply.answer.append(dns.rrset.from_text(name, 60, "IN", rdtype, value))
    return reply


def framed(message: dns.message.Message) -> bytes:
    wire = message.to_wire(max_size=65535)
    return struct.pack("!H", len(wire)) + wire


def test_an_answer_comes_with_its_records_and_what_the_resolver_says_of_their_truth() -> None:
    def udp(query: dns.message.Message) -> list[bytes]:
        return [reply_to(query, "example.org. MX 10 mx1.example.org.", flags=dns.flags.AD).to_wire()]

    with server(udp) as address:
        reply = Resolver(address).ask("Example.ORG.", "mx")

    assert (reply.status, reply.texts(), reply.authenticated) == (
        Status.FOUND, ("10 mx1.example.org.",), True
    )  # fmt: skip
    assert (reply.canonical, reply.ttl) == ("example.org", 60)


def test_aliases_are_followed_and_named() -> None:
    def udp(query: dns.message.Message) -> list[bytes]:
        chain = ("a.example.org. CNAME b.example.org.", "b.example.org. CNAME c.example.org.")
        return [reply_to(query, *chain, "c.example.org. A 192.0.2.1").to_wire()]

    with server(udp) as address:
        reply = Resolver(address).ask("a.example.org", "A")

    assert (reply.texts(), reply.canonical) == (("192.0.2.1",), "c.example.org")
    assert reply.aliases == ("a.example.org", "b.example.org")


def test_aliases_in_a_circle_are_an_answer_that_leads_nowhere() -> None:
    def udp(query: dns.message.Message) -> list[bytes]:
        circle = ("a.example.org. CNAME b.example.org.", "b.example.org. CNAME a.example.org.")
        return [reply_to(query, *circle).to_wire()]

    with server(udp) as address:
        reply = Resolver(address).ask("a.example.org", "A")

    assert reply.status is Status.MALFORMED
    assert "lead nowhere" in reply.detail


@pytest.mark.parametrize(
    ("rcode", "status"),
    [
        (dns.rcode.NXDOMAIN, Status.NXDOMAIN),
        (dns.rcode.NOERROR, Status.NODATA),
        (dns.rcode.SERVFAIL, Status.SERVFAIL),
        (dns.rcode.REFUSED, Status.REFUSED),
        (dns.rcode.NOTAUTH, Status.SERVFAIL),
    ],
)
def test_each_kind_of_no_is_told_apart(rcode: int, status: Status) -> None:
    with server(lambda query: [reply_to(query, rcode=rcode).to_wire()]) as address:
        reply = Resolver(address).ask("example.org", "A")

    assert reply.status is status
    assert reply.answered == (status in (Status.NXDOMAIN, Status.NODATA))


def test_the_zone_that_denies_is_named() -> None:
    def udp(query: dns.message.Message) -> list[bytes]:
        reply = reply_to(query)
        soa = "ns.example.org. root.example.org. 1 2 3 4 5"
        reply.authority.append(dns.rrset.from_text("example.org.", 60, "IN", "SOA", soa))
        return [reply.to_wire()]

    with server(udp) as address:
        reply = Resolver(address).ask("mx1.example.org", "SOA")

    assert (reply.status, reply.zone) == (Status.NODATA, "example.org")


def test_why_the_resolver_failed_is_said_where_it_says_so() -> None:
    def udp(query: dns.message.Message) -> list[bytes]:
        reply = reply_to(query, rcode=dns.rcode.SERVFAIL)
        reply.use_edns(0, options=[dns.edns.EDEOption(6, "signature expired")])
        return [reply.to_wire()]

    with server(udp) as address:
        reply = Resolver(address).ask("example.org", "A")

    assert "SERVFAIL (dnssec bogus: signature expired)" in reply.detail


def test_a_long_answer_is_taken_over_tcp() -> None:
    texts = [f'example.org. TXT "{number:04}{"x" * 200}"' for number in range(250)]

    def tcp(query: dns.message.Message) -> list[bytes]:
        return [framed(reply_to(query, *texts))]

    with server(lambda query: [reply_to(query, flags=dns.flags.TC).to_wire()], tcp) as address:
        reply = Resolver(address).ask("example.org", "TXT")

    assert (reply.status, len(reply.records)) == (Status.FOUND, 250)


@pytest.mark.parametrize(
    ("tcp", "status"),
    [
        (lambda query: [], Status.MALFORMED),
        (lambda query: [b"\x00\x10garbage"], Status.MALFORMED),
        (lambda query: [struct.pack("!H", 40), b"\xff" * 40], Status.MALFORMED),
    ],
)
def test_a_long_answer_that_breaks_off_is_no_answer(tcp: Answers, status: Status) -> None:
    with server(lambda query: [reply_to(query, flags=dns.flags.TC).to_wire()], tcp) as address:
        reply = Resolver(address, seconds=2.0).ask("example.org", "TXT")

    assert reply.status is status


def test_a_silent_server_is_one_that_did_not_answer() -> None:
    with server(lambda query: []) as address:
        reply = Resolver(address, seconds=0.1).ask("example.org", "A")

    assert reply.status is Status.TIMEOUT
    assert "did not answer" in reply.detail


def test_a_server_that_answers_nothing_from_the_start_is_given_up_for_all_that_follows() -> None:
    seen: list[int] = []

    def mute(query: dns.message.Message) -> list[bytes]:
        seen.append(query.id)
        return []

    with server(mute) as address:
        resolver = Resolver(address, seconds=0.05)
        replies = [resolver.ask(f"h{number}.example.org", "A") for number in range(30)]

    assert {reply.status for reply in replies} == {Status.TIMEOUT}
    assert len(set(seen)) <= 4
    assert replies[-1].detail == "the resolver has answered nothing so far"


def test_a_server_that_has_answered_once_is_asked_on_whatever_it_leaves_out() -> None:
    seen: set[int] = set()

    def fickle(query: dns.message.Message) -> list[bytes]:
        seen.add(query.id)
        name = str(query.question[0].name)
        return [reply_to(query, f"{name} A 192.0.2.1").to_wire()] if name.startswith("h0.") else []

    with server(fickle) as address:
        resolver = Resolver(address)
        assert resolver.ask("h0.example.org", "A").status is Status.FOUND
        resolver.seconds = 0.05
        for number in range(1, 10):
            resolver.ask(f"h{number}.example.org", "A")

    assert len(seen) == 10


def test_a_closed_port_is_told_at_once() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

    reply = Resolver(f"127.0.0.1:{port}", seconds=30).ask("example.org", "A")

    assert reply.status is Status.UNREACHABLE


@pytest.mark.parametrize("garbage", [b"x", b"\xff" * 600, b"\x00" * 12])
def test_garbage_is_no_answer(garbage: bytes) -> None:
    with server(lambda query: [garbage]) as address:
        reply = Resolver(address, seconds=1.0).ask("example.org", "A")

    assert reply.status is Status.MALFORMED


def test_a_guess_with_a_wrong_id_or_question_does_not_end_the_wait_for_the_true_answer() -> None:
    def udp(query: dns.message.Message) -> list[bytes]:
        wrong_id = reply_to(query, "example.org. A 203.0.113.1")
        wrong_id.id = query.id ^ 1
        other = dns.message.make_query("example.net", "A", id=query.id)
        wrong_name = reply_to(other, "example.net. A 203.0.113.1")
        true = reply_to(query, "example.org. A 192.0.2.1")
        return [b"\x00", wrong_id.to_wire(), wrong_name.to_wire(), true.to_wire()]

    with server(udp) as address:
        reply = Resolver(address).ask("example.org", "A")

    assert reply.texts() == ("192.0.2.1",)


def test_a_lost_packet_is_sent_again() -> None:
    seen: list[int] = []

    def udp(query: dns.message.Message) -> list[bytes]:
        seen.append(query.id)
        return [reply_to(query, "example.org. A 192.0.2.1").to_wire()] if len(seen) > 1 else []

    with server(udp) as address:
        reply = Resolver(address, seconds=3.0).ask("example.org", "A")

    assert reply.status is Status.FOUND


def test_a_server_that_knows_no_edns_is_asked_without() -> None:
    def udp(query: dns.message.Message) -> list[bytes]:
        if query.edns < 0:
            return [reply_to(query, "example.org. A 192.0.2.1").to_wire()]
        reply = reply_to(query, rcode=dns.rcode.FORMERR)
        reply.use_edns(False)
        return [reply.to_wire()]

    with server(udp) as address:
        reply = Resolver(address).ask("example.org", "A")

    assert reply.texts() == ("192.0.2.1",)


def test_a_question_is_asked_once_in_a_run_from_however_many_threads() -> None:
    asked: list[int] = []

    def udp(query: dns.message.Message) -> list[bytes]:
        asked.append(query.id)
        return [reply_to(query, "example.org. A 192.0.2.1").to_wire()]

    with server(udp) as address:
        replies = Resolver(address).ask_all([("example.org", "A")] * 20)

    assert {reply.texts() for reply in replies} == {("192.0.2.1",)}
    assert len(asked) == 1


def test_no_more_questions_are_under_way_than_sockets_may_be_open() -> None:
    """However many threads ask: a target's block lists alone are asked 64 at a time."""
    lock, under_way, most = threading.Lock(), 0, 0

    class Counted(Resolver):
        def _in_turn(self, query: object, name: str, rdtype: str) -> Reply:
            nonlocal under_way, most
            with lock:
                under_way += 1
                most = max(most, under_way)
            ready.wait(0.2)
            with lock:
                under_way -= 1
            return Reply(name, rdtype, Status.NXDOMAIN)

    ready = threading.Event()
    questions = [(f"n{number}.test", "A") for number in range(3 * IN_FLIGHT)]
    Counted("192.0.2.53").ask_all(questions, at_once=len(questions))

    assert most == IN_FLIGHT


def test_a_run_stops_asking_when_its_budget_or_its_time_is_used_up() -> None:
    def udp(query: dns.message.Message) -> list[bytes]:
        return [reply_to(query, f"{query.question[0].name} A 192.0.2.1").to_wire()]

    with server(udp) as address:
        replies = Resolver(address, budget=2).ask_all((f"h{n}.example.org", "A") for n in range(3))
        late = Resolver(address, within=0).ask("example.org", "A")

    assert sorted(reply.status for reply in replies) == [Status.FOUND, Status.FOUND, Status.OVER_BUDGET]
    assert (late.status, late.detail) == (Status.TIMEOUT, "no time was left to ask")


@pytest.mark.parametrize("name", ["a" * 64 + ".example.org", "a..example.org", ".".join(["abc"] * 70)])
def test_what_can_be_no_name_is_not_asked_for(name: str) -> None:
    assert Resolver("127.0.0.1:9").ask(name, "A").status is Status.MALFORMED


def test_mail_exchangers_come_best_first_each_once_with_their_addresses() -> None:
    zone = {
        ("example.org.", "MX"): "20 mx2.example.org.|10 MX1.example.org.|30 mx1.example.org.",
        ("mx1.example.org.", "A"): "192.0.2.1",
        ("mx1.example.org.", "AAAA"): "2001:db8::1",
    }

    def udp(query: dns.message.Message) -> list[bytes]:
        question = query.question[0]
        values = zone.get((str(question.name), question.rdtype.name), "")
        records = [f"{question.name} {question.rdtype.name} {value}" for value in values.split("|") if value]
        return [reply_to(query, *records).to_wire()]

    with server(udp) as address:
        found = exchangers("example.org", Resolver(address))

    assert [(host.preference, host.name) for host in found.hosts] == [
        (10, "mx1.example.org"),
        (20, "mx2.example.org"),
    ]
    assert found.hosts[0].addresses == ("192.0.2.1", "2001:db8::1")
    assert found.takes_mail
