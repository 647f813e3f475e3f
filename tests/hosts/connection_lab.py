"""A mail server on which every failure of a connection can be had, with its DNS; and the table of them.

`test_connection_failures.py` tests what `test-connection` says of each; `failures_compared.py` sets that
beside what other programs say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioner.sandbox import SandboxHost
from tests.conftest import booted, mail_layer, succeed, unstarted_layer
from tests.hosts.lab_names import REFUSING, LabZone, serve

PASSWORD = "right horse"


@dataclass(frozen=True)
class Lab:
    """A mail server with faults, and the DNS that knows it."""

    server: SandboxHost
    names: SandboxHost
    folder: Path


@contextmanager
def connection_lab(
    folder: Path, layer: str = "", more: Callable[[str, str], dict[str, LabZone]] | None = None
) -> Iterator[Lab]:
    """Both hosts for the time of a `with` block; the authority and the passwords are put into `folder`.

    `layer` is another for the name server's host; `more` gives further zones for the addresses of both.
    """
    with (
        booted("trixie", mail_layer("trixie")) as server,
        booted("bookworm", layer or unstarted_layer("bookworm", "knot", "unbound")) as names,
    ):
        serve(names, zones(server.address) | (more(server.address, names.address) if more else {}))
        script = Path(__file__).with_name("connection_servers.sh").read_text(encoding="utf-8")
        # The server looks up who connects to it, so that it needs the lab's DNS too.
        succeed(server, f"cat > /root/lab.sh <<'END'\n{script}\nEND")
        succeed(server, f"sh /root/lab.sh {names.address} {dropping(server.address)} 2>&1")
        (folder / "root.pem").write_text(succeed(server, "cat /srv/lab/root.pem"))
        (folder / "password").write_text(PASSWORD + "\n")
        (folder / "wrong").write_text("wrong horse\n")
        yield Lab(server, names, folder)


def dropping(address: str) -> str:
    """A second address of the server, at which its firewall drops port 25."""
    return f"{address.rpartition('.')[0]}.250"


def zones(address: str) -> dict[str, LabZone]:
    """Names for the server, and names with faults of their own; the list names whoever connects from here."""
    listed = ".".join(reversed(address.split(".")[:3]))
    here = f"@ IN A {address}\n"
    return {
        "mail.lab": LabZone(here),
        "mx.lab": LabZone(here),
        "drop.lab": LabZone(f"@ IN A {dropping(address)}\n"),
        "text.lab": LabZone('@ IN TXT "no address"\n'),
        "half.lab": LabZone(here + "@ IN AAAA ::1\n"),
        "elsewhere.lab": LabZone(
            "@ IN MX 10 mx.lab.\n_imaps._tcp IN SRV 0 1 993 mail.lab.\n"
            "_submissions._tcp IN SRV 0 1 465 mail.lab.\n",
            signed=True,
        ),
        "bl.lab": LabZone(f'*.{listed} IN A 127.0.0.2\n*.{listed} IN TXT "tests"\n'),
        "refused.lab": LabZone(server=REFUSING, loaded=False),
        "bogus.lab": LabZone(here, signed=True, ds="wrong"),
        "null.lab": LabZone("@ IN MX 0 .\n"),
        "nothing.lab": LabZone('@ IN TXT "nothing"\n'),
        "broken.lab": LabZone("@ IN MX 10 away\n"),
        "second.lab": LabZone(
            "@ IN MX 10 away\n@ IN MX 15 in\nin IN A 127.0.0.1\n@ IN MX 20 drop.lab.\n@ IN MX 30 mx.lab.\n"
        ),
        "inside.lab": LabZone("@ IN MX 10 mx\nmx IN A 127.0.0.1\n"),
    }


LOGIN = ("--user", "alice@lab.test", "--password-file", "FOLDER/password")
ALICE = ("--user", "alice", "--password-file", "FOLDER/password")
UNREADABLE = ("--user", "unreadable@lab.test", "--password-file", "FOLDER/password")
LOCKED = ("--user", "locked@lab.test", "--password-file", "FOLDER/password")
WRONG = ("--user", "alice@lab.test", "--password-file", "FOLDER/wrong")
PLAIN = ("--encryption", "none")
SMTPS = ("--protocol", "smtp", "--encryption", "tls")
TO = ("--from", "carol@elsewhere.lab", "--to")
AS_BOB = (*LOGIN, "--from", "bob@lab.test", "--to", "alice@lab.test")
STRANGER = ("--protocol", "smtp", "--from", "x@nowhere.lab", "--to", "alice@lab.test")
SENT = (*TO, "alice@lab.test", "--send")

FAILURES: list[tuple[str, tuple[str, ...], str, str]] = [
    # --- names
    ("absent.lab:25", (), "name", "name-unknown"),
    ("smtp.gmial.com:587", (), "name", "name-mistyped"),
    ("text.lab:25", (), "name", "name-without-address"),
    ("refused.lab:25", (), "name", "resolver-refuses"),
    ("bogus.lab:25", (), "name", "dnssec-bogus"),
    ("null.lab", (), "route", "null-mx"),
    ("nothing.lab", (), "route", "no-mx"),
    ("broken.lab", (), "name", "mx-broken"),
    ("inside.lab", (), "name", "leads-inside"),
    # --- connecting
    ("mail.lab:9", ("--protocol", "smtp"), "connect", "refused"),
    ("mail.lab:2501", ("--protocol", "smtp", "--timeout", "1"), "connect", "timed-out"),
    ("drop.lab:25", ("--timeout", "1"), "connect", "port-25-blocked"),
    ("mail.lab:2502", ("--protocol", "smtp"), "connect", "forbidden"),
    ("mail.lab:9101", ("--protocol", "smtp"), "greeting", "closed-at-once"),
    # --- greeting and hello
    ("mail.lab:993", ("--encryption", "starttls", "--timeout", "3"), "greeting", "tls-from-the-start"),
    ("mail.lab:465", ("--encryption", "starttls", "--timeout", "3"), "greeting", "tls-from-the-start"),
    ("mail.lab:25", ("--encryption", "tls"), "tls", "plain-text-first"),
    ("mail.lab:143", ("--encryption", "tls"), "tls", "plain-text-first"),
    ("mail.lab:9102", ("--protocol", "smtp", "--timeout", "2"), "greeting", "silent"),
    ("mail.lab:9110", ("--protocol", "smtp"), "greeting", "wrong-service"),
    ("mail.lab:143", ("--protocol", "smtp"), "greeting", "wrong-service"),
    ("mail.lab:9103", ("--protocol", "smtp"), "greeting", "greeting-refused"),
    ("mail.lab:2506", ("--protocol", "smtp"), "greeting", "block-listed"),
    ("mail.lab:2505", ("--protocol", "smtp", "--helo", "laptop"), "hello", "hello-refused"),
    # --- encryption
    ("mail.lab:2503", ("--protocol", "smtp"), "tls", "starttls-missing"),
    ("mail.lab:2504", ("--protocol", "smtp"), "tls", "starttls-refused"),
    ("mail.lab:9001", SMTPS, "tls", "tls-version"),
    ("mail.lab:9002", SMTPS, "tls", "tls-ciphers"),
    ("mail.lab:9003", SMTPS, "certificate", "tls-weak"),
    ("mail.lab:9004", SMTPS, "greeting", "tls-client-certificate"),
    ("mail.lab:9101", SMTPS, "tls", "tls-broken"),
    # --- certificate
    ("mail.lab:9005", SMTPS, "certificate", "certificate-untrusted"),
    ("mail.lab:9006", SMTPS, "certificate", "certificate-self-signed"),
    ("mail.lab:9007", SMTPS, "certificate", "certificate-chain"),
    ("mail.lab:9008", SMTPS, "certificate", "certificate-expired"),
    ("mail.lab:2516", ("--protocol", "smtp"), "certificate", "certificate-expired"),
    ("mail.lab:9009", SMTPS, "certificate", "certificate-early"),
    ("mail.lab:9010", SMTPS, "certificate", "certificate-name"),
    # --- login
    ("mx.lab:25", LOGIN, "login", "login-not-offered"),
    ("mail.lab:587", (*PLAIN, *LOGIN), "login", "login-needs-tls"),
    ("mail.lab:143", (*PLAIN, *LOGIN), "login", "login-needs-tls"),
    ("mail.lab:587", WRONG, "login", "login-wrong"),
    ("mail.lab:465", WRONG, "login", "login-wrong"),
    ("mail.lab:993", WRONG, "login", "login-wrong"),
    ("mail.lab:995", WRONG, "login", "login-wrong"),
    ("mail.lab:587", ALICE, "login", "login-wants-address"),
    ("mail.lab:993", LOCKED, "login", "account-disabled"),
    ("mail.lab:587", (*LOGIN, "--mechanism", "CRAM-MD5"), "login", "login-mechanism"),
    ("mail.lab:9104", ("--protocol", "smtp", *PLAIN, *LOGIN), "login", "login-oauth-only"),
    ("mail.lab:9105", ("--protocol", "smtp", *PLAIN, *LOGIN), "login", "login-method"),
    ("mail.lab:9106", ("--protocol", "smtp", *PLAIN, *LOGIN), "login", "login-cut"),
    ("mail.lab:9107", ("--protocol", "smtp", *PLAIN, *LOGIN), "login", "login-disabled-by-admin"),
    ("mail.lab:9108", ("--protocol", "smtp", *PLAIN, *LOGIN), "login", "login-app-password"),
    ("mail.lab:9109", ("--protocol", "imap", *PLAIN, *LOGIN), "login", "password-expired"),
    ("mail.lab:9111", ("--protocol", "smtp", *PLAIN, *LOGIN), "login", "login-unavailable"),
    ("mail.lab:993", UNREADABLE, "mailbox", "mailbox-unreadable"),
    ("mail.lab:995", UNREADABLE, "mailbox", "mailbox-unreadable"),
    # --- sender and recipient
    ("mail.lab:587", (*TO, "alice@lab.test"), "recipient", "auth-required"),
    ("mail.lab:587", (*PLAIN, *TO, "alice@lab.test"), "sender", "tls-required"),
    ("mail.lab:25", (*TO, "dave@nowhere.lab"), "recipient", "relay-denied"),
    ("mail.lab:587", AS_BOB, "recipient", "sender-not-owned"),
    ("mail.lab:2511", STRANGER, "recipient", "sender-domain-unknown"),
    ("mail.lab:25", (*TO, "nobody@lab.test"), "recipient", "recipient-unknown"),
    ("mail.lab:587", (*LOGIN, "--to", "dave@nowhere.lab"), "recipient", "recipient-domain-unknown"),
    ("mail.lab:25", (*TO, "rename@lab.test"), "recipient", "recipient-moved"),
    ("mail.lab:25", (*TO, "gone@lab.test"), "recipient", "recipient-disabled"),
    ("mail.lab:25", (*TO, "full@lab.test"), "recipient", "mailbox-full"),
    ("mail.lab:25", (*TO, "grey@lab.test"), "recipient", "greylisted"),
    ("mail.lab:2507", ("--protocol", "smtp", *TO, "alice@lab.test"), "recipient", "ptr-missing"),
    ("mail.lab:2508", ("--protocol", "smtp", *TO, "alice@lab.test"), "recipient", "server-fault"),
    ("mail.lab:2513", ("--protocol", "smtp", *TO, "alice@lab.test"), "sender", "disk-full"),
    ("mail.lab:9112", ("--protocol", "smtp", *PLAIN, *TO, "alice@lab.test"), "sender", "shutting-down"),
    # --- the message
    ("mail.lab:2512", ("--protocol", "smtp", *SENT), "message", "too-large"),
    ("mail.lab:2514", ("--protocol", "smtp", *SENT), "message", "spam"),
]  # fmt: skip
"""Target, options, the step that fails, the kind of failure."""
