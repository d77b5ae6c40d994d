"""`scripts/bench quality`: how good chapters, search, keyphrases are, on collections with judgements.

A part is one module `quality_<part>.py` with `measure(folder) -> Iterator[Figure]`, and one entry in PARTS.
"""

import argparse
from pathlib import Path
from types import ModuleType

import quality_chapters
import quality_enrich
import quality_keyphrases
import quality_languages
import quality_search
from bench_setting import Report
from quality_figure import Figure

PARTS: dict[str, ModuleType] = {
    "chapters": quality_chapters,
    "enrich": quality_enrich,
    "keyphrases": quality_keyphrases,
    "languages": quality_languages,
    "search": quality_search,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("folder", type=Path, help="the folder with books/, outlines/, ir/, keyphrases/ and passages/")
    parser.add_argument("--part", choices=sorted(PARTS), action="append", help="measure this part only")


def run(arguments: argparse.Namespace) -> Report:
    """Measure the parts asked for, or all."""
    figures = [figure for name in arguments.part or PARTS for figure in PARTS[name].measure(arguments.folder)]
    return Report(
        header=("what", "measured", "aim"),
        rows=tuple((figure.name, figure.shown(figure.value), _aim(figure)) for figure in figures),
        notes=(),
        figures={"figures": {figure.name: figure.value for figure in figures}},
    )


def _aim(figure: Figure) -> str:
    return "" if figure.aim is None else f"≥ {figure.shown(figure.aim)}"
