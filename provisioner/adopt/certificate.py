"""The certificate: its own, an ACME authority's or somebody's file, and the names it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.adopt.dovecot_text import Block
from provisioner.adopt.result import Fate, Note
from provisioner.adopt.seen import Seen

CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_NAME = re.compile(r"(\*\.)?[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+")


@dataclass
class Certificate:
    """What becomes of it."""

    variables: dict[str, object] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    files: dict[str, str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)


def certificate(seen: Seen, values: Mapping[str, str], conf: Block, host: str) -> Certificate:
    """The certificate that Postfix, or else Dovecot, shows. `host` names files and secrets."""
    chain, key = _paths(values, conf)
    text = seen.text(chain)
    result = Certificate()
    names = _names(text)
    usable = [name for name in names if _NAME.fullmatch(name)]
    if not text or CERTIFICATE not in text:
        result.variables["tls_provider"] = "self_signed"
        result.notes.append(
            Note(
                Fate.CHANGED,
                "no certificate was found",
                "one of its own is made, until there is a better one",
                "Set tls_provider: acme (docs/certificates.md).",
            )
        )
    elif _is_acme(chain, key, text, seen):
        _acme(seen, chain, usable, host, result)
    elif "ssl-cert-snakeoil" in chain or "/dovecot/private/" in chain or not usable:
        result.variables["tls_provider"] = "self_signed"
        result.notes.append(
            Note(
                Fate.CHANGED,
                f"certificate {chain}",
                "made by a package, for no name of the outside; a new one of its own takes its place",
                "Set tls_provider: acme (docs/certificates.md).",
            )
        )
    elif "PRIVATE KEY" in seen.text(key) and "ENCRYPTED" not in seen.text(key):
        result.variables |= {
            "tls_provider": "files",
            "tls_certificate_file": f"files/{host}.pem",
            "tls_key_secret": f"tls/{host}/key",
        }
        result.files[f"files/{host}.pem"] = _certificates(text)
        result.secrets[f"tls/{host}/key"] = seen.text(key)
        result.notes.append(
            Note(Fate.KEPT, f"certificate {chain}", "the same file and key, as `tls_provider: files`")
        )
    else:
        result.variables["tls_provider"] = "self_signed"
        result.notes.append(
            Note(
                Fate.LOST,
                f"certificate {chain}",
                "its private key could not be read",
                "Set tls_certificate_file and tls_key_secret (docs/certificates.md).",
            )
        )
    if usable and result.variables["tls_provider"] != "self_signed":
        result.variables["tls_names"] = list(dict.fromkeys([host, *usable] if host in usable else usable))
    return result


def _paths(values: Mapping[str, str], conf: Block) -> tuple[str, str]:
    """Chain and key: smtpd_tls_chain_files, smtpd_tls_cert_file, or Dovecot's."""
    chains = values.get("smtpd_tls_chain_files", "").replace(",", " ").split()
    if chains:
        return chains[-1], chains[0]
    chain = values.get("smtpd_tls_cert_file", "")
    if chain not in ("", "none"):
        key = values.get("smtpd_tls_key_file", "$smtpd_tls_cert_file")
        return chain, chain if key.startswith("$") else key
    chain = conf.get("ssl_cert").lstrip("< ") or conf.get("ssl_server_cert_file")
    return chain, conf.get("ssl_key").lstrip("< ") or conf.get("ssl_server_key_file")


def _is_acme(chain: str, key: str, text: str, seen: Seen) -> bool:
    issuer = _issuer(text)
    places = ("/letsencrypt/", "/.acme.sh/", "/dehydrated/", "/lego/", "/acme")
    return any(place in chain + key for place in places) or any(
        word in issuer for word in ("Let's Encrypt", "ZeroSSL", "Buypass", "Google Trust Services")
    )


def _acme(seen: Seen, chain: str, names: list[str], host: str, result: Certificate) -> None:
    result.variables["tls_provider"] = "acme"
    renewal = "\n".join(
        seen.text(path) for path in seen.files if path.startswith("/etc/letsencrypt/renewal/")
    )
    way = "DNS" if re.search(r"authenticator\s*=\s*dns", renewal) else "HTTP"
    server = re.search(r"(?m)^server\s*=\s*(https://\S+)", renewal)
    if server and "acme-v02.api.letsencrypt.org" not in server[1]:
        result.variables["tls_acme_directory"] = server[1]
    result.notes.append(
        Note(
            Fate.CHANGED,
            f"certificate {chain}",
            "`tls_provider: acme` gets one for the same names, with a key of its own, "
            "over port 80, and renews it itself",
            "Stop the old renewal once the new certificate is there"
            + (
                ": it went over DNS, ours goes over HTTP."
                if way == "DNS"
                else " (certbot.timer, a cron job)."
            ),
        )
    )
    if any(name.startswith("*.") for name in names):
        result.notes.append(
            Note(
                Fate.LOST,
                "wildcard names in the certificate",
                "HTTP-01 gives none",
                "Name each host in tls_names.",
            )
        )
        names[:] = [name for name in names if not name.startswith("*.")] or [host]


def _certificates(text: str) -> str:
    blocks = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", text, re.DOTALL)
    return "\n".join(blocks) + "\n"


def _issuer(text: str) -> str:
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(_certificates(text).encode()).issuer.rfc4514_string()
    except ValueError:
        return ""


def _names(text: str) -> list[str]:
    """The names that a certificate is for (RFC 6125: subjectAltName; the common name where there is none)."""
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificate(_certificates(text).encode())
    except ValueError:
        return []
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return [str(name).lower() for name in extension.value.get_values_for_type(x509.DNSName)]
    except x509.ExtensionNotFound:
        attributes = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return [str(one.value).lower() for one in attributes]
