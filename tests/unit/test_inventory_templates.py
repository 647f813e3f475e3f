"""Templates in values: what they come to, and that nothing in them harms. `tests/oracle` compares with Ansible."""

# ruff: noqa: E501  # tables of templates read better with one a line

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from inventory_making import FakeSecrets, load, one_host, write

from provisioner.errors import Location


def value(folder: Path, template: str, **options: object) -> object:
    """What one template comes to; the message where it comes to nothing."""
    host = load(folder, f"all:\n  hosts: {{h: }}\n  vars:\n    v: {template!r}\n    x: 5\n", **options).hosts[
        0
    ]
    if "v" in host.variables:
        return host.variables["v"]
    return host.unresolved["v"].message.removeprefix("cannot resolve `v` for h: ")


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{ x }}", 5),
        ("{{ x }}{{ x }}", "55"),
        ("a{{ x }}", "a5"),
        ("{{ [x, 'y'] }}", [5, "y"]),
        ("{% set y = 5 %}{{ y * 2 }}", 10),
        ("{% if true %}42{% endif %}", "42"),
        ("{% if false %}42{% endif %}", None),
        ("{{ nope.deeper | default('d') }}", "d"),
        ("{{ inventory_hostname }}", "h"),
        ("{{ '{{ x }}' }}", "{{ x }}"),
    ],
)
def test_a_template_keeps_types_as_ansible_does(tmp_path: Path, template: str, expected: object) -> None:
    assert value(tmp_path, template) == expected


def test_a_variable_that_cannot_be_resolved_does_no_harm_to_the_others(tmp_path: Path) -> None:
    host = one_host(
        tmp_path,
        """
        tls_provider: acme
        good: "{{ tls_provider }}"
        bad: "{{ tls_provder }}"
        after: "{{ bad }}"
        nested: {a: {b: [1, "{{ nope }}"]}}
        """,
    )

    assert host.variables == {"tls_provider": "acme", "good": "acme"}
    assert {name: (error.message, error.note) for name, error in host.unresolved.items()} == {
        "bad": (
            "cannot resolve `bad` for mx1.example.org: `tls_provder` is not defined",
            "did you mean `tls_provider`?",
        ),
        "after": (
            "cannot resolve `after` for mx1.example.org: `tls_provder` is not defined",
            "did you mean `tls_provider`?",
        ),
        "nested": ("cannot resolve `nested` for mx1.example.org: `nope` is not defined", ""),
    }


def test_a_failure_is_placed_where_the_faulty_template_is(tmp_path: Path) -> None:
    host = one_host(tmp_path, 'a: "{{ b }}"\nb: {c: [1, "{{ nope }}"]}')

    assert host.unresolved["a"].where == Location(f"{tmp_path}/inventory.yml", 6, 16, 12)
    assert host.unresolved["b"].where == Location(f"{tmp_path}/inventory.yml", 6, 16, 12)


def test_raw_values_are_as_written(tmp_path: Path) -> None:
    host = one_host(tmp_path, 'x: 5\ny: "{{ x }}"\nz: "{{ nope }}"')

    assert host.raw == {"x": 5, "y": "{{ x }}", "z": "{{ nope }}"}


def test_a_mapping_may_refer_to_itself(tmp_path: Path) -> None:
    host = one_host(tmp_path, 'd: {a: 1, b: "{{ d.a + 1 }}", c: "{{ d.b + 1 }}"}')

    assert host.variables["d"] == {"a": 1, "b": 2, "c": 3}


def test_facts_are_unknown_before_a_host_is_contacted(tmp_path: Path) -> None:
    error = one_host(tmp_path, 'a: "{{ ansible_default_ipv4.address }}"').unresolved["a"]

    assert error.message.endswith("`ansible_default_ipv4` is not defined")
    assert error.hint == "Facts of the host are not known before it is contacted: write the value down."


