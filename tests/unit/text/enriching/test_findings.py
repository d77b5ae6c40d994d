"""Keyphrases, summaries, entities and relations of small texts, and of awkward ones."""

import pytest

from librarian_cli.models import Chapter
from librarian_cli.text.enriching import sentences, spans
from librarian_cli.text.enriching import tokens as reading
from librarian_cli.text.enriching.enrichment import enrich
from librarian_cli.text.enriching.findings import Entity, Findings, Keyphrase, Span, key_of

TIDES = (
    "The rule of twelfths estimates the height of the tide at any hour between low and high water. "
    "In the first hour the tide rises one twelfth of its range, in the second hour two twelfths of it. "
    "Captain Mary Hale taught the rule of twelfths to every pilot in Port Ellen, and Captain Hale was strict. "
    "“I never trust a chart,” said Captain Hale, “and you should not trust one either.” "
    "Spring tides follow the new moon and the full moon, when sun and moon pull along one line. "
    "Neap tides follow the half moon, and a spring tide at Port Ellen is twice as high as a neap tide. "
)
WEATHER = (
    "A barometer that falls quickly tells of a storm, and a barometer that rises slowly tells of fair weather. "
    "Old sailors in Leith tapped the barometer each morning, and Tom Birch wrote its figures into a book. "
    "Tom Birch kept the barometer of the harbour office in Leith for thirty years without a single gap. "
)


def of(found: Findings, name: str) -> Entity:
    return next(item for item in found.entities if item.name == name)


def names(text: str, language: str = "en") -> dict[str, str]:
    return {item.name: item.type for item in enrich(text, (), language).entities}


def cut(text: str, found: tuple[Span, ...]) -> list[str]:
    return [text[start:end] for start, end in found]


def test_keyphrases_are_complete_and_frequent() -> None:
    phrases = [item.text for item in enrich(TIDES * 3, (), "en").keyphrases]
    assert "spring tide" in phrases or "spring tides" in phrases
    assert len(phrases) == len(set(phrases)) <= 20


def test_a_keyphrase_keeps_the_possessive_within_it() -> None:
    found = enrich("The sailor’s line is straight, and the Sailor's line is drawn on Mercator's map.\n" * 4, (), "en")
    assert found.keyphrases[0] == Keyphrase("sailor’s line", 8)


def test_a_chapter_is_told_by_what_others_lack() -> None:
    text = TIDES * 2 + WEATHER * 3
    border = len(TIDES) * 2
    chapters = (Chapter("Tides", 1, 0, border), Chapter("Weather", 1, border, len(text)))
    tides, weather = enrich(text, chapters, "en").chapters
    assert (tides.number, weather.number) == (0, 1)
    assert any("barometer" in item.text for item in weather.keyphrases)
    assert not any("barometer" in item.text for item in tides.keyphrases)
    assert all(border <= start < end <= len(text) for start, end in weather.summary)


def test_a_part_is_summed_up_by_its_chapters() -> None:
    text = TIDES * 2 + WEATHER * 3
    border = len(TIDES) * 2
    part = Chapter("Part One", 1, 0, len(text))
    found = enrich(text, (part, Chapter("A", 2, 0, border), Chapter("B", 2, border, len(text))), "en")
    assert found.chapters[0].number == 0
    assert found.chapters[0].summary


def test_a_summary_holds_whole_sentences_and_no_speech() -> None:
    chosen = cut(TIDES, enrich(TIDES, (), "en").summary)
    assert 1 < len(chosen) <= 5
    assert all(sentence in TIDES and sentence.endswith(".") for sentence in chosen)
    assert not any("“" in sentence for sentence in chosen)


def test_a_summary_does_not_say_things_twice() -> None:
    chosen = cut(TIDES * 5, enrich(TIDES * 5, (), "en").summary)
    assert len(set(chosen)) > 2


def test_names_have_types_where_there_is_evidence() -> None:
    found = names((TIDES + WEATHER) * 2)
    assert found["Captain Hale"] == "PERSON"
    assert found["Port Ellen"] == "PLACE"
    assert found["Leith"] == "PLACE"
    assert "Spring" not in found
    assert "Old" not in found


