"""What Step Functions can call, as its documentation has it. Data, and how to look things up in it.

Sources, in the Step Functions developer guide: "Integrating optimized services" for `OPTIMIZED`,
the page of each service there for its actions, patterns and custom arguments, and "AWS SDK service
integrations" for `SDK_NAMES`; read 2026-11, the pages themselves of 2023-06 and later.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

SYNC: Final = "sync"
SYNC_2: Final = "sync:2"
TOKEN: Final = "waitForTaskToken"

_JOB: Final = (SYNC,)
_CALL: Final[tuple[str, ...]] = ()
_CALLBACK: Final = (TOKEN,)

OPTIMIZED: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = MappingProxyType(
    {
        "apigateway": {"invoke": _CALLBACK},
        "athena": {
            "startQueryExecution": _JOB,
            "stopQueryExecution": _CALL,
            "getQueryExecution": _CALL,
            "getQueryResults": _CALL,
        },
        "batch": {"submitJob": _JOB},
        "bedrock": {"invokeModel": _CALL, "createModelCustomizationJob": _JOB},
        "codebuild": {
            "startBuild": _JOB,
            "stopBuild": _CALL,
            "batchDeleteBuilds": _CALL,
            "batchGetReports": _CALL,
            "startBuildBatch": _JOB,
            "stopBuildBatch": _CALL,
            "retryBuildBatch": _JOB,
            "deleteBuildBatch": _CALL,
        },
        "databrew": {"startJobRun": _JOB},
        "dynamodb": {
            "getItem": _CALL,
            "putItem": _CALL,
            "updateItem": _CALL,
            "deleteItem": _CALL,
        },
        "ecs": {"runTask": (SYNC, TOKEN)},
        "eks": {
            "call": _CALLBACK,
            "runJob": (SYNC, TOKEN),
            "createCluster": _JOB,
            "deleteCluster": _JOB,
            "createNodegroup": _JOB,
            "deleteNodegroup": _JOB,
            "createFargateProfile": _JOB,
            "deleteFargateProfile": _JOB,
        },
        "elasticmapreduce": {
            "createCluster": _JOB,
            "terminateCluster": _JOB,
            "addStep": _JOB,
            "cancelStep": _CALL,
            "setClusterTerminationProtection": _CALL,
            "modifyInstanceFleetByName": _CALL,
            "modifyInstanceGroupByName": _CALL,
        },
        "emr-containers": {
            "createVirtualCluster": _CALL,
            "deleteVirtualCluster": _JOB,
            "startJobRun": _JOB,
        },
        "emr-serverless": {
            "createApplication": _JOB,
            "startApplication": _JOB,
            "stopApplication": _JOB,
            "deleteApplication": _JOB,
            "startJobRun": _JOB,
            "cancelJobRun": _JOB,
        },
        "events": {"putEvents": _CALLBACK},
        "glue": {"startJobRun": _JOB},
        "http": {"invoke": _CALL},
        "lambda": {"invoke": _CALLBACK},
        "mediaconvert": {"createJob": _JOB},
        "sagemaker": {
            "createEndpoint": _CALL,
            "createEndpointConfig": _CALL,
            "createHyperParameterTuningJob": _JOB,
            "createLabelingJob": _JOB,
            "createModel": _CALL,
            "createProcessingJob": _JOB,
            "createTrainingJob": _JOB,
            "createTransformJob": _JOB,
            "updateEndpoint": _CALL,
        },
        "sns": {"publish": _CALLBACK},
        "sqs": {"sendMessage": _CALLBACK},
        "states": {"startExecution": (SYNC, SYNC_2, TOKEN)},
    }
)
"""Optimized integrations: service, action, and the patterns beyond request and response."""

CUSTOM: Final[Mapping[tuple[str, str], tuple[tuple[str, ...], ...]]] = MappingProxyType(
    {
        ("apigateway", "invoke"): (
            ("ApiEndpoint", "Method"),
            (
                *("Headers", "Stage", "Path", "QueryParameters", "RequestBody"),
                *("AllowNullValues", "AuthType"),
            ),
        ),
        ("bedrock", "invokeModel"): (
            ("ModelId",),
            (
                *("Body", "Input", "Output", "Accept", "ContentType", "Trace"),
                *("GuardrailIdentifier", "GuardrailVersion"),
            ),
        ),
        ("eks", "call"): (
            ("ClusterName", "CertificateAuthority", "Endpoint", "Method", "Path"),
            ("QueryParameters", "RequestBody"),
        ),
        ("eks", "runJob"): (
            ("ClusterName", "CertificateAuthority", "Endpoint", "Job"),
            ("Namespace", "LogOptions"),
        ),
        ("elasticmapreduce", "addStep"): (("ClusterId", "Step"), ("ExecutionRoleArn",)),
        ("elasticmapreduce", "cancelStep"): (("ClusterId", "StepId"), ()),
        ("elasticmapreduce", "modifyInstanceFleetByName"): (
            ("ClusterId", "InstanceFleetName", "InstanceFleet"),
            (),
        ),
        ("elasticmapreduce", "modifyInstanceGroupByName"): (
            ("ClusterId", "InstanceGroupName", "InstanceGroup"),
            (),
        ),
        ("elasticmapreduce", "setClusterTerminationProtection"): (
            ("ClusterId", "TerminationProtected"),
            (),
        ),
        ("elasticmapreduce", "terminateCluster"): (("ClusterId",), ()),
        ("http", "invoke"): (
            ("ApiEndpoint", "Method"),
            (
                *("Authentication", "InvocationConfig", "Headers", "QueryParameters"),
                *("RequestBody", "Transform"),
            ),
        ),
    }
)
"""Actions that are not one of the service's own: the arguments they need, and those they take."""

