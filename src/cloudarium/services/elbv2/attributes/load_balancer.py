"""Attributes of an Application Load Balancer.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html#load-balancer-attributes
"""

from __future__ import annotations

from collections.abc import Mapping

from cloudarium.kernel.errors import AwsError
from cloudarium.services.elbv2.attributes import Attribute, Attributes, boolean, integer, not_yet, one_of, text
from cloudarium.services.elbv2.errors import invalid_configuration


def _always_cross_zone(key: str, value: str) -> AwsError | None:
    if (error := boolean(key, value)) is not None:
        return error
    if value == "false":
        return invalid_configuration("Cross-zone load balancing cannot be disabled for application load balancers")
    return None


_bucket = text(r"[a-z0-9.\-]{0,63}")
_prefix = text(r"(?!.*AWSLogs)[^\0]*")

TABLE = Attributes(
    "Load balancer attribute",
    [
        Attribute("access_logs.s3.enabled", "false", boolean),
        Attribute("access_logs.s3.bucket", "", _bucket),
        Attribute("access_logs.s3.prefix", "", _prefix),
        Attribute("idle_timeout.timeout_seconds", "60", integer(1, 4000)),
        Attribute("deletion_protection.enabled", "false", boolean),
        Attribute("routing.http2.enabled", "true", boolean),
        Attribute("routing.http.drop_invalid_header_fields.enabled", "false", boolean),
        Attribute("routing.http.xff_client_port.enabled", "false", boolean),
        Attribute("routing.http.preserve_host_header.enabled", "false", boolean),
        Attribute("routing.http.xff_header_processing.mode", "append", one_of("append", "preserve", "remove")),
        Attribute("load_balancing.cross_zone.enabled", "true", _always_cross_zone),
        Attribute("routing.http.desync_mitigation_mode", "defensive", one_of("monitor", "defensive", "strictest")),
        Attribute("client_keep_alive.seconds", "3600", integer(60, 604800)),
        # Nothing to fail open from: no web ACL can be associated, so either value is in force as AWS means it.
        Attribute("waf.fail_open.enabled", "false", boolean),
        # Speaks of TLS connections only, and there are no HTTPS listeners yet.
        Attribute("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false", boolean),
        Attribute("connection_logs.s3.enabled", "false", not_yet(boolean, "false")),
        Attribute("connection_logs.s3.bucket", "", _bucket),
        Attribute("connection_logs.s3.prefix", "", _prefix),
        Attribute("health_check_logs.s3.enabled", "false", not_yet(boolean, "false")),
        Attribute("health_check_logs.s3.bucket", "", _bucket),
        Attribute("health_check_logs.s3.prefix", "", _prefix),
        Attribute("zonal_shift.config.enabled", "false", not_yet(boolean, "false")),
        Attribute("ipv6.deny_all_igw_traffic", "false", not_yet(boolean, "false")),
    ],
)


def check(effective: Mapping[str, str]) -> None:
    """Refuse values that do not go together."""
    for kind in ("access", "connection", "health_check"):
        if effective[f"{kind}_logs.s3.enabled"] == "true" and not effective[f"{kind}_logs.s3.bucket"]:
            raise invalid_configuration(f"The value of '{kind}_logs.s3.bucket' cannot be empty")
