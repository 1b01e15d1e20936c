"""The OCI distribution API over plain HTTP: what the specification says, with AWS's errors (ECR-1)."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, until
from tests.support.registry import CONFIG, INDEX, LAYER, MANIFEST, Answer, Registry, basic, digest_of

REPOSITORY = "team/web"


@pytest.fixture
def registry(account: Account, tmp_path: Path) -> Iterator[Registry]:
    """An account's registry with one repository."""
    found = Registry(account, tmp_path)
    found.create(REPOSITORY)
    yield found
    for each in account.ecr.describe_repositories()["repositories"]:
        account.ecr.delete_repository(repositoryName=each["repositoryName"], force=True)


def base(registry: Registry, name: str = REPOSITORY) -> str:
    return f"/v2/{registry.aws_host}/{name}"


def push_blob(registry: Registry, data: bytes, name: str = REPOSITORY) -> str:
    """Monolithic in one request."""
    digest = digest_of(data)
    done = registry.http("POST", f"{base(registry, name)}/blobs/uploads/?digest={digest}", data)
    assert done.status == 201, done
    return digest


def put_manifest(registry: Registry, reference: str, document: dict[str, object], kind: str = MANIFEST) -> Answer:
    data = json.dumps(document).encode()
    return registry.http("PUT", f"{base(registry)}/manifests/{reference}", data, content_type=kind)


def image(registry: Registry, content: bytes, **more: object) -> dict[str, object]:
    """A manifest of one layer whose blobs are pushed."""
    config = {"mediaType": CONFIG, "digest": push_blob(registry, b"{}" + content), "size": 2 + len(content)}
    layer = {"mediaType": LAYER, "digest": push_blob(registry, content), "size": len(content)}
    return {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer], **more}


def test_who_may_come_in(registry: Registry, tmp_path: Path) -> None:
    challenge = registry.http("GET", "/v2/", auth="")
    assert challenge.status == 401
    realm = f"http://127.0.0.1:{registry.account.cloud.port}/v2/token"
    assert challenge.headers["www-authenticate"] == f'Bearer realm="{realm}",service="ecr.amazonaws.com"'
    basic_wanted = registry.http("GET", "/v2/", auth="", host=registry.aws_host)
    assert basic_wanted.headers["www-authenticate"].startswith(f'Basic realm="http://{registry.aws_host}/"')
    ours = registry.http("GET", "/v2/")
    assert (ours.status, ours.headers["docker-distribution-api-version"]) == (200, "registry/2.0")
    assert registry.http("GET", "/v2/", auth=basic("AWS", "nonsense")).status == 401
    assert registry.http("GET", "/v2/", auth=basic("bob", registry.password())).status == 401
    bearer = registry.http("GET", "/v2/token").json()["token"]
    assert registry.http("GET", f"{base(registry)}/tags/list", auth=f"Bearer {bearer}").status == 200
    assert registry.http("POST", "/v2/token", b"grant_type=password", auth="").status == 405
    anonymous = registry.http("GET", "/v2/token", auth="").json()["token"]
    assert registry.http("GET", f"{base(registry)}/tags/list", auth=f"Bearer {anonymous}").status == 401
    stranger = Registry(Account(registry.account.cloud, fresh_number()), tmp_path)
    denied = stranger.http("GET", f"{base(registry)}/tags/list")
    assert denied.error()[:2] == (403, "DENIED")
    # The token was altered: nobody is let in.
    password = registry.password()
    altered = password[:40] + ("A" if password[40] != "A" else "B") + password[41:]
    assert registry.http("GET", "/v2/", auth=basic("AWS", altered)).status == 401


def test_one_repository_by_three_names(registry: Registry) -> None:
    digest = push_blob(registry, b"layer")
    by_host = registry.http("HEAD", f"/v2/{REPOSITORY}/blobs/{digest}", host=registry.aws_host)
    local = registry.http(
        "HEAD", f"/v2/{REPOSITORY}/blobs/{digest}", host=f"{registry.account.number}.dkr.ecr.us-east-1.localhost"
    )
    bare = registry.http("HEAD", f"/v2/{REPOSITORY}/blobs/{digest}")
    assert [each.status for each in (by_host, local, bare)] == [200, 200, 200]
    elsewhere = registry.http(
        "HEAD", f"/v2/{REPOSITORY}/blobs/{digest}", host=registry.aws_host.replace("us-east-1", "eu-west-1")
    )
    assert elsewhere.status == 404
    missing = registry.http("POST", f"{base(registry, 'none')}/blobs/uploads/")
    number = registry.account.number
    assert missing.error() == (
        404, "NAME_UNKNOWN", f"The repository with name 'none' does not exist in the registry with id '{number}'"
    )  # fmt: skip


