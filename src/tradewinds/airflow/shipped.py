"""What the shipped DAG files draw: the configuration's plans, with broken entries told apart from sound ones."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from tradewinds.airflow.dag_factory import Drawing, draw_config
from tradewinds.airflow.strategy_dags import draw_strategies, folder_of
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
    only = get_parsing_context().dag_id
    drawn = draw_config(config, only=only)
    return Drawing(drawn.dags, {**drawn.problems, **broken})


def strategies() -> Drawing:
    """The DAGs of the workspace's strategy files. Reads local YAML and nothing else."""
    try:
        config, _ = load_sound_config()
        stand_calendars(config)
    except TradewindsError:
        return Drawing({}, {})  # the other file says what is wrong with the configuration
    only = get_parsing_context().dag_id
    folder = folder_of(config)
    return Drawing({}, {}) if folder is None else draw_strategies(config, folder, only=only)


def complain(*drawings: Drawing) -> None:
    """Raises Rejected naming every problem, if there is one."""
    problems = {name: problem for drawn in drawings for name, problem in drawn.problems.items()}
    if problems:
        lines = [f"  {name}: {problem}" for name, problem in sorted(problems.items())]
        raise Rejected("tradewinds: these plans were not drawn, all others were:\n" + "\n".join(lines))
