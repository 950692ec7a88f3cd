"""Airflow plans, never trades: DAGs drawn from `jobs.catalog`, and what makes Airflow understand our calendars and vendors.

May import wiring, jobs, calendars and core; nobody imports this room. Tasks call `wiring.house` inside their own process.
Begin with `dag_factory` (plans to DAGs), then `timetables`, `triggers`, `hooks`, `callbacks`, `provider`, `launcher`.
"""
