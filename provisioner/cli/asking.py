"""Questions to the person at the terminal; nothing is asked where nobody can answer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from provisioner.report.escape import escape
from provisioner.report.layout import folded
from provisioner.report.terminal import Terminal, standard

if TYPE_CHECKING:
    from provisioner.secrets.vault import VaultPasswords

Pause = Callable[[], AbstractContextManager[object]]
"""Holds back what is rewritten on the screen while a question stands there."""


@dataclass
class Asking:
    """One question at a time, whichever thread has it."""

    terminal: Terminal
    pause: Pause = nullcontext
    _lock: Lock = field(default_factory=Lock)

    def confirm(self, question: str) -> bool:
        """Whether the answer is yes; anything but `y` or `yes` is no."""
        with self._lock, self.pause():
            *before, last = folded([*escape(question).split(" "), "[y/N] "], self.terminal.err.width, 0, " ")
            self.terminal.progress(*before)
            self.terminal.err.print(last, end="", highlight=False, soft_wrap=True)
            return sys.stdin.readline().strip().lower() in ("y", "yes")

    def password(self, prompt: str) -> str | None:
        """What was typed, unseen; None where nothing was."""
        import getpass

        with self._lock, self.pause():
            try:
                return getpass.getpass(escape(prompt), stream=sys.stderr) or None
            except EOFError:
                return None


def vault_passwords(password_file: Path | None, ids: list[str] | None) -> VaultPasswords:
    """The passwords of Ansible Vault that the command line and the environment name.

    Raises InputError where a file is not there, or a person has to be asked and nobody is there.
    """
    from provisioner.secrets import vault

    screen = standard()
    asking = Asking(screen)

    def ask(prompt: str) -> str:
        return asking.password(prompt) or ""

    return vault.vault_passwords(password_file, ids or (), ask=ask if screen.interactive else None)
