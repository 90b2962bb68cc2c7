"""What IAM calls what a service task does: the data, and how to look it up.

An action of IAM mostly has the name of the operation, under the prefix of the service. What follows
is where that is not so. Source: the service authorization reference, "API operations defined by
..." of each service, and for S3 "Required permissions for Amazon S3 API operations" in its user
guide; read 2026-11. `tests/compiler/test_iam_actions.py` holds all of it, and every operation of
botocore, against the list of IAM actions that cfn-lint brings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

_PREFIXES: Final = """
a4b access-analyzer account account-access acm acm-pca agent-registry aiops amplify amplifybackend
amplifyuibuilder apigateway app-integrations appconfig appfabric appflow application-autoscaling
application-signals applicationinsights appmesh apprunner appstream appsync arc-region-switch
arc-zonal-shift artifact athena auditmanager autoscaling autoscaling-plans b2bi backup
backup-gateway backup-search batch bcm-dashboards bcm-data-exports bcm-pricing-calculator
bcm-recommended-actions bedrock bedrock-agentcore billing billingconductor braket budgets chatbot
chime cleanrooms cleanrooms-ml cloud9 clouddirectory cloudformation cloudfront
cloudfront-keyvaluestore cloudsearch cloudtrail cloudtrail-data cloudwatch codeartifact codebuild
codecommit codeconnections codedeploy codeguru-profiler codeguru-reviewer codeguru-security
codepipeline codestar codestar-connections codestar-notifications cognito-identity cognito-idp
cognito-sync comprehend comprehendmedical compute-optimizer config connect connect-campaigns
controlcatalog controltower cost-optimization-hub databrew dataexchange datapipeline datasync
datazone dax deadline detective devicefarm devops-guru directconnect discovery dlm dms
docdb-elastic drs ds ds-data dsql dynamodb ebs ec2 ec2-instance-connect ecr ecr-public ecs eks
eks-auth elasticache elasticbeanstalk elasticfilesystem elasticloadbalancing elasticmapreduce
elastictranscoder elemental-inference emr-containers emr-serverless end-user-messaging
entityresolution events evs finspace firehose fis fms forecast frauddetector freetier fsx gamelift
gameliftstreams geo-maps geo-places geo-routes glacier globalaccelerator glue grafana greengrass
groundstation guardduty health healthlake honeycode iam identitystore imagebuilder importexport
inspector inspector-scan inspector2 interconnect internetmonitor invoicing iot iotanalytics
iotdeviceadvisor iotfleethub iotfleetwise iotmanagedintegrations iotsitewise iottwinmaker
iotwireless ivs ivschat kafka kafkaconnect kendra kendra-ranking kinesis kinesisanalytics
kinesisvideo kms lakeformation lambda launchwizard license-manager
license-manager-linux-subscriptions license-manager-user-subscriptions lightsail lookoutequipment
lookoutmetrics lookoutvision m2 machinelearning macie2 managedblockchain managedblockchain-query
marketplacecommerceanalytics mediaconnect mediaconvert medialive mediapackage mediapackage-vod
mediapackagev2 mediastore mediatailor medical-imaging memorydb mgn migrationhub-orchestrator
migrationhub-strategy mpa mq neptune-graph network-firewall network-security-manager
networkflowmonitor networkmanager networkmonitor notifications notifications-contacts nova-act oam
observabilityadmin odb omics opensearch opsworks opsworks-cm organizations osis outposts panorama
partnercentral payment-cryptography payments pca-connector-ad pca-connector-scep pcs personalize
pi pipes polly pricing pricingplanmanager proton qapps qbusiness qldb quicksight ram rbin rds
rds-data redshift redshift-data redshift-serverless rekognition repostspace resiliencehub
resource-explorer-2 resource-groups robomaker rolesanywhere route53 route53-recovery-cluster
route53-recovery-control-config route53-recovery-readiness route53domains route53globalresolver
route53profiles route53resolver rtbfabric rum s3 s3-outposts s3files s3tables s3vectors sagemaker
sagemaker-geospatial savingsplans scheduler schemas sdb secretsmanager security-ir securityagent
securityhub securitylake serverlessrepo servicecatalog servicediscovery servicequotas ses shield
signer signin simspaceweaver sms sms-voice snow-device-management snowball sns social-messaging
sqs ssm ssm-contacts ssm-guiconnect ssm-incidents ssm-quicksetup ssm-sap sso states storagegateway
sts support supportapp supportauthz sustainability swf synthetics tax textract thinclient
timestream-influxdb transcribe transfer translate trustedadvisor uxc verifiedpermissions voiceid
vpc-lattice waf waf-regional wafv2 wellarchitected wickr wisdom workdocs workmail
workmailmessageflow workspaces workspaces-instances workspaces-web xray
"""
"""Services that IAM calls as Step Functions does, but for hyphens."""

_OTHER_PREFIXES: Final = """
a4b                  alexaforbusiness
account-access       accountaccessruntime
aco-automation       computeoptimizerautomation
agent-registry       agentregistrycontrol
aidevops             devopsagent
airflow              mwaa
airflow-serverless   mwaaserverless
aoss                 opensearchserverless
apigateway           apigatewayv2
appconfig            appconfigdata
aps                  amp
aws-marketplace      marketplaceagreement marketplacecatalog marketplacedeployment
aws-marketplace      marketplacediscovery marketplaceentitlement marketplacemetering
aws-marketplace      marketplacereporting
bedrock              bedrockagent bedrockagentruntime bedrockdataautomation
bedrock              bedrockdataautomationruntime bedrockruntime
bedrock-agentcore    bedrockagentcorecontrol
cases                connectcases
cassandra            keyspaces keyspacesstreams
ce                   costexplorer
chime                chimesdkidentity chimesdkmediapipelines chimesdkmeetings chimesdkmessaging
chime                chimesdkvoice
cloudformation       cloudcontrol
cloudhsm             cloudhsmv2
cloudsearch          cloudsearchdomain
cloudwatch           cloudwatchomni
cognito-idp          cognitoidentityprovider
connect              connectcontactlens connectscheduling
connect-campaigns    connectcampaignsv2
cur                  costandusagereport
discovery            applicationdiscovery
dms                  databasemigration
ds                   directory
dynamodb             dynamodbstreams
elasticfilesystem    efs
elasticloadbalancing elasticloadbalancingv2
elasticmapreduce     emr
es                   elasticsearch opensearch
events               eventbridge eventbridgev2
execute-api          apigatewaymanagementapi
forecast             forecastquery
geo                  location
greengrass           greengrassv2
health-agent         connecthealth
iam                  iamtoolbox
iot                  iotdataplane iotsecuretunneling
iotjobsdata          iotjobsdataplane
ivs                  ivsrealtime
kinesisanalytics     kinesisanalyticsv2
kinesisvideo         kinesisvideoarchivedmedia kinesisvideomedia kinesisvideosignaling
kinesisvideo         kinesisvideowebrtcstorage
lambda               lambdacore lambdamicrovms lambdaweb
lex                  lexmodelbuilding lexmodelsv2 lexruntime lexruntimev2
logs                 cloudwatchlogs
mechanicalturk       mturk
mediastore           mediastoredata
mgh                  migrationhub migrationhubconfig
mobiletargeting      pinpoint
partnercentral       partnercentralaccount partnercentralbenefits partnercentralchannel
partnercentral       partnercentralmarketing partnercentralrevenuemeasurement partnercentralselling
payment-cryptography paymentcryptographydata
personalize          personalizeevents personalizeruntime
profile              customerprofiles
qldb                 qldbsession
rds                  docdb neptune
refactor-spaces      migrationhubrefactorspaces
resiliencehub        resiliencehubv2
s3                   s3control
sagemaker            sagemakera2iruntime sagemakeredge sagemakerfeaturestoreruntime
sagemaker            sagemakergatewayruntime sagemakerinferencerouterruntime sagemakerjobruntime
sagemaker            sagemakermetrics sagemakerruntime sagemakertrainingsessionruntime
scn                  supplychain
sdb                  simpledbv2
serverlessrepo       serverlessapplicationrepository
servicecatalog       servicecatalogappregistry
ses                  mailmanager pinpointemail sesv2
signer               signerdata
sms-voice            pinpointsmsvoice pinpointsmsvoicev2
sso                  ssoadmin
states               sfn
tag                  resourcegroupstaggingapi
tax                  taxsettings
thinclient           workspacesthinclient
timestream           timestreamquery timestreamwrite
wisdom               qconnect
"""
"""Services that IAM calls otherwise."""

_OTHER_ACTIONS: Final = """
accessanalyzer
    GetFindingV2                GetFinding
    ListFindingsV2              ListFindings
