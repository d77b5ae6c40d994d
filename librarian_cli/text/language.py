"""The language of a text, by its script and its commonest words; and language tags.

Owns the stop-word tables (the commonest function words of each language), which search, audit and terms share.
It must not know where a text or a tag comes from.
"""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping

_SAMPLE_CHARS = 20_000
_SLICES = 5
_FULL_SHARE = 0.25
_ENOUGH_WORDS = 40
_MIN_SHARE = 0.05
SURE = 0.5
"""A text that is as sure of its language overrules what is said of it."""
_WORD = re.compile(r"[^\W\d_]+")
_ASCII = re.compile(r"[\x00-\x7f]+")

STOP_WORDS: Mapping[str, frozenset[str]] = {
    code: frozenset(words.split())
    for code, words in {
        "en": "a about above after again against all also although am among an and another any are as at be because "
        "been before being below between both but by can cannot could did do does doing done down during each either "
        "else ever every few for from further had has have having he her here hers herself him himself his how "
        "however i if in into is it its itself just least less let like may me might more most much must my myself "
        "neither no nor not now of off on once one only or other our ours ourselves out over own per rather same she "
        "should since so some such than that the their theirs them themselves then there therefore these they this "
        "those though through thus to too under until up upon us very was we were what when where whether which "
        "while who whom whose why will with within without would yet you your yours yourself yourselves",
        "de": "aber alle allem allen aller alles als also am an andere anderen auch auf aus bei beim bin bis bist da "
        "damit dann das dass daß dein dem den denn der des dessen dich die dies diese diesem diesen dieser dieses "
        "dir doch dort du durch ein eine einem einen einer eines er es etwas euch euer für gegen gewesen hab habe "
        "haben hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer im in indem ins ist "
        "jede jeden jeder jenen jetzt kann kein keine können könnte machen man mehr mein meine mich mir mit muss "
        "nach nicht nichts noch nun nur ob oder ohne sehr sein seine seinem seinen seiner seit selbst sich sie sind "
        "so solche sollte sondern sonst über um und uns unser unter viel vom von vor war waren was weg weil weiter "
        "welche wenn wer werden wie wieder will wir wird wo wohl wollen worden wurde wurden zu zum zur zwar zwischen",
        "fr": "ai aient ainsi alors après au aucun aussi autre autres aux avaient avais avait avant avec avez avoir "
        "avons bien car ce ceci cela celle celui ces cet cette ceux chez comme dans de des deux dont du elle elles en "
        "encore entre es est et étaient étais était étant été être eu eux faire fait font fut il ils je jusque la là "
        "le les leur leurs lui ma mais me même mes moi moins mon ne ni non nos notre nous on ont ou où par parce pas "
        "pendant peu peut plus pour pourquoi qu quand que quel quelle qui quoi sa sans se sera ses seul si soit son "
        "sont sous sur ta tandis te tes toi ton tous tout toute toutes très tu un une vers vos votre vous y",
        "es": "a al algo algunos ante antes aquel aquella así aun aunque bien cada como con contra cual cuando de "
        "del desde después donde dos durante e el él ella ellas ellos en entre era eran es esa ese eso esta está "
        "estaba estado están estar este esto estos fue fueron ha había habían hace hacer hasta hay he la las le les "
        "lo los más me mi mientras mis mismo mucho muy nada ni no nos nosotros nuestra nuestro o os otra otro otros "
        "para pero poco por porque pues que qué quien quién se sea según ser si sí sido siempre sin sino sobre son "
        "su sus también tan tanto te tenía tiene todo todos tu tú tus un una uno unos usted y ya yo",
        "it": "a ad agli ai al alla alle allo anche ancora avere aveva avevano bene c che chi ci ciò come con contro "
        "così cui da dal dalla dalle dei del dell della delle dello di dopo dove due e è ed egli era erano essere "
        "fra fu gli ha hanno ho i il in io l la le lei li lo loro lui ma me mentre mi mia mio molto ne né nei nel "
        "nell nella nelle noi non nostra nostro o ogni per perché però più poi può prima qual quale quando quanto "
        "quella quelle quello questa queste questi questo qui se sei sempre senza si sia siamo sono stata stato su "
        "sua sue sugli sul sulla suo suoi tra tu tutta tutti tutto un una uno vi voi",
        "pt": "a ainda além algum alguma antes ao aos aquela aquele aqui as às assim até bem cada com como contra da "
        "das de dela dele depois desde do dois dos e é ela elas ele eles em então entre era eram essa esse esta está "
        "estava este eu foi foram há isso isto já lhe lhes mais mas me mesma mesmo meu meus minha muito na nada não "
        "nas nem no nos nós nossa nosso num numa o onde os ou outra outro para pela pelas pelo pelos por porque "
        "quando que quem se seja sem sempre ser seu seus si só sobre sua suas também tanto te tem têm tempo tinha "
        "tinham toda todo todos tu tudo um uma umas uns vai você vós",
        "nl": "aan al alles als altijd andere ben bij daar dan dat de der deze die dit doch doen door dus een eens en "
        "er ge geen geweest haar had hadden heb hebben heeft hem het hier hij hoe hun iemand iets ik in is ja je kan "
        "kon kunnen maar me meer men met mij mijn moet na naar niet niets nog nu of om omdat onder ons ook op over "
        "reeds te tegen toch toen tot u uit uw van veel voor want waren was wat we wel werd wezen wie wij wil worden "
        "wordt zal ze zei zelf zich zij zijn zo zonder zou",
        "pl": "a aby ale albo ani bardzo bez bo by być był była było były będzie ci cię co czy dla do gdy gdzie go i "
        "ich ile im innych ja jak jako jego jej jest jeszcze jeśli już każdy kiedy kto która które którego której "
        "który których którzy lub ma mi mnie może można my na nad nas nic nie nim niż o od on ona oni oraz po pod "
        "przed przez przy sam się są sobie swoje ta tak także tam te tego tej ten to tu tu tych tylko tym u w we "
        "więc wszystko z za ze że",
        "sv": "alla allt än är att av blev bli blir de dem den denna deras dess dessa det detta dig din där då efter "
        "ej eller en er ett från för ha hade han hans har hela henne hennes hon honom hos hur här i icke igen in "
        "ingen inte jag ju kan kunde man med mellan men mer mig min mot mycket ned ni nu när någon något några och "
        "om oss på sedan sig sin sina skall skulle som så till under upp ut utan vad var vara varit vi vid vilken "
        "vår åt över",
        "da": "ad af alle alt anden at bare begge blev blive bliver da de dem den denne der deres det dette dig din "
        "disse dog du efter ej eller en end er et for fra få ham han hans har havde have hende hendes her hos hun "
        "hvad hvis hvor hvordan i igen ikke ind jeg jo kan kom kunne man mange med meget mellem men mig min mod må "
        "ned nej noget nogle nok nu når og også om op os over på sig sin skal skulle som så således til ud under var "
        "ved vi vil ville vor være været",
        "no": "alle alt andre at av ble bli blir bort bra bruke både da de deg dei dem den denne der dere deres det "
        "dette din disse du eg eller en enn er et etter for fordi fra få før ha hadde han hans har henne hennes her "
        "hun hva hvis hvor hvordan i igjen ikke ingen inn ja jeg kan kom kunne man mange med meg mellom men mer min "
        "mot mye må når nei ned noe noen nok nå og også om opp oss over på seg selv sin skal skulle som så til ut "
        "uten var ved vi vil ville vår være vært",
        "fi": "ei eivät että ehkä en enemmän ennen hän häntä hänelle hänen he heidän hyvin ja jo jos joka jonka jota "
        "jotka joten kaikki kanssa kuin kuinka kuka kun kuten me mikä minä minun minua minulle missä mitä mukaan "
        "mutta myös näin ne niin niitä niiden nyt oli olen olet olisi olivat olla olleet ollut on ovat paljon pois "
        "se sekä sen siellä siinä siitä sille sinä sitä sitten tai tämä tämän tässä tätä te tuo vaan vai vain vielä "
        "voi yli",
        "cs": "a aby ale ani až bez bude by byl byla byli bylo být co či do ho i já jak jako je jeho její jejich jen "
        "ještě ji již jsem jsme jsou jste k kde kdo kdy když ke která které který má mezi mi mne mu může na nad nám "
        "nebo nebyl než nic o od on ona oni pak po pod podle pro proto protože před při s se si svou ta tak také tam "
        "ten to toho tu tuto ty u už v ve však všechny z za ze že",
        "hu": "a abban ahogy aki akkor alatt általa amely ami az azok azért azonban be csak de e egy egyik el ez ezek "
        "ezt fel ha hanem hiszen hogy hogyan igen is ismét itt kell ki le lehet lenne lett maga már meg mert mi "
        "minden mint most nagy ne néha nem ő ők ön össze pedig s sem sok szerint talán te tehát úgy után vagy vagyok "
        "valami van vissza volt voltak volna",
        "ro": "a acea aceasta această acest aceste acestor ai al ale am ar are as atunci au avea că când care cât ce "
        "cea cei cel cele ci cu cum da dacă dar de deci decât din după e ea ei el ele era erau este eu fi fie fost "
        "fără iar ii îi îl în într își la le lor lui mai mi nici nu o ori pe pentru prin sa să sau se si și sunt "
        "tot toate un una unde unei unui va voi",
        "tr": "acaba ama ancak artık aslında az bana bazı belki ben beni benim bile bir biri biz bizim bu buna bunu "
        "bunun çok çünkü da daha de değil diye dolayı en fakat gibi göre ha hem hep her hiç için ile ise iken kadar "
        "ki kim mı mi mu nasıl ne neden nerede niçin o olan olarak oldu olduğu olur ona onu onun sonra şey şu tüm "
        "var ve veya ya yani yok",
        "la": "a ab ac ad ante apud at atque aut autem cum de dum e ea eam ego ei eius enim eo erat ergo est esse et "
        "etiam eum ex fuit haec hic his hoc huius iam id ille illud in inter ipse is ita me mihi nam ne nec neque "
        "nihil nisi nobis non nos nunc ob omnes omnia per post pro quae quam qui quia quibus quid quidem quo quod "
        "quoque rebus se sed si sibi sic sine sub sunt super suo tam tamen te tibi tu tum ubi ut vel vero",
        "ru": "а без более бы был была были было быть в вам вас весь во вот все всего всех вы где да даже для до его "
        "ее её если есть еще ещё же за здесь и из или им их к как ко когда кто ли лишь мне может мой мы на над надо "
        "нас не него нее ней нет ни них но ну о об один он она они оно от очень по под после при про раз с сам свой "
        "себя со так такой там то тогда того тоже только том ты у уже хотя чем что чтобы эта эти это этого этой этот я",
        "uk": "а або але без би був була були було бути в вам вас ви від він вона вони все всі де для до є же за з зі "
        "і із її їх й його к коли кожен лише мене ми мій на над нам нас не нема немає ні о один от по про та так "
        "також там те ти тим то того тому тут у хто це цей через чи чого ще що щоб як яка який які якщо я",
        "el": "αλλά αν αντί από αυτά αυτή αυτό αυτός αυτών για γιατί δε δεν εγώ εδώ είναι εκεί ένα ένας εσύ ή ήταν θα "
        "και κατά κι μα με μέσα μετά μη μην μια μου να ο οι όμως όπως όταν ότι ου που προς πως σαν σε στα στη στην "
        "στις στο στον στους τα τη την της τι τις το τον του τους των ως",
    }.items()
}  # fmt: skip
"""The commonest function words of each language by ISO 639-1 code, in lower case."""

