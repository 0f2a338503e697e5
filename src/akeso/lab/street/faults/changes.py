"""Changes that go wrong: settings, releases, a name, a certificate."""

import signal
import tomllib
from collections.abc import Callable

from akeso.lab.shop.running import signal_process
from akeso.lab.street.faults.fault import BOOK_PAGES, LOAN_PAGES, Fault, Truth
from akeso.lab.street.stack.certificates import EXPIRED, GOOD, in_use, use_certificate
from akeso.lab.street.stack.facts import Addresses
from akeso.lab.street.stack.services import first_settings, release_files, toml
from akeso.lab.street.stack.street import Street

Setting = str | int | float
FILE = "settings.toml"
SIMILAR = 100
LEAK = '''"""What a release does before a book is shown: it remembers the pictures of the covers."""

covers: dict[int, bytes] = {}


def before(book: int) -> None:
    covers[len(covers)] = bytes([book % 251]) * 8_000_000
'''
FAILS = '''"""What a release does before a book is shown: it looks up the price of a replacement."""

PRICES = {0: 12, 1: 8, 2: 15, 3: 20}


def before(book: int) -> None:
    PRICES[book % 5]
'''


async def configure(street: Street, service: str, settings: dict[str, Setting]) -> None:
    """Put settings to work as a new version."""
    versions = street.folder.configurations(service)
    name = versions.next_name()
    versions.add(name, {FILE: toml(settings)})
    versions.promote(name)
    await street.announce(service, "config", name)
    await street.restart(service)


async def deploy(street: Street, service: str, files: dict[str, str]) -> None:
    """Put code to work as a new release, one process after the other."""
    versions = street.folder.releases(service)
    name = versions.next_name()
    versions.add(name, release_files(service, name) | files)
    versions.promote(name)
    await street.announce(service, "deploy", name)
    await street.restart(service)


async def revert_configuration(street: Street, service: str) -> None:
    """Back to settings as they were first."""
    await configure(street, service, first_settings(service, street.addresses))


async def roll_back(street: Street, service: str) -> None:
    """Back to the code as it was first, by a new release."""
    await deploy(street, service, {})


def settings_are_good(street: Street, service: str) -> bool:
    """Whether the settings in use are the first ones."""
    return tomllib.loads(street.folder.configurations(service).read(FILE)) == first_settings(service, street.addresses)


def release_is_good(street: Street, service: str) -> bool:
    """Whether the code in use is the first one, whatever its version is called."""
    versions = street.folder.releases(service)
    good = release_files(service, versions.current())
    return all(versions.read(name) == text for name, text in good.items() if name != "VERSION")


def _setting(
    name: str,
    about: str,
    service: str,
    change: Callable[[Addresses], dict[str, Setting]],
    truth: Truth,
    well: float = 45.0,
) -> Fault:
    async def inject(street: Street) -> None:
        await configure(street, service, first_settings(service, street.addresses) | change(street.addresses))

    async def undo(street: Street) -> None:
        await revert_configuration(street, service)

    async def active(street: Street) -> bool:
        return not settings_are_good(street, service)

    return Fault(
        name, "change", about, f"{service}'s settings are put back", truth, inject, undo, active,
        hurts_within_s=25.0, well_within_s=well,
    )  # fmt: skip


def _release(name: str, about: str, code: str, truth: Truth, hurts_within_s: float) -> Fault:
    async def inject(street: Street) -> None:
        await deploy(street, "catalog", {"release.py": code})

    async def undo(street: Street) -> None:
        await roll_back(street, "catalog")

    async def active(street: Street) -> bool:
        return not release_is_good(street, "catalog")

    return Fault(
        name, "change", about, "the code before is deployed", truth, inject, undo, active, hurts_within_s=hurts_within_s
    )


async def reload_gateway(street: Street) -> None:
    """Let nginx read its files again."""
    for program in await street.supervisor.running("nginx"):
        signal_process(program.pid, signal.SIGHUP)


async def _expire(street: Street) -> None:
    use_certificate(street.folder, EXPIRED)
    await reload_gateway(street)


async def renew(street: Street) -> None:
    """The certificate that holds."""
    use_certificate(street.folder, GOOD)
    await reload_gateway(street)


async def _expired(street: Street) -> bool:
    return in_use(street.folder, EXPIRED)


def _slow(_addresses: Addresses) -> dict[str, Setting]:
    return {"similar": SIMILAR, "cache_s": 1}


def _no_such_database(addresses: Addresses) -> dict[str, Setting]:
    return {"database_url": addresses.database_named("library_v2")}


def _no_such_host(addresses: Addresses) -> dict[str, Setting]:
    return {"catalog_url": f"http://catalog.intranet:{addresses.ports['inner']}"}


FAULTS = (
    _setting(
        "slow_by_configuration",
        f"catalog's settings ask for {SIMILAR} similar books instead of 3: each page is hundreds of queries",
        "catalog", _slow,
        Truth(
            ("catalog", "catalog.internal"), ("bad_configuration", "latency_degradation"), ("book",),
            (("revert_configuration", "catalog"),),
        ),
    ),
    _setting(
        "bad_configuration",
        "loans' settings name a database that does not exist",
        "loans", _no_such_database,
        Truth(("loans", "loans.internal"), ("bad_configuration",), LOAN_PAGES, (("revert_configuration", "loans"),)),
    ),
    _setting(
        "unknown_host",
        "web's settings name a host that nobody knows",
        "web", _no_such_host,
        Truth(("web",), ("bad_configuration", "dns_failure"), BOOK_PAGES, (("revert_configuration", "web"),)),
    ),
    _release(
        "bad_release",
        "a release of catalog fails for every fifth book",
        FAILS,
        Truth(
            ("catalog", "catalog.internal"), ("bad_release", "error_burst"), ("book",),
            (("rollback_release", "catalog"),),
        ),
        30.0,
    ),
    _release(
        "memory_leak",
        "a release of catalog keeps 8 MB of every request, until its limit of memory",
        LEAK,
        Truth(
            ("catalog", "catalog.internal"), ("memory_leak", "bad_release"), ("book",),
            (("rollback_release", "catalog"), ("restart", "catalog")),
        ),
        150.0,
    ),
    Fault(
        name="certificate_expired",
        family="change",
        about="the inner gateway's certificate for loans.internal has expired",
        undone="the certificate that holds is put back and nginx reloads",
        truth=Truth(
            ("nginx", "loans", "loans.internal"), ("certificate_expired", "bad_configuration"), LOAN_PAGES, ()
        ),
        inject=_expire,
        clear=renew,
        active=_expired,
    ),
)  # fmt: skip
