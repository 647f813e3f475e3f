"""Macros in SPF records: `%{i}` and its kin (RFC 7208 §7)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_EXPAND = r"%(?:\{[slodiphcrtvSLODIPHCRTV]\d*[rR]?[-.+,/_=]*\}|%|_|-)"
_LITERAL = r"[\x21-\x24\x26-\x7e]"
_STRING = re.compile(rf"(?:{_EXPAND}|{_LITERAL})*")
_PIECE = re.compile(r"%(?:\{([A-Za-z])(\d*)([rR]?)([-.+,/_=]*)\}|([%_-]))")
_TOP_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
_ENDS_IN_MACRO = re.compile(rf"{_EXPAND}\Z")
_ONLY_IN_EXP = frozenset("crt")


def string_fault(text: str, *, explanation: bool = False) -> str:
    """Why `text` is no macro-string (§7.1); `""` where it is one. Only explanations have `%{c}`, spaces."""
    if not _STRING.fullmatch(text.replace(" ", "") if explanation else text):
        return "has a % that begins no macro, or a character that may not be there"
    for letter, digits, _, _, _ in _PIECE.findall(text):
        if letter and not explanation and letter.lower() in _ONLY_IN_EXP:
            return f"%{{{letter}}} is only for explanations"
        if digits and int(digits[:4]) == 0:
            return f"%{{{letter}{digits}}} keeps no label"
    return ""


def domain_fault(text: str) -> str:
    """Why `text` is no domain-spec (§7.1)."""
    if not text:
        return "the domain is missing"
    if not _ENDS_IN_MACRO.search(text) and not _ends_in_top_label(text.removesuffix(".")):
        return f"{text[:80]!r} ends in no top-level domain"
    return string_fault(text)


def _ends_in_top_label(text: str) -> bool:
    """Whether there is a dot and a label after it that is no number (`domain-end`, §7.1)."""
    _, dot, label = text.rpartition(".")
    return bool(dot) and _TOP_LABEL.fullmatch(label) is not None and not label.isdigit()


def has_macros(text: str) -> bool:
    """Whether what `text` stands for depends on the message."""
    return "%{" in text


@dataclass(frozen=True, slots=True)
class Values:
    """What macros stand for in one check (§7.2). `validated` is asked only where `%{p}` is there."""

    ip: Address
    sender: str
    helo: str
    receiver: str
    now: int
    """Seconds since 1970, for `%{t}`."""
    validated: Callable[[], str]

    def value(self, letter: str, domain: str) -> str:
        """Of a lower-case letter, before transformers."""
        local, _, sender_domain = self.sender.rpartition("@")
        if letter == "p":
            return self.validated()
        return {
            "s": self.sender,
            "l": local,
            "o": sender_domain,
            "d": domain,
            "i": dotted(self.ip),
            "h": self.helo,
            "c": str(self.ip),
            "r": self.receiver,
            "t": str(self.now),
            "v": "in-addr" if self.ip.version == 4 else "ip6",
        }[letter]


def dotted(ip: Address) -> str:
    """The address as a name has it: IPv6 as nibbles with dots (§7.3)."""
    return str(ip) if ip.version == 4 else ".".join(f"{int(ip):032X}")


def expand(text: str, values: Values, domain: str) -> str:
    """Replace the macros of a valid macro-string; an upper-case letter URL-escapes its value (§7.3)."""

    def one(match: re.Match[str]) -> str:
        letter, digits, reverse, delimiters, literal = match.groups()
        if literal:
            return {"%": "%", "_": " ", "-": "%20"}[literal]
        found = values.value(letter.lower(), domain)
        if digits or reverse or delimiters:
            parts = re.split(f"[{re.escape(delimiters or '.')}]", found)
            parts = parts[::-1] if reverse else parts
            found = ".".join(parts[-int(digits[:4]) :] if digits else parts)
        return quote(found, safe="-._~") if letter.isupper() else found

    return _PIECE.sub(one, text)


def expand_name(text: str, values: Values, domain: str) -> str:
    """A domain-spec as a name to ask for: left labels go until 253 octets are left (§7.3).

    A sender chooses what `%{l}` stands for: its backslashes are doubled, since DNS libraries take one for
    an escape.
    """
    name = expand(text, values, domain).removesuffix(".").replace("\\", "\\\\")
    while len(name) > 253 and "." in name:
        name = name.partition(".")[2]
    return name
