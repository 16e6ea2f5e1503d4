"""The wiring of the shipper: bucket, identity and key as the settings name them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from vectorflow.audit.errors import AuditShippingInvalidError
from vectorflow.audit.seals import FileSealKey, KmsSealKey, SealKey
from vectorflow.audit.shipping import Shipper, ShippingMetrics
from vectorflow.kernel.clock import SystemClock
from vectorflow.keys.aws_kms import AWS_NAME
from vectorflow.keys.choice import checked_arn, platform_identity
from vectorflow.keys.providers import LOCAL_NAME
from vectorflow.platform import aws
from vectorflow.platform.database import Database
from vectorflow.platform.egress.http_client import HttpClient
from vectorflow.platform.egress.policy import EgressLimits
from vectorflow.platform.egress.record import Caller
from vectorflow.platform.egress.service import Egress
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.s3 import S3Bucket, S3Place
from vectorflow.platform.settings import Settings

_LIMITS = EgressLimits(total_seconds=20.0, max_response_bytes=32 * 2**20, redirects=0)
_KMS = f"{AWS_NAME}:"


@asynccontextmanager
async def shipping(
    settings: Settings, database: Database, egress: Egress, metrics: Metrics
) -> AsyncIterator[Shipper]:
    """Give the shipper for the block. Raises `AuditShippingInvalidError` and `S3Misconfigured`."""
    async with bucket_of(settings, egress) as (bucket, key):
        yield Shipper(
            database,
            bucket,
            key,
            SystemClock(),
            retention=timedelta(days=settings.audit_ship_retention_days),
            metrics=ShippingMetrics(metrics.registry),
        )


@asynccontextmanager
async def bucket_of(settings: Settings, egress: Egress) -> AsyncIterator[tuple[S3Bucket, SealKey]]:
    """Give the bucket and the key that seals. Raises `AuditShippingInvalidError` and `S3Misconfigured`."""
    if settings.audit_ship_bucket is None:
        raise AuditShippingInvalidError(
            "Set VECTORFLOW_AUDIT_SHIP_BUCKET to the bucket that logs are shipped to."
        )
    name, _, prefix = settings.audit_ship_bucket.partition("/")
    place = S3Place(
        settings.audit_ship_endpoint or aws.endpoint_of("s3", settings.audit_ship_region),
        settings.audit_ship_region,
        name,
        f"{prefix.rstrip('/')}/" if prefix else "",
    )
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(egress.http(Caller("audit.ship"), limits=_LIMITS))
        identity = _identity(settings, egress)
        yield S3Bucket(client, identity, place), _key(settings, client, identity)


def _identity(settings: Settings, egress: Egress) -> aws.AwsIdentity:
    if settings.audit_ship_credentials_file is not None:
        return aws.FileIdentity(settings.audit_ship_credentials_file)
    return platform_identity(settings, egress, settings.audit_ship_region)


def _key(settings: Settings, client: HttpClient, identity: aws.AwsIdentity) -> SealKey:
    if settings.audit_ship_key == LOCAL_NAME:
        if settings.mode == "cloud":
            raise AuditShippingInvalidError(
                "In cloud mode shipped checkpoints are sealed by a key of a KMS, never by a file on this machine. "
                "Set VECTORFLOW_AUDIT_SHIP_KEY to aws-kms:<key ARN>."
            )
        return FileSealKey(settings.state_dir)
    if not settings.audit_ship_key.startswith(_KMS):
        raise AuditShippingInvalidError(
            "The shipper's key is written as local-key-file or aws-kms:<key ARN>."
        )
    arn = checked_arn(settings.audit_ship_key.removeprefix(_KMS))
    return KmsSealKey(client, identity, arn, endpoint=settings.audit_ship_kms_endpoint)
