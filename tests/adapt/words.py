"""What of a script's words is in the screenplay that is made of it, counted.

A word is counted as often as the source has it: in speech, action, headings, notes, titles and
cells. What a format says by itself (INT., CONT'D, types of paragraphs, keys) is no word of the
writer's.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import yaml

from holocine_core.adapt.draft import Draft, to_yaml

_PLACE = r"(?:INT|EXT|EST|INNEN|AUSSEN|INTÉRIEUR|EXTÉRIEUR|WN|PL|ИНТ|НАТ|内景|外景)"  # noqa: RUF001
_NUMBERED_TWICE = re.compile(rf"^([ \t]*)(\w+)([.)]?\s+{_PLACE}\b.*?)\s+\2[ \t]*$", re.M)
_FORMAT = re.compile(
    r"\((?:MORE|SUITE|CONT(?:['\u2019\u2018`]?D|INUED|\.)?)\)"
    r"|^[ \t]*\(?CONTINUED\)?:?(?:[ \t]*\(\d+\))?[ \t]*$"
    rf"|^[ \t.*_]*(?:{_PLACE}\.?\s?/\s?{_PLACE}|I\.?/\s?E|内/外景|{_PLACE})\b\.?"
    rf"|(?<=[\w.] )[ \t]*{_PLACE}\.(?= )"
    r"|^[ \t>*_]*(?:FADE (?:IN|OUT|TO BLACK)|DISSOLVE TO|CUT TO|ABBLENDE|ÜBERBLENDUNG|FONDU AU NOIR"
    r"|FUNDIDO A NEGRO|CORTE A|ИЗ ЗАТЕМНЕНИЯ)[.:]?[ \t*_]*$"
    r"|/\*[^*]*END_BEAT\s*\*/",
    re.I | re.M,
)
"""What a format says by itself."""
_CODES = re.compile(
    r"scene|sc\.?|size|shot size|shot type|framing|type|(?:camera )?(?:angle|move|movement|moves)"
    r"|seconds|duration|length|(?:est\. )?time|dur|frames|scene number"
    r"|szene|einstellungsgröße|kamerabewegung|dauer",
    re.I,
)
"""Columns whose cells become a screenplay's own words and numbers."""


def of_text(text: str) -> Counter[str]:
    """Words of a text, in small letters, without signs."""
    text = unicodedata.normalize("NFC", text).lower().replace("_", " ")
    # Chinese has no spaces between words: its letters are counted.
    return Counter(re.findall(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+", text))


def of_source(path: Path) -> Counter[str]:
    """Words that a person wrote into a script."""
    raw = path.read_bytes()
    text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    text = re.sub(r"\r\n?", "\n", text)
    match path.suffix:
        case ".fdx":
            text = _NUMBERED_TWICE.sub(r"\1\2\3", _of_final_draft(text))
            return of_text(_FORMAT.sub(" ", text))
        case ".csv" | ".tsv":
            return of_text(_of_table(text))
        case ".txt":
            return of_text(
                re.sub(r"\[[^]]*\]|This scene contains \d+ shots?", " ", text, flags=re.I)
            )
    text = _NUMBERED_TWICE.sub(r"\1\2\3", _without_keys(text))
    return of_text(_FORMAT.sub(" ", text))


def _of_final_draft(text: str) -> str:
    root = ET.fromstring(re.sub(r"^\s*<\?xml.*?\?>", "", text, flags=re.S))
    for aside in root.findall("SmartType"):
        root.remove(aside)
    # Runs of one paragraph are one text, paragraphs are lines.
    lines = []
    for paragraph in root.iter("Paragraph"):
        lines.append("".join("".join(run.itertext()) for run in paragraph.findall("Text")))
    return "\n".join(lines)


def _of_table(text: str) -> str:
    # Of places as scripts write them INT. and EXT. become words, as in headings.
    text = re.sub(r"\b(?:INT|EXT)\.", " ", text)
    lines = text.splitlines()
    sign = max(",;\t", key=lambda one: max(line.count(one) for line in lines))
    if lines[0].lower().startswith("sep="):
        sign, lines = lines[0][4], lines[1:]
    rows = [row for row in csv.reader(io.StringIO("\n".join(lines)), delimiter=sign) if any(row)]
    header = next(i for i, row in enumerate(rows) if len([c for c in row if c.strip()]) > 2)
    names = [re.sub(r"\s*[(#].*", "", cell.strip()) for cell in rows[header]]
    told = [i for i, name in enumerate(names) if not _CODES.fullmatch(name)]
    above = [" ".join(row) for row in rows[:header]]
    return "\n".join(
        above + [" ".join(row[i] for i in told if i < len(row)) for row in rows[header + 1 :]]
    )


def _without_keys(text: str) -> str:
    """A Fountain script without its title page's keys, and its title as it is."""
    page, _, rest = text.lstrip().partition("\n\n")
    if not re.match(r"[^\W\d_][^:\uff1a\n]{0,40}[:\uff1a]", page) or page.isupper():
        return text
    return re.sub(r"^[^\s:\uff1a][^:\uff1a\n]*[:\uff1a]", " ", page, flags=re.M) + "\n\n" + rest


def of_screenplay(draft: Draft) -> Counter[str]:
    """Words that a draft's screenplay has: in its values and its comments, with characters' names
    as words."""
    text = to_yaml(draft, "nano")
    comments = [line.strip().removeprefix("#") for line in text.splitlines() if "#" in line[:12]]
    found: Counter[str] = Counter()
    data = yaml.safe_load(text)
    for value in _values(data):
        found += of_text(value)
    for comment in comments:
        found += of_text(
            comment.encode().decode("unicode_escape", "ignore") if "\\" in comment else comment
        )
    return found


def _values(data: object) -> list[str]:
    if isinstance(data, dict):
        return [text for key, value in data.items() if key != "model" for text in _values(value)]
    if isinstance(data, list):
        return [text for value in data for text in _values(value)]
    return [str(data)]


def lost(path: Path, draft: Draft) -> Counter[str]:
    """Words of the source that the screenplay does not have, or less often."""
    return of_source(path) - of_screenplay(draft)
