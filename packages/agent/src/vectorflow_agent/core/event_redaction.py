"""What is taken out of events before they leave the node: values under telling names, and telling texts.

Names and texts are judged alike in every depth, and names of fields are texts too. This cannot find
everything: an unlucky name or a home-made format passes, which is why the node's policy can name more fields
or forbid taps. What `redaction` is for, configurations and logs of the agent, is another thing: there all that may be a
secret goes, here people have to recognise an event.
"""

import re
from collections.abc import Callable, Collection
from ipaddress import AddressValueError, IPv6Address
from typing import Any, Final, NamedTuple

REDACTED: Final = "[redacted]"
KNOWN: Final = "[redacted:secret]"
"""Stands for a secret of the control plane that an event repeats."""
KINDS: Final = ("credential", "key", "email", "card", "iban", "ip")
"""Kinds of texts that are found by their form; a node's policy may let some pass (`tap_keep`)."""

_TELLING: Final = (
    "password", "passwd", "passphrase", "passcode", "secret", "token", "authorization", "authentication",
    "apikey", "accesskey", "privatekey", "signingkey", "encryptionkey", "credential", "cookie", "sessionid",
    "creditcard", "cardnumber", "socialsecurity", "connectionstring", "jwt",
)  # fmt: skip
_TELLING_WHOLE: Final = frozenset(
    {"pwd", "pass", "auth", "pin", "cvv", "cvc", "ssn", "otp", "sid", "dsn", "bearer", "pan", "iban"}
)
_NAME = re.compile(r"[^a-z0-9]")
_DEEPEST: Final = 64

_WORDS: Final = (
    r"(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?"
    r"|cookie|session[_-]?id|authorization|\bpwd|\bauth)"
)
_SCHEME: Final = r"(?:(?:basic|bearer|digest|negotiate)\s{1,4})?"
_UNQUOTED: Final = r"(?!\[redacted)[^\s,;&\"'}\])]{1,4096}"


class _Pattern(NamedTuple):
    """Texts to find. `needles`: one of these letters or words is in every such text; asking is cheaper."""

    kind: str
    needles: tuple[str, ...]
    found: re.Pattern[str]
    instead: str


# No pattern repeats what it can give back in several ways, so that no event takes long.
_PATTERNS: Final = (
    _Pattern(
        "key",
        ("-----BEGIN",),
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)", re.S
        ),
        "[redacted:key]",
    ),
    _Pattern(
        "credential",
        (" ",),
        re.compile(r"\b(basic|bearer|digest|negotiate|token)\s{1,4}[A-Za-z0-9+/_.~=-]{8,4096}", re.I),
        r"\1 [redacted]",
    ),
    _Pattern(
        "credential",
        ("ookie:", "OOKIE:"),
        re.compile(r"((?:set-)?cookie:)[^\r\n\"']{1,4096}", re.I),
        r"\1 [redacted]",
    ),
    _Pattern(
        "credential",
        ("://",),
        re.compile(r"://[^\s/@\"']{1,256}@"),
        "://[redacted]@",
    ),
    _Pattern(
        "credential",
        (":", "="),
        re.compile(
            rf"({_WORDS}[\w.-]{{0,40}}(?:\\{{0,3}}[\"'])?\s{{0,4}}(?:=>|[:=])\s{{0,4}})"
            r"(?:([\"'])(?:\\.|(?!\2).){1,4096}|(\\{1,3}[\"'])(?:(?!\3).){1,4096}"
            rf"|{_SCHEME}{_UNQUOTED})",
            re.I | re.S,
        ),
        r"\1\2\3[redacted]",
    ),
    _Pattern(
        "credential",
        ("eyJ",),
        re.compile(r"\beyJ[\w-]{8,4096}\.[\w-]{4,4096}(?:\.[\w-]{0,4096})?"),
        "[redacted:jwt]",
    ),
    _Pattern(
        "key",
        ("AKIA", "ASIA", "gh", "xox", "sk-", "AIza", "vfe_", "vfn_", "vfs_"),
        re.compile(
            r"\b(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{20,255}|xox[abprs]-[\w-]{10,255}"
            r"|sk-[\w-]{20,255}|AIza[\w-]{35}|vf[ens]_[a-z0-9_-]{20,255})"
        ),
        "[redacted:key]",
    ),
    _Pattern(
        "email",
        ("@",),
        re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"),
        "[redacted:email]",
    ),
    _Pattern(
        "iban",
        tuple("0123456789"),
        re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
        "[redacted:iban]",
    ),
    _Pattern(
        "ip",
        (".",),
        re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?!\w|\.\d)"),
        "[redacted:ip]",
    ),
)
_CARD: Final = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")
_SIX: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{2,39}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])")


