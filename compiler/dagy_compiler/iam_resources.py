"""On which resources a call needs what IAM calls it: the arguments that name them.

The data has a row for what an operation touches, as the service authorization reference has the
resource types of its actions and their ARNs ("Actions, resources, and condition keys for ...", read
2026-11). The first row that fits, and whose names the arguments give literally, counts.
`tests/compiler/test_iam_resources.py` holds every operation of botocore, with all its arguments
given, against the resource types in the list that cfn-lint brings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from dagy_compiler.cloudformation import sub
from dagy_compiler.iam import Resource, name_in

_ROWS: Final = (
    ("athena", r"\w+DataCatalog", "athena:HERE:datacatalog/{Name}"),
    (
        "athena",
        "(Get|List)(Databases?|TableMetadata)",
        "athena:HERE:datacatalog/{CatalogName}",
    ),
    ("athena", r"\w+", "athena:HERE:workgroup/{WorkGroup}"),
    ("bedrockagentruntime", "InvokeAgent", "bedrock:HERE:agent-alias/{AgentId}/{AgentAliasId}"),
    ("bedrockagentruntime", "Retrieve", "bedrock:HERE:knowledge-base/{KnowledgeBaseId}"),
    ("cloudformation", r"\w+Stack(Resources?|Events)?", "cloudformation:HERE:stack/{StackName}/*"),
    ("cloudwatch", "PutMetricAlarm", "cloudwatch:HERE:alarm:{AlarmName}"),
    ("cloudwatch", r"\w+AlarmActions", "cloudwatch:HERE:alarm:{AlarmNames}"),
    (
        "cloudwatchlogs",
        "StartQuery",
        "logs:HERE:log-group:{LogGroupNames} logs:HERE:log-group:{LogGroupNames}:*",
    ),
    (
        "cloudwatchlogs",
        r"\w+",
        "logs:HERE:log-group:{LogGroupName} logs:HERE:log-group:{LogGroupName}:*",
    ),
    ("codebuild", r"(Start|Invalidate|List)\w+", "codebuild:HERE:project/{ProjectName}"),
    ("codebuild", "(Update|Delete|Create)Project", "codebuild:HERE:project/{Name}"),
    ("codepipeline", r"(Start|Get|Delete)Pipeline\w*", "codepipeline:HERE:{Name}"),
    ("codepipeline", r"(Get|List|Stop)Pipeline\w*", "codepipeline:HERE:{PipelineName}"),
    ("dynamodb", r"\w+", "dynamodb:HERE:table/{TableName}"),
    ("ec2", "(Start|Stop|Terminate|Reboot)Instances", "ec2:HERE:instance/{InstanceIds}"),
    ("ecr", r"\w+", "ecr:HERE:repository/{RepositoryName}"),
    ("ecs", "(Update|Delete)Service", "ecs:HERE:service/{Cluster:cluster}/{Service}"),
    ("ecs", "DescribeServices", "ecs:HERE:service/{Cluster:cluster}/{Services}"),
    ("ecs", "StopTask", "ecs:HERE:task/{Cluster:cluster}/{Task}"),
    ("ecs", "StopTask", "ecs:HERE:task/{Cluster:cluster}/*"),
    ("ecs", "DescribeTasks", "ecs:HERE:task/{Cluster:cluster}/{Tasks}"),
    ("ecs", "DescribeTasks", "ecs:HERE:task/{Cluster:cluster}/*"),
    ("ecs", "(Delete|Update)Cluster", "ecs:HERE:cluster/{Cluster:cluster}"),
    ("ecs", "DescribeClusters", "ecs:HERE:cluster/{Clusters}"),
    ("eks", "(Delete|Describe)Cluster", "eks:HERE:cluster/{Name}"),
    ("eks", "(Delete|Describe)Nodegroup", "eks:HERE:nodegroup/{ClusterName}/{NodegroupName}/*"),
    (
        "eks",
        "(Delete|Describe)FargateProfile",
        "eks:HERE:fargateprofile/{ClusterName}/{FargateProfileName}/*",
    ),
    ("eks", r"Create\w+", "eks:HERE:cluster/{ClusterName}"),
    ("emr", "AddJobFlowSteps", "elasticmapreduce:HERE:cluster/{JobFlowId}"),
    (
        "emr",
        "SetTerminationProtection|TerminateJobFlows",
        "elasticmapreduce:HERE:cluster/{JobFlowIds}",
    ),
    ("emr", r"\w+", "elasticmapreduce:HERE:cluster/{ClusterId}"),
    (
        "eventbridge",
        "(Put|Delete|Enable|Disable|Describe)Rule",
        "events:HERE:rule/{EventBusName:bus}{Name}",
    ),
    (
        "eventbridge",
        "(Put|Remove)Targets|ListTargetsByRule",
        "events:HERE:rule/{EventBusName:bus}{Rule}",
    ),
    ("firehose", r"\w+", "firehose:HERE:deliverystream/{DeliveryStreamName}"),
    (
        "glue",
        "Get(Job|Jobs|JobRuns?)|(Start|BatchStop)JobRun|UpdateJob|DeleteJob",
        "glue:HERE:job/{JobName}",
    ),
    ("glue", "CreateJob", "glue:HERE:job/{Name}"),
    ("glue", "(Delete|Get|Start|Stop|Update)Crawler", "glue:HERE:crawler/{Name}"),
    ("glue", "(Delete|Get|Start|Stop|Update)Trigger", "glue:HERE:trigger/{Name}"),
    ("glue", r"(Delete|Get|Start|Stop|Resume|Update)Workflow\w*", "glue:HERE:workflow/{Name}"),
    ("glue", "(Get|Update)Database", "glue:HERE:catalog glue:HERE:database/{Name}"),
    (
        "glue",
        "(Delete|Get)Table",
        "glue:HERE:catalog glue:HERE:database/{DatabaseName} glue:HERE:table/{DatabaseName}/{Name}",
    ),
    (
        "glue",
        r"\w*Partitions?|\w*PartitionIndex(es)?|\w+TableVersions?",
        "glue:HERE:catalog glue:HERE:database/{DatabaseName} "
        "glue:HERE:table/{DatabaseName}/{TableName}",
    ),
    (
        "glue",
        "(BatchDelete|Create|Delete|Get|Update)Tables?",
        "glue:HERE:catalog glue:HERE:database/{DatabaseName} glue:HERE:table/{DatabaseName}/*",
    ),
    ("iam", r"\w+Role(Policy|Policies|Tags|Description)?", "iam::ACCOUNT:role/{RoleName}"),
    ("kinesis", r"\w+", "kinesis:HERE:stream/{StreamName}"),
    ("kms", r"\w+", "kms:HERE:key/{KeyId:key}"),
    ("lambda", r"\w+", "lambda:HERE:function:{FunctionName} lambda:HERE:function:{FunctionName}:*"),
    ("rds", "(Start|Stop|Reboot)DBInstance", "rds:HERE:db:{DBInstanceIdentifier}"),
    ("rds", "(Start|Stop)DBCluster", "rds:HERE:cluster:{DBClusterIdentifier}"),
    ("redshift", "(Pause|Resume|Reboot)Cluster", "redshift:HERE:cluster:{ClusterIdentifier}"),
    ("redshiftdata", r"\w+", "redshift:HERE:cluster:{ClusterIdentifier}"),
    (
        "sagemaker",
        "(Create|Update)Endpoint",
        "sagemaker:HERE:endpoint/{EndpointName} "
        "sagemaker:HERE:endpoint-config/{EndpointConfigName}",
    ),
    ("sagemaker", "(Delete|Describe)Endpoint", "sagemaker:HERE:endpoint/{EndpointName}"),
    ("sagemaker", r"\w+EndpointConfig", "sagemaker:HERE:endpoint-config/{EndpointConfigName}"),
    ("sagemaker", "(Create|Delete|Describe)Model", "sagemaker:HERE:model/{ModelName}"),
    (
        "sagemaker",
        r"\w+NotebookInstance",
        "sagemaker:HERE:notebook-instance/{NotebookInstanceName}",
    ),
    ("sagemaker", r"\w+TrainingJob", "sagemaker:HERE:training-job/{TrainingJobName}"),
    ("sagemaker", r"\w+TransformJob", "sagemaker:HERE:transform-job/{TransformJobName}"),
    ("sagemaker", r"\w+ProcessingJob", "sagemaker:HERE:processing-job/{ProcessingJobName}"),
    ("sagemaker", "StartPipelineExecution", "sagemaker:HERE:pipeline/{PipelineName}"),
    ("sagemakerruntime", r"\w+", "sagemaker:HERE:endpoint/{EndpointName}"),
    ("scheduler", r"\w+Schedule", "scheduler:HERE:schedule/{GroupName:group}/{Name}"),
    ("sts", r"AssumeRole\w*", "{RoleArn}"),
    ("secretsmanager", "CreateSecret", "secretsmanager:HERE:secret:{Name}-??????"),
    ("secretsmanager", r"\w+", "{SecretId:secret}"),
    ("sfn", r"\w+", "{StateMachineArn:machine}"),
    ("sfn", r"\w+", "{StateMachineAliasArn:machine}"),
    ("sfn", r"\w+", "{StateMachineVersionArn:machine}"),
    ("sqs", "(Create|Get)Queue(Url)?", "sqs:HERE:{QueueName}"),
    ("sqs", r"\w+", "{QueueUrl:queue}"),
    ("ssm", r"(Get|Put|Delete|Label)Parameter\w*", "ssm:HERE:parameter/{Name:path}"),
    ("ssm", "(Get|Delete)Parameters", "ssm:HERE:parameter/{Names:path}"),
    (
        "ssm",
        "GetParametersByPath",
        "ssm:HERE:parameter/{Path:path} ssm:HERE:parameter/{Path:path}/*",
    ),
)
"""The service, a pattern for its operations, and ARNs without `arn:PARTITION:`.

