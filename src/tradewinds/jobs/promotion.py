"""Whether a trained model should take the champion's place, and that it does so when a person says yes.

1. The challenger's out-of-sample rows stand against those of the training run that the champion's card names, by the rule of
   `models.promotion`. The first version of a model stands by itself, and waits for a person like every other.
2. What the rule proposes is a question; `promote` takes the answer. A no leaves everything as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from tradewinds.core.errors import DataFault, Rejected
from tradewinds.jobs.context import Context
from tradewinds.jobs.model_port import CHAMPION, KeptModel, Models
from tradewinds.jobs.plan import JobResult
from tradewinds.jobs.research_config import PromotionConfig
from tradewinds.jobs.research_predict import registry_of
from tradewinds.jobs.research_screen import answer_of
from tradewinds.models.card import ModelCard
from tradewinds.models.promotion import Promotion, Rule, promotion
from tradewinds.models.train import OutOfSample

SCORES_SHOWN = 12


def proposal(registry: Models, kept: KeptModel, found: OutOfSample, rule: Rule, of_partition: Callable[[str], OutOfSample]) -> Promotion:
    """What the rule says of a version that was just registered. found: what its folds foretold; of_partition: what those of another
    training run did, raising Missing where none is there.

    Never raises for a comparison that cannot be made: then nothing is proposed, and the reason says so.
    """
    versions = registry.versions(kept.name)
    version = registry.aliases(kept.name).get(CHAMPION)
    trials = max(1, sum(version is None or int(one.version) > int(version) for one in versions))
    alone = promotion(found, None, rule, trials=trials)
    if version is None:
        return alone
    if version == kept.version:
        return replace(alone, is_proposed=False, why=f"version {version} is the champion already")
    try:
        champion = registry.resolve(f"models:/{kept.name}/{version}")
        partition = registry.card(champion).partition
        if not partition:
            return replace(alone, why=f"{alone.why}; how the champion, version {version}, did out of sample is not known")
        return promotion(found, of_partition(partition), rule, trials=trials)
    except (DataFault, Rejected) as error:
        return replace(alone, is_proposed=False, why=f"no comparison with the champion, version {version}: {error}")


def rule_of(config: PromotionConfig) -> Rule:
    """Raises Rejected for numbers that the rule does not have."""
    return Rule(config.metric, config.margin, config.sessions_min, config.level)


def question(kept: KeptModel, said: Promotion, card: ModelCard) -> dict[str, Any]:
    """What a person is asked."""
    figures = [f"- {name}: {'not known' if value is None else value}" for name, value in list(card.scores.items())[:SCORES_SHOWN]]
    rule = [f"- {name.replace('_', ' ')}: {value}" for name, value in said.as_json().items() if name not in ("is_proposed", "why")]
    body = [said.why, "", "By the rule:", *rule, "", "Out of sample:", *figures, "", f"`tradewinds model card {kept.name} {kept.version}`"]
    return {
        "subject": f"model {kept.name}: version {kept.version} as the champion? [{kept.name}/{kept.version}]",
        "body": "\n".join(body),
        "params": {"model": kept.name, "version": kept.version},
    }


def promote(context: Context, partition: str, params: Mapping[str, Any]) -> JobResult:
    """Make a version the champion, as a person decided. params: model, version, by, answer (approve where it is left out)."""
    name, version, by = (str(params.get(one) or "") for one in ("model", "version", "by"))
    if not name or not version:
        raise Rejected(f"{context.job}: model {name!r}, version {version!r}, expected both")
    if answer_of(str(params.get("answer", "approve"))) == "denied":
        return JobResult(state="nothing", detail={"model": name, "version": version, "state": "denied", "by": by})
    registry = registry_of(context)
    before = registry.aliases(name).get(CHAMPION)
    kept = registry.promote(name, version, by=by)
    detail = {"model": name, "version": kept.version, "sha256": kept.sha256, "state": "approved", "by": by, "before": before}
    return JobResult(state="nothing" if before == kept.version else "done", detail=detail)
