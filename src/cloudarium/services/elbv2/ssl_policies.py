"""Predefined security policies: protocols, and ciphers in order of preference.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
"""

from __future__ import annotations

_TLS13, _GCM, _CBC, _SHA1, _RSA, _RSA_SHA1, _DES = (
    "tls13",
    "forward secrecy, GCM",
    "forward secrecy, CBC",
    "forward secrecy, SHA-1",
    "RSA",
    "RSA, SHA-1",
    "3DES",
)

_CIPHERS = (
    ("TLS_AES_128_GCM_SHA256", _TLS13),
    ("TLS_AES_256_GCM_SHA384", _TLS13),
    ("TLS_CHACHA20_POLY1305_SHA256", _TLS13),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", _GCM),
    ("ECDHE-RSA-AES128-GCM-SHA256", _GCM),
    ("ECDHE-ECDSA-AES128-SHA256", _CBC),
    ("ECDHE-RSA-AES128-SHA256", _CBC),
    ("ECDHE-ECDSA-AES128-SHA", _SHA1),
    ("ECDHE-RSA-AES128-SHA", _SHA1),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", _GCM),
    ("ECDHE-RSA-AES256-GCM-SHA384", _GCM),
    ("ECDHE-ECDSA-AES256-SHA384", _CBC),
    ("ECDHE-RSA-AES256-SHA384", _CBC),
    ("ECDHE-RSA-AES256-SHA", _SHA1),
    ("ECDHE-ECDSA-AES256-SHA", _SHA1),
    ("AES128-GCM-SHA256", _RSA),
    ("AES128-SHA256", _RSA),
    ("AES128-SHA", _RSA_SHA1),
    ("AES256-GCM-SHA384", _RSA),
    ("AES256-SHA256", _RSA),
    ("AES256-SHA", _RSA_SHA1),
    ("DES-CBC3-SHA", _DES),
)

_RESTRICTED = (_GCM,)
_MODERN = (_GCM, _CBC)
_FORWARD = (_GCM, _CBC, _SHA1)
_NO_SHA1 = (_GCM, _CBC, _RSA)
_ALL = (_GCM, _CBC, _SHA1, _RSA, _RSA_SHA1)
_1_2, _1_1, _1_0 = ("TLSv1.2",), ("TLSv1.2", "TLSv1.1"), ("TLSv1.2", "TLSv1.1", "TLSv1")


def _policy(protocols: tuple[str, ...], classes: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return protocols, tuple(name for name, kind in _CIPHERS if kind in classes)


def _with_tls13(protocols: tuple[str, ...], classes: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return _policy(("TLSv1.3", *protocols), (_TLS13, *classes))


_TLS13_FAMILY = {
    "1-3": ((), ()),
    "1-2-Res": (_1_2, _RESTRICTED),
    "1-2": (_1_2, _MODERN),
    "1-2-Ext1": (_1_2, _NO_SHA1),
    "1-2-Ext2": (_1_2, _ALL),
    "1-1": (_1_1, _ALL),
    "1-0": (_1_0, _ALL),
}

POLICIES = {
    **{f"ELBSecurityPolicy-TLS13-{name}-2021-06": _with_tls13(*what) for name, what in _TLS13_FAMILY.items()},
    **{
        f"ELBSecurityPolicy-TLS13-{name}-PQ-2025-09": _with_tls13(*what)
        for name, what in _TLS13_FAMILY.items()
        if name != "1-1"
    },
    "ELBSecurityPolicy-TLS-1-2-Ext-2018-06": _policy(_1_2, _ALL),
    "ELBSecurityPolicy-TLS-1-2-2017-01": _policy(_1_2, _NO_SHA1),
    "ELBSecurityPolicy-TLS-1-1-2017-01": _policy(_1_1, _ALL),
    "ELBSecurityPolicy-2016-08": _policy(_1_0, _ALL),
    "ELBSecurityPolicy-2015-05": _policy(_1_0, _ALL),
    "ELBSecurityPolicy-TLS-1-0-2015-04": _policy(_1_0, (*_ALL, _DES)),
    "ELBSecurityPolicy-FS-1-2-Res-2020-10": _policy(_1_2, _RESTRICTED),
    "ELBSecurityPolicy-FS-1-2-Res-2019-08": _policy(_1_2, _MODERN),
    "ELBSecurityPolicy-FS-1-2-2019-08": _policy(_1_2, _FORWARD),
    "ELBSecurityPolicy-FS-1-1-2019-08": _policy(_1_1, _FORWARD),
    "ELBSecurityPolicy-FS-2018-06": _policy(_1_0, _FORWARD),
}
"""Name to (protocols, ciphers)."""
