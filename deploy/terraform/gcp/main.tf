resource "google_service_account" "main" {
  account_id   = var.name
  display_name = "What runs our image"
}

# The lake, raw bytes, models, by the S3-compatible address of Cloud Storage with an HMAC key of this account.
resource "google_storage_bucket" "data" {
  name                        = "${var.project}-${var.name}"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  versioning {
    enabled = true
  }
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = 90
    }
    action {
      type = "Delete"
    }
  }
}

resource "google_storage_bucket_iam_member" "data" {
  bucket = google_storage_bucket.data.name
  role   = "roles/storage.objectAdmin"
  member = google_service_account.main.member
}

# Ledger, journals, MLflow, Airflow, Superset: a database each in one server. Users are made by hand, so that no state holds a password.
resource "google_sql_database_instance" "main" {
  name                = var.name
  region              = var.region
  database_version    = "POSTGRES_17"
  deletion_protection = true
  settings {
    edition           = "ENTERPRISE"
    tier              = var.database_tier
    availability_type = "REGIONAL"
    disk_autoresize   = true
    disk_type         = "PD_SSD"
    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7
      backup_retention_settings {
        retained_backups = 30
      }
    }
    ip_configuration {
      ipv4_enabled    = false
      private_network = var.network
      ssl_mode        = "ENCRYPTED_ONLY"
    }
    database_flags {
      name  = "max_connections"
      value = "300"
    }
  }
}

resource "google_sql_database" "main" {
  for_each = toset(["ledger", "airflow", "mlflow", "superset"])
  name     = each.key
  instance = google_sql_database_instance.main.name
}

resource "google_container_cluster" "main" {
  name                = var.name
  location            = var.region
  enable_autopilot    = true
  network             = var.network
  subnetwork          = var.subnetwork
  deletion_protection = true
  ip_allocation_policy {
    cluster_secondary_range_name  = "pods"
    services_secondary_range_name = "services"
  }
  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = true
  }
  master_authorized_networks_config {}
  release_channel {
    channel = "STABLE"
  }
}

# The pod's service account is this one, without a key.
resource "google_service_account_iam_member" "pod" {
  service_account_id = google_service_account.main.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.project}.svc.id.goog[tradewinds/tradewinds]"
  depends_on         = [google_container_cluster.main]
}

resource "google_secret_manager_secret" "main" {
  for_each  = toset(["databases", "vendors", "accounts", "guard", "alerts", "object-store-credentials"])
  secret_id = "${var.name}-${each.key}"
  replication {
    auto {}
  }
}

resource "google_composer_environment" "main" {
  count  = var.planner == "composer" ? 1 : 0
  name   = var.name
  region = var.region
  config {
    enable_private_environment = true
    software_config {
      image_version = var.composer_image
    }
    node_config {
      network         = var.network
      subnetwork      = var.subnetwork
      service_account = google_service_account.main.email
    }
    workloads_config {
      worker {
        cpu        = 2
        memory_gb  = 8
        storage_gb = 10
        min_count  = 1
        max_count  = 10
      }
    }
  }
}
