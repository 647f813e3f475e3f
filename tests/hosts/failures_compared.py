"""Makes every failure of the lab's table, asks each program about it, and writes docs/failures-compared.md.

Run by `scripts/compare-failures`. The programs run on a Debian 13 host of their own, with the lab's
resolver; `test-connection` runs here. The page names no address of a host.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from provisioner import sandbox
from provisioner.cli.app import run
from provisioner.sandbox import SandboxHost
from tests.conftest import booted, layer_of, succeed
from tests.hosts.connection_lab import FAILURES, PASSWORD, Lab, connection_lab, dropping
from tests.hosts.failure_tools import (
    AUTHORITY,
    COMMANDS,
    MESSAGE,
    PROGRAMS,
    PYTHON,
    Attempt,
    attempt,
    shortened,
)

PAGE = Path(__file__).parents[2] / "docs" / "failures-compared.md"
PACKAGES = (
    "swaks libnet-ssleay-perl libnet-dns-perl libio-socket-inet6-perl libauthen-sasl-perl"
    " libdigest-hmac-perl libauthen-ntlm-perl curl openssl python3 ca-certificates"
)
PASSWORDS = {"FOLDER/password": PASSWORD, "FOLDER/wrong": "wrong horse"}


@dataclass(frozen=True)
class Said:
    """What a program came to."""

    status: int
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Ours:
    """What `test-connection` shows at the step that failed, what that means, and what to do."""

    step: str
    says: str
    do: tuple[str, ...]


@dataclass(frozen=True)
class Row:
    """One failure, and what each program came to. `said` lacks a program that can't try it."""

    kind: str
    tried: Attempt
    ours: Ours
    said: dict[str, Said]


def main() -> int:
    """Make the failures, write the page."""
    with (
        tempfile.TemporaryDirectory() as name,
        connection_lab(Path(name)) as lab,
        booted("trixie", layer_of("trixie", "mail-testing-tools", _install)) as client,
    ):
        set_up(lab, client)
        PAGE.write_text(written(lab, client), encoding="utf-8")
    print(f"written: {PAGE.name}")
    return 0


def _install(host: SandboxHost) -> None:
    succeed(host, f"apt-get update -q && apt-get install -y -q --no-install-recommends {PACKAGES} 2>&1")


def set_up(lab: Lab, client: SandboxHost) -> None:
    """Give the host of the other programs the lab's resolver, its authority, and what they send."""
    root = (lab.folder / "root.pem").read_text()
    succeed(client, f"echo nameserver {lab.names.address} > /etc/resolv.conf")
    succeed(client, f"cat > {AUTHORITY} <<'END'\n{root}\nEND")
    succeed(client, f"cat > /root/talk.py <<'END'\n{PYTHON}\nEND")
    succeed(client, f"cat > /root/message <<'END'\n{MESSAGE}END")


def written(lab: Lab, client: SandboxHost) -> str:
    """The page, after every failure was made."""
    versions = succeed(
        client, "swaks --version | head -1; curl --version | head -1; openssl version; python3 --version"
    )
    return without_traces(page(compare(lab, client), versions.splitlines()), lab, client)


def compare(lab: Lab, client: SandboxHost) -> list[Row]:
    """Every failure of the table; of those alike in kind and protocol, the first."""
    chosen: dict[tuple[str, str], tuple[str, tuple[str, ...], Attempt]] = {}
    for target, options, _, kind in FAILURES:
        tried = attempt(target, options, PASSWORDS)
        chosen.setdefault((kind, tried.protocol.value), (target, options, tried))
    attempts = [tried for _, _, tried in chosen.values()]
    with ThreadPoolExecutor(len(PROGRAMS)) as pool:
        answers = dict(zip(PROGRAMS, pool.map(lambda p: _ask(client, p, attempts), PROGRAMS), strict=True))
    rows = []
    for index, ((kind, _), (target, options, tried)) in enumerate(chosen.items()):
        ours = _ours(lab, target, options)
        said = {program: answers[program][index] for program in PROGRAMS if index in answers[program]}
        rows.append(Row(kind, tried, ours, said))
    return rows


def _ask(client: SandboxHost, program: str, attempts: list[Attempt]) -> dict[int, Said]:
    """What one program says to each attempt that it can make, by the attempt's place."""
    found = {}
    for index, tried in enumerate(attempts):
        command = COMMANDS[program](tried)
        if command:
            status, text = sandbox.execute(client.name, f"{{ {command}; }} 2>&1")
            found[index] = Said(status, tuple(shortened(program, text)))
    return found


def _ours(lab: Lab, target: str, options: tuple[str, ...]) -> Ours:
    command = ["test-connection", target, "--json", "--timeout", "4", "--reach", f"{lab.server.address}/32"]
    command += ["--resolver", lab.names.address, "--authorities", str(lab.folder / "root.pem")]
    command += [option.replace("FOLDER", str(lab.folder)) for option in options]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert run(command) == 3, printed.getvalue()
    last = json.loads(printed.getvalue())["connections"][-1]["steps"][-1]
    step = f"✗ {last['step']}  {' '.join(last['detail'].split())}"
    return Ours(step, last["means"]["says"], tuple(last["means"]["do"]))


# --- the page ---------------------------------------------------------------------------------

