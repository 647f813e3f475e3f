"""Ansible's ways with Jinja2's syntax and output: native types, backslashes, names looked up late."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import nodes
from jinja2.compiler import Frame
from jinja2.lexer import TOKEN_STRING, TOKEN_VARIABLE_BEGIN, TOKEN_VARIABLE_END, Lexer
from jinja2.nativetypes import NativeCodeGenerator
from jinja2.runtime import Context
from jinja2.utils import missing

from provisioner.inventory.templates.lazy import plain


class ValueContext(Context):
    """Names are looked up in the variables of one host, and evaluated then."""

    def resolve_or_missing(self, key: str) -> Any:
        """A name set in the template itself, else a variable, else a global."""
        if key in self.vars:
            return self.vars[key]
        return self.parent.get(key, missing)

    def get_all(self) -> dict[str, Any]:
        """Never all: that would evaluate every variable."""
        return dict(self.vars)

    __repr__ = object.__repr__


class ValueLexer(Lexer):
    """Backslashes in an expression's literals stay as they are: `'C:\\temp'` holds no tab."""

    def tokeniter(self, *args: Any, **kwargs: Any) -> Iterator[tuple[int, str, str]]:
        """The tokens, with the backslashes of literals doubled."""
        inside = False
        for line, token, text in super().tokeniter(*args, **kwargs):
            if token == TOKEN_VARIABLE_BEGIN:
                inside = True
            elif token == TOKEN_VARIABLE_END:
                inside = False
            elif inside and token == TOKEN_STRING:
                text = text.replace("\\", "\\\\")
            yield line, token, text


class ValueCodeGenerator(NativeCodeGenerator):
    """One piece of output keeps its type; `~` is charged."""

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        items = list(group)
        return repr(items[0]) if len(items) == 1 else repr("".join(map(str, items)))

    def visit_Const(self, node: nodes.Const, frame: Frame) -> None:
        """A literal, as it stands."""
        self.write(repr(node.as_const(frame.eval_ctx)))

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:
        """`a ~ b`"""
        self.write("environment.tilde((")
        for child in node.nodes:
            self.visit(child, frame)
            self.write(", ")
        self.write("))")


def output_text(value: Any) -> str:
    """One of several pieces of output."""
    if type(value) is str:
        return value
    return str(value if isinstance(value, range) else plain(value))


def keep_trailing_newlines(template: str, result: Any) -> Any:
    """Jinja2 drops the last newline of a template, and Ansible puts it back."""
    if not isinstance(result, str) or not template.endswith("\n"):
        return result
    wanted = len(template) - len(template.rstrip("\n"))
    present = len(result) - len(result.rstrip("\n"))
    return result + "\n" * (wanted - present) if wanted > present else result
