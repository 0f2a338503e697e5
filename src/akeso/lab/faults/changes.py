"""Faults that somebody delivered: a release with a bug, one that cannot start, a wrong configuration."""

from random import Random

from akeso.lab.chassis.configuration import Configuration
from akeso.lab.faults.fault import Fault, Injection, Parameters, Site
from akeso.lab.shop.blueprint import SHOP
from akeso.lab.shop.ports import free_ports
from akeso.lab.shop.release_artifacts import (
    configuration_files,
    failing_release,
    short_timeout,
    unimportable_release,
    wrong_upstream,
)
from akeso.lab.shop.versions import PREVIOUS, Versions

TIMEOUT, UPSTREAM = "timeout", "upstream"


def _draw_share(random: Random, _target: str) -> Parameters:
    return {"share": round(random.uniform(0.5, 0.8), 2)}


def _draw_nothing(_random: Random, _target: str) -> Parameters:
    return {}


def _draw_mistake(random: Random, target: str) -> Parameters:
    mistake = random.choice((TIMEOUT, UPSTREAM))
    if mistake == TIMEOUT:
        return {"mistake": mistake, "timeout_ms": random.randint(1, 3)}
    # The stand-in of a provider carries no traffic; an address of it would hurt nobody.
    candidates = [name for name in SHOP[target].upstreams if name != "bank-backup"]
    return {"mistake": mistake, "upstream": random.choice(candidates)}


async def _deploy_failing(site: Site, injection: Injection) -> None:
    version = site.shop.releases(injection.target).next_name()
    files = failing_release(injection.target, version, injection.parameters["share"])
    await site.deployer.deploy(injection.target, files, version=version)


async def _deploy_unimportable(site: Site, injection: Injection) -> None:
    version = site.shop.releases(injection.target).next_name()
    files = unimportable_release(injection.target, version)
    await site.deployer.deploy(injection.target, files, "recreate", version=version)


async def _misconfigure(site: Site, injection: Injection) -> None:
    good = Configuration.parse(site.shop.configurations(injection.target).read("config.json"))
    wanted = injection.parameters
    if wanted["mistake"] == TIMEOUT:
        wrong = short_timeout(good, wanted["timeout_ms"])
    else:
        wrong = wrong_upstream(good, wanted["upstream"], f"127.0.0.1:{free_ports(1)[0]}")
    await site.deployer.configure(injection.target, configuration_files(wrong))


async def _runs_bad_release(site: Site, injection: Injection) -> bool:
    return not is_good_release(site.shop.releases(injection.target))


async def _runs_bad_configuration(site: Site, injection: Injection) -> bool:
    return not is_good_configuration(injection.target, site.shop.configurations(injection.target))


def is_good_release(releases: Versions) -> bool:
    """Whether the current release is one of those that work."""
    text = releases.read("release.py")
    return "DISCOUNTS" not in text and "shop_contracts" not in text


def is_good_configuration(service: str, configurations: Versions) -> bool:
    """Whether the current configuration is the one the service was delivered with."""
    return Configuration.parse(configurations.read("config.json")) == Configuration.of(SHOP[service])


async def _roll_back_release(site: Site, injection: Injection) -> None:
    await site.deployer.roll_back(site.shop.releases(injection.target), injection.target)


async def _revert_configuration(site: Site, injection: Injection) -> None:
    await site.deployer.roll_back(site.shop.configurations(injection.target), injection.target)


async def _clear_release(site: Site, injection: Injection) -> None:
    if await _runs_bad_release(site, injection):
        await _roll_back_release(site, injection)


async def _clear_configuration(site: Site, injection: Injection) -> None:
    if await _runs_bad_configuration(site, injection):
        await _revert_configuration(site, injection)


def settle(versions: Versions) -> None:
    """After a roll-back, let `previous` lead to one of the first two versions again, and not to the bad one."""
    first, second = versions.names()[:2]
    versions.point(PREVIOUS, second if versions.current() == first else first)


ERROR_BURST_AFTER_DEPLOY = Fault(
    name="error_burst_after_deploy",
    fault_class="bad_release",
    targets=("catalog", "recommendation", "cart", "checkout", "pricing", "inventory", "payment", "orders"),
    remedies=("rollback_release",),
    draw=_draw_share,
    inject=_deploy_failing,
    active=_runs_bad_release,
    remedy=_roll_back_release,
    clear=_clear_release,
)
CRASH_LOOP = Fault(
    name="crash_loop",
    fault_class="crash_loop",
    targets=("catalog", "recommendation", "cart", "checkout", "pricing", "inventory", "payment", "orders"),
    remedies=("rollback_release",),
    draw=_draw_nothing,
    inject=_deploy_unimportable,
    active=_runs_bad_release,
    remedy=_roll_back_release,
    clear=_clear_release,
)
BAD_CONFIG = Fault(
    name="bad_config",
    fault_class="bad_configuration",
    targets=("catalog", "checkout", "payment"),
    remedies=("revert_configuration",),
    draw=_draw_mistake,
    inject=_misconfigure,
    active=_runs_bad_configuration,
    remedy=_revert_configuration,
    clear=_clear_configuration,
)