agentregistry
    BatchGetDiscoverableRegistryRecord GetDiscoverableRegistryRecord
apigateway
    RejectDomainNameAccessAssociation RejectAccessAssociation
apigatewayv2
    PutRoutingRule              CreateRoutingRule UpdateRoutingRule
apigatewaymanagementapi
    DeleteConnection            ManageConnections
    GetConnection               ManageConnections
    PostToConnection            ManageConnections
bcmpricingcalculator
    BatchCreateBillScenarioCommitmentModification CreateBillScenarioCommitmentModification
    BatchCreateBillScenarioUsageModification CreateBillScenarioUsageModification
    BatchCreateWorkloadEstimateUsage CreateWorkloadEstimateUsage
    BatchDeleteBillScenarioCommitmentModification DeleteBillScenarioCommitmentModification
    BatchDeleteBillScenarioUsageModification DeleteBillScenarioUsageModification
    BatchDeleteWorkloadEstimateUsage DeleteWorkloadEstimateUsage
    BatchUpdateBillScenarioCommitmentModification UpdateBillScenarioCommitmentModification
    BatchUpdateBillScenarioUsageModification UpdateBillScenarioUsageModification
    BatchUpdateWorkloadEstimateUsage UpdateWorkloadEstimateUsage
bedrockagentruntime
    RetrieveAndGenerate         RetrieveAndGenerate Retrieve InvokeModel
    RetrieveAndGenerateStream   RetrieveAndGenerate Retrieve InvokeModelWithResponseStream
