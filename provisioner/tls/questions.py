"""What is asked once the suites are known: order, curves, weak signatures, fallback, chain in TLS 1.3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass, field

from provisioner.mail.certificate import read_certificate
from provisioner.mail.wire import ConversationError, Stream
from provisioner.tls.enumerate import Tls13
from provisioner.tls.flight import KeyExchange, NotTls
from provisioner.tls.groups import CURVES, Group, group
from provisioner.tls.hello import SIGNATURES, WEAK_SIGNATURES, Hello
from provisioner.tls.probe import Prober, Said
from provisioner.tls.result import Answer, Chain, Order
from provisioner.tls.seen import Seen, key_exchange_of
from provisioner.tls.signatures import scheme_name
from provisioner.tls.suites import FALLBACK_SCSV, CipherSuite, suite
from provisioner.tls.tls12 import renegotiates, speakable
from provisioner.tls.tls13 import READABLE_GROUPS, READABLE_SUITES, Share
from provisioner.tls.trust import UNREADABLE
from provisioner.tls.versions import Version

_CURVE_NUMBERS = tuple(one.number for one in CURVES)
_ECDSA_SIGNATURES = tuple(n for n in SIGNATURES if n & 0xFF == 3 or n in (0x0807, 0x0808))
_RSA_SIGNATURES = tuple(n for n in SIGNATURES if n not in _ECDSA_SIGNATURES)
Suites = Mapping[Version, tuple[CipherSuite, ...]]


@dataclass(slots=True)
class Further:
    """The answers."""

    order: Order = Order.UNKNOWN
    misordered: list[tuple[CipherSuite, CipherSuite]] = field(default_factory=list)
    groups_complete: bool = True
    weak_signatures: Answer = Answer.UNKNOWN
    fallback_scsv: Answer = Answer.UNKNOWN
    client_renegotiation: Answer = Answer.UNKNOWN
    troubles: list[str] = field(default_factory=list)


def ask(prober: Prober, name: str, known: Suites, modern: Tls13, seen: Seen, pool: Executor) -> Further:
    """Ask everything, side by side; what flights show goes into `seen`."""
    asking = _Asking(prober, name, known, modern, seen)
    steps = [asking.order, asking.curves, asking.weak_signatures, asking.fallback, asking.certificates13]
    steps.append(asking.renegotiation)
    waiting: list[Future[None]] = [pool.submit(step) for step in steps]
    for one in waiting:
        one.result()
    return asking.further


def _renegotiate(stream: Stream, hello: Hello) -> Said:
    try:
        answer, why = renegotiates(stream, hello)
    except (NotTls, EOFError, ConversationError) as error:
        return Said(trouble=str(error) or "the server hung up in the middle of the handshake")
    return Said(answer=answer, trouble="" if answer is not Answer.UNKNOWN else why)


class _Asking:
    def __init__(self, prober: Prober, name: str, known: Suites, modern: Tls13, seen: Seen) -> None:
        self.prober = prober
        self.name = name
        self.known = known
        self.modern = modern
        self.seen = seen
        self.further = Further()
        older = [version for version in known if version is not Version.TLS13]
        self.version = max(older) if older else None
        """The highest below TLS 1.3, where suites carry the key exchange."""
        self.suites = known[self.version] if self.version else ()

    def _ask(self, suites: Sequence[CipherSuite], **changes: Sequence[int]) -> Said:
        assert self.version is not None
        groups = changes.get("groups", _CURVE_NUMBERS)
        signatures = changes.get("signatures", SIGNATURES)
        numbers = [one.number for one in suites]
        return self._put(Hello(self.version, numbers, groups, signatures, self.name))

    def _put(self, hello: Hello, share: Share | None = None) -> Said:
        """Ask, and once more where no answer came.

        By now the server has spoken TLS; a check may rest on a single answer, and a busy server owe it.
        """
        said = self.prober.ask(hello, share)
        return self.prober.ask(hello, share) if said.trouble else said

    def _pick(self, suites: Sequence[CipherSuite]) -> CipherSuite | None:
        said = self._ask(suites)
        if said.flight is not None and said.flight.hello is not None:
            return suite(said.flight.hello.suite)
        self.further.troubles.append(f"the order of suites: {said.trouble or said.refusal}")
        return None

    def order(self) -> None:
        """Offer the same suites forwards and backwards; a server with an order of its own picks the same."""
        if len(self.suites) < 2:
            self.further.order = Order.SINGLE
            return
        offered = self.suites[:64]
        forwards, backwards = self._pick(offered), self._pick(offered[::-1])
        if forwards is None or backwards is None:
            return
        self.further.order = Order.SERVER if forwards == backwards else Order.CLIENT
        if self.further.order is Order.SERVER:
            self._ranks(offered)

    def _ranks(self, offered: Sequence[CipherSuite]) -> None:
        """The last choice of each rank must still come before everything weaker."""
        for rank in (0, 1):
            same = [one for one in offered if one.rank == rank]
            weaker = [one for one in offered if one.rank > rank]
            if not same or not weaker:
                continue
            picked = self._pick([*weaker, same[-1]])
            if picked is not None and picked.rank > rank:
                self.further.misordered.append((picked, same[-1]))

    def curves(self) -> None:
        """Curves that neither TLS 1.3 nor any flight so far has shown."""
        offered = [one for one in self.suites if one.key_exchange in ("ECDHE", "ECDH") and one.ephemeral]
        if not offered:
            return
        rsa = [one for one in offered if "ECDSA" not in one.name]
        known = {one.number for one in (*self.modern.groups, *self.seen.groups)}
        left = [one.number for one in CURVES if one.number not in known]
        # A key on a curve can only be used by a client that knows the curve (RFC 8422 §5.3).
        own = [] if rsa else self._key_curves()
        while left:
            also = [number for number in own if number not in left]
            said = self._ask(rsa or offered, groups=[*left, *also])
            if said.trouble:
                self.further.groups_complete = False
                self.further.troubles.append(f"curves: {said.trouble}")
            curve = self._curve(said)
            if curve is None or curve.number not in left:
                if curve is not None and not self.modern.groups:
                    self.further.groups_complete = False
                return
            left.remove(curve.number)

    def _key_curves(self) -> list[int]:
        """The curves that the server's own keys are on."""
        names: set[str] = set()
        for chain in self.seen.chains.values():
            with suppress(*UNREADABLE):
                names.add(read_certificate(chain.certificates[0]).key.removeprefix("ECDSA "))
        return [one.number for one in CURVES if one.name in names]

    def _curve(self, said: Said) -> Group | None:
        exchange = self._exchange(said)
        if exchange is None or exchange.curve is None:
            return None
        found = group(exchange.curve)
        if found not in self.seen.groups:
            self.seen.groups.append(found)
        return found

    @staticmethod
    def _exchange(said: Said) -> KeyExchange | None:
        if said.flight is None or said.flight.hello is None:
            return None
        hello = said.flight.hello
        read = key_exchange_of(said.flight, suite(hello.suite), hello.version)
        return read if isinstance(read, KeyExchange) else None

    def weak_signatures(self) -> None:
        """Offer nothing but MD5, SHA-1 and SHA-224 for the signature of the key exchange."""
        signed = [one for one in self.suites if one.ephemeral and not one.anonymous]
        if self.version is not Version.TLS12 or not signed:
            return
        left = list(WEAK_SIGNATURES)
        self.further.weak_signatures = Answer.NO
        while left:
            said = self._ask(signed, signatures=left)
            if said.trouble:
                self.further.troubles.append(f"signatures: {said.trouble}")
                if self.further.weak_signatures is Answer.NO:
                    self.further.weak_signatures = Answer.UNKNOWN
                return
            exchange = self._exchange(said)
            if exchange is None or exchange.signature not in left:
                return
            self.further.weak_signatures = Answer.YES
            self.seen.signatures.append(scheme_name(exchange.signature))
            left.remove(exchange.signature)

    def fallback(self) -> None:
        """Claim to have stepped down from a higher version (RFC 7507 §3)."""
        if self.version is None or len(self.known) < 2:
            return
        versions = sorted(self.known)
        lower = versions[-2]
        numbers = [one.number for one in self.known[lower][:63]] + [FALLBACK_SCSV]
        said = self._put(Hello(lower, numbers, _CURVE_NUMBERS, server_name=self.name))
        if said.flight is not None:
            self.further.fallback_scsv = Answer.NO
        elif said.refusal:
            # Not only inappropriate_fallback: Dovecot 2.3 hangs up. The same hello without it was taken.
            self.further.fallback_scsv = Answer.YES
        else:
            self.further.troubles.append(f"fallback: {said.trouble}")

    def renegotiation(self) -> None:
        """Go through a handshake, and ask for another one inside it."""
        spoken = [one.number for one in self.suites if speakable(one)]
        if self.version is not Version.TLS12 or not spoken:
            return
        hello = Hello(self.version, spoken, sorted(READABLE_GROUPS), server_name=self.name)
        said = self.prober.talk(lambda stream: _renegotiate(stream, hello))
        self.further.client_renegotiation = said.answer
        if said.answer is Answer.UNKNOWN:
            self.further.troubles.append(f"renegotiation: {said.trouble}")

    def certificates13(self) -> None:
        """The certificates of TLS 1.3; of both kinds where no older version has shown them in clear."""
        if self.version is not None:
            self._handshake13(SIGNATURES)
            return
        for signatures in (_ECDSA_SIGNATURES, _RSA_SIGNATURES):
            self._handshake13(signatures)

    def _handshake13(self, signatures: Sequence[int]) -> None:
        suites = [one.number for one in self.modern.suites if one.number in READABLE_SUITES]
        groups = [one.number for one in self.modern.groups if one.number in READABLE_GROUPS]
        if not suites or not groups:
            return
        share = Share.new(groups[0])
        shares = [(share.group, share.public)]
        hello = Hello(Version.TLS13, suites, groups[:1], signatures, self.name, shares)
        said = self._put(hello, share)
        if said.encrypted is None:
            if said.trouble:
                self.further.troubles.append(f"the certificate of TLS 1.3: {said.trouble}")
            return
        scheme = said.encrypted.signature or 0
        key = "ECDSA" if scheme in _ECDSA_SIGNATURES else "RSA"
        self.seen.add_chain(Chain(key, said.encrypted.certificates, said.encrypted.status))
        if scheme_name(scheme) not in self.seen.signatures:
            self.seen.signatures.append(scheme_name(scheme))
