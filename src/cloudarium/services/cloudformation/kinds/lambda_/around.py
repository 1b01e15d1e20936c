"""What belongs to a function: permissions, versions, aliases, layers, sources of events.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Lambda.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudarium.kernel.errors import NotThere
from cloudarium.services.cloudformation.kinds.calls import Once, picked, refuse, unless
from cloudarium.services.cloudformation.kinds.kind import Failed, Work

_NONE = "ResourceNotFoundException"


class Permission(Once):
    """One statement of a function's policy; its physical id is the statement's. Nothing of it can change."""

    type = "AWS::Lambda::Permission"
    service, making = "lambda_", "add_permission"
    unbuilt = frozenset({"EventSourceToken", "FunctionUrlAuthType", "InvokedViaFunctionUrl"})

    async def create(self, work: Work) -> str:
        """Its id."""
        names = ("FunctionName", "Action", "Principal", "SourceArn", "SourceAccount", "PrincipalOrgID")
        return await self.make(work, StatementId=work.short_name(100), **picked(work.properties, names))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """The statement's id."""
        return work.short_name(100)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id``."""
        return {"Id": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Gone with its function as well."""
        with unless(_NONE):
            await work.ctx.aws.lambda_.remove_permission(
                FunctionName=work.properties["FunctionName"], StatementId=work.physical_id
            )


class Version(Once):
    """A version of a function; its physical id is its ARN. Nothing of it can change."""

    type = "AWS::Lambda::Version"
    service, making = "lambda_", "publish_version"
    unbuilt = frozenset({"CodeSha256", "FunctionScalingConfig", "ProvisionedConcurrencyConfig", "RuntimePolicy"})

    async def create(self, work: Work) -> str:
        """Its ARN. Lambda answers with the latest where nothing has changed since: that one is another resource's."""
        api, name = work.ctx.aws.lambda_, work.properties["FunctionName"]
        listed = await api.list_versions_by_function(FunctionName=name)
        there = {each["Version"] for each in listed["Versions"]}
        made = await self.make(work, **picked(work.properties, ("FunctionName", "Description")))
        if (version := made.rpartition(":")[2]) in there:
            exists = f"A version for this Lambda function exists ( {version} )."
            raise Failed(f"{exists} Modify the function to create a new version.")
        return made

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its ARN."""
        return str(answer["FunctionArn"])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Version`` and ``FunctionArn``."""
        return {"Version": work.physical_id.rpartition(":")[2], "FunctionArn": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Gone with its function as well."""
        function, _, version = work.physical_id.rpartition(":")
        with unless(_NONE):
            await work.ctx.aws.lambda_.delete_function(FunctionName=function, Qualifier=version)


class Alias(Once):
    """An alias of a function's version; its physical id is its ARN."""

    type = "AWS::Lambda::Alias"
    service, making = "lambda_", "create_alias"
    unbuilt = frozenset({"ProvisionedConcurrencyConfig"})

    async def create(self, work: Work) -> str:
        """Its ARN."""
        return await self.make(work, **self._said(work))

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its ARN."""
        return str(answer["AliasArn"])

    async def update(self, work: Work) -> None:
        """Where it leads."""
        await work.ctx.aws.lambda_.update_alias(**{"Description": ""} | self._said(work))

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``AliasArn``."""
        return {"AliasArn": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Gone with its function as well."""
        with unless(_NONE):
            await work.ctx.aws.lambda_.delete_alias(**picked(work.properties, ("FunctionName", "Name")))

    def _said(self, work: Work) -> dict[str, Any]:
        weights = work.properties.get("RoutingConfig", {}).get("AdditionalVersionWeights", [])
        routing = {each["FunctionVersion"]: each["FunctionWeight"] for each in weights}
        said = picked(work.properties, ("FunctionName", "Name", "FunctionVersion", "Description"))
        return {**said, "RoutingConfig": {"AdditionalVersionWeights": routing}}


class LayerVersion(Once):
    """A version of a layer; its physical id is its ARN. Nothing of it can change."""

    type = "AWS::Lambda::LayerVersion"
    service, making = "lambda_", "publish_layer_version"

    async def create(self, work: Work) -> str:
        """Its ARN."""
        names = ("CompatibleRuntimes", "CompatibleArchitectures", "Description", "LicenseInfo")
        content = work.properties["Content"]
        refuse(f"{self.type} Content", content, ["S3ObjectStorageMode"])
        return await self.make(
            work,
            LayerName=work.properties.get("LayerName", work.logical_id),
            Content=dict(content),
            **picked(work.properties, names),
        )

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its ARN."""
        return str(answer["LayerVersionArn"])

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``LayerVersionArn``."""
        return {"LayerVersionArn": work.physical_id}

    async def delete(self, work: Work) -> None:
        """Delete this version of it."""
        layer, _, version = work.physical_id.rpartition(":")
        with unless(_NONE):
            await work.ctx.aws.lambda_.delete_layer_version(LayerName=layer, VersionNumber=int(version))


class EventSourceMapping(Once):
    """What a function reads from; its physical id is its UUID. Lambda is moto's, which runs none."""

    type = "AWS::Lambda::EventSourceMapping"
    service, making = "lambda_", "create_event_source_mapping"
    unbuilt = frozenset(
        {
            "AmazonManagedKafkaEventSourceConfig",
            "DocumentDBEventSourceConfig",
            "LoggingConfig",
            "MetricsConfig",
            "ProvisionedPollerConfig",
            "Queues",
            "SelfManagedEventSource",
            "SelfManagedKafkaEventSourceConfig",
            "SourceAccessConfigurations",
            "StartingPositionTimestamp",
            "Tags",
            "Topics",
        }
    )
    _CHANGED = ("BatchSize", "Enabled", "FunctionName")
    _KEPT = (
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "EventSourceArn",
        "FilterCriteria",
        "FunctionResponseTypes",
        "KmsKeyArn",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "ParallelizationFactor",
        "ScalingConfig",
        "StartingPosition",
        "TumblingWindowInSeconds",
    )

    async def create(self, work: Work) -> str:
        """Its UUID."""
        said = picked(work.properties, (*self._CHANGED, *self._KEPT))
        if "KmsKeyArn" in said:
            said["KMSKeyArn"] = said.pop("KmsKeyArn")
        return await self.make(work, **said)

    def identifier(self, work: Work, answer: Mapping[str, Any]) -> str:
        """Its UUID."""
        return str(answer["UUID"])

    async def update(self, work: Work) -> None:
        """Function, size of batches, on or off; the rest moto keeps as it was made."""
        for name in self._KEPT:
            if work.before.get(name) != work.properties.get(name):
                raise NotThere(f"Changing the {name} of an {self.type}")
        if work.before.get("BatchSize") is not None and "BatchSize" not in work.properties:
            raise NotThere(f"Taking the BatchSize from an {self.type}")
        said = {"Enabled": True} | picked(work.properties, self._CHANGED)
        await work.ctx.aws.lambda_.update_event_source_mapping(UUID=work.physical_id, **said)

    async def attributes(self, work: Work) -> dict[str, Any]:
        """``Id`` and ``EventSourceMappingArn``."""
        made = await work.ctx.aws.lambda_.get_event_source_mapping(UUID=work.physical_id)
        return {"Id": work.physical_id, "EventSourceMappingArn": made["EventSourceMappingArn"]}

    async def delete(self, work: Work) -> None:
        """Delete it."""
        with unless(_NONE):
            await work.ctx.aws.lambda_.delete_event_source_mapping(UUID=work.physical_id)


KINDS = (Permission(), Version(), Alias(), LayerVersion(), EventSourceMapping())