What stands in braces is an argument; a list makes an ARN of each item. After a colon is what makes
the part of the ARN of it (`_PARTS`). An argument that is an ARN stands for all of the ARN before
it.
"""

NOT_TOLD_APART: Final = """
aoss ListTagsForResource TagResource UntagResource
apprunner CreateVpcIngressConnection
appstream DescribeAppBlockBuilderAppBlockAssociations DescribeApplicationFleetAssociations
appstream ListTagsForResource
athena ListDataCatalogs
backup DescribeProtectedResource ListBackupAccessPointsByResource ListRecoveryPointsByResource
backup ListRestoreJobs ListRestoreJobsByProtectedResource
backup-gateway ListVirtualMachines UpdateHypervisor
bcm-dashboards DeleteDashboard DeleteScheduledReport ExecuteScheduledReport GetDashboard
bcm-dashboards GetResourcePolicy GetScheduledReport ListTagsForResource TagResource UntagResource
bcm-dashboards UpdateDashboard UpdateScheduledReport
bcm-pricing-calculator ListTagsForResource
bedrock DeleteDataAutomationProject GetDataAutomationProject ListBlueprints
bedrock UpdateDataAutomationProject
bedrock-agentcore CreateABTest
billing ListBillingViewSegments
cases ListTagsForResource
ce ListCostCategoryResourceAssociations
chatbot ListTagsForResource
chime CreateAppInstanceBot CreateAppInstanceUser StartSpeakerSearchTask
cleanrooms-ml ListCollaborationTrainedModelInferenceJobs ListTrainedModelInferenceJobs
cleanrooms-ml ListTrainedModelVersions
cloudformation ActivateType DeactivateType DeregisterType DescribeType ListHookResults
cloudformation ListTypeRegistrations ListTypeVersions PublishType SetTypeConfiguration
cloudformation SetTypeDefaultVersion TestType
cloudfront ListDistributionsByRealtimeLogConfig
cloudwatch CreateResourceMetricsConfiguration DeleteResourceMetricsConfiguration
cloudwatch GetResourceMetricsConfiguration ListManagedInsightRules
cloudwatch UpdateResourceMetricsConfiguration
codebuild DeleteSourceCredentials DescribeCodeCoverages DescribeTestCases
codeconnections CreateConnection UpdateRepositoryLink
codestar-connections CreateConnection UpdateRepositoryLink
connect ImportPhoneNumber
datasync ListTaskExecutions
devicefarm CreateTestGridUrl DeleteTestGridProject GetTestGridProject GetTestGridSession
devicefarm ListDevices ListProjects ListTestGridSessionActions ListTestGridSessionArtifacts
devicefarm ListTestGridSessions UpdateTestGridProject
docdb-elastic ListClusterSnapshots
drs ListTagsForResource
dynamodb ListBackups ListContributorInsights ListStreams
ec2 CreateCapacityReservation
ecs CreateDaemon CreateExpressGatewayService ListDaemons RegisterContainerInstance
elasticbeanstalk CreateConfigurationTemplate CreateEnvironment DescribeConfigurationOptions
elasticbeanstalk DescribeEvents UpdateEnvironment
elasticloadbalancing CreateListener DescribeCapacityReservation DescribeListeners
elasticloadbalancing DescribeLoadBalancerAttributes DescribeTargetGroupAttributes
elasticloadbalancing DescribeTargetGroups DescribeTargetHealth DescribeTrustStoreAssociations
elasticloadbalancing DescribeTrustStoreRevocations ModifyCapacityReservation ModifyIpPools
elasticloadbalancing SetIpAddressType SetSecurityGroups SetSubnets
elemental-inference ListTagsForResource
emr-serverless CreateApplication
entityresolution AddPolicyStatement DeletePolicyStatement GetPolicy ListTagsForResource PutPolicy
es CreateVpcEndpoint
events CreateArchive CreateEventSource CreateSubscriber DeleteEventSource ListApiDestinations
events ListArchives ListEventSources ListReplays ListSubscribers PutRawEvents StartReplay
events UpdateApiDestination UpdateEventSource
forecast CreateAutoPredictor CreateDatasetImportJob CreatePredictor
globalaccelerator ListCrossAccountResources
glue DescribeInboundIntegrations
greengrass CreateGroupVersion ListCoreDevices
groundstation CreateMissionProfile ListContacts ReserveContact UpdateContact UpdateMissionProfile
guardduty StartMalwareScan
iam AttachGroupPolicy AttachUserPolicy DetachGroupPolicy DetachUserPolicy
imagebuilder CreateImage CreateImagePipeline DistributeImage ImportDiskImage
inspector2 ListTagsForResource UpdateConnectorScanConfiguration
interconnect ListTagsForResource
invoicing DeleteProcurementPortalPreference GetProcurementPortalPreference
invoicing PutProcurementPortalPreference SendProcurementPortalValidation
invoicing UpdateProcurementPortalPreferenceStatus VerifyProcurementPortalValidation
iotfleetwise ListDecoderManifests ListModelManifests ListVehicles
ivs CreateChannel CreateIngestConfiguration CreateStreamKey ListChannels ListIngestConfigurations
ivs UpdateAdConfiguration
kafka CreateTopic DeleteTopic DescribeTopic DescribeTopicPartitions GetBootstrapBrokers
kafka GetCompatibleKafkaVersions UpdateTopic
kinesis DisableEnhancedMonitoring EnableEnhancedMonitoring UpdateShardCount UpdateStreamMode
kinesisanalytics DiscoverInputSchema
kms ListAliases
lambda CreateEventSourceMapping ListEventSourceMappings UpdateEventSourceMapping
license-manager CreateLicenseConversionTaskForResource ListLicenseSpecificationsForResource
license-manager ListReceivedGrantsForOrganization
logs DeleteResourcePolicy DescribeQueries DescribeResourcePolicies ListLogAnomalyDetectors
logs PutResourcePolicy
m2 ListTagsForResource
macie2 GetResourceProfile ListResourceProfileArtifacts ListResourceProfileDetections
macie2 UpdateResourceProfile UpdateResourceProfileDetections
mediaconnect ListTagsForResource PurchaseOffering
mediaconvert AssociateCertificate DisassociateCertificate
mediatailor ListAlerts
mgn ListTagsForResource
mpa GetResourcePolicy ListResourcePolicies ListSessions ListTagsForResource TagResource
mpa UntagResource
network-firewall ListVpcEndpointAssociations
networkflowmonitor CreateMonitor
networkmanager AssociateTransitGatewayConnectPeer CreateSiteToSiteVpnAttachment
networkmanager DisassociateTransitGatewayConnectPeer
notifications CreateEventRule ListEventRules ListManagedNotificationChildEvents
notifications ListNotificationEvents ListTagsForResource
notifications-contacts ListTagsForResource
omics CreateMultipartReadSetUpload CreateShare ListTagsForResource
outposts ListTagsForResource
partnercentral ListTagsForResource
payment-cryptography ListAliases
pca-connector-ad ListTagsForResource
pca-connector-scep ListChallengeMetadata ListTagsForResource
pcs ListTagsForResource
personalize CreateBatchInferenceJob CreateBatchSegmentJob ListCampaigns ListDataDeletionJobs
personalize ListDatasetExportJobs ListDatasetImportJobs ListDatasets ListEventTrackers
personalize ListFilters ListMetricAttributionMetrics ListMetricAttributions ListRecommenders
personalize ListSolutionVersions ListSolutions
pricingplanmanager ApprovePaidSubscription AssociateResourcesToSubscription CancelSubscription
pricingplanmanager CancelSubscriptionChange DisassociateResourcesFromSubscription GetSubscription
pricingplanmanager UpdateSubscription
quicksight CreateActionConnector CreateAnalysis CreateDashboard CreateTopicRefreshSchedule
quicksight GetDashboardEmbedUrl GetSessionEmbedUrl UpdateActionConnector UpdateAnalysis
quicksight UpdateBrandAssignment UpdateDashboard
ram GetResourceShareAssociations GetResourceShares ListPermissionVersions ListPrincipals
redshift CreateCluster DescribeClusterSnapshots DescribeDataShares DescribeInboundIntegrations
redshift DescribeNodeConfigurationOptions DescribeQev2IdcApplications
redshift DescribeRedshiftIdcApplications ListRecommendations
redshift-data ListSessions ListStatements
redshift-serverless CreateUsageLimit DeleteResourcePolicy GetResourcePolicy ListRecoveryPoints
redshift-serverless ListSnapshots ListUsageLimits PutResourcePolicy
refactor-spaces ListTagsForResource PutResourcePolicy
resiliencehub DeleteRecommendationTemplate DeleteResiliencyPolicy DescribeResiliencyPolicy
resiliencehub GetTestTemplate ImportApp ListApps ListDependencies ListRecommendationTemplates
resiliencehub ListServices UpdateApp UpdateResiliencyPolicy
resource-explorer-2 AssociateDefaultView GetServiceView
rolesanywhere ImportCrl ListTagsForResource
route53-recovery-readiness ListTagsForResources
route53globalresolver AssociateHostedZone DisassociateHostedZone ListHostedZoneAssociations
route53profiles AssociateResourceToProfile DisassociateResourceFromProfile
route53profiles ListProfileResourceAssociations ListTagsForResource
rum ListTagsForResource
sagemaker CreateTrainingSession ListClusterSchedulerConfigs ListClusters ListComputeQuotas
sagemaker ListHumanLoops RenderUiTemplate SampleTrainingSession
sagemaker SampleTrainingSessionWithResponseStream SearchTrainingPlanOfferings
sagemaker-geospatial SearchRasterDataCollection
securityhub DescribeProducts EnableImportFindingsForProduct
servicediscovery ListTagsForResource TagResource UntagResource
servicequotas ListTagsForResource TagResource UntagResource
shield CreateProtection DisableApplicationLayerAutomaticResponse
shield EnableApplicationLayerAutomaticResponse UpdateApplicationLayerAutomaticResponse
snow-device-management ListTagsForResource
ssm-sap DeleteResourcePermission GetApplication GetDatabase GetResourcePermission
ssm-sap ListTagsForResource PutResourcePermission RegisterApplication
sso ListApplications
storagegateway DeleteTapeArchive ListAutomaticTapeCreationPolicies ListFileShares
storagegateway ListFileSystemAssociations ListVolumes
transcribe ListTagsForResource TagResource UntagResource
vpc-lattice ListTagsForResource
wellarchitected CreateAgentContext CreateAgentGoal DeleteAgentContext DeleteAgentGoal
wellarchitected DeleteAgentProfile GetAgentContext GetAgentGoal GetAgentProfile
wellarchitected GetAgentRecommendationGeneration ListAgentContexts ListAgentGoals
wellarchitected ListAgentRecommendationGenerations ListAgentRecommendations ListCheckDetails
wellarchitected ListCheckSummaries ListNotifications StartAgentRecommendationGeneration
wellarchitected UpdateAgentContext UpdateAgentGoal UpdateAgentProfile
wisdom ListTagsForResource
workspaces-web ListIdentityProviders ListTagsForResource ListTrustStoreCertificates
xray GetInsightSummaries GetServiceGraph GetTimeSeriesServiceStatistics PutTelemetryRecords
"""
"""Operations by prefix whose actions know no resource of the kind that an argument names."""

_OWNERS: Final = MappingProxyType({"rds-data": "rds", "redshift-data": "redshift"})
"""Services whose resources are those of another one."""


def resources_of(
    service: str, operation: str, prefix: str, arguments: Mapping[str, Any]
) -> tuple[Resource, ...]:
    """Return the ARNs of what a call touches, as far as its arguments name that; or none.

    Args:
        service: as Step Functions spells it.
        operation: of the service, as botocore spells it.
        prefix: of the service's actions in IAM.
        arguments: as `service_states.known_arguments` gives them.
    """
    if (prefix, operation) in _not_told_apart():
        return ()
    given = {key.lower(): value for key, value in arguments.items()}
    for templates in _rows(service, operation):
        found = [_filled(template, given) for template in templates]
        if all(found):
            return tuple(resource(each) for arns in found for each in arns)
    owner = _OWNERS.get(prefix, prefix)
    named = [value for key, value in given.items() if key.endswith("arn")]
    names = [name for name in map(name_in, named) if name is not None]
    return tuple(dict.fromkeys(each for each in names if re.match(rf"arn:[\w-]+:{owner}:", each)))


def resource(arn: str) -> Resource:
    """Return an ARN as CloudFormation has it, of one that may lack its partition.

    Args:
        arn: whole, or from the service on, with HERE for region and account.
    """
    if arn.startswith("arn:"):
        return arn
    here = arn.replace(":HERE:", ":${AWS::Region}:${AWS::AccountId}:", 1)
    return sub(f"arn:${{AWS::Partition}}:{here.replace(':ACCOUNT:', ':${AWS::AccountId}:', 1)}")


@cache
def _not_told_apart() -> frozenset[tuple[str, str]]:
    lines = (line.split() for line in NOT_TOLD_APART.strip().splitlines())
    return frozenset(
        (prefix, operation) for prefix, *operations in lines for operation in operations
    )


@cache
def _rows(service: str, operation: str) -> tuple[tuple[str, ...], ...]:
    return tuple(
        tuple(templates.split())
        for name, pattern, templates in _ROWS
        if name == service and re.fullmatch(pattern, operation)
    )


def _filled(template: str, given: Mapping[str, Any]) -> list[str]:
    """Return the ARNs that a template is with the arguments; none, where one is not known."""
    place = re.search(r"\{(\w+)(?::(\w+))?\}", template)
    if place is None:
        return [template]
    argument, kind = place.groups()
    value = given.get(argument.lower())
    items = value if isinstance(value, list) else [value]
    parts = [_part(item, kind) for item in items]
    if None in parts or (value is None and argument.lower() in given):
        return []
    before, after = template[: place.start()], template[place.end() :]
    arns = [
        (part if part.startswith("arn:") else before + part) + after
        for part in parts
        if part is not None
    ]
    return [each for arn in arns for each in _filled(arn, given)]


def _part(value: Any, kind: str | None) -> str | None:
    name = name_in(value)
    if value is not None and name is None:
        return None
    if kind is None:
        return name
    return _PARTS[kind](name)


def _cluster(name: str | None) -> str:
    return "default" if name is None else name.rpartition("/")[2]


def _bus(name: str | None) -> str:
    bus = "default" if name is None else name.rpartition("/")[2]
    return "" if bus == "default" else f"{bus}/"


def _key(name: str | None) -> str | None:
    # Whoever may use a key by an alias is allowed to use the key.
    return None if name is None or re.match(r"alias/|arn:.*:alias/", name) else name


def _path(name: str | None) -> str | None:
    # A version or a label may follow; one that is an ARN is as it is.
    if name is None or name.startswith("arn:"):
        return name
    return name.lstrip("/").partition(":")[0]


def secret(name: str | None) -> str | None:
    """Return the ARN of a secret by its name, or the ARN that it is named by."""
    # Secrets Manager user guide: it adds a hyphen and six random characters to the name.
    if name is None or name.startswith("arn:"):
        return name
    return f"secretsmanager:HERE:secret:{name}-??????"


def machine(arn: str | None) -> str | None:
    """Return the ARN of a state machine by its own, or that of a version or an alias of it.

    Step Functions developer guide, "Authorization for versions and aliases": whoever is to start
    one of these has to be allowed to start the machine.
    """
    return None if arn is None else re.sub(r"(:stateMachine:[^:]+):[^:]+$", r"\1", arn)


def _queue(url: str | None) -> str | None:
    # As AWS makes them: https://sqs.REGION.amazonaws.com/ACCOUNT/NAME
    found = re.fullmatch(
        r"https://sqs\.([\w-]+)\.amazonaws\.com[.\w]*/(\d{12})/([\w.-]+)", url or ""
    )
    return None if found is None else "sqs:{}:{}:{}".format(*found.groups())


_PARTS: Final[Mapping[str, Callable[[str | None], str | None]]] = {
    "bus": _bus,
    "cluster": _cluster,
    "group": lambda name: name or "default",
    "key": _key,
    "machine": machine,
    "path": _path,
    "queue": _queue,
    "secret": secret,
}