HEAD = """\
# What others say of the same failure

{rows} failures of {kinds} kinds, each made for real on Postfix, Dovecot, `openssl s_server`, a firewall
and a validating resolver, and what swaks, curl, `openssl s_client` and Python's own modules (smtplib,
imaplib, poplib) say of each, beside what [`provision test-connection`](test-connection.md) says.
`scripts/compare-failures` makes them all again and writes this page; do not edit it.
`tests/hosts/test_connection_failures.py` tests each kind.

The others ran on Debian 13: {versions}.
Each was told what `test-connection` was told: the port, how it is encrypted, the authority to trust, the
login. They check certificates and names (`swaks --tls-verify`, `curl --cacert`, `openssl s_client
-verify_return_error -verify_hostname`, Python's `create_default_context`). Outputs are shortened to the
lines that say something; addresses are replaced by those for documentation.
"""
AFTER = """\
A program is left out of a table where it can't get that far: swaks speaks only SMTP, curl and Python look
up no MX, Python chooses the way to log in itself, `openssl s_client` ends with the handshake. The row of
`test-connection` has the step that failed with what was seen, what that means, and what to do.

These are other tools, made for other ends. swaks shows the whole conversation and sends what it is told,
broken on purpose where one wants that; `-v` of `test-connection` shows the conversation too. `openssl
s_client` shows every detail of a certificate. curl and Python's modules are parts of programs. What they
leave to the reader is to know what an answer means; where a server answers in clear words (`User unknown`),
all five say the same.

What one can't tell from the others at all:

- a port with TLS from the start, begun in plain text, is a time-out in all: both sides wait for the other;
- a missing intermediate certificate looks like an authority that nobody knows;
- a domain with broken DNSSEC, one whose name servers refuse, and a network without DNS look alike;
- curl goes on without the login where a server offers none, and ends well;
- `openssl s_client` goes on with the handshake after a server has refused the greeting or EHLO.
"""
_NAMES = {"swaks": "swaks", "curl": "curl", "openssl": "`openssl s_client`", "python": "Python"}
_ENCRYPTIONS = {"tls": "TLS from the start", "starttls": "STARTTLS", "none": "no encryption"}


def page(rows: list[Row], versions: list[str]) -> str:
    """The whole page."""
    kinds = len({row.kind for row in rows})
    head = HEAD.format(rows=len(rows), kinds=kinds, versions=_versions(versions))
    return "\n".join([head, *_totals(rows), AFTER, *(line for row in rows for line in _section(row))])


def _versions(lines: list[str]) -> str:
    """`swaks 1`, `curl 2` …, of what each program calls its version."""
    return ", ".join(re.sub(r"^(\S+) (?:version )?(\S+).*", r"\1 \2", line) for line in lines)


def _totals(rows: list[Row]) -> list[str]:
    told = ["| program | could try | ended as if all were well |", "| --- | --- | --- |"]
    for program in PROGRAMS:
        said = [row.said[program] for row in rows if program in row.said]
        blind = [row.kind for row in rows if program in row.said and row.said[program].status == 0]
        which = f": {', '.join(dict.fromkeys(blind))}" if blind else ""
        told.append(f"| {_NAMES[program]} | {len(said)} | {len(blind)}{which} |")
    return [*told, f"| `provision test-connection` | {len(rows)} | 0 |", ""]


def _section(row: Row) -> list[str]:
    tried = row.tried
    where = f"`{tried.host}`, port 25 of its MX" if tried.domain else f"`{tried.host}:{tried.port}`"
    words = [tried.protocol.value.upper(), _ENCRYPTIONS[tried.encryption.value]]
    words += [f"login {tried.user}"] if tried.user else []
    words += [f"recipient {tried.to}"] if tried.to else []
    title = f"## {row.kind}, {tried.protocol.value.upper()}"
    told = [title, "", f"{where}: {', '.join(words)}.", "", "| program | says |", "| --- | --- |"]
    for program, said in row.said.items():
        lines = "<br>".join(map(_code, said.lines)) or "nothing"
        well = "" if said.status else "<br>and ends as if all were well"
        told.append(f"| {_NAMES[program]} | {lines}{well} |")
    meaning = "<br>".join([f"**{_prose(row.ours.says)}**", *map(_prose, row.ours.do)])
    return [*told, f"| `provision` | {_code(row.ours.step)}<br>{meaning} |", ""]


def _code(text: str) -> str:
    return f"`{' '.join(text.replace('|', '/').replace('`', chr(39)).split())}`"


def _prose(text: str) -> str:
    """Text between bars, in which a server's `<address>` is no tag."""
    return text.replace("|", "/").replace("<", "&lt;")


def without_traces(text: str, lab: Lab, client: SandboxHost) -> str:
    """`text` with addresses for documentation, and without what differs from run to run."""
    network = re.escape(lab.server.address.rpartition(".")[0])
    known = {lab.server.address: "192.0.2.10", lab.names.address: "192.0.2.53", client.address: "192.0.2.77"}
    known[dropping(lab.server.address)] = "192.0.2.25"
    text = re.sub(rf"{network}\.\d+", lambda found: known.get(found[0], "192.0.2.1"), text)
    text = re.sub(r"\b\d+ (ms|milliseconds)\b", r"… \1", text)
    text = re.sub(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\]", "[when]", text)
    text = re.sub(r"\([\d.+ ]+ secs\)", "(… secs)", text)
    for host in (lab.server, lab.names, client):
        text = text.replace(host.name, "host")
    return text