@pytest.mark.parametrize(
    ("sentence", "name", "type_"),
    [
        ("He joined the Royal Society and left the Royal Society again. ", "Royal Society", "ORG"),
        (
            "She read “Bleak House” and he read “Bleak House” too. ",
            "Bleak House",
            "PLACE",
        ),  # what ends so is mostly one
        ("She liked “Middlemarch Revisited”, and “Middlemarch Revisited” liked her. ", "Middlemarch Revisited", "WORK"),
        ("We saw Mr. Birch, and Mr. Birch saw us. ", "Mr. Birch", "PERSON"),
        ("They met near Oban and slept in Oban. ", "Oban", "PLACE"),
        ("Some call it Zarquon, others hate Zarquon. ", "Zarquon", "UNKNOWN"),
    ],
)
def test_the_type_of_a_name(sentence: str, name: str, type_: str) -> None:
    assert names(sentence * 2)[name] == type_


@pytest.mark.parametrize("word", ["I'm", "Vol", "Esq", "Monday", "Oh", "The", "Chapter", "Mr"])
def test_what_only_looks_like_a_name_is_none(word: str) -> None:
    assert word not in names(f"But then, {word} it was, and so {word} it stayed, as if {word} mattered. " * 4)


def test_a_word_that_is_mostly_small_is_no_name() -> None:
    text = "The garden lay still. Garden walls rose high. A garden is a place, and this garden, the Garden, was his. "
    assert "Garden" not in names(text * 3)


def test_german_nouns_are_no_names() -> None:
    text = (
        "Der Hund lief in den Garten, und die Katze sah das Haus. Ein Hund mag einen Garten, eine Katze das Haus. "
        "Dort sagte Anna, dass der Hund mit Anna in den Garten ging, und die Katze ins Haus. "
    )
    found = names(text * 4, "de")
    assert "Anna" in found
    assert not {"Hund", "Garten", "Katze"} & set(found)


def test_mentions_stand_where_the_name_does() -> None:
    text = (TIDES + WEATHER) * 2
    leith = of(enrich(text, (), "en"), "Leith")
    assert leith.count == 4
    assert cut(text, spans.unpack(leith.mentions)) == ["Leith"] * 4


def test_names_that_share_passages_are_related() -> None:
    alone = "\n\n".join(f"Nothing happened on day number {day} but rain in the far north." for day in range(30))
    shared = "\n\n".join(f"Then Ada met Brown in the mill for the {day}th time." for day in range(4))
    text = f"{alone}\n\n{shared}\n\nOnce more the town of Crail slept. We like Crail."
    found = enrich(text, (), "en")
    (relation,) = found.relations
    assert {found.entities[relation.first].name, found.entities[relation.second].name} == {"Ada", "Brown"}
    assert relation.together == 4
    assert all("Ada met Brown" in passage for passage in cut(text, spans.unpack(relation.passages)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "word",
        "日本語の文章です。これは二つ目の文です。" * 30,
        "中文文本没有空格" * 200,
        "สวัสดีชาวโลก " * 50,
        "x" * 100_000,
        "İß ŉ ǆ \U0001f600 é",
        "A B C D E F " * 100,
        "1 2 3. " * 100,
        "“" * 50 + "a" + "”" * 50,
    ],
)
@pytest.mark.parametrize("language", ["", "ja", "de", "xx"])
def test_awkward_texts_pass(text: str, language: str) -> None:
    found = enrich(text, (Chapter("All", 1, 0, len(text)),), language)
    assert all(0 <= start < end <= len(text) for start, end in found.summary + found.passages)


def test_equal_texts_have_equal_findings() -> None:
    assert enrich(TIDES * 3, (), "en") == enrich(TIDES * 3, (), "en")


@pytest.mark.parametrize("found", [(), ((0, 1),), ((5, 9), (5, 300), (70_000, 70_001))])
def test_packed_spans_come_back(found: tuple[Span, ...]) -> None:
    assert spans.unpack(spans.pack(found)) == found


@pytest.mark.parametrize(
    ("name", "key"), [("Mr. Darcy", "mr darcy"), ("O'Brien", "o brien"), ("ÉMILE  Zola", "émile zola")]
)
def test_names_are_compared_without_case_and_marks(name: str, key: str) -> None:
    assert key_of(name) == key


CHINESE = (
    "港口的潮汐表由港务局编写。领航员学习潮汐表，船长相信潮汐表。大潮在新月之后到来，小潮在半月之后到来。"
    "新的潮汐表说明大潮和小潮的高度，旧的潮汐表没有说明。"
)
JAPANESE = (
    "灯台の記録はランプの油を毎日数えた。灯台はランプを守り、ランプは船を守る。"
    "古い灯台の記録には嵐の夜のランプが書かれている。"
)


