"""The variables of one host, evaluated one by one and only when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import TemplateError
from jinja2.exceptions import TemplateSyntaxError

from provisioner.errors import InputError, Location
from provisioner.inventory.model import VariablePath
from provisioner.inventory.near import did_you_mean
from provisioner.inventory.templates.budget import Budget, Refused
from provisioner.inventory.templates.environment import ValueEnvironment
from provisioner.inventory.templates.lazy import OMIT, LazyDict, LazyList, plain
from provisioner.inventory.templates.markers import Broken, Marker, Missing, Trip
from provisioner.inventory.templates.native import ValueContext, keep_trailing_newlines
from provisioner.inventory.templates.scope import Scope
from provisioner.inventory.values import EncryptedText, SecretSource, UnsafeText, Written, is_template, place

_FACTS = (
    "ansible_facts",
    "ansible_default_ipv4",
    "ansible_distribution",
    "ansible_os_family",
    "ansible_fqdn",
)
_MIN_QUOTED = 4
_MIN_DERIVED = 8
"""Characters of a text derived from a secret that count as secret; `yes` and `25` do not."""


@dataclass(frozen=True)
class Surroundings:
    """What the evaluation of all hosts shares."""

    environment: ValueEnvironment
    decrypt: Callable[[str], str]
    """A vault value's plain text; InputError where no password fits."""
    secrets: SecretSource | None
    evaluator: Callable[[str], Evaluator | None]
    """The evaluator of a host by name, for `hostvars`."""
    host_names: Callable[[], Iterator[str]]
    tainted: list[bool] = field(default_factory=lambda: [False])
    """Whether what is being evaluated came of a secret; one entry for each template in another."""
    visited: set[Evaluator] = field(default_factory=set)
    """The hosts whose variables the one being resolved used."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A value inside a variable, by the marks that lead to it."""

    written: Written
    path: VariablePath = ()

    def inside(self, key: object) -> Spot:
        """The value under a key or at an index."""
        return Spot(self.written, (*self.path, key)) if isinstance(key, str | int) else self

    @property
    def where(self) -> Location:
        """The nearest place that is known."""
        mark = self.written.mark
        for step in self.path:
            if mark is None or mark.inside is None or step not in mark.inside:
                break
            mark = mark.inside[step]
        return place(self.written.file, mark)


