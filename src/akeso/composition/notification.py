"""The notifiers that the settings ask for, and the rules by which they are told."""

from akeso.config.routes_file import load_routes
from akeso.config.settings import Settings
from akeso.domain.errors import InvalidInput, InvalidSettings
from akeso.plugins.discovery import make
from akeso.ports.notifier import Notifier
from akeso.stages.notification.rules import Rules, everything_to


def make_notifiers(settings: Settings) -> dict[str, Notifier]:
    """By the names of their tables. `kind` says which plugin one is, where it is not called like the table. Raises
    InvalidSettings naming the setting."""
    return {name: _notifier(name, dict(options)) for name, options in settings.notifiers.items()}


def read_routes(settings: Settings) -> Rules:
    """Who is told of what, over the notifiers of the settings. Raises InvalidSettings naming the place in the file."""
    channels = tuple(settings.notifiers)
    return load_routes(settings.routes, channels) if settings.routes else everything_to(channels)


def _notifier(name: str, options: dict[str, object]) -> Notifier:
    kind = str(options.pop("kind", name))
    try:
        made: Notifier = make("notifiers", kind, options)
    except InvalidInput as bad:
        # Of plugins by the name of their kind it names the place itself.
        option = bad.field.removeprefix(f"notifiers.{kind}").removeprefix(".")
        raise InvalidSettings(".".join(filter(None, ("notifiers", name, option))), bad.reason) from bad
    return made
