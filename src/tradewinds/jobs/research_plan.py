"""The plans of research: one DAG for each step of a night, chained by the tables they publish, and one for each model's training.

    bars -> features -> risk_model, predict -> signals -> report

Each step publishes a row of its own `night-<step>-<book>` that says how it ended, so that the next one starts whatever happened: the
night ends with what can be had and says what could not. A step is not tried twice by the plan: what it publishes the first time, a second
try would no longer publish, and the chain would stop.
"""

from __future__ import annotations

from tradewinds.jobs.config import Config
from tradewinds.jobs.plan import AfterTables, Cron, Plan, Step
from tradewinds.jobs.research_tables import book_table

NIGHT_HOURS = 6
TRAINING_HOURS = 24
ANSWER_HOURS = 72  # a run that asks a person is not late before the question ends


def research_plans(config: Config) -> list[Plan]:
    """The plans of every book of research and every model."""
    found = [plan for name in config.research for plan in _night(config, name)]
    return found + [_training(config, name) for name in config.models if config.models[name].research in config.research]


def _night(config: Config, name: str) -> list[Plan]:
    book = config.research[name]

    def plan(step: str, title: str, after: tuple[str, ...]) -> Plan:
        return Plan(
            f"{step}_{name}",
            title,
            AfterTables(after),
            (Step(step, f"research.{step}", {"research": name}, produces=(book_table(step, name),), retries=0),),
            freshness_hours=NIGHT_HOURS,
            tags=("research",),
        )

    features, risk, predicted, signals = (book_table(step, name) for step in ("features", "risk_model", "predict", "signals"))
    plans = [
        plan("features", f"Features of {name}: the session that was just published", (f"history/{book.bars}",)),
        plan("risk_model", f"Factor returns, covariances and specific risk of {name}", (features,)),
        plan("predict", f"What the champions foretell for {name}", (features,)),
        plan("signals", f"Scores of {name} become target weights", (risk, predicted)),
        plan("report", f"The morning's page of {name}", (signals,)),
    ]
    for screener, terms in book.screeners.items():
        schedule = Cron(terms.schedule) if terms.schedule else AfterTables((features,))
        steps = (Step("screen", "research.screen", {"research": name, "screener": screener}, approval="research.answer"),)
        plans.append(
            Plan(f"screener_{name}_{screener}", f"Candidates of {screener}, which wait for a person", schedule, steps, tags=("research",))
        )
    return plans


def _training(config: Config, name: str) -> Plan:
    model = config.models[name]
    params = {"model": name}
    return Plan(
        f"train_{name}",
        f"Trains {name} on {model.research} and scores it out of sample",
        Cron(model.schedule),
        (
            Step("folds", "train.plan", params),
            Step("fold", "train.fold", params, after=("folds",), over="folds", group="out_of_sample"),
            Step("train", "train.run", params, after=("fold",), approval="train.promote"),
        ),
        freshness_hours=TRAINING_HOURS + ANSWER_HOURS,
        tags=("research", "model"),
    )
