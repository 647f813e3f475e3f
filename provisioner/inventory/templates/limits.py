"""What is looked at before a template is compiled or a method of a text called."""

from __future__ import annotations

import ast
from typing import Any

from jinja2 import nodes

from provisioner.inventory.templates.budget import Budget, Refused

HEADER = "#jinja2:"
HEADER_OPTIONS = (
    "trim_blocks", "lstrip_blocks", "block_start_string", "block_end_string", "variable_start_string",
    "variable_end_string", "comment_start_string", "comment_end_string", "line_statement_prefix",
    "line_comment_prefix", "newline_sequence", "keep_trailing_newline",
)  # fmt: skip
MAX_NUMBER_ARGUMENT = 1_000_000
MAX_NESTING = 150


def header_options(header: str) -> dict[str, Any]:
    """`#jinja2: trim_blocks: False, lstrip_blocks: True`, as Ansible reads it."""
    options: dict[str, Any] = {}
    for pair in header.removeprefix(HEADER).split(","):
        name, colon, value = (part.strip() for part in pair.partition(":"))
        if not colon or name not in HEADER_OPTIONS:
            raise Refused(f"the header `#jinja2:` has no option `{name}`: {', '.join(HEADER_OPTIONS)}")
        try:
            options[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise Refused(f"`{value}` is no value for `{name}` in the header `#jinja2:`") from error
    return options


def check_depth(tree: nodes.Node) -> None:
    """A template nested without end would end the compiler instead."""
    level: list[nodes.Node] = [tree]
    for _ in range(MAX_NESTING):
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return
    raise Refused(f"the template is nested more than {MAX_NESTING} levels deep")


def check_method(function: Any, args: tuple[Any, ...], budget: Budget) -> None:
    """Methods of texts and numbers that can make much of little."""
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if not isinstance(owner, str | bytes | int):
        return
    if any(isinstance(arg, int) and abs(arg) > MAX_NUMBER_ARGUMENT for arg in args):
        raise Refused(f"`{name}` with a number that large is too much")
    if (
        name == "replace"
        and len(args) >= 2
        and isinstance(owner, str)
        and all(isinstance(a, str) for a in args[:2])
    ):
        budget.text(len(owner) + owner.count(args[0]) * len(args[1]))
    elif name == "join" and args and isinstance(args[0], list | tuple):
        budget.text(
            sum(len(str(item)) for item in args[0]) + len(owner) * len(args[0])
            if isinstance(owner, str)
            else 0
        )
    elif name == "expandtabs" and isinstance(owner, str) and args and isinstance(args[0], int):
        budget.text(len(owner) + owner.count("\t") * max(args[0], 0))
    elif name == "translate" and args and isinstance(args[0], dict):
        longest = max((len(v) for v in args[0].values() if isinstance(v, str)), default=1)
        budget.text(len(str(owner)) * max(longest, 1))
