"""Lists of spans as few bytes: the gap before each and its length, seven bits a byte (LEB128).

Source: the unsigned form of LEB128, DWARF 5, 7.6.
"""

from collections.abc import Iterable, Iterator

from librarian_cli.text.enriching.findings import Span


def pack(spans: Iterable[Span]) -> bytes:
    """Pack spans that stand in ascending order of their starts."""
    found = bytearray()
    last = 0
    for start, end in spans:
        for number in (start - last, end - start):
            while number > 0x7F:
                found.append(number & 0x7F | 0x80)
                number >>= 7
            found.append(number)
        last = start
    return bytes(found)


def unpack(data: bytes) -> tuple[Span, ...]:
    """The spans that were packed."""
    numbers = _numbers(data)
    found: list[Span] = []
    start = 0
    for gap, length in zip(numbers, numbers, strict=True):
        start += gap
        found.append((start, start + length))
    return tuple(found)


def _numbers(data: bytes) -> Iterator[int]:
    number, shift = 0, 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number, shift = 0, 0
