variable "project" {
  type = string
}

variable "name" {
  description = "Prefix of everything that is made."
  type        = string
  default     = "tradewinds"
}

variable "region" {
  type = string
}

variable "network" {
  description = "An existing VPC, by its id, with a private services connection."
  type        = string
}

variable "subnetwork" {
  description = "A subnetwork of it with ranges named pods and services."
  type        = string
}

variable "planner" {
  description = "What plans the nights: gke (the chart on our cluster) or composer (Google's Airflow)."
  type        = string
  default     = "gke"
  validation {
    condition     = contains(["gke", "composer"], var.planner)
    error_message = "Expected gke or composer."
  }
}

variable "database_tier" {
  type    = string
  default = "db-custom-4-16384"
}

variable "composer_image" {
  type    = string
  default = "composer-3-airflow-3"
}
