"""What came of alerts, silences, and quick ways to effects and rejections."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tenant", "source", "fingerprint")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("service", "title")),
        sa.Column("firing", sa.Boolean(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("fate", "incident", "last_at")),
        sa.Column("trace", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "source", "fingerprint"),
    )
    op.create_index("alerts_by_time", "alerts", ["tenant", "last_at"], unique=False)
    op.create_index("alerts_by_fate", "alerts", ["fate"], unique=False)
    op.create_table(
        "silences",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("definition", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("healing_actions_by_time", "healing_actions", ["executed_at"], unique=False)
    op.create_index("approvals_by_time", "approvals", ["decided_at"], unique=False)


def downgrade() -> None:
    op.drop_index("approvals_by_time", table_name="approvals")
    op.drop_index("healing_actions_by_time", table_name="healing_actions")
    op.drop_table("silences")
    op.drop_index("alerts_by_fate", table_name="alerts")
    op.drop_index("alerts_by_time", table_name="alerts")
    op.drop_table("alerts")
