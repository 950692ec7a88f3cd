variable "name" {
  description = "Prefix of everything that is made."
  type        = string
  default     = "tradewinds"
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "vpc_id" {
  description = "An existing network."
  type        = string
}

variable "private_subnets" {
  description = "At least two private subnets in two zones."
  type        = list(string)
  validation {
    condition     = length(var.private_subnets) >= 2
    error_message = "Expected at least two private subnets."
  }
}

variable "planner" {
  description = "What plans the nights: eks (the chart on our cluster) or mwaa (Amazon's Airflow)."
  type        = string
  default     = "eks"
  validation {
    condition     = contains(["eks", "mwaa"], var.planner)
    error_message = "Expected eks or mwaa."
  }
}

variable "image" {
  description = "The image of deploy/Dockerfile in a registry, by digest."
  type        = string
}

variable "database_class" {
  type    = string
  default = "db.r6g.large"
}

variable "sweep_vcpus_max" {
  description = "The most that sweeps may take at once on AWS Batch."
  type        = number
  default     = 256
}

variable "mwaa_airflow_version" {
  type    = string
  default = "3.0.6"
}
