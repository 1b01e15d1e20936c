"""Attributes of an HTTP listener: headers of the responses that pass through it.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/header-modification.html
"""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError
from cloudarium.services.elbv2.attributes import Attribute, Attributes, Check, boolean, one_of, text
from cloudarium.services.elbv2.errors import invalid_configuration

_RESPONSE = "routing.http.response."
_REQUEST = "routing.http.request.x_amzn_"

_TEXT = text(r"[\t\x20-\x7e]*", longest=1024)


def _or_empty(check: Check) -> Check:
    def either(key: str, value: str) -> AwsError | None:
        return None if value == "" else check(key, value)

    return either


def _https_only(key: str, value: str) -> AwsError | None:
    return invalid_configuration(f"The attribute '{key}' is only supported for HTTPS listeners")


_VALUES: dict[str, Check] = {
    "strict_transport_security": _TEXT,
    "access_control_allow_origin": _TEXT,
    "access_control_allow_methods": text(r"[A-Z*, \-]*", longest=1024),
    "access_control_allow_headers": text(r"[!#$%&'*+\-.^_`|~0-9A-Za-z, ]*", longest=1024),
    "access_control_allow_credentials": one_of("true"),
    "access_control_expose_headers": text(r"[!#$%&'*+\-.^_`|~0-9A-Za-z, ]*", longest=1024),
    "access_control_max_age": text(r"-?\d{1,6}"),
    "content_security_policy": _TEXT,
    "x_content_type_options": one_of("nosniff"),
    "x_frame_options": _or_empty(text(r"(?i:deny|sameorigin|allow-from \S+)")),
}

RESPONSE_HEADERS = {
    f"{_RESPONSE}{name}.header_value": "-".join(part.capitalize() for part in name.split("_")) for name in _VALUES
}
"""Attribute key to the name of the response header it sets."""

SERVER_ENABLED = f"{_RESPONSE}server.enabled"

TABLE = Attributes(
    "Listener attribute",
    [
        Attribute(SERVER_ENABLED, "true", boolean),
        *(Attribute(f"{_RESPONSE}{name}.header_value", "", _or_empty(check)) for name, check in _VALUES.items()),
    ],
)

HTTPS_ONLY = Attributes(
    "Listener attribute",
    [
        Attribute(f"{_REQUEST}{name}.header_name", "", _https_only)
        for name in (
            "mtls_clientcert_serial_number",
            "mtls_clientcert_issuer",
            "mtls_clientcert_subject",
            "mtls_clientcert_validity",
            "mtls_clientcert_leaf",
            "mtls_clientcert",
            "tls_version",
            "tls_cipher_suite",
        )
    ],
)
"""Keys that AWS knows for HTTPS listeners; refused in its words on an HTTP listener."""