class Redactor:
    """Replaces what must not leave. Counts what it replaced."""

    def __init__(self, *, names: Collection[str] = (), keep: Collection[str] = ()) -> None:
        """`names` are further names of fields, compared without case and punctuation; `keep` as in `KINDS`."""
        self.known: tuple[str, ...] = ()
        """Secrets whose values are known, longest first: whoever repeats one, wherever, it is replaced."""
        self._names = frozenset(_plain(name.rpartition(".")[2]) for name in names) - {""}
        self._patterns = tuple(pattern for pattern in _PATTERNS if pattern.kind not in keep)
        self._cards = "card" not in keep
        self._addresses = "ip" not in keep
        self.replaced = 0
        self._judged: dict[str, bool] = {}

    def event(self, value: Any, text: Callable[[str], str] = str) -> Any:
        """A copy without what is telling. `text` shortens texts first."""
        return self._value(value, text, 0)

    def _value(self, value: Any, text: Callable[[str], str], depth: int) -> Any:
        if depth > _DEEPEST:
            self.replaced += 1
            return REDACTED
        if isinstance(value, str):
            return self._text(text(value))
        if isinstance(value, dict):
            return {
                self._text(text(name)): self._under(name, inner, text, depth) for name, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(inner, text, depth + 1) for inner in value]
        if type(value) is int and self._cards and _is_card(str(value)):
            self.replaced += 1
            return "[redacted:card]"
        return value

    def _under(self, name: str, value: Any, text: Callable[[str], str], depth: int) -> Any:
        if value is None or isinstance(value, bool) or not self.hides(name):
            return self._value(value, text, depth + 1)
        self.replaced += 1
        return REDACTED

    def hides(self, name: str) -> bool:
        """Whether everything under a field of this name is replaced."""
        known = self._judged.get(name)
        if known is None:
            plain = _plain(name)
            last = _plain(re.split(r"[._\s-]", name)[-1])
            known = (
                plain in self._names
                or plain in _TELLING_WHOLE
                or last in _TELLING_WHOLE
                or any(word in plain for word in _TELLING)
            )
            # Names can be data themselves, so that they do not end.
            if len(self._judged) < 2000:
                self._judged[name] = known
        return known

    def _text(self, text: str) -> str:
        for value in self.known:
            if value in text:
                self.replaced += text.count(value)
                text = text.replace(value, KNOWN)
        for _, needles, found, instead in self._patterns:
            if any(needle in text for needle in needles):
                text, count = found.subn(instead, text)
                self.replaced += count
        if self._cards and len(text) >= 13:
            text = _CARD.sub(self._card, text)
        if self._addresses and text.count(":") >= 2:
            text = _SIX.sub(self._six, text)
        return text

    def _card(self, match: re.Match[str]) -> str:
        if not _is_card(match.group()):
            return match.group()
        self.replaced += 1
        return "[redacted:card]"

    def _six(self, match: re.Match[str]) -> str:
        try:
            IPv6Address(match.group())
        except AddressValueError:
            return match.group()
        self.replaced += 1
        return "[redacted:ip]"


def _plain(name: str) -> str:
    return _NAME.sub("", name.lower())


def _is_card(text: str) -> bool:
    """Whether digits are the number of a payment card, by length, first digit and checksum."""
    digits = [ord(letter) - 48 for letter in text if letter.isdigit() and letter.isascii()]
    if not 13 <= len(digits) <= 19 or digits[0] not in {2, 3, 4, 5, 6}:
        return False
    doubled = [digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[-2::-2]]
    return (sum(doubled) + sum(digits[-1::-2])) % 10 == 0
