"""Loki's push request as shippers write it: protobuf in a snappy block.

https://github.com/grafana/loki/blob/main/pkg/push/push.proto
"""

from collections.abc import Iterable, Mapping, Sequence

import cramjam

from akeso.worlds.dialects.wire.protobuf import field, number_field, text


def label_text(labels: Mapping[str, str]) -> str:
    """Labels as Loki writes a stream: sorted and quoted."""
    quoted = (f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
    return "{" + ", ".join(quoted) + "}"


def entry(at: int, line: str, metadata: Iterable[tuple[str, str]] = ()) -> bytes:
    """An entry of a stream. metadata: structured metadata."""
    stamp = number_field(1, at // 10**9) + number_field(2, at % 10**9)
    pairs = b"".join(field(3, text(1, name) + text(2, value)) for name, value in metadata)
    return field(2, field(1, stamp) + field(2, line.encode()) + pairs)


def push(streams: Mapping[str, Sequence[bytes]]) -> bytes:
    """The body of a push. streams: label text → entries."""
    body = b"".join(field(1, text(1, labels) + b"".join(entries)) for labels, entries in streams.items())
    return bytes(cramjam.snappy.compress_raw(body))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
