"""The files that the settings name, read."""

from pathlib import Path

from akeso.adapters.policy.cedar import CedarPolicy, shipped_policies
from akeso.config.playbook_file import load_playbooks
from akeso.config.service_file import load_services
from akeso.config.settings import Settings
from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.knowledge import Knowledge
from akeso.domain.estate.service import Services
from akeso.protocols.entities import read_rules, use_rules
from akeso.stages.diagnosis.knowledge_file import load_knowledge
from akeso.stages.features.metric_meanings import read_meanings, use_meanings
from akeso.stages.healing.playbooks import Playbook


def read_services(settings: Settings) -> Services:
    """What the team says about its services; nothing is fine."""
    return load_services(settings.services) if settings.services else Services()


def read_playbooks(settings: Settings) -> tuple[Playbook, ...]:
    """The shipped playbooks and those of the team."""
    return load_playbooks(settings.playbooks)


def read_knowledge(settings: Settings) -> Knowledge:
    """What ships about machines and software, and what the team adds."""
    return load_knowledge(settings.knowledge)


def read_policy(settings: Settings) -> CedarPolicy:
    """The team's policies; without any, the shipped ones."""
    return CedarPolicy.from_files([settings.policies or shipped_policies()])


def use_tables(settings: Settings) -> None:
    """The team's rules of entities and meanings of metrics come into force, the shipped ones without any. Raises
    InvalidSettings naming file and place."""
    rules, meanings = settings.entities, settings.meanings
    use_rules(read_rules(_text(rules, "entities"), rules.name) if rules else None)
    use_meanings(read_meanings(_text(meanings, "meanings"), meanings.name) if meanings else None)


def _text(path: Path, setting: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as bad:
        raise InvalidSettings(setting, f"{path} cannot be read: {bad}") from bad
