"""Whatever is in a file: an inventory, or mistakes with their places. Never a crash, never a hang."""

# ruff: noqa: E501  # tables of words read better whole

from __future__ import annotations

import string
import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.errors import InputError, Mistakes
from provisioner.inventory import load_inventory, select
from provisioner.inventory.listing import graph_lines, list_document

WORDS = ["all", "hosts", "children", "vars", "web", "ungrouped", "_meta", "hostvars", "h1", "mx[1:3]", "<<", "roles",
         "ansible_host", "ansible_port", "ansible_group_priority", "plugin", "{{ x }}", "{{ hostvars }}", "x"]  # fmt: skip

keys = st.one_of(
    st.sampled_from(WORDS), st.text(string.printable, max_size=6), st.integers(-2, 2), st.booleans()
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(WORDS),
    st.text(max_size=10),
    st.dates(),
)
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=15,
)
lines = st.lists(
    st.one_of(
        st.sampled_from(
            ["[web]", "[web:vars]", "[web:children]", "[all:vars]", "db", "h1 a=1", "mx[1:2]:22 b='x y'"]
        ),
        st.text(string.printable + "äß", max_size=20),
    ),
    max_size=8,
).map("\n".join)


def survives(content: bytes, name: str) -> None:
    """Load it and use what comes of it; mistakes are fine, all else is a defect."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            inventory = load_inventory(path)
        except Mistakes as mistakes:
            assert all(mistake.message for mistake in mistakes.mistakes)
            return
        for host in inventory.hosts:
            assert not set(host.variables) & set(host.unresolved)
            for place in host.origins.paths():
                assert host.origins.find(place) is not None
        list_document(inventory)
        list_document(inventory, raw=True)
        list(graph_lines(inventory))


@settings(max_examples=150, deadline=None)
@given(document=documents)
def test_any_yaml_document_is_an_inventory_or_mistakes(document: object) -> None:
    survives(
        yaml.safe_dump({"all": {"hosts": {"h0": None}}, "web": document}, allow_unicode=True).encode(),
        "i.yml",
    )
    survives(yaml.safe_dump(document).encode(), "i.yml")


@settings(max_examples=150, deadline=None)
@given(text=lines)
def test_any_lines_are_an_inventory_or_mistakes(text: str) -> None:
    survives(("h0\n" + text).encode(), "hosts.ini")
    survives(text.encode(), "hosts")


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=60))
def test_any_bytes_are_an_inventory_or_mistakes(content: bytes) -> None:
    for name in ("i.yml", "hosts", "i.json"):
        survives(content, name)


@settings(max_examples=200, deadline=None)
@given(template=st.lists(st.sampled_from(["{{", "}}", "{%", "%}", " x ", "|", "(", ")", "'", " for ", " in ", " if ", "endfor", "endif",
                                          "[", "]", ".", "default", " is ", "~", "*", "9", "hostvars", "{#", "#}", "-", "lookup", ","]),
                         max_size=12).map("".join))  # fmt: skip
def test_any_template_comes_to_a_value_or_an_error(template: str) -> None:
    survives(yaml.safe_dump({"all": {"hosts": {"h": {"x": 5, "v": template}}}}).encode(), "i.yml")


@settings(max_examples=200, deadline=None)
@given(pattern=st.text("ab*?[]!&:,~.0-9^$(|", max_size=10))
def test_any_pattern_selects_hosts_or_is_an_error(pattern: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "i.yml"
        path.write_text("ab: {hosts: {a1: , b2: }}\n")
        inventory = load_inventory(path)
        try:
            assert select(inventory, pattern)
        except InputError as error:
            assert error.message
