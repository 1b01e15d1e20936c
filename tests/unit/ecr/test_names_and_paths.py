"""Pure parts: mutability filters, manifests, policies, paths and ranges of the registry, names."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudarium.kernel.errors import AwsError
from cloudarium.kernel.identity import Principal, root
from cloudarium.kernel.store import Scope
from cloudarium.services.ecr import manifests, mutability, names, policies
from cloudarium.services.ecr.registry import routes
from cloudarium.services.ecr.registry.routes import Route
from cloudarium.services.ecr.wildcards import matches

DIGEST = "sha256:" + "a" * 64


# -- mutability --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "filters", "tag", "immutable"),
    [
        ("MUTABLE", (), "v1", False),
        ("IMMUTABLE", (), "latest", True),
        ("IMMUTABLE_WITH_EXCLUSION", ("latest", "dev-*"), "latest", False),
        ("IMMUTABLE_WITH_EXCLUSION", ("latest", "dev-*"), "dev-7", False),
        ("IMMUTABLE_WITH_EXCLUSION", ("latest", "dev-*"), "xdev-7", True),
        ("IMMUTABLE_WITH_EXCLUSION", ("la.est",), "latest", True),
        ("MUTABLE_WITH_EXCLUSION", ("v*.*",), "v1.0", True),
        ("MUTABLE_WITH_EXCLUSION", ("v*.*",), "latest", False),
    ],
)
def test_mutability(setting: str, filters: tuple[str, ...], tag: str, immutable: bool) -> None:
    assert mutability.is_immutable(tag, setting, filters) is immutable


@pytest.mark.parametrize(
    "request_",
    [
        {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"},
        {"imageTagMutability": "IMMUTABLE", "imageTagMutabilityExclusionFilters": [{"filter": "a"}]},
        {"imageTagMutability": "MUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": [{"filter": "a b"}]},
        {"imageTagMutability": "SOMETIMES"},
    ],
)
def test_settings_that_do_not_go_together(request_: dict[str, Any]) -> None:
    with pytest.raises(AwsError, match="InvalidParameterException"):
        mutability.read_setting(request_)


@given(st.text(alphabet="ab?", max_size=8), st.text(alphabet="ab*?", max_size=6), st.booleans())
def test_wildcards_mean_what_a_regular_expression_says(text: str, pattern: str, single: bool) -> None:
    expression = re.escape(pattern).replace(r"\*", ".*")
    if single:
        expression = expression.replace(r"\?", ".")
    assert matches(text, pattern, single=single) == (re.fullmatch(expression, text) is not None)


def test_wildcards_cost_little() -> None:
    assert not matches("a" * 300, "*a" * 64 + "b")


# -- manifests ---------------------------------------------------------------------------------------------------------


def manifest(**more: Any) -> bytes:
    layer = {"mediaType": "x", "digest": DIGEST, "size": 7}
    return json.dumps({"schemaVersion": 2, "config": layer, "layers": [layer], **more}).encode()


def test_manifest_types() -> None:
    assert manifests.parse(manifest()).media_type == manifests.OCI_MANIFEST
    assert manifests.parse(manifest(), manifests.DOCKER_MANIFEST).media_type == manifests.DOCKER_MANIFEST
    assert manifests.parse(manifest(), "application/json").media_type == manifests.OCI_MANIFEST
    index = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
    assert manifests.parse(index).media_type == manifests.OCI_INDEX


def test_layers_that_are_elsewhere_are_not_asked_for() -> None:
    foreign = {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": DIGEST, "size": 1}
    parsed = manifests.parse(manifest(layers=[foreign, foreign | {"mediaType": "y", "urls": ["http://h/"]}]))
    assert len(parsed.blobs) == 1


@pytest.mark.parametrize(
    ("data", "declared"),
    [
        (b"", ""),
        (b"[" * 5000, ""),
        (b'{"schemaVersion": 1}', ""),
        (b'{"schemaVersion": 2}', ""),
        (manifest(mediaType=manifests.OCI_MANIFEST), manifests.DOCKER_MANIFEST),
        (manifest(mediaType="text/plain"), ""),
        (manifest(layers=[{"digest": "sha256:../../etc"}]), ""),
        (manifest(subject={"digest": "md5:1"}), ""),
        (manifest(layers=[{"digest": DIGEST}] * 5000), ""),
    ],
)
def test_bad_manifests(data: bytes, declared: str) -> None:
    with pytest.raises(manifests.BadManifest):
        manifests.parse(data, declared)


@given(st.binary(max_size=300), st.text(max_size=30))
def test_any_bytes_are_a_manifest_or_refused(data: bytes, declared: str) -> None:
    with pytest.raises(manifests.BadManifest):
        manifests.parse(data, declared)


# -- names and paths ---------------------------------------------------------------------------------------------------

_REPOSITORY = st.from_regex(
    r"[a-z0-9]{1,4}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,4}){0,2}(?:/[a-z0-9]{1,4}){0,3}", fullmatch=True
)
_TAG = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True)


def test_places() -> None:
    aws = names.place_of_host("111122223333.dkr.ecr.eu-west-1.amazonaws.com")
    assert aws is not None and aws.scope == Scope("111122223333", "eu-west-1")
    assert names.place_of_host("111122223333.dkr.ecr.eu-west-1.localhost") == aws
    assert names.place_of_host("public.ecr.aws") == names.THE_PUBLIC
    assert names.place_of_host("s3.amazonaws.com") is None
    assert names.place_of_path("web/app") == (names.BY_TOKEN, "web/app")
    # Only what AWS would call a registry is one; a repository may well be called like a host.
    assert names.place_of_path("1.dkr.ecr.eu-west-1.amazonaws.com/a")[0] == names.BY_TOKEN


@given(_REPOSITORY.filter(names.is_repository), st.sampled_from(["111122223333", "000000000000"]))
def test_repository_uris_lead_back(name: str, account: str) -> None:
    scope = Scope(account, "ap-northeast-1")
    host, _, path = names.repository_uri(4566, scope, name).partition("/")
    assert host == "localhost:4566"
    assert names.place_of_path(path) == (names.Place(scope), name)


@given(_REPOSITORY, _TAG)
def test_paths(name: str, tag: str) -> None:
    assert routes.read(f"/v2/{name}/manifests/{tag}") == Route("manifest", name, tag)
    assert routes.read(f"/v2/{name}/manifests/{DIGEST.replace(':', '%3A')}") == Route("manifest", name, DIGEST)
    assert routes.read(f"/v2/{name}/blobs/{DIGEST}") == Route("blob", name, DIGEST)
    assert routes.read(f"/v2/{name}/blobs/uploads/") == Route("uploads", name)
    assert routes.read(f"/v2/{name}/blobs/uploads/{tag}") == Route("upload", name, tag)
    assert routes.read(f"/v2/{name}/tags/list") == Route("tags", name)
    assert routes.read(f"/v2/{name}/referrers/{DIGEST}") == Route("referrers", name, DIGEST)


def test_repositories_named_like_endpoints() -> None:
    assert routes.read(f"/v2/manifests/tags/manifests/{DIGEST}") == Route("manifest", "manifests/tags", DIGEST)
    assert routes.read("/v2/blobs/uploads/blobs/uploads/") == Route("uploads", "blobs/uploads")
    assert routes.read("/v2/") == Route("base")
    assert routes.read("/v2/_catalog") == Route("catalog")
    assert routes.read("/v2/a") is None
    assert routes.read("/v2/" + "a/" * 2000 + "tags/list") is None


@given(st.text(max_size=60))
def test_any_path_is_read_or_none(text: str) -> None:
    found = routes.read(f"/v2/{text}")
    kinds = ("base", "catalog", "token", "manifest", "uploads", "upload", "blob", "tags", "referrers")
    assert found is None or found.kind in kinds


@given(st.text(alphabet="bytes=-0123456789, ", max_size=20), st.integers(0, 50))
def test_ranges_stay_within(header: str, size: int) -> None:
    try:
        found = routes.byte_range(header, size)
    except ValueError:
        return
    assert found is None or 0 <= found[0] < found[1] <= size


def test_ranges() -> None:
    assert routes.byte_range("bytes=0-9", 100) == (0, 10)
    assert routes.byte_range("bytes=90-", 100) == (90, 100)
    assert routes.byte_range("bytes=-5", 100) == (95, 100)
    assert routes.byte_range("bytes=0-500", 100) == (0, 100)
    assert routes.byte_range("bytes=0-1,4-5", 100) is None
    with pytest.raises(ValueError, match="no such range"):
        routes.byte_range("bytes=100-", 100)
    assert routes.content_range("5-9") == (5, 9)
    assert routes.content_range("bytes 5-9/*") == (5, 9)
    assert routes.content_range("9-5") is None


# -- policies ----------------------------------------------------------------------------------------------------------

_ROLE = Principal("AssumedRole", "222233334444", "arn:aws:sts::222233334444:assumed-role/ci/s", "x",
                  session_issuer="arn:aws:iam::222233334444:role/ci")  # fmt: skip
_ARN = "arn:aws:ecr:us-east-1:111122223333:repository/web"


def statement(principal: Any, action: Any = "ecr:BatchGetImage", effect: str = "Allow", **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": effect, "Principal": principal, "Action": action, **more}]})  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "who", "allowed"),
    [
        ("", root("111122223333"), True),
        ("", _ROLE, False),
        (statement("*"), _ROLE, True),
        (statement({"AWS": "222233334444"}), _ROLE, True),
        (statement({"AWS": ["arn:aws:iam::222233334444:root"]}), _ROLE, True),
        (statement({"AWS": "arn:aws:iam::222233334444:role/ci"}), _ROLE, True),
        (statement({"AWS": "arn:aws:iam::222233334444:role/other"}), _ROLE, False),
        (statement("*", "ecr:Put*"), _ROLE, False),
        (statement("*", ["ecr:batch*"]), _ROLE, True),
        (statement("*", "ecr:*", "Deny"), root("111122223333"), False),
        (statement("*", Condition={"Bool": {"aws:SecureTransport": "true"}}), _ROLE, False),
        (json.dumps({"Statement": {"Effect": "Allow", "Principal": "*", "NotAction": "ecr:PutImage"}}), _ROLE, True),
    ],
)
def test_policies(policy: str, who: Principal, allowed: bool) -> None:
    if policy:
        policies.check(policy, "repository")
    if allowed:
        policies.authorize(policy, who, "111122223333", "BatchGetImage", _ARN)
    else:
        with pytest.raises(AwsError, match="is not authorized to perform: ecr:BatchGetImage on resource"):
            policies.authorize(policy, who, "111122223333", "BatchGetImage", _ARN)


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"Statement": []}', '{"Statement": [{"Effect": "Allow"}]}', statement("*", "s3:GetObject"),
     statement(["a"]), '{"Version": "2020", "Statement": []}', "[" * 9000],
)  # fmt: skip
def test_texts_that_are_no_policies(text: str) -> None:
    with pytest.raises(AwsError, match="Invalid repository policy provided"):
        policies.check(text, "repository")
