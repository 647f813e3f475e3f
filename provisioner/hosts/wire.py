"""How words travel to the two remote scripts: one line a question, blank-separated, nothing to quote."""

from __future__ import annotations

import re

_PLAIN = re.compile(r"[A-Za-z0-9_./@:,+=%][A-Za-z0-9_./@:,+=%-]*\Z")


def encode(word: str | bytes) -> str:
    r"""`word` so that it holds no blank, quote or control character and does not begin with a dash.

    Whatever is not plain becomes `\0ooo`, the octal form that POSIX `printf %b` reads back byte
    for byte. Raises ValueError for the empty word and for a zero byte, which no argument can hold.
    """
    text = word.decode("utf-8", "surrogateescape") if isinstance(word, bytes) else word
    if not text or "\0" in text:
        raise ValueError("an empty word, or one with a zero byte, cannot be sent")
    if _PLAIN.match(text):
        return text
    raw = text.encode("utf-8", "surrogateescape")
    return "".join(
        chr(byte) if _PLAIN.match(chr(byte)) or (byte == 0x2D and place) else f"\\0{byte:03o}"
        for place, byte in enumerate(raw)
    )


def decode(word: str) -> str:
    """A word as the remote scripts write names, back to the name."""
    raw = re.sub(rb"\\0([0-7]{3})", lambda m: bytes([int(m[1], 8)]), word.encode())
    return raw.decode("utf-8", "surrogateescape")


def line(*words: str | bytes | int) -> str:
    """One line of a request or manifest."""
    return " ".join(encode(str(word) if isinstance(word, int) else word) for word in words) + "\n"
