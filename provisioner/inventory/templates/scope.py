"""The names that a template can use, each evaluated when asked for: variables, `hostvars`, `secrets`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from provisioner.errors import InputError
from provisioner.inventory.templates.markers import Missing
from provisioner.inventory.values import SecretSource

if TYPE_CHECKING:
    from provisioner.inventory.templates.evaluate import Evaluator, Surroundings


class Scope(Mapping[str, Any]):
    """The names a template can use: variables, magic variables, `hostvars`, `secrets`, functions."""

    def __init__(self, evaluator: Evaluator) -> None:
        """The names of one host."""
        self._evaluator = evaluator
        shared = evaluator.shared
        self._special: dict[str, Callable[[], object]] = {
            "hostvars": lambda: HostVariables(shared),
            "vars": lambda: VariablesView(evaluator),
        }
        if shared.secrets is not None:
            self._special["secrets"] = partial(SecretsOfHost, evaluator, shared.secrets)

    def __getitem__(self, name: str) -> Any:
        """What a name stands for. A variable named `secrets` that somebody wrote hides ours."""
        evaluator = self._evaluator
        if name in evaluator.magic:
            return evaluator.magic[name]
        if name in evaluator.written and name != "hostvars":
            return evaluator.value(name)
        if (special := self._special.get(name)) is not None:
            return special()
        return evaluator.shared.environment.globals[name]

    def note_secret(self, text: str) -> None:
        """What a lookup read from an encrypted file is secret, with its last newline or without."""
        self._evaluator.note_secret(text)
        self._evaluator.note_secret(text.strip())

    def __contains__(self, name: object) -> bool:
        """Known without evaluating anything."""
        evaluator = self._evaluator
        return any(name in names for names in (evaluator.written, evaluator.magic, self._special)) or (
            name in evaluator.shared.environment.globals
        )

    def get(self, key: str, default: Any = None) -> Any:
        """As `dict.get`."""
        try:
            return self[key]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        """Every name that somebody wrote, and the magic ones."""
        yield from {**self._evaluator.written, **self._evaluator.magic, **self._special}

    def __len__(self) -> int:
        """How many names there are."""
        return sum(1 for _ in self)


class VariablesView(Mapping[str, Any]):
    """A host's variables by name: `vars['x']`, `hostvars['mx1'].x`."""

    def __init__(self, evaluator: Evaluator) -> None:
        """Nothing is evaluated yet."""
        self._evaluator = evaluator

    def __getitem__(self, name: str) -> Any:
        """One variable, evaluated for its own host."""
        evaluator = self._evaluator
        if name in evaluator.magic:
            return evaluator.magic[name]
        evaluator.shared.environment.budget.charge()
        evaluator.shared.visited.add(evaluator)
        return evaluator.value(name)

    def __iter__(self) -> Iterator[str]:
        """The names."""
        yield from {**self._evaluator.written, **self._evaluator.magic}

    def __len__(self) -> int:
        """How many there are."""
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        """Known without evaluating anything."""
        return name in self._evaluator.written or name in self._evaluator.magic


class HostVariables(Mapping[str, Any]):
    """`hostvars`: every host's variables, by host."""

    def __init__(self, shared: Surroundings) -> None:
        """Nothing is evaluated yet."""
        self._shared = shared

    def __getitem__(self, name: str) -> Any:
        """One host's variables; a marker where there is no such host."""
        evaluator = self._shared.evaluator(name)
        if evaluator is None:
            return Missing(hint=f"there is no host `{name}` in the inventory")
        return VariablesView(evaluator)

    def __iter__(self) -> Iterator[str]:
        """Every host."""
        return self._shared.host_names()

    def __len__(self) -> int:
        """How many there are."""
        return sum(1 for _ in self)

    def __contains__(self, name: object) -> bool:
        """Whether there is a host of that name."""
        return isinstance(name, str) and self._shared.evaluator(name) is not None


class SecretsOfHost(Mapping[str, str]):
    """`secrets`: decrypted one by one, as they are used, and remembered as never to be shown."""

    def __init__(self, evaluator: Evaluator, source: SecretSource) -> None:
        """Nothing is decrypted yet."""
        self._evaluator = evaluator
        self._source = source

    def __getitem__(self, name: str) -> str:
        """One secret. Raises InputError where there is none of that name."""
        return self._evaluator.note_secret(self._source.get(str(name)))

    def __iter__(self) -> Iterator[str]:
        """Their names are not for templates."""
        return iter(())

    def __len__(self) -> int:
        """As if there were none."""
        return 0

    def __contains__(self, name: object) -> bool:
        """Whether there is a secret of that name."""
        try:
            self._source.get(str(name))
        except InputError:
            return False
        return True
