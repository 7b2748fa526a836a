"""The least that must happen between a save and a readable record: watchdog and one transaction.

    python -m bench.floor BOOTSTRAP TOPIC FOLDER

Prints `ready`, then sends a record for each file that is closed after writing.
"""

from __future__ import annotations

import sys
import threading
import uuid

from confluent_kafka import Producer
from watchdog.events import FileClosedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer


class _Sender(FileSystemEventHandler):
    """Reads a file and sends it in a transaction of its own."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "transactional.id": f"floor-{uuid.uuid4()}",
                "linger.ms": 0,
                "log_level": 0,
            }
        )
        self._producer.init_transactions(30)

    def on_closed(self, event: FileSystemEvent) -> None:
        """Send the content of a file."""
        with open(event.src_path, "rb") as file:  # noqa: PTH123
            content = file.read()
        self._producer.begin_transaction()
        self._producer.produce(self._topic, content, key=b"floor")
        self._producer.commit_transaction()


def main() -> None:
    """Watch until standard input ends."""
    bootstrap, topic, folder = sys.argv[1:4]
    observer = Observer()
    observer.schedule(_Sender(bootstrap, topic), folder, event_filter=[FileClosedEvent])
    observer.start()
    print("ready", flush=True)
    threading.Thread(target=sys.stdin.read).run()
    observer.stop()


if __name__ == "__main__":
    main()
