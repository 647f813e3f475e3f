"""How much work one variable's template may do. What goes on for ever ends here, with one clear error.

Every call, filter, turn of a loop and piece of text made is charged. The limits are far above
what an inventory needs and far below what harms the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

STEPS = 300_000
MAX_TEXT = 4_000_000
"""Characters that one text may have."""
MAX_BITS = 20_000
"""Of a whole number: six thousand digits."""
MAX_WIDTH = 10_000
"""Of a padded or indented text."""
_CHARACTERS_PER_STEP = 256

Item = TypeVar("Item")


class Refused(Exception):
    """The template asks for what it may not have; the message says what."""


class Budget:
    """What is left to spend on one variable."""

    __slots__ = ("left",)

    def __init__(self) -> None:
        """A full purse."""
        self.left = STEPS

    def charge(self, steps: int = 1) -> None:
        """Spend. Raises Refused when nothing is left."""
        self.left -= steps
        if self.left < 0:
            raise Refused("the template does not come to an end within reasonable work")

    def text(self, length: int) -> None:
        """Spend on a text of `length` characters that is about to be made."""
        if length > MAX_TEXT:
            raise Refused(f"the template makes a text of {length:,} characters")
        self.charge(1 + length // _CHARACTERS_PER_STEP)

    def size(self, value: object) -> None:
        """Spend on a value that a filter or function made."""
        if isinstance(value, str):
            self.text(len(value))
        elif isinstance(value, list | tuple | dict | set):
            self.charge(1 + len(value) // 8)

    def counted(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, each charged."""
        for item in items:
            self.charge()
            yield item

    def multiply(self, left: object, right: object) -> None:
        """Look before `left * right`."""
        for one, other in ((left, right), (right, left)):
            if isinstance(one, str | bytes) and isinstance(other, int):
                self.text(len(one) * max(other, 0))
            elif isinstance(one, list | tuple) and isinstance(other, int):
                self.charge(len(one) * max(other, 0))
        if isinstance(left, int) and isinstance(right, int):
            self.bits(left.bit_length() + right.bit_length())

    def power(self, left: object, right: object) -> None:
        """Look before `left ** right`."""
        if isinstance(left, int) and isinstance(right, int) and right > 0:
            self.bits(left.bit_length() * right)

    def bits(self, count: int) -> None:
        """Refuse whole numbers that no inventory needs."""
        if count > MAX_BITS:
            raise Refused(f"the template makes a number of more than {MAX_BITS // 3:,} digits")

    def add(self, left: object, right: object) -> None:
        """Look before `left + right`."""
        if isinstance(left, str) and isinstance(right, str):
            self.text(len(left) + len(right))
        elif isinstance(left, list | tuple) and isinstance(right, list | tuple):
            self.charge(len(left) + len(right))

    def percent(self, left: object, right: object) -> None:
        """Look before `left % right`, which pads text: `'%9999999999d' % 1`."""
        if isinstance(left, str):
            self.widths(left)
            values = right if isinstance(right, tuple) else (right,)
            if "*" in left and any(isinstance(v, int) and v > MAX_WIDTH for v in values):
                raise Refused("the template pads a text without measure")

    def widths(self, format_text: str) -> None:
        """Refuse a format that asks for more width than any line has."""
        if any(int(number) > MAX_WIDTH for number in re.findall(r"(?<!\d)\d{5,18}(?!\d)", format_text)):
            raise Refused("the template pads a text without measure")
        if re.search(r"\d{19}", format_text):
            raise Refused("the template pads a text without measure")
