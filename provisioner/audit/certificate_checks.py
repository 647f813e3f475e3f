"""The questions about certificates, with reasons and fixes."""

from __future__ import annotations

from provisioner.audit.finding import Check, Severity

_NCSC = "NCSC-NL TLS guidelines (2025)"

TRUST = Check(
    "certificate.trust",
    Severity.HIGH,
    "The certificate comes from an authority that clients know",
    "Mail programs warn of it or refuse it, and people learn to click warnings away.",
    "Get a certificate by ACME (certbot, lego), and let the server send the intermediate ones with it"
    " (fullchain.pem).",
    "RFC 5280 §6.1, Internet.nl: cert_trust",
)
HOSTMATCH = Check(
    "certificate.hostmatch",
    Severity.HIGH,
    "The certificate is for the name that clients use",
    "A certificate for another name proves nothing about this server.",
    "Get a certificate that has the name among its subject alternative names.",
    "RFC 9525 §6.3, RFC 8314 §5.5, Internet.nl: cert_hostmatch",
)
EXPIRY = Check(
    "certificate.expiry",
    Severity.HIGH,
    "The certificate is valid today and will be for a while",
    "After the last day, mail programs refuse to connect, and senders that insist on a valid certificate"
    " keep the mail.",
    "Renew it now (certbot renew), reload Postfix and Dovecot, and look why the renewal didn't run.",
    "RFC 5280 §4.1.2.5",
)
PUBKEY = Check(
    "certificate.pubkey",
    Severity.MEDIUM,
    "The keys of the chain are long enough",
    "Who works out the private key is the server, for everybody. RSA below 2048 bits is within reach.",
    "Make a new key: ECDSA P-256, or RSA with 3072 bits.",
    f"RFC 9325 §4.5, {_NCSC} §3.3.2.1, Internet.nl: cert_pubkey",
)
SIGNATURE = Check(
    "certificate.signature",
    Severity.MEDIUM,
    "The certificates are signed with SHA-2",
    "Two certificates with the same SHA-1 or MD5 can be made, one harmless and one for your name.",
    "Have it issued again; a private authority must sign with SHA-256 (openssl: default_md = sha256).",
    f"RFC 9155, {_NCSC} §3.3.2, §3.3.5, Internet.nl: cert_signature",
)
CHAIN = Check(
    "certificate.chain",
    Severity.MEDIUM,
    "The server sends the whole chain, in order",
    "Clients don't fetch what is missing. Some have it from elsewhere, so that the fault shows with some"
    " people only.",
    "Postfix: smtpd_tls_chain_files with key, certificate and intermediates (fullchain.pem); Dovecot:"
    " ssl_cert or ssl_server_cert_file with fullchain.pem.",
    "RFC 5246 §7.4.2, RFC 8446 §4.4.2",
)
NAMES = Check(
    "certificate.names",
    Severity.MEDIUM,
    "The certificate has subject alternative names",
    "Clients look for the name there and nowhere else; the common name of the subject has not counted"
    " since 2011.",
    "Have it issued again with subjectAltName = DNS:HOST.",
    "RFC 9525 §6.2, §6.4.4",
)
USAGE = Check(
    "certificate.usage",
    Severity.MEDIUM,
    "The certificate is meant for a server",
    "Clients refuse a certificate whose extendedKeyUsage leaves servers out.",
    "Have it issued again with extendedKeyUsage = serverAuth.",
    "RFC 5280 §4.2.1.12",
)
LIFETIME = Check(
    "certificate.lifetime",
    Severity.LOW,
    "The certificate's lifetime is short enough",
    "Apple's programs refuse server certificates of more than 825 days whoever issued them, and public"
    " authorities may no longer issue for long.",
    "Renew by ACME every few weeks; a private authority should issue for a year at most.",
    "CA/Browser Forum Baseline Requirements §6.3.2, Apple HT210176",
)
OCSP = Check(
    "certificate.ocsp-stapling",
    Severity.HIGH,
    "What the server says of its certificate's revocation is in order",
    "A certificate that demands stapling is refused without it, and one that is revoked must not be used.",
    "Dovecot and Postfix can't staple: have the certificate issued without must-staple.",
    "RFC 7633, RFC 6066 §8, RFC 6960 §4.2",
)
CHECKS = (TRUST, HOSTMATCH, EXPIRY, PUBKEY, SIGNATURE, CHAIN, NAMES, USAGE, LIFETIME, OCSP)
