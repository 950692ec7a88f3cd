# Airflow as a service, instead of the chart: plans come from the bucket, and call what runs in the cluster.
resource "aws_iam_role" "planner" {
  count              = var.planner == "mwaa" ? 1 : 0
  name               = "${var.name}-planner"
  assume_role_policy = data.aws_iam_policy_document.assumed["airflow-env.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "planner" {
  count      = var.planner == "mwaa" ? 1 : 0
  role       = aws_iam_role.planner[0].name
  policy_arn = aws_iam_policy.data.arn
}

resource "aws_mwaa_environment" "main" {
  count                 = var.planner == "mwaa" ? 1 : 0
  name                  = var.name
  airflow_version       = var.mwaa_airflow_version
  environment_class     = "mw1.medium"
  dag_s3_path           = "airflow/dags"
  requirements_s3_path  = "airflow/requirements.txt"
  source_bucket_arn     = aws_s3_bucket.data.arn
  execution_role_arn    = aws_iam_role.planner[0].arn
  kms_key               = aws_kms_key.data.arn
  webserver_access_mode = "PRIVATE_ONLY"
  max_workers           = 10
  min_workers           = 1
  network_configuration {
    security_group_ids = [aws_security_group.workers.id]
    subnet_ids         = slice(var.private_subnets, 0, 2)
  }
  logging_configuration {
    scheduler_logs {
      enabled   = true
      log_level = "INFO"
    }
    task_logs {
      enabled   = true
      log_level = "INFO"
    }
    worker_logs {
      enabled   = true
      log_level = "INFO"
    }
  }
}
