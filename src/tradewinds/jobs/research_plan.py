"""The plans of research: one DAG for each step of a night, chained by the tables they publish, and one for each model's training.

    bars -> features -> risk_model, predict -> signals -> report

Each step publishes a row of its own `night-<step>-<book>` that says how it ended, so that the next one starts whatever happened: the
night ends with what can be had and says what could not. A step is not tried twice by the plan: what it publishes the first time, a second
try would no longer publish, and the chain would stop.
"""

from __future__ import annotations

from dataclasses import replace

from tradewinds.jobs.config import Config
from tradewinds.jobs.plan import AfterTables, Cron, Plan, Step
from tradewinds.jobs.research_config import ScreenerConfig
from tradewinds.jobs.research_tables import book_table

NIGHT_HOURS = 6
TRAINING_HOURS = 24
SHEET_RHYTHM = "*/5 * * * *"
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
        plans += _screening(name, screener, terms, features)
    return plans


def _screening(name: str, screener: str, terms: ScreenerConfig, features: str) -> list[Plan]:
    """After the features or by its own rhythm; a sheet shows what is new at once, and is asked for answers every few minutes."""
    params = {"research": name, "screener": screener}
    schedule = Cron(terms.schedule) if terms.schedule else AfterTables((features,))
    title = f"Candidates of {screener}, which wait for a person"
    screen = Step("screen", "research.screen", params, approval="research.answer")
    if terms.sheet is None:
        return [Plan(f"screener_{name}_{screener}", title, schedule, (screen,), tags=("research",))]
    sheet = Step("sheet", "research.sheet", params)
    return [
        Plan(f"screener_{name}_{screener}", title, schedule, (screen, replace(sheet, after=("screen",))), tags=("research",)),
        Plan(f"sheet_{name}_{screener}", f"Answers in the sheet of {screener}", Cron(SHEET_RHYTHM), (sheet,), tags=("research",)),
    ]


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
