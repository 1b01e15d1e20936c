"""What can go wrong with an image. ``str(error)`` is the reason as a container engine words it, to be put after
``CannotPullContainerError: `` by whoever runs the container.
"""

from __future__ import annotations


class ImageError(Exception):
    """Any failure to find, fetch, read or unpack an image."""

    retryable = False
    """Whether trying again without a change of anything may help."""


class InvalidReference(ImageError):
    """The image's name is not a reference."""


class ImageNotFound(ImageError):
    """No such image: not imported, or the registry has no such repository or tag."""


class ManifestNotFound(ImageNotFound):
    """The registry has no manifest for the reference."""

    def __init__(self, reference: str) -> None:
        super().__init__(f"{reference}: not found")
        self.reference = reference


class BlobNotFound(ImageError):
    """A manifest names a blob that is not in the store, or that the registry does not have."""


class InvalidManifest(ImageError):
    """A manifest, index or image configuration that cannot be understood or exceeds the limits."""


class NoMatchingPlatform(ImageError):
    """An index without an image for the wanted platform."""

    def __init__(self, platform: str, available: str = "") -> None:
        super().__init__(f"image Manifest does not contain descriptor matching platform '{platform}'")
        self.platform = platform
        self.available = available


class CorruptLayer(ImageError):
    """A layer that cannot be decompressed or read, or whose contents do not have the digest of the configuration."""


class HostileArchive(ImageError):
    """An archive that tries to leave its directory, or is larger than it may be."""


class RegistryUnreachable(ImageError):
    """The registry cannot be connected to, or broke off, or answers with its own failure."""

    retryable = True


class RegistryDenied(ImageError):
    """The registry wants other credentials, or none help."""


class UnsupportedCredentials(ImageError):
    """The credentials for a registry are kept by a helper program, which is not run."""


class DiskFull(ImageError):
    """No space left for a blob or a layer."""