_RENAMED: Final = MappingProxyType({("elasticmapreduce", "createCluster"): "RunJobFlow"})
"""Optimized actions that are another operation of the service."""

_OPTIMIZED_MODELS: Final = MappingProxyType(
    {"bedrock": "bedrock-runtime", "elasticmapreduce": "emr", "states": "stepfunctions"}
)
"""Optimized services that botocore has under another name."""

_OPTIMIZED_ERRORS: Final = MappingProxyType(
    {
        "apigateway": "ApiGateway",
        "athena": "Athena",
        "batch": "Batch",
        "bedrock": "Bedrock",
        "codebuild": "CodeBuild",
        "databrew": "DataBrew",
        "dynamodb": "DynamoDB",
        "ecs": "ECS",
        "eks": "EKS",
        "elasticmapreduce": "ElasticMapReduce",
        "emr-containers": "EMRContainers",
        "emr-serverless": "EMRServerless",
        "events": "EventBridge",
        "glue": "Glue",
        "http": "States.Http",
        "lambda": "Lambda",
        "mediaconvert": "MediaConvert",
        "sagemaker": "SageMaker",
        "sns": "SNS",
        "sqs": "SQS",
        "states": "StepFunctions",
    }
)
"""What the error names of an optimized service begin with: DynamoDB, Glue, Batch, Lambda, SNS, SQS
and StepFunctions as recorded on AWS by others, EventBridge as documented, the rest by analogy."""

