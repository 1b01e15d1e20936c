"""``common-config.toml``: credentials, proxies and certificates, as the variables that botocore reads.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/install-CloudWatch-Agent-commandline-fleet.html
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from cloudarium.agent.daemon import NotStarted

_VARIABLES = {
    ("credentials", "shared_credential_profile"): "AWS_PROFILE",
    ("credentials", "shared_credential_file"): "AWS_SHARED_CREDENTIALS_FILE",
    ("proxy", "http_proxy"): "HTTP_PROXY",
    ("proxy", "https_proxy"): "HTTPS_PROXY",
    ("proxy", "no_proxy"): "NO_PROXY",
    ("ssl", "ca_bundle_path"): "AWS_CA_BUNDLE",
}


def variables(path: Path) -> dict[str, str]:
    """What the file sets; nothing when there is none. Raises NotStarted for what it may not hold."""
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise NotStarted(f"{path} cannot be read: {error}") from None
    found = {}
    for section, values in document.items():
        for name, value in values.items() if isinstance(values, dict) else [("", values)]:
            variable = _VARIABLES.get((section, name))
            if variable is None or not isinstance(value, str):
                raise NotStarted(f"{path}: {section}.{name} is not supported")
            found[variable] = value
    return found
