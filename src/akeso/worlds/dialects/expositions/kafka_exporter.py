"""kafka_exporter. https://github.com/danielqsj/kafka_exporter#metrics"""

from typing import ClassVar

import numpy as np

from akeso.worlds.dialects.expositions.discovery import ExporterPages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.dialects.expositions.process import write_exporter
from akeso.worlds.estate.service import Service

_PARTITIONS = 3


class KafkaExporter(ExporterPages):
    """`kafka_*` of each cluster, by its first broker's exporter. A topic has three partitions."""

    name: ClassVar[str] = "kafka_exporter"
    port = 9308

    def fits(self, service: Service) -> bool:
        """Kafka."""
        return service.product == "kafka"

    def targets(self) -> list[Target]:
        """One for each cluster."""
        return [each for each in super().targets() if self.tally.census.instances[each.row].slot == 0]

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        write_exporter(page, self.tally, target.key)
        census = self.tally.census
        service = census.instances[target.row].service
        brokers = [row for row, each in enumerate(census.instances) if each.service == service]
        page.gauge("kafka_brokers", float(self.tally.latest.instances.running[brokers].sum()))
        queues = self.tally.latest.queues
        for row in np.flatnonzero(queues.service == service).tolist():
            self._topic(page, row, queues.topic[row], self._group(service, queues.topic[row]))

    def _topic(self, page: Page, row: int, topic: str, group: str) -> None:
        queues, sums = self.tally.latest.queues, self.tally.queues
        page.gauge("kafka_topic_partitions", float(_PARTITIONS), (("topic", topic),))
        written, waiting = float(sums.published[row]), float(queues.depth[row] + queues.unacked[row])
        for partition in range(_PARTITIONS):
            labels: Labels = (("partition", str(partition)), ("topic", topic))
            end = (written + waiting) // _PARTITIONS
            page.gauge("kafka_topic_partition_current_offset", end, labels)
            page.gauge("kafka_topic_partition_under_replicated_partition", 0.0, labels)
            reader: Labels = (("consumergroup", group), *labels)
            lag = waiting // _PARTITIONS + (partition < waiting % _PARTITIONS)
            page.gauge("kafka_consumergroup_current_offset", max(end - lag, 0.0), reader)
            page.gauge("kafka_consumergroup_lag", lag, reader)
        page.gauge("kafka_consumergroup_members", float(queues.consumers[row]), (("consumergroup", group),))
        page.gauge("kafka_consumergroup_lag_sum", waiting, (("consumergroup", group), ("topic", topic)))

    def _group(self, broker: int, topic: str) -> str:
        services = self.tally.census.services
        taking = (each.name for each in services if each.consumes == (services[broker].name, topic))
        return next(taking, f"{topic}-readers")