def test_a_signed_call_below_the_same_path_is_not_the_registrys(registry: Registry) -> None:
    """API Gateway's own API lives below /v2/ too."""
    made = registry.account.apigatewayv2.create_api(Name="a", ProtocolType="HTTP")
    assert made["ApiId"]


def test_chunks(registry: Registry) -> None:
    begun = registry.http("POST", f"{base(registry)}/blobs/uploads/")
    assert (begun.status, begun.headers["range"]) == (202, "0-0")
    place = begun.headers["location"]
    first = registry.http("PATCH", place, b"a" * 100, content_range="0-99")
    assert (first.status, first.headers["range"]) == (202, "0-99")
    gap = registry.http("PATCH", place, b"c" * 100, content_range="200-299")
    assert (gap.status, gap.headers["range"]) == (416, "0-99")
    again = registry.http("PATCH", place, b"a" * 100, content_range="0-99")
    assert again.status == 416
    progress = registry.http("GET", place)
    assert (progress.status, progress.headers["range"]) == (204, "0-99")
    data = b"a" * 100 + b"b" * 100
    wrong = registry.http("PUT", f"{place}?digest={digest_of(b'x')}")
    assert wrong.error()[:2] == (400, "DIGEST_INVALID")
    done = registry.http("PUT", f"{place}?digest={digest_of(data)}", b"b" * 100, content_range="100-199")
    assert (done.status, done.headers["docker-content-digest"]) == (201, digest_of(data))
    assert registry.http("GET", done.headers["location"]).body == data
    assert registry.http("GET", place).error()[:2] == (404, "BLOB_UPLOAD_UNKNOWN")
    other = registry.http("POST", f"{base(registry)}/blobs/uploads/").headers["location"]
    assert registry.http("DELETE", other).status == 204
    assert registry.http("PATCH", other, b"x").status == 404


def test_blobs(registry: Registry) -> None:
    data = os.urandom(3_000_000)
    digest = push_blob(registry, data)
    head = registry.http("HEAD", f"{base(registry)}/blobs/{digest}")
    assert (head.headers["content-length"], head.headers["docker-content-digest"]) == (str(len(data)), digest)
    whole = registry.http("GET", f"{base(registry)}/blobs/{digest}")
    assert (whole.body == data, whole.headers.get("transfer-encoding")) == (True, None)
    part = registry.http("GET", f"{base(registry)}/blobs/{digest}", range="bytes=1000000-1999999")
    assert (part.status, part.body == data[1_000_000:2_000_000]) == (206, True)
    assert part.headers["content-range"] == f"bytes 1000000-1999999/{len(data)}"
    assert registry.http("GET", f"{base(registry)}/blobs/{digest}", range="bytes=3000000-").status == 416
    assert registry.http("GET", f"{base(registry)}/blobs/{digest_of(b'?')}").error()[:2] == (404, "BLOB_UNKNOWN")
    assert registry.http("GET", f"{base(registry)}/blobs/sha256:1").error()[:2] == (400, "DIGEST_INVALID")
    assert registry.http("DELETE", f"{base(registry)}/blobs/{digest}").error()[:2] == (405, "UNSUPPORTED")
    # Another repository does not have it until it is mounted there.
    registry.create("other")
    there = base(registry, "other")
    assert registry.http("HEAD", f"{there}/blobs/{digest}").status == 404
    mount = f"{there}/blobs/uploads/?mount={digest}&from={registry.aws_host}/{REPOSITORY}"
    assert registry.http("POST", mount).status == 201
    assert registry.http("HEAD", f"{there}/blobs/{digest}").status == 200
    assert registry.http("POST", f"{there}/blobs/uploads/?mount={digest_of(b'?')}&from={REPOSITORY}").status == 202


def test_a_layers_address_needs_no_credentials(registry: Registry) -> None:
    digest = push_blob(registry, b"layer")
    asked = {"repositoryName": REPOSITORY, "layerDigest": digest}
    address = registry.account.ecr.get_download_url_for_layer(**asked)["downloadUrl"]
    with urlopen(address, timeout=10) as answer:
        assert answer.read() == b"layer"
    parts = urlsplit(address)
    assert registry.http("GET", f"{parts.path}?{parts.query[:-1]}", auth="").status == 401
    other = f"{base(registry)}/blobs/{push_blob(registry, b'other')}"
    assert registry.http("GET", f"{other}?{parts.query}", auth="").status == 401


