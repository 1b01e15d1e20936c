terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "endpoint" {
  type        = string
  description = "The cloud's one port, as http://host:port"
}

variable "account" {
  type        = string
  description = "A 12-digit account id, given as the access key id"
}

variable "region" {
  type    = string
  default = "us-east-1"
}

variable "blue" {
  type        = list(string)
  default     = []
  description = "Private addresses of the blue programs, once they are attached"
}

variable "green" {
  type        = list(string)
  default     = []
  description = "Private addresses of the green programs"
}

# Nothing but the endpoints differs from a configuration for AWS.
provider "aws" {
  region                  = var.region
  access_key              = var.account
  secret_key              = "test"
  s3_use_path_style       = true
  skip_metadata_api_check = true
  skip_region_validation  = true

  endpoints {
    ec2   = var.endpoint
    elbv2 = var.endpoint
    iam   = var.endpoint
    s3    = var.endpoint
    sts   = var.endpoint
  }

  default_tags {
    tags = {
      Scenario = "alb"
    }
  }
}
