"""Read an EPUB's wrapping: container, package (OPF), encryption, and its tables of contents and pages.

Owns what a spine, a contents entry and a page mark are. Knows nothing of chapter texts.

    container.xml -> OPF -> spine (each file once), metadata, nav (EPUB 3) or NCX (EPUB 2)
"""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote

from lxml import etree

from librarian_cli import errors, models
from librarian_cli.readers import archive as archives
from librarian_cli.text.normalise import clean_field

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
RIGHTS = "META-INF/rights.xml"
_FONT_ALGORITHMS = frozenset(("http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"))
_TYPE = "{http://www.idpf.org/2007/ops}type"


@dataclass(frozen=True, slots=True)
class SpineItem:
    """One document of the reading order; `name` None when it is missing or outside the archive."""

    name: str | None
    has_text: bool


@dataclass(frozen=True, slots=True)
class Target:
    """An entry of a contents or page list: `name` is an archive entry, `anchor` an id within it or empty."""

    title: str
    level: int
    name: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Package:
    """Everything that the chapters' texts hang on."""

    title: str
    author: str
    language: str
    spine: tuple[SpineItem, ...]
    contents: tuple[Target, ...]
    page_list: tuple[Target, ...]
    warnings: tuple[str, ...]


class _Parsing:
    """Strict XML parsing that notes what was wrong instead of hiding it."""

    def __init__(self, archive: archives.Archive, limits: models.ReadLimits) -> None:
        self.archive = archive
        self.limits = limits
        self.warnings: dict[str, None] = {}

    def strict(self, raw: bytes) -> etree._Element:
        root = etree.fromstring(raw, _parser(recover=False))
        dtd = root.getroottree().docinfo.internalDTD
        if dtd is not None and any(True for _ in dtd.iterentities()):
            self.warnings["entities-ignored"] = None
        return root

    def lenient(self, raw: bytes) -> etree._Element | None:
        """Parse what may be damaged; the damage becomes a warning, never silence."""
        try:
            return self.strict(raw)
        except etree.XMLSyntaxError:
            self.warnings["malformed"] = None
        try:
            root: etree._Element | None = etree.fromstring(raw, _parser(recover=True))
        except etree.XMLSyntaxError:
            return None
        return root


def read_package(archive: archives.Archive, limits: models.ReadLimits) -> Package:
    """Return the package of an open EPUB. Raises: errors.ReadError: corrupt, drm, encrypted, limit, unsupported."""
    parsing = _Parsing(archive, limits)
    _reject_drm(parsing)
    opf_name = _opf_name(parsing)
    try:
        root = parsing.lenient(archive.read(opf_name))
    except (archives.MissingEntry, archives.DamagedEntry) as exc:
        raise errors.ReadError("corrupt", f"the package document cannot be read: {exc}") from exc
    if root is None:
        raise errors.ReadError("corrupt", "the package document is not XML")
    folder = posixpath.dirname(opf_name)
    items = {item.get("id"): item for item in root.iterfind(".//{*}manifest/{*}item")}
    spine = tuple(_spine(parsing, root, items, folder))
    contents, page_list = _navigation(parsing, root, items, folder)
    return Package(
        title=_metadata(root, "title"),
        author="; ".join(filter(None, (_text(node) for node in root.iterfind(".//{*}metadata//{*}creator"))))[:1000],
        language=_metadata(root, "language")[:35],
        spine=spine,
        contents=contents,
        page_list=page_list,
        warnings=tuple(parsing.warnings | archive.warnings),
    )


def _parser(*, recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, recover=recover, remove_pis=True
    )


def _reject_drm(parsing: _Parsing) -> None:
    archive = parsing.archive
    if archive.find(RIGHTS):
        raise errors.ReadError("drm", "it holds META-INF/rights.xml")
    if not archive.find(ENCRYPTION):
        return
    try:
        root = parsing.lenient(archive.read(ENCRYPTION))
    except archives.DamagedEntry:
        parsing.warnings["malformed"] = None
        return
    for method in root.iterfind(".//{*}EncryptedData/{*}EncryptionMethod") if root is not None else ():
        if method.get("Algorithm") not in _FONT_ALGORITHMS:
            raise errors.ReadError("drm", "its content is encrypted")


def _opf_name(parsing: _Parsing) -> str:
    archive = parsing.archive
    try:
        root = parsing.strict(archive.read(CONTAINER))
    except archives.MissingEntry:
        found = [name for name in archive.names() if name.lower().endswith(".opf")]
        if not found:
            raise errors.ReadError("corrupt", f"it has neither {CONTAINER} nor a package document") from None
        parsing.warnings["malformed"] = None
        return found[0]
    except (archives.DamagedEntry, etree.XMLSyntaxError) as exc:
        raise errors.ReadError("corrupt", f"{CONTAINER} cannot be read: {clean_field(str(exc), 200)}") from exc
    files = list(root.iterfind(".//{*}rootfile"))
    packages = [node for node in files if "oebps-package" in (node.get("media-type") or "")] or files
    for node in packages:
        name = archives.resolve("", unquote(node.get("full-path") or ""))
        if name and archive.find(name):
            return archive.find(name) or name
    raise errors.ReadError("corrupt", f"{CONTAINER} names no package document in the archive")


