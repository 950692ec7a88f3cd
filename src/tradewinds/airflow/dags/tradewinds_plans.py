"""Draws the DAGs that the configuration asks for. This file holds no logic: see `tradewinds.airflow.dag_factory`."""

from tradewinds.airflow.shipped import drawing

globals().update(drawing().dags)
