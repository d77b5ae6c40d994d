"""Characters of many scripts, for texts that nobody would write."""

import random


def random_character(chooser: random.Random) -> str:
    """Choose one; spaces, marks and pictures among them."""
    start, end = chooser.choice(
        [(0x20, 0x7E), (0x20, 0x20), (0xA0, 0x24F), (0x300, 0x36F), (0x400, 0x4FF), (0x3040, 0x30FF), (0x4E00, 0x9FFF),
         (0xAC00, 0xD7A3), (0xFF00, 0xFFEF), (0x1F300, 0x1F5FF), (0x20000, 0x2A6DF)]
    )  # fmt: skip
    return chr(chooser.randint(start, end))
