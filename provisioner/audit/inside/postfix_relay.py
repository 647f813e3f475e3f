"""For whom Postfix sends mail on: networks, restrictions, tables that let somebody in, logins."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import replace

from provisioner.audit.finding import Check, Finding, Severity
from provisioner.audit.inside.postfix_view import Port, Postfix, judged
from provisioner.audit.inside.seen import Inside
from provisioner.audit.verdict import Verdict, failed, passed, skipped, warned

NETWORKS = Check(
    "postfix.mynetworks",
    Severity.HIGH,
    "Only this host's own networks may relay without a login",
    "Whoever is in mynetworks sends anything to anybody without a login. A wide range makes an open"
    " relay, and"
    " a proxy or a container network brings strangers into it.",
    "main.cf: `mynetworks = 127.0.0.0/8 [::1]/128`, and single addresses of machines that must send"
    " through it.",
    "postconf(5), mynetworks; RFC 2505 §2.1",
)
RELAY = Check(
    "postfix.relay-restrictions",
    Severity.CRITICAL,
    "Mail of strangers for other domains is refused",
    "An open relay sends spam for the whole world within hours, and is then on every block list.",
    "main.cf: `smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated,"
    " reject_unauth_destination`.",
    "postconf(5), smtpd_relay_restrictions; RFC 2505 §2.1",
)
ACCESS = Check(
    "postfix.access-tables",
    Severity.MEDIUM,
    "No access table lets somebody in by a name that can be forged",
    "Anybody can claim a sender or a HELO name. Whoever is let in by one gets past every filter behind"
    " it, and"
    " before reject_unauth_destination also relays.",
    "In the table: `DUNNO` in place of `OK`; let servers in by address, with check_client_access.",
    "access(5); SMTPD_ACCESS_README, Dangerous use of smtpd_recipient_restrictions",
)
CERTIFICATES = Check(
    "postfix.client-certificates",
    Severity.HIGH,
    "No certificate of a public authority is enough to relay",
    "permit_tls_all_clientcerts lets in whoever has a certificate of any authority that Postfix trusts:"
    " with the"
    " system's authorities, that is everybody.",
    "main.cf: `permit_tls_clientcerts` with relay_clientcerts in its place.",
    "postconf(5), permit_tls_all_clientcerts",
)
PORT_25 = Check(
    "postfix.login-on-25",
    Severity.LOW,
    "Port 25 takes no logins",
    "Port 25 is for other servers. Bots guess passwords there first, where limits have to be generous.",
    "main.cf: `smtpd_sasl_auth_enable = no`; master.cf, below submission and submissions:"
    " `-o smtpd_sasl_auth_enable=yes`.",
    "RFC 8314 §3.3, RFC 6409 §3.1",
)
SENDERS = Check(
    "postfix.sender-login",
    Severity.MEDIUM,
    "Who logs in sends with addresses of their own",
    "Otherwise each user, and whoever has one user's password, sends in the name of every other, signed"
    " by the"
    " server.",
    "main.cf: `smtpd_sender_login_maps = hash:/etc/postfix/senders` (address → login), and"
    " `reject_sender_login_mismatch` first in smtpd_sender_restrictions of submission.",
    "postconf(5), smtpd_sender_login_maps; RFC 6409 §6.1",
)
CHECKS = (NETWORKS, RELAY, ACCESS, CERTIFICATES, PORT_25, SENDERS)

_LISTS = tuple(
    f"smtpd_{name}_restrictions" for name in ("client", "helo", "sender", "relay", "recipient", "data")
)
_REFUSALS = ("reject", "defer", "defer_if_permit", "reject_unauth_destination", "defer_unauth_destination")
_PERMITS = re.compile(r"permit(_inet_interfaces|_naked_ip_address)?$")
_FORGEABLE = ("check_sender_access", "check_helo_access")


def audit(inside: Inside, subject: str) -> Iterator[Finding]:
    """Judge who may relay. Subject of each finding: the host."""
    return judged(
        inside,
        subject,
        {
            NETWORKS: _networks,
            RELAY: _relay,
            ACCESS: _access,
            CERTIFICATES: _certificates,
            PORT_25: _port_25,
            SENDERS: _senders,
        },
    )


def _networks(postfix: Postfix) -> Verdict:
    everybody, public, private = [], [], []
    for word in postfix.words("mynetworks"):
        try:
            network = ipaddress.ip_network(re.sub(r"[\[\]]", "", word), strict=False)
        except ValueError:
            continue  # A table, or an exclusion.
        if network.prefixlen <= (4 if network.version == 4 else 8):
            everybody.append(word)
        elif network.is_loopback or word.startswith("[::ffff:127."):
            continue
        elif network.is_global and network.prefixlen < (29 if network.version == 4 else 64):
            public.append(word)
        elif network.num_addresses > 256 and network.version == 4:
            private.append(word)
    at, name = postfix.at, "mynetworks"
    if everybody:
        return at(failed(f"{', '.join(everybody)} is the whole internet: an open relay",
                         severity=Severity.CRITICAL), name)  # fmt: skip
    if public:
        return at(failed(f"{', '.join(public[:5])} may relay without a login"), name)
    if private:
        said = f"{', '.join(private[:5])} may relay without a login: many machines"
        return at(warned(said, severity=Severity.MEDIUM), name)
    return at(passed("no wide network may relay without a login"), name)


def _flat(postfix: Postfix, words: list[str], depth: int = 5) -> Iterator[str]:
    """A list with classes of restrictions replaced by what is in them (RESTRICTION_CLASS_README)."""
    classes = postfix.words("smtpd_restriction_classes")
    for word in words:
        if word in classes and depth:
            yield from _flat(postfix, postfix.words(word), depth - 1)
        else:
            yield word


def _open_at(postfix: Postfix, name: str, port: Port) -> str | None:
    """The word in a list that lets strangers past; `""` where the list refuses, None where it ends open."""
    words = _flat(postfix, postfix.words(name, port))
    for word in words:
        if word in _REFUSALS:
            return ""
        if word == "warn_if_reject":
            next(words, "")  # Only the log hears of it.
        elif word.startswith("check_"):
            table = next(words, "")
            if word in _FORGEABLE and _lets_in(postfix, table):
                return f"{word} {table}"
        elif _PERMITS.match(word):
            return word
    return None


def _relay(postfix: Postfix) -> Verdict:
    if not postfix.open_ports:
        return skipped("no port of smtpd is open to the network")
    relay, recipient = "smtpd_relay_restrictions", "smtpd_recipient_restrictions"
    for port in postfix.open_ports:
        # A message has to get past every list: one that refuses is enough.
        ends = {name: _open_at(postfix, name, port) for name in _LISTS if name != "smtpd_data_restrictions"}
        if "" in ends.values():
            continue
        name = relay if relay in postfix.here or relay in port.service.options else recipient
        culprit = ends[relay] or ends[recipient]
        what = f"`{culprit}` lets strangers relay" if culprit else "nothing refuses mail for other domains"
        other = recipient if name == relay else relay
        verdict = failed(f"on port {port.service.name} {what}", postfix.said(other, port))
        return postfix.at(replace(verdict, settings=(other,)), name, port)
    return postfix.at(passed("mail for other domains is refused without a login"), relay)


def _lets_in(postfix: Postfix, table: str) -> list[str]:
    """Lines of an access table that say OK, with file and number in front."""
    path = re.sub(r"^(proxy:)?\w+:", "", table)
    return [
        line for line in postfix.inside.output("postfix-access").splitlines() if line.startswith(f"{path}:")
    ]


def _access(postfix: Postfix) -> Verdict:
    found: dict[str, None] = {}
    lists: dict[str, None] = {}
    seen = 0
    for port in postfix.open_ports or postfix.ports:
        for name in _LISTS:
            words = postfix.words(name, port)
            for at, word in enumerate(words[:-1]):
                if word.endswith("_access"):
                    seen += 1
                if word in _FORGEABLE and (held := _lets_in(postfix, words[at + 1])):
                    found |= dict.fromkeys(held)
                    lists[name] = None
    if found:
        lines = list(found)
        place = ":".join(lines[0].split(":")[:2])
        verdict = failed(f"{len(lines)} line(s) of access tables let in by a name that can be forged", *lines)
        return replace(verdict, place=place, settings=tuple(lists))
    return passed(
        "no access table lets in by a name that can be forged" if seen else "no access table is used"
    )


def _certificates(postfix: Postfix) -> Verdict:
    for port in postfix.open_ports:
        for name in _LISTS:
            if "permit_tls_all_clientcerts" in postfix.words(name, port):
                return postfix.at(failed("any certificate of a trusted authority may relay"), name, port)
    return passed("no certificate of a public authority is enough to relay")


def _port_25(postfix: Postfix) -> Verdict:
    name = "smtpd_sasl_auth_enable"
    if not postfix.strangers:
        return skipped("port 25 is not open to the network")
    for port in postfix.strangers:
        if postfix.yes(name, port):
            return postfix.at(warned("port 25 takes logins"), name, port)
    return postfix.at(passed("port 25 takes no logins"), name, postfix.strangers[0])


def _senders(postfix: Postfix) -> Verdict:
    ports = [port for port in postfix.open_ports if postfix.yes("smtpd_sasl_auth_enable", port)]
    if not ports:
        return skipped("no port takes logins")
    for port in ports:
        checks = {word for name in _LISTS for word in postfix.words(name, port)}
        wanted = {"reject_sender_login_mismatch", "reject_authenticated_sender_login_mismatch",
                  "reject_known_sender_login_mismatch"}  # fmt: skip
        if not postfix.get("smtpd_sender_login_maps", port):
            verdict = failed(f"who logs in on port {port.service.name} may send as anybody")
            return postfix.at(verdict, "smtpd_sender_login_maps", port)
        if not checks & wanted:
            verdict = failed(
                f"the senders of port {port.service.name} are listed, but no restriction looks at the list"
            )
            return postfix.at(verdict, "smtpd_sender_restrictions", port)
    return postfix.at(passed("who logs in sends with their own addresses"), "smtpd_sender_login_maps")
