"""Letters as strokes, so that they can be drawn smoothly in any size.

A letter is a list of lines, a line a list of points, a point two digits: across (0 to 4, capitals) and down (0 the top
of capitals, 2 of small letters, 6 the base line, 8 below it).
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

HEIGHT = 6.0
"""Of capitals, in units of a letter's own grid."""
_GAP = 1.7
_SPACE = 2.0

_STROKES = {
    "!": "00 04|06 06", '"': "00 02|20 22", "#": "10 06|30 26|02 42|04 44", "$": "41 31 11 02 13 33 44 35 05|20 26",
    "%": "40 06|00 11 10 01|35 46 36 45", "&": "46 12 11 20 30 31 04 05 16 26 44", "'": "00 02", "(": "20 02 04 26",
    ")": "00 22 24 06", "*": "21 25|02 44|04 42", "+": "21 25|03 43", ",": "05 07", "-": "03 33", ".": "06 06",
    "/": "40 06", "0": "10 30 41 45 36 16 05 01 10", "1": "01 20 26|06 46", "2": "01 10 30 41 42 06 46",
    "3": "00 40 22 32 43 45 36 16 05", "4": "36 30 04 44", "5": "40 00 02 32 43 45 36 06",
    "6": "30 10 02 05 16 36 45 44 33 03",
    "7": "00 40 16", "8": "10 30 41 42 33 13 02 01 10|13 04 05 16 36 45 44 33", "9": "43 13 02 01 10 30 41 44 36 16",
    ":": "02 02|06 06", ";": "02 02|05 07", "<": "41 03 45", "=": "02 42|04 44", ">": "01 43 05",
    "?": "01 10 30 41 42 23 24|26 26", "@": "44 34 32 22 13 14 25 34|44 41 30 10 01 05 16 46", "A": "06 20 46|14 34",
    "B": "03 33 42 41 30 00 06 36 45 44 33", "C": "41 30 10 01 05 16 36 45", "D": "00 06 26 44 42 20 00",
    "E": "40 00 06 46|03 33", "F": "40 00 06|03 33", "G": "41 30 10 01 05 16 36 45 43 23", "H": "00 06|40 46|03 43",
    "I": "00 20|10 16|06 26", "J": "40 45 36 16 05", "K": "00 06|40 04|13 46", "L": "00 06 46", "M": "06 00 23 40 46",
    "N": "06 00 46 40", "O": "10 30 41 45 36 16 05 01 10", "P": "06 00 30 41 42 33 03",
    "Q": "10 30 41 45 36 16 05 01 10|24 46", "R": "06 00 30 41 42 33 03|23 46",
    "S": "41 30 10 01 02 13 33 44 45 36 16 05",
    "T": "00 40|20 26", "U": "00 05 16 36 45 40", "V": "00 26 40", "W": "00 16 22 36 40", "X": "00 46|40 06",
    "Y": "00 23 40|23 26", "Z": "00 40 06 46", "[": "20 00 06 26", "\\": "00 46", "]": "00 20 26 06", "^": "02 20 42",
    "_": "07 47", "`": "00 11", "a": "02 22 33 36|34 14 05 16 26 35", "b": "00 06|03 12 22 33 35 26 16 05",
    "c": "33 22 12 03 05 16 26 35", "d": "30 36|33 22 12 03 05 16 26 35", "e": "04 34 33 22 12 03 05 16 36",
    "f": "30 20 11 16|02 22", "g": "33 22 12 03 05 16 26 35|32 37 28 08", "h": "00 06|03 12 22 33 36",
    "i": "02 06|00 00",
    "j": "12 17 08|10 10", "k": "00 06|32 04|14 36", "l": "00 05 16", "m": "02 06|03 12 23 26|23 32 43 46",
    "n": "02 06|03 12 22 33 36", "o": "12 22 33 35 26 16 05 03 12", "p": "02 08|03 12 22 33 35 26 16 05",
    "q": "32 38|33 22 12 03 05 16 26 35", "r": "02 06|03 12 22", "s": "32 12 03 14 24 35 26 06", "t": "10 15 26|02 22",
    "u": "02 05 16 26 35|32 36", "v": "02 16 32", "w": "02 16 23 36 42", "x": "02 36|32 06", "y": "02 15|32 15 08",
    "z": "02 32 06 36", "{": "20 11 12 03 14 15 26", "|": "00 07", "}": "00 11 12 23 14 15 06", "~": "03 12 23 32",
    "°": "10 21 12 01 10", "µ": "02 08|05 16 26 35|32 36", "–": "03 43", "…": "06 06|16 16|26 26",
}  # fmt: skip
_UNKNOWN = "00 40 46 06 00"

Point = tuple[float, float]


def _plain(letter: str) -> str:
    """A letter without its accent, or in its usual width."""
    return unicodedata.normalize("NFKD", letter)[:1]


@lru_cache(maxsize=512)
def strokes(letter: str) -> tuple[tuple[tuple[Point, ...], ...], float]:
    """A letter's lines, and how far the next letter is."""
    if letter.isspace():
        return (), _SPACE + _GAP
    lines = tuple(
        tuple((float(point[0]), float(point[1])) for point in line.split())
        for line in (_STROKES.get(letter) or _STROKES.get(_plain(letter), _UNKNOWN)).split("|")
    )
    return lines, max(x for line in lines for x, _ in line) + _GAP


def width(text: str, size: float) -> float:
    """How wide a text is whose capitals are ``size`` high."""
    return (sum(strokes(letter)[1] for letter in text) - _GAP) * size / HEIGHT if text else 0.0


def shortened(text: str, size: float, room: float) -> str:
    """The text, cut to what fits."""
    if width(text, size) <= room:
        return text
    while text and width(text + "…", size) > room:
        text = text[:-1]
    return text + "…" if text else ""
