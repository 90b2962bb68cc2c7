"""The bucket that deployments are uploaded to: one for an account and region, shared by all flows.

What is uploaded is kept under its own hash, so that the same content is uploaded once, and what an
older version runs on is never overwritten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from dagy.aws.refusals import code_of, explained
from dagy.aws.target import Target


@dataclass(frozen=True)
class ArtifactBucket:
    """A bucket, and the account it has to belong to.

    Attributes:
        name: of the bucket.
        account: its owner's number. Every request says so: a bucket of this name that is somebody
            else's is refused, and is never sent code.
        user: whose credentials these are: an ARN.
        s3: boto3's client.
    """

    name: str
    account: str
    user: str
    s3: Any

    def upload(self, key: str, content: bytes, *, again: bool = False) -> bool:
        """Put a content under a key that is made from it.

        Args:
            key: where it is kept.
            content: what is kept.
            again: upload it although it is there.

        Returns:
            Whether it had to be uploaded.

        Raises:
            AwsError: AWS refuses.
        """
        with explained(f"uploading to s3://{self.name}/{key}"):
            if not again and self._has(key):
                return False
            self.s3.put_object(
                Bucket=self.name, Key=key, Body=content, ExpectedBucketOwner=self.account
            )
        return True

    def url(self, key: str) -> str:
        """Return the address of a key as CloudFormation takes it."""
        return f"{self.s3.meta.endpoint_url}/{self.name}/{key}"

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin so; none if there is no bucket.

        Raises:
            AwsError: AWS refuses.
        """
        pages = self.s3.get_paginator("list_objects_v2")
        with explained(f"listing s3://{self.name}/{prefix}"):
            try:
                return [
                    item["Key"]
                    for page in pages.paginate(
                        Bucket=self.name, Prefix=prefix, ExpectedBucketOwner=self.account
                    )
                    for item in page.get("Contents", ())
                ]
            except Exception as error:
                if code_of(error) == "NoSuchBucket":
                    return []
                raise

    def remove(self, keys: list[str]) -> None:
        """Remove what is kept under some keys.

        Raises:
            AwsError: AWS refuses.
        """
        with explained(f"removing from s3://{self.name}"):
            for start in range(0, len(keys), _DELETED_AT_ONCE):
                batch = [{"Key": key} for key in keys[start : start + _DELETED_AT_ONCE]]
                self.s3.delete_objects(
                    Bucket=self.name,
                    Delete={"Objects": batch, "Quiet": True},
                    ExpectedBucketOwner=self.account,
                )

    def read(self, key: str) -> bytes | None:
        """Return what is kept under a key; None if nothing is.

        Raises:
            AwsError: AWS refuses.
        """
        with explained(f"reading s3://{self.name}/{key}"):
            try:
                found = self.s3.get_object(
                    Bucket=self.name, Key=key, ExpectedBucketOwner=self.account
                )
            except Exception as error:
                if code_of(error) in {"NoSuchKey", "NoSuchBucket"}:
                    return None
                raise
            content: bytes = found["Body"].read()
        return content

    def make(self) -> None:
        """See to it that the bucket is there: private, encrypted, and reached by TLS only.

        Raises:
            AwsError: AWS refuses, or a bucket of this name is somebody else's.
        """
        with explained(f"looking at bucket {self.name}"):
            try:
                self.s3.head_bucket(Bucket=self.name, ExpectedBucketOwner=self.account)
            except Exception as error:
                if code_of(error) not in {"404", "NoSuchBucket"}:
                    raise
            else:
                return
        with explained(f"making bucket {self.name}"):
            self._create()

    def _has(self, key: str) -> bool:
        try:
            self.s3.head_object(Bucket=self.name, Key=key, ExpectedBucketOwner=self.account)
        except Exception as error:
            if code_of(error) in {"404", "NoSuchKey"}:
                return False
            raise
        return True

    def _create(self) -> None:
        region = self.s3.meta.region_name
        # S3's oldest region is the one that may not be named (API reference, CreateBucket).
        place = {} if region == "us-east-1" else {"LocationConstraint": region}
        given: dict[str, Any] = {"CreateBucketConfiguration": place} if place else {}
        try:
            self.s3.create_bucket(Bucket=self.name, **given)
        except Exception as error:
            # Somebody else of this account deploys for the first time too.
            if code_of(error) != "BucketAlreadyOwnedByYou":
                raise
        self.s3.put_public_access_block(
            Bucket=self.name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        arn = f"arn:{self.s3.meta.partition}:s3:::{self.name}"
        self.s3.put_bucket_policy(Bucket=self.name, Policy=json.dumps(_only_by_tls(arn)))
        self.s3.put_bucket_tagging(
            Bucket=self.name, Tagging={"TagSet": [{"Key": "dagy", "Value": "artifacts"}]}
        )


def artifact_bucket(target: Target) -> ArtifactBucket:
    """Return the bucket of a target, which need not be there yet.

    Raises:
        AwsError: the credentials are refused.
    """
    account, arn = target.caller
    with explained("connecting to S3"):
        s3 = target.client("s3")
    name = target.bucket or bucket_name(account, s3.meta.region_name)
    return ArtifactBucket(name, account, arn, s3)


def bucket_name(account: str, region: str | None) -> str:
    """Return the name of the bucket of an account and region, where none is named."""
    return f"dagy-artifacts-{account}-{region}"


_DELETED_AT_ONCE = 1_000
"""Keys that DeleteObjects takes (S3 API reference)."""


def _only_by_tls(arn: str) -> dict[str, Any]:
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return {"Version": "2012-10-17", "Statement": [statement]}
