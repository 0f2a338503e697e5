"""Text from elsewhere as a terminal may show it: nothing in it moves the cursor, recolours, renames or reorders."""

import unicodedata
from typing import Any

_KEPT = frozenset("\t\n")
# Control characters (C0, DEL, C1), and those that turn the direction of what follows ("Trojan Source", CVE-2021-42574).
_TURNING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_CONTROL = (code for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc" and chr(code) not in _KEPT)
_SHOWN_AS = dict.fromkeys((*_CONTROL, *_TURNING), "\ufffd")


def plain(value: Any) -> Any:
    """Decoded JSON with every string in it, names of fields too, made harmless."""
    match value:
        case str():
            return value.translate(_SHOWN_AS)
        case list():
            return [plain(each) for each in value]
        case dict():
            return {plain(name): plain(each) for name, each in value.items()}
    return value
