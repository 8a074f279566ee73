"""Markdown pages as (heading path, section body) pairs, split by whole documents.

A document is held out when the hash of its path falls in one sixth, so that adding pages
never moves another page from one side to the other.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

HELD_OUT_ONE_IN = 6
SHINGLE_WORDS = 5
DUPLICATE_SHARE = 0.5
SHORTEST_BODY = 60

FENCE = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Section:
    """One section: `document` is its source-relative path, `path` its headings from the title down."""

    document: str
    path: tuple[str, ...]
    body: str

    @property
    def query(self) -> str:
        return " > ".join(self.path)


@dataclass(frozen=True)
class Corpus:
    train: list[Section]
    held_out: list[Section]
    documents: dict[str, int]
    dropped_duplicates: int


def plain_heading(text: str) -> str:
    """A heading without link targets, emphasis and code marks."""
    return re.sub(r"[`*\\]|\s+", " ", LINK.sub(r"\1", text)).strip()


def split_sections(document: str, text: str) -> list[Section]:
    """Cuts at ATX headings outside code fences. Text before the first heading has no query and is left out."""
    sections: list[Section] = []
    stack: list[tuple[int, str]] = []
    lines: list[str] = []
    fence = ""

    def flush() -> None:
        body = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
        if stack and len(body) >= SHORTEST_BODY:
            sections.append(Section(document, tuple(title for _, title in stack), body))
        lines.clear()

    for line in text.splitlines():
        mark = FENCE.match(line)
        if mark and not fence:
            fence = mark.group(1)
        elif mark and mark.group(1).startswith(fence) and not line.strip(" `~"):
            fence = ""
        heading = None if fence or mark else HEADING.match(line)
        title = plain_heading(heading.group(2)) if heading else ""
        if heading and title:
            flush()
            level = len(heading.group(1))
            stack[:] = [entry for entry in stack if entry[0] < level] + [(level, title)]
        elif not heading:
            lines.append(line)
    flush()
    return sections


def is_held_out(document: str) -> bool:
    digest = hashlib.sha256(document.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_ONE_IN == 0


def without_near_duplicates(sections: list[Section]) -> tuple[list[Section], int]:
    """Drops a body when half or more of its word 5-grams stand in bodies kept before it."""
    seen: set[tuple[str, ...]] = set()
    kept = []
    for section in sections:
        words = WORD.findall(section.body.lower())
        count = max(1, len(words) - SHINGLE_WORDS + 1)
        shingles = {tuple(words[i : i + SHINGLE_WORDS]) for i in range(count)}
        if len(shingles & seen) < DUPLICATE_SHARE * len(shingles):
            kept.append(section)
            seen |= shingles
    return kept, len(sections) - len(kept)


def load_corpus(sources: dict[str, Path]) -> Corpus:
    """Reads every *.md below each source, in a fixed order.

    Training documents come first in the search for duplicates, so a held-out body
    that resembles a training body is dropped, not the other way round.
    """
    train: list[Section] = []
    held_out: list[Section] = []
    documents: dict[str, int] = {}
    for name, root in sources.items():
        pages = sorted(path for path in root.rglob("*.md") if path.is_file()) if root.is_dir() else []
        documents[name] = len(pages)
        for page in pages:
            document = f"{name}/{page.relative_to(root).as_posix()}"
            sections = split_sections(document, page.read_text(encoding="utf-8"))
            (held_out if is_held_out(document) else train).extend(sections)
    kept, dropped = without_near_duplicates(train + held_out)
    return Corpus(
        train=[section for section in kept if not is_held_out(section.document)],
        held_out=[section for section in kept if is_held_out(section.document)],
        documents=documents,
        dropped_duplicates=dropped,
    )
