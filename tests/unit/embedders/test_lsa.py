"""The built-in vectors: meaning, determinism, storage, and behaviour on next to no text."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from librarian_cli import errors
from librarian_cli.embedders import codes, lsa, lsa_basis

TOPICS = (
    "whale ship harpoon captain sail mast voyage ocean crew storm",
    "oven flour butter sugar recipe dough bake kitchen yeast bread",
    "theorem proof lemma algebra group ring field prime number set",
)
TOPIC_TEXTS = 60


@pytest.fixture(scope="module")
def texts() -> list[str]:
    """180 short texts, a third on each topic in turn, with some words that any of them may use."""
    draw = random.Random(3)
    common = [f"filler{number}" for number in range(30)]
    return [
        " ".join(draw.choices(TOPICS[place % 3].split(), k=15) + draw.choices(common, k=10))
        for place in range(3 * TOPIC_TEXTS)
    ]


@pytest.fixture(scope="module")
def basis(texts: list[str]) -> lsa.Basis:
    return lsa.fit(texts, dimensions=16)


def test_a_query_finds_texts_that_share_its_topic_but_not_its_words(texts: list[str]) -> None:
    basis = lsa.fit(texts, dimensions=3)
    cosines = codes.similarities(lsa.project(basis, texts), lsa.query_vector(basis, "whales"))
    related = [place for place in range(0, len(texts), 3) if "whale" not in texts[place]]
    unrelated = [place for place in range(len(texts)) if place % 3]
    assert related
    assert cosines[related].min() > cosines[unrelated].max()


def test_the_same_texts_give_the_same_bytes(texts: list[str], basis: lsa.Basis) -> None:
    again = lsa.fit(list(texts), dimensions=16)
    assert again.id == basis.id
    assert again.components.tobytes() == basis.components.tobytes()
    assert lsa.fit(texts[1:], dimensions=16).id != basis.id


def test_a_vector_does_not_depend_on_the_company_of_its_text(texts: list[str], basis: lsa.Basis) -> None:
    together = lsa.project(basis, texts)
    projector = lsa.Projector(basis)
    alone = codes.Vectors.join([projector.project([text]) for text in reversed(texts)], dimensions=16)
    assert alone.codes[::-1].tolist() == together.codes.tolist()
    assert alone.scales[::-1].tolist() == together.scales.tolist()


def test_long_input_is_projected_in_batches(
    texts: list[str], basis: lsa.Basis, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = lsa.project(basis, texts)
    monkeypatch.setattr(lsa, "_BATCH_CHARS", 500)
    parts = lsa.project(basis, texts)
    assert parts.to_bytes() == whole.to_bytes()
    assert lsa.fit(texts, dimensions=16).terms.tolist() == basis.terms.tolist()


def test_quantised_rows_have_unit_length_and_match_the_query_side(texts: list[str], basis: lsa.Basis) -> None:
    vectors = lsa.project(basis, texts)
    rows = vectors.codes * vectors.scales[:, np.newaxis]
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1, abs=0.01)
    exact = lsa.query_vector(basis, texts[5])
    assert float(codes.similarities(vectors, exact)[5]) == pytest.approx(1, abs=0.01)


def test_similarities_are_exact_over_several_blocks() -> None:
    draw = np.random.default_rng(2)
    numbers = draw.integers(-127, 128, (5_000, 128)).astype(np.int8)
    scales = draw.random(5_000, dtype=np.float32)
    query = draw.standard_normal(128).astype(np.float32)
    expected = (numbers.astype(np.float64) @ query) * scales
    found = codes.similarities(codes.Vectors(numbers, scales), query)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_components_are_the_leading_singular_vectors(texts: list[str]) -> None:
    """Against numpy's full decomposition: the subspace holds as much of the matrix as the best one can."""
    counts = lsa._count(texts)
    kept = lsa._vocabulary(counts)
    rows, _ = lsa._weigh(counts, kept)
    dense = np.zeros((len(texts), len(kept)))
    for row, (start, end) in enumerate(zip(rows.indptr[:-1], rows.indptr[1:], strict=True)):
        dense[row, rows.columns[start:end]] = rows.values[start:end]
    assert np.linalg.norm(dense, axis=1) == pytest.approx(1, abs=1e-5)
    found = lsa._right_singular_vectors(rows, len(kept), dimensions=8, seed=1)
    assert found.T @ found == pytest.approx(np.eye(8), abs=1e-3)
    best = np.linalg.svd(dense, compute_uv=False)[:8]
    assert np.linalg.norm(dense @ found) == pytest.approx(np.linalg.norm(best), rel=0.02)


