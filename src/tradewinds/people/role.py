"""Roles and what each may do. A role includes those below it: viewer, trader, risk officer, admin.

A permission is also the scope of a token: a token may do what its owner's role may do and its scopes name, never more.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

from tradewinds.core.errors import Rejected

Role = Literal["viewer", "trader", "risk_officer", "admin"]
Permission = Literal[
    "read:market", "read:trade", "read:people",
    "do:halt", "do:trade", "do:strategy", "do:research", "do:release",
    "do:approve", "do:resume", "do:limits", "do:live",
    "do:people", "do:self",
]  # fmt: skip

ROLES: tuple[Role, ...] = get_args(Role)
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)

# What each role may do beyond the one below it.
_ADDED: dict[Role, frozenset[Permission]] = {
    "viewer": frozenset({"read:market", "read:trade", "do:self"}),
    "trader": frozenset({"do:halt", "do:trade", "do:strategy", "do:research", "do:release"}),
    "risk_officer": frozenset({"read:people", "do:approve", "do:resume", "do:limits", "do:live"}),
    "admin": frozenset({"do:people"}),
}


def role_named(text: str) -> Role:
    """The role of that name (`risk-officer` too); raises Rejected."""
    name = text.strip().lower().replace("-", "_").replace(" ", "_")
    if name not in ROLES:
        raise Rejected(f"role {text!r}, expected one of {', '.join(ROLES)}")
    return name


def permission_named(text: str) -> Permission:
    """The permission of that name; raises Rejected."""
    if text not in PERMISSIONS:
        raise Rejected(f"scope {text!r}, expected one of {', '.join(PERMISSIONS)}")
    return text


def granted(role: Role) -> frozenset[Permission]:
    """Everything that a role may do."""
    return frozenset().union(*(_ADDED[one] for one in ROLES[: ROLES.index(role) + 1]))


def is_allowed(role: Role, permission: Permission, scopes: Collection[str] | None = None) -> bool:
    """Whether a role, narrowed to these scopes (None: all of them), may do it."""
    return permission in _GRANTED[role] and (scopes is None or permission in scopes)


def lowest_role(permission: Permission) -> Role:
    """The first role that may do it."""
    return next(role for role in ROLES if permission in _GRANTED[role])


_GRANTED: dict[Role, frozenset[Permission]] = {role: granted(role) for role in ROLES}
