"""A scan of one port: which questions, in which order, and how the answers become a `TlsScan`.

Some thirty connections show a well-kept server; one with many suites takes one more for each.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from provisioner.mail.wire import Stream
from provisioner.tls import questions
from provisioner.tls.enumerate import Enumeration, Tls13, accepted, batches
from provisioner.tls.opening import Opening
from provisioner.tls.probe import Limits, Prober, Said
from provisioner.tls.result import Answer, Speech, TlsScan, VersionScan
from provisioner.tls.seen import Seen
from provisioner.tls.suites import CipherSuite
from provisioner.tls.versions import Version

T = TypeVar("T")
_LIMITS = Limits()


def scan(
    open_stream: Callable[[], Stream],
    server_name: str,
    *,
    starttls: Opening = Opening.IMPLICIT,
    limits: Limits = _LIMITS,
    slots: threading.Semaphore | None = None,
) -> TlsScan:
    """Find out what the TLS of a port offers. Never raises for anything that a server does.

    `open_stream` makes a new connection and raises `OSError` or `ConversationError` where it can't;
    `server_name` goes into SNI; `slots` is shared with other scans of the same server, so that
    together they hold no more connections than it allows.
    """
    started = time.monotonic()
    prober = Prober(open_stream, starttls, limits, slots)
    modern = Tls13(prober, server_name)
    first = modern.begin()
    if first.speech is not Speech.TLS:
        return TlsScan(server_name, first.speech, first.trouble, connections=prober.connections)
    with ThreadPoolExecutor(limits.parallel, "tls-scan") as pool:
        found = _Scan(prober, server_name, pool, modern)
        found.enumerate()
        found.ask_further()
    return found.result(time.monotonic() - started)


class _Scan:
    """The state of one scan while it goes on."""

    def __init__(self, prober: Prober, name: str, pool: ThreadPoolExecutor, modern: Tls13) -> None:
        self.prober = prober
        self.name = name
        self.pool = pool
        self.modern = modern
        self.seen = Seen()
        self.versions: dict[Version, VersionScan] = {}
        self.ssl2 = Said()
        self.further = questions.Further()

    def enumerate(self) -> None:
        """Versions and suites, side by side."""
        modern = self.pool.submit(self.modern.finish)
        old = self.pool.submit(self._old_versions)
        parts = [self.pool.submit(self._accepted, Version.TLS12, part) for part in batches(Version.TLS12)]
        ssl2 = self.pool.submit(self.prober.ask_ssl2)
        self._keep(Version.TLS12, [part.result() for part in parts])
        for version, found in old.result().items():
            self._keep(version, found)
        self.ssl2 = ssl2.result()
        modern.result()

    def _accepted(self, version: Version, offered: tuple[CipherSuite, ...]) -> Enumeration:
        return accepted(self.prober, version, offered, self.name)

    def _old_versions(self) -> dict[Version, list[Enumeration]]:
        """TLS 1.1 to SSL 3.0.

        A server takes the highest version that is not above the client's (RFC 5246 §E.1), so that
        its "protocol_version" to TLS 1.1 answers for TLS 1.0 too. SSL 3.0 is asked for by itself,
        since its hello has no extensions to stumble over.
        """
        found: dict[Version, list[Enumeration]] = {}
        for version in (Version.TLS11, Version.TLS10, Version.SSL3):
            newer = found.get(Version.TLS11)
            if version is Version.TLS10 and newer and newer[0].why == "protocol_version":
                found[version] = newer[:1]
                continue
            found[version] = []
            for part in batches(version):
                found[version].append(self._accepted(version, part))
                if found[version][-1].why == "protocol_version" or found[version][-1].other:
                    break
        return found

    def _keep(self, version: Version, parts: list[Enumeration]) -> None:
        chosen = tuple(one for part in parts for one in part.suites)
        trouble = next((part.trouble for part in parts if part.trouble), "")
        other = next((part.other for part in parts if part.other), None)
        why = f"answered with {other}" if other else next((part.why for part in parts if part.why), "")
        answer = Answer.YES if chosen else Answer.UNKNOWN if trouble else Answer.NO
        self.versions[version] = VersionScan(version, answer, chosen, not trouble, trouble or why)
        self.seen.learn(said.flight for part in parts for said in part.said if said.flight)

    def ask_further(self) -> None:
        """What can only be asked once the suites are known."""
        self.versions[Version.TLS13] = VersionScan(
            Version.TLS13,
            self.modern.answer,
            tuple(self.modern.suites),
            not self.modern.trouble,
            self.modern.trouble or self.modern.why,
        )
        self.versions[Version.SSL2] = _ssl2(self.ssl2)
        known = {version: one.suites for version, one in self.versions.items() if one.suites}
        self.further = questions.ask(self.prober, self.name, known, self.modern, self.seen, self.pool)

    def result(self, seconds: float) -> TlsScan:
        """Everything together."""
        troubles = [f"{v}: {one.why}" for v, one in sorted(self.versions.items()) if not one.complete]
        chains = sorted(self.seen.chains.values(), key=lambda chain: chain.key)
        groups = _distinct([*self.modern.groups, *self.seen.groups])
        return TlsScan(
            self.name,
            Speech.TLS,
            versions=tuple(self.versions[version] for version in sorted(self.versions)),
            order=self.further.order,
            misordered=tuple(self.further.misordered),
            groups=tuple(groups),
            groups_complete=self.further.groups_complete and not self.modern.trouble,
            dh=tuple(self.seen.dh),
            signatures=tuple(self.seen.signatures),
            weak_signatures=self.further.weak_signatures,
            compression=self.seen.compression,
            secure_renegotiation=self.seen.secure_renegotiation,
            client_renegotiation=self.further.client_renegotiation,
            extended_master_secret=self.seen.extended_master_secret,
            fallback_scsv=self.further.fallback_scsv,
            chains=tuple(chains),
            connections=self.prober.connections,
            seconds=seconds,
            troubles=tuple(_distinct([*troubles, *self.further.troubles, *self.seen.troubles])),
        )


def _ssl2(said: Said) -> VersionScan:
    if said.flight is not None:
        return VersionScan(Version.SSL2, Answer.YES)
    if said.trouble:
        return VersionScan(Version.SSL2, Answer.UNKNOWN, complete=False, why=said.trouble)
    return VersionScan(Version.SSL2, Answer.NO, why=said.refusal)


def _distinct(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))
