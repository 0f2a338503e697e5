"""Redaction: secrets and personal data taken out of text before it leaves the machine.

Sources of the shapes: the prefixes that vendors document for their tokens; RFC 7519 (JWT), RFC 7468 (PEM), RFC 3986
(credentials in a URL), ISO/IEC 7812 (card numbers and their Luhn digit), ISO 13616 (IBAN and its mod-97 digits).
What has no shape (the name of a person in a sentence) cannot be found.
"""

import re
import unicodedata
from collections.abc import Callable
from ipaddress import ip_address
from math import log2

# Wherever in a name these stand, and only where a word begins: "bypass" and "design" are no secrets.
_NAMES = (
    r"password|passwd|passphrase|passcode|secret|token|api[_.-]?key|access[_.-]?key|private[_.-]?key|credential|"
    r"authorization|session[_.-]?id|csrf|signature"
)
_SHORT_NAMES = r"pass|pwd|pw|auth|session|sid|otp|pin|ssn|sig"
_VENDORS = (
    r"(?:A3T|AKIA|ASIA|AGPA|AIDA|AROA)[A-Z0-9]{16}",
    r"gh[opusr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}",
    r"xox[abeoprs]-[\w-]{8,}|xapp-[\w-]{8,}",
    r"(?:sk|rk|pk)[-_](?:live|test|proj|ant|or|svcacct)?[-_]?[\w-]{16,}",
    r"hf_[A-Za-z0-9]{16,}|gsk_[A-Za-z0-9]{16,}|AIza[\w-]{30,}|ya29\.[\w-]{16,}",
    r"npm_[A-Za-z0-9]{30,}|pypi-[\w-]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|dop_v1_\w{32,}|shp(?:at|ca|pa|ss)_\w{16,}",
    r"ak_[\w-]{16,}",
)
# Invisible characters would split a secret so that no shape fits; nobody misses them.
_INVISIBLE = re.compile(r"[\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ENTROPY = 3.6  # bits a character; English words stay below
_LONG = 24
_MOST = 8_000

_Put = Callable[[re.Match[str]], str]


class Redactor:
    """Replaces what must not leave by what it was. Addresses and identifiers get a number each, so that a reader can
    still tell one from another: `<ip 2>` is the same host wherever it stands (for this redactor)."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}

    def __call__(self, text: str) -> str:
        """The text without secrets and personal data. Redacting twice changes nothing more. What is longer than
        8,000 characters is cut first: some of the shapes take time that grows with the square of the length."""
        text = text[:_MOST]
        text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
        for shape, put in self._rules():
            text = shape.sub(put, text)
        return text

    def _rules(self) -> tuple[tuple[re.Pattern[str], _Put], ...]:
        return (
            (_PEM, lambda _: "<private key>"),
            (_JWT, lambda _: "<token>"),
            (_URL_LOGIN, lambda m: f"{m[1]}<login>@"),
            (_SCHEME, lambda m: f"{m[1]} <secret>"),
            (_COOKIE, lambda m: f"{m[1]}<secret>"),
            (_CURL_LOGIN, lambda m: f"{m[1]} <login>"),
            (_NAMED, _after_its_name),
            (_VENDOR, lambda _: "<token>"),
            (_HEX, lambda m: self._numbered("id", m[0].lower())),
            (_MAIL, lambda _: "<e-mail>"),
            (_HOME, lambda m: f"{m[1]}<user>"),
            (_IBAN, lambda m: "<account>" if _is_iban(m[0]) else m[0]),
            (_CARD, lambda m: "<card>" if _is_card(m[0]) else m[0]),
            (_SOCIAL, lambda _: "<number>"),
            (_PHONE, lambda _: "<phone>"),
            (_MAC, lambda m: self._numbered("mac", m[0].lower())),
            (_IP6, self._ip),
            (_IP4, self._ip),
            (_OPAQUE, lambda m: "<secret>" if _is_opaque(m[0]) else m[0]),
        )

    def _numbered(self, kind: str, value: str) -> str:
        known = self._known.setdefault(kind, {})
        return known.setdefault(value, f"<{kind} {len(known) + 1}>")

    def _ip(self, match: re.Match[str]) -> str:
        try:
            return self._numbered("ip", str(ip_address(match[0])))
        except ValueError:
            return match[0]


_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_JWT = re.compile(r"\bey[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*){1,3}")
_URL_LOGIN = re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/@<>\"']+@", re.IGNORECASE)
_SCHEME = re.compile(r"\b(bearer|basic|digest|negotiate|apikey)\s+(?!<)[\w.~+/=:,\"-]{6,}", re.IGNORECASE)
_COOKIE = re.compile(r"(cookie\\?[\"']?\s*[:=]\s*\\?[\"']?)(?![\s<\"'])[^\n\"']+", re.IGNORECASE)
_CURL_LOGIN = re.compile(r"(?<!\S)(-u|--user)[ =](?!<)[^\s:]+:\S+")
# password=…, "api_key": "…", dbPassword=…, --token …; the value may be quoted and then hold spaces.
_START = r"(?-i:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))"
_NAMED = re.compile(
    rf"""(?P<name>(?:{_NAMES}|{_START}(?:{_SHORT_NAMES}))s?(?:[_.-][\w.-]{{0,40}})?\\?["']?\s{{0,8}}(?:=>|:=|[=:])\s{{0,8}}|"""
    rf"""(?<![\w-])--?(?:\w{{1,20}}-){{0,3}}(?:{_NAMES}|{_SHORT_NAMES})(?:-\w{{1,20}})?\s{{1,8}})"""
    r"""(?P<value>\\?"(?:[^"\\]|\\.)*(?:"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)|[^\s"'<&,;)}\]][^\s&,;)}\]]*)""",
    re.IGNORECASE,
)
_VENDOR = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_VENDORS)})")
_MAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[\w-]+\.)+[\w-]{2,}")
_HOME = re.compile(r"((?:/home/|/Users/|\bC:\\Users\\))[^\s/\\:\"'<>]+", re.IGNORECASE)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d])")
_SOCIAL = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")
_PHONE = re.compile(r"(?<![\w.])\+\d[\d ().-]{6,16}\d(?!\w)")
_MAC = re.compile(r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])")
_IP6 = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:)[0-9A-Fa-f:]{2,39}(?:\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])"
)
_IP4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)")
_HEX = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{24,}|[0-9A-F]{24,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![0-9A-Za-z])"
)
_OPAQUE = re.compile(rf"(?<![\w+/=<])[\w+/=-]{{{_LONG},}}(?![\w+/=>])")


def _after_its_name(match: re.Match[str]) -> str:
    value = match["value"]
    bare = value.strip("\\\"'")
    # What is no secret: already redacted, empty, or a word that says there is none.
    if not bare or re.fullmatch(r"<[^>]*>.*|null|none|true|false|nil|undefined|\*+", bare, re.IGNORECASE | re.DOTALL):
        return match[0]
    return f"{match['name']}<secret>"


def _is_card(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()]
    doubled = [sum(divmod(2 * d, 10)) for d in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _is_iban(text: str) -> bool:
    plain = text.replace(" ", "")
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


def _is_opaque(text: str) -> bool:
    """Long, of letters and digits mixed, and without the regularity of words: a key of whatever vendor."""
    kinds = (any(c.islower() for c in text), any(c.isupper() for c in text), any(c.isdigit() for c in text))
    return sum(kinds) == len(kinds) and _entropy(text) >= _ENTROPY


def _entropy(text: str) -> float:
    shares = [text.count(c) / len(text) for c in set(text)]
    return -sum(share * log2(share) for share in shares)
