output "lake" {
  description = "TRADEWINDS_STORAGE__LAKE, with AWS_ENDPOINT_URL=https://storage.googleapis.com"
  value       = "s3://${google_storage_bucket.data.name}/lake"
}

output "database_host" {
  description = "For TRADEWINDS_STORAGE__LEDGER_FILE"
  value       = google_sql_database_instance.main.private_ip_address
}

output "cluster" {
  value = google_container_cluster.main.name
}

output "planner" {
  value = var.planner == "composer" ? google_composer_environment.main[0].config[0].airflow_uri : "deploy/kubernetes/airflow-values.yaml"
}