_ENGLISH_TOO = (
    "ad alt ale ante bare bin care car come con dan den die dies dig din dog door dove due end era fie from ham hat "
    "hay hem hen inn jest man mate men met mine net non nun pendant plus post pour pro reeds sans sea see sin son sub "
    "sue tan ten till ton vain van via war want"
)
ENGLISH_TOO = frozenset(_ENGLISH_TOO.split())
"""Stop words of other languages that mean something in English (found by counting them in English novels)."""

_LANGUAGES = {
    word: tuple(code for code, words in STOP_WORDS.items() if word in words)
    for word in frozenset().union(*STOP_WORDS.values())
}
"""The languages in which a word is a stop word."""
_BY_WORDS = {
    "latin": tuple(code for code in STOP_WORDS if code not in ("ru", "uk", "el")),
    "cyrillic": ("ru", "uk"),
}
_BY_SCRIPT = {"greek": "el", "hebrew": "he", "arabic": "ar", "devanagari": "hi", "thai": "th", "georgian": "ka"}
_BY_SCRIPT |= {"armenian": "hy", "hangul": "ko", "kana": "ja", "han": "zh"}
_SCRIPT_STARTS = (
    (0x41, "latin"), (0x250, ""), (0x370, "greek"), (0x400, "cyrillic"), (0x530, "armenian"), (0x590, "hebrew"),
    (0x600, "arabic"), (0x700, ""), (0x900, "devanagari"), (0x980, ""), (0xE00, "thai"), (0xE80, ""),
    (0x10A0, "georgian"), (0x1100, "hangul"), (0x1200, ""), (0x1E00, "latin"), (0x1F00, "greek"), (0x2000, ""),
    (0x3041, "kana"), (0x3100, ""), (0x3400, "han"), (0xA000, ""), (0xAC00, "hangul"), (0xD7B0, ""),
    (0xF900, "han"), (0xFB00, ""), (0xFB50, "arabic"), (0xFE00, ""), (0xFE70, "arabic"), (0xFF00, ""),
    (0x20000, "han"), (0x32000, ""),
)  # fmt: skip
_STARTS = tuple(start for start, _ in _SCRIPT_STARTS)
_DENSE = {"han": 3, "kana": 3, "hangul": 2}
"""One such character says as much as this many letters."""
_MIN_KANA_SHARE = 0.05
_MIN_OTHER_SCRIPT = 0.25
_PERSIAN = frozenset("پچژگ")