bedrockruntime
    Converse                    InvokeModel
    ConverseStream              InvokeModelWithResponseStream
    InvokeModelWithBidirectionalStream InvokeModel InvokeModelWithResponseStream
    StartAsyncInvoke            InvokeModel
budgets
    CreateBudget                ModifyBudget
    CreateNotification          ModifyBudget
    CreateSubscriber            ModifyBudget
    DeleteBudget                ModifyBudget
    DeleteNotification          ModifyBudget
    DeleteSubscriber            ModifyBudget
    DescribeBudget              ViewBudget
    DescribeBudgetNotificationsForAccount ViewBudget
    DescribeBudgetPerformanceHistory ViewBudget
    DescribeBudgets             ViewBudget
    DescribeNotificationsForBudget ViewBudget
    DescribeSubscribersForNotification ViewBudget
    UpdateBudget                ModifyBudget
    UpdateNotification          ModifyBudget
    UpdateSubscriber            ModifyBudget
cloudfront
    CreateDistributionWithTags  CreateDistribution TagResource
cloudsearchdomain
    UploadDocuments             document
comprehendmedical
    DetectEntities              DetectEntitiesV2
connectcases
    BatchCreateRelatedItem      CreateRelatedItem
    BatchUpdateCase             UpdateCase
customerprofiles
    BatchPutProfileObject       PutProfileObject
