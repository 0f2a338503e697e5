"""Tells members of their loans: a worker on the queue."""

import json
import logging
import os
import time
from typing import Any

import pika
import psycopg
import settings
from prometheus_client import Counter, Histogram, start_http_server

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
logging.getLogger("pika").setLevel(logging.WARNING)
log = logging.getLogger("mailer")

config = settings.load()
SENT = Counter("mailer_mails_sent_total", "Mails sent")
FAILED = Counter("mailer_mails_failed_total", "Mails that could not be sent")
SECONDS = Histogram("mailer_mail_duration_seconds", "How long a mail takes")


def consume() -> None:
    database = psycopg.connect(config["database_url"], autocommit=True, connect_timeout=5)
    connection = pika.BlockingConnection(pika.URLParameters(config["queue_url"]))
    channel = connection.channel()
    channel.queue_declare(config["queue"], durable=True)
    channel.basic_qos(prefetch_count=10)

    def on_message(channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        message = json.loads(body)
        with SECONDS.time():
            time.sleep(0.02)  # the mail server
            database.execute("UPDATE loans SET notified_at = now() WHERE id = %s", (message["loan"],))
        SENT.inc()
        channel.basic_ack(method.delivery_tag)

    channel.basic_consume(config["queue"], on_message)
    log.info("waiting for loans")
    try:
        channel.start_consuming()
    finally:
        connection.close()
        database.close()


def main() -> None:
    start_http_server(int(os.environ["METRICS_PORT"]), addr="127.0.0.1")
    while True:
        try:
            consume()
        except Exception:
            FAILED.inc()
            log.exception("the mailer lost its connection, trying again in 3 s")
            time.sleep(3)


if __name__ == "__main__":
    main()
