"""The faults of TLS and of certificates: OpenSSL's and GnuTLS's own servers, taken for IMAP's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from provisioner.sandbox import SandboxHost
from tests.conftest import succeed
from tests.hosts.audit_fault_zones import write
from tests.hosts.audit_seeds import Faults, doubts, fails
from tests.hosts.audit_server_seeds import DOVECOT, PortSeed
from tests.unit.certificate_making import CA, Made, make

TLS_NAME = "mx1.example.test"
OPENSSL = "`openssl s_server`"
MEDDLED = f"`tls_meddler.py` before {OPENSSL}"


def tls(name: str, wrong: Faults, number: int, where: str = OPENSSL, sound: tuple[str, ...] = ()) -> PortSeed:
    """A port of TLS, taken for IMAP's."""
    return PortSeed(f"tls-{name}", wrong, where=where, sound=sound, ports={"imaps": number}, host=TLS_NAME)


TLS = (
    tls(
        "weak",
        {
            **doubts(tls__mozilla_intermediate="all of this", tls__post_quantum="no hybrid group"),
            **fails(
                tls__version="TLS 1.0",
                tls__ciphers="`ALL:@SECLEVEL=0`",
                tls__cipher_order="the client's order",
                tls__fs_params="a field of 1024 bits",
                tls__kex_hash_func="SHA-1",
                tls__renegotiation_client="`-client_renegotiation`",
                certificate__trust="self-signed",
                certificate__pubkey="RSA, 1024 bits",
                certificate__signature="SHA-1",
                certificate__lifetime="900 days",
            ),
        },
        9003,
    ),
    tls(
        "old",
        {
            **fails(
                tls__extended_master_secret="`%NO_SESSION_HASH`",
                tls__renegotiation_secure="`%DISABLE_SAFE_RENEGOTIATION`",
                tls__renegotiation_client="as `gnutls-serv` is",
            ),
            **doubts(tls__post_quantum="no hybrid group"),
        },
        9012,
        "`gnutls-serv`",
    ),
    tls("none", fails(tls__offered="a port of IMAP without TLS, promised as IMAPS"), 14401, DOVECOT),
    tls("expired", fails(certificate__expiry="ended ten days ago"), 9005),
    tls(
        "strange",
        fails(certificate__hostmatch="a certificate for another name", certificate__trust="self-signed"),
        9006,
    ),
    tls(
        "short", fails(certificate__chain="no intermediate certificate", certificate__trust="the same"), 9008
    ),
    tls(
        "nameless",
        fails(certificate__names="no subject alternative name", certificate__hostmatch="the same"),
        9013,
    ),
    tls("client", fails(certificate__usage="extended key usage: clients only"), 9014),
    tls(
        "deflate",
        {
            **fails(tls__compression="the ServerHello takes DEFLATE"),
            **doubts(tls__post_quantum="the same"),
        },
        9016,
        MEDDLED,
        sound=("tls.fallback-scsv",),
    ),
    tls(
        "stepped",
        {
            **fails(tls__fallback_scsv="TLS_FALLBACK_SCSV is put out of the ClientHello"),
            **doubts(tls__post_quantum="the same"),
        },
        9017,
        MEDDLED,
        sound=("tls.compression",),
    ),
    tls("staple", fails(certificate__ocsp_stapling="must-staple, and nothing is stapled"), 9015),
)


@cache
def certificates() -> dict[str, Made]:
    """What the servers show that `tls_servers.sh` does not have."""
    ocsp = x509.TLSFeature([x509.TLSFeatureType.status_request])
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    return {
        "nameless": make(TLS_NAME, CA, names=()),
        "client": make("client", CA, extensions=(client,)),
        "staple": make("staple", CA, extensions=(ocsp,)),
    }


def start(host: SandboxHost) -> None:
    """Start those that `tls_servers.sh` has not started."""
    for name, made in certificates().items():
        write(host, f"/srv/tls/{name}.pem", made.pem)
        write(host, f"/srv/tls/{name}.key", made.key_pem)
    serve = "systemd-run -q --working-directory=/srv/tls -- openssl s_server -www -accept"
    write(host, "/srv/tls_meddler.py", Path(__file__).with_name("tls_meddler.py").read_text())
    meddle = "systemd-run -q -- python3 /srv/tls_meddler.py"
    suites = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
    succeed(
        host,
        f"{serve} 9018 -key ec.key -cert ec.pem -cert_chain intermediate.pem -cipher {suites}"
        " -groups X25519:P-256 -sigalgs ECDSA+SHA256:ECDSA+SHA384;"
        f" {meddle} 9016 9018 compresses; {meddle} 9017 9018 no-fallback;"
        f" n=9013; for c in nameless client staple; do {serve} $n -key $c.key -cert $c.pem; n=$((n+1)); done;"
        " systemd-run -q --working-directory=/srv/tls -- gnutls-serv --x509keyfile rsa.key"
        " --x509certfile full.pem"
        " -p 9012 --echo --priority"
        " 'NONE:+VERS-TLS1.2:+ECDHE-RSA:+AES-256-GCM:+AES-128-GCM:+AEAD"
        ":+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-SHA256"
        ":+GROUP-X25519:+GROUP-SECP256R1:+COMP-NULL:+CTYPE-X509:%NO_SESSION_HASH:%DISABLE_SAFE_RENEGOTIATION'",
    )
