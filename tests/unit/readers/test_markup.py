"""How HTML becomes lines of text, and where its headings and anchors stand."""

from dataclasses import replace
from pathlib import Path

import pytest

from librarian_cli import errors, models
from librarian_cli.readers import html, markup
from tests.unit.readers.samples import LIMITS, source_of, warnings_of


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("<p>One\n  two</p><p>three", "One two\n\nthree\n"),
        ("<h1>A</h1>text<h2>B</h2>", "A\n\ntext\n\nB\n"),
        ("<ul><li>a<li>b</ul>end", "a\nb\n\nend\n"),
        ("one<br>two<br/>three", "one\ntwo\nthree\n"),
        ("<div>a</div><div>b</div>", "a\nb\n"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc\n"),
        ("a<script>x()</script><style>y{}</style><template>z</template>b", "ab\n"),
        ("<p>x</p><pre>  one\n    two\n</pre><p>y</p>", "x\n\n  one\n    two\n\ny\n"),
        ("<ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby>です", "漢字です\n"),
        ("&lt;b&gt; &amp; &eacute;&shy;t&eacute;&#0;&#27;", "<b> & été\ufffd\n"),
        ("<p>in<b>li</b>ne <i>tags</i> glue", "inline tags glue\n"),
        ("<title>no</title><p title='<p>'>attribute", "attribute\n"),
        ("<!-- <p>no</p> -->yes", "yes\n"),
        ("", ""),
    ],
)
def test_blocks_end_lines_and_white_space_collapses(source: str, wanted: str) -> None:
    assert markup.extract(source, LIMITS).text == wanted


DOCUMENT = (
    '<html lang="en"><head><title> The  Tide </title><meta name="Author" content="A. Keeper"></head><body>'
    '<h1 id="top">Part <i>I</i><br>Ebb</h1><p>First.</p><p>Then <a id="in"></a>more.</p><a name="gap"></a>'
    '<h2>Flow</h2><table><tr><td>x</td></tr><tr id="row"><td>last</td></tr></table>'
    '<pre id="pre">code</pre></body></html>'
)


@pytest.mark.parametrize("limits", [LIMITS, replace(LIMITS, max_html_depth=3)])  # lexbor, then html.parser
def test_headings_and_anchors_have_exact_places(limits: models.ReadLimits) -> None:
    wanted = frozenset(("top", "in", "gap", "row", "pre", "absent"))
    page = markup.extract(DOCUMENT, limits, wanted=wanted)
    assert (page.title, page.author, page.language) == ("The Tide", "A. Keeper", "en")
    assert page.text == "Part I\nEbb\n\nFirst.\n\nThen more.\n\nFlow\n\nx\nlast\n\ncode\n"
    assert [(h.title, h.level, page.text[h.start_char :][:4]) for h in page.headings] == [
        ("Part I Ebb", 1, "Part"),
        ("Flow", 2, "Flow"),
    ]
    assert {name: page.text[start:][:4] for name, start in page.anchors} == {
        "top": "Part",
        "in": "more",
        "gap": "Flow",
        "row": "last",
        "pre": "code",
    }
    assert ("html-too-deep" in page.warnings) == (limits is not LIMITS)


def test_characters_that_look_like_marks_change_nothing() -> None:
    page = markup.extract("<h1>A\ufdd00\ufdd1B</h1><p>&#xFDD0;0&#xFDD1;c\ufdd2", LIMITS)
    assert page.text == "A0B\n\nc\n"
    assert page.headings[0].start_char == 0


@pytest.mark.parametrize(
    "source",
    ["<div>" * 30_000 + "x", "<b><i>" * 20_000 + "x", "<b></u>" * 20_000 + "x", "<p " + "a=1 b " * 20_000 + ">x"],
)
def test_what_would_take_quadratic_time_is_read_another_way(source: str) -> None:
    page = markup.extract(source, LIMITS)
    assert page.text == "x\n"
    assert page.warnings == ("html-too-deep",)


def test_long_flat_documents_take_the_fast_way() -> None:
    page = markup.extract("<p>a<br>b<p>c" * 3_000 + "<ul>" + "<li>x" * 3_000, LIMITS)
    assert page.warnings == ()


def test_xhtml_empty_tags_do_not_swallow_what_follows() -> None:
    source = markup.unfold_empty_tags('<title/><script src="x"/><p><a id="y"/>a<br/>b</p>')
    assert markup.extract(source, LIMITS).text == "a\nb\n"


def test_an_html_file_is_read_in_its_declared_encoding(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_bytes('<meta charset="koi8-r"><p>Все счастливые</p>'.encode("koi8-r"))
    (part,) = html.READER.read(source_of(path), LIMITS)
    assert part.pages[0].text == "Все счастливые\n"
    assert warnings_of([part]) == set()


def test_a_page_of_tags_alone_has_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<html><script>x</script><p></p></html>")
    with pytest.raises(errors.ReadError, match="no_text"):
        list(html.READER.read(source_of(path), LIMITS))


def test_peek_reads_the_head_of_a_long_page(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text("<title>The Tide</title>" + "<p>line of text é</p>" * 20_000)
    peek = html.READER.peek(source_of(path), LIMITS)
    assert peek.title == "The Tide"
    assert len(peek.text) == 8_000
