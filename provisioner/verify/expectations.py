"""What a conversation with a host is held against; all of it follows from the desired state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from provisioner.resources import File
from provisioner.roles.model import Desired

FOREIGN = ("probe@[192.0.2.1]", "probe@relay-test.invalid")
"""Recipients that no host of ours takes mail for. The address literal (RFC 5321 §4.1.3, TEST-NET-1 of
RFC 5737) needs no DNS, so that an open relay says yes and any other server says no, for good; a name
under `.invalid` (RFC 6761 §6.4) may be put off with 450 by a server that looks domains up first. Nothing
is ever sent to them: the conversation ends before DATA."""

ACME_AUTHORITY = "/etc/provision/acme-ca.pem"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
RECIPIENTS = 50
"""Most mail domains that one conversation tries."""
ANSWER_SECONDS = 8.0
"""Postscreen holds its greeting back for 6 s. While a host is being changed a silent port must not cost more:
until the change is undone, no mail comes in."""
SETTLED_ANSWER_SECONDS = 20.0
"""Nothing waits for a verdict on a host that nobody changes, and a busy one may take its time."""
CONVERSATION_ANSWERS = 2.5
"""A conversation may take as long as so many slow answers."""


class TrustKind(StrEnum):
    """What makes a host's certificate the right one; name and dates count whatever it is."""

    SYSTEM = "system"
    """Its chain leads to an authority that this system trusts."""
    AUTHORITY = "authority"
    """Its chain leads to the authority that `Trust.value` holds (PEM)."""
    DEPLOYED = "deployed"
    """It is the one whose SHA-256 (hex) `Trust.value` is."""
    ANY = "any"
    """Nothing more is known of it."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What a certificate is held against."""

    kind: TrustKind = TrustKind.SYSTEM
    value: str = ""


@dataclass(frozen=True, slots=True)
class Expectations:
    """What every port of a host must show."""

    hostname: str
    """The name that clients use: the certificate must be for it."""
    recipients: tuple[str, ...] = ()
    """One local address for each mail domain."""
    foreign: tuple[str, ...] = FOREIGN
    trust: Trust = Trust()
    client_name: str = "[192.0.2.1]"
    """What we call ourselves in EHLO. A literal passes restrictions on names without a look-up."""
    seconds: float = ANSWER_SECONDS * CONVERSATION_ANSWERS
    """The longest conversation."""
    wait: float = ANSWER_SECONDS
    """The longest wait for one answer."""
    same_host: bool = False
    """Whether the host sees us come from its own address, as through a forwarded channel: Dovecot takes
    such a client for a local one and lets it log in without TLS."""


def expectations(desired: Desired, *, settled: bool = False) -> Expectations:
    """What the ports of `desired.host` must show.

    `settled` is for a host that has had time: a certificate of an ACME authority must be there. While
    a host is being changed for the first time it is not yet. It is also given more time to answer.
    """
    variables = _variables(desired)
    hostname = variables.get("mail_hostname")
    expect = Expectations(
        hostname=hostname if isinstance(hostname, str) and hostname else desired.host.name,
        recipients=local_recipients(variables.get("mail_domains")),
        trust=expected_trust(desired, settled=settled),
    )
    return patient(expect, SETTLED_ANSWER_SECONDS) if settled else expect


def patient(expect: Expectations, seconds: float) -> Expectations:
    """The same with at least `seconds` for each answer, where a person has said that it may take so long."""
    wait = max(expect.wait, seconds)
    return replace(expect, wait=wait, seconds=max(expect.seconds, wait * CONVERSATION_ANSWERS))


def _variables(desired: Desired) -> Mapping[str, object]:
    return {**desired.host.variables, **desired.variables}


def local_recipients(domains: object) -> tuple[str, ...]:
    """One address for each mail domain: a user's, else an alias that is not a catch-all."""
    if not isinstance(domains, Mapping):
        return ()
    found = [_recipient(str(domain), content) for domain, content in domains.items()]
    return tuple(address for address in found if address)[:RECIPIENTS]


def _recipient(domain: str, content: object) -> str:
    if not isinstance(content, Mapping):
        return ""
    for names in (content.get("users"), content.get("aliases")):
        if isinstance(names, Mapping | list | tuple):
            for name in names:
                if isinstance(name, str) and name and name.isascii() and not set(name) & set("@<> \r\n\0"):
                    return f"{name}@{domain}"
    return ""


OWN_CERTIFICATES = {
    "postfix_parameters": ("smtpd_tls_cert_file", "smtpd_tls_chain_files", "smtpd_tls_eccert_file"),
    "dovecot_settings": ("ssl_cert", "ssl_server_cert_file"),
}
"""Settings by which an inventory lets a service use another certificate than the `tls` role's."""


def expected_trust(desired: Desired, *, settled: bool = False) -> Trust:
    """The certificate that the `tls` role deploys; by ACME one of a trusted authority."""
    variables = _variables(desired)
    for name, settings in OWN_CERTIFICATES.items():
        chosen = variables.get(name)
        if isinstance(chosen, Mapping) and not set(settings).isdisjoint(chosen):
            return Trust(TrustKind.ANY)
    if variables.get("tls_provider") == "acme":
        return _trust_by_acme(desired) if settled else Trust(TrustKind.ANY)
    if fingerprint := _deployed_fingerprint(desired):
        return Trust(TrustKind.DEPLOYED, fingerprint)
    return Trust(TrustKind.ANY if variables.get("tls_provider") == "self_signed" else TrustKind.SYSTEM)


def _trust_by_acme(desired: Desired) -> Trust:
    """What an ACME authority of one's own is known by is deployed too (`tls_acme_ca_file`)."""
    for resource in desired.resources:
        if isinstance(resource, File) and resource.path == ACME_AUTHORITY:
            return Trust(TrustKind.AUTHORITY, resource.content.decode("ascii", "ignore"))
    return Trust(TrustKind.SYSTEM)


def _deployed_fingerprint(desired: Desired) -> str:
    """Of the host's own certificate: an authority's may be deployed beside it."""
    from provisioner.mail.certificate import read_certificate_pem

    hostname = str(_variables(desired).get("mail_hostname") or desired.host.name)
    files = [r for r in desired.resources if isinstance(r, File) and r.role == "tls"]
    texts = [file.content.decode("ascii", "ignore") for file in files if CERTIFICATE in file.content]
    found = [read_certificate_pem(text) for text in texts]
    own = [certificate for certificate in found if certificate.matches(hostname)]
    return next((certificate.fingerprint for certificate in (*own, *found)), "")
