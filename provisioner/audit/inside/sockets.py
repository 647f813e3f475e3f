"""Sockets that listen to the network: what serves this host alone, and what nobody promised."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside import firewall
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, untested, warned

INTERNAL = Check(
    "sockets.internal",
    Severity.HIGH,
    "What serves this host alone listens on this host alone",
    "Databases, caches and the control ports of filters trust whoever reaches them, and are searched for"
    " in the whole internet.",
    "Bind it to 127.0.0.1 or to a socket file, as in MariaDB's `bind-address = 127.0.0.1`, Redis's"
    " `bind 127.0.0.1`, Rspamd's `bind_socket = 127.0.0.1:11334`.",
    "CIS Controls 4.8; the program's own documentation",
)
EXPECTED = Check(
    "sockets.expected",
    Severity.LOW,
    "Nothing else listens than what the server is for",
    "What nobody needs, nobody watches and nobody keeps up to date.",
    "`systemctl disable --now UNIT`, or bind it to 127.0.0.1.",
    "CIS Controls 4.8",
)
PROMISED = Check(
    "sockets.promised",
    Severity.HIGH,
    "Every port that the inventory deploys is listened on",
    "People and programs rely on a service that is not there.",
    "`systemctl status` and `journalctl -u` of the service; `provision apply` puts it back.",
    "docs/inventory.md",
)
CHECKS = (INTERNAL, EXPECTED, PROMISED)

_MAIL = frozenset({25, 110, 143, 465, 587, 993, 995, 4190})
_USUAL = frozenset({22, 80, 443})
_INTERNAL_PORTS = {
    24: "LMTP", 111: "rpcbind", 389: "LDAP", 783: "spamd", 2049: "NFS", 3306: "MySQL or MariaDB",
    3310: "ClamAV", 5432: "PostgreSQL", 6379: "Redis", 8891: "OpenDKIM", 8893: "OpenDMARC", 8983: "Solr",
    9200: "Elasticsearch", 10023: "Postgrey", 10024: "Amavis", 10025: "Postfix behind Amavis",
    10026: "Amavis", 11211: "memcached", 11332: "Rspamd's milter", 11333: "Rspamd",
    11334: "Rspamd's controller", 27017: "MongoDB",
}  # fmt: skip
_INTERNAL_PROGRAMS = {
    "mysqld": "MySQL", "mariadbd": "MariaDB", "postgres": "PostgreSQL", "redis-server": "Redis",
    "valkey-server": "Valkey", "memcached": "memcached", "rspamd": "Rspamd", "opendkim": "OpenDKIM",
    "opendmarc": "OpenDMARC", "spamd": "spamd", "clamd": "ClamAV", "postgrey": "Postgrey",
    "rpcbind": "rpcbind", "rpc.statd": "NFS", "amavisd-new": "Amavis", "mongod": "MongoDB",
    "slapd": "LDAP",
}  # fmt: skip
_INTERNAL_UDP = frozenset({111, 11211, 69, 1900})
_PROCESS = re.compile(r'"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Socket:
    """One listening socket."""

    protocol: str
    address: str
    port: int
    program: str

    @property
    def local(self) -> bool:
        """Whether only this host reaches it."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address).is_loopback

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.protocol} {host}:{self.port} {self.program or 'unknown program'}"


def audit(inside: Inside, subject: str, promised: frozenset[int] | None = None) -> Iterator[Finding]:
    """Judge what listens. `promised`: the ports that our inventory deploys; None for a server of others."""
    if not inside.ran("sockets"):
        unknown = untested("what listens could not be read")
        for check in CHECKS:
            yield unknown.of(check, subject)
        return
    opened = [socket for socket in sockets(inside) if not socket.local]
    internal = [socket for socket in opened if _service(socket)]
    yield _internal(internal, inside, promised or frozenset()).of(INTERNAL, subject)
    yield _expected([one for one in opened if one not in internal], promised, inside).of(EXPECTED, subject)
    yield _promised(sockets(inside), promised).of(PROMISED, subject)


def sockets(inside: Inside) -> list[Socket]:
    """What `ss -H -l -n -t -u -p` printed."""
    found = []
    for line in inside.output("sockets").splitlines():
        words = line.split()
        if len(words) < 6 or words[0] not in ("tcp", "udp"):
            continue
        address, _, port = words[4].rpartition(":")
        address = address.strip("[]").partition("%")[0]
        process = _PROCESS.search(line)
        if port.isdecimal():
            found.append(
                Socket(
                    words[0], "::" if address == "*" else address, int(port), process[1] if process else ""
                )
            )
    return found


def _service(socket: Socket) -> str:
    """What serves only its own host; empty for others."""
    if socket.protocol == "udp":
        return _INTERNAL_PORTS.get(socket.port, "a service") if socket.port in _INTERNAL_UDP else ""
    if socket.port in _MAIL | _USUAL:
        return ""
    return _INTERNAL_PROGRAMS.get(socket.program) or _INTERNAL_PORTS.get(socket.port, "")


def _internal(opened: list[Socket], inside: Inside, promised: frozenset[int]) -> Verdict:
    opened = [socket for socket in opened if socket.port not in promised]
    if not opened:
        return passed("databases, caches and filters are not open to the network")
    names = sorted({f"{_service(socket)} ({socket.port})" for socket in opened})
    shown = [str(socket) for socket in opened]
    if all(socket.protocol == "tcp" and firewall.shut(inside, socket.port) for socket in opened):
        return warned(
            f"{', '.join(names)} would be open to the network if the packet filter were off",
            *shown,
            severity=Severity.LOW,
        )
    return failed(f"open to the network: {', '.join(names)}", *shown)


def _expected(opened: list[Socket], promised: frozenset[int] | None, inside: Inside) -> Verdict:
    usual = _USUAL | (_MAIL if promised is None else promised)
    tcp = [one for one in opened if one.protocol == "tcp"]
    more = [one for one in tcp if one.port not in usual and not _is_ssh(one)]
    if not more:
        return passed(
            "nothing listens but mail, web and SSH"
            if promised is None
            else "only deployed ports and SSH are open"
        )
    shown = [str(one) for one in more]
    ports = ", ".join(sorted({f"{one.port} ({one.program or 'unknown'})" for one in more}))
    if all(firewall.shut(inside, one.port) for one in more):
        return passed(f"the packet filter keeps others from {ports}", *shown)
    if promised is None:
        return warned(f"also open: {ports}", *shown, severity=Severity.INFO)
    return warned(f"open, and not in the inventory: {ports}", *shown)


def _is_ssh(socket: Socket) -> bool:
    return socket.program.startswith("sshd")


def _promised(all_sockets: list[Socket], promised: frozenset[int] | None) -> Verdict:
    if promised is None:
        return skipped("the server is not in an inventory")
    there = {socket.port for socket in all_sockets if socket.protocol == "tcp" and not socket.local}
    missing = sorted(promised - there)
    if missing:
        return failed(f"nothing listens on {', '.join(map(str, missing))}")
    return passed(f"all {len(promised)} deployed ports are listened on")
