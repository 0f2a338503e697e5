"""Versions of the detection model, their aliases, and ground truth on decisions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "model_versions",
        sa.Column("version", number, autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("series", sa.Integer(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("artefact", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "model_aliases",
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("version", number, nullable=False),
        sa.PrimaryKeyConstraint("alias"),
    )
    op.create_table(
        "decision_labels",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("given_by", sa.Text(), nullable=False),
        sa.Column("anomalous", sa.Boolean(), nullable=False),
        sa.Column("predicted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "service", "at", "given_by"),
    )
    op.create_index("decision_labels_by_instant", "decision_labels", ["at"], unique=False)


def downgrade() -> None:
    op.drop_index("decision_labels_by_instant", table_name="decision_labels")
    op.drop_table("decision_labels")
    op.drop_table("model_aliases")
    op.drop_table("model_versions")
