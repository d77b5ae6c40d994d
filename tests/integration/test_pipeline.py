"""A folder becomes a library, and what happens to it when the folder, the settings or a person's wishes change."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from reportlab.pdfgen.canvas import Canvas

from librarian_cli.discover import Selection
from librarian_cli.pipeline.intake import Request
from tests.support import trees
from tests.support.digest import Digest, digest
from tests.support.ingests import Ingested, ingest, open_librarian
from tests.support.inline import InlinePools
from tests.support.program import librarian

DAMAGED = "manuals/the-grey-of-the-page.pdf"
ALL_STAGES = ("audit", "chunk", "enrich", "extract", "schema")
BIG_PDF_PAGES = 400


def request(root: Path, **wishes: object) -> Request:
    return Request((os.fsencode(root),), **wishes)  # type: ignore[arg-type]  # the tests name its fields


def run(library: Path, wanted: Request | Path, **settings: Any) -> Ingested:
    """Ingest in line: quicker, and as good where the question is what is done, not how it is spread."""
    return ingest(library, wanted, inline=True, **settings)


def one_book(tmp_path: Path, name: str = "one.txt", seed: object = 1) -> tuple[Path, Path]:
    """Return a folder with one small book, and a library that holds it."""
    tree, library = tmp_path / "tree", tmp_path / "library"
    trees.write_text(tree / name, seed)
    assert run(library, tree).outcomes == {name: "ok"}
    return tree, library


def texts(found: Digest) -> set[object]:
    return {book["text_sha256"] for book in found.values()}


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Ingested]:
    """The sample books, their library, and how they were ingested with all workers. Not to be changed."""
    folder = tmp_path_factory.mktemp("pooled")
    tree = trees.copy_samples(folder / "tree")
    return tree, folder / "library", ingest(folder / "library", tree)


def test_the_sample_books_end_as_they_are_meant_to(pooled: tuple[Path, Path, Ingested]) -> None:
    outcomes = pooled[2].outcomes
    assert outcomes.pop(DAMAGED) == "failed:corrupt"
    assert outcomes.pop("fiction/unsorted/untitled download.epub").startswith("duplicate:")
    assert outcomes.pop("science/Kleine Glockenkunde für Anfänger.txt") == "ok-with-warning:encoding-guessed"
    assert len(outcomes) == 11
    assert set(outcomes.values()) == {"ok"}


def test_every_stored_sample_has_passed_its_audit_and_has_vectors(pooled: tuple[Path, Path, Ingested]) -> None:
    stored = [book for book in digest(pooled[1]).values() if book["status"] != "failed"]
    assert len(stored) == 12
    for book in stored:
        score, gates = cast(tuple[float, dict[str, bool]], book["audit"])
        assert score > 0.8
        assert all(gates.values())
        assert book["vectors"]


@pytest.mark.parametrize("how", [{"jobs": 1}, {"inline": True}], ids=["one job", "inline"])
def test_the_result_does_not_depend_on_how_the_work_is_spread(
    pooled: tuple[Path, Path, Ingested], tmp_path: Path, how: dict[str, object]
) -> None:
    tree, library, first = pooled
    other = ingest(tmp_path, tree, **how)  # type: ignore[arg-type]  # jobs or inline
    assert other.outcomes == first.outcomes
    assert digest(tmp_path) == digest(library)


def test_two_roots_that_overlap_and_a_single_file_give_each_book_once(tmp_path: Path) -> None:
    tree = trees.copy_samples(tmp_path / "tree")
    roots = (tree / "science", tree, tree / "fiction/the-clockmenders-alibi.txt")
    together = ingest(tmp_path / "together", Request(tuple(map(os.fsencode, roots))))
    assert sum(together.result.outcomes.values()) == 14
    ingest(tmp_path / "alone", tree)
    assert digest(tmp_path / "together") == digest(tmp_path / "alone")


def test_a_second_run_finds_everything_unchanged_and_costs_no_stage(tmp_path: Path) -> None:
    tree, library = trees.copy_samples(tmp_path / "tree"), tmp_path / "library"
    run(library, tree)
    before = digest(library)
    again = run(library, tree)
    assert again.result.outcomes["unchanged"] == 14
    assert again.ended == ()
    assert digest(library) == before


def test_a_file_with_a_new_date_and_the_same_bytes_costs_no_stage(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    os.utime(tree / "one.txt", (1, 1))
    again = run(library, tree)
    assert again.ended == ()
    assert again.outcomes == {"one.txt": "unchanged"}


def test_a_changed_file_takes_the_place_of_its_old_content(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    before = digest(library)
    trees.write_text(tree / "one.txt", 2)
    again = run(library, tree)
    assert again.outcomes == {"one.txt": "ok"}
    after = digest(library)
    assert len(after) == 1
    assert texts(after).isdisjoint(texts(before))


def test_a_changed_file_of_which_a_copy_is_left_leaves_the_old_book_to_the_copy(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    shutil.copy(tree / "one.txt", tree / "two.txt")
    run(library, tree)
    trees.write_text(tree / "one.txt", 2)
    assert run(library, tree).outcomes["one.txt"] == "ok"
    with open_librarian(library) as opened:
        assert {item.path: item.outcome for item in opened.files()} == {
            os.fsencode(tree / "one.txt"): "ok",
            os.fsencode(tree / "two.txt"): "ok",
        }


def test_a_renamed_file_costs_no_stage_and_is_found_at_its_new_place(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    before = digest(library)
    (tree / "below").mkdir()
    (tree / "one.txt").rename(tree / "below/other.txt")
    again = run(library, tree)
    assert again.ended == ()
    assert digest(library) == before
    with open_librarian(library) as opened:
        (book,) = opened.books()
        assert book.paths == (os.fsencode(tree / "below/other.txt"),)


def test_a_copy_and_a_hard_link_are_duplicates_of_the_first_path(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    shutil.copy(tree / "one.txt", tree / "copy.txt")
    (tree / "link.txt").hardlink_to(tree / "one.txt")
    again = run(library, tree)
    assert again.ended == ()
    (sha256,) = digest(library)
    duplicate = f"duplicate:{sha256[:12]}"
    assert again.outcomes == {"one.txt": "unchanged", "copy.txt": duplicate, "link.txt": duplicate}


def test_a_library_that_was_only_read_so_far_can_be_changed_as_well(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    with open_librarian(library) as opened:
        for details in opened.books():  # which is still being read when the next line writes
            opened.remove([details.book.id])
        opened.ingest(request(tree, force="schema"), pools=InlinePools(opened.config))
        assert [details.book.status for details in opened.books()] == ["ok"]


def test_a_deleted_file_is_listed_no_more_and_its_book_is_kept(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    trees.write_text(tree / "two.txt", 2)
    run(library, tree)
    (tree / "one.txt").unlink()
    assert run(library, tree).outcomes == {"two.txt": "unchanged"}
    with open_librarian(library) as opened:
        assert [item.path for item in opened.files()] == [os.fsencode(tree / "two.txt")]
        assert sorted(len(book.paths) for book in opened.books()) == [0, 1]


def test_a_folder_that_is_empty_all_at_once_loses_nothing(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    (tree / "one.txt").rename(tmp_path / "elsewhere.txt")
    run(library, tree)
    with open_librarian(library) as opened:
        assert [item.path for item in opened.files()] == [os.fsencode(tree / "one.txt")]


def test_a_removed_book_is_ignored_until_it_is_forced(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    before = digest(library)
    (sha256,) = before
    with open_librarian(library) as opened:
        opened.remove([sha256[:12]])
    assert digest(library) == {}
    os.utime(tree / "one.txt", (1, 1))
    ignored = run(library, tree)
    assert ignored.ended == ()
    assert ignored.result.outcomes["ok"] == 0
    assert digest(library) == {}
    forced = run(library, request(tree, force="schema"))
    assert forced.outcomes == {"one.txt": "ok"}
    assert digest(library) == before


def test_a_book_that_waits_goes_on_once_it_is_approved(tmp_path: Path) -> None:
    tree, library = tmp_path / "tree", tmp_path / "library"
    trees.write_text(tree / "one.txt", 1)
    unsure = {"ingest__approve_confidence": 1.0}
    waiting = run(library, tree, **unsure)
    assert waiting.outcomes == {"one.txt": "waiting:approval"}
    assert waiting.stages("one.txt") == ("schema",)
    assert run(library, tree, **unsure).stages("one.txt") == ()
    approved = run(library, request(tree, approve=True), **unsure)
    assert approved.outcomes == {"one.txt": "ok"}
    assert approved.stages("one.txt") == ("audit", "chunk", "enrich", "extract")


def test_new_books_are_approved_in_the_run_that_finds_them_when_all_are(tmp_path: Path) -> None:
    trees.write_text(tmp_path / "tree/one.txt", 1)
    approved = run(tmp_path / "library", request(tmp_path / "tree", approve=True), ingest__approve_confidence=1.0)
    assert approved.outcomes == {"one.txt": "ok"}


@pytest.mark.parametrize(
    ("stage", "stages"),
    [
        ("schema", ALL_STAGES),
        ("extract", ("audit", "chunk", "enrich", "extract")),
        ("chunk", ("audit", "chunk", "enrich")),
        ("audit", ("audit",)),
    ],
)
def test_force_runs_a_stage_and_what_depends_on_it_again(tmp_path: Path, stage: str, stages: tuple[str, ...]) -> None:
    tree, library = one_book(tmp_path)
    before = digest(library)
    again = run(library, request(tree, force=stage))
    assert again.stages("one.txt") == stages
    assert again.outcomes == {"one.txt": "ok"}
    assert digest(library) == before


def test_a_changed_chunk_size_runs_chunk_and_audit_again_and_nothing_else(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    before = digest(library)
    again = run(library, tree, stages__chunk__max_chars=500)
    assert again.stages("one.txt") == ("audit", "chunk", "enrich")
    after = digest(library)
    assert texts(after) == texts(before)
    assert next(iter(after.values()))["chunks"] != next(iter(before.values()))["chunks"]
    fresh = tmp_path / "fresh"
    run(fresh, tree, stages__chunk__max_chars=500)
    assert digest(fresh) == after
    assert run(library, tree, stages__chunk__max_chars=500).ended == ()


def test_a_failed_book_is_not_tried_again_until_it_changes(tmp_path: Path) -> None:
    tree, library = tmp_path / "tree", tmp_path / "library"
    tree.mkdir()
    shutil.copy(trees.SAMPLES / DAMAGED, tree / "bad.pdf")
    assert run(library, tree).outcomes == {"bad.pdf": "failed:corrupt"}
    again = run(library, tree)
    assert again.ended == ()
    assert again.files["bad.pdf"].outcome == "unchanged"
    assert again.files["bad.pdf"].reason == "corrupt"
    shutil.copy(trees.SAMPLES / "manuals/bicycle.pdf", tree / "bad.pdf")
    assert run(library, tree).outcomes == {"bad.pdf": "ok"}


def test_a_failed_book_is_tried_again_when_it_is_forced(tmp_path: Path) -> None:
    tree, library = tmp_path / "tree", tmp_path / "library"
    tree.mkdir()
    shutil.copy(trees.SAMPLES / DAMAGED, tree / "bad.pdf")
    run(library, tree)
    again = run(library, request(tree, force="schema"))
    assert again.stages("bad.pdf") == ("schema",)
    assert again.outcomes == {"bad.pdf": "failed:corrupt"}


def test_the_exit_code_tells_new_failures_or_any_with_strict(tmp_path: Path) -> None:
    tree, library = tmp_path / "tree", tmp_path / "library"
    trees.write_text(tree / "good.txt", 1)
    shutil.copy(trees.SAMPLES / DAMAGED, tree / "bad.pdf")
    first = librarian("ingest", tree, library=library)
    assert first.code == 3
    assert "bad.pdf: corrupt" in first.err
    assert librarian("ingest", tree, library=library).code == 0
    assert librarian("ingest", tree, "--strict", library=library).code == 3


def test_the_exit_code_tells_a_book_below_the_trust_that_is_asked_for(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    with open_librarian(library) as opened:
        (book,) = opened.books()
    score = book.book.trust_score
    assert score is not None
    assert librarian("ingest", tree, "--min-trust", str(score), library=library).code == 0
    (tree / "poor.txt").write_text(" ".join((tree / "one.txt").read_text()))
    run(library, request(tree, approve=True))
    with open_librarian(library) as opened:
        worst = min(item.book.trust_score or 0.0 for item in opened.books())
    assert worst < score
    assert librarian("ingest", tree, "--min-trust", str((worst + score) / 2), library=library).code == 3


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        (Selection(include=("*.txt",)), {"a.txt", "below/b.txt"}),
        (Selection(exclude=("*.txt",)), {"c.md", "below/d.html"}),
        (Selection(exclude=("below",)), {"a.txt", "c.md"}),  # a folder's name leaves out what is in it
        (Selection(include=("*.txt", "*.md"), exclude=("a.*",)), {"c.md", "below/b.txt"}),
        (Selection(hidden=True), {"a.txt", "c.md", "below/b.txt", "below/d.html", ".e.txt"}),
    ],
)
def test_only_selected_files_are_taken(tmp_path: Path, selection: Selection, names: set[str]) -> None:
    tree = tmp_path / "tree"
    for number, name in enumerate(("a.txt", "below/b.txt", "c.md", "below/d.html", ".e.txt")):
        trees.write_text(tree / name, number, head="<html><body>" if name.endswith("html") else "")
    done = run(tmp_path / "library", request(tree, selection=selection))
    assert done.outcomes == dict.fromkeys(names, "ok")


def test_files_that_a_selection_leaves_out_later_are_not_forgotten(tmp_path: Path) -> None:
    tree, library = one_book(tmp_path)
    trees.write_text(tree / "two.md", 2)
    run(library, tree)
    run(library, request(tree, selection=Selection(include=("*.md",))))
    with open_librarian(library) as opened:
        assert sorted(len(book.paths) for book in opened.books()) == [1, 1]


@pytest.fixture(scope="module")
def big_pdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one PDF of 400 pages, with an outline."""
    folder = tmp_path_factory.mktemp("big")
    canvas = Canvas(str(folder / "big.pdf"), invariant=1, pageCompression=1)
    for number in range(1, BIG_PDF_PAGES + 1):
        if number % 50 == 1:
            canvas.bookmarkPage(f"c{number}")
            canvas.addOutlineEntry(f"Chapter {number // 50 + 1}", f"c{number}")
            canvas.drawString(72, 760, f"Chapter {number // 50 + 1}")
        for line in range(20):
            canvas.drawString(72, 720 - 20 * line, f"On page {number} the line {line} tells of the sea and the river.")
        canvas.showPage()
    canvas.save()
    return folder