def _spine(
    parsing: _Parsing, root: etree._Element, items: dict[str | None, etree._Element], folder: str
) -> Iterator[SpineItem]:
    """Yield each document of the reading order once."""
    seen: set[str] = set()
    for reference in root.iterfind(".//{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        name = _entry(parsing, folder, item.get("href")) if item is not None else None
        wanted = item.get("href") if item is not None else reference.get("idref")
        key = name or f"missing {wanted}"
        if key in seen:
            continue
        seen.add(key)
        if len(seen) > parsing.limits.max_pages:
            raise errors.ReadError("limit", f"more than {parsing.limits.max_pages} documents in the spine")
        media_type = (item.get("media-type") or "") if item is not None else ""
        yield SpineItem(name, has_text=not media_type.startswith(("image/", "audio/", "video/")) or "svg" in media_type)


def _entry(parsing: _Parsing, folder: str, reference: str | None) -> str | None:
    path = unquote((reference or "").split("#")[0])
    name = archives.resolve(folder, path) if path else None
    return parsing.archive.find(name) if name else None


def _navigation(
    parsing: _Parsing, root: etree._Element, items: dict[str | None, etree._Element], folder: str
) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
    """Return contents and page list: from nav when it has them, else from NCX."""
    nav = next((item for item in items.values() if "nav" in (item.get("properties") or "").split()), None)
    spine = root.find(".//{*}spine")
    ncx = items.get(spine.get("toc")) if spine is not None else None
    if ncx is None:
        ncx = next((item for item in items.values() if item.get("media-type") == "application/x-dtbncx+xml"), None)
    contents: tuple[Target, ...] = ()
    page_list: tuple[Target, ...] = ()
    for item, read in ((nav, _read_nav), (ncx, _read_ncx)):
        name = _entry(parsing, folder, item.get("href")) if item is not None else None
        document = _document(parsing, name) if name and not (contents and page_list) else None
        if document is not None and name:
            found, pages = read(parsing, document, posixpath.dirname(name))
            contents, page_list = contents or found, page_list or pages
    return contents, page_list


def _document(parsing: _Parsing, name: str) -> etree._Element | None:
    try:
        return parsing.lenient(parsing.archive.read(name))
    except (archives.MissingEntry, archives.DamagedEntry):
        parsing.warnings["malformed"] = None
        return None


def _read_nav(
    parsing: _Parsing, document: etree._Element, folder: str
) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
    lists: dict[str, tuple[Target, ...]] = {}
    for nav in document.iter("{*}nav"):
        kinds = nav.get(_TYPE) or (nav.get("role") or "").replace("doc-pagelist", "page-list").replace("doc-", "")
        for kind in kinds.split():
            lists.setdefault(kind, tuple(_targets(parsing, _nav_entries(nav), folder)))
    return lists.get("toc", ()), lists.get("page-list", ())


def _nav_entries(nav: etree._Element) -> Iterator[tuple[str, int, str]]:
    """Yield (title, level, reference) in document order; the level is the number of lists around the link."""
    level = 0
    for event, node in etree.iterwalk(nav, events=("start", "end")):
        tag = etree.QName(node).localname if isinstance(node.tag, str) else ""
        if tag == "ol":
            level += 1 if event == "start" else -1
        elif tag == "a" and event == "start":
            yield _text(node), max(level, 1), node.get("href") or ""


def _read_ncx(
    parsing: _Parsing, document: etree._Element, folder: str
) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
    points = tuple(_targets(parsing, _ncx_entries(document, "navPoint"), folder))
    pages = tuple(_targets(parsing, _ncx_entries(document, "pageTarget"), folder))
    return points, pages


def _ncx_entries(document: etree._Element, kind: str) -> Iterator[tuple[str, int, str]]:
    level = 0
    for event, node in etree.iterwalk(document, events=("start", "end"), tag="{*}" + kind):
        if event == "end":
            level -= 1
            continue
        level += 1
        label = node.find("{*}navLabel/{*}text")
        content = node.find("{*}content")
        reference = content.get("src") if content is not None else ""
        yield _text(label) if label is not None else node.get("value") or "", level, reference or ""


def _targets(parsing: _Parsing, entries: Iterator[tuple[str, int, str]], folder: str) -> Iterator[Target]:
    for title, level, reference in islice(entries, parsing.limits.max_outline_items):
        path, _, anchor = reference.partition("#")
        name = _entry(parsing, folder, path)
        if title and name and level <= parsing.limits.max_outline_depth:
            yield Target(title, level, name, unquote(anchor))


def _metadata(root: etree._Element, key: str) -> str:
    node = root.find(f".//{{*}}metadata//{{*}}{key}")
    return _text(node) if node is not None else ""


def _text(node: etree._Element) -> str:
    return clean_field("".join(text for text in node.itertext() if isinstance(text, str)))
