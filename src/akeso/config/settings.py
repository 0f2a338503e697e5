"""Settings: parsed once, frozen, passed down. Nothing else reads the environment or the settings file.

Order, the first wins: what a command gives, `AKESO_…` in the environment, `.env`, the TOML file, the defaults. Nested
names are joined by two underscores in the environment (`AKESO_HEALING__SETTLE=3`). Durations are seconds.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, is_dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Self, TypeVar, get_origin, get_type_hints

import structlog
from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from akeso.agents.detection.feature import FeatureAgentOptions
from akeso.agents.detection.forecast import ForecastAgentOptions
from akeso.agents.detection.model import ModelOptions
from akeso.agents.incidents.gate import GateOptions
from akeso.agents.incidents.healing import HealingOptions
from akeso.agents.incidents.incident_context import IncidentContextOptions
from akeso.agents.incidents.notice_delivery import NotificationOptions
from akeso.agents.intake.ingestion import IngestionOptions
from akeso.agents.runtime.runner import RuntimeOptions
from akeso.agents.runtime.supervisor import SupervisorOptions
from akeso.agents.selfhealing.evaluation import EvaluationOptions
from akeso.agents.selfhealing.pipeline import PipelineOptions
from akeso.config.access import AccessOptions
from akeso.config.channel_settings import SlackOptions
from akeso.config.derived import derived, refuse_derived
from akeso.config.intake_settings import ListenSettings, PullSettings
from akeso.config.service_file import Rung
from akeso.domain import renamed
from akeso.domain.detection.vote import Vote
from akeso.domain.errors import InvalidInput, InvalidSettings
from akeso.domain.estate.service import Trust
from akeso.engine.effects import EffectOptions
from akeso.plugins.reasoners._llm.options import KEYS, LlmOptions
from akeso.stages.detection.alert_budget import BudgetOptions
from akeso.stages.detection.decide import DecideOptions
from akeso.stages.diagnosis.diagnose import DiagnoseOptions
from akeso.stages.healing.guards import GuardOptions
from akeso.stages.healing.plan import PlanOptions
from akeso.stages.model.self_check import SelfCheckOptions

log = structlog.get_logger(__name__)

DEFAULT_FILE = Path("akeso.toml")
PREFIX = "AKESO_"
# Variables of the same prefix that tell the commands where a running Akeso is.
COMMAND_LINE = frozenset({"url", "api_key"})
PluginOptions = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class HealingSettings:
    """Everything between an incident and its end.

    agent: from what is noticed to incidents and their workers.
    context: what a diagnosis gets to see.
    guards: limits that hold before every effect, whatever the policy says.
    gate: the gate that every step passes.
    effects: how effects are run.
    diagnose: how evidence becomes probabilities.
    plan: how ways of healing are ranked.
    reasoner: the plugin that puts a diagnosis into words; the words of one that asks others (llm) come after the
        deterministic ones.
    """

    agent: HealingOptions = field(default_factory=HealingOptions)
    context: IncidentContextOptions = field(default_factory=IncidentContextOptions)
    guards: GuardOptions = field(default_factory=GuardOptions)
    gate: GateOptions = field(default_factory=GateOptions)
    effects: EffectOptions = field(default_factory=EffectOptions)
    diagnose: DiagnoseOptions = field(default_factory=DiagnoseOptions)
    plan: PlanOptions = field(default_factory=PlanOptions)
    reasoner: str = "deterministic"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Versions of the detection model.

    registry: where they are kept: in the journal's database, or in MLflow (extra [mlflow]).
    uri: MLflow's tracking server or store; "": a store of its own in the data folder.
    name: name of the registered model.
    pipeline: versions of the detection model: when they are made and how many are kept.
    evaluation: how a challenger is compared with the champion.
    """

    registry: Literal["sql", "mlflow"] = "sql"
    uri: str = ""
    name: str = "akeso-detection"
    pipeline: PipelineOptions = field(default_factory=PipelineOptions)
    evaluation: EvaluationOptions = field(default_factory=EvaluationOptions)


