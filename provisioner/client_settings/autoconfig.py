"""Thunderbird's autoconfig documents (`config-v1.1.xml`), which many programs read by now.

The form is Mozilla's ("Autoconfiguration in Thunderbird"); the database of providers, ISPDB, hands
out the same. A document comes from strangers: it is bounded, and one that declares entities is not read.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

from provisioner.client_settings.result import Encryption, Protocol, Server
from provisioner.client_settings.xml_form import NotReadable, child_text, host_name, read

_PROTOCOLS = {"imap": Protocol.IMAP, "pop3": Protocol.POP3, "smtp": Protocol.SMTP}
_SOCKETS = {"SSL": Encryption.TLS, "STARTTLS": Encryption.STARTTLS, "PLAIN": Encryption.NONE}
_PASSWORDS = {"OAuth2": "oauth", "password-cleartext": "account", "password-encrypted": "account"}


def urls(domain: str) -> tuple[str, ...]:
    """Where the domain's own document is, in Thunderbird's order; no address is sent, only the domain's."""
    return (
        f"https://autoconfig.{domain}/mail/config-v1.1.xml",
        f"https://{domain}/.well-known/autoconfig/mail/config-v1.1.xml",
    )


def parse(document: bytes, address: str) -> tuple[Server, ...]:
    """The servers of a document, in its order. Raises `NotReadable`."""
    root = read(document)
    if root.tag != "clientConfig":
        raise NotReadable(f"it is a <{root.tag}> and no <clientConfig>")
    provider = root.find("emailProvider")
    if provider is None:
        raise NotReadable("it has no <emailProvider>")
    servers = [
        *(_server(element, address) for element in provider.findall("incomingServer")),
        *(_server(element, address) for element in provider.findall("outgoingServer")),
    ]
    return tuple(server for server in servers if server is not None)


def _server(element: Element, address: str) -> Server | None:
    protocol = _PROTOCOLS.get(element.get("type", ""))
    socket = _SOCKETS.get(child_text(element, "socketType"))
    host = host_name(_filled(child_text(element, "hostname"), address))
    port = child_text(element, "port")
    if protocol is None or socket is None or not host or not (port.isascii() and port.isdigit()):
        return None  # Exchange and protocols to come: other programs read those.
    if not 0 < int(port) < 65536:
        return None
    methods = [found.text or "" for found in element.findall("authentication")]
    password = next((_PASSWORDS[method] for method in methods if method in _PASSWORDS), "")
    return Server(
        protocol, host, int(port), socket, _filled(child_text(element, "username"), address), password
    )


def _filled(text: str, address: str) -> str:
    local_part, _, domain = address.rpartition("@")
    for placeholder, value in (
        ("%EMAILADDRESS%", address),
        ("%EMAILLOCALPART%", local_part),
        ("%EMAILDOMAIN%", domain),
    ):
        text = text.replace(placeholder, value)
    return text
