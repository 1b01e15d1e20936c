"""Manifests, references, platforms, challenges, credentials: values in, values out."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudarium.substrate.images.assemble import Changes, change, new_config
from cloudarium.substrate.images.challenges import parse_challenge
from cloudarium.substrate.images.credentials import RegistryAuth, _File, credentials_in
from cloudarium.substrate.images.errors import (
    ImageError,
    InvalidManifest,
    InvalidReference,
    NoMatchingPlatform,
    UnsupportedCredentials,
)
from cloudarium.substrate.images.manifests import Index, Manifest, check_image, parse, parse_config
from cloudarium.substrate.images.model import DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST, Descriptor
from cloudarium.substrate.images.platforms import choose
from cloudarium.substrate.images.references import is_loopback, parse_reference, short_names

DIGEST = "sha256:" + "0" * 64


def descriptor(**fields: Any) -> dict[str, Any]:
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": DIGEST, "size": 1, **fields}


def manifest(**fields: Any) -> bytes:
    return json.dumps({"schemaVersion": 2, "config": descriptor(), "layers": [descriptor()], **fields}).encode()


def test_kinds_of_documents() -> None:
    assert isinstance(parse(manifest()), Manifest)
    assert parse(manifest(), DOCKER_MANIFEST).media_type == DOCKER_MANIFEST
    assert parse(manifest(mediaType=OCI_MANIFEST), DOCKER_MANIFEST).media_type == OCI_MANIFEST
    index = json.dumps({"schemaVersion": 2, "manifests": [descriptor(platform={"os": "linux"})]}).encode()
    assert isinstance(parse(index), Index)
    assert parse(index, DOCKER_LIST + "; charset=utf-8").media_type == DOCKER_LIST


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000, b'{"a":' * 100_000,
        manifest(manifests=[]),
        manifest(mediaType=OCI_INDEX),
        manifest(schemaVersion=1),
        manifest(layers=None),
        manifest(layers=[descriptor()] * 128),
        manifest(layers=[descriptor(digest="sha256:../../x")]),
        manifest(layers=[descriptor(size=-1)]),
        manifest(layers=[descriptor(size=1 << 60)]),
        manifest(fsLayers=[]),
        b" " * (5 << 20),
    ],
)  # fmt: skip
def test_what_is_no_manifest(data: bytes) -> None:
    with pytest.raises(InvalidManifest):
        parse(data)


def test_old_and_foreign_things_are_refused_by_name() -> None:
    with pytest.raises(InvalidManifest, match=r"manifest\.v1"):
        parse(manifest(), "application/vnd.docker.distribution.manifest.v1+prettyjws")
    found = parse(manifest(layers=[descriptor(mediaType="application/vnd.in-toto+json")]))
    assert isinstance(found, Manifest)
    with pytest.raises(InvalidManifest, match="in-toto"):
        check_image(found, (DIGEST,))
    with pytest.raises(InvalidManifest, match="mismatched"):
        check_image(Manifest(OCI_MANIFEST, found.config, ()), (DIGEST,))


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["schemaVersion", "config", "layers", "manifests", "mediaType", "digest", "size", "platform",
                     "rootfs", "diff_ids", "Env", "Cmd", "ExposedPorts", "Labels"]), inner)))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_json_is_read_or_refused(value: Any) -> None:
    for read in (parse, parse_config):
        try:
            read(json.dumps(value).encode())
        except ImageError:
            pass


def test_a_configuration_and_its_changes() -> None:
    config = {
        "architecture": "arm64",
        "config": {
            "Env": ["A=1", "B=2"],
            "Cmd": ["c"],
            "ExposedPorts": {"80/tcp": {}},
            "Healthcheck": {"Test": ["NONE"]},
        },
        "rootfs": {"diff_ids": [DIGEST]},
        "history": [{"created_by": "x"}],
    }
    body = json.dumps(config).encode()
    found, diff_ids = parse_config(body)
    assert (found.env, found.cmd, found.exposed_ports, diff_ids) == (["A=1", "B=2"], ["c"], ["80/tcp"], (DIGEST,))
    assert found.healthcheck == {"Test": ["NONE"]}
    changed = change(body, Changes(env=["A=3", "C=4"], entrypoint=["e"], exposed_ports=["81"], labels={"l": "1"}))
    found, _ = parse_config(changed)
    assert (found.env, found.entrypoint, found.cmd) == (["B=2", "A=3", "C=4"], ["e"], [])
    assert found.exposed_ports == ["80/tcp", "81/tcp"]
    assert json.loads(changed)["history"] == config["history"]
    assert parse_config(new_config("linux/arm/v7", [DIGEST]))[0].variant == "v7"
    for bad in (b"[]", b'{"config": 3}', b"{", b'{"rootfs": {"diff_ids": ["x"]}}'):
        with pytest.raises(InvalidManifest):
            parse_config(change(bad, Changes(cmd=["x"])))


@pytest.mark.parametrize(
    ("text", "full", "endpoint"),
    [
        ("nginx", "docker.io/library/nginx:latest", "registry-1.docker.io"),
        ("user/app:1", "docker.io/user/app:1", "registry-1.docker.io"),
        ("docker.io/nginx", "docker.io/library/nginx:latest", "registry-1.docker.io"),
        ("localhost/a", "localhost/a:latest", "localhost"),
        ("localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000"),
        ("quay.io/a@" + DIGEST, "quay.io/a@" + DIGEST, "quay.io"),
        ("quay.io/a:1@" + DIGEST, "quay.io/a@" + DIGEST, "quay.io"),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000"),
    ],
)
def test_references(text: str, full: str, endpoint: str) -> None:
    found = parse_reference(text)
    assert (str(found), found.endpoint) == (full, endpoint)


@pytest.mark.parametrize(
    "text", ["", "A", "a b", "a@sha256:1", "a@", "a:", ":a", "a/../b", "-a/b", "http://x/y", "a" * 600, "x.y/", "a\n"]
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidReference):
        parse_reference(text)


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_not(text: str) -> None:
    short_names(text)
    try:
        found = parse_reference(text)
    except InvalidReference:
        return
    assert parse_reference(str(found)) == msgspec.structs.replace(found, tag="" if found.digest else found.tag)


def test_names_under_which_an_import_is_found() -> None:
    assert short_names("web") == ["web:latest"]
    assert short_names("docker.io/library/web:1") == ["docker.io/library/web:1", "web:1"]
    assert short_names("docker.io/me/web") == ["docker.io/me/web:latest", "me/web:latest"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("localhost:1", True), ("127.1.2.3:1", True), ("[::1]:1", True), ("localhost.x.y", False)],
)
def test_which_registries_are_here(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def offered(*platforms: str) -> list[Descriptor]:
    found = []
    for platform in platforms:
        system, architecture, *variant = platform.split("/")
        fields = {"os": system, "architecture": architecture} | ({"variant": variant[0]} if variant else {})
        found.append(Descriptor(platform, DIGEST, 1, fields))
    return found


@pytest.mark.parametrize(
    ("wanted", "platforms", "chosen"),
    [
        ("linux/amd64", ["windows/amd64", "linux/amd64"], "linux/amd64"),
        ("linux/X86_64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], "linux/arm64/v8"),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm64"], "linux/arm/v6"),
        ("linux/amd64", ["linux/amd64/v3", "linux/amd64"], "linux/amd64"),
        ("linux/arm/v6", ["linux/arm/v7"], None),
        ("linux/amd64", ["unknown/unknown", "linux/arm64"], None),
        ("linux/amd64", [], None),
    ],
)
def test_choosing(wanted: str, platforms: list[str], chosen: str | None) -> None:
    if chosen is None:
        with pytest.raises(NoMatchingPlatform):
            choose(offered(*platforms), wanted)
    else:
        assert choose(offered(*platforms), wanted).media_type == chosen


def test_challenges() -> None:
    header = 'Basic realm="a", Bearer realm="https://auth/token?x=1",service="r, \\"s\\"",scope="repository:a:pull"'
    found = parse_challenge(header)
    assert found is not None
    assert found.scheme == "bearer"
    assert found.token_url("") == "https://auth/token?x=1&service=r%2C+%22s%22&scope=repository%3Aa%3Apull"
    assert parse_challenge("Negotiate") is None


@given(st.text(max_size=200))
def test_any_challenge(header: str) -> None:
    found = parse_challenge(header)
    if found is not None:
        found.token_url("x")


def test_which_credentials() -> None:
    reference = parse_reference("quay.io/team/app")
    here, there = {"username": "a", "password": "b"}, {"auth": "dTpw"}
    file = _File(auths={"quay.io": here, "quay.io/team": there})
    assert credentials_in(file, reference, "f") == RegistryAuth(username="u", password="p")
    assert credentials_in(file, parse_reference("quay.io/other"), "f") == RegistryAuth(username="a", password="b")
    assert credentials_in(file, parse_reference("quay.example/a"), "f") is None
    hub = _File(auths={"https://index.docker.io/v1/": there})
    assert credentials_in(hub, parse_reference("nginx"), "f") == RegistryAuth(username="u", password="p")
    for bad in ({"auth": "?"}, {"auth": "dQ=="}, {"identitytoken": "x"}):
        with pytest.raises(UnsupportedCredentials):
            credentials_in(_File(auths={"quay.io": bad}), reference, "f")
    with pytest.raises(UnsupportedCredentials, match="docker-credential-desktop"):
        credentials_in(_File(auths={"quay.io": {}}, creds_store="desktop"), reference, "f")
