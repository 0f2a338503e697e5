"""Somebody with a database shell. `lock TABLE` takes a lock and keeps it, `connect N` opens connections and
keeps them."""

import os
import sys
import time

import psycopg


def main() -> None:
    dsn, order, what = os.environ["DATABASE_URL"], sys.argv[1], sys.argv[2]
    if order == "lock":
        with psycopg.connect(dsn, application_name="analyst") as connection:
            connection.execute(f"LOCK TABLE {what} IN ACCESS EXCLUSIVE MODE")
            time.sleep(3600)
    held = []
    for _ in range(int(what)):
        try:
            held.append(psycopg.connect(dsn, application_name="report"))
        except psycopg.OperationalError:
            break
    while True:
        time.sleep(0.2)
        try:
            held.append(psycopg.connect(dsn, application_name="report"))
        except psycopg.OperationalError:
            continue


if __name__ == "__main__":
    main()
