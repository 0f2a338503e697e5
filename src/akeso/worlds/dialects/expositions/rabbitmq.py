"""RabbitMQ's own Prometheus plugin, with a series a queue. https://www.rabbitmq.com/docs/prometheus"""

from typing import ClassVar

import numpy as np

from akeso.worlds.dialects.expositions.discovery import Pages
from akeso.worlds.dialects.expositions.page import Labels, Page, Target
from akeso.worlds.estate.service import Service, ServiceKind

_PROTOCOL: Labels = (("protocol", "amqp091"),)
_CLASSIC: Labels = (("protocol", "amqp091"), ("queue_type", "rabbit_quorum_queue"))


class Rabbitmq(Pages):
    """`rabbitmq_*` of each broker, with `return_per_object_metrics`. A cluster's queues are told by its first node."""

    name: ClassVar[str] = "rabbitmq"
    port = 15692

    def fits(self, service: Service) -> bool:
        """Queues that are no Kafka."""
        return service.kind is ServiceKind.QUEUE and service.product != "kafka"

    def write(self, target: Target, page: Page) -> None:
        """See akeso.worlds.dialects.expositions.page.Exposition."""
        columns, row = self.tally.latest.instances, target.row
        instance = self.tally.census.instances[row]
        page.info(
            "rabbitmq_identity_info", (("rabbitmq_cluster", "main"), ("rabbitmq_node", f"rabbit@{instance.name}"))
        )
        page.gauge("rabbitmq_process_resident_memory_bytes", float(columns.rss[row]))
        page.gauge("rabbitmq_resident_memory_limit_bytes", float(columns.memory_limit[row]) * 0.4)
        free = float(columns.disk_size[row]) - float(columns.disk_used[row])
        page.gauge("rabbitmq_disk_space_available_bytes", free or 4e10)
        page.gauge("rabbitmq_disk_space_available_limit_bytes", 5e7)
        page.gauge("rabbitmq_process_open_fds", float(columns.fds[row]))
        page.gauge("rabbitmq_process_max_fds", float(columns.fd_limit[row]))
        page.gauge("rabbitmq_connections", float(columns.fds[row]) // 2)
        page.gauge("rabbitmq_channels", float(columns.fds[row]) // 2)
        page.gauge("rabbitmq_erlang_uptime_seconds", (self.tally.now - float(self.tally.lives.began[row])) / 1e9)
        page.gauge(
            "rabbitmq_alarms_memory_used_watermark", float(columns.rss[row] > columns.memory_limit[row] * 0.4 > 0)
        )
        page.gauge("rabbitmq_alarms_free_disk_space_watermark", float(0 < free < 5e7))
        if instance.slot == 0:
            self._queues(page, instance.service)

    def _queues(self, page: Page, service: int) -> None:
        queues, sums = self.tally.latest.queues, self.tally.queues
        rows = np.flatnonzero(queues.service == service).tolist()
        for row in rows:
            labels: Labels = (("vhost", "/"), ("queue", queues.topic[row]))
            page.gauge("rabbitmq_queue_messages_ready", float(queues.depth[row]), labels)
            page.gauge("rabbitmq_queue_messages_unacked", float(queues.unacked[row]), labels)
            page.gauge("rabbitmq_queue_messages", float(queues.depth[row] + queues.unacked[row]), labels)
            page.gauge("rabbitmq_queue_consumers", float(queues.consumers[row]), labels)
            page.counter("rabbitmq_queue_messages_published_total", float(sums.published[row]), labels)
            page.gauge(
                "rabbitmq_queue_head_message_timestamp", self.tally.now / 1e9 - float(queues.oldest_s[row]), labels
            )
        if rows:
            page.counter("rabbitmq_global_messages_received_total", float(sums.published[rows].sum()), _PROTOCOL)
            page.counter("rabbitmq_global_messages_delivered_total", float(sums.delivered[rows].sum()), _CLASSIC)
            page.counter("rabbitmq_global_messages_acknowledged_total", float(sums.settled[rows].sum()), _CLASSIC)
            page.counter("rabbitmq_global_messages_redelivered_total", float(sums.redelivered[rows].sum()), _CLASSIC)
            page.counter(
                "rabbitmq_global_messages_dead_lettered_rejected_total", float(sums.dead_lettered[rows].sum()), _CLASSIC
            )
