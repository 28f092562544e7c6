"""Answers and texts of our own, for servers and tests that need a model's words without a model.

They hold what breaks naive streaming: characters of two, three and four bytes, sequences of emoji, combining marks,
right-to-left words, a code fence, a table, and a tool call. Nothing in them is a model's output.
"""

from __future__ import annotations

import random

from attrs import frozen

from ...core.messages import ToolCall

MODEL = "scripted-1"
"""The model that says them, unless another is named."""

PIECE_CHARS_MAX = 7
"""The longest piece of text in one event: tokens are about four characters."""


OPENING_CHARS = 64
"""How much of a retelling is as before: enough to be known as a restart."""


@frozen
class Answer:
    """What a model would say: thoughts first, then the text, then the calls."""

    name: str
    text: str
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()


def split_pieces(text: str, dice: random.Random) -> list[str]:
    """Cut a text into token-like pieces; joined they are the text. Combining marks and joiners may be cut off."""
    pieces: list[str] = []
    at = 0
    while at < len(text):
        size = dice.randint(1, PIECE_CHARS_MAX)
        pieces.append(text[at : at + size])
        at += size
    return pieces


def retelling(text: str) -> str:
    """The answer in other words: as before for `OPENING_CHARS`, then different."""
    return f"{text[:OPENING_CHARS]} — but let me begin again. {text[OPENING_CHARS:]}"


RIVERS = Answer(
    "rivers",
    """\
A river does not stop at a stone; it goes around, and on the far side it is the same river. 🌊

People have said so for a long time. In Japanese there is 川の流れ, the flow of the river, and the old opening line \
「ゆく河の流れは絶えずして、しかももとの水にあらず」: the river goes on without end, and yet it is never the \
same water. In Chinese one says 细水长流, thin water flows long. The Greeks had πάντα ῥεῖ, everything flows. \
In Arabic النهر is the river, and in Hebrew נהר; the two words are cousins. The Welsh say afon, which is why every \
River Avon is a River River.

What makes it one river, if all the water is new? Three things, I think:

1. **The bed.** It remembers where the water went, and the next water follows. ⛰️
2. **The order.** What is upstream arrives later, never twice, and nothing overtakes. 🚣🏽‍♀️
3. **The mouth.** There is an end, and you know it when you are there: the taste of salt. 🧂

Dams and droughts do not change this. When the Rhône goes underground near Génissiat, or when the Danube sinks into \
the limestone at Immendingen and comes up twelve kilometres away at the Aachtopf, nobody calls the second spring \
another river. They put dye into it once, in 1877, together with ten tonnes of salt 🧪, and sixty hours later the Aach \
came out green. The same water; not a drop too few, not a drop twice.

So, to your question: yes, you may step into the same river twice 👣. You only have to wait for it on the other side, \
and to remember how far it had come. Zo gaat het naïef genoeg altijd: e\u0301te\u0301 comme hiver, l\u2019eau passe, \
la rivière reste. 👨‍👩‍👧‍👦🏞️

That is all there is to say about it; the rest is geography. Fin ∎
""",
)
"""Prose of many scripts: the answer of the show."""

CODE = Answer(
    "code",
    """\
You want to read a stream whose characters may be cut anywhere. The short version: **decode after you have framed**, \
or keep an incremental decoder. 🧵

```python
import codecs


class Reader:
    \"\"\"Text out of bytes, whatever the cut: "é" is two bytes, "漢" is three, "🦦" is four.\"\"\"

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._parts: list[str] = []

    def feed(self, data: bytes) -> str:
        text = self._decoder.decode(data)
        self._parts.append(text)
        return text

    def close(self) -> str:
        tail = self._decoder.decode(b"", final=True)  # half a character at the end becomes U+FFFD
        self._parts.append(tail)
        return tail


if __name__ == "__main__":
    reader = Reader()
    for byte in "naïve 漢字 🦦".encode():
        print(repr(reader.feed(bytes([byte]))))
```

Two things are easy to get wrong here:

- A line separator such as U+2028 is *not* a line end of server-sent events. `str.splitlines()` thinks it is, and then \
your JSON has a hole in the middle. Split the bytes at `\\r` and `\\n`, nothing else.
- An escape in JSON can be cut too: `"\\ud83e\\udda6"` is one otter in twelve characters, and half of it is not a \
character at all.

Test it by cutting at *every* byte, not at a few: there are not that many, and the one that fails is never the one \
you would have picked. ✂️ 測試每一個位元組。

Then do the same with the network: cut the connection there, and see what your program believes it has read. If it \
believes that the answer was finished, you have found a bug that no user will ever report: they will think that the \
answer was simply short. 🤷🏾‍♂️
""",
)
"""A code fence between prose."""

