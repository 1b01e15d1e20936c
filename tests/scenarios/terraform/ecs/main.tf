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

variable "image" {
  type = string
}

variable "program" {
  type        = string
  description = "Python that serves HTTP on port 8080"
}

variable "subnets" {
  type = list(string)
}

variable "security_group" {
  type = string
}

variable "target_group" {
  type        = string
  description = "The ARN of a target group that a load balancer forwards to"
}

variable "colour" {
  type        = string
  description = "What the program answers with"
}

provider "aws" {
  region                  = "us-east-1"
  access_key              = var.account
  secret_key              = "test"
  skip_metadata_api_check = true
  skip_region_validation  = true

  endpoints {
    ec2   = var.endpoint
    ecs   = var.endpoint
    elbv2 = var.endpoint
    iam   = var.endpoint
    sts   = var.endpoint
  }
}

output "service" {
  value = aws_ecs_service.web.id
}
