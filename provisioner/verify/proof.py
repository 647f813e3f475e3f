"""What the ports of a host had to show when it was changed, in a form that is kept with the transaction.

A rollback comes back to a state that no inventory at hand need describe; this is what it is proven by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.roles.model import Desired, Port
from provisioner.verify.expectations import RECIPIENTS, Expectations, Trust, TrustKind, expectations

MOST_PORTS = 100
_WORD = re.compile(r"[!-~]{1,320}\Z")
"""Printable ASCII without blanks: what is read from a host goes into a conversation."""


@dataclass(frozen=True, slots=True)
class Proof:
    """The ports that must be there, and what each has to show."""

    ports: tuple[Port, ...]
    expect: Expectations


def proof_of(desired: Desired) -> Proof:
    """What `desired` deploys for the world; sshd is not for us to prove: we come in through it."""
    ports = tuple(port for port in desired.ports if port.public and port.protocol != "ssh")
    return Proof(ports, expectations(desired))


def encode(proof: Proof) -> bytes:
    """As JSON; nothing where there is nothing to prove."""
    if not proof.ports:
        return b""
    return json.dumps(
        {
            "ports": [
                {"number": port.number, "protocol": port.protocol, "role": port.role, "tls": port.tls}
                for port in proof.ports
            ],
            "hostname": proof.expect.hostname,
            "recipients": list(proof.expect.recipients),
            "trust": [proof.expect.trust.kind.value, proof.expect.trust.value],
        }
    ).encode()


def decode(text: bytes) -> Proof:
    """From JSON that a host has kept; nothing, from nothing. Raises ValueError where it is damaged."""
    if not text:
        return Proof((), Expectations(""))
    try:
        document = json.loads(text)
        kind, value = document["trust"]
        expect = Expectations(
            _word(document["hostname"]),
            tuple(_word(recipient) for recipient in document["recipients"][:RECIPIENTS]),
            trust=Trust(TrustKind(kind), str(value)),
        )
        return Proof(tuple(_port(one) for one in document["ports"][:MOST_PORTS]), expect)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("not of the form that we write") from error


def _port(one: Mapping[str, object]) -> Port:
    number = one["number"]
    if not isinstance(number, int) or not 0 < number < 65536:
        raise ValueError("a port that is none")
    return Port(number, _word(one["protocol"]), _word(one["role"]), tls=_word(one["tls"]))


def _word(value: object) -> str:
    if not isinstance(value, str) or not _WORD.match(value):
        raise ValueError("a word that is none")
    return value
