"""The errors of the service, by the codes of its API, in AWS's words.

https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html and the operations' own pages.
"""

from __future__ import annotations

from cloudarium.kernel.errors import AwsError


def invalid(parameter: str, constraint: str) -> AwsError:
    """A parameter that breaks a rule."""
    message = f"Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'"
    return AwsError("InvalidParameterException", message)


def validation(message: str) -> AwsError:
    """Settings that do not go together."""
    return AwsError("ValidationException", message)


def repository_not_found(name: str, registry: str) -> AwsError:
    """No such repository."""
    message = f"The repository with name '{name}' does not exist in the registry with id '{registry}'"
    return AwsError("RepositoryNotFoundException", message)


def image_id_text(image_id: object) -> str:
    """An image id as messages write it."""
    found = image_id if isinstance(image_id, dict) else {}
    return f"{{imageDigest:'{found.get('imageDigest', 'null')}', imageTag:'{found.get('imageTag', 'null')}'}}"


def image_not_found(image_id: object, name: str, registry: str) -> AwsError:
    """No such image."""
    message = (
        f"The image with imageId {image_id_text(image_id)} does not exist within the repository with name '{name}' "
        f"in the registry with id '{registry}'"
    )
    return AwsError("ImageNotFoundException", message)


def upload_not_found(upload: str, name: str, registry: str) -> AwsError:
    """No such upload, or one of another repository."""
    message = (
        f"Upload with id '{upload}' could not be found for the repository with name '{name}' "
        f"in the registry with id '{registry}'"
    )
    return AwsError("UploadNotFoundException", message)


def tag_is_immutable(tag: str, name: str) -> AwsError:
    """A tag that may not move to another image."""
    message = (
        f"The image tag '{tag}' already exists in the '{name}' repository and cannot be overwritten because the "
        "repository is immutable."
    )
    return AwsError("ImageTagAlreadyExistsException", message)


def denied(principal: str, action: str, arn: str, *, explicit: bool = False) -> AwsError:
    """The repository's or registry's policy does not let the caller."""
    why = (
        "with an explicit deny in a resource-based policy"
        if explicit
        else f"because no resource-based policy allows the ecr:{action} action"
    )
    message = f"User: {principal} is not authorized to perform: ecr:{action} on resource: {arn} {why}"
    return AwsError("AccessDeniedException", message)


def limit(message: str) -> AwsError:
    """A quota is used up."""
    return AwsError("LimitExceededException", message)
