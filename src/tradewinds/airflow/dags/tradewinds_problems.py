"""Shows entries of the configuration that no DAG could be drawn for, as one import error in Airflow's list."""

from tradewinds.airflow.shipped import complain, drawing

complain(drawing())
