"""JSON in a few bytes: deflated, with the words ready that most of what is stored holds.

A book has several short documents of the same make; as text they would take a tenth of the room of a short book.
"""

import json
import sqlite3
import zlib
from typing import Any

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_RAW = -15
"""No header, no checksum: SQLite's pages have as little."""
# What is stored was made with it: to change a letter is to lose all of that. The commonest stand last.
_WORDS = (
    b'"embed.","enrich.","structure.","read.max_pages":"read.max_text_bytes":"stage version":1,"reader version":"'
    b'["only % of its characters belong to words"]["no text on the first pages; reading it will tell"]'
    b'["from a line that names one near the start"]["too little text to tell"]["the title says so"]'
    b'["it has an abstract"]["from the file name"]["the metadata says so"]["its length"]["from the metadata"]'
    b'["the text reads as de"]'
    b'["the content parses as md"]["the content parses as html"]["the content parses as epub"]'
    b'["the content parses as pdf"]'
    b'"reasons":["unverified: completeness (this format counts no pages)"]}'
    b'{"gates":{"text_rebuilt":true,"fully_indexed":true,"passages_found":true},"reasons":[]}'
    b'{"format":"txt","title":"","author":"","language":"en","kind":"article","collection":"","page_count":null,'
    b'"confidence":{"type":{"value":0.99,"reasons":["the content parses as txt"]},'
    b'"kind":{"value":0.88,"reasons":["readable text, too short for a book"]},'
    b'"title":{"value":0.6,"reasons":["the first line of the text that could be one"]},'
    b'"author":{"value":0.0,"reasons":["nothing names one"]},'
    b'"language":{"value":0.96,"reasons":["the text reads as en"]}}}'
)


def pack(value: object) -> bytes:
    """Put a JSON value into bytes."""
    packer = zlib.compressobj(wbits=_RAW, zdict=_WORDS)
    return packer.compress(_encode(value).encode("utf-8", "surrogatepass")) + packer.flush()


def unpack(data: bytes | str) -> Any:
    """Return the value; `data` is text where an older program stored it.

    Raises: sqlite3.DatabaseError: it is damaged.
    """
    unpacker = zlib.decompressobj(wbits=_RAW, zdict=_WORDS)
    try:
        if isinstance(data, str):
            return json.loads(data)
        return json.loads(unpacker.decompress(data).decode("utf-8", "surrogatepass"))
    except (zlib.error, ValueError) as exc:
        raise sqlite3.DatabaseError(f"a packed value is malformed: {exc}") from exc