ENDLESS = [
    ("{{ 9**(9**9) }}", "makes a number of more than 6,666 digits"),
    ("{{ 'a' * 10**9 }}", "makes a text of 1,000,000,000 characters"),
    ("{{ [0] * 10**9 }}", "does not come to an end"),
    ("{{ range(10**9) | list }}", "Range too big"),
    (
        "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "does not come to an end",
    ),
    (
        "{% set n = namespace(s='x') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}{{ n.s }}",
        "makes a text of",
    ),
    (
        "{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
        "does not come to an end",
    ),
    ("{{ '%1000000000d' % 1 }}", "pads a text without measure"),
    ("{{ '%*d' % (1000000000, 1) }}", "pads a text without measure"),
    ("{{ '%1000000000d' | format(1) }}", "pads a text without measure"),
    ("{{ '{:>1000000000}'.format(1) }}", "pads a text without measure"),
    ("{{ '{:{}}'.format(1, 1000000000) }}", "pads a text without measure"),
    ("{{ 'a'.ljust(10**9) }}", "`ljust` with a number that large is too much"),
    ("{{ 'a' | center(10**9) }}", "`center` with 1,000,000,000 is too much"),
    ("{{ (1).to_bytes(10**9, 'big') }}", "`to_bytes` with a number that large is too much"),
    ("{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}", "makes a text of"),
    ("{{ ('a' * 1000000) | replace('a', 'b' * 1000000) }}", "makes a text of"),
    ("{{ ('a' * 100000) | regex_replace('a', 'b' * 10000) }}", "makes a text of"),
    ("{{ range(9999) | map('string') | join('b' * 1000000) }}", "makes a text of"),
    ("{{ range(30) | permutations | list }}", "does not come to an end"),
    ("{{ range(9999) | product(range(9999)) | list }}", "does not come to an end"),
    ("{{ ['x'] | to_json(indent=10**9) }}", "is too much"),
    ("{{ range(9999) | map('string') | map('list') | list | unique }}", "too many to compare"),
    ("{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}", "calls itself without end"),
    (
        "{% macro m(n) %}{% if n %}{{ m(n-1) }}{{ m(n-1) }}{% endif %}{% endmacro %}{{ m(60) }}",
        "does not come to an end",
    ),
    ("{% for a in [1, 1] recursive %}{{ loop([1, 1]) }}{% endfor %}", "calls itself without end"),
    ("{{ " + "(" * 500 + "1" + ")" * 500 + " }}", "nested too deeply"),
    ("{{ " + "+".join(["1"] * 3000) + " }}", "nested more than 150 levels deep"),
]


@pytest.mark.parametrize(("template", "message"), ENDLESS, ids=[f"{t[:40]}…" for t, _ in ENDLESS])
def test_a_template_without_end_is_one_clear_error(tmp_path: Path, template: str, message: str) -> None:
    begun = time.process_time()

    said = value(tmp_path, template)

    assert message in str(said)
    assert time.process_time() - begun < 10


def test_an_endless_regular_expression_is_given_up(tmp_path: Path) -> None:
    begun = time.process_time()

    said = value(tmp_path, "{{ ('a' * 50 ~ '!') | regex_search('(a+)+$') }}")

    assert said == "a regular expression does not come to an end"
    assert time.process_time() - begun < 6


def test_regular_expressions_work_off_the_main_thread(tmp_path: Path) -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(value(tmp_path, "{{ 'ab' | regex_search('b') }}")))

    thread.start()
    thread.join()

    assert found == ["b"]


def test_templates_that_lead_back_to_themselves_are_told(tmp_path: Path) -> None:
    host = one_host(tmp_path, 'a: "{{ b }}"\nb: "{{ a }}"\nc: "{{ 1 if true else a }}"')

    assert host.variables == {"c": 1}
    assert host.unresolved["a"].message == (
        "cannot resolve `a` for mx1.example.org: the template leads back to itself: {{ b }}"
    )


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ '{0.__class__.__mro__}'.format(1) }}",
        "{{ '' | attr('__class__') }}",
        "{{ [''] | map(attribute='__class__') | list }}",
        "{{ lookup.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ [].append(1) }}",
        "{{ self._TemplateReference__context }}",
    ],
)
def test_the_sandbox_holds(tmp_path: Path, template: str) -> None:
    said = str(value(tmp_path, template))

    assert "out of reach for templates" in said or "is unsafe" in said


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "{{ lookup('pipe', 'touch ran') }}",
            "the lookup `pipe` is refused: an inventory may use env, file, vars.",
        ),
        (
            "{{ query('url', 'http://192.0.2.1') }}",
            "the lookup `url` is refused: an inventory may use env, file, vars.",
        ),
        (
            "{{ lookup('flie', 'x') }}",
            "the lookup `flie` is refused: an inventory may use env, file, vars. did you mean `file`?",
        ),
        ("{{ lookup('file', '/etc/passwd') }}", "/etc/passwd leads out of {folder}"),
        (
            "{{ lookup('file', 'nope') }}",
            "lookup('file'): there is no file `nope` beside the inventory or in files/",
        ),
        ("{% include '/etc/hostname' %}", "`{% include %}` is not possible in a value"),
        (
            "{{ 'x' | password_hash }}",
            "there is no filter `password_hash`: a password is hashed before it leaves; write it plain, from an encrypted file",
        ),
        ("{{ 'x' | uppr }}", "there is no filter `uppr`: did you mean `upper`?"),
        ("{{ 'x' is strng }}", "there is no test `strng`: did you mean `string`?"),
        ("{{ now() }}", "`now()` is refused: the same inventory must always mean the same"),
        (
            "{{ [1, 2] | random }}",
            "the template fails: `random` needs a seed: the same inventory must always mean the same",
        ),
        ("{{ x", "this is no template: unexpected end of template, expected 'end of print statement'."),
    ],
)
def test_what_is_refused_is_refused_by_name(tmp_path: Path, template: str, message: str) -> None:
    assert value(tmp_path, template) == message.replace("{folder}", str(tmp_path))
    assert not (tmp_path / "ran").exists()