_NAMES = {
    "en": "eng english", "de": "deu ger german deutsch", "fr": "fra fre french français francais",
    "es": "spa spanish español espanol castellano", "it": "ita italian italiano",
    "pt": "por portuguese português portugues", "nl": "nld dut dutch nederlands", "pl": "pol polish polski",
    "sv": "swe swedish svenska", "da": "dan danish dansk", "no": "nor norwegian norsk nb nob nn nno bokmål",
    "fi": "fin finnish suomi", "cs": "ces cze czech čeština", "hu": "hun hungarian magyar",
    "ro": "ron rum romanian română", "tr": "tur turkish türkçe", "la": "lat latin latina",
    "ru": "rus russian русский", "uk": "ukr ukrainian українська", "el": "ell gre greek ελληνικά grc",
    "ar": "ara arabic العربية", "he": "heb hebrew iw עברית", "zh": "zho chi chinese cmn 中文",
    "ja": "jpn japanese 日本語", "ko": "kor korean 한국어", "fa": "fas per persian farsi", "hi": "hin hindi",
    "th": "tha thai", "ka": "kat geo georgian", "hy": "hye arm armenian", "bg": "bul bulgarian", "hr": "hrv croatian",
    "sr": "srp serbian", "sk": "slk slo slovak", "sl": "slv slovenian", "ca": "cat catalan català",
    "eo": "epo esperanto", "ga": "gle irish", "is": "isl ice icelandic", "lt": "lit lithuanian", "lv": "lav latvian",
    "et": "est estonian", "vi": "vie vietnamese", "id": "ind indonesian", "sa": "san sanskrit", "cy": "cym wel welsh",
}  # fmt: skip
_CODE_OF = {name: code for code, names in _NAMES.items() for name in (code, *names.split())}
_NO_LANGUAGE = frozenset({"un", "xx", "zz"})


