"""Whether a host is the one we know: its key against the record, first use, host certificates."""

from __future__ import annotations

import base64
import time
from collections.abc import Sequence
from pathlib import Path

from provisioner.errors import HostKeyError
from provisioner.hosts import known_hosts
from provisioner.hosts.known_hosts import Judgement, KnownKey, Record, Verdict, fingerprint, kind_of
from provisioner.hosts.settings import Settings
from provisioner.hosts.ssh_lookup import matches
from provisioner.hosts.transport import CERTIFICATE_SUFFIX, HOST_KEY_ALGORITHMS


def record_of(settings: Settings) -> Record:
    """What is on record about the host of `settings`."""
    return Record.load(
        settings.known_hosts, settings.other_known_hosts, settings.key_name, _own_name(settings)
    )


def _own_name(settings: Settings) -> str:
    """The inventory's name, in the form it has in our file."""
    return settings.name if settings.port == 22 else f"[{settings.name}]:{settings.port}"


def host_key_algorithms(record: Record) -> tuple[str, ...]:
    """The algorithms to offer: kinds on record first, so that a known host shows the key we know.

    Certificates are asked for only where an authority for the host is on record.
    """
    known = [name for kind in record.kinds() for name in _algorithms(kind) if name in HOST_KEY_ALGORITHMS]
    certified = [name + CERTIFICATE_SUFFIX for name in HOST_KEY_ALGORITHMS] if record.authorities() else []
    return tuple(dict.fromkeys([*known, *certified, *HOST_KEY_ALGORITHMS]))


def _algorithms(kind: str) -> tuple[str, ...]:
    """The signature algorithms of a key type (RFC 8332 for RSA)."""
    return ("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,)


def check(settings: Settings, record: Record, presented: bytes, plain: bytes) -> None:
    """Return if the host may be trusted; raise `HostKeyError` if not.

    `presented` is the key or certificate as the host sent it, `plain` the public key in it.
    """
    if kind_of(presented).endswith(CERTIFICATE_SUFFIX) and _certified(settings, record, presented):
        return
    judgement = record.judge(plain)
    if judgement.verdict is Verdict.TRUSTED:
        return
    if judgement.verdict is Verdict.UNKNOWN:
        if settings.trust_on_first_use or _confirmed(settings, plain):
            _remember(settings, plain)
            return
        raise _unknown(settings, plain)
    raise _changed(settings, plain, judgement)


def _confirmed(settings: Settings, plain: bytes) -> bool:
    question = (
        f"{settings.name} at {settings.address}:{settings.port} is not known yet. Its {_kind(plain)} key is "
        f"{fingerprint(plain)}. Trust it?"
    )
    return settings.confirm_host_key is not None and settings.confirm_host_key(question)


def _remember(settings: Settings, plain: bytes) -> None:
    names = [_own_name(settings), settings.key_name]
    try:
        known_hosts.add(settings.known_hosts, names, plain)
    except OSError as problem:
        raise HostKeyError(
            f"its host key cannot be recorded in {settings.known_hosts}: {problem.strerror}",
            hint="Make the folder writable, or name another file with --known-hosts FILE.",
        ) from None


def _certified(settings: Settings, record: Record, presented: bytes) -> bool:
    """Whether an authority on record vouches for this host now (PROTOCOL.certkeys)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import serialization

    text = kind_of(presented).encode() + b" " + base64.b64encode(presented)
    try:
        certificate = serialization.load_ssh_public_identity(text)
        if not isinstance(certificate, serialization.SSHCertificate):
            return False
        certificate.verify_cert_signature()
    except (ValueError, InvalidSignature):
        return False
    authority = base64.b64decode(
        certificate.signature_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .split()[1]
    )
    if record.revokes(authority):
        return False
    name = (settings.host_key_alias or settings.address).lower()
    return (
        authority in record.authorities()
        and certificate.type is serialization.SSHCertificateType.HOST
        and not certificate.critical_options
        and certificate.valid_after <= time.time() < certificate.valid_before
        and _is_principal(name, certificate.valid_principals)
    )


def _is_principal(name: str, principals: Sequence[bytes]) -> bool:
    """Whether the certificate is for `name`; patterns count, an empty list is for nobody."""
    return any(matches(principal.decode("utf-8", "replace"), name) for principal in principals)


def _kind(blob: bytes) -> str:
    """A key type as `ssh-keygen -l` names it."""
    kind = kind_of(blob)
    return "RSA" if kind == "ssh-rsa" else "ECDSA" if kind.startswith("ecdsa") else kind[4:].upper()


def _key_file(blob: bytes) -> str:
    return f"/etc/ssh/ssh_host_{_kind(blob).lower()}_key.pub"


def _presented(settings: Settings, blob: bytes) -> str:
    return f"presented  {fingerprint(blob)} at {settings.address}:{settings.port}, {_kind(blob)}"


def _known(line: KnownKey) -> str:
    comment = f", {line.comment}" if line.comment else ""
    place = f"{Path(line.where.file).name}:{line.where.line}"
    if line.where.file != place and not Path(line.where.file).parent.samefile("."):
        place = f"{line.where.file}:{line.where.line}"
    return f"known      {fingerprint(line.blob)} ({place}{comment})"


def _forget(settings: Settings) -> str:
    elsewhere = settings.known_hosts.resolve() != Path("known_hosts").resolve()
    option = f" --known-hosts {settings.known_hosts}" if elsewhere else ""
    return f"provision hosts forget {settings.name}{option}"


def _unknown(settings: Settings, blob: bytes) -> HostKeyError:
    return HostKeyError(
        "its host key is unknown",
        where=settings.place,
        hint=f"Compare the key on its console (ssh-keygen -lf {_key_file(blob)}), then run again with "
        f"--trust-on-first-use, which records it in {settings.known_hosts}.",
        evidence=(_presented(settings, blob),),
    )


def _changed(settings: Settings, blob: bytes, judgement: Judgement) -> HostKeyError:
    line = judgement.line
    known = (_known(line),) if line else ()
    evidence = (*known, _presented(settings, blob))
    if judgement.verdict is Verdict.REVOKED:
        return HostKeyError(
            "its host key is revoked",
            where=settings.place,
            hint="Give the host new keys (ssh-keygen -A after removing /etc/ssh/ssh_host_*).",
            evidence=evidence,
        )
    ours = line is not None and Path(line.where.file) == settings.known_hosts
    remove = _forget(settings) if ours else f"ssh-keygen -R '{settings.key_name}'"
    return HostKeyError(
        "its host key changed",
        where=settings.place,
        hint=f"If the machine was reinstalled: {remove}, then apply with --trust-on-first-use. If not, "
        f"someone may be in between: compare the key on its console (ssh-keygen -lf {_key_file(blob)}).",
        evidence=evidence,
    )
