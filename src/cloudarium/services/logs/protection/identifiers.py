"""Managed data identifiers that are known here: a regular expression (RE2) and, where there is one, a checksum.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL-managed-data-identifiers.html. AWS's own detection is not
published; these follow what its pages say of each. Identifiers not listed are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address


def luhn(text: str) -> bool:
    """The checksum of card numbers."""
    digits = [int(char) for char in text if char.isdigit()]
    total = sum(digits[-1::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-2::-2])
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and total % 10 == 0


def iban(text: str) -> bool:
    """The checksum of bank account numbers (ISO 13616)."""
    compact = text.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in compact[4:] + compact[:4])) % 97 == 1


def address(text: str) -> bool:
    """Whether a text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


Check = Callable[[str], bool]
IDENTIFIERS: dict[str, tuple[str, Check | None]] = {
    "EmailAddress": (r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,8}", None),
    "IpAddress": (r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b(?:[0-9A-Fa-f]{1,4}:){2,7}[0-9A-Fa-f]{1,4}\b", address),
    "CreditCardNumber": (r"\b\d(?:[ \-]?\d){12,18}\b", luhn),
    "AwsSecretKey": (r"\b[A-Za-z0-9/+]{40}(?:\b|$)", None),
    "BankAccountNumber-DE": (r"\bDE\d{2} ?(?:\d{4} ?){4}\d{2}\b", iban),
    "BankAccountNumber-ES": (r"\bES\d{2} ?(?:\d{4} ?){4}\d{4}\b", iban),
    "BankAccountNumber-FR": (r"\bFR\d{2} ?(?:[0-9A-Z]{4} ?){5}[0-9A-Z]{3}\b", iban),
    "BankAccountNumber-GB": (r"\bGB\d{2} ?[A-Z]{4} ?(?:\d{4} ?){3}\d{2}\b", iban),
    "BankAccountNumber-IT": (r"\bIT\d{2} ?[A-Z]\d{3} ?\d{4} ?\d{3}[0-9A-Z] ?(?:[0-9A-Z]{4} ?){2}[0-9A-Z]{3}\b", iban),
    "Ssn-US": (r"\b(?:00[1-9]|0[1-9]\d|[1-578]\d{2}|6[0-57-9]\d|66[0-57-9])-\d{2}-\d{4}\b", None),
    "PhoneNumber-US": (r"(?:\+?1[ .\-]?)?\(?\b[2-9]\d{2}\)?[ .\-]?\d{3}[ .\-]\d{4}\b", None),
    "OpenSshPrivateKey": (r"-----BEGIN OPENSSH PRIVATE KEY-----(?s:.)*?-----END OPENSSH PRIVATE KEY-----", None),
    "PgpPrivateKey": (r"-----BEGIN PGP PRIVATE KEY BLOCK-----(?s:.)*?-----END PGP PRIVATE KEY BLOCK-----", None),
    "PkcsPrivateKey": (
        r"-----BEGIN (?:RSA |EC |ENCRYPTED )?PRIVATE KEY-----(?s:.)*?-----END [A-Z ]*PRIVATE KEY-----",
        None,
    ),
    "PuttyPrivateKey": (r"PuTTY-User-Key-File-\d: \S+(?s:.)*?Private-MAC: [0-9a-f]+", None),
}