@pytest.mark.parametrize(
    "few",
    [
        [],
        [""],
        ["whale ship"],  # no term is in two texts
        ["whale ship", "whale ship", "the of"],  # rank 1, and a text without terms
        ["123 456"] * 5,
    ],
)
def test_a_tiny_library_gives_finite_vectors(few: list[str]) -> None:
    basis = lsa.fit(few)
    vectors = lsa.project(basis, few)
    assert vectors.codes.shape == (len(few), lsa.DIMENSIONS)
    query = lsa.query_vector(basis, "whale ship")
    assert query.shape == (lsa.DIMENSIONS,)
    assert np.isfinite(codes.similarities(vectors, query)).all()


def test_texts_without_known_terms_have_zero_rows(basis: lsa.Basis) -> None:
    vectors = lsa.project(basis, ["", "xylophone", "whale"])
    assert vectors.scales[:2].tolist() == [0, 0]
    assert not vectors.codes[:2].any()
    assert vectors.codes[2].any()
    assert not lsa.query_vector(basis, "xylophone the").any()


def test_terms_in_too_many_or_too_few_texts_are_left_out() -> None:
    shared = [f"everywhere topic{number % 20} once{number}" for number in range(100)]
    names = lsa.fit(shared).terms.tolist()
    assert sorted(names) == sorted(f"topic{number}".encode() for number in range(20))


def test_vectors_survive_their_bytes(texts: list[str], basis: lsa.Basis) -> None:
    vectors = lsa.project(basis, texts[:7])
    blob = vectors.to_bytes()
    assert len(blob) == 7 * (16 + 4)
    again = codes.Vectors.from_bytes(blob, dimensions=16)
    assert (again.codes == vectors.codes).all()
    assert (again.scales == vectors.scales).all()
    assert len(codes.Vectors.from_bytes(b"", dimensions=16)) == 0
    with pytest.raises(ValueError, match="no rows"):
        codes.Vectors.from_bytes(blob[:-1], dimensions=16)


def test_joined_vectors_keep_their_order(texts: list[str], basis: lsa.Basis) -> None:
    first, second = lsa.project(basis, texts[:3]), lsa.project(basis, texts[3:5])
    joined = codes.Vectors.join([first, second], dimensions=16)
    assert joined.codes.tolist() == first.codes.tolist() + second.codes.tolist()
    assert len(codes.Vectors.join([], dimensions=16)) == 0


def test_a_saved_basis_gives_the_same_vectors(tmp_path: Path, texts: list[str], basis: lsa.Basis) -> None:
    path = basis.save(tmp_path)
    assert path.name == f"{basis.id}.basis"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
    loaded = lsa.Basis.load(path)
    assert (loaded.id, loaded.dimensions, loaded.is_intact()) == (basis.id, 16, True)
    assert lsa.query_vector(loaded, "whale bread").tolist() == lsa.query_vector(basis, "whale bread").tolist()
    assert lsa.project(loaded, texts).to_bytes() == lsa.project(basis, texts).to_bytes()


def test_an_empty_basis_survives_its_file(tmp_path: Path) -> None:
    loaded = lsa.Basis.load(lsa.fit([]).save(tmp_path))
    assert not lsa.query_vector(loaded, "whale").any()


@pytest.mark.parametrize("kept_bytes", [0, 100, 256, 300, -1])
def test_a_file_cut_short_is_refused_by_name(tmp_path: Path, basis: lsa.Basis, kept_bytes: int) -> None:
    path = basis.save(tmp_path)
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(errors.EnvironmentFault, match=r"\.basis: unusable vector basis"):
        lsa.Basis.load(path)


def test_a_file_of_another_version_or_a_missing_one_is_refused(tmp_path: Path, basis: lsa.Basis) -> None:
    path = basis.save(tmp_path)
    data = path.read_bytes()
    header = json.loads(data[:256]) | {"version": 99}
    path.write_bytes(json.dumps(header).encode().ljust(256) + data[256:])
    with pytest.raises(errors.EnvironmentFault, match="version"):
        lsa.Basis.load(path)
    with pytest.raises(errors.EnvironmentFault, match="unusable"):
        lsa.Basis.load(tmp_path / "none.basis")


def test_one_flipped_bit_is_noticed_by_the_digest(tmp_path: Path, basis: lsa.Basis) -> None:
    path = basis.save(tmp_path)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    assert not lsa.Basis.load(path).is_intact()


def test_a_basis_that_cannot_be_written_is_a_fault_of_the_machine(tmp_path: Path, basis: lsa.Basis) -> None:
    with pytest.raises(errors.EnvironmentFault, match="cannot write"):
        basis.save(tmp_path / "missing")


def test_terms_longer_than_the_field_are_never_found(texts: list[str]) -> None:
    long_term = "z" * (lsa_basis.MAX_TERM_BYTES + 4)
    basis = lsa.fit([*texts, *[f"{long_term} {long_term[:-4]}"] * 4])
    assert basis.find([long_term, long_term[:-4], "whale", "absent"])[[0, 3]].tolist() == [-1, -1]
    assert (basis.find([long_term[:-4], "whale"]) >= 0).all()
