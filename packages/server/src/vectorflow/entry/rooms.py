"""The services of the rooms that pipelines live in: keys, vault, pipelines, fleet, telemetry, delivery."""

# house: test: every process builds them: tests/entry/test_serve.py, tests/e2e
from collections.abc import Sequence
from urllib.parse import urlsplit

from vectorflow.alerts.channels import ChannelService
from vectorflow.alerts.rules import AlertService
from vectorflow.delivery.live import LiveEvents
from vectorflow.delivery.service import DeliveryService
from vectorflow.entry.outbound import outbound_policy
from vectorflow.fleet.engines import EnginesOfNodes
from vectorflow.fleet.groups import GroupService
from vectorflow.fleet.lifecycle import LifecycleService
from vectorflow.fleet.release_shelf import ReleaseShelf
from vectorflow.fleet.service import AssignedLookup, FleetService
from vectorflow.fleet.statements import StatementService
from vectorflow.fleet.updates import UpdateService
from vectorflow.kernel.clock import Clock
from vectorflow.keys.service import KeyService
from vectorflow.keys.signing import SigningService
from vectorflow.library.rules import PolicyRuleService
from vectorflow.library.service import EngineSchemaService
from vectorflow.library.snippets import SnippetService
from vectorflow.library.templates import TemplateService
from vectorflow.pipelines.compiling import Workbench
from vectorflow.pipelines.engines import TargetEngines
from vectorflow.pipelines.filing.service import FilingService
from vectorflow.pipelines.programs import ProgramService
from vectorflow.pipelines.revisions import RevisionService
from vectorflow.pipelines.service import PipelineService
from vectorflow.pipelines.surroundings import Surroundings
from vectorflow.pipelines.unit_tests import UnitTestService
from vectorflow.pipelines.vrl import WorkerVrl
from vectorflow.platform.database import Database
from vectorflow.platform.http.events import EventStreams
from vectorflow.platform.settings import Settings
from vectorflow.telemetry.logs.service import LogService
from vectorflow.telemetry.service import TelemetryService
from vectorflow.telemetry.taps.captures import CaptureService
from vectorflow.telemetry.taps.live import TapStreams
from vectorflow.telemetry.taps.service import TapService
from vectorflow.tenancy.service import TenancyService
from vectorflow.vault.service import VaultService

VRL_WORKERS = 2
SERVICES: Sequence[str] = (
    "vault",
    "engine_schemas",
    "policy_rules",
    "templates_kept",
    "snippets_kept",
    "pipelines",
    "filing",
    "programs",
    "unit_tests",
    "revisions",
    "fleet",
    "statements",
    "lifecycle",
    "groups",
    "updates",
    "telemetry",
    "logs",
    "taps",
    "captures",
    "tap_streams",
    "delivery",
    "channels",
    "alerts",
    "live",
)


class Rooms:
    """Built once for each process. VRL workers start when a program is first compiled."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        *,
        clock: Clock,
        tenancy: TenancyService,
        streams: EventStreams,
        keys: KeyService,
    ) -> None:
        self.keys = keys
        self.signing = SigningService(self.keys, clock)
        self.vault = VaultService(
            self.keys, most_file_bytes=settings.lookup_file_bytes, policy=outbound_policy(settings)
        )
        self._vrl = WorkerVrl(VRL_WORKERS)
        self._workbench = Workbench(self._vrl)
        self.engine_schemas = EngineSchemaService()
        targets = TargetEngines(EnginesOfNodes(), self.engine_schemas, self._workbench)
        self.policy_rules = PolicyRuleService()
        self.templates_kept = TemplateService()
        self.snippets_kept = SnippetService()
        surroundings = Surroundings(self.policy_rules, self._workbench, AssignedLookup())
        self.pipelines = PipelineService(self.vault, self._workbench, AssignedLookup(), targets, surroundings)
        self.filing = FilingService()
        self.programs = ProgramService()
        self.unit_tests = UnitTestService()
        self.revisions = RevisionService(self.pipelines)
        self.fleet = FleetService(self.signing, clock, lambda slug: agent_url(settings, slug))
        self.statements = StatementService(clock)
        self.lifecycle = LifecycleService(self.statements)
        self.groups = GroupService(clock)
        self.releases = ReleaseShelf(settings.releases_folder)
        self.updates = UpdateService(self.statements, self.groups, self.releases, clock)
        self.telemetry = TelemetryService(database, self.pipelines, clock)
        self.logs = LogService(database, clock)
        check = self.programs.condition_complaints
        self.taps = TapService(self.keys, self.statements, self.pipelines, clock, check)
        self.captures = CaptureService(self.keys, self.taps, clock)
        self.tap_streams = TapStreams(database, tenancy, self.taps, streams)
        self.delivery = DeliveryService(self.pipelines, self.revisions, self.groups, clock)
        self.channels = ChannelService(self.keys, mail=settings.smtp_host is not None)
        self.alerts = AlertService()
        self.live = LiveEvents(database, tenancy, self.telemetry, streams)

    async def close(self) -> None:
        """End threads, workers and reads, and overwrite the keys that are held."""
        await self.live.close()
        await self.tap_streams.close()
        await self.programs.close()
        self._workbench.close()
        self._vrl.close()
        self.keys.close()


def agent_url(settings: Settings, slug: str) -> str:
    """Return the address that agents of an organisation use."""
    base = settings.gateway_url or f"http://{settings.gateway_host}:{settings.gateway_port}"
    if settings.agent_domain is None:
        return base
    parts = urlsplit(base)
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{slug}.agents.{settings.agent_domain}{port}"
