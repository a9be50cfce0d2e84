"""Words that stand in for names: nobody can be told from them, and texts with them stay as long."""

from proactive.sms.segments import GSM_BASIC, GSM_EXTENSION
from proactive.wording import plain

# Of everything else each sign takes one of the two kinds of place that UCS-2 has for it.
_LETTER, _WIDE_LETTER = "ő", "𝒂"
_SIGN, _WIDE_SIGN = "☆", "🙂"


def stand_in(text: str) -> str:
    """As long as `text` where it goes into a text of ours, and in the same alphabet.

    Letters and digits are replaced, and every sign that only UCS-2 has; spaces and punctuation
    stay, so that what is no name ("-") does not become one. "" stays "".
    """
    return "".join(map(_stand_in, plain(text)))


def _stand_in(char: str) -> str:
    if char in GSM_BASIC or char in GSM_EXTENSION:
        if char.isdigit():
            return "0"
        if char.isalpha():
            return "A" if char.isupper() else "a"
        return char
    is_wide = ord(char) > 0xFFFF
    if char.isalnum():
        return _WIDE_LETTER if is_wide else _LETTER
    return _WIDE_SIGN if is_wide else _SIGN
