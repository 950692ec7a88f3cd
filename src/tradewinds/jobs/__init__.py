"""What runs at night and on the minute: plain functions keyed by (name, partition), safe to run twice, with or without Airflow.

May import core, calendars, history and wire. Vendors, brokers and stores reach a job through its `Context`.
Begin with `plan` (what a plan and its steps are), `catalog` (all of them), then the job that interests you.
"""
