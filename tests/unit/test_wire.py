"""Words for the remote scripts: whatever a name holds, the shell gets it back byte for byte."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.hosts.wire import decode, encode, line

SHELLS = [shell for shell in (["dash"], ["bash"], ["busybox", "sh"]) if shutil.which(shell[0])]
DECODE = """
LC_ALL=C; export LC_ALL  # as both scripts do; in UTF-8, bash 5.2 loses bytes that are none
decode() { case $1 in *\\\\*) value=$(printf '%bx' "$1") && value=${value%x} ;; *) value=$1 ;; esac; }
while read -r word; do decode "$word"; printf '%s\\0' "$value"; done
"""
words = st.binary(min_size=1, max_size=40).filter(lambda raw: b"\0" not in raw)


@given(words)
def test_an_encoded_word_holds_no_blank_quote_or_control_character(raw: bytes) -> None:
    word = encode(raw)
    assert word.isascii() and word.isprintable()
    assert not set(word) & set(" '\"$`*?[]{}()|&;<>#~!")
    assert not word.startswith("-")


@given(words)
def test_python_reads_back_what_it_encoded(raw: bytes) -> None:
    assert decode(encode(raw)).encode("utf-8", "surrogateescape") == raw


@pytest.mark.parametrize("shell", SHELLS, ids=lambda shell: shell[0])
@settings(max_examples=15, deadline=None)
@given(raws=st.lists(words, min_size=1, max_size=20))
def test_every_shell_reads_back_what_python_encoded(shell: list[str], raws: list[bytes]) -> None:
    sent = "".join(encode(raw) + "\n" for raw in raws).encode()
    heard = subprocess.run([*shell, "-c", DECODE], input=sent, capture_output=True, check=True).stdout
    assert heard.split(b"\0")[:-1] == raws


def test_names_that_look_like_options_or_hold_newlines_survive() -> None:
    assert line("file", "/srv/a b", "-rf", "x\ny", 7) == "file /srv/a\\0040b \\0055rf x\\0012y 7\n"


@pytest.mark.parametrize("bad", ["", "a\0b"])
def test_what_no_argument_can_hold_is_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        encode(bad)
