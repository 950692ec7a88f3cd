"""People: who may enter and by what, what they did, writes that were asked for by a key, and acts that wait for a second person."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

revision = "0006"
down_revision = "0005"


def _json() -> TypeEngine[Any]:
    return sa.JSON().with_variant(JSONB(), "postgresql")


def upgrade() -> None:
    _people()
    _acts()


def _people() -> None:
    op.create_table(
        "person",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("changed_ns", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("role IN ('viewer', 'trader', 'risk_officer', 'admin')", name="ck_person_role"),
        sa.PrimaryKeyConstraint("name", name="pk_person"),
    )
    op.create_table(
        "person_access",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scopes", _json(), nullable=True),
        sa.Column("created_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("used_ns", sa.BigInteger(), nullable=True),
        sa.Column("revoked_ns", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("kind IN ('token', 'session')", name="ck_person_access_kind"),
        sa.ForeignKeyConstraint(["person"], ["person.name"], name="fk_person_access_person", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_person_access"),
        sa.UniqueConstraint("fingerprint", name="uq_person_access_fingerprint"),
    )
    op.create_index("ix_person_access_person", "person_access", ["person"])
    op.create_table(
        "person_lockout",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_ns", sa.BigInteger(), nullable=False),
        sa.Column("locked_until_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_person_lockout"),
    )


def _acts() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "audit",
        sa.Column("id", number, autoincrement=True, nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("person", "role", "face", "address", "act", "subject", "outcome", "detail")
        ),
        sa.Column("words", _json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    for column in ("at_ns", "person", "act"):
        op.create_index(f"ix_audit_{column}", "audit", [column])
    op.create_table(
        "idempotency",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at_ns", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("person", "key", name="pk_idempotency"),
    )
    op.create_index("ix_idempotency_at_ns", "idempotency", ["at_ns"])
    op.create_table(
        "act_request",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("words", _json(), nullable=False),
        sa.Column("permission", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_ns", sa.BigInteger(), nullable=False),
        sa.Column("expires_ns", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_ns", sa.BigInteger(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("outcome", _json(), nullable=False),
        sa.CheckConstraint("state IN ('waiting', 'confirmed', 'declined', 'expired')", name="ck_act_request_state"),
        sa.CheckConstraint("answered_by IS NULL OR state <> 'confirmed' OR answered_by <> asked_by", name="ck_act_request_two_persons"),
        sa.PrimaryKeyConstraint("id", name="pk_act_request"),
    )
    op.create_index("ix_act_request_state", "act_request", ["state", "asked_ns"])


def downgrade() -> None:
    for table in ("act_request", "idempotency", "audit", "person_lockout", "person_access", "person"):
        op.drop_table(table)
