"""What the shipped DAG files draw: the configuration's plans, with broken entries told apart from sound ones."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from tradewinds.airflow.dag_factory import Drawing, draw_config
from tradewinds.core.errors import Rejected, TradewindsError
from tradewinds.wiring.calendars import stand_calendars
from tradewinds.wiring.settings import load_sound_config


def drawing() -> Drawing:
    """The DAGs of the configuration in force, and the problems with it. Reads the local file and the environment, nothing else.

    A task needs its own DAG alone, and Airflow reads the files again for each task: there, only that one is drawn.
    """
    try:
        config, broken = load_sound_config()
    except TradewindsError as error:
        return Drawing({}, {"configuration": str(error)})
    try:
        stand_calendars(config)
    except TradewindsError as error:
        broken["calendars"] = str(error)
    drawn = draw_config(config, only=get_parsing_context().dag_id)
    return Drawing(drawn.dags, {**drawn.problems, **broken})


def complain(drawn: Drawing) -> None:
    """Raises Rejected naming every problem, if there is one."""
    if drawn.problems:
        lines = [f"  {name}: {problem}" for name, problem in sorted(drawn.problems.items())]
        raise Rejected("tradewinds: these plans were not drawn, all others were:\n" + "\n".join(lines))
