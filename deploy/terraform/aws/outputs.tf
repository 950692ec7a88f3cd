output "lake" {
  description = "TRADEWINDS_STORAGE__LAKE"
  value       = "s3://${aws_s3_bucket.data.id}/lake"
}

output "raw" {
  description = "TRADEWINDS_STORAGE__RAW"
  value       = "s3://${aws_s3_bucket.data.id}/raw"
}

output "database_host" {
  description = "For TRADEWINDS_STORAGE__LEDGER_FILE: postgresql+psycopg2://ledger:PASSWORD@HOST:5432/ledger?sslmode=verify-full"
  value       = aws_db_instance.main.address
}

output "database_password_secret" {
  description = "Where RDS keeps the master password."
  value       = aws_db_instance.main.master_user_secret[0].secret_arn
}

output "cluster" {
  value = aws_eks_cluster.main.name
}

output "sweep_queue" {
  value = aws_batch_job_queue.sweeps.name
}

output "sweep_definition" {
  value = aws_batch_job_definition.sweep.name
}
