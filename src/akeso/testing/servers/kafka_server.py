"""Apache Kafka itself: one broker that is its own controller, as a process."""

import signal
import subprocess
from base64 import urlsafe_b64encode
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from akeso.testing.servers.running import eventually, free_port

# Two seconds of one core; the machine may be busy.
_STARTS_WITHIN_S = 90.0
_STOPS_WITHIN_S = 30.0
_JVM = (
    "-Xms128m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dlog4j2.disable.jmx=true",
)  # fmt: skip
# One broker keeps the only copy of everything. Nobody waits for a group to gather, nor long for a broker after a kill.
_PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
log.dirs={data}
num.partitions=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
{more}
"""


class KafkaServer:
    """A broker on ports and a data folder that stay the same from life to life.

    jars: the folder that `scripts/services.sh up` fills; settings: lines for server.properties, beyond the usual ones.
    """

    def __init__(self, folder: Path, jars: Path, *settings: str) -> None:
        self.servers = f"127.0.0.1:{(port := free_port())}"
        self._folder, self._jars = folder, jars
        self._process: subprocess.Popen[bytes] | None = None
        assert (jars / "pom.xml").exists(), f"Kafka is not in {jars}; `scripts/services.sh up` fetches it"
        text = _PROPERTIES.format(port=port, controller=free_port(), data=folder / "data", more="\n".join(settings))
        (folder / "server.properties").write_text(text)
        cluster = urlsafe_b64encode(uuid4().bytes).decode().rstrip("=")
        self._run("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", "server.properties")

    def start(self) -> None:
        """Returns once it answers."""
        with (self._folder / "kafka.log").open("ab") as out:
            command = self._command("kafka.Kafka", "server.properties")
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        eventually(lambda: self._ended() or self._answers(), "Kafka answers", _STARTS_WITHIN_S)
        assert not self._ended(), f"Kafka ended at its start: {self.log()[-4000:]}"

    def kill(self) -> None:
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def empty(self) -> None:
        """Take all topics and groups away."""
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        topics = [name for name in admin.list_topics(timeout=10).topics if not name.startswith("__")]
        groups = [group.group_id for group in admin.list_consumer_groups().result(10).valid]
        for done in admin.delete_topics(topics).values() if topics else ():
            done.result(10)
        for done in admin.delete_consumer_groups(groups).values() if groups else ():
            with suppress(KafkaException):  # members that were killed are in it until their session ends
                done.result(10)

    def members(self, group: str) -> int:
        """How many a consumer group has."""
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        return len(admin.describe_consumer_groups([group])[group].result(10).members)

    def log(self) -> str:
        return (self._folder / "kafka.log").read_text()

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _answers(self) -> bool:
        admin = AdminClient({"bootstrap.servers": self.servers, "log_level": 0})
        try:
            return len(admin.describe_cluster(request_timeout=2).result(2).nodes) == 1
        except (KafkaException, TimeoutError):
            return False

    def _run(self, main: str, *arguments: str) -> None:
        ended = subprocess.run(
            self._command(main, *arguments), cwd=self._folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, f"{main} failed: {ended.stdout[-2000:]}{ended.stderr[-4000:]}"

    def _command(self, main: str, *arguments: str) -> list[str]:
        return ["java", *_JVM, "-cp", f"{self._jars}/*", main, *arguments]
