"""Push and pull with the clients people use (ECR-1, ECR-2, ECR-4)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from tests.conftest import fresh_number
from tests.support.aws import Account
from tests.support.cloud import RunningCloud, free_port, until
from tests.support.registry import INDEX, MANIFEST, Layout, Registry, digest_of
from tests.support.terraform import Terraform

pytestmark = pytest.mark.timeout(300)

HELM_CONFIG = "application/vnd.cncf.helm.config.v1+json"
HELM_CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"


@pytest.fixture
def registry(account: Account, tmp_path: Path) -> Registry:
    """An account's registry, logged in to with ``get-login-password``."""
    found = Registry(account, tmp_path)
    found.login()
    return found


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """An image ``v1``, another for a second machine, and an index ``all`` of both."""
    made = Layout(tmp_path / "layout")
    one = made.image("v1", {"app": os.urandom(700_000)}, Cmd=["/app"])
    other = made.image("", {"app": b"other"}, architecture="arm64")
    made.index("all", (one, "amd64"), (other, "arm64"))
    return made


def files(folder: Path) -> set[str]:
    """The digests in a folder that skopeo copied an image to."""
    return {digest_of(path.read_bytes()) for path in folder.iterdir() if path.name != "version"}


def test_skopeo_there_and_back(registry: Registry, layout: Layout, tmp_path: Path) -> None:
    uri = registry.create("team/web")
    assert uri == registry.uri("team/web")
    registry.copy(f"oci:{layout.folder}:v1", f"docker://{uri}:v1")
    registry.copy(f"docker://{uri}:v1", f"dir:{tmp_path / 'back'}")
    (shown,) = registry.account.ecr.describe_images(repositoryName="team/web")["imageDetails"]
    assert shown["imageTags"] == ["v1"]
    assert shown["imageDigest"] in files(tmp_path / "back")
    assert shown["lastRecordedPullTime"]
    assert '"v1"' in registry.run("skopeo", "list-tags", "--tls-verify=false", f"docker://{uri}")
    # What was pushed is on the record: the registry is another way to the same API.
    trail = registry.account.cloudtrail.lookup_events(
        LookupAttributes=[{"AttributeKey": "EventName", "AttributeValue": "PutImage"}]
    )["Events"]
    assert json.loads(trail[0]["CloudTrailEvent"])["requestParameters"]["imageTag"] == "v1"


def test_every_image_of_an_index(registry: Registry, layout: Layout, tmp_path: Path) -> None:
    uri = registry.create("multi")
    registry.copy(f"oci:{layout.folder}:all", f"docker://{uri}:all", "--all")
    registry.copy(f"docker://{uri}:all", f"oci:{tmp_path / 'back'}:all", "--all")
    shown = registry.account.ecr.describe_images(repositoryName="multi")["imageDetails"]
    assert sorted(each["imageManifestMediaType"] for each in shown) == [INDEX, MANIFEST, MANIFEST]
    tagged = [each for each in shown if "imageTags" in each]
    assert [each["imageTags"] for each in tagged] == [["all"]]
    # To another repository: the blobs are mounted, not sent again.
    again = registry.create("multi/copy")
    registry.copy(f"docker://{uri}:all", f"docker://{again}:all", "--all")
    assert len(registry.account.ecr.describe_images(repositoryName="multi/copy")["imageDetails"]) == 3


def test_docker_manifests(registry: Registry, layout: Layout, tmp_path: Path) -> None:
    uri = registry.create("docker")
    registry.copy(f"oci:{layout.folder}:v1", f"docker://{uri}:v2s2", "--format", "v2s2")
    (shown,) = registry.account.ecr.describe_images(repositoryName="docker")["imageDetails"]
    assert shown["imageManifestMediaType"] == "application/vnd.docker.distribution.manifest.v2+json"


def test_a_helm_chart(registry: Registry, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "chart")
    config = layout.blob(b'{"name": "web", "version": "0.1.0"}', HELM_CONFIG)
    layout.manifest("0.1.0", config, [layout.blob(b"a chart", HELM_CHART)])
    uri = registry.create("charts/web")
    registry.copy(f"oci:{layout.folder}:0.1.0", f"docker://{uri}:0.1.0")
    (shown,) = registry.account.ecr.describe_images(repositoryName="charts/web")["imageDetails"]
    assert shown["artifactMediaType"] == HELM_CONFIG
    registry.copy(f"docker://{uri}:0.1.0", f"oci:{tmp_path / 'back'}:0.1.0")
    assert (tmp_path / "back" / "blobs" / "sha256" / digest_of(b"a chart").partition(":")[2]).exists()


def test_refusals_in_the_clients_words(registry: Registry, layout: Layout) -> None:
    number = registry.account.number
    said = registry.copy(f"oci:{layout.folder}:v1", f"docker://{registry.uri('none')}:v1", accept=1)
    assert f"name unknown: The repository with name 'none' does not exist in the registry with id '{number}'" in said
    uri = registry.create("fixed", imageTagMutability="IMMUTABLE")
    registry.copy(f"oci:{layout.folder}:v1", f"docker://{uri}:v1")
    registry.copy(f"oci:{layout.folder}:v1", f"docker://{uri}:v1")
    said = registry.copy(f"oci:{layout.folder}:all", f"docker://{uri}:v1", "--all", accept=1)
    assert "tag invalid: The image tag 'v1' already exists in the 'fixed' repository and cannot be overwritten" in said
    said = registry.copy(f"docker://{uri}:v9", f"dir:{layout.folder / 'x'}", accept=1)
    assert "manifest unknown" in said
    said = registry.copy(f"docker://{uri}:v1", f"dir:{layout.folder / 'x'}", "--src-no-creds", accept=1)
    assert "unauthorized" in said


