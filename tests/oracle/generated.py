"""Inventories that nobody thought of: groups in groups, values of every kind, templates over other variables."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from hypothesis import strategies as st

from inventories import Case

GROUPS = ["a", "b", "c", "mail", "web_1"]
HOSTS = ["h1", "h2", "mx1.example.org", "192.0.2.7", "db-1"]
NAMES = ["deep", "x", "y", "z", "name"]
"""A template refers to names before its own only: Ansible evaluates a ring of them for minutes."""

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.sampled_from(
        ["", "yes", "on", "0644", "1e3", "12:30", "~", "2026-1-2", "a b", "ü", "=", "a: b", "# c", "null"]
    ),
    st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"]), max_size=8),
)
data = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["k", "l", "n-1", "5"]), inner, max_size=3),
    ),
    max_leaves=6,
)

filters = st.sampled_from(
    ["", "", " | default('d')", " | default('d', true)", " | string", " | length", " | list", " | upper", " | int",
     " | bool", " | to_json", " | dict2items", " | unique", " | join('-')", " | first", " | type_debug", " | sort",
     " | b64encode", " | ternary('t', 'f')", " | combine({'n': 2})", " | flatten", " | quote", " | mandatory",
     " | to_nice_yaml", " | map('string') | list", " | select('defined') | list", " | hash('sha256')", " | trim",
     " | regex_replace('[a-z]', 'q')", " is defined", " is string", " is mapping", " | replace('e', 'E')", " | float",
     " | max", " | sum", " | reverse | list", " | items | list", " | from_json", " | tojson", " | split", " | union([1]) | length"]
)  # fmt: skip
operators = st.sampled_from([" ~ ", " + ", " == ", " in ", " or ", " and ", " * "])
PATHS = {"deep": ["deep.k", "deep['k']", "deep.k.l"], "x": ["x[0]"], "z": ["z.k.l"]}
ALWAYS = [
    "nope",
    "inventory_hostname",
    "group_names",
    "groups.all",
    "5",
    "1.5",
    "'text'",
    "'7'",
    "true",
    "none",
    "[1, 2]",
    "{'k': 1}",
    "''",
]


def templates(names: list[str]) -> st.SearchStrategy[str]:
    """Templates over variables of these names."""
    terms = st.sampled_from([*names * 3, *(path for name in names for path in PATHS.get(name, [])), *ALWAYS])
    condition = st.sampled_from([" if true else ", *(f" if {name} else " for name in names)])
    expressions = st.one_of(
        st.builds(lambda term, chain: term + chain, terms, filters),
        st.builds(
            lambda left, chain, sign, right, other: f"{left}{chain}{sign}({right}{other})",
            terms,
            filters,
            st.one_of(operators, condition),
            terms,
            filters,
        ),
    )
    pieces = st.one_of(
        expressions.map(lambda e: "{{ " + e + " }}"),
        expressions.map(lambda e: "{% if " + e + " %}yes{% endif %}"),
        expressions.map(lambda e: "{% set v = " + e + " %}{{ v }}"),
        expressions.map(lambda e: "{% for i in " + e + " %}{{ i }};{% endfor %}"),
    )
    return st.builds(
        lambda before, middle, after: before + "".join(middle) + after,
        st.sampled_from(["", "", "p-", " "]),
        st.lists(pieces, min_size=1, max_size=2),
        st.sampled_from(["", "", "-s", "\n"]),
    )


def _values(names: list[str]) -> st.SearchStrategy[Any]:
    written = templates(names)
    mapping = st.dictionaries(st.sampled_from(["k", "l"]), st.one_of(scalars, written), max_size=2)
    return st.one_of(data, written, mapping)


variables = st.fixed_dictionaries({}, optional={name: _values(NAMES[:n]) for n, name in enumerate(NAMES)})


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """An inventory in YAML, with files of variables beside it."""
    used = draw(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=4, unique=True))
    tree: dict[str, Any] = {"all": {"hosts": _hosts(draw), "vars": draw(variables)}}
    for number, name in enumerate(used):
        below = draw(st.lists(st.sampled_from(used[number + 1 :] or ["leaf"]), max_size=2, unique=True))
        group: dict[str, Any] = {
            "hosts": _hosts(draw),
            "vars": draw(variables),
            "children": dict.fromkeys(below),
        }
        if draw(st.booleans()):
            group["vars"]["ansible_group_priority"] = draw(st.integers(1, 3))
        tree[name] = group
    files = {"inventory.yml": yaml.safe_dump(tree, allow_unicode=True, sort_keys=False)}
    for name in draw(st.lists(st.sampled_from(["all", "ungrouped", *used]), max_size=2, unique=True)):
        files[f"group_vars/{name}.yml"] = yaml.safe_dump(draw(variables), allow_unicode=True)
    for name in draw(st.lists(st.sampled_from(HOSTS), max_size=2, unique=True)):
        files[f"host_vars/{name}.yml"] = yaml.safe_dump(draw(variables), allow_unicode=True)
    return Case("generated", files)


def _hosts(draw: st.DrawFn) -> Mapping[str, Any]:
    names = draw(st.lists(st.sampled_from(HOSTS), max_size=3, unique=True))
    return {name: draw(st.one_of(st.none(), variables)) for name in names}


@st.composite
def ini_cases(draw: st.DrawFn) -> Case:
    """An inventory in INI, its values written as people write them."""
    words = st.sampled_from(
        [
            "5",
            "1.5",
            "True",
            "yes",
            "word",
            "'q'",
            "0644",
            "[1,2]",
            "{'a':1}",
            "'a b'",
            "a=b",
            "None",
            "",
            "x-y",
            "{{x}}",
            "1_0",
            "(1,)",
            "'5'",
        ]
    )
    lines: list[str] = []
    used = draw(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=3, unique=True))
    for number, name in enumerate(used):
        lines.append(f"[{name}]")
        for host in draw(st.lists(st.sampled_from(HOSTS), min_size=1, max_size=2, unique=True)):
            pairs = draw(st.dictionaries(st.sampled_from(NAMES), words, max_size=2))
            lines.append(" ".join([host, *(f"{key}={value}" for key, value in pairs.items())]))
        if below := used[number + 1 :]:
            lines += [f"[{name}:children]", *draw(st.lists(st.sampled_from(below), max_size=1))]
        pairs = draw(st.dictionaries(st.sampled_from(NAMES), words, max_size=2))
        lines += [f"[{name}:vars]", *(f"{key} = {value}" for key, value in pairs.items())]
    return Case("generated", {"hosts": "\n".join(lines) + "\n"}, "hosts")


patterns = st.builds(
    lambda pieces, sign: sign.join(pieces),
    st.lists(
        st.builds(
            lambda mark, name, index: mark + name + index,
            st.sampled_from(["", "", "", "!", "&"]),
            st.sampled_from(
                [
                    *GROUPS,
                    *HOSTS,
                    "all",
                    "ungrouped",
                    "*",
                    "h*",
                    "mx*.org",
                    "~h.*",
                    "~m",
                    "[hm]*",
                    "w?b*",
                    "*1*",
                ]
            ),
            st.sampled_from(["", "", "", "[0]", "[-1]", "[0:1]", "[1:]"]),
        ),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([":", ","]),
)
