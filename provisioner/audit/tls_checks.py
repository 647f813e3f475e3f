"""The questions about TLS, with reasons and fixes. Names of Internet.nl's subtests are in the references."""

from __future__ import annotations

from provisioner.audit.finding import Check, Severity

_NCSC = "NCSC-NL TLS guidelines (2025)"

OFFERED = Check(
    "tls.offered",
    Severity.HIGH,
    "The port offers TLS",
    "Without TLS, everybody on the way reads the mail and, where people log in, their passwords.",
    "Postfix: smtpd_tls_chain_files and smtpd_tls_security_level = may (25) or encrypt (587);"
    " Dovecot: ssl = required. Exim: tls_certificate, tls_privatekey. OpenSMTPD: `pki`, `listen on … tls`.",
    "RFC 3207, RFC 8314 §3, Internet.nl: starttls_exists",
)
VERSION = Check(
    "tls.version",
    Severity.MEDIUM,
    "Only TLS 1.2 and 1.3 are spoken",
    "SSL 2.0 and 3.0 are broken (DROWN, POODLE); TLS 1.0 and 1.1 rest on MD5 and SHA-1 and are withdrawn.",
    "Postfix: smtpd_tls_protocols and smtpd_tls_mandatory_protocols = >=TLSv1.2;"
    " Dovecot: ssl_min_protocol = TLSv1.2; Exim with GnuTLS, as in Debian: tls_require_ciphers ="
    " NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2.",
    f"RFC 8996, RFC 9325 §3.1, {_NCSC} §3.3.1, Internet.nl: tls_version",
)
CIPHERS = Check(
    "tls.ciphers",
    Severity.MEDIUM,
    "Only strong cipher suites are accepted",
    "A connection is as strong as the suite it ends with. Without forward secrecy, a key that leaks opens"
    " all that was ever recorded.",
    "Postfix: smtpd_tls_exclude_ciphers and smtpd_tls_mandatory_exclude_ciphers = aNULL, eNULL, kRSA, SHA1,"
    " 3DES, RC4, CAMELLIA, ARIA, AESCCM; Dovecot: ssl_cipher_list = ECDHE+AESGCM:ECDHE+CHACHA20;"
    " Exim with GnuTLS: :-SHA1:-AES-128-CCM:-AES-256-CCM behind the versions in tls_require_ciphers;"
    ' OpenSMTPD: smtp ciphers "ECDHE+AESGCM:ECDHE+CHACHA20".',
    f"RFC 9325 §4.1, §4.2, {_NCSC} appendix B, Internet.nl: tls_ciphers",
)
CIPHER_ORDER = Check(
    "tls.cipher-order",
    Severity.LOW,
    "The server prefers strong suites over weak ones",
    "Where weak suites are kept for old clients, the server's order makes sure that only those get them.",
    "Postfix: tls_preempt_cipherlist = yes; Dovecot 2.4: ssl_server_prefer_ciphers = server, 2.3:"
    " ssl_prefer_server_ciphers = yes. Or accept no weak suite at all.",
    f"RFC 9325 §4.2, {_NCSC} appendix B, Internet.nl: tls_cipher_order",
)
FS_PARAMS = Check(
    "tls.fs-params",
    Severity.MEDIUM,
    "Keys are agreed on in strong groups",
    "A short prime can be broken beforehand for everybody who uses it (Logjam), and a weak curve is as bad.",
    "Postfix: tls_eecdh_auto_curves = X25519 prime256v1 secp384r1, from 3.8 on tls_ffdhe_auto_groups ="
    " (empty), and kDHE among the excluded ciphers; Dovecot: ssl_curve_list = X25519:prime256v1:secp384r1,"
    " and no DHE in ssl_cipher_list.",
    f"RFC 9325 §4.1, RFC 7919, {_NCSC} §3.3.2.1, §3.3.3.1, Internet.nl: fs_params",
)
KEX_HASH = Check(
    "tls.kex-hash-func",
    Severity.LOW,
    "The key exchange is signed with SHA-2",
    "SHA-1 collisions can be bought. A signature over one lets somebody in the middle stand in for the"
    " server.",
    "openssl.cnf: SignatureAlgorithms = ECDSA+SHA256:RSA-PSS+SHA256:RSA+SHA256:RSA+SHA384:RSA+SHA512."
    " Postfix (as in Debian 12 and later): such a file of its own by tls_config_file and tls_config_name."
    " No @SECLEVEL=0 in Dovecot's list of ciphers.",
    f"RFC 9155, {_NCSC} §3.3.5, Internet.nl: kex_hash_func",
)
COMPRESSION = Check(
    "tls.compression",
    Severity.MEDIUM,
    "TLS does not compress",
    "The length of compressed data gives away what is in it (CRIME).",
    "Postfix: tls_ssl_options = NO_COMPRESSION; Dovecot: leave compression out of ssl_options.",
    f"RFC 9325 §3.3, {_NCSC}, Internet.nl: tls_compression",
)
RENEGOTIATION_SECURE = Check(
    "tls.renegotiation-secure",
    Severity.MEDIUM,
    "Renegotiation is bound to the connection before it",
    "Without the extension of RFC 5746, somebody in the middle can put words of their own in front of a"
    " client's.",
    "Use a TLS library of this decade: OpenSSL has it since 0.9.8m, GnuTLS since 2.10.",
    f"RFC 5746, RFC 9325 §3.5, {_NCSC}, Internet.nl: renegotiation_secure",
)
RENEGOTIATION_CLIENT = Check(
    "tls.renegotiation-client",
    Severity.LOW,
    "Clients can't make the server renegotiate",
    "Each renegotiation costs the server many times what it costs the client, as often as the client likes.",
    "Postfix: tls_ssl_options = NO_RENEGOTIATION; OpenSSL 3 refuses unless told otherwise.",
    f"RFC 9325 §3.5, {_NCSC}, Internet.nl: renegotiation_client",
)
EXTENDED_MASTER_SECRET = Check(
    "tls.extended-master-secret",
    Severity.LOW,
    "Keys are bound to the whole handshake",
    "Without it, somebody in the middle can make two connections share their keys (the triple handshake).",
    "Use a TLS library of this decade: OpenSSL has it since 1.1.0, GnuTLS since 3.4.",
    f"RFC 7627, RFC 9325 §3.5, {_NCSC}, Internet.nl: extended_master_secret",
)
FALLBACK = Check(
    "tls.fallback-scsv",
    Severity.LOW,
    "A forced step down to an older version is noticed",
    "Old clients try again with an older version when a connection fails, and somebody in the middle can"
    " make it fail.",
    "Speak only TLS 1.2 and 1.3, or use a TLS library that knows RFC 7507 (OpenSSL since 1.0.1j).",
    "RFC 7507, RFC 9325 §3.1.3",
)
MOZILLA = Check(
    "tls.mozilla-intermediate",
    Severity.INFO,
    "The offer is within Mozilla's intermediate profile",
    "The profile is what web servers are held to, and what many policies name. Mail servers may offer more"
    " on port 25, where the alternative is no encryption.",
    "TLS 1.2 and 1.3, ECDHE with AES-GCM or ChaCha20, and the curves X25519, P-256 and P-384.",
    "Mozilla Server Side TLS 5.8, Intermediate",
)
POST_QUANTUM = Check(
    "tls.post-quantum",
    Severity.INFO,
    "A key exchange is offered that a quantum computer can't break",
    "What is recorded today can be opened once such a computer exists, unless the keys were agreed on with"
    " ML-KEM as well.",
    "With OpenSSL 3.5 (Debian 13): Postfix: tls_eecdh_auto_curves = X25519MLKEM768 X25519 prime256v1"
    " secp384r1; Dovecot: no ssl_curve_list, or one that begins with X25519MLKEM768.",
    "FIPS 203, draft-ietf-tls-ecdhe-mlkem",
)
CHECKS = (
    OFFERED,
    VERSION,
    CIPHERS,
    CIPHER_ORDER,
    FS_PARAMS,
    KEX_HASH,
    COMPRESSION,
    RENEGOTIATION_SECURE,
    RENEGOTIATION_CLIENT,
    EXTENDED_MASTER_SECRET,
    FALLBACK,
    MOZILLA,
    POST_QUANTUM,
)
