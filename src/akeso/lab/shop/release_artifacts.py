"""What the shop's developers deliver: release code and configurations, good ones and bad ones."""

from dataclasses import replace

from akeso.lab.chassis.configuration import Configuration
from akeso.lab.shop.blueprint import FIRST_CONFIGURATIONS, FIRST_RELEASES, SHOP
from akeso.lab.shop.folder import RunFolder
from akeso.lab.shop.versions import Versions

GOOD = '''"""{service} {version}"""

from typing import Any

VERSION = "{version}"


def before(route: str, request: dict[str, Any]) -> None:
    request.setdefault("currency", "EUR")


def after(route: str, reply: dict[str, Any]) -> None:
    reply["release"] = VERSION
'''

ERRORS = '''"""{service} {version}"""

import random
from typing import Any

VERSION = "{version}"
DISCOUNTS = {{"EUR": 0.0, "USD": 0.0}}


def before(route: str, request: dict[str, Any]) -> None:
    currency = "EUR" if random.random() >= {share} else "GBP"
    request["discount"] = DISCOUNTS[currency]


def after(route: str, reply: dict[str, Any]) -> None:
    reply["release"] = VERSION
'''

BROKEN_IMPORT = '''"""{service} {version}"""

from typing import Any

from shop_contracts.v2 import Discount

VERSION = "{version}"


def before(route: str, request: dict[str, Any]) -> None:
    request["discount"] = Discount.of(request)


def after(route: str, reply: dict[str, Any]) -> None:
    reply["release"] = VERSION
'''


def good_release(service: str, version: str) -> dict[str, str]:
    """A release that works."""
    return {"release.py": GOOD.format(service=service, version=version)}


def failing_release(service: str, version: str, share: float) -> dict[str, str]:
    """A release that fails a share of the requests."""
    return {"release.py": ERRORS.format(service=service, version=version, share=share)}


def unimportable_release(service: str, version: str) -> dict[str, str]:
    """A release that needs a package nobody installed."""
    return {"release.py": BROKEN_IMPORT.format(service=service, version=version)}


def configuration_files(configuration: Configuration) -> dict[str, str]:
    """A configuration version's files."""
    return {"config.json": configuration.text()}


def short_timeout(configuration: Configuration, timeout_ms: int) -> Configuration:
    """A time-out no callee can keep."""
    return replace(configuration, timeout_ms=timeout_ms)


def wrong_upstream(configuration: Configuration, upstream: str, address: str) -> Configuration:
    """An upstream fixed to an address where nobody listens."""
    return replace(configuration, upstreams={**configuration.upstreams, upstream: address})


def stock_shelves(folder: RunFolder) -> None:
    """Lay out two good releases and two equal configurations of every service: a current and a previous one."""
    for blueprint in SHOP.services:
        if not blueprint.replaceable:
            continue
        releases = Versions(folder.releases(blueprint.name))
        for version in FIRST_RELEASES:
            releases.add(version, good_release(blueprint.name, version))
            releases.promote(version)
        configurations = Versions(folder.configurations(blueprint.name))
        for version in FIRST_CONFIGURATIONS:
            configurations.add(version, configuration_files(Configuration.of(blueprint)))
            configurations.promote(version)
