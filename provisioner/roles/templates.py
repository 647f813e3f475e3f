"""Templates: where they are found, how they are rendered, and what their errors say.

One environment serves every host of a run, so that each template is compiled once. It is
Jinja2's immutable sandbox: a template reads values and makes text, and can change neither
the values that the next host shares nor anything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from provisioner.errors import InputError, Location
from provisioner.roles.folders import built_in_folder, file_inside, work_tree
from provisioner.roles.names import nearest
from provisioner.roles.overrides import FILTERS

_EXPRESSION = re.compile(r"\s*\{\{(?:(?!\{\{|\}\}|\{%).)*\}\}\s*", re.DOTALL)
_UNDEFINED = re.compile(r"'(\w+)' is undefined")
_T = TypeVar("_T")
_LARGEST_FILE = 4 << 20
"""Bytes of one template, or of a file that a template takes in."""


class Templates:
    """Templates beside the inventory first, then the built-in ones."""

    def __init__(self, inventory_folder: Path) -> None:
        """`inventory_folder` holds `templates/` of the user's own, if any."""
        beside = inventory_folder / "templates"
        built_in = built_in_folder("templates")
        self._folders = ((beside, work_tree(inventory_folder)), (built_in, built_in))
        self._environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FunctionLoader(self._load),
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # configuration files, not HTML
            auto_reload=False,
            cache_size=-1,
        )
        self._environment.filters = _WithAnsibles("filters", {**self._environment.filters, **FILTERS})
        self._environment.tests = _WithAnsibles("tests", self._environment.tests)
        for impure in ("random",):  # the same input gives the same bytes; Ansible's takes a seed
            del self._environment.filters[impure]
        del self._environment.globals["lipsum"]
        self._texts: dict[str, jinja2.Template] = {}
        self._expressions: dict[str, Callable[..., object]] = {}
        self._names: dict[str, set[str]] = {}

    def render(self, name: str, context: Mapping[str, object], where: Location) -> str:
        """The template `name` (`postfix/main.cf.j2`) as text; `where` is the line that names it.

        Raises InputError at the template's own line.
        """
        return self._guarded(lambda: self._environment.get_template(name).render(context), context, where)

    def render_text(self, text: str, context: Mapping[str, object], where: Location) -> str:
        """A template written inside role.yml, as text."""

        def run() -> str:
            template = self._texts.get(text)
            if template is None:
                template = self._texts[text] = self._environment.from_string(text)
            return template.render(context)

        return self._guarded(run, context, where)

    def evaluate(self, expression: str, context: Mapping[str, object], where: Location) -> object:
        """The value of an expression without braces, as `when` and `for_each` have it."""
        name = expression.strip()
        if name in context:  # most are the name of a variable alone, which needs no compiling
            return context[name]

        def run() -> object:
            compiled = self._expressions.get(expression)
            if compiled is None:
                compiled = self._environment.compile_expression(expression, undefined_to_none=False)
                self._expressions[expression] = compiled
            value = compiled(**context)
            if isinstance(value, jinja2.Undefined):
                str(value)  # raises with the reason
            return value

        return self._guarded(run, context, where)

    def value(self, text: str, context: Mapping[str, object], where: Location) -> object:
        """What `text` stands for: a lone `{{ expression }}` keeps its type, all else becomes text."""
        if "{{" not in text and "{%" not in text:
            return text
        if _EXPRESSION.fullmatch(text):
            return self.evaluate(text.strip()[2:-2], context, where)
        return self.render_text(text, context, where)

    def names_in(self, text: str) -> set[str]:
        """The variables that a text's templates refer to. Raises jinja2.TemplateSyntaxError."""
        names = self._names.get(text)
        if names is None:
            from jinja2 import meta

            names = self._names[text] = meta.find_undeclared_variables(self._environment.parse(text))
        return names

    def _load(self, name: str) -> tuple[str, str, Callable[[], bool]] | None:
        for folder, allowed in self._folders:
            file = file_inside(folder, name, allowed)
            if file.is_file():
                if file.stat().st_size > _LARGEST_FILE:
                    raise InputError(
                        f"{file} is larger than {_LARGEST_FILE} bytes", where=Location(str(file))
                    )
                return file.read_text(encoding="utf-8"), str(file), lambda: True
        return None

    def _guarded(self, run: Callable[[], _T], context: Mapping[str, object], where: Location) -> _T:
        try:
            return run()
        except InputError as error:
            place = self._template_line(error.__traceback__, where)
            if error.where is None:
                raise InputError(error.message, where=place, hint=error.hint, note=error.note) from None
            raise
        except jinja2.TemplateSyntaxError as error:
            file = error.filename or error.name
            place = Location(file, error.lineno) if file else _inside(where, error.lineno)
            raise InputError(f"not a template: {error.message}", where=place) from None
        except jinja2.TemplateNotFound as error:
            place = self._template_line(error.__traceback__, where)
            raise self._not_found(str(error.name or ""), place) from None
        except jinja2.UndefinedError as error:
            place = self._template_line(error.__traceback__, where)
            name = match[1] if (match := _UNDEFINED.match(error.message or "")) else ""
            near = nearest(name, context) if name else None
            note = f"did you mean `{near}`?" if near else ""
            raise InputError(
                f"the template needs a value that is not there: {error.message}", where=place, note=note
            ) from None
        except UnicodeDecodeError:
            raise InputError("a template or file is not UTF-8 text", where=where) from None
        except Exception as error:  # whatever an expression of the user's raises is the template's mistake
            place = self._template_line(error.__traceback__, where)
            raise InputError(f"the template fails: {error or type(error).__name__}", where=place) from None

    def _template_line(self, traceback: TracebackType | None, where: Location) -> Location:
        """The innermost line of a template in a traceback that Jinja2 has mapped to template lines."""
        place = where
        roots = tuple(f"{folder}/" for folder, _ in self._folders)
        while traceback is not None:
            file, line = traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
            if file.startswith(roots):
                place = Location(file, line)
            elif file == "<template>":
                place = _inside(where, line)
            traceback = traceback.tb_next
        return place

    def _not_found(self, name: str, where: Location) -> InputError:
        near = nearest(name, self.all_names())
        folders = " and ".join(str(folder) for folder, _ in self._folders)
        return InputError(
            f"there is no template `{name}`",
            where=where,
            hint=f"Looked in {folders}.",
            note=f"did you mean `{near}`?" if near else "",
        )

    def all_names(self) -> set[str]:
        """Every template there is, by the name that roles call it."""
        return {
            file.relative_to(folder).as_posix()
            for folder, _ in self._folders
            if folder.is_dir()
            for file in folder.rglob("*")
            if file.is_file()
        }


class _WithAnsibles(dict[str, Any]):
    """Filters or tests: Jinja2's and ours, and Ansible's common ones, imported when first used."""

    def __init__(self, kind: str, known: Mapping[str, Any]) -> None:
        super().__init__(known)
        self._kind = kind

    def __missing__(self, name: str) -> Any:
        if self._kind == "filters":
            from provisioner.inventory.templates.filters import FILTERS as ANSIBLES
        else:
            from provisioner.inventory.templates.tests import TESTS as ANSIBLES
        self[name] = ANSIBLES[name]
        return self[name]

    def get(self, name: str, default: Any = None) -> Any:
        """As `[name]`, but without an error; what Jinja2's compiler asks."""
        try:
            return self[name]
        except KeyError:
            return default


def _inside(where: Location, line: int) -> Location:
    """Line `line` of a text that begins at `where`, or in a block below it when it has several lines."""
    if where.line is None or line <= 1:
        return where
    return Location(where.file, where.line + line)
