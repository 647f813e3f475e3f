"""BIMI: the record that says where a domain's logo is, and who certifies it.

By the draft that mailbox providers follow (draft-brand-indicators-for-message-identification §4): a
TXT record at `SELECTOR._bimi.DOMAIN`, in most cases `default`. `l=` is an SVG Tiny PS image, `a=` the
certificate (VMC or CMC) that the large providers want. Both empty: the domain declines to have a logo.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from provisioner.authentication.lookup import Lookup, a_label, texts
from provisioner.authentication.tags import Tags
from provisioner.authentication.tags import parse as parse_tags
from provisioner.dns.resolver import Reply, Status

_KNOWN = ("v", "l", "a", "avp", "lps", "s")
_VERSION = re.compile(r"v[ \t]*=[ \t]*BIMI1[ \t]*(;|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BimiRecord:
    """A record by `is_bimi`."""

    text: str
    tags: Tags
    mistakes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def logo(self) -> str:
        """`l=`: the URL of the image; nothing here fetches it."""
        return self.tags.packed("l")

    @property
    def evidence(self) -> str:
        """`a=`: the URL of the certificate."""
        return self.tags.packed("a")

    @property
    def declined(self) -> bool:
        """The domain says that it wants no logo (§4.2)."""
        return "l" in self.tags and not self.logo and not self.evidence


@dataclass(frozen=True, slots=True)
class FoundBimi:
    """What DNS has for a domain and a selector."""

    name: str
    reply: Reply
    records: tuple[BimiRecord, ...]


def is_bimi(text: str) -> bool:
    """Whether a TXT record is a BIMI record."""
    return _VERSION.match(text) is not None


def parse(text: str) -> BimiRecord:
    """Read a record; `text` must be one by `is_bimi`."""
    tags = parse_tags(text)
    mistakes = list(tags.mistakes)
    if "l" not in tags:
        mistakes.append("there is no l=, the image")
    for name in ("l", "a"):
        if tags.packed(name):
            mistakes += _url_mistakes(name, tags.packed(name))
    if "," in tags.packed("l"):
        mistakes.append("l= holds more than one URL")
    logo = tags.packed("l").partition("?")[0].lower()
    if logo and not mistakes and not logo.endswith((".svg", ".svgz")):
        mistakes.append("l= is no SVG image by its name")
    warnings = [f"{name}= is not known, and ignored" for name in tags.order if name not in _KNOWN]
    return BimiRecord(text, tags, tuple(mistakes), tuple(warnings))


def find(domain: str, lookup: Lookup, selector: str = "default") -> FoundBimi:
    """Look a domain's record up."""
    name = f"{selector}._bimi.{domain}"
    reply = lookup(name, "TXT")
    found = texts(reply) if reply.status is Status.FOUND else ()
    return FoundBimi(name, reply, tuple(parse(text) for text in found if is_bimi(text)))


def _url_mistakes(name: str, url: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return [f"{name}={url[:80]} is no URL"]
    if parts.scheme.lower() != "https":
        return [f"{name}={url[:80]} must be https"]
    return [] if a_label(host) else [f"{name}={url[:80]} names no host"]