class Evaluator:
    """One host's variables. Values are kept once known."""

    def __init__(
        self, host: str, written: Mapping[str, Written], magic: Mapping[str, object], shared: Surroundings
    ) -> None:
        """`written` are the host's variables after precedence; `magic` those that nobody wrote."""
        self.host = host
        self.written = written
        self.magic = magic
        self.shared = shared
        self.secret_texts: set[str] = set()
        self._known: dict[str, tuple[object, bool]] = {}
        self._active: list[str] = []
        self._scope = Scope(self)

    def resolve(self, name: str) -> Any:
        """The plain value of a variable. Raises InputError, placed where the variable is written."""
        written = self.written[name]
        if not written.dynamic:
            return written.value
        self.shared.environment.budget = Budget()
        return self._plain(name, written, lambda: self.value(name))

    def resolve_written(self, name: str, written: Written) -> Any:
        """The plain value of a variable that another one of the same name hides from this host."""
        if not written.dynamic:
            return written.value
        self.shared.environment.budget = Budget()
        return self._plain(name, written, lambda: self.lazy(Spot(written), written.value))

    def _plain(self, name: str, written: Written, evaluate: Callable[[], object]) -> Any:
        error: InputError
        where = written.where
        self.shared.visited.clear()
        try:
            value = evaluate()
            if value is OMIT:
                raise InputError("`omit` stands for an item of a list or mapping, not for a whole variable")
            result = plain(value, self.shared.environment.budget)
        except Trip as trip:
            error = self.explain(trip.marker)
            where = getattr(trip.marker, "_where", where)
        except InputError as caught:
            error = caught
        except (Refused, TypeError, ValueError, RecursionError) as caught:
            error = InputError(_sentence(caught))
        else:
            if written.secret:
                self.note_leaves(result, 3)
            self.secret_texts.update(*(other.secret_texts for other in self.shared.visited))
            return result
        raise InputError(
            f"cannot resolve `{name}` for {self.host}: {self._without_secrets(error.message)}",
            where=where,
            note=error.note,
            hint=error.hint,
        ) from error

    def _without_secrets(self, text: str) -> str:
        """A filter's complaint may quote the secret that it was given."""
        for secret in self.secret_texts:
            if len(secret) >= _MIN_QUOTED:
                text = text.replace(secret, "<secret>")
        return text

    def value(self, name: str) -> object:
        """A variable as a template sees it: containers lazy, failures as markers."""
        known = self._known.get(name)
        if known is not None:
            self.shared.tainted[-1] |= known[1]
            return known[0]
        written = self.written[name]
        if not written.dynamic:
            return written.value
        self.shared.tainted.append(written.secret)
        try:
            value = self.lazy(Spot(written), written.value)
        finally:
            tainted = self.shared.tainted.pop()
            self.shared.tainted[-1] |= tainted
        if not isinstance(value, Marker):
            self._known[name] = (value, tainted)
        return value

    def lazy(self, spot: Spot, raw: object) -> object:
        """A value as written at `spot` → as a template sees it."""
        if isinstance(raw, str):
            if type(raw) is UnsafeText:
                return str.__str__(raw)
            value: object = self.template(raw) if is_template(raw) else raw
        elif isinstance(raw, dict):
            return LazyDict(raw, lambda value, key: self.lazy(spot.inside(key), value))
        elif isinstance(raw, list):
            return LazyList(raw, lambda value, key: self.lazy(spot.inside(key), value))
        elif isinstance(raw, EncryptedText):
            try:
                return self.note_secret(self.shared.decrypt(raw.ciphertext))
            except InputError as error:
                value = Broken(error)
        else:
            return raw
        if isinstance(value, Marker):
            value.locate(spot.where)
        return value

    def template(self, text: str) -> object:
        """What a template comes to; a marker where it comes to nothing."""
        environment = self.shared.environment
        if text in self._active:
            return Broken(InputError(f"the template leads back to itself: {_shown(text)}"))
        if len(self._active) > 50:
            return Broken(InputError("templates refer to each other more than 50 deep"))
        self._active.append(text)
        self.shared.tainted.append(False)
        try:
            environment.budget.charge(5)
            compiled = environment.compiled(text)
            context = ValueContext(environment, self._scope, compiled.name, compiled.blocks)  # type: ignore[arg-type]
            result = environment.concat(compiled.root_render_func(context))
            result = keep_trailing_newlines(text, result)
            if self.shared.tainted[-1]:
                self.note_leaves(result, _MIN_DERIVED)
            return result
        except Trip as trip:
            return trip.marker
        except InputError as error:
            return Broken(error)
        except TemplateSyntaxError as error:
            return Broken(InputError(f"this is no template: {error.message}", note=f"in {_shown(text)}"))
        except RecursionError:
            return Broken(InputError("the template is nested too deeply, or calls itself without end"))
        except (Refused, TemplateError) as error:
            return Broken(InputError(_sentence(error)))
        except Exception as error:  # whatever a filter made of strange input is the template's mistake
            return Broken(InputError(f"the template fails: {_sentence(error)}", note=f"in {_shown(text)}"))
        finally:
            self._active.pop()
            tainted = self.shared.tainted.pop()
            self.shared.tainted[-1] |= tainted

    def note_secret(self, text: str) -> str:
        """Remember a text that must never be shown, and that what is being evaluated comes of it."""
        if text:
            self.secret_texts.add(text)
        self.shared.tainted[-1] = True
        return text

    def note_leaves(self, value: object, shortest: int) -> None:
        """Remember the texts in a value that came of a secret."""
        if isinstance(value, str):
            if len(value) >= shortest and not value.isspace():
                self.secret_texts.add(str.__str__(value))
        elif type(value) is dict:
            for item in value.values():
                self.note_leaves(item, shortest)
        elif type(value) in (list, tuple):
            for item in value:  # type: ignore[attr-defined]  # it is one of the two
                self.note_leaves(item, shortest)

    def explain(self, marker: Marker) -> InputError:
        """Why there is no value, with the nearest name that has one."""
        if isinstance(marker, Broken):
            return marker.error
        assert isinstance(marker, Missing)
        name = marker.name
        if name is None:
            return InputError(marker.reason(), note=did_you_mean(marker.key, marker.siblings))
        hint = ""
        if name in _FACTS or name.startswith("ansible_facts"):
            hint = "Facts of the host are not known before it is contacted: write the value down."
        elif name == "secrets":
            hint = "There are no secrets beside this inventory: provision secrets edit makes the first."
        return InputError(marker.reason(), note=did_you_mean(name, self._scope), hint=hint)


def _sentence(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text if len(text) <= 300 else text[:299] + "…"


def _shown(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else line[:79] + "…"
