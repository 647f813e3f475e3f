"""Exchange's Autodiscover in its POX form ([MS-OXDSCLI] §2.2.4), which Outlook and others ask for.

Outlook posts the whole address. We ask with `postmaster@` the domain, since nobody has to learn for
whom somebody sets up a program; servers that answer by domain answer the same.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape

from provisioner.client_settings.result import Encryption, Protocol, Server
from provisioner.client_settings.xml_form import NotReadable, child_text, host_name, read

_REQUEST = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
_RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
_PROTOCOLS = {"IMAP": Protocol.IMAP, "POP3": Protocol.POP3, "SMTP": Protocol.SMTP}
_IMPLICIT = {Protocol.IMAP: 993, Protocol.POP3: 995, Protocol.SMTP: 465}


def urls(domain: str) -> tuple[str, ...]:
    """Where Outlook asks, in its order; the SRV record comes after these."""
    return (
        f"https://{domain}/autodiscover/autodiscover.xml",
        f"https://autodiscover.{domain}/autodiscover/autodiscover.xml",
    )


def request(domain: str) -> bytes:
    """What is posted."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<Autodiscover xmlns="{_REQUEST}"><Request><EMailAddress>postmaster@{escape(domain)}</EMailAddress>'
        f"<AcceptableResponseSchema>{_RESPONSE}</AcceptableResponseSchema></Request></Autodiscover>"
    ).encode()


def onward(document: bytes, address: str) -> tuple[tuple[str, str], ...]:
    """Where an answer sends the asker instead: URLs, each with the address to ask there for (§2.2.4.1.1.2.3).

    Raises `NotReadable`.
    """
    account = read(document).find("Response/Account")
    if account is None:
        return ()
    action = child_text(account, "Action").lower()
    if action == "redirecturl":
        return ((child_text(account, "RedirectUrl"), address),)
    domain = host_name(child_text(account, "RedirectAddr").rpartition("@")[2])
    if action != "redirectaddr" or not domain:
        return ()
    moved = (
        f"{address.rpartition('@')[0]}@{domain}"  # we asked for postmaster, whose local part tells nothing
    )
    return tuple((url, moved) for url in urls(domain))


def parse(document: bytes, address: str) -> tuple[Server, ...]:
    """The IMAP, POP3 and SMTP servers of an answer, in its order. Raises `NotReadable`."""
    root = read(document)
    if root.tag != "Autodiscover":
        raise NotReadable(f"it is a <{root.tag}> and no <Autodiscover>")
    error = root.find(".//Error")
    if error is not None:
        raise NotReadable(f"it says: {child_text(error, 'Message')[:200] or 'an error'}")
    account = root.find("Response/Account")
    if account is None:
        raise NotReadable("it has no <Account>")
    found = [_server(element, address) for element in account.findall("Protocol")]
    return tuple(server for server in found if server is not None)


def _server(element: Element, address: str) -> Server | None:
    protocol = _PROTOCOLS.get(child_text(element, "Type").upper())
    host, port = host_name(child_text(element, "Server")), child_text(element, "Port")
    if protocol is None or not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        return None
    login = child_text(element, "LoginName")
    login = address if login in ("", f"postmaster@{address.rpartition('@')[2]}") else login
    return Server(protocol, host, int(port), _encryption(element, protocol, int(port)), login, "account")


def _encryption(element: Element, protocol: Protocol, port: int) -> Encryption:
    """`Encryption` where it is given, else `SSL`, which means TLS of either kind."""
    named = child_text(element, "Encryption").upper()
    if named == "TLS":
        return Encryption.STARTTLS
    if named == "SSL":
        return Encryption.TLS
    if named == "NONE" or (not named and child_text(element, "SSL").lower() == "off"):
        return Encryption.NONE
    return Encryption.TLS if port == _IMPLICIT[protocol] else Encryption.STARTTLS
