"""Credentials in the forms AWS gives them.

An access key id carries its account: after the four letters of its kind come eight base32 letters of half the account
number above a fixed offset, and one that tells whether it is odd. So the account can be told without a look-up.
"""

from __future__ import annotations

import base64
import os

from cloudarium.kernel.errors import AwsError

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_OFFSET = 1 << 39
_LENGTH = 20
_TOKEN_BEGINS = "IQoJb3JpZ2luX2Vj"
_TOKEN_BYTES = 510


def new_access_key(account: str, kind: str = "ASIA") -> str:
    """An access key id of 20 characters that carries its 12-digit account."""
    number = int(account)
    part = base64.b32encode((number // 2 + _OFFSET).to_bytes(5, "big")).decode()
    low, *rest = (byte & 31 for byte in os.urandom(_LENGTH - len(kind) - 8))
    parity = low | 16 if number % 2 else low & 15
    return kind + part + "".join(_ALPHABET[five] for five in (parity, *rest))


def account_in(access_key: str) -> str | None:
    """The account that an access key id of AWS's form carries, or None when it is not of that form."""
    if len(access_key) < 13 or any(letter not in _ALPHABET for letter in access_key[4:13]):
        return None
    number = (int.from_bytes(base64.b32decode(access_key[4:12]), "big") - _OFFSET) * 2
    number += _ALPHABET.index(access_key[12]) >> 4
    return f"{number:012d}" if 0 <= number < 10**12 else None


def new_secret_key() -> str:
    """A secret access key: 40 characters."""
    return base64.b64encode(os.urandom(30)).decode()


def new_token(minimum: int = 0) -> str:
    """A session token of at least ``minimum`` characters."""
    size = max(_TOKEN_BYTES, (minimum * 3 + 3) // 4)
    return _TOKEN_BEGINS + base64.b64encode(os.urandom(size)).decode()


def role_account(arn: str) -> tuple[str, str]:
    """Account and name (without path) of a role's ARN; raises ValidationError when it is not one."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "iam" or not parts[5].startswith("role/"):
        raise AwsError("ValidationError", f"{arn} is invalid", 400)
    if not (len(parts[4]) == 12 and parts[4].isdecimal()) or not (name := parts[5].rpartition("/")[2]):
        raise AwsError("ValidationError", f"{arn} is invalid", 400)
    return parts[4], name