@pytest.mark.parametrize(
    ("text", "language", "wanted", "fragments"),
    [
        (CHINESE, "zh", {"潮汐表", "大潮"}, {"潮汐", "汐表", "的潮汐表"}),
        (JAPANESE, "ja", {"灯台", "ランプ"}, {"ンプ", "のランプ", "灯台の"}),
    ],
)
def test_scripts_without_spaces_have_whole_words_for_keyphrases(
    text: str, language: str, wanted: set[str], fragments: set[str]
) -> None:
    found = enrich(text * 4, (), language)
    phrases = {item.text for item in found.keyphrases}
    assert wanted <= phrases
    assert not fragments & phrases
    assert found.summary


@pytest.mark.parametrize(
    ("language", "text", "forms"),
    [
        ("ru", "Старый маяк стоит на скале. У старого маяка живут птицы. К старому маяку идёт лодка. ", "старый маяк"),
        ("de", "Der alte Leuchtturm steht. Am alten Leuchtturm warten wir. Des alten Leuchtturms. ", "alte leuchtturm"),
        ("es", "Las mareas vivas suben. La marea viva sube más. Con mareas vivas hay corriente. ", "mareas vivas"),
        ("fr", "Les marées hautes montent. La marée haute monte. Une marée haute passe. ", "marées hautes"),
        ("pl", "Stara latarnia stoi tam. Przy starej latarni rosną trawy. Widać starą latarnię. ", "stara latarnia"),
    ],
)  # fmt: skip
def test_forms_of_one_phrase_are_counted_together(language: str, text: str, forms: str) -> None:
    found = {item.text: item.count for item in enrich(text * 3, (), language).keyphrases}
    assert found.get(forms, 0) >= 6


def test_a_licence_around_a_text_is_no_part_of_what_it_says() -> None:
    licence = (
        "This eBook is for the use of anyone anywhere under the terms of the Project Gutenberg License. "
        "The Foundation asks you to keep the Project Gutenberg name on every eBook that you copy or share. "
    )
    found = enrich(licence * 8 + "\n\n" + TIDES * 40 + "\n\n" + licence * 8, (), "en")
    assert not {"project gutenberg", "ebook", "foundation"} & {item.text for item in found.keyphrases}
    assert not {"Project Gutenberg", "Foundation"} & {item.name for item in found.entities}
    assert all(len(licence) * 8 < start < end for start, end in (*found.summary, *found.passages))


def test_code_and_lists_stand_in_no_summary() -> None:
    code = "Package: tides\nArchitecture: any\nDepends: moon, sun\nDescription: Tide tables\n Heights and hours.\n\n"
    text = TIDES * 2 + "\n\n" + code * 3
    found = enrich(text, (), "en")
    assert found.summary
    assert not any("Architecture" in said for said in cut(text, found.summary))


def test_items_of_a_list_are_sentences_of_their_own() -> None:
    text = "Take these along:\n  * Charts of the whole coast are needed\n  * Ropes of every length are needed\n"
    tokens = reading.read(text, "en")
    starts = sentences.find_sentences(tokens).starts.tolist()
    assert [text[start:].split()[0] for start in starts] == ["Take", "Charts", "Ropes"]


def test_who_speaks_in_a_play_is_a_person() -> None:
    play = (
        "HALE. I never trust a chart, not even one of Leith.\n\nMARY. Then nobody is trusted in this office.\n\n"
        "HALE. Bring me the barometer, Mary, and the old tables of the tide.\n\nWARNING: the tide is high.\n\n"
    )
    found = names(play * 4)
    assert (found["Hale"], found["Mary"]) == ("PERSON", "PERSON")
    assert "Warning" not in found


def test_a_summary_says_nothing_twice() -> None:
    said = cut(TIDES * 5, enrich(TIDES * 5, (), "en").summary)
    assert said
    assert len(said) == len(set(said))


def test_a_chapters_title_is_no_part_of_its_first_sentence() -> None:
    title = "2. Barometers of Leith"
    text = TIDES * 2 + "\n" + title + "\n" + WEATHER * 3
    border = 2 * len(TIDES) + 1
    chapters = (Chapter("Tides", 1, 0, border), Chapter(title, 1, border, len(text)))
    found = enrich(text, chapters, "en")
    said = cut(text, (*found.summary, *found.chapters[1].summary))
    assert any(sentence.startswith("A barometer") for sentence in said)
    assert not any("Barometers of Leith" in sentence for sentence in said)
