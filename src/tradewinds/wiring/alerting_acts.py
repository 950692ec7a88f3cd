"""What people do about alerts, as acts of `wiring.desk.acts`: take one in hand, try a route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tradewinds.wiring.alerting import send_test

if TYPE_CHECKING:
    from tradewinds.people.token import Principal
    from tradewinds.wiring.house import House


def take_in_hand(house: House, principal: Principal, words: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing more is sent about the alert, and nothing escalates. Raises Missing where there is none of this id.

    By which face it was done stands in the audit log.
    """
    found = house.ledger.outbox.acknowledge(
        str(words["id"]), by=principal.person, at_ns=house.clock.now_ns(), face="desk", note=str(words.get("note") or "")
    )
    return {"id": found.id, "alert": f"{found.alert.source} {found.alert.subject}".strip(), "in_the_hands_of": found.acknowledged_by}


def try_route(house: House, principal: Principal, words: Mapping[str, Any]) -> dict[str, Any]:
    """Send a test message by a route, now and once. Raises Rejected where there is no such route, or it has no address."""
    outcome = send_test(house, str(words["route"]))
    return {"route": words["route"], "outcome": outcome.kind, "error": outcome.error or None}
