data "aws_iam_policy_document" "data" {
  statement {
    sid       = "Objects"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
    resources = ["${aws_s3_bucket.data.arn}/*"]
  }
  statement {
    sid       = "Bucket"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.data.arn]
  }
  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.data.arn]
  }
}

resource "aws_iam_policy" "data" {
  name   = "${var.name}-data"
  policy = data.aws_iam_policy_document.data.json
}

data "aws_iam_policy_document" "assumed" {
  for_each = toset(["eks.amazonaws.com", "ec2.amazonaws.com", "ecs-tasks.amazonaws.com", "airflow-env.amazonaws.com", "pods.eks.amazonaws.com"])
  statement {
    actions = each.key == "pods.eks.amazonaws.com" ? ["sts:AssumeRole", "sts:TagSession"] : ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = each.key == "airflow-env.amazonaws.com" ? ["airflow-env.amazonaws.com", "airflow.amazonaws.com"] : [each.key]
    }
  }
}

resource "aws_iam_role" "cluster" {
  name               = "${var.name}-cluster"
  assume_role_policy = data.aws_iam_policy_document.assumed["eks.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "cluster" {
  role       = aws_iam_role.cluster.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_iam_role" "node" {
  name               = "${var.name}-node"
  assume_role_policy = data.aws_iam_policy_document.assumed["ec2.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each   = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly"])
  role       = aws_iam_role.node.name
  policy_arn = "arn:aws:iam::aws:policy/${each.key}"
}

# Pods of ours reach the bucket by this role, without a key.
resource "aws_iam_role" "pod" {
  name               = "${var.name}-pod"
  assume_role_policy = data.aws_iam_policy_document.assumed["pods.eks.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "pod" {
  role       = aws_iam_role.pod.name
  policy_arn = aws_iam_policy.data.arn
}

resource "aws_iam_role" "sweep" {
  name               = "${var.name}-sweep"
  assume_role_policy = data.aws_iam_policy_document.assumed["ecs-tasks.amazonaws.com"].json
}

resource "aws_iam_role_policy_attachment" "sweep" {
  role       = aws_iam_role.sweep.name
  policy_arn = aws_iam_policy.data.arn
}

resource "aws_iam_role_policy_attachment" "sweep_logs" {
  role       = aws_iam_role.sweep.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}