def test_manifests(registry: Registry) -> None:
    document = image(registry, b"one")
    put = put_manifest(registry, "v1", document)
    data = json.dumps(document).encode()
    assert (put.status, put.headers["docker-content-digest"]) == (201, digest_of(data))
    assert put_manifest(registry, "v1", document).status == 201
    for reference in ("v1", digest_of(data)):
        got = registry.http("GET", f"{base(registry)}/manifests/{reference}", accept=f"text/plain, {MANIFEST};q=0.9")
        assert (got.status, got.body, got.headers["content-type"]) == (200, data, MANIFEST)
    head = registry.http("HEAD", f"{base(registry)}/manifests/v1")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(data)))
    assert registry.http("GET", f"{base(registry)}/manifests/v1", accept=INDEX).error()[:2] == (404, "MANIFEST_UNKNOWN")
    assert registry.http("GET", f"{base(registry)}/manifests/v2").error()[:2] == (404, "MANIFEST_UNKNOWN")
    assert put_manifest(registry, digest_of(b"?"), document).error()[:2] == (400, "DIGEST_INVALID")
    layers = [{"mediaType": LAYER, "digest": digest_of(b"?"), "size": 1}]
    assert put_manifest(registry, "v2", document | {"layers": layers}).error()[:2] == (404, "BLOB_UNKNOWN")
    assert put_manifest(registry, "v2", {}).error()[:2] == (400, "MANIFEST_INVALID")
    big = registry.http("PUT", f"{base(registry)}/manifests/v3", b" " * 4_194_305, content_type=MANIFEST)
    assert big.status == 413


def test_lists_deletion_and_referrers(registry: Registry) -> None:
    document = image(registry, b"one")
    digest = digest_of(json.dumps(document).encode())
    for tag in ("b", "a", "c"):
        put_manifest(registry, tag, document)
    page = registry.http("GET", f"{base(registry)}/tags/list?n=2")
    assert page.json()["tags"] == ["a", "b"]
    more = page.headers["link"].partition(">")[0].lstrip("<")
    assert registry.http("GET", more).json()["tags"] == ["c"]
    assert registry.http("GET", "/v2/_catalog").json() == {"repositories": [REPOSITORY]}
    subject = {"mediaType": MANIFEST, "digest": digest, "size": 1}
    signature = image(registry, b"sig", subject=subject, artifactType="application/x.sig", annotations={"k": "v"})
    put = put_manifest(registry, digest_of(json.dumps(signature).encode()), signature)
    assert (put.status, put.headers["oci-subject"]) == (201, digest)
    found = registry.http("GET", f"{base(registry)}/referrers/{digest}")
    assert found.headers["content-type"] == INDEX
    (row,) = found.json()["manifests"]
    assert (row["artifactType"], row["annotations"]) == ("application/x.sig", {"k": "v"})
    none = registry.http("GET", f"{base(registry)}/referrers/{digest}?artifactType=application/y")
    assert (none.json()["manifests"], none.headers["oci-filters-applied"]) == ([], "artifactType")
    assert registry.http("GET", f"{base(registry)}/referrers/{digest_of(b'?')}").json()["manifests"] == []
    assert registry.http("DELETE", f"{base(registry)}/manifests/a").status == 202
    assert registry.http("GET", f"{base(registry)}/tags/list").json()["tags"] == ["b", "c"]
    assert registry.http("DELETE", f"{base(registry)}/manifests/{digest}").status == 202
    assert registry.account.ecr.list_images(repositoryName=REPOSITORY)["imageIds"] == []


