"""Jinja2 as Ansible uses it in values: native types, sandboxed, and bounded.

`{{ 5 }}` is a number; two expressions side by side are text; an expression that yields nothing is
null; backslashes in literals stay; `trim_blocks` is on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, wraps
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.environment import Template
from jinja2.lexer import Lexer
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment, SandboxedFormatter
from jinja2.utils import missing

from provisioner.inventory.near import did_you_mean
from provisioner.inventory.templates.budget import Budget, Refused
from provisioner.inventory.templates.filters import FILTERS, REFUSED_FILTERS, TAKES_MARKERS, WIDTHS
from provisioner.inventory.templates.lazy import OMIT, is_iterator, plain
from provisioner.inventory.templates.limits import (
    HEADER,
    MAX_NUMBER_ARGUMENT,
    check_depth,
    check_method,
    header_options,
)
from provisioner.inventory.templates.markers import Marker, Missing, first_marker
from provisioner.inventory.templates.native import ValueCodeGenerator, ValueContext, ValueLexer, output_text
from provisioner.inventory.templates.sizes import CHECKS
from provisioner.inventory.templates.tests import TESTS

_BUILTIN = ("ansible.builtin.", "ansible.legacy.")
_MAX_TEMPLATE = 200_000


class _Formatter(SandboxedFormatter):
    """`'{:>9}'.format(x)`, the width bounded."""

    def __init__(self, environment: ValueEnvironment) -> None:
        super().__init__(environment)
        self._budget = environment.budget

    def format_field(self, value: Any, format_spec: str) -> Any:
        """One field."""
        self._budget.widths(format_spec)
        return super().format_field(value, format_spec)


@pass_context
def _finalize(context: Context, value: Any) -> Any:
    """Asking for the context keeps Jinja2 from evaluating constants when it compiles."""
    return value


class _Named(dict[str, Any]):
    """Filters or tests by name, `ansible.builtin.` in front or not."""

    def __contains__(self, name: object) -> bool:
        return super().__contains__(_short(name))

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(_short(name))

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(_short(name), default)


def _short(name: object) -> Any:
    if isinstance(name, str):
        for prefix in _BUILTIN:
            name = name.removeprefix(prefix)
    return name


class ValueEnvironment(ImmutableSandboxedEnvironment):
    """One for all hosts of an inventory; not for use from several threads at once."""

    code_generator_class = ValueCodeGenerator
    context_class = ValueContext
    intercepted_binops = frozenset(("+", "*", "**", "%"))

    def __init__(self, functions: Mapping[str, Callable[..., Any]]) -> None:
        """`functions` are the globals that know the inventory, `lookup` and its kin."""
        super().__init__(trim_blocks=True, undefined=Missing, finalize=_finalize, optimized=False)
        self._purse = [Budget()]
        self.filters = _Named({name: self._guard(name, f) for name, f in FILTERS.items()})
        self.tests = _Named({name: self._guard_test(name, f) for name, f in TESTS.items()})
        self.globals.pop("lipsum", None)
        self.globals.update(functions, omit=OMIT)
        self._lexer = ValueLexer(self)
        self.compiled = lru_cache(maxsize=2000)(self._compile_text)

    @property
    def budget(self) -> Budget:
        """What the variable at work may still spend; an overlay of this environment spends it too."""
        return self._purse[0]

    @budget.setter
    def budget(self, budget: Budget) -> None:
        self._purse[0] = budget

    @property
    def lexer(self) -> Lexer:
        """One, since the settings never change."""
        return self._lexer

    def _compile_text(self, text: str) -> Template:
        """Compile once for all hosts. Raises jinja2.TemplateSyntaxError, Refused."""
        if len(text) > _MAX_TEMPLATE:
            raise Refused("the template is too long")
        if not text.startswith(HEADER):
            return self.from_string(text)
        header, _, body = text.partition("\n")
        overlay = self.overlay(**header_options(header))
        overlay._lexer = ValueLexer(overlay)
        return overlay.from_string(body)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        check_depth(tree)
        for refused in (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends):
            for node in tree.find_all(refused):
                self.handle_refused(type(node).__name__.lower(), node.lineno)
        for loop in tree.find_all(nodes.For):
            counted = nodes.EnvironmentAttribute("counted")
            loop.iter = nodes.Call(counted, [loop.iter], [], None, None, lineno=loop.lineno)
            loop.iter.set_environment(self)
        self._check_names(tree)
        return tree

    def handle_refused(self, statement: str, line: int) -> None:
        """`{% include %}` and its kin need files, and a value has none."""
        raise Refused(f"`{{% {statement} %}}` is not possible in a value")

    def _check_names(self, tree: nodes.Template) -> None:
        """Unknown filters by name and nearest name, also in branches that are not taken."""
        for node in tree.find_all(nodes.Filter):
            if node.name not in self.filters:
                why = REFUSED_FILTERS.get(_short(node.name)) or did_you_mean(_short(node.name), self.filters)
                raise Refused(f"there is no filter `{node.name}`" + (f": {why}" if why else ""))
        for test in tree.find_all(nodes.Test):
            if test.name not in self.tests:
                note = did_you_mean(_short(test.name), self.tests)
                raise Refused(f"there is no test `{test.name}`" + (f": {note}" if note else ""))

    def counted(self, items: Iterable[Any]) -> Iterator[Any]:
        """What a loop goes over, each turn charged."""
        if isinstance(items, Marker):
            items.trip()
        return self.budget.counted(items)

    counted.direct = True  # type: ignore[attr-defined]  # how `call` knows what needs no look

    def tilde(self, parts: Sequence[Any]) -> str:
        """`a ~ b`"""
        texts = [str(plain(part, self.budget)) for part in parts]
        self.budget.text(sum(map(len, texts)))
        return "".join(texts)

    @staticmethod
    def concat(values: Iterable[Any]) -> Any:
        """The value of a whole template, or of a block in it."""
        items = [value for value in values if value is not None]
        if not items:
            return None
        if len(items) == 1:
            return items[0]
        texts = [output_text(value) for value in items if value is not OMIT]
        if sum(map(len, texts)) > 4_000_000:
            raise Refused("the template makes a text of more than 4,000,000 characters")
        return "".join(texts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """`+`, `*`, `**` and `%`, looked at before they are done."""
        look = {
            "+": self.budget.add,
            "*": self.budget.multiply,
            "**": self.budget.power,
            "%": self.budget.percent,
        }
        look[operator](left, right)
        return super().call_binop(context, operator, left, right)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b`: an attribute, else an item; what the sandbox guards is only ever an item."""
        try:
            value = getattr(obj, attribute)
        except AttributeError:
            value = missing
        if value is not missing:
            if (formatter := self.wrap_str_format(value)) is not None:
                return formatter
            if self.is_safe_attribute(obj, attribute, value):
                return value
        try:
            return obj[attribute]
        except (TypeError, LookupError):
            if value is missing or isinstance(obj, dict):
                return self.undefined(obj=obj, name=attribute)
            return self.undefined(hint=f"`{attribute}` is out of reach for templates")

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`format` with its attributes guarded and its widths bounded."""
        if getattr(value, "__name__", "") not in ("format", "format_map"):
            return None
        text = getattr(value, "__self__", None)
        if not isinstance(text, str):
            return None

        def formatted(*args: Any, **kwargs: Any) -> str:
            formatter = _Formatter(self)
            if value.__name__ == "format_map":
                return formatter.vformat(text, (), args[0])
            return formatter.vformat(text, args, kwargs)

        return formatted

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a macro, a method or a global."""
        budget = self.budget
        budget.charge()
        call = ImmutableSandboxedEnvironment.call
        if getattr(obj, "direct", False):
            return call(self, context, obj, *args, **kwargs)
        if isinstance(obj, Macro):
            budget.charge(20)
        elif (marker := first_marker((*args, *kwargs.values()))) is not None:
            return marker
        else:
            check_method(obj, args, budget)
            args = tuple(plain(arg, budget) if isinstance(arg, list | dict) else arg for arg in args)
        return self._bounded(call(self, context, obj, *args, **kwargs))

    def _bounded(self, result: Any) -> Any:
        """A result that is charged, and a list where it was an iterator."""
        if is_iterator(result):
            return list(self.budget.counted(result))
        self.budget.size(result)
        return result

    def _guard(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A filter that passes missing values on, and is charged."""
        takes_markers, checks_width = name in TAKES_MARKERS, name in WIDTHS
        check_size = CHECKS.get(name)
        passed = 1 if hasattr(function, "jinja_pass_arg") else 0

        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            self.budget.charge()
            if not takes_markers and (marker := first_marker((*args, *kwargs.values()))) is not None:
                return marker
            if checks_width:
                for value in (*args[1:], *kwargs.values()):
                    if isinstance(value, int) and value > MAX_NUMBER_ARGUMENT // 100:
                        raise Refused(f"`{name}` with {value:,} is too much")
            if check_size is not None:
                check_size(self.budget, *args[passed:], **kwargs)
            return self._bounded(function(*args, **kwargs))

        return guarded

    def _guard_test(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """A test that fails on missing values, unless it asks for them."""
        takes_markers = name in ("defined", "undefined")

        @wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> bool:
            self.budget.charge()
            marker = first_marker((*args, *kwargs.values()))
            if marker is not None and not (takes_markers and isinstance(marker, Missing)):
                marker.trip()
            return bool(function(*args, **kwargs))

        return guarded
