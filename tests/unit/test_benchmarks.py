"""The comparison's own parts: what counts as reached, and a link that delays."""

from __future__ import annotations

import socket
import sys
import threading
import time

import pytest

from benchmarks.measuring import CommandFailed, run
from benchmarks.slowlink import SlowLink
from benchmarks.table import Measure, document, table


def test_a_goal_is_met_by_the_ratio_to_each_peer() -> None:
    reached = Measure(
        "x", {"provision": 1.0, "Ansible": 21.0, "pyinfra": 3.0}, {"Ansible": 1 / 20, "pyinfra": 1 / 3}, "s"
    )
    missed = Measure("x", {"provision": 1.0, "Ansible": 19.0, "pyinfra": 3.0}, reached.goals, "s")

    assert reached.met()
    assert not missed.met()


def test_a_value_that_could_not_be_measured_reaches_no_goal() -> None:
    assert not Measure("x", {"Ansible": 20.0}, {}, "s").met()
    assert not Measure("x", {"provision": 1.0}, {"Ansible": 1 / 20}, "s").met()


def test_a_limit_is_a_goal_too() -> None:
    assert Measure("x", {"provision": 120.0}, {}, "MB", limit=120).met()
    assert not Measure("x", {"provision": 121.0}, {}, "MB", limit=120).met()


def test_the_table_says_what_each_peer_took_and_whether_the_goal_is_met() -> None:
    text = table(
        {"hosts": 4}, [Measure("unchanged", {"provision": 0.5, "Ansible": 20.0}, {"Ansible": 1 / 20}, "s")]
    )

    assert "✓ unchanged" in text
    assert "Ansible" in text and "20.0 s" in text and "1/40" in text and "goal 1/20" in text


def test_the_document_holds_values_ratios_and_goals() -> None:
    measure = document({}, [Measure("m", {"provision": 1.0, "pyinfra": 4.0}, {"pyinfra": 0.5}, "s")])[
        "measures"
    ]

    assert measure == [
        {
            "name": "m", "unit": "s", "values": {"provision": 1.0, "pyinfra": 4.0},
            "ratios": {"pyinfra": 0.25}, "goals": {"pyinfra": 0.5}, "limit": None, "met": True,
        }
    ]  # fmt: skip


def test_a_slow_link_delays_each_round_trip_and_changes_nothing() -> None:
    server = socket.create_server(("127.0.0.1", 0))

    def echo() -> None:
        peer, _ = server.accept()
        while data := peer.recv(65536):
            peer.sendall(data)
        peer.close()

    threading.Thread(target=echo, daemon=True).start()
    with SlowLink(server.getsockname(), 0.1) as link, socket.create_connection(link.address, 5) as client:
        client.settimeout(5)
        client.sendall(b"one")
        client.recv(10)  # The first also waits for the link's own connection.
        begun = time.monotonic()
        client.sendall(b"two")
        answer = client.recv(10)
        taken = time.monotonic() - begun
    server.close()

    assert answer == b"two"
    assert 0.1 <= taken < 1.0


def test_a_command_that_fails_is_shown_with_what_it_said() -> None:
    with pytest.raises(CommandFailed, match="status 3:\nsorry"):
        run(["sh", "-c", "echo sorry; exit 3"], {})


def test_a_command_that_hangs_is_given_up() -> None:
    with pytest.raises(CommandFailed, match="more than"):
        run(["sleep", "20"], {}, timeout=0.2)


def test_what_a_command_took_is_measured() -> None:
    taken = run(["sh", "-c", "sleep 0.2; echo done"], {})

    assert 0.2 <= taken.seconds < 60
    assert taken.output == "done\n"
    assert taken.rss > 0.5


def test_the_most_files_that_a_command_has_open_are_counted() -> None:
    opened = "files = [open('/dev/null') for _ in range(200)]; import time; time.sleep(1); del files"

    assert 200 <= run([sys.executable, "-c", opened], {}).files < 250


def test_a_status_that_is_an_answer_is_no_failure() -> None:
    assert run(["sh", "-c", "echo no; exit 5"], {}, statuses=(0, 5)).output == "no\n"