def detect_language(text: str) -> tuple[str, float]:
    """Guess the language of a text from a sample spread over it.

    Returns: the ISO 639-1 code and a confidence from 0 to 1; ("", 0.0) when nothing speaks for any language.
    """
    words = _WORD.findall(_sample(text).lower())
    letters = "".join(words)
    weights = _script_weights(letters)
    total = sum(weights.values())
    if not total:
        return "", 0.0
    script, share = _leading_script(weights, total)
    if script in _BY_WORDS:
        return _by_words(Counter(words), _BY_WORDS[script])
    persian = script == "arabic" and sum(map(letters.count, _PERSIAN)) > 0.01 * weights["arabic"]
    return "fa" if persian else _BY_SCRIPT[script], round(share * total / (total + 20), 3)


def settle_language(text: str, named: str) -> str:
    """The language of a text of which something else (metadata, a first look) says `named`, a code or ""."""
    detected, sureness = detect_language(text)
    return detected if detected and (sureness >= SURE or not named) else named


def normalise_tag(tag: str) -> str:
    """Reduce a language tag or name (`en-US`, `eng`, `English`) to its ISO 639-1 code, or "" when it is none."""
    primary = re.split(r"[-_.;,\s(]", tag.strip().lower(), maxsplit=1)[0]
    if primary in _CODE_OF:
        return _CODE_OF[primary]
    plain = len(primary) == 2 and primary.isascii() and primary.isalpha()
    return primary if plain and primary not in _NO_LANGUAGE else ""


