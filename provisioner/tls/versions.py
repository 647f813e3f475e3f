"""Versions of the protocol, by the numbers they have on the wire."""

from __future__ import annotations

from enum import IntEnum


class Version(IntEnum):
    """From SSL 2.0 to TLS 1.3; later ones compare greater (RFC 8446 §4.2.1)."""

    SSL2 = 0x0002
    SSL3 = 0x0300
    TLS10 = 0x0301
    TLS11 = 0x0302
    TLS12 = 0x0303
    TLS13 = 0x0304

    @property
    def label(self) -> str:
        """As people write it: `TLS 1.2`."""
        return _LABELS[self]

    def __str__(self) -> str:
        """As `label`."""
        return self.label


_LABELS = {
    Version.SSL2: "SSL 2.0",
    Version.SSL3: "SSL 3.0",
    Version.TLS10: "TLS 1.0",
    Version.TLS11: "TLS 1.1",
    Version.TLS12: "TLS 1.2",
    Version.TLS13: "TLS 1.3",
}