@pytest.mark.slow
def test_a_big_pdf_read_in_ranges_gives_the_book_that_one_call_gives(
    big_pdf: Path, tmp_path: Path, count_calls: Callable[[], int]
) -> None:
    ranges = ingest(tmp_path / "ranges", big_pdf, ingest__pages_per_range=50)
    calls = count_calls()
    whole = ingest(tmp_path / "whole", big_pdf, ingest__pages_per_range=1000)
    assert ranges.outcomes == whole.outcomes == {"big.pdf": "ok"}
    assert calls == BIG_PDF_PAGES // 50
    assert count_calls() == calls + 1
    (book,) = digest(tmp_path / "ranges").values()
    assert len(book["pages"]) == BIG_PDF_PAGES  # type: ignore[arg-type]  # a digest's values are of many types
    assert len(book["chapters"]) == BIG_PDF_PAGES // 50  # type: ignore[arg-type]  # likewise
    assert digest(tmp_path / "ranges") == digest(tmp_path / "whole")


@pytest.fixture
def count_calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Count the calls that read a book, as they are handed to a pool."""
    from librarian_cli.pipeline.pools import Pools
    from librarian_cli.stages import extract

    calls = []
    submit = Pools.submit

    def counting(self: Pools, pool: str, call: object) -> object:
        if getattr(call, "function", None) is extract.run:
            calls.append(call)
        return submit(self, pool, call)  # type: ignore[arg-type]  # it is passed on as it came

    monkeypatch.setattr(Pools, "submit", counting)
    return lambda: len(calls)