databasemigration
    DescribeDataProviders       ListDataProviders
    DescribeExtensionPackAssociations ListExtensionPacks
    DescribeInstanceProfiles    ListInstanceProfiles
    DescribeMetadataModelAssessments ListMetadataModelAssessments
    DescribeMetadataModelConversions ListMetadataModelConversions
    DescribeMetadataModelExportsAsScript ListMetadataModelExports
    DescribeMetadataModelExportsToTarget ListMetadataModelExports
    DescribeMigrationProjects   ListMigrationProjects
    ModifyConversionConfiguration UpdateConversionConfiguration
    ModifyDataProvider          UpdateDataProvider
    ModifyInstanceProfile       UpdateInstanceProfile
    ModifyMigrationProject      UpdateMigrationProject
    StartExtensionPackAssociation AssociateExtensionPack
    StartMetadataModelExportAsScript StartMetadataModelExportAsScripts
deadline
    BatchGetJob                 GetJob
    BatchGetSession             GetSession
    BatchGetSessionAction       GetSessionAction
    BatchGetStep                GetStep
    BatchGetTask                GetTask
    BatchGetWorker              GetWorker
    BatchUpdateJob              UpdateJob
    BatchUpdateTask             UpdateTask
detective
    ListOrganizationAdminAccounts ListOrganizationAdminAccount
dynamodb
    BatchExecuteStatement       PartiQLSelect PartiQLInsert PartiQLUpdate PartiQLDelete
    ExecuteStatement            PartiQLSelect PartiQLInsert PartiQLUpdate PartiQLDelete
    ExecuteTransaction          PartiQLSelect PartiQLInsert PartiQLUpdate PartiQLDelete
    TransactGetItems            GetItem
    TransactWriteItems          ConditionCheckItem PutItem UpdateItem DeleteItem
glue
    BatchGetDataQualityResult   GetDataQualityResult
    BatchGetDataQualityRulesetEvaluationRun GetDataQualityRulesetEvaluationRun
    BatchPutDataQualityStatisticAnnotation PutDataQualityStatisticAnnotation
iotfleetwise
    BatchCreateVehicle          CreateVehicle
    BatchUpdateVehicle          UpdateVehicle
iotjobsdataplane
    StartCommandExecution       iot:StartCommandExecution
keyspaces
    CreateKeyspace              Create
    CreateTable                 Create
    CreateType                  Create
    DeleteKeyspace              Drop
    DeleteTable                 Drop
    DeleteType                  Drop
    GetKeyspace                 Select
    GetTable                    Select
    GetTableAutoScalingSettings Select
    GetType                     Select
    ListKeyspaces               Select
    ListTables                  Select
    ListTagsForResource         Select
    ListTypes                   Select
    RestoreTable                Restore
    UpdateKeyspace              Alter Modify
    UpdateTable                 Alter
kms
    ReEncrypt                   ReEncryptFrom ReEncryptTo
lambda
    GetLayerVersionByArn        GetLayerVersion
    Invoke                      InvokeFunction
    InvokeWithResponseStream    InvokeFunction
lexmodelsv2
    ListUtteranceAnalyticsData  ListAggregatedUtterances
    ListUtteranceMetrics        ListAggregatedUtterances
mediaconnect
    BatchGetRouterInput         GetRouterInput
    BatchGetRouterNetworkInterface GetRouterNetworkInterface
    BatchGetRouterOutput        GetRouterOutput
qldbsession
    SendCommand                 SendCommand
quicksight
    DescribeAnalysisDefinition  DescribeAnalysis
    DescribeDashboardDefinition DescribeDashboard
    DescribeTemplateDefinition  DescribeTemplate
redshiftdata
    GetStatementResultV2        GetStatementResult
route53resolver
    BatchCreateFirewallRule     CreateFirewallRule
    BatchDeleteFirewallRule     DeleteFirewallRule
    BatchUpdateFirewallRule     UpdateFirewallRule
