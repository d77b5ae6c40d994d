"""Text files in any encoding, and the structure of Markdown."""

from pathlib import Path

import pytest

from librarian_cli import errors, models
from librarian_cli.readers import decoding, markdown, plain
from tests.unit.readers.samples import LIMITS, source_of, text_of, warnings_of

FRENCH = "À peine ma bougie éteinte, mes yeux se fermaient si vite que déjà j’étais loin. " * 30
RUSSIAN = "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива по-своему. " * 20
JAPANESE = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 20
HUNGARIAN = "A kormány szerint az őszi időszakban több lehetőség is nyílik, például új művek bemutatására. " * 20


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "utf-8"),
        (FRENCH, "utf-8-sig"),
        (FRENCH, "cp1252"),
        (FRENCH, "utf-16"),
        (FRENCH, "utf-16-be"),  # without a mark
        (FRENCH, "utf-32"),
        (RUSSIAN, "koi8_r"),
        (RUSSIAN, "cp1251"),
        (JAPANESE, "euc_jp"),
        (JAPANESE, "iso2022_jp"),
        (HUNGARIAN, "cp1250"),  # every letter of it but one is also Western
        ("plain " * 20_000 + FRENCH, "cp1252"),  # the evidence lies far from the head
    ],
)
def test_text_is_read_in_its_encoding(text: str, encoding: str) -> None:
    assert decoding.decode(text.encode(encoding)).text == text


def test_a_few_broken_bytes_do_not_turn_utf8_into_something_else() -> None:
    raw = FRENCH.encode() + b"\xff\xfe" + FRENCH.encode()
    decoded = decoding.decode(raw)
    assert decoded.text.count("é") == FRENCH.count("é") * 2
    assert decoded.warnings == ("encoding-damaged",)


def test_a_lying_declaration_is_overruled() -> None:
    assert decoding.decode(FRENCH.encode("cp1252"), declared="utf-8").text == FRENCH


def test_utf7_is_never_decoded() -> None:
    assert decoding.decode(b"+ADw-script", declared="utf-7").text == "+ADw-script"


def read_plain(path: Path, raw: bytes) -> list[models.Part]:
    path.write_bytes(raw)
    return list(plain.READER.read(source_of(path), LIMITS))


def test_a_text_file_ends_with_a_line_end(tmp_path: Path) -> None:
    parts = read_plain(tmp_path / "a.txt", b"one\r\ntwo")
    assert text_of(parts) == "one\ntwo\n"
    assert warnings_of(parts) == set()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [(b"\xef\xbb\xbf", "empty"), (b" \n\t\n", "no_text"), (bytes(1000), "corrupt"), (b"\x01\x02a" * 99, "corrupt")],
)
def test_a_file_without_text_is_refused(tmp_path: Path, raw: bytes, reason: str) -> None:
    with pytest.raises(errors.ReadError, match=reason):
        read_plain(tmp_path / "a.txt", raw)


def test_a_gutenberg_header_gives_metadata(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("The Project Gutenberg eBook\n\nTitle: Emma\nAuthor: Jane Austen\nLanguage: English\n\nEmma\n")
    peek = plain.READER.peek(source_of(path), LIMITS)
    assert (peek.title, peek.author, peek.language) == ("Emma", "Jane Austen", "en")


def read_markdown(path: Path, text: str) -> list[tuple[str, int, str]]:
    path.write_text(text)
    (part,) = markdown.READER.read(source_of(path), LIMITS)
    whole = part.pages[0].text
    return [(heading.title, heading.level, whole[heading.start_char :][:5]) for heading in part.headings]


def test_atx_and_setext_headings_are_exact(tmp_path: Path) -> None:
    text = "# One *two* #\n\ntext\n\nThree\n=====\n\n### [Four](http://x/) {#id}\n\nFive\n----\n#no heading\n"
    assert read_markdown(tmp_path / "a.md", text) == [
        ("One two", 1, "# One"),
        ("Three", 1, "Three"),
        ("Four", 3, "### ["),
        ("Five", 2, "Five\n"),
    ]


def test_fenced_code_holds_no_headings(tmp_path: Path) -> None:
    text = "```sh\n# comment\n~~~\n# still\n```\n\n~~~~\nx\n===\n~~~~\n\n# Real\n"
    assert [title for title, _, _ in read_markdown(tmp_path / "a.md", text)] == ["Real"]


def test_rules_and_tables_are_no_headings(tmp_path: Path) -> None:
    text = "para one\npara two\n---\n\n- item\n---\n\n| a |\n|---|\n\n***\n"
    assert read_markdown(tmp_path / "a.md", text) == []


def test_front_matter_gives_metadata_and_no_headings(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text('---\ntitle: "The Tide"\nauthor: A. Keeper\n# comment\nlang: en\n---\n\n# Start\n')
    peek = markdown.READER.peek(source_of(path), LIMITS)
    assert (peek.title, peek.author, peek.language) == ("The Tide", "A. Keeper", "en")
    (part,) = markdown.READER.read(source_of(path), LIMITS)
    assert [heading.title for heading in part.headings] == ["Start"]
    assert part.pages[0].text.startswith("---\ntitle")
