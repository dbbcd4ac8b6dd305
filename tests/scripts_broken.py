"""Scripts of all kinds broken in every way that chance finds; tests and benchmarks share this."""

# ruff: noqa: E501 - scripts as they are written

from __future__ import annotations

import random

SOUND: dict[str, str] = {
    "fountain": "Title: A\nAuthor: B\n\nINT. YARD - DAY\n\nMARA (60), an old woman, *waits*.\n\nMARA "
    "(V.O.)\n(low)\nHello [[a note]].\n\nIVO ^\nYes. /* cut */\n\n~la\n\n> FADE OUT:\n\n.FORCED\n\n"
    "@McX\nHi\n\n# S\n\n= syn\n\n>CENTRE<\n\nEXT. QUAY - NIGHT #1#\n\n!BANG {x}\n\nCUT TO:\n",
    "fdx": '<?xml version="1.0"?><FinalDraft><Content><Paragraph Type="Scene Heading"><Text>INT. A - '
    'DAY</Text></Paragraph><Paragraph Type="Action"><Text>MARA</Text><Text> waits.</Text></Paragraph>'
    '<Paragraph><DualDialogue><Paragraph Type="Character"><Text>MARA (V.O.)</Text></Paragraph>'
    '<Paragraph Type="Dialogue"><Text>Yes.</Text></Paragraph></DualDialogue></Paragraph></Content>'
    "<TitlePage><Content><Paragraph><Text>A</Text></Paragraph></Content></TitlePage></FinalDraft>",
    "csv": "scene,global,prompt,seconds,size,camera,lens\nyard,A yard.,MARA waits.,2.5,cu,pan left,50\n"
    ',,"IVO, too.",3s,ws,,\nquay,A quay.,A boat.,,,,\n',
    "raw": "[global caption] A yard. This scene contains 2 shots. [per shot caption] A dog. [shot cut] "
    "A cat.\n[global caption] A bay. [per shot caption] Gulls.\n",
}
PIECES = (
    "[[", "]]", "/*", "*/", "(", ")", "^", "*", "**", "_", "{", "}", "&#9;", "&lt;", "<", "</Text>",
    "<Text>", '"', ",", "\t", "\r", "\n", "\n\n", "\x00", "\x1b[2J", "\u2028", "\ud7ff", "\ufffe",
    "\U0001f3ac", "9" * 5000, "[[" + "9" * 5000 + "]]", "/*0*/", "[[0]]", "-1", "nan", "inf", "1e999",
    "[global caption]", "[shot cut]", "MARA", "INT. ", " " * 300, "contains " + "9" * 4400 + " shots",
)  # fmt: skip


def broken_script(number: int) -> tuple[str, bytes]:
    """A kind of script and its bytes: the same for each number."""
    chance = random.Random(number)
    kind = chance.choice(sorted(SOUND))
    raw = SOUND[kind].encode()
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(raw) + 1)
        to = min(len(raw), at + chance.randrange(40))
        piece = chance.choice(PIECES).encode("utf-8", "surrogatepass")
        match chance.randrange(5):
            case 0:
                raw = raw[:at] + raw[to:]
            case 1:
                raw = raw[:at] + raw[at:to] * 3 + raw[to:]
            case 2:
                raw = raw[:at] + bytes([chance.randrange(256)]) + raw[at + 1 :]
            case _:
                raw = raw[:at] + piece + raw[at:]
    return kind, raw