def test_buildah_and_podman(registry: Registry, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root: podman's storage is a mount")
    uri = registry.create("built")
    # podman takes short paths only.
    short = tempfile.TemporaryDirectory(prefix="ecr-")
    request.addfinalizer(short.cleanup)
    storage = ["--root", f"{short.name}/s", "--runroot", f"{short.name}/r", "--storage-driver", "vfs"]
    (tmp_path / "app").write_text("from scratch")
    (tmp_path / "Containerfile").write_text('FROM scratch\nCOPY app /app\nCMD ["/app"]\n')
    registry.run("buildah", *storage, "build", "--isolation", "chroot", "-t", f"{uri}:1", str(tmp_path))
    registry.run("buildah", *storage, "push", "--tls-verify=false", f"{uri}:1")
    registry.run("buildah", *storage, "rmi", f"{uri}:1")
    registry.run("podman", *storage, "pull", "--tls-verify=false", f"{uri}:1")
    shown = registry.run("podman", *storage, "image", "inspect", f"{uri}:1")
    (image,) = registry.account.ecr.describe_images(repositoryName="built")["imageDetails"]
    assert image["imageDigest"] in shown


def test_public_images_without_credentials(registry: Registry, layout: Layout, tmp_path: Path) -> None:
    gallery = getattr(registry.account, "ecr-public")
    made = gallery.create_repository(repositoryName="base")["repository"]
    uri = made["repositoryUri"]
    assert uri.startswith(f"{registry.host}/public.ecr.aws/")
    registry.copy(f"oci:{layout.folder}:v1", f"docker://{uri}:1")
    stranger = Registry(Account(registry.account.cloud, fresh_number()), tmp_path / "stranger")
    stranger.folder.mkdir()
    stranger.copy(f"docker://{uri}:1", f"dir:{tmp_path / 'back'}")
    tags = gallery.describe_image_tags(repositoryName="base")["imageTagDetails"]
    assert [each["imageTag"] for each in tags] == ["1"]
    assert tags[0]["imageDetail"]["imageDigest"] in files(tmp_path / "back")
    stranger.copy(f"oci:{layout.folder}:v1", f"docker://{uri}:2", accept=1)
    gallery.delete_repository(repositoryName="base", force=True)


def test_pull_through_another_registry(registry: Registry, layout: Layout, tmp_path: Path) -> None:
    """A registry on this machine stands for one of the world's."""
    server = shutil.which("docker-registry")
    if server is None:
        pytest.skip("docker-registry is not installed")
    upstream = f"localhost:{free_port()}"
    (tmp_path / "registry.yml").write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {tmp_path / 'upstream'}}}}}\n"
        f"http: {{addr: '{upstream.replace('localhost', '127.0.0.1')}'}}\n"
    )
    with (tmp_path / "registry.log").open("wb") as log:
        process = subprocess.Popen([server, "serve", str(tmp_path / "registry.yml")], stdout=log, stderr=log)
    try:
        until(lambda: answers(upstream), "the upstream registry answers")
        registry.copy(f"oci:{layout.folder}:all", f"docker://{upstream}/library/app:1", "--all")
        rule = {"ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": upstream}
        registry.account.ecr.create_pull_through_cache_rule(**rule)
        uri = registry.uri("hub/library/app")
        # An index by its tag, then both images of it by their digests.
        registry.copy(f"docker://{uri}:1", f"oci:{tmp_path / 'one'}:1", "--all")
        said = registry.copy(f"docker://{uri}:2", f"dir:{tmp_path / 'none'}", accept=1)
        assert "manifest unknown" in said
    finally:
        process.kill()
        process.wait()
    # Upstream is gone; what is cached is served.
    registry.copy(f"docker://{uri}:1", f"oci:{tmp_path / 'two'}:1", "--all")
    shown = registry.account.ecr.describe_images(repositoryName="hub/library/app")["imageDetails"]
    assert len(shown) == 3
    registry.account.ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="hub")


def answers(host: str) -> bool:
    """Whether a registry is up."""
    try:
        with urlopen(f"http://{host}/v2/", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_terraform_sees_no_drift(cloud: RunningCloud, tmp_path: Path) -> None:
    account = Account(cloud, fresh_number())
    variables = {"endpoint": cloud.endpoint, "account": account.number}
    terraform = Terraform(Path(__file__).parent / "terraform" / "ecr", tmp_path, variables)
    outputs = terraform.apply()
    assert outputs["url"] == Registry(account, tmp_path).uri("team/web")
    assert not (drift := terraform.drift()), drift
    (found,) = account.ecr.describe_repositories(repositoryNames=["team/web"])["repositories"]
    assert found["imageTagMutability"] == "IMMUTABLE"
    account.ecr.delete_repository(repositoryName="team/web", force=True)


@pytest.fixture(autouse=True)
def _emptied(account: Account) -> Iterator[None]:
    """Repositories with lifecycle policies would wake whenever another test advances the clock."""
    yield
    for each in account.ecr.describe_repositories()["repositories"]:
        account.ecr.delete_repository(repositoryName=each["repositoryName"], force=True)
