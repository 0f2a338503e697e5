"""`akeso init`: write the defaults into a folder, to read and to change."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

import typer

from akeso.config.reference import page
from akeso.domain.errors import Conflict

SETTINGS = """\
# Akeso's settings. Every line shows a default; remove the # to change it. All: akeso init --settings-reference
# data = "akeso-data"
# host = "127.0.0.1"
# port = 8321
# services = "services.yaml"
playbooks = "playbooks"
policies = "policies"
# trust = "approve"        # observe, suggest, approve or auto; services.yaml can say it per service and action
# dry_run = true           # true: no effect is executed, only shown
# [access]
# anonymous_socket = "akeso-data/ingest.sock"  # telemetry without a key: what rests on it asks a person
"""

SERVICES = """\
# What Akeso should know about your services. Everything is optional.
services: {}
#  checkout:
#    tier: 1                  # 0 is the most important
#    owner: shop-team
#    environment: production
#    minimum_healthy: 1
#    slo: {latency_ms: 300, error_ratio: 0.02}
#    trust: approve
#    bindings:
#      process: {kind: supervisord, url: "http://127.0.0.1:9001/RPC2", group: checkout}
#      release: {kind: directory, path: /srv/checkout/releases}
#      configuration: {kind: directory, path: /srv/checkout/config}
"""


def init(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path(),
    settings_reference: Annotated[
        bool, typer.Option("--settings-reference", help="Print every setting as a page in Markdown, and write nothing.")
    ] = False,
) -> None:
    """Write the default settings, playbooks and policies to edit. Existing files are never touched."""
    if settings_reference:
        print(page(), end="")
        return
    texts = {Path("akeso.toml"): SETTINGS, Path("services.yaml"): SERVICES}
    for kind in ("playbooks", "policies"):
        texts |= {Path(kind) / item.name: item.read_text() for item in _shipped(kind)}
    taken = [str(folder / path) for path in texts if (folder / path).exists()]
    if taken:
        raise Conflict(f"{taken[0]} exists already; nothing was written")
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        print(folder / path)


def _shipped(kind: str) -> list[Traversable]:
    found = files("akeso.defaults") / kind
    return sorted((f for f in found.iterdir() if f.name.endswith((".yaml", ".cedar"))), key=lambda f: f.name)