_SDK_SPELLINGS: Final = """
AccessAnalyzer Account Acm AcmPca AlexaForBusiness Amp Amplify AmplifyBackend AmplifyUiBuilder
ApiGateway ApiGatewayV2 AppConfig AppConfigData Appflow AppIntegrations ApplicationAutoScaling
ApplicationDiscovery ApplicationInsights AppMesh AppStream AppSync Athena AuditManager
AutoScaling AutoScalingPlans Backup BackupGateway Batch Bedrock BedrockRuntime Braket Budgets
Chime ChimeSdkMeetings Cloud9 CloudControl CloudDirectory CloudFormation CloudFront CloudHsm
CloudHsmV2 CloudSearch CloudTrail CloudWatch CloudWatchLogs Codeartifact CodeBuild CodeCommit
CodeDeploy CodeGuruProfiler CodeGuruReviewer CodePipeline CodeStar CodeStarConnections
CodestarNotifications CognitoIdentity CognitoIdentityProvider CognitoSync Comprehend
ComprehendMedical ComputeOptimizer Config Connect ConnectContactLens ConnectParticipant
CostAndUsageReport CostExplorer DatabaseMigration DataBrew DataExchange DataPipeline DataSync
Dax Detective DeviceFarm DevOpsGuru DirectConnect Directory Dlm DocDb Drs DynamoDb
DynamoDbStreams Ebs Ec2 Ec2InstanceConnect Ecr EcrPublic Ecs Efs Eks ElastiCache
ElasticBeanstalk ElasticInference ElasticLoadBalancing ElasticLoadBalancingV2 Elasticsearch
ElasticTranscoder Emr EmrContainers EmrServerless EventBridge Evidently Firehose Fis Fms
Forecast Forecastquery FraudDetector FSx GameLift Glacier Glue Grafana Greengrass GreengrassV2
GroundStation GuardDuty HealthLake Honeycode Iam Identitystore Imagebuilder Inspector Inspector2
Iot Iot1ClickProjects IoTAnalytics IoTDataPlane IotDeviceAdvisor IotEvents IotEventsData
IoTFleetHub IotJobsDataPlane IoTSecureTunneling IoTSiteWise IoTThingsGraph IotWireless Ivs Kafka
KafkaConnect Kendra Kinesis KinesisAnalytics KinesisAnalyticsV2 KinesisVideo
KinesisVideoArchivedMedia KinesisVideoMedia KinesisVideoSignaling Kms LakeFormation Lambda
LexModelBuilding LexModelsV2 LexRuntime LexRuntimeV2 LicenseManager Lightsail Location
LookoutVision Macie Macie2 ManagedBlockchain MarketplaceCatalog MarketplaceCommerceAnalytics
MarketplaceEntitlement MarketplaceMetering MediaConnect MediaLive MediaPackage MediaPackageVod
MediaStore MediaTailor MemoryDB MigrationHub MigrationHubConfig MigrationHubStrategy Mobile Mq
MTurk Mwaa Neptune NetworkFirewall NetworkManager OpenSearch OpsWorks OpsWorksCm Organizations
Outposts Panorama Personalize PersonalizeEvents PersonalizeRuntime Pi Pinpoint PinpointEmail
PinpointSmsVoice Pipes Polly Pricing Qldb QldbSession QuickSight Ram Rbin Rds RdsData Redshift
RedshiftData Rekognition Resiliencehub ResourceGroups ResourceGroupsTaggingApi RoboMaker Route53
Route53Domains Route53Resolver Rum S3 S3Control S3Outposts SageMaker SageMakerA2IRuntime
SagemakerEdge SageMakerFeatureStoreRuntime SageMakerRuntime Savingsplans Scheduler Schemas
SecretsManager SecurityHub ServerlessApplicationRepository ServiceCatalog
ServiceCatalogAppRegistry ServiceDiscovery ServiceQuotas Ses SesV2 Sfn Shield Signer Sms
Snowball Sns Sqs Ssm Sso SsoAdmin SsoOidc StorageGateway Sts Support Swf Synthetics Textract
TimestreamQuery TimestreamWrite Transcribe Transfer Translate VoiceId Waf WafRegional Wafv2
WellArchitected Wisdom WorkDocs WorkMail WorkMailMessageFlow WorkSpaces WorkSpacesWeb XRay
"""

SDK_NAMES: Final = MappingProxyType({name.lower(): name for name in _SDK_SPELLINGS.split()})
"""SDK integrations: the service as `aws-sdk:` spells it, and what its error names begin with. There
are newer ones, which botocore knows."""

_SDK_MODELS: Final = MappingProxyType(
    {
        "applicationdiscovery": "discovery",
        "cloudwatchlogs": "logs",
        "cognitoidentityprovider": "cognito-idp",
        "costandusagereport": "cur",
        "costexplorer": "ce",
        "databasemigration": "dms",
        "directory": "ds",
        "elasticloadbalancing": "elb",
        "elasticloadbalancingv2": "elbv2",
        "elasticsearch": "es",
        "eventbridge": "events",
        "iotdataplane": "iot-data",
        "iotjobsdataplane": "iot-jobs-data",
        "lexmodelbuilding": "lex-models",
        "lexmodelsv2": "lexv2-models",
        "lexruntimev2": "lexv2-runtime",
        "marketplacemetering": "meteringmarketplace",
        "migrationhub": "mgh",
        "pinpointsmsvoice": "sms-voice",
        "serverlessapplicationrepository": "serverlessrepo",
        "sfn": "stepfunctions",
    }
)
"""SDK services whose name in botocore is not the same but for hyphens."""

BOTO_NAMES: Final = MappingProxyType({boto: name for name, boto in _SDK_MODELS.items()})
"""The SDK service of a name of botocore's, where it is another."""


def operation_name(service: str, action: str) -> str:
    """Return the name of the service's operation that an action calls, as botocore spells it."""
    return _RENAMED.get((service, action)) or action[:1].upper() + action[1:]


def model_name(service: str, action: str, *, sdk: bool) -> str:
    """Return what botocore calls a service, as far as data tells; hyphens may be missing."""
    if sdk:
        return _SDK_MODELS.get(service, service)
    if action == "createModelCustomizationJob":
        return "bedrock"
    return _OPTIMIZED_MODELS.get(service, service)


def error_prefix(service: str, *, sdk: bool) -> str:
    """Return what the names of a service's errors begin with."""
    if sdk:
        return SDK_NAMES.get(service, service[:1].upper() + service[1:])
    return _OPTIMIZED_ERRORS[service]
