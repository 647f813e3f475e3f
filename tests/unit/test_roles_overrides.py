"""Settings from the inventory written into main.cf, Dovecot's and Rspamd's configuration."""

# ruff: noqa: E501  # tables of cases read better with one case a line

from __future__ import annotations

from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.errors import InputError
from provisioner.roles.overrides import dovecot, postfix_parameters, ucl

MAIN_CF = """\
# Why this limit.
message_size_limit = 10240000
smtpd_relay_restrictions =
    permit_mynetworks,
# a comment does not end it
    reject_unauth_destination
  # nor does this
smtpd_banner=$myhostname ESMTP

mydestination =
"""


def test_without_overrides_main_cf_stays_as_it_is() -> None:
    assert postfix_parameters(MAIN_CF, {}) == MAIN_CF


def test_a_parameter_is_replaced_in_its_place_and_its_own_value_is_kept_in_a_comment() -> None:
    assert postfix_parameters(
        MAIN_CF, {"smtpd_relay_restrictions": ["permit_mynetworks", "reject"]}
    ) == dedent(
        """\
        # Why this limit.
        message_size_limit = 10240000
        # The inventory sets smtpd_relay_restrictions (the role's own value: permit_mynetworks, reject_unauth_destination).
        smtpd_relay_restrictions = permit_mynetworks, reject
          # nor does this
        smtpd_banner=$myhostname ESMTP

        mydestination =
        """
    )


def test_what_the_template_does_not_set_comes_at_the_end() -> None:
    result = postfix_parameters("a = 1\n", {"b": True, "c": 5, "d": False, "e": ""})
    assert result == "a = 1\n\n# Set in the inventory.\nb = yes\nc = 5\nd = no\ne =\n"


def test_null_takes_a_parameter_out_so_that_postfix_decides() -> None:
    assert postfix_parameters("a = 1\nb = 2\n", {"a": None, "c": None}) == (
        "# The inventory sets a (the role's own value: 1).\nb = 2\n"
    )


def test_a_parameter_that_is_set_twice_is_set_once_afterwards() -> None:
    result = postfix_parameters("a = 1\na = 2\n", {"a": 3})
    assert [line for line in result.splitlines() if not line.startswith("#")] == ["a = 3"]


def test_a_value_of_several_lines_stays_one_value() -> None:
    assert postfix_parameters("", {"a": "one\nmynetworks = 0.0.0.0/0\n\n  two"}) == (
        "\n# Set in the inventory.\na = one\n    mynetworks = 0.0.0.0/0\n    two\n"
    )


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(max_size=30), max_size=4))
def test_no_value_can_set_another_parameter(values: dict[str, str]) -> None:
    result = postfix_parameters("a = 1\n", values)
    names = {line.split(" =")[0] for line in result.split("\n") if line and line[0] not in " \t#"}
    assert names == {"a"} | set(values)


def test_a_mapping_is_no_value_of_a_postfix_parameter() -> None:
    with pytest.raises(InputError, match="a Postfix parameter is text"):
        postfix_parameters("", {"a": {"b": 1}})


def test_dovecot_settings_nest_and_carry_names() -> None:
    settings = {
        "mail_max_userip_connections": 20,
        "auth_verbose": True,
        "mail_plugins": ["quota", "imap_quota"],
        "left_out": None,
        "service": {"lmtp": {"unix_listener": {"/run/x": {"mode": "0600"}}}},
        "protocol imap": {"mail_max_userip_connections": 5},
        "passdb": {"driver": "passwd-file"},
        "plugin": {"quota_rule": "*:storage=1G"},
        "quoted": " a # b",
    }
    assert dovecot(settings, "bookworm") == dedent(
        """\
        mail_max_userip_connections = 20
        auth_verbose = yes
        mail_plugins = quota imap_quota
        service lmtp {
          unix_listener /run/x {
            mode = 0600
          }
        }
        protocol imap {
          mail_max_userip_connections = 5
        }
        passdb {
          driver = passwd-file
        }
        plugin {
          quota_rule = *:storage=1G
        }
        quoted = " a # b"
        """
    )


def test_rspamd_settings_are_ucl_with_amounts_bare_and_text_quoted() -> None:
    settings = {
        "enabled": True,
        "timeout": "10min",
        "score": 7.5,
        "name": 'say "hi"',
        "list": ["a", 1],
        "inner": {"key with blank": "x", "deep": {"n": None}},
    }
    assert ucl(settings) == dedent(
        """\
        enabled = true;
        timeout = 10min;
        score = 7.5;
        name = "say \\"hi\\"";
        list = ["a", 1];
        inner {
          "key with blank" = "x";
          deep {
            n = null;
          }
        }
        """
    )
