"""Judging an inventory by its roles: which names are mistakes, and how wrong values are told."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from role_making import alone, host, inventory, one_said, role, write

from provisioner.errors import InputError
from provisioner.inventory.model import Host
from provisioner.roles import check_hosts, load_roles

__all__ = ["alone"]

WEB = """\
description: A web server
variables:
  web_settings:
    schema: {type: object, additionalProperties: {type: [string, integer]}}
    default: {}
    doc: Settings.
  web_mode: {schema: {enum: [fast, safe]}, default: safe, doc: How.}
  web_pages:
    schema:
      type: object
      additionalProperties:
        type: object
        properties: {title: {type: string}, password: {type: string}, weight: {type: integer, minimum: 1}}
        additionalProperties: false
    default: {}
    doc: Pages.
"""


def judged(folder: Path, *hosts: Host, roles: str = WEB) -> list[str]:
    write(folder, role(roles))
    return [one_said(mistake) for mistake in check_hosts(inventory(folder, *hosts), load_roles(folder))]


def test_an_inventory_without_mistakes_is_judged_right(alone: Path) -> None:
    assert judged(alone, host(web_mode="fast", web_settings={"a": 1}, port=25, mail_domain="x")) == []


def test_an_unknown_role_is_told_with_the_nearest(alone: Path) -> None:
    assert judged(alone, host(roles=("wbe",))) == [
        "inventory.yml:3:13: unknown role `wbe` for mx1.example.org (did you mean `web`?)"
    ]


def test_a_name_that_begins_like_a_role_of_the_host_is_a_mistake(alone: Path) -> None:
    assert judged(alone, host(web_certificate=1, web_setings=1)) == [
        "inventory.yml:10:3: unknown variable `web_certificate` for mx1.example.org "
        "(no role of this host has a variable of that name)",
        "inventory.yml:11:3: unknown variable `web_setings` for mx1.example.org (did you mean `web_settings`?)",
    ]


@pytest.mark.parametrize("name", ["wb_settings", "webb_settings", "wbe_settings", "veb_settings"])
def test_a_name_one_slip_from_a_variable_is_a_mistake(alone: Path, name: str) -> None:
    assert judged(alone, host(**{name: {}})) == [
        f"inventory.yml:10:3: unknown variable `{name}` for mx1.example.org (did you mean `web_settings`?)"
    ]


def test_a_name_one_slip_away_that_something_refers_to_is_the_users_own(alone: Path) -> None:
    referring = host(veb_settings={"a": 1}, web_settings="{{ veb_settings }}")
    resolved = replace(referring, variables={**referring.variables, "web_settings": {"a": 1}})
    assert judged(alone, resolved) == []


def test_a_name_one_slip_away_that_a_template_beside_the_inventory_uses_is_the_users_own(alone: Path) -> None:
    write(alone, {"templates/mine.j2": "{{ veb_settings }}"})
    assert judged(alone, host(veb_settings={})) == []


def test_names_of_other_roles_and_of_the_users_own_are_left_alone(alone: Path) -> None:
    write(
        alone,
        {"roles/web_proxy/role.yml": "description: p\nvariables: {web_proxy_x: {schema: {}, doc: X.}}\n"},
    )
    assert judged(alone, host(web_proxy_x=1, ansible_host="x", website="y", tls_provider="z")) == []


def test_a_host_without_roles_is_never_judged(alone: Path) -> None:
    assert judged(alone, host(roles=(), web_roots=1, web_mode="wrong", webb_settings=1)) == []


def test_wrong_values_say_what_was_expected_and_what_is_there(alone: Path) -> None:
    pages = {"home": {"titel": "Home", "weight": 0}, "about": []}
    assert judged(alone, host(web_mode="fats", web_settings={"a": 1.5}, web_pages=pages)) == [
        "inventory.yml:10:3: `web_mode` for mx1.example.org: expected `fast` or `safe`, got the text 'fats'",
        "inventory.yml:12:5: `web_settings.a` for mx1.example.org: expected a whole number or text, got the number 1.5",
        "inventory.yml:15:7: `web_pages.home` for mx1.example.org: unknown key `titel` (did you mean `title`?)",
        "inventory.yml:16:7: `web_pages.home.weight` for mx1.example.org: expected at least 1, got the number 0",
        "inventory.yml:17:5: `web_pages.about` for mx1.example.org: expected a mapping, got an empty list",
    ]


def test_a_password_is_not_shown_in_a_mistake_about_it(alone: Path) -> None:
    (found,) = judged(alone, host(web_pages={"home": {"password": 12345}}))
    assert "12345" not in found and "expected text, got another value (not shown)" in found


def test_a_value_that_came_out_of_a_vault_is_not_shown_either(alone: Path) -> None:
    secret = replace(host(web_mode="hunter2"), secret_texts=frozenset({"hunter2"}))
    (found,) = judged(alone, secret)
    assert "hunter2" not in found


def test_a_required_variable_that_is_missing_is_told_with_what_it_is(alone: Path) -> None:
    text = "description: x\nvariables: {web_name: {schema: {type: string}, required: true, doc: The name.}}\n"
    assert judged(alone, host(), roles=text) == [
        "inventory.yml:3:5: role web needs `web_name`, which is not set for mx1.example.org"
    ]


def test_what_many_hosts_share_is_said_once(alone: Path) -> None:
    hosts = [host(f"mx{n}", web_mode="x") for n in range(1, 6)]
    assert judged(alone, *hosts) == [
        "inventory.yml:10:3: `web_mode` for mx1, mx2 and 3 more: expected `fast` or `safe`, got the text 'x'"
    ]


def test_a_variable_that_could_not_be_resolved_is_told_and_not_judged_as_missing(alone: Path) -> None:
    broken = replace(host(), unresolved={"web_mode": InputError("circle"), "other": InputError("not ours")})
    assert judged(alone, broken) == ["?: circle for mx1.example.org"]


def test_variables_of_required_roles_are_judged_too(alone: Path) -> None:
    write(alone, {"roles/bundle/role.yml": "description: b\nrequires: [web]\n"})
    (found,) = judged(alone, host(roles=("bundle",), web_mode="x"))
    assert "expected `fast` or `safe`" in found


NAMED = WEB + "names: {web_settings: names}\n"


def test_a_key_that_no_release_knows_is_told_with_the_nearest(alone: Path) -> None:
    write(
        alone,
        {
            "roles/web/names/bookworm.txt": "old_name # gone later\nsame\n",
            "roles/web/names/trixie.txt": "new_name\nsame\n*_limit\n",
        },
    )
    settings = {"old_name": 1, "new_name": 1, "smtp_limit": 1, "smae": 1, "mine": 1, "same": "$mine"}
    assert judged(alone, host(web_settings=settings), roles=NAMED) == [
        "inventory.yml:14:5: web knows no `smae` for mx1.example.org (did you mean `same`?)"
    ]


def test_the_keys_of_each_value_are_checked_where_the_role_says_so(alone: Path) -> None:
    text = WEB + "names: {web_pages.*: names}\n"
    write(alone, {f"roles/web/names/{release}.txt": "title\n" for release in ("bookworm", "trixie")})
    assert judged(alone, host(web_pages={"anything": {"title": "x"}, "more": {"weight": 1}}), roles=text) == [
        "inventory.yml:14:7: web knows no `weight` for mx1.example.org (in web_pages)"
    ]


def test_keys_inside_blocks_are_checked_and_free_blocks_are_not(alone: Path) -> None:
    names = "service\nunix_listener\nmode\nplugin/*\nplugin\n"
    text = NAMED.replace("additionalProperties: {type: [string, integer]}", "additionalProperties: true")
    write(alone, {f"roles/web/names/{release}.txt": names for release in ("bookworm", "trixie")})
    settings = {
        "service lmtp": {"mdoe": 1},
        "service": {"auth": {"unix_listener": {"/run/x": {"mode": 1}}}},
        "plugin": {"anything": 1},
    }
    (found,) = judged(alone, host(web_settings=settings), roles=text)
    assert found == "inventory.yml:12:7: web knows no `mdoe` for mx1.example.org (did you mean `mode`?)"