s3
    CompleteMultipartUpload     PutObject
    CopyObject                  GetObject GetObjectTagging PutObject PutObjectTagging
    CreateBucketMetadataConfiguration CreateBucketMetadataTableConfiguration
    CreateMultipartUpload       PutObject
    CreateSession               s3express:CreateSession
    DeleteBucketAnalyticsConfiguration PutAnalyticsConfiguration
    DeleteBucketCors            PutBucketCORS
    DeleteBucketEncryption      PutEncryptionConfiguration
    DeleteBucketIntelligentTieringConfiguration PutIntelligentTieringConfiguration
    DeleteBucketInventoryConfiguration PutInventoryConfiguration
    DeleteBucketLifecycle       PutLifecycleConfiguration
    DeleteBucketMetadataConfiguration DeleteBucketMetadataTableConfiguration
    DeleteBucketMetricsConfiguration PutMetricsConfiguration
    DeleteBucketOwnershipControls PutBucketOwnershipControls
    DeleteBucketReplication     PutReplicationConfiguration
    DeleteBucketTagging         PutBucketTagging
    DeleteObjects               DeleteObject
    DeletePublicAccessBlock     PutBucketPublicAccessBlock
    GetBucketAccelerateConfiguration GetAccelerateConfiguration
    GetBucketAnalyticsConfiguration GetAnalyticsConfiguration
    GetBucketCors               GetBucketCORS
    GetBucketEncryption         GetEncryptionConfiguration
    GetBucketIntelligentTieringConfiguration GetIntelligentTieringConfiguration
    GetBucketInventoryConfiguration GetInventoryConfiguration
    GetBucketLifecycle          GetLifecycleConfiguration
    GetBucketLifecycleConfiguration GetLifecycleConfiguration
    GetBucketMetadataConfiguration GetBucketMetadataTableConfiguration
    GetBucketMetricsConfiguration GetMetricsConfiguration
    GetBucketNotificationConfiguration GetBucketNotification
    GetBucketReplication        GetReplicationConfiguration
    GetObjectAttributes         GetObject GetObjectAttributes
    GetObjectLockConfiguration  GetBucketObjectLockConfiguration
    GetPublicAccessBlock        GetBucketPublicAccessBlock
    HeadBucket                  ListBucket
    HeadObject                  GetObject
    ListBucketAnalyticsConfigurations GetAnalyticsConfiguration
    ListBucketIntelligentTieringConfigurations GetIntelligentTieringConfiguration
    ListBucketInventoryConfigurations GetInventoryConfiguration
    ListBucketMetricsConfigurations GetMetricsConfiguration
    ListBuckets                 ListAllMyBuckets
    ListDirectoryBuckets        s3express:ListAllMyDirectoryBuckets
    ListMultipartUploads        ListBucketMultipartUploads
    ListObjectVersions          ListBucketVersions
    ListObjects                 ListBucket
    ListObjectsV2               ListBucket
    ListParts                   ListMultipartUploadParts
    PutBucketAccelerateConfiguration PutAccelerateConfiguration
    PutBucketAnalyticsConfiguration PutAnalyticsConfiguration
    PutBucketCors               PutBucketCORS
    PutBucketEncryption         PutEncryptionConfiguration
    PutBucketIntelligentTieringConfiguration PutIntelligentTieringConfiguration
    PutBucketInventoryConfiguration PutInventoryConfiguration
    PutBucketLifecycle          PutLifecycleConfiguration
    PutBucketLifecycleConfiguration PutLifecycleConfiguration
    PutBucketMetricsConfiguration PutMetricsConfiguration
    PutBucketNotificationConfiguration PutBucketNotification
    PutBucketReplication        PutReplicationConfiguration
    PutObjectLockConfiguration  PutBucketObjectLockConfiguration
    PutPublicAccessBlock        PutBucketPublicAccessBlock
    RenameObject                s3express:CreateSession
    SelectObjectContent         GetObject
    UploadPart                  PutObject
    UploadPartCopy              GetObject PutObject
    WriteGetObjectResponse      s3-object-lambda:WriteGetObjectResponse
