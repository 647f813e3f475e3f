"""XML that strangers wrote: bounded, and without entities."""

from __future__ import annotations

import ipaddress
import re
from xml.etree.ElementTree import Element, ParseError, XMLParser

LONGEST = 256 * 1024
"""Bytes; a real document has a few thousand."""
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class NotReadable(ValueError):
    """The document can't be used; the message says why, as the end of "the document at …: "."""


def read(document: bytes) -> Element:
    """The root element, without name spaces. Raises `NotReadable`."""
    if len(document) > LONGEST:
        raise NotReadable(f"it is longer than {LONGEST // 1024} KiB")
    if b"<!DOCTYPE" in document.upper() or b"<!ENTITY" in document.upper():
        raise NotReadable("it declares a document type, which no such document needs")
    parser = XMLParser()  # noqa: S314 (entities were refused above)
    try:
        parser.feed(document)
        root = parser.close()
    except (ParseError, ValueError) as error:
        raise NotReadable(f"it is no XML: {error}") from None
    for element in root.iter():
        element.tag = str(element.tag).rpartition("}")[2]
    return root


def host_name(text: str) -> str:
    """A host's name or address in the form that DNS has; `""` for what can't be one (RFC 1123 §2.1)."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        name = text.rstrip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""
    return name if len(name) < 254 and _HOST.fullmatch(name) else ""


def child_text(element: Element, tag: str) -> str:
    """The text of the first such child, trimmed; `""` where there is none."""
    return (element.findtext(tag) or "").strip()
