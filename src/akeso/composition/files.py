"""The files that the settings name, read."""

from akeso.adapters.policy.cedar import CedarPolicy, shipped_policies
from akeso.config.playbook_file import load_playbooks
from akeso.config.service_file import load_services
from akeso.config.settings import Settings
from akeso.domain.estate.knowledge import Knowledge
from akeso.domain.estate.service import Services
from akeso.stages.diagnosis.knowledge_file import load_knowledge
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