s3control
    DeleteAccessPointScope      s3express:DeleteAccessPointScope
    DeleteBucketLifecycleConfiguration s3-outposts:PutLifecycleConfiguration
    DeleteBucketReplication     s3-outposts:PutReplicationConfiguration
    DeleteBucketTagging         s3-outposts:PutBucketTagging
    DeletePublicAccessBlock     PutAccountPublicAccessBlock
    GetAccessPointScope         s3express:GetAccessPointScope
    GetBucket                   s3-outposts:GetBucket
    GetBucketLifecycleConfiguration s3-outposts:GetLifecycleConfiguration
    GetBucketReplication        s3-outposts:GetReplicationConfiguration
    GetPublicAccessBlock        GetAccountPublicAccessBlock
    ListAccessPointsForDirectoryBuckets s3express:ListAccessPointsForDirectoryBuckets
    ListRegionalBuckets         s3-outposts:ListRegionalBuckets
    PutAccessPointScope         s3express:PutAccessPointScope
    PutBucketLifecycleConfiguration s3-outposts:PutLifecycleConfiguration
    PutBucketReplication        s3-outposts:PutReplicationConfiguration
    PutPublicAccessBlock        PutAccountPublicAccessBlock
securityhub
    BatchUpdateFindingsV2       BatchUpdateFindings
    GetFindingsV2               GetFindings
sns
    PublishBatch                Publish
sqs
    ChangeMessageVisibilityBatch ChangeMessageVisibility
    DeleteMessageBatch          DeleteMessage
    SendMessageBatch            SendMessage
taxsettings
    BatchGetTaxExemptions       GetExemptions
    GetTaxExemptionTypes        GetExemptions
    ListTaxExemptions           GetExemptions
    PutTaxExemption             UpdateExemptions
timestreamquery
    Query                       Select DescribeEndpoints
    PrepareQuery                PrepareQuery Select DescribeEndpoints
timestreamwrite
    WriteRecords                WriteRecords DescribeEndpoints
verifiedpermissions
    BatchGetPolicy              GetPolicy
    BatchIsAuthorized           IsAuthorized
    BatchIsAuthorizedWithToken  IsAuthorizedWithToken
vpclattice
    BatchUpdateRule             UpdateRule
