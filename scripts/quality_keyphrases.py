"""Part `keyphrases`: phrases found against those that authors and readers gave, on English papers and abstracts.

keyphrases/NAME.zip     NAME/docsutf8/N.txt, and NAME/keys/N.key with a phrase a line
"""

import re
from collections.abc import Iterator
from pathlib import Path
from statistics import mean
from zipfile import Path as ZipPath

import Stemmer
from quality_figure import Figure

from librarian_cli.text.enriching import keyphrases, tokens

_AT = 10
_AIMS = {"Inspec": 0.22, "Nguyen2007": 0.186}
_STEMMER = Stemmer.Stemmer("porter")


def measure(folder: Path) -> Iterator[Figure]:
    """Measure what lies in `folder`."""
    for path in sorted((folder / "keyphrases").glob("*.zip")):
        scores = list(_scores(ZipPath(path) / path.stem))
        yield Figure(f"keyphrases: F1@{_AT} on {path.stem}, {len(scores)} texts", mean(scores), _AIMS.get(path.stem))


def _scores(collection: ZipPath) -> Iterator[float]:
    for text in sorted((collection / "docsutf8").iterdir(), key=str):
        known = collection / "keys" / f"{Path(text.name).stem}.key"
        if text.name.endswith(".txt") and known.exists():
            phrases = keyphrases.of_book(keyphrases.find_phrases(tokens.read(_read(text), "en")), _AT)
            yield _f1({_stemmed(item.text) for item in phrases}, {_stemmed(line) for line in _read(known).splitlines()})


def _read(path: ZipPath) -> str:
    return path.read_text("utf-8", errors="replace")


def _stemmed(phrase: str) -> str:
    return " ".join(_STEMMER.stemWords(re.findall(r"[a-z0-9]+", phrase.lower())))


def _f1(found: set[str], known: set[str]) -> float:
    known = known - {""}
    hits = len(found & known)
    return 2 * hits / (len(found) + len(known)) if hits else 0.0
