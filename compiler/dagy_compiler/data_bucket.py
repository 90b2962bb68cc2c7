"""The stack's own bucket for what is too large to pass between states."""

from __future__ import annotations

from typing import Literal

from dagy_compiler.cloudformation import (
    AbortUpload,
    Bucket,
    BucketEncryption,
    BucketPolicy,
    Encryption,
    EncryptionRule,
    Lifecycle,
    LifecycleRule,
    PolicyDocument,
    Resource,
    get_att,
    ref,
    sub,
)
from dagy_compiler.roles import only_by_tls
from dagy_compiler.stack import DATA, Stack


def data_bucket(stack: Stack) -> dict[str, Resource]:
    """Return the bucket and its policy, by logical id: private, encrypted, reached by TLS only.

    It outlives the stack unless the settings say otherwise, since CloudFormation cannot delete a
    bucket that holds something; the lifecycle rule empties it.
    """
    rule = LifecycleRule(
        id="expire",
        expiration_in_days=stack.settings.data_retention_days,
        abort_incomplete_multipart_upload=AbortUpload(days_after_initiation=1),
    )
    only_tls = only_by_tls(["s3:*"], [get_att(DATA, "Arn"), sub(f"${{{DATA}.Arn}}/*")])
    bucket = Bucket(
        bucket_encryption=_encryption(stack),
        lifecycle_configuration=Lifecycle(rules=[rule]),
        tags=stack.tags,
    )
    policy = BucketPolicy(bucket=ref(DATA), policy_document=PolicyDocument(statement=[only_tls]))
    return {
        DATA: _kept(stack, "AWS::S3::Bucket", bucket),
        f"{DATA}Policy": _kept(stack, "AWS::S3::BucketPolicy", policy),
    }


def _kept(stack: Stack, kind: str, properties: Bucket | BucketPolicy) -> Resource:
    kept: Literal["Retain", "Delete"] = "Retain" if stack.settings.keep_data else "Delete"
    return Resource(
        type=kind, deletion_policy=kept, update_replace_policy=kept, properties=properties
    )


def _encryption(stack: Stack) -> BucketEncryption:
    key = stack.settings.kms_key
    if key is None:
        return BucketEncryption()
    rule = EncryptionRule(
        server_side_encryption_by_default=Encryption(
            sse_algorithm="aws:kms", kms_master_key_id=key
        ),
        # One request to KMS for many objects.
        bucket_key_enabled=True,
    )
    return BucketEncryption(server_side_encryption_configuration=[rule])