class Settings(BaseSettings):
    """Everything that can be set. Unknown names are refused: a misspelt setting must not be silently ignored.

    data: folder of journal, telemetry, keys and everything else that is kept.
    host: address to listen on.
    port: port of the API and the page.
    grpc_port: port of OTLP over gRPC; unset: 4317 if it is free and the extra is there; 0: none.
    otlp_http_port: port of OTLP over HTTP; unset: 4318 if it is free; 0: none.
    tenant: whose telemetry arrives without a key.
    log_level: debug, info, warning or error.
    services: services.yaml, what the team says about its services.
    playbooks: folder with playbooks of the team, besides the shipped ones.
    policies: Cedar policies of the team, instead of the shipped ones.
    routes: routes.yaml, who is told of what, who is called next, and when nobody is; unset: every notifier is told of
        everything.
    topology: topology.yaml, edges that no span shows.
    calibration: the scale of confidence that `akeso learn calibrate` wrote; unset: the shipped one.
    entities: rules by which labels name services, instead of the shipped ones (`defaults/entities.yaml`).
    meanings: what metrics of the team mean, before the shipped tables (`defaults/metrics`).
    knowledge: file or folder with what the team adds to what ships about machines and software.
    journal: SQLAlchemy address of the journal's database; "": SQLite in the data folder.
    kafka: Kafka's bootstrap servers; "": messages stay in the process.
    embedder: what turns incidents into vectors to find similar ones; minilm needs the extra [embeddings].
    trust: rung of services that state none: observe, suggest, approve or auto.
    dry_run: whether effects are only shown and nothing is executed that no person approved for real.
    access: who may come in, and how.
    runtime: how agents are run.
    supervisor: when agents are restarted.
    selfcheck: what is expected of the detection pipeline itself.
    forecast: alerts about breaches of known bounds before they happen.
    ingestion: what is taken in, how long it is kept, and what waits in memory.
    features: how telemetry becomes features, and when slots close by the clock.
    model: what the model agent keeps besides scores.
    decision: how sure a decision has to be.
    budget: how many false alarms are acceptable, and what is notified beyond that number.
    models: versions of the detection model.
    healing: everything between an incident and its end.
    llm: the language model that puts diagnoses into words.
    pull: endpoints that telemetry is pulled from.
    listen: ports of their own for senders that do not speak HTTP.
    notification: how persistently people are told.
    slack: answers of people in Slack.
    votes: what a detector's word counts for, by name, where it is not what the detector says: none, shared, standalone,
        objective or rule.
    detectors: options of detectors, by name; see the plugins' pages.
    evidence: options of evidence providers, by name.
    sources: options of sources, by name.
    actions: options of actions, by name.
    notifiers: options of notifiers, by name; each table is one that is told.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_file=".env", extra="forbid", frozen=True
    )

    data: Path = Path("akeso-data")
    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)
    # OTLP's own ports. None: the standard one, if it is free and (gRPC) the extra is there; 0: none.
    grpc_port: int | None = Field(default=None, ge=0, le=65535)
    otlp_http_port: int | None = Field(default=None, ge=0, le=65535)
    tenant: str = Field(default="default", min_length=1)
    log_level: str = Field(default="info", pattern="(?i)^(debug|info|warning|error)$")
    services: Path | None = None
    playbooks: Path | None = None
    policies: Path | None = None
    routes: Path | None = None
    topology: Path | None = None
    # The scale of confidence that `akeso learn calibrate` wrote; None: the shipped one.
    calibration: Path | None = None
    entities: Path | None = None
    meanings: Path | None = None
    knowledge: Path | None = None
    journal: str = ""
    kafka: str = ""
    # What turns incidents into vectors to find them by; minilm needs the extra [embeddings].
    embedder: Literal["hashed", "minilm"] = "hashed"
    trust: Rung = Trust.APPROVE
    dry_run: bool = True
    access: AccessOptions = Field(default_factory=AccessOptions)

    runtime: RuntimeOptions = Field(default_factory=RuntimeOptions)
    supervisor: SupervisorOptions = Field(default_factory=SupervisorOptions)
    selfcheck: SelfCheckOptions = Field(default_factory=SelfCheckOptions)
    forecast: ForecastAgentOptions = Field(default_factory=ForecastAgentOptions)

    ingestion: IngestionOptions = Field(default_factory=IngestionOptions)
    features: FeatureAgentOptions = Field(default_factory=FeatureAgentOptions)
    model: ModelOptions = Field(default_factory=ModelOptions)
    decision: DecideOptions = Field(default_factory=DecideOptions)
    budget: BudgetOptions = Field(default_factory=BudgetOptions)
    models: ModelSettings = Field(default_factory=ModelSettings)
    healing: HealingSettings = Field(default_factory=HealingSettings)

    llm: LlmOptions = Field(default_factory=LlmOptions)

    pull: tuple[PullSettings, ...] = ()
    listen: tuple[ListenSettings, ...] = ()
    notification: NotificationOptions = Field(default_factory=NotificationOptions)
    slack: SlackOptions = Field(default_factory=SlackOptions)

    votes: Mapping[str, Vote] = {}
    detectors: PluginOptions = {}
    evidence: PluginOptions = {}
    sources: PluginOptions = {}
    actions: PluginOptions = {}
    notifiers: PluginOptions = {}

    @property
    def journal_url(self) -> str:
        """The SQLAlchemy address of journal, projections and memory."""
        return self.journal or f"sqlite+aiosqlite:///{self.journal_file}"

    @property
    def journal_file(self) -> Path:
        """Where the journal is unless `journal` says otherwise."""
        return self.data.resolve() / "akeso.db"

    def changed(self, **values: Any) -> Self:
        """The same with other values at the top level, and with what follows from them."""
        return _fill(self.model_copy(update=values))

    @model_validator(mode="before")
    @classmethod
    def _durations(cls, given: Any) -> Any:
        hints = get_type_hints(cls)
        for name, value in given.items():
            refuse_derived(hints.get(name), value, name)
        return {name: _read(hints.get(name), value) for name, value in given.items()}

    @model_validator(mode="after")
    def _filled(self) -> Self:
        return _fill(self)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del file_secret_settings
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        dotenv_settings.env_vars = {n: v for n, v in dotenv_settings.env_vars.items() if _is_own(n)}
        assert isinstance(init_settings, InitSettingsSource)
        assert isinstance(env_settings, EnvSettingsSource)
        toml = TomlConfigSettingsSource(settings_cls)
        # Each by itself, so that the order of the sources holds for the present names.
        for source in (init_settings, toml):
            source.init_kwargs = _renewed(source.init_kwargs)
        for variables in (env_settings, dotenv_settings):
            variables.env_vars = _renewed_variables(variables.env_vars)
        return init_settings, env_settings, dotenv_settings, toml


def load_settings(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process. Raises InvalidSettings naming the setting and the reason."""
    if file is not None and not file.exists():
        raise InvalidSettings(str(file), "there is no such settings file")
    path = file or DEFAULT_FILE
    _refuse_unknown(os.environ)

    class _Located(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return _with_key(_Located(**(overrides or {})))
    except ValidationError as bad:
        first = bad.errors()[0]
        raise InvalidSettings(".".join(map(str, first["loc"])) or "settings", first["msg"]) from bad
    except SettingsError as bad:
        raise InvalidSettings("environment", str(bad)) from bad
    except ValueError as bad:
        raise InvalidSettings(str(path), f"is no TOML: {bad}") from bad


_Settings = TypeVar("_Settings", bound=Settings)


def _fill(settings: _Settings) -> _Settings:
    # What is set at one place and read at several; a frozen model lets nobody else do this.
    for name, value in list(settings.__dict__.items()):
        if is_dataclass(value):
            settings.__dict__[name] = derived(value, settings)
    return settings


def _with_key(settings: Settings) -> Settings:
    """With the language model's key from the variable that its provider names, when Akeso's own has none."""
    name = KEYS[settings.llm.provider]
    found = os.environ.get(name) or dotenv_values(".env").get(name)
    if not found or settings.llm.api_key.get_secret_value():
        return settings
    return settings.model_copy(update={"llm": replace(settings.llm, api_key=SecretStr(found))})


def _read(kind: Any, value: Any) -> Any:
    # The environment knows only text. Pydantic reads a number of seconds only from a number, and lists from none.
    if isinstance(value, str) and get_origin(kind) in {frozenset, tuple}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    if kind is timedelta and isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    if is_dataclass(kind) and isinstance(value, Mapping):
        hints = get_type_hints(kind)
        return {name: _read(hints.get(name), inner) for name, inner in value.items()}
    return value


def _renewed(tree: Mapping[str, Any]) -> dict[str, Any]:
    try:
        made, old = renamed.renewed(tree)
    except InvalidInput as bad:
        raise InvalidSettings(bad.field, bad.reason) from bad
    for name, new in old.items():
        log.warning("settings.renamed", setting=name, now=new)
    return made


def _renewed_variables(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    # Before they are read, since a text is read as its field says. One that holds a section is taken apart.
    made: dict[str, str | None] = {}
    for name, text in variables.items():
        path = name[len(PREFIX) :].lower().replace("__", ".")
        if not _is_own(name) or not (texts := _leaves_of(path, text)):
            made[name] = text
            continue
        for new, value in texts.items():
            log.warning("settings.renamed", setting=name.upper(), now=_variable(new).upper())
            made.setdefault(_variable(new), value)
    return made


def _leaves_of(path: str, text: str | None) -> dict[str, str | None]:
    """The values of a variable by the present names of their settings; nothing where no name is an earlier one."""
    try:
        value = json.loads(text or "")
    except ValueError:
        value = text
    leaves = renamed.leaves(value, path) if isinstance(value, dict) else {path: value}
    found = {new: v for old, given in leaves.items() for new, v in renamed.placed(old, given).items()}
    if found.keys() == leaves.keys():
        return {}
    if leaves.keys() == {path} and found.keys() == {renamed.current(path)}:
        return {renamed.current(path): text}
    return {new: v if v is None or isinstance(v, str) else json.dumps(v) for new, v in found.items()}


def _variable(path: str) -> str:
    return (PREFIX + path.replace(".", "__")).lower()


def _refuse_unknown(environment: Mapping[str, str]) -> None:
    # Pydantic passes over names in the environment that it does not know; a misspelt one must not pass.
    for name in filter(_is_own, environment):
        if name[len(PREFIX) :].lower().split("__")[0] not in Settings.model_fields:
            raise InvalidSettings(name, "there is no such setting")


def _is_own(name: str) -> bool:
    # A .env and an environment belong to others as well.
    return name.upper().startswith(PREFIX) and name[len(PREFIX) :].lower() not in COMMAND_LINE
