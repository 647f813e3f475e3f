"""Templates: the sandbox, and errors that name the line of the template."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

from pathlib import Path

import pytest
from role_making import alone, one_said, write

from provisioner.errors import InputError, Location
from provisioner.roles.templates import Templates

__all__ = ["alone"]

WHERE = Location("role.yml", 7, 3)


def failure(folder: Path, template: str, **context: object) -> str:
    write(folder, {"templates/web/x.j2": template})
    with pytest.raises(InputError) as caught:
        Templates(folder).render("web/x.j2", context, WHERE)
    return one_said(caught.value)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("a\n{{ nmae }}\n", "x.j2:2: the template needs a value that is not there: 'nmae' is undefined (did you mean `name`?)"),
        ("a\n\n{{ name.x.y }}", "x.j2:3: the template needs a value that is not there: 'str object' has no attribute 'x'"),
        ("{% if %}", "x.j2:1: not a template: "),
        ("a\n{% include 'web/z.j2' %}", "x.j2:2: there is no template `web/z.j2` (did you mean `web/x.j2`?)"),
        ("\n{{ 1 // 0 }}", "x.j2:2: the template fails: "),
        ("{{ name.__class__.__mro__ }}", "x.j2:1: the template fails: access to attribute '__class__'"),
        ("{{ items.append(1) }}", "x.j2:1: the template fails: access to attribute 'append' of 'list' object is unsafe."),
        ("{{ '{0.__class__}'.format(name) }}", "x.j2:1: the template fails: access to attribute '__class__'"),
        ("{{ range(1000000000) }}", "x.j2:1: the template fails: Range too big"),
        ("{% include 'web/x.j2' %}", "x.j2:1: the template fails: maximum recursion depth exceeded"),
        ("a\n{{ items | dovecot('trixie') }}", "x.j2:2: the template fails: "),
        ("{{ {'k': 'a\\nb'} | dovecot('trixie') }}", "x.j2:1: Dovecot's settings have one line each; `k` has several"),
    ],
)  # fmt: skip
def test_a_template_that_fails_is_told_at_its_own_line(alone: Path, template: str, complaint: str) -> None:
    said = failure(alone, template, name="x", items=[1])
    assert said.startswith(complaint.removesuffix("…"))


def test_an_error_inside_an_included_template_is_told_there(alone: Path) -> None:
    write(alone, {"templates/web/inner.j2": "a\nb\n{{ missing }}\n"})
    assert failure(alone, "{% include 'web/inner.j2' %}").startswith("inner.j2:3: ")


def test_a_missing_template_is_told_where_the_role_names_it(alone: Path) -> None:
    write(alone, {"templates/postfix/main.cf.j2": ""})
    with pytest.raises(InputError) as caught:
        Templates(alone).render("postfix/mian.cf.j2", {}, WHERE)
    assert one_said(caught.value) == (
        "role.yml:7:3: there is no template `postfix/mian.cf.j2` (did you mean `postfix/main.cf.j2`?)"
    )
    assert str(alone / "templates") in caught.value.hint


def test_an_error_in_a_text_of_role_yml_is_told_at_its_line_in_the_block(alone: Path) -> None:
    with pytest.raises(InputError) as caught:
        Templates(alone).render_text("one\ntwo\n{{ missing }}\n", {}, WHERE)
    assert str(caught.value.where) == "role.yml:10"


def test_a_lone_expression_keeps_its_type_and_all_else_is_text(alone: Path) -> None:
    templates = Templates(alone)
    context = {"n": 4, "names": ["a"]}
    assert templates.value("{{ n }}", context, WHERE) == 4
    assert templates.value("{{ names }}", context, WHERE) == ["a"]
    assert templates.value("{{ n }}{{ n }}", context, WHERE) == "44"
    assert templates.value("n{{ n }}", context, WHERE) == "n4"
    assert templates.value("{% if n %}yes{% endif %}", context, WHERE) == "yes"
    assert templates.value("plain", context, WHERE) == "plain"


def test_templates_have_ansibles_common_filters_and_tests_too(alone: Path) -> None:
    templates = Templates(alone)
    text = "{{ 'a1' | regex_replace('[0-9]', 'x') }} {{ 'x' | b64encode }} {{ {'a': 1} | to_json }} {{ 'ab' is match('a') }}"
    assert templates.render_text(text, {}, WHERE) == 'ax eA== {"a": 1} True'


@pytest.mark.parametrize("text", ["{{ [1, 2] | random }}", "{{ lipsum() }}"])
def test_nothing_in_a_template_is_left_to_chance(alone: Path, text: str) -> None:
    with pytest.raises(InputError):
        Templates(alone).render_text(text, {}, WHERE)


def test_an_unknown_filter_is_told_at_its_line(alone: Path) -> None:
    assert "No filter named 'dovecto'" in failure(alone, "a\n{{ 1 | dovecto }}")


def test_each_template_is_compiled_once_for_all_hosts(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(alone, {"templates/web/x.j2": "{{ n }}"})
    templates = Templates(alone)
    compiled = []
    environment = templates._environment
    compile_ = type(environment).compile
    monkeypatch.setattr(type(environment), "compile", lambda *a, **k: compiled.append(1) or compile_(*a, **k))
    assert [templates.render("web/x.j2", {"n": n}, WHERE) for n in range(5)] == ["0", "1", "2", "3", "4"]
    assert len(compiled) == 1
