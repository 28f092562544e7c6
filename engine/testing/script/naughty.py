"""What has broken somebody's stream: characters of several bytes, marks, joiners, odd line ends, words of the wire."""

from __future__ import annotations

NAUGHTY = (
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
"""Parts of texts; joined with others they are texts too."""
