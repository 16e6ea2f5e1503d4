"""The services of one process, built once and handed to routes and roles."""

from collections.abc import Callable
from datetime import timedelta

from vectorflow.audit.service import AuditService
from vectorflow.entry.rooms import Rooms
from vectorflow.identity.passwords import Passwords
from vectorflow.identity.service import IdentityService, SignInLimits
from vectorflow.identity.sessions import SessionCache
from vectorflow.kernel.clock import Clock, SystemClock
from vectorflow.keys.overview import EncryptionService
from vectorflow.keys.own_keys import OwnKeyService, without_own_keys
from vectorflow.keys.providers import LocalKeyFile
from vectorflow.keys.service import KeyService
from vectorflow.platform.database import Database
from vectorflow.platform.http.events import EventStreams
from vectorflow.platform.metrics import Metrics
from vectorflow.platform.rate_limit import TokenBuckets
from vectorflow.platform.settings import Settings
from vectorflow.tenancy.lifecycle.service import LifecycleService
from vectorflow.tenancy.service import TenancyService


class Services:
    """What routes may ask for by name. A room above adds its service here and in `entry/dependencies.py`."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        metrics: Metrics | None = None,
        clock: Clock | None = None,
        passwords: Passwords | None = None,
        limits: SignInLimits | None = None,
        address_buckets: TokenBuckets | None = None,
        keys: KeyService | None = None,
        own_keys: OwnKeyService | None = None,
        bus_connected: Callable[[], bool] = lambda: True,
    ) -> None:
        self.settings = settings
        self.database = database
        self.metrics = metrics or Metrics()
        self.clock = clock or SystemClock()
        self.bus_connected = bus_connected
        self.passwords = passwords or Passwords()
        self.streams = EventStreams(self.metrics)
        self.sessions = SessionCache(database, self.clock, bus_connected=bus_connected)
        self.identity = IdentityService(
            database,
            self.passwords,
            self.sessions,
            self.clock,
            limits=limits,
            on_revoked=self.streams.close_session,
        )
        self.keys = keys or KeyService(database, LocalKeyFile(settings.state_dir))
        self.own_keys = own_keys or without_own_keys(settings, database, self.keys.ring)
        self.encryption = EncryptionService(database, self.keys, self.own_keys)
        self.tenancy = TenancyService(database, on_create=[self.keys.create_for_organization])
        self.organization_life = LifecycleService(
            database, grace=timedelta(days=settings.deletion_grace_days)
        )
        self.audit = AuditService(database)
        self.address_buckets = address_buckets or TokenBuckets(burst=600, per_second=100)
        self.rooms = Rooms(
            settings,
            database,
            clock=self.clock,
            tenancy=self.tenancy,
            streams=self.streams,
            keys=self.keys,
        )

    async def close(self) -> None:
        """End what the services hold."""
        await self.rooms.close()
        self.passwords.close()
