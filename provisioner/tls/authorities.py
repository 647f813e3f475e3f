"""The authorities that this machine trusts, as PEM text."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path

_PLACES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")


@lru_cache(maxsize=1)
def system_authorities() -> str:
    """OpenSSL's own file, or where distributions keep it; `""` where there is none."""
    paths = ssl.get_default_verify_paths()
    for place in (paths.cafile, paths.openssl_cafile, *_PLACES):
        if place and Path(place).is_file():
            return Path(place).read_text(encoding="utf-8", errors="replace")
    return ""
