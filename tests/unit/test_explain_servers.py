"""Replies and words of bounces of servers and services, each in the form in which it writes them.

`data/replies.yml` has the forms which a rule of `wordings.yml` drawn too narrowly or too widely would
explain wrongly; the example of each rule is held in test_explain_replies.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from provisioner.explain.replies import explain_reply

REPLIES: dict[str, dict[str, list[str]]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "replies.yml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize(
    ("server", "reply", "kind"),
    [
        (server, reply, kind)
        for server, kinds in REPLIES.items()
        for kind, replies in kinds.items()
        for reply in replies
    ],
)
def test_a_reply_in_a_server_s_own_words_is_explained_as_what_it_means(
    server: str, reply: str, kind: str
) -> None:
    assert explain_reply(reply).kind.id == kind, server