TABLE = Answer(
    "table",
    """\
Here are the ways in which a streamed answer can break, and what each looks like to a program that does not expect it:

| What happens | What the program sees | Looks like success? |
| :--- | :--- | :---: |
| the connection is reset | an exception in the middle of a word | no ❌ |
| the other side goes silent | nothing, for as long as it cares to wait ⏳ | neither |
| the body ends early | the end of the loop, without any error | **yes** ⚠️ |
| an error inside the body | a JSON object of another shape | often ⚠️ |
| a proxy answers in HTML | no events at all: `<html>…` | **yes** ⚠️ |
| only keep-alives arrive | bytes, so that no read timeout ever fires 💓 | neither |

Of the six, three look like success. That is the reason why „die Verbindung ist zu“ is never the same as „die Antwort \
ist fertig“: only the provider's own last event says that the answer is whole. \
終わりは、終わりと言われて初めて終わりである。

And a second table, for what can be done about it:

| Held so far | Next step | Paid twice |
| --- | --- | ---: |
| nothing 🫙 | ask again | 0 tokens |
| some text | say what was said, and ask for the rest | the prompt |
| a finished tool call 🔧 | run it; no further request is needed | 0 tokens |
| half a tool call | forget the call, keep the text | the call |

The column on the right is small beside the alternative, which is to throw everything away and to begin anew: then the \
whole answer is paid twice, and whoever was reading it has to start over as well. For an answer of 4\u202f096 tokens \
that breaks at 4\u202f000, that is the difference between ½ ¢ and … rather more. 💸

One caveat, for honesty's sake: where two halves meet, somebody has to check the seam. Models like to repeat the last \
few words, to add a space, or to start over with „Sure!“ (bien sûr, 当然, конечно). A good seam shows none of that. 🪡
""",
)
"""Two tables between prose."""

WEATHER = Answer(
    "weather",
    """\
Let me look at the water level and at the weather for you before I say anything about tomorrow's crossing. 🛶

The ferry at Köln-Langel runs only while the gauge in Köln stands below 8,30 m and the wind stays under 6 Bft; both \
can change within a night, so I would rather ask than guess. 水位を確認します。
""",
    reasoning="They ask about a ferry. I need the gauge and the wind: two calls, both for Köln. 🤔",
    calls=(
        ToolCall("call_gauge_01", "read_gauge", {"station": "Köln", "unit": "m"}),
        ToolCall("call_wind_02", "forecast_wind", {"place": "Köln-Langel", "hours": 24, "notes": "Böen \U0001f4a8"}),
    ),
)
"""Thoughts, a short text, and two calls."""

TEXT_ANSWERS = (RIVERS, CODE, TABLE)
"""The answers that are text alone."""

ANSWERS = (*TEXT_ANSWERS, WEATHER)
"""All of them."""

HOSTILE_TEXTS = (
    "🦦",
    "👩\u200d👧",
    "🏴\U000e0067\U000e0062\U000e007f",
    "e\u0301",
    "क्षि",
    "漢字",
    "、。",
    "עברית",
    "\u202eright to left",
    "\u2028",
    "\x85",
    "\ufeff",
    "\ufffd",
    "\x00",
    "\x1b[31m",
    "\r\n",
    "\t",
    "\n\n",
    "data: [DONE]\n\n",
    "event: error\n",
    '"}\n',
    "\\",
    "\\ud83e",
    "```python\nx = 1\n```\n",
    "| a | b |\n| --- | --- |\n",
    "<tail></tail>",
    "null",
    "Sure! ",
)
"""Parts of texts that have broken a stream: wide characters, marks, joiners, odd line ends, words of the wire."""