def test_lookups_read_the_environment_a_file_beside_the_inventory_and_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAIL_TEST", "from the environment")
    write(tmp_path, {"files/key.pub": "ssh-ed25519 AAAA\n\n", "plain.txt": "text\n"})

    assert value(tmp_path, "{{ lookup('env', 'MAIL_TEST') }}") == "from the environment"
    assert value(tmp_path, "{{ lookup('ansible.builtin.env', 'NO_SUCH', default='d') }}") == "d"
    assert value(tmp_path, "{{ lookup('file', 'key.pub') }}") == "ssh-ed25519 AAAA"
    assert value(tmp_path, "{{ query('file', 'plain.txt', 'key.pub') }}") == ["text", "ssh-ed25519 AAAA"]
    assert value(tmp_path, "{{ lookup('vars', 'x') }}") == 5
    assert os.environ["MAIL_TEST"] == "from the environment"


def test_secrets_are_decrypted_only_when_used_and_remembered_as_secret(tmp_path: Path) -> None:
    secrets = FakeSecrets(bob="hunter2hunter2", db="pg-password", unused="x")
    host = one_host(
        tmp_path,
        """
        password: "{{ secrets.bob }}"
        url: "postgres://mail:{{ secrets['db'] }}@db/mail"
        digest: "{{ secrets.bob | hash('sha256') }}"
        flag: "{{ 'yes' if secrets.bob else 'no' }}"
        other: text
        """,
        secrets=secrets,
    )

    assert host.variables["password"] == "hunter2hunter2"
    assert host.variables["flag"] == "yes"
    assert set(secrets.asked) == {"bob", "db"}
    assert {
        "hunter2hunter2",
        "pg-password",
        host.variables["url"],
        host.variables["digest"],
    } <= host.secret_texts
    assert not {"text", "yes"} & host.secret_texts


def test_a_secret_reaches_another_host_only_as_a_secret(tmp_path: Path) -> None:
    hosts = load(
        tmp_path,
        """
        all:
          hosts:
            a: {token: "{{ secrets.bob }}", d: {x: "{{ token }}"}}
            b: {copy: "{{ hostvars['a'].d.x }}"}
            c: {}
        """,
        secrets=FakeSecrets(bob="hunter2hunter2"),
    ).hosts

    assert hosts[1].variables["copy"] == "hunter2hunter2"
    assert ["hunter2hunter2" in host.secret_texts for host in hosts] == [True, True, False]


def test_a_secret_that_is_not_there_is_an_error_of_its_variable(tmp_path: Path) -> None:
    host = one_host(
        tmp_path, 'a: "{{ secrets.bbo }}"\nb: "{{ secrets.bbo | default(1) }}"', secrets=FakeSecrets()
    )

    assert host.unresolved["a"].message.endswith("there is no secret `bbo`")
    assert set(host.unresolved) == {"a", "b"}


def test_without_a_store_secrets_are_undefined_with_a_way_out(tmp_path: Path) -> None:
    error = one_host(tmp_path, 'a: "{{ secrets.bob }}"').unresolved["a"]

    assert error.message.endswith("`secrets` is not defined")
    assert "provision secrets" in error.hint


def test_a_variable_of_the_users_own_may_be_called_secrets(tmp_path: Path) -> None:
    host = one_host(tmp_path, 'secrets: {a: mine}\nv: "{{ secrets.a }}"', secrets=FakeSecrets(a="ours"))

    assert host.variables["v"] == "mine"


def test_unsafe_text_is_never_a_template(tmp_path: Path) -> None:
    host = one_host(tmp_path, "a: !unsafe '{{ nope }}'\nb: \"{{ a }}\"")

    assert host.variables == {"a": "{{ nope }}", "b": "{{ nope }}"}
    assert type(host.variables["a"]) is str


def test_hostvars_and_groups_see_the_whole_inventory_whatever_the_limit(tmp_path: Path) -> None:
    [host] = load(
        tmp_path,
        """
        mail:
          hosts:
            a: {peer: "{{ hostvars['b'].ip }}", all: "{{ groups.mail }}", mine: "{{ group_names }}"}
            b: {ip: "192.0.2.{{ n }}", n: 2}
        """,
        limit="a",
    ).hosts

    assert host.variables == {"peer": "192.0.2.2", "all": ["a", "b"], "mine": ["mail"]}


def test_a_filter_never_changes_the_value_it_is_given(tmp_path: Path) -> None:
    host = one_host(tmp_path, 'l: [1]\na: "{{ l | indent }}"\nb: "{{ l + [2] }}"\nc: "{{ l }}"')

    assert host.variables["l"] == host.variables["c"] == [1]
    assert host.variables["b"] == [1, 2]


def test_an_error_never_quotes_a_secret(tmp_path: Path) -> None:
    error = one_host(
        tmp_path, 'v: "{{ secrets.bob | human_to_bytes }}"', secrets=FakeSecrets(bob="hunter2hunter2")
    ).unresolved["v"]

    assert (
        error.message == "cannot resolve `v` for mx1.example.org: the template fails: `<secret>` is no size"
    )
