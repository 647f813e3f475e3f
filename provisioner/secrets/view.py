"""What templates see of the secrets: reading, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.secrets.store import Secrets


class SecretsView:
    """What templates see as `secrets`: `{{ secrets.bob }}`, `{{ secrets['dkim/example.org/2026'] }}`."""

    __slots__ = ("_get",)

    def __init__(self, secrets: Secrets) -> None:
        """Only reading is possible through the view."""
        self._get = secrets.get

    def __getattr__(self, name: str) -> str:
        """The text of the secret; `InputError` where there is none, or no key that reads it."""
        if name.startswith("__"):  # Jinja2 asks for __html__ and the like
            raise AttributeError(name)
        return self._get(name)

    def __getitem__(self, name: str) -> str:
        """The same for names that are no identifiers."""
        return self._get(str(name))
