"""A DMARC policy record (RFC 9989 §4.7, §4.8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from provisioner.authentication.lookup import a_label
from provisioner.authentication.tags import Tags
from provisioner.authentication.tags import parse as parse_tags

KNOWN = ("v", "p", "sp", "np", "psd", "t", "adkim", "aspf", "rua", "ruf", "fo")
REMOVED = ("pct", "rf", "ri")
"""RFC 9989 Appendix C.5.2: receivers ignore them; those of RFC 7489 may not."""
_VERSION = re.compile(r"v[ \t]*=[ \t]*DMARC1[ \t]*(;|$)")
_VALUES = {
    "p": ("none", "quarantine", "reject"),
    "sp": ("none", "quarantine", "reject"),
    "np": ("none", "quarantine", "reject"),
    "psd": ("y", "n", "u"),
    "t": ("y", "n"),
    "adkim": ("r", "s"),
    "aspf": ("r", "s"),
}
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):([^\s,!]+)(!\d+[kmgt]?)?", re.IGNORECASE)
_FAILURE_OPTIONS = frozenset("01ds")


class Policy(StrEnum):
    """What a domain wants done with mail that is not its own, from weak to strict."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def rank(self) -> int:
        """0 for `none`, 2 for `reject`."""
        return list(Policy).index(self)


@dataclass(frozen=True, slots=True)
class ReportUri:
    """An address for reports; `size` is the obsolete `!10m` after it."""

    text: str
    scheme: str
    """Lower case; receivers only have to know `mailto`."""
    address: str
    """Of mailto: the mail address."""
    size: str = ""

    @property
    def domain(self) -> str:
        """The domain that gets the reports, plain; `""` where it can't be told."""
        host = self.address.rpartition("@")[2] if self.scheme == "mailto" else self.address
        return a_label(host.removeprefix("//").split("/")[0].split("?")[0].split(":")[0])


@dataclass(frozen=True)
class PolicyRecord:
    """A record by `is_dmarc`. Values that can't be are mistakes, and count as their defaults (§4.8)."""

    text: str
    tags: Tags
    rua: tuple[ReportUri, ...]
    ruf: tuple[ReportUri, ...]
    mistakes: tuple[str, ...]
    warnings: tuple[str, ...]
    """What receivers ignore, and who wrote it may not know that."""

    @property
    def policy(self) -> Policy | None:
        """`p=`; `none` where it is absent, or where a policy is invalid and `rua` valid; None where the
        record does not count (§4.7, §4.10.1)."""
        if any(self._invalid(name) for name in ("p", "sp", "np")):
            return Policy.NONE if self.rua else None
        if "p" not in self.tags:
            return Policy.NONE if self.rua else None
        return Policy(self._value("p"))

    @property
    def subdomain_policy(self) -> Policy | None:
        """`sp=`, else `p=`."""
        return self._policy_of("sp") or self.policy

    @property
    def nonexistent_policy(self) -> Policy | None:
        """`np=`, else `sp=`, else `p=`."""
        return self._policy_of("np") or self.subdomain_policy

    @property
    def psd(self) -> str:
        """`y`: a public suffix; `n`: the top of an organisation; `u`: the tree tells."""
        return self._value("psd") or "u"

    @property
    def testing(self) -> bool:
        """`t=y`: apply one step less than the policy."""
        return self._value("t") == "y"

    @property
    def strict_dkim(self) -> bool:
        """`adkim=s`."""
        return self._value("adkim") == "s"

    @property
    def strict_spf(self) -> bool:
        """`aspf=s`."""
        return self._value("aspf") == "s"

    def _value(self, name: str) -> str:
        """The lower-case value of a tag with a closed set of them; `""` where absent or invalid."""
        value = self.tags.get(name).lower()
        return value if value in _VALUES[name] else ""

    def _invalid(self, name: str) -> bool:
        return name in self.tags and not self._value(name)

    def _policy_of(self, name: str) -> Policy | None:
        if self.policy is None or any(self._invalid(tag) for tag in ("p", "sp", "np")):
            return None  # §4.10.1: then all of it is p=none
        value = self._value(name)
        return Policy(value) if value else None


def is_dmarc(text: str) -> bool:
    """Whether a TXT record is a DMARC record: `v=DMARC1` first, in this case (§4.7)."""
    return _VERSION.match(text) is not None


def parse(text: str) -> PolicyRecord:
    """Read a record; `text` must be one by `is_dmarc`."""
    tags = parse_tags(text)
    mistakes = list(tags.mistakes)
    for name, values in _VALUES.items():
        if name in tags and tags.get(name).lower() not in values:
            mistakes.append(f"{name}={tags.get(name)[:40]} is none of {', '.join(values)}")
    options = tags.packed("fo").split(":")
    if "fo" in tags and not set(options) <= _FAILURE_OPTIONS:
        mistakes.append(f"fo={tags.get('fo')[:40]} is no list of 0, 1, d, s")
    rua, bad_rua = _uris(tags, "rua")
    ruf, bad_ruf = _uris(tags, "ruf")
    return PolicyRecord(text, tags, rua, ruf, (*mistakes, *bad_rua, *bad_ruf), _warnings(tags, rua + ruf))


def _warnings(tags: Tags, uris: tuple[ReportUri, ...]) -> tuple[str, ...]:
    found = []
    for name in tags.order:
        if name in REMOVED:
            found.append(f"{name}= is no part of DMARC any more (RFC 9989 Appendix C.5.2)")
        elif name not in KNOWN:
            found.append(f"{name}= is not known, and ignored")
    if "p" not in tags:
        found.append(
            "there is no p=: it counts as p=none"
            if "rua" in tags
            else "there is neither p= nor rua=: receivers ignore the record (RFC 9989 §4.10.1)"
        )
    if "fo" in tags and "ruf" not in tags:
        found.append("fo= means nothing without ruf=")
    found += [f"the size after {uri.text[:80]} is obsolete" for uri in uris if uri.size]
    found += [f"receivers need not know {uri.scheme}:" for uri in uris if uri.scheme != "mailto"]
    return tuple(found)


def _uris(tags: Tags, name: str) -> tuple[tuple[ReportUri, ...], list[str]]:
    """The addresses of a list (§4.6), and what is wrong in it."""
    found, mistakes = [], []
    for part in tags.get(name).split(",") if name in tags else ():
        text = part.strip()
        match = _URI.fullmatch(text)
        if match is None:
            hint = ": write mailto: before it" if "@" in text and ":" not in text else ""
            mistakes.append(f"{name}: {text[:80]!r} is no URI{hint}")
            continue
        uri = ReportUri(text, match[1].lower(), unquote(match[2]).partition("?")[0], match[3] or "")
        if uri.scheme == "mailto" and ("@" not in uri.address or not uri.domain):
            mistakes.append(f"{name}: {text[:80]!r} is no mail address")
        else:
            found.append(uri)
    return tuple(found), mistakes
