"""The room `airflow`."""
