"""Draws a DAG for each strategy file of the workspace. This file holds no logic: see `tradewinds.airflow.strategy_dags`."""

from tradewinds.airflow.shipped import strategies

globals().update(strategies().dags)