"""
"""Operations that need other actions than the one of their name; the prefix is the service's own,
where there is none."""

_METHODS: Final = MappingProxyType(
    {
        "Create Generate Preview Publish Reject Test": "POST",
        "Delete Disable Flush Reset Untag": "DELETE",
        "Export Get List": "GET",
        "Put Reimport": "PUT",
        "Update": "PATCH",
    }
)
_OTHER_METHODS: Final = MappingProxyType(
    {
        ("apigateway", "ImportApiKeys"): "POST",
        ("apigateway", "ImportDocumentationParts"): "PUT",
        ("apigateway", "ImportRestApi"): "POST",
        ("apigateway", "TagResource"): "PUT",
        ("apigatewayv2", "ImportApi"): "PUT",
        ("apigatewayv2", "TagResource"): "POST",
    }
)
"""API Gateway allows HTTP methods on its resources, and an operation begins with what tells the
method ("Control access to API Gateway management"). Its portals have actions of their own."""

NONE_NEEDED: Final = MappingProxyType(
    {
        "cognitoidentityprovider": frozenset(
            (
                *("CompleteWebAuthnRegistration", "DeleteWebAuthnCredential"),
                *("GetUserAuthFactors", "ListUserSessions", "ListWebAuthnCredentials"),
                *("RevokeUserSession", "StartWebAuthnRegistration"),
            )
        ),
        "connectparticipant": None,
        "geomaps": frozenset({"GetGlyphs", "GetSprites", "GetStyleDescriptor"}),
        "sts": frozenset({"GetCallerIdentity", "GetSessionToken"}),
    }
)
"""Operations that IAM is not asked about: those of a service, or all of them (None). What may be
done there is told by a token among the arguments, or everybody may."""

NOT_CALLED: Final = MappingProxyType(
    {
        "applicationcostprofiler": "the service is no more",
        "cloudhsm": "the service is no more; its successor is 'aws-sdk:cloudhsmv2'",
        "codecatalyst": "its calls are signed with a token of a user, which Step Functions has not",
        "iotthingsgraph": "the service is no more",
        "neptunedata": "it lies at the endpoint of a cluster, which Step Functions cannot be told",
        "sso": "its calls are signed with a token of a user, which Step Functions has not",
        "ssooidc": "its calls are signed by nobody, and answer with tokens of users",
    }
)
"""Services of botocore that a state machine has no way to call."""


class UnknownActionError(ValueError):
    """Nobody has told what IAM calls what a task does; the message says what can be done."""


def actions_of(service: str, operation: str) -> tuple[str, ...]:
    """Return the actions of IAM that a call needs; none, where nobody asks IAM.

    Args:
        service: as Step Functions spells it, of an optimized or an SDK integration.
        operation: of the service, as botocore spells it.

    Raises:
        UnknownActionError: it is not known.

    Examples:
        >>> actions_of("s3", "ListBuckets"), actions_of("cloudwatchlogs", "PutLogEvents")
        (('s3:ListAllMyBuckets',), ('logs:PutLogEvents',))
    """
    if service in NONE_NEEDED:
        free = NONE_NEEDED[service]
        if free is None or operation in free:
            return ()
    prefix = prefix_of(service)
    method = _method(service, operation) if prefix == "apigateway" else None
    if method is not None:
        return (f"apigateway:{method}",)
    actions = other_actions().get((service, operation), (operation,))
    return tuple(action if ":" in action else f"{prefix}:{action}" for action in actions)


def prefix_of(service: str) -> str:
    """Return what the actions of a service begin with.

    Args:
        service: as Step Functions spells it.

    Raises:
        UnknownActionError: it is not known.
    """
    if service in NOT_CALLED:
        raise UnknownActionError(f"{NOT_CALLED[service]}. {_WAY_OUT}")
    found = _prefixes().get(service.replace("-", ""))
    if found is None:
        raise UnknownActionError(
            f"the service authorization reference of AWS, as Dagy knows it, has no service "
            f"{service!r}, so it is not known what the role of the state machine must be allowed. "
            f"{_WAY_OUT}"
        )
    return found


_WAY_OUT = (
    "Make the call in a task of Python, or give the state machine a role of your own "
    "(setting state_machine_role)"
)


def _method(service: str, operation: str) -> str | None:
    """Return the HTTP method that is the action of an operation of API Gateway, if one is."""
    if (service, operation) in other_actions() or re.search(
        r"Portal|Product|RoutingRule", operation
    ):
        return None
    other = _OTHER_METHODS.get((service, operation))
    if other is not None:
        return other
    for verbs, method in _METHODS.items():
        if operation.startswith(tuple(verbs.split())):
            return method
    return None


@cache
def _prefixes() -> Mapping[str, str]:
    found = {prefix.replace("-", ""): prefix for prefix in _PREFIXES.split()}
    for line in _OTHER_PREFIXES.strip().splitlines():
        prefix, *services = line.split()
        found |= dict.fromkeys(services, prefix)
    return found


@cache
def other_actions() -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return what operations need that have not the name of an action, by service and operation."""
    found, service = {}, ""
    for line in _OTHER_ACTIONS.strip().splitlines():
        if line.startswith(" "):
            operation, *actions = line.split()
            found[service, operation] = tuple(actions)
        else:
            service = line
    return found
