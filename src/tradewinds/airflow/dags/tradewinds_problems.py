"""Shows what no DAG could be drawn for, in the configuration and among the strategy files, as one import error in Airflow's list."""

from tradewinds.airflow.shipped import complain, drawing, strategies

complain(drawing(), strategies())
