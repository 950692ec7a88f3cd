"""The tables of people in the ledger: who may enter, by what, what they did, and what waits for a second person."""

from __future__ import annotations

import sqlalchemy as sa

from tradewinds.stores.ledger_schema import counted_key, json_type, metadata

person = sa.Table(
    "person",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("password_hash", sa.Text),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("changed_ns", sa.BigInteger, nullable=False),
    sa.CheckConstraint("role IN ('viewer', 'trader', 'risk_officer', 'admin')", name="role"),
)

# Tokens and sessions, by the SHA-256 of what is shown. scopes: null for all that the role may do.
person_access = sa.Table(
    "person_access",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("person", sa.ForeignKey("person.name", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("scopes", json_type()),
    sa.Column("created_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
    sa.Column("used_ns", sa.BigInteger),
    sa.Column("revoked_ns", sa.BigInteger),
    sa.CheckConstraint("kind IN ('token', 'session')", name="kind"),
)

# Wrong passwords in a row, of a person or an address; a name that nobody has stands there too, so that it looks the same.
person_lockout = sa.Table(
    "person_lockout",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("last_ns", sa.BigInteger, nullable=False),
    sa.Column("locked_until_ns", sa.BigInteger, nullable=False),
)

# Added, never altered.
audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", counted_key(), primary_key=True, autoincrement=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("person", sa.Text, nullable=False, index=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("face", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("act", sa.Text, nullable=False, index=True),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("words", json_type(), nullable=False),
)

# Writes that were asked for with a key: the same key answers the same. status: null while it is being done.
idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False, index=True),
    sa.Column("status", sa.BigInteger),
    sa.Column("answer", sa.Text),
)

act_request = sa.Table(
    "act_request",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("act", sa.Text, nullable=False),
    sa.Column("words", json_type(), nullable=False),
    sa.Column("permission", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("asked_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_ns", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("answered_by", sa.Text),
    sa.Column("answered_ns", sa.BigInteger),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("outcome", json_type(), nullable=False),
    sa.CheckConstraint("state IN ('waiting', 'confirmed', 'declined', 'expired')", name="state"),
    sa.CheckConstraint("answered_by IS NULL OR state <> 'confirmed' OR answered_by <> asked_by", name="two_persons"),
    sa.Index("ix_act_request_state", "state", "asked_ns"),
)
