"""The tables: the journal itself, and its projections for people who query SQL.

A projection can be dropped and folded again from the journal; nothing decides on it but what lists and counts.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)

metadata = MetaData()


class Instant(TypeDecorator[datetime]):
    """An instant in UTC; SQLite has no zones, so they go before it is stored and come back after."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def _text(name: str, *, default: str | None = None, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null, default=default)


journal = Table(
    "journal",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _text("incident"),
    _text("at"),  # text, because its very characters are hashed
    _text("actor"),
    _text("kind"),
    _text("payload"),
    _text("previous_hash"),
    _text("hash"),
    Index("journal_by_incident", "incident", "sequence"),
)

# What the last line was, so that a cut tail shows. One row.
journal_head = Table(
    "journal_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, nullable=False),
    _text("hash"),
)

leases = Table(
    "leases",
    metadata,
    Column("incident", Text, primary_key=True),
    _text("owner"),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", Instant, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    _text("tenant"),
    _text("service"),
    _text("type"),  # the diagnosed fault class; "" before
    _text("title"),
    _text("severity"),
    Column("severity_rank", Integer, nullable=False, server_default="0"),
    _text("status"),
    Column("open", Boolean, nullable=False),
    Column("confidence", Float),
    Column("onset", Instant, nullable=False),
    Column("detected_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("resolved_at", Instant),
    Column("mttr_seconds", Float),
    Column("metrics_snapshot", JSON, nullable=False),
    _text("why"),
    Column("sequence", BigInteger, nullable=False),
    # The line that it began with: what lists go on from, and the key of what is searched.
    Column("number", BigInteger, nullable=False, server_default="0"),
    Column("owner", Text, nullable=False, server_default=""),
    Column("acknowledged_by", Text, nullable=False, server_default=""),
    Column("priority", Text, nullable=False, server_default=""),
    Index("incidents_by_detection", "detected_at"),
    Index("incidents_by_openness", "open"),
    *(
        Index(f"incidents_by_tenant_{by}", "tenant", by, "number")
        for by in ("updated_at", "onset", "severity_rank", "service", "status", "type")
    ),
    Index("incidents_by_number", "tenant", "number"),
)

# What an incident or an alert can be found by exactly. kind: "service", "alert" (name: its fingerprint) or "label".
marks = Table(
    "marks",
    metadata,
    *(Column(name, Text, primary_key=True) for name in ("subject", "kind", "name", "value")),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Index("marks_by_number", "subject", "number"),
    sqlite_with_rowid=False,
)

# What came of alerts, one row for each by its identity; the whole of it is in `trace`.
alerts = Table(
    "alerts",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("fingerprint", Text, primary_key=True),
    _text("service"),
    _text("title"),
    Column("firing", Boolean, nullable=False),
    _text("fate"),
    _text("incident"),
    _text("last_at"),  # as text that sorts as time does, because pages go on from it
    Column("trace", JSON, nullable=False),
    Column("number", BigInteger, nullable=False, server_default="0"),
    Column("severity", Text, nullable=False, server_default=""),  # its rank, as text
    Column("first_at", Text, nullable=False, server_default=""),
    Index("alerts_by_number", "number"),
    Index("alerts_by_incident", "incident"),
    Index("alerts_by_severity", "tenant", "severity", "source", "fingerprint"),
    Index("alerts_by_first", "tenant", "first_at", "source", "fingerprint"),
    Index("alerts_by_time", "tenant", "last_at"),
    Index("alerts_by_fate", "fate"),
)

silences = Table(
    "silences",
    metadata,
    Column("id", Text, primary_key=True),
    _text("tenant"),
    Column("until", Instant, nullable=False),  # when it is over for good
    Column("definition", JSON, nullable=False),
)

# Answers to requests with an Idempotency-Key, for a day.
kept_answers = Table(
    "kept_answers",
    metadata,
    Column("key", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    _text("asked"),
    Column("status", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", JSON, nullable=False),
    Index("kept_answers_by_time", "at"),
)

healing_actions = Table(
    "healing_actions",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    _text("service"),
    _text("proposed_action"),
    _text("agl_decision"),  # PENDING, APPROVED, DENIED or MODIFIED
    _text("policy"),
    _text("approved_action", null=True),
    _text("status"),
    Column("executed_at", Instant),
    _text("result"),
    Index("healing_actions_by_time", "executed_at"),
)

approvals = Table(
    "approvals",
    metadata,
    Column("incident", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("approvers", JSON, nullable=False),
    Column("requested_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    _text("decision"),  # PENDING, APPROVED, REJECTED or EXPIRED
    _text("decided_by", default=""),
    _text("role", default=""),
    Column("decided_at", Instant),
    _text("comment", default=""),
    Index("approvals_by_decision", "decision"),
    Index("approvals_by_time", "decided_at"),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    _text("actor"),
    _text("what"),
    _text("incident"),
    _text("detail"),
)

feedback = Table(
    "feedback",
    metadata,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _text("incident"),
    Column("at", Instant, nullable=False),
    _text("given_by"),
    Column("helpful", Boolean, nullable=False),
    _text("service"),
    _text("fault_class"),
    _text("comment"),
)

config_history = Table(
    "config_history",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    _text("name"),
    _text("value"),
    Column("at", Instant, nullable=False),
    _text("changed_by"),
    _text("reason"),
)

memory_chunks = Table(
    "memory_chunks",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    _text("incident"),
    Column("at", Instant, nullable=False),
    _text("service"),
    _text("fault_class"),
    Column("signature", JSON, nullable=False),
    _text("text"),
    _text("action"),
    _text("recovery"),
    Column("mttr_seconds", Float),
    _text("embedder"),  # what made the embedding; another one cannot be compared with it
    Column("embedding", LargeBinary, nullable=False),  # float32, little-endian
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("version", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("created_at", Instant, nullable=False),
    _text("created_by"),
    _text("reason"),
    _text("parent"),  # "" for none
    Column("threshold", Float, nullable=False),
    Column("series", Integer, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("artefact", LargeBinary, nullable=False),  # see akeso.engine.artefact_codec
)

model_aliases = Table(
    "model_aliases",
    metadata,
    Column("alias", Text, primary_key=True),
    Column("version", BigInteger().with_variant(Integer, "sqlite"), nullable=False),
)

# Ground truth on decisions; `feedback` above is people's word on incidents.
decision_labels = Table(
    "decision_labels",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("given_by", Text, primary_key=True),
    Column("anomalous", Boolean, nullable=False),
    Column("predicted", Boolean, nullable=False),
    Index("decision_labels_by_instant", "at"),
)
