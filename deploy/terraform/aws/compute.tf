# Trading, console, MLflow; and Airflow by its chart where planner is eks.
resource "aws_eks_cluster" "main" {
  name                      = var.name
  role_arn                  = aws_iam_role.cluster.arn
  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  vpc_config {
    subnet_ids              = var.private_subnets
    endpoint_private_access = true
    endpoint_public_access  = false
  }
  encryption_config {
    resources = ["secrets"]
    provider {
      key_arn = aws_kms_key.data.arn
    }
  }
  access_config {
    authentication_mode = "API"
  }
  depends_on = [aws_iam_role_policy_attachment.cluster]
}

resource "aws_eks_addon" "main" {
  for_each     = toset(["eks-pod-identity-agent", "aws-ebs-csi-driver", "vpc-cni"])
  cluster_name = aws_eks_cluster.main.name
  addon_name   = each.key
}

resource "aws_launch_template" "node" {
  name                   = "${var.name}-node"
  vpc_security_group_ids = [aws_security_group.workers.id, aws_eks_cluster.main.vpc_config[0].cluster_security_group_id]
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
}

resource "aws_eks_node_group" "main" {
  cluster_name    = aws_eks_cluster.main.name
  node_group_name = "main"
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = var.private_subnets
  instance_types  = ["m7g.xlarge", "m6g.xlarge"]
  ami_type        = "AL2023_ARM_64_STANDARD"
  scaling_config {
    min_size     = 2
    desired_size = 2
    max_size     = 12
  }
  launch_template {
    id      = aws_launch_template.node.id
    version = aws_launch_template.node.latest_version
  }
  depends_on = [aws_iam_role_policy_attachment.node]
}

resource "aws_eks_pod_identity_association" "main" {
  cluster_name    = aws_eks_cluster.main.name
  namespace       = "tradewinds"
  service_account = "tradewinds"
  role_arn        = aws_iam_role.pod.arn
}

# Sweeps: chunks as an array job, whose results are objects in the bucket.
resource "aws_batch_compute_environment" "sweeps" {
  compute_environment_name = "${var.name}-sweeps"
  type                     = "MANAGED"
  compute_resources {
    type               = "FARGATE_SPOT"
    max_vcpus          = var.sweep_vcpus_max
    subnets            = var.private_subnets
    security_group_ids = [aws_security_group.workers.id]
  }
}

resource "aws_batch_job_queue" "sweeps" {
  name     = "${var.name}-sweeps"
  state    = "ENABLED"
  priority = 1
  compute_environment_order {
    order               = 1
    compute_environment = aws_batch_compute_environment.sweeps.arn
  }
}

resource "aws_batch_job_definition" "sweep" {
  name                  = "${var.name}-sweep"
  type                  = "container"
  platform_capabilities = ["FARGATE"]
  retry_strategy {
    attempts = 3
  }
  container_properties = jsonencode({
    image                  = var.image
    command                = ["python", "-m", "tradewinds.engines.worker"]
    executionRoleArn       = aws_iam_role.sweep.arn
    jobRoleArn             = aws_iam_role.sweep.arn
    readonlyRootFilesystem = true
    runtimePlatform        = { cpuArchitecture = "X86_64", operatingSystemFamily = "LINUX" }
    resourceRequirements = [
      { type = "VCPU", value = "2" },
      { type = "MEMORY", value = "8192" },
    ]
  })
}
