"""testinfra over our own connections: the commands go to the parent process, which holds them.

So the process that runs tests knows no keys and no passwords, and host keys, jump hosts and sudo
are the same as everywhere else.
"""

from __future__ import annotations

import json
from multiprocessing.connection import Connection
from typing import Any

from testinfra.backend.base import BaseBackend, CommandResult

ANSWER_BYTES = 64 * 1024 * 1024
SAID_CHARACTERS = 300


class Ran(CommandResult):
    """How a command ended; its `repr` is what a failed assertion shows of it."""

    def __repr__(self) -> str:
        """`` `postconf -n` ended with 1: fatal: … ``"""
        said = (self.stderr.strip() or self.stdout.strip() or "it said nothing").replace("\n", " | ")
        return f"`{self.backend.decode(self.command)}` ended with {self.rc}: {said[:SAID_CHARACTERS]}"


class Backend(BaseBackend):
    """Runs commands on one host of the inventory."""

    NAME = "provision"

    def __init__(self, hostname: str, channel: Connection) -> None:
        """`hostname` is the inventory's name for the host; `channel` leads to the parent process."""
        super().__init__(hostname)
        self._channel = channel

    def __repr__(self) -> str:
        """Short: it is part of every message about a command that failed."""
        return self.hostname

    def run(self, command: str, *args: str, **kwargs: Any) -> CommandResult:
        """Run a command; `%s` in it stand for `args`, quoted."""
        whole = self.get_command(command, *args)
        self._channel.send_bytes(json.dumps({"run": whole}).encode())
        answer = json.loads(self._channel.recv_bytes(ANSWER_BYTES))
        if lost := answer.get("lost"):
            raise ConnectionError(lost)
        stdout, stderr = answer["stdout"].encode("latin-1"), answer["stderr"].encode("latin-1")
        return Ran(self, answer["status"], self.encode(whole), stdout, stderr)

    def get_encoding(self) -> str:
        """The shell on the host runs in C.UTF-8."""
        return "utf-8"

    def decode(self, data: bytes) -> str:
        """As text; bytes that aren't UTF-8 become `\\xNN` and don't end the check."""
        return data.decode("utf-8", "backslashreplace")

    def encode(self, data: str) -> bytes:
        """As UTF-8."""
        return data.encode("utf-8", "surrogateescape")