def _sample(text: str) -> str:
    """Slices of a long text at a tenth, three tenths, ...: its very ends often are notices in another language."""
    if len(text) <= _SAMPLE_CHARS:
        return text
    width = _SAMPLE_CHARS // _SLICES
    centres = (len(text) * (2 * i + 1) // (2 * _SLICES) for i in range(_SLICES))
    return "\n".join(text[centre - width // 2 : centre + width // 2] for centre in centres)


def _script_weights(letters: str) -> Counter[str]:
    others = _ASCII.sub("", letters)
    weights = Counter(latin=len(letters) - len(others))
    for char, count in Counter(others).items():
        if char.isalpha():
            script = _SCRIPT_STARTS[bisect_right(_STARTS, ord(char)) - 1][1]
            if script:
                weights[script] += count * _DENSE.get(script, 1)
    return weights


def _leading_script(weights: Counter[str], total: int) -> tuple[str, float]:
    """The script that a text is written in, and its share of the letters.

    Code, names and formulas put Latin letters into every language, so Latin leads only when all others are few.
    """
    japanese = weights["kana"] > _MIN_KANA_SHARE * (weights["han"] + weights["kana"])
    joined = +Counter({"kana" if japanese else "han": weights.pop("han", 0) + weights.pop("kana", 0)}) + weights
    script = max(joined, key=lambda s: (s != "latin" and joined[s] >= _MIN_OTHER_SCRIPT * total, joined[s]))
    return script, joined[script] / total


def _by_words(words: Counter[str], codes: tuple[str, ...]) -> tuple[str, float]:
    """Compare the stop words of each language among the words; a word that many languages share counts less."""
    total = words.total()
    scores = dict.fromkeys(codes, 0.0)
    for word in words.keys() & _LANGUAGES.keys():
        spoken = _LANGUAGES[word]
        for code in spoken:
            if code in scores:
                scores[code] += words[word] / len(spoken) ** 0.5
    code, second = sorted(codes, key=scores.__getitem__, reverse=True)[:2]
    share = sum(words[word] for word in STOP_WORDS[code] & words.keys()) / total
    if share < _MIN_SHARE:
        return "", 0.0
    margin = 1 - scores[second] / scores[code]
    sure = min(1.0, share / _FULL_SHARE) * min(1.0, 2.5 * margin) * total / (total + _ENOUGH_WORDS)
    return code, round(sure, 3)
