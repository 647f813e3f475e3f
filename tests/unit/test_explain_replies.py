"""Replies in plain words: every wording that is known, every code of the registry, and what falls through."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.explain.kinds import PLACEHOLDERS, kind, kinds
from provisioner.explain.replies import Wording, _document, explain_reply, wordings
from provisioner.explain.result import Side

NO_SIDE = {"accepted"}


@pytest.mark.parametrize("wording", wordings(), ids=lambda rule: f"{rule.by}: {rule.example[:60]}")
def test_a_server_s_wording_is_explained_as_what_it_means(wording: Wording) -> None:
    explanation = explain_reply(wording.example, host="mx.example.org")

    assert explanation.by == wording.by
    assert explanation.kind.id == wording.kind
    assert explanation.source.startswith("https://")
    assert explanation.kind.do, "somebody can do something about it"


def test_at_least_150_wordings_are_known() -> None:
    assert len({rule.example for rule in wordings()}) >= 150


@pytest.mark.parametrize("code", sorted(_document("codes.yml")["enhanced"]))
def test_every_enhanced_code_of_the_registry_is_explained(code: str) -> None:
    entry = _document("codes.yml")["enhanced"][code]
    explanation = explain_reply(f"550 5.{code} something that no rule knows")

    assert explanation.meaning == entry["means"]
    assert explanation.kind.id == (entry["kind"] or "unknown-refusal")


@pytest.mark.parametrize(
    ("reply", "stage", "kind_id"),
    [
        ("550 no", "recipient", "recipient-unknown"),
        ("550 no", "message", "policy"),
        ("550 no", "", "unknown-refusal"),
        ("450 later", "recipient", "greylisted"),
        ("450 later", "", "unknown-delay"),
        ("554 go away", "greeting", "greeting-refused"),
        ("535 no", "login", "login-wrong"),
        ("-ERR no", "login", "login-wrong"),
        ("NO no", "login", "login-wrong"),
        ("502 what", "login", "login-not-offered"),
        ("454 no", "starttls", "starttls-refused"),
        ("250 2.0.0 Ok", "message", "accepted"),
    ],
)
def test_without_a_known_wording_code_and_stage_decide(reply: str, stage: str, kind_id: str) -> None:
    assert explain_reply(reply, stage=stage).kind.id == kind_id


def test_a_reply_of_many_lines_is_read_as_one() -> None:
    reply = (
        "550-5.7.26 Unauthenticated email from example.org is not accepted due to\n"
        "550-5.7.26 domain's DMARC policy. Please contact the administrator of\n"
        "550 5.7.26 example.org domain if this was a legitimate mail. - gsmtp"
    )

    explanation = explain_reply(reply)

    assert (explanation.kind.id, explanation.code, explanation.enhanced) == ("dmarc-failed", 550, "5.7.26")


def test_an_address_is_not_taken_for_an_enhanced_code() -> None:
    assert explain_reply("550 rejected: 5.7.1.9 is listed").enhanced == ""


# --- the kinds --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(kinds()))
def test_a_kind_is_a_sentence_with_a_side_and_something_to_do(name: str) -> None:
    found = kinds()[name]

    assert found.says.endswith(".") and found.says[0].isupper()
    assert all(advice[-1] in ".})" for advice in found.do)
    assert bool(found.do) == (found.side is not Side.NOBODY)
    used = set(re.findall(r"\{(\w+)\}", " ".join([found.says, *found.do])))
    assert used <= set(PLACEHOLDERS)


@pytest.mark.parametrize("name", sorted(kinds()))
def test_a_kind_reads_well_where_nothing_is_known(name: str) -> None:
    bare = kind(name)

    for text in (bare.says, *bare.do):
        assert "{" not in text and "  " not in text and "()" not in text


def test_every_code_leads_to_a_kind() -> None:
    document = _document("codes.yml")
    named = {entry["kind"] for entry in document["enhanced"].values() if entry["kind"]}
    named |= {name for stage in document["stages"].values() for name in stage.values()}
    named |= set(document["codes"].values())

    assert named <= set(kinds())


@given(st.text(max_size=300))
def test_any_text_is_explained_as_something(text: str) -> None:
    assert explain_reply(text).kind.says
