"""What kind of thing a name is, from what stands around it. A guess needs evidence; without it stands UNKNOWN."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from librarian_cli.text.enriching.wordset import word_set

HONORIFICS = word_set(
    "mr mrs miss ms dr sir lady lord captain capt colonel col major general gen professor prof madame mme "
    "monsieur mademoiselle mlle count countess baron baroness prince princess king queen uncle aunt father "
    "mother sister brother saint st rev reverend judge president herr frau fräulein don doña duke duchess earl "
    "dame nurse master inspector sergeant lieutenant bishop cardinal pope emperor empress signor signora"
)
SAYING = word_set(
    "said says say cried replied asked answered exclaimed returned continued added whispered thought observed "
    "remarked murmured shouted muttered declared inquired enquired explained repeated agreed laughed sagte "
    "fragte rief erwiderte antwortete dit répondit demanda dijo disse"
)
PERSONAL_VERBS = word_set(
    "was had did would could looked smiled nodded felt knew saw went came turned rose stood sat took gave began "
    "seemed spoke walked laughed shook who whose wrote argued believed"
)
PLACE_BEFORE = word_set(
    "in at to from near into towards toward through leave left reach reached across outside around via nach aus "
    "bei à en dans vers"
)
_PLACE_WORDS = word_set(
    "street road square park house hall castle river lake mount mountain island islands bay abbey lane hotel sea "
    "ocean city county town village valley bridge gate hill court place station coast gulf cape desert forest "
    "kingdom avenue palace north south east west states"
)
_PLACE_FIRST = word_set("mount lake fort cape port new san santa river isle gulf")
_PLACE_ENDINGS = re.compile(r"(?:shire|ton|ham|ford|bury|borough|ville|burgh?|land|stead|mouth|worth|wick|stan|ia)$")
_ORG_WORDS = word_set(
    "company university institute society press club bank committee department inc ltd llc corp corporation "
    "association foundation church council parliament ministry army navy college school union party agency board "
    "bureau commission congress court league office organization organisation group team laboratory laboratories "
    "academy court senate government"
)
_ORGS = word_set("congress parliament senate")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was counted at all places of one name."""

    name: str
    count: int
    trusted: int
    """Where nothing but the name itself explains its capital."""
    says: int
    acts: int
    in_place: int
    titled: int
    """Between quotation marks or in italics."""
    after_the: int

    @property
    def has_title(self) -> bool:
        """Whether it begins with Mr, Lady and the like."""
        words = self.name.split()
        return len(words) > 1 and words[0].rstrip(".").lower() in HONORIFICS


def classify(names: Sequence[Evidence]) -> list[str]:
    """Say the type of each name. Those that share a word with persons, and say nothing else, are persons too."""
    found = [_by_itself(item) for item in names]
    people = {
        word
        for item, kind in zip(names, found, strict=True)
        if kind == "PERSON"
        for word in item.name.split()
        if word.rstrip(".").lower() not in HONORIFICS and len(word) > 2
    }
    return [
        "PERSON" if kind in ("UNKNOWN", "PLACE") and _shares(item, people, kind) else kind
        for item, kind in zip(names, found, strict=True)
    ]


def _by_itself(item: Evidence) -> str:
    words = [word.strip(".").lower() for word in item.name.split()]
    if words[-1] in _ORG_WORDS and (len(words) > 1 or words[0] in _ORGS):
        return "ORG"
    if len(words) > 1 and not item.says and (words[-1] in _PLACE_WORDS or words[0] in _PLACE_FIRST):
        return "PLACE"
    if item.has_title and words[0] != "st":
        return "PERSON"
    if item.titled >= 0.5 * item.count and len(words) > 1:
        return "WORK"
    coded = item.name.isupper() or any(map(str.isdigit, item.name))
    if item.in_place >= max(2, 0.3 * item.count) and item.in_place > 3 * item.says and not coded:
        return "PLACE"
    if item.says >= max(2, 0.03 * item.count):
        return "PERSON"
    if coded:
        return "ORG" if item.name.isalpha() and item.after_the >= max(2, 0.2 * item.count) else "UNKNOWN"
    if item.in_place >= max(1, 0.15 * item.count) and _ends_as_place(words):
        return "PLACE"
    # An initial between two names is a person's; "the" before a name hardly ever is.
    if any(len(word) == 1 for word in words[:-1]) and item.after_the == 0 and len(words) > 1:
        return "PERSON"
    if item.acts >= max(3, 0.12 * item.count) and item.after_the <= 0.1 * item.count:
        return "PERSON"
    return "UNKNOWN"


def _ends_as_place(words: Sequence[str]) -> bool:
    return words[-1] in _PLACE_WORDS or bool(_PLACE_ENDINGS.search(words[-1]))


def _shares(item: Evidence, people: set[str], kind: str) -> bool:
    """Whether a name is one of persons known: it holds a word of theirs; a place's must end with one."""
    words = item.name.split()
    if len(words) > 1 and words[-1] in people and words[-1].lower() not in _PLACE_WORDS:
        return True
    if kind == "PLACE":
        return False
    family = len(words) == 1 and words[0].endswith("s") and words[0][:-1] in people
    return family or (item.in_place < 0.15 * item.count and any(word in people for word in words))
