"""Ports that speak no mail: enough of a conversation to know that the right program answers."""

from __future__ import annotations

import re

from provisioner.verify.dialogue import Dialogue
from provisioner.verify.result import Unproven

_STATUS = re.compile(r"HTTP/\d(\.\d)? (\d{3})\b")


def prove_http(dialogue: Dialogue) -> str:
    """HTTP and HTTPS: any status but 5xx, for the page `/` of the host's name."""
    if dialogue.port.tls == "implicit":
        dialogue.implicit_tls()
    wire = dialogue.wire
    wire.send_line("GET / HTTP/1.1")
    wire.send_line(f"Host: {dialogue.expect.hostname}")
    wire.send_line("Connection: close")
    wire.send_line("")
    line = wire.read_line()
    wire.close()
    status = _STATUS.match(line)
    if status is None:
        raise Unproven("babble", "does not speak HTTP", evidence=(line,))
    if status[2].startswith("5"):
        raise Unproven("refused", "answered with", evidence=(line,), retry=True)
    return f"answers {status[2]}"


def prove_ssh(dialogue: Dialogue) -> str:
    """SSH: the version line (RFC 4253 §4.2)."""
    line = dialogue.wire.read_line()
    dialogue.wire.close()
    if not line.startswith("SSH-"):
        raise Unproven("babble", "does not speak SSH", evidence=(line,))
    return ""


def prove_connection(dialogue: Dialogue) -> str:
    """Any other protocol: it takes the connection, and TLS where TLS is implicit."""
    if dialogue.port.tls == "implicit":
        dialogue.implicit_tls()
    dialogue.wire.close()
    return "takes connections"
