"""Each sign of damage is seen by name and costs points; a clean text keeps them all."""

import random

import pytest

from librarian_cli.text import signals

SENTENCE = "On the {n}th of the month the tide was seen to rise, and it was written in the book of the port. "
CLEAN = "".join(SENTENCE.format(n=number) for number in range(100))
PAGES = [f"Page {number}. " + SENTENCE.format(n=number) * 4 for number in range(40)]


def costly(text: str, *, tongue: str = "en", pages: tuple[str, ...] = ()) -> set[str]:
    return {signal.name for signal in signals.measure(text, tongue, pages) if signal.severity > 0}


def noisy(share: float) -> str:
    chooser = random.Random(7)
    return "".join("\ufffd" if chooser.random() < share else char for char in CLEAN)


def test_a_clean_text_with_clean_pages_costs_nothing() -> None:
    found = signals.measure(CLEAN, "en", PAGES)
    assert signals.trust(found) == 1.0
    assert signals.explain(found) == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (noisy(0.05), "odd_characters"),  # what could not be decoded
        (CLEAN.replace("tide", "ti\ue0a1e"), "odd_characters"),  # a private glyph map
        (CLEAN.replace("the", "thÃ©"), "odd_characters"),  # UTF-8 read as Latin-1
        (CLEAN.replace("tide", "(cid:31)"), "odd_characters"),  # glyphs without a map
        (" ".join(CLEAN), "spaced_letters"),
        (CLEAN.replace(" ", ""), "long_words"),
        (CLEAN.translate(str.maketrans("eoin", "cqlu")), "few_stop_words"),  # recognised wrongly
    ],
)
def test_damage_to_the_text_is_seen_by_name(text: str, name: str) -> None:
    assert name in costly(text)


@pytest.mark.parametrize(
    ("pages", "name"),
    [
        (PAGES[:20] + [""] * 20, "blank_pages"),
        (PAGES[:20] + ["12"] * 20, "thin_pages"),
        (PAGES[:20] + PAGES[:20], "duplicate_pages"),
    ],
)
def test_damage_to_the_pages_is_seen_by_name(pages: list[str], name: str) -> None:
    assert name in costly("".join(pages), pages=tuple(pages))


@pytest.mark.parametrize(
    ("text", "tongue"),
    [
        ("", "en"),
        ("x", ""),
        ("naïve façade — “quoted” … Ångström " * 100, ""),  # typography is not damage
        ("中文文本没有空格。" * 200, "zh"),
        ("空白のない文章では単語がどこで終わるのかを文字から数えることはできません。" * 300, "ja"),
        ("ตำราเล่มนี้กล่าวถึงน้ำขึ้นน้ำลงตามชายฝั่งทะเลและท่าเรือ " * 300, "th"),
        ("3.14159 2.71828 1.41421\n" * 200, ""),  # hardly a word in it
        ("let $a=$b+$c; if [ $a -eq $d ] then echo $x, f(x, y) = x y + z\n" * 100, ""),
        (
            "Это пособие написано для тех, кто собирает пакеты. Install the package with a helper of the build. " * 60,
            "ru",
        ),
        (CLEAN + "日 月 火 水 木 金 土\n" * 100, "en"),
        ("A a B b C c " * 10, "en"),  # too few words to judge by
    ],
)
def test_unusual_but_sound_text_is_not_called_damaged(text: str, tongue: str) -> None:
    assert costly(text, tongue=tongue) == set()


def test_an_unknown_language_is_not_judged_by_its_common_words() -> None:
    garbled = CLEAN.translate(str.maketrans("eoin", "cqlu"))
    assert "few_stop_words" not in costly(garbled, tongue="")


def test_two_pages_are_too_few_to_judge_by() -> None:
    assert costly(CLEAN, pages=("", "")) == set()


def test_short_pages_that_are_equal_are_no_duplicates() -> None:
    assert "duplicate_pages" not in costly(CLEAN, pages=(*PAGES, "Notes\n", "Notes\n", "Notes\n"))


def test_more_damage_costs_more_and_never_everything() -> None:
    scores = [signals.trust(signals.measure(noisy(share), "en", ())) for share in (0.0, 0.005, 0.01, 0.02, 0.1, 0.5)]
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 1.0
    assert scores[2] < 1.0
    assert scores[-1] > 0.0


@pytest.mark.parametrize(
    ("value", "severity"), [(0.0, 0.0), (0.002, 0.0), (0.012, 0.5), (0.022, 1.0), (0.042, 2.0), (1.0, 2.0)]
)
def test_severity_grows_from_what_is_usual_up_to_a_bound(value: float, severity: float) -> None:
    assert signals.signal("odd_characters", value).severity == pytest.approx(severity)


def test_reasons_name_points_dearest_first() -> None:
    found = (
        signals.signal("long_words", 0.03),
        signals.signal("odd_characters", 0.03),
        signals.signal("thin_pages", 0.0),
    )
    reasons = signals.explain(found)
    assert len(reasons) == 2
    assert "3.0% of the characters" in reasons[0]
    assert "3.0% of the words" in reasons[1]
    points = [int(reason.split()[0]) for reason in reasons]
    assert points == sorted(points)
    assert all(-100 < number < 0 for number in points)


def test_damage_at_any_place_of_a_long_text_is_seen() -> None:
    clean = CLEAN * 20
    for place in (0, len(clean) // 2, len(clean)):
        damaged = clean[:place] + " ".join(CLEAN * 3) + clean[place:]
        assert "spaced_letters" in costly(damaged), place
