"""Every page, by module. Importing a page's module registers it."""

from tradewinds.app.console import (
    page_alerts,
    page_approvals,
    page_backtest,
    page_bar,
    page_data,
    page_evening,
    page_explain,
    page_factors,
    page_findings,
    page_logs,
    page_models,
    page_nights,
    page_order,
    page_overview,
    page_people,
    page_research,
    page_risk,
    page_risk_model,
    page_settings,
    page_strategies,
    page_trading,
)

ALL = (
    page_alerts, page_approvals, page_backtest, page_bar, page_data, page_evening, page_explain, page_factors, page_findings,
    page_logs, page_models, page_nights, page_order, page_overview, page_people, page_research, page_risk, page_risk_model, page_settings,
    page_strategies, page_trading,
)  # fmt: skip
