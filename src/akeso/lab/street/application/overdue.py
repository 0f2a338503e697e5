"""The nightly job: finds loans that are overdue, and ends."""

import logging
import time

import psycopg
import settings

logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
log = logging.getLogger("overdue")


def main() -> None:
    config = settings.load()
    log.info("looking for overdue loans")
    with psycopg.connect(config["database_url"]) as connection:
        for shelf in range(config["parts"]):
            found = connection.execute(
                "SELECT count(*) FROM loans JOIN books ON books.id = loans.book "
                "WHERE books.id %% %s = %s AND lent_at < now() - interval '1 minute'",
                (config["parts"], shelf),
            ).fetchone()
            log.info("part %s: %s overdue", shelf, found[0] if found else 0)
            time.sleep(config["pause_s"])
    log.info("done")


if __name__ == "__main__":
    main()