def test_repositories_made_on_push(registry: Registry) -> None:
    settings = {"appliedFor": ["CREATE_ON_PUSH"], "imageTagMutability": "IMMUTABLE"}
    registry.account.ecr.create_repository_creation_template(prefix="auto", **settings)
    assert push_blob(registry, b"layer", "auto/made")
    (made,) = registry.account.ecr.describe_repositories(repositoryNames=["auto/made"])["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE"
    assert registry.http("POST", f"{base(registry, 'automatic')}/blobs/uploads/").status == 404


def test_a_token_is_good_for_twelve_hours(registry: Registry) -> None:
    auth = f"Basic {registry.token()}"
    registry.account.cloud.advance("11h")
    assert registry.http("GET", "/v2/", auth=auth).status == 200
    registry.account.cloud.advance("61m")
    assert registry.http("GET", "/v2/", auth=auth).status == 401


def test_memory_stays_flat_while_a_big_layer_goes_through(registry: Registry) -> None:
    pid = registry.account.cloud.pids()["cloud"]

    def resident() -> int:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096

    piece = os.urandom(1 << 20)
    push_blob(registry, b"warm")
    before, size = resident(), 200
    place = registry.http("POST", f"{base(registry)}/blobs/uploads/").headers["location"]
    auth = f"Basic {registry.token()}"
    with socket.create_connection(("127.0.0.1", registry.account.cloud.port)) as client:
        head = f"PATCH {place} HTTP/1.1\r\nHost: {registry.host}\r\nAuthorization: {auth}\r\n"
        client.sendall(f"{head}Content-Length: {size << 20}\r\n\r\n".encode())
        for _ in range(size):
            client.sendall(piece)
        assert client.recv(4096).startswith(b"HTTP/1.1 202 ")
    assert resident() - before < 24 << 20
    assert registry.http("DELETE", place).status == 204


def test_two_requests_do_not_mix_their_bytes(registry: Registry) -> None:
    place = registry.http("POST", f"{base(registry)}/blobs/uploads/").headers["location"]
    auth = f"Basic {registry.token()}"
    with socket.create_connection(("127.0.0.1", registry.account.cloud.port)) as client:
        head = f"PATCH {place} HTTP/1.1\r\nHost: {registry.host}\r\nAuthorization: {auth}\r\n"
        client.sendall(f"{head}Content-Length: 20\r\n\r\n".encode() + b"a" * 10)
        until(lambda: registry.http("GET", place).headers["range"] == "0-9", "the first half has come")
        assert registry.http("PATCH", place, b"b" * 10).error()[:2] == (409, "BLOB_UPLOAD_INVALID")
        client.sendall(b"a" * 10)
        assert client.recv(4096).startswith(b"HTTP/1.1 202 ")
    done = registry.http("PUT", f"{place}?digest={digest_of(b'a' * 20)}")
    assert done.status == 201


def test_an_ordinary_users_registry(ordinary_cloud: RunningCloud, tmp_path: Path) -> None:
    registry = Registry(Account(ordinary_cloud, fresh_number()), tmp_path)
    registry.create(REPOSITORY)
    document = image(registry, b"one")
    assert put_manifest(registry, "v1", document).status == 201
    assert registry.http("GET", f"{base(registry)}/manifests/v1").json() == document
    assert registry.http("GET", f"{base(registry)}/blobs/{digest_of(b'one')}").body == b"one"


def test_kill_9_in_the_middle_of_an_upload(own_cloud: RunningCloud, tmp_path: Path) -> None:
    """What was answered is there; the upload goes on where its bytes end."""
    registry = Registry(Account(own_cloud, fresh_number()), tmp_path)
    registry.create(REPOSITORY)
    document = image(registry, b"one")
    assert put_manifest(registry, "v1", document).status == 201
    place = registry.http("POST", f"{base(registry)}/blobs/uploads/").headers["location"]
    registry.http("PATCH", place, b"a" * 1000)
    auth = f"Basic {registry.token()}"
    with socket.create_connection(("127.0.0.1", own_cloud.port)) as client:
        head = f"PATCH {place} HTTP/1.1\r\nHost: {registry.host}\r\nAuthorization: {auth}\r\n"
        client.sendall(f"{head}Content-Length: 5000\r\n\r\n".encode() + b"b" * 2000)
        uploads = own_cloud.folder.rglob("uploads/*")
        (file,) = list(uploads)
        until(lambda: file.stat().st_size == 3000, "the piece reaches the file")
        os.kill(own_cloud.pids()["cloud"], signal.SIGKILL)
    progress = registry.http("GET", place, auth=auth)
    assert (progress.status, progress.headers["range"]) == (204, "0-2999")
    data = b"a" * 1000 + b"b" * 5000
    done = registry.http("PUT", f"{place}?digest={digest_of(data)}", b"b" * 3000, auth=auth, content_range="3000-5999")
    assert done.status == 201
    assert registry.http("GET", done.headers["location"], auth=auth).body == data
    got = registry.http("GET", f"{base(registry)}/manifests/v1", auth=auth)
    assert got.json() == document
