"""What lists of incidents and alerts are sorted, filtered and searched by. `refill` of the projections fills it."""

import sqlalchemy as sa
from alembic import op

from akeso.adapters.journals import search

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXTS = ("owner", "acknowledged_by", "priority")
_SORTED = ("updated_at", "onset", "severity_rank", "service", "status", "type")


def upgrade() -> None:
    op.add_column("incidents", sa.Column("severity_rank", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("incidents", sa.Column("number", sa.BigInteger(), nullable=False, server_default="0"))
    for name in _TEXTS:
        op.add_column("incidents", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in _SORTED:
        op.create_index(f"incidents_by_tenant_{name}", "incidents", ["tenant", name, "number"], unique=False)
    op.create_index("incidents_by_number", "incidents", ["tenant", "number"], unique=False)
    op.add_column("alerts", sa.Column("number", sa.BigInteger(), nullable=False, server_default="0"))
    for name in ("severity", "first_at"):
        op.add_column("alerts", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    op.create_index("alerts_by_number", "alerts", ["number"], unique=False)
    op.create_index("alerts_by_incident", "alerts", ["incident"], unique=False)
    op.create_index("alerts_by_severity", "alerts", ["tenant", "severity", "source", "fingerprint"], unique=False)
    op.create_index("alerts_by_first", "alerts", ["tenant", "first_at", "source", "fingerprint"], unique=False)
    op.create_table(
        "marks",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("subject", "kind", "name", "value")),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind", "name", "value", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index("marks_by_number", "marks", ["subject", "number"], unique=False)
    search.create(op.get_bind())


def downgrade() -> None:
    search.drop(op.get_bind())
    op.drop_index("marks_by_number", table_name="marks")
    op.drop_table("marks")
    for name in ("first", "severity", "incident", "number"):
        op.drop_index(f"alerts_by_{name}", table_name="alerts")
    with op.batch_alter_table("alerts") as alerts:
        for name in ("first_at", "severity", "number"):
            alerts.drop_column(name)
    op.drop_index("incidents_by_number", table_name="incidents")
    for name in _SORTED:
        op.drop_index(f"incidents_by_tenant_{name}", table_name="incidents")
    with op.batch_alter_table("incidents") as incidents:
        for name in (*_TEXTS, "number", "severity_rank"):
            incidents.drop_column(name)
