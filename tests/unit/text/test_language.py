"""Languages are told by script and stop words; tags and names are reduced to codes."""

import pytest

from librarian_cli.text import language

SENTENCES = {
    "en": "The quick brown fox jumps over the lazy dog and runs away from the angry farmer.",
    "de": "Der schnelle braune Fuchs springt über den faulen Hund und läuft vor dem Bauern davon.",
    "fr": "Le renard brun saute par-dessus le chien paresseux et s'enfuit devant le fermier.",
    "es": "El rápido zorro marrón salta sobre el perro perezoso y huye del granjero.",
    "it": "La volpe marrone salta sopra il cane pigro e scappa dal contadino che non è contento.",
    "pt": "A raposa marrom salta sobre o cão preguiçoso e foge do fazendeiro que não está contente.",
    "nl": "De snelle bruine vos springt over de luie hond en rent weg van de boze boer die het niet wil.",
    "pl": "Szybki brązowy lis przeskakuje nad leniwym psem i ucieka przed rolnikiem, który się złości.",
    "sv": "Den snabba bruna räven hoppar över den lata hunden och springer från bonden som är arg.",
    "da": "Den hurtige brune ræv hopper over den dovne hund, men han ved ikke, hvad der er sket, og hun blev væk.",
    "no": "Den raske reven hopper over den late hunden og løper bort fra bonden som ikke er glad nå.",
    "fi": "Kettu hyppää laiskan koiran yli ja juoksee pois, koska se on peloissaan mutta ei ole vihainen.",
    "cs": "Rychlá liška skáče přes líného psa a utíká před sedlákem, který se zlobí, protože je to tak.",
    "la": "Quam ob rem cum haec ita sint, non est quod quisquam de his rebus etiam nunc sibi ipse persuadeat.",
    "hu": "A gyors barna róka átugrik a lusta kutya felett, és elszalad a gazda elől, aki már nem volt ott.",
    "ro": "Vulpea maro sare peste câinele leneș și fuge de fermierul care nu este mulțumit.",
    "tr": "Hızlı kahverengi tilki tembel köpeğin üzerinden atlar ve çok kızgın olan bir çiftçiden kaçar.",
    "ru": "Быстрая лиса прыгает через ленивую собаку и убегает от крестьянина, который очень зол.",
    "uk": "Швидка лисиця стрибає через ледачого пса і тікає від селянина, який дуже злий та не хоче.",
    "el": "Η γρήγορη αλεπού πηδά πάνω από το τεμπέλικο σκυλί",
    "ar": "الثعلب البني السريع يقفز فوق الكلب",
    "he": "השועל החום המהיר קופץ מעל הכלב",
    "fa": "روباه قهوه‌ای چابک از روی سگ تنبل می‌پرد و گریخت",
    "zh": "敏捷的棕色狐狸跳过了懒狗。",
    "ja": "素早い茶色の狐がのろまな犬を飛び越える。",
    "ko": "빠른 갈색 여우가 게으른 개를 뛰어넘는다.",
}


@pytest.mark.parametrize("code", SENTENCES)
def test_one_sentence_tells_its_language(code: str) -> None:
    assert language.detect_language(SENTENCES[code])[0] == code


@pytest.mark.parametrize("code", ["en", "de", "fr", "ru", "zh"])
def test_more_text_makes_surer(code: str) -> None:
    assert language.detect_language(SENTENCES[code])[1] < language.detect_language(SENTENCES[code] * 50)[1]


def test_notices_at_both_ends_do_not_hide_the_language_of_the_book() -> None:
    notice = SENTENCES["en"] * 100
    assert language.detect_language(notice + SENTENCES["fr"] * 1_500 + notice)[0] == "fr"


def test_code_in_latin_letters_does_not_hide_another_script() -> None:
    text = (SENTENCES["ru"] + "\n$ make install prefix=/usr/local/share/package DESTDIR=/tmp/build\n") * 40
    assert language.detect_language(text)[0] == "ru"


@pytest.mark.parametrize("text", ["", "12345 --- 67890", "xqz vvk brrt plok mnsk wrtz"])
def test_what_is_no_language_has_no_code_and_no_confidence(text: str) -> None:
    assert language.detect_language(text) == ("", 0.0)


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en-US", "en"), ("en_GB.UTF-8", "en"), ("ENG", "en"), ("English", "en"), ("English (US)", "en"),
        ("ger", "de"), ("Deutsch", "de"), ("zh-Hant", "zh"), ("pt-BR", "pt"), ("nb", "no"), ("mt", "mt"),
        ("", ""), ("und", ""), ("mul", ""), ("x", ""), ("none of these", ""),
    ],
)  # fmt: skip
def test_tags_and_names_become_codes(tag: str, code: str) -> None:
    assert language.normalise_tag(tag) == code


def test_stop_words_are_lower_case_single_words() -> None:
    for words in language.STOP_WORDS.values():
        assert all(word == word.lower() and word.isalpha() for word in words)
