# What ECS's API keeps, with most options that Terraform's AWS provider knows.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "account" { type = string }
variable "ready" {
  type        = string
  description = "The ARN of a cluster named ready: the provider rests for seconds after each one it makes"
}

provider "aws" {
  region                  = "us-east-1"
  access_key              = var.account
  secret_key              = "test"
  skip_metadata_api_check = true
  skip_region_validation  = true
  endpoints {
    ec2 = var.endpoint
    ecs = var.endpoint
    iam = var.endpoint
    sts = var.endpoint
  }
  default_tags {
    tags = { Stack = "first" }
  }
}

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

resource "aws_ecs_account_setting_default" "insights" {
  name  = "containerInsights"
  value = "enhanced"
}

resource "aws_ecs_cluster" "main" {
  name = "main"

  setting {
    name  = "containerInsights"
    value = "enabled"
  }

  configuration {
    execute_command_configuration {
      logging = "DEFAULT"
    }
  }
}

resource "aws_ecs_cluster_capacity_providers" "main" {
  cluster_name       = "ready"
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = 1
    base              = 1
  }
}

resource "aws_ecs_task_definition" "fargate" {
  family                   = "fargate"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 1024
  memory                   = 2048
  execution_role_arn       = "arn:aws:iam::${var.account}:role/execution"
  task_role_arn            = "arn:aws:iam::${var.account}:role/task"

  ephemeral_storage {
    size_in_gib = 30
  }

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }

  volume {
    name = "scratch"
  }

  container_definitions = jsonencode([
    {
      name         = "app"
      image        = "nginx"
      portMappings = [{ containerPort = 80, name = "http", appProtocol = "http" }]
      environment  = [{ name = "B", value = "2" }, { name = "A", value = "1" }]
      secrets      = [{ name = "S", valueFrom = "arn:aws:ssm:us-east-1:${var.account}:parameter/s" }]
      mountPoints  = [{ sourceVolume = "scratch", containerPath = "/scratch" }]
      dependsOn    = [{ containerName = "side", condition = "HEALTHY" }]
      ulimits      = [{ name = "nofile", softLimit = 1024, hardLimit = 2048 }]
      stopTimeout  = 10
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = "web"
          awslogs-region        = "us-east-1"
          awslogs-stream-prefix = "app"
        }
      }
    },
    {
      name        = "side"
      image       = "busybox"
      essential   = false
      healthCheck = { command = ["CMD-SHELL", "true"] }
    },
  ])
}

resource "aws_ecs_task_definition" "bridge" {
  family = "bridge"

  placement_constraints {
    type       = "memberOf"
    expression = "attribute:ecs.availability-zone in [us-east-1a, us-east-1b]"
  }

  volume {
    name      = "host"
    host_path = "/srv"
  }

  volume {
    name = "shared"
    docker_volume_configuration {
      scope         = "shared"
      autoprovision = true
      driver        = "local"
      labels        = { purpose = "test" }
    }
  }

  container_definitions = jsonencode([
    {
      name              = "agent"
      image             = "busybox"
      cpu               = 10
      memoryReservation = 64
      links             = ["helper"]
      hostname          = "agent"
      dnsServers        = ["10.0.0.2"]
      extraHosts        = [{ hostname = "h", ipAddress = "10.0.0.9" }]
      portMappings      = [{ containerPort = 53, protocol = "udp" }, { containerPort = 8080, hostPort = 80 }]
      linuxParameters   = { initProcessEnabled = true, tmpfs = [{ containerPath = "/t", size = 16 }] }
      mountPoints       = [{ sourceVolume = "host", containerPath = "/srv", readOnly = true }]
      dockerLabels      = { a = "b" }
    },
    { name = "helper", image = "busybox", memory = 32, essential = false },
  ])
}

resource "aws_ecs_service" "spot" {
  name            = "spot"
  cluster         = var.ready
  task_definition = aws_ecs_task_definition.fargate.arn
  desired_count   = 0
  propagate_tags  = "SERVICE"

  enable_ecs_managed_tags            = true
  enable_execute_command             = true
  deployment_maximum_percent         = 150
  deployment_minimum_healthy_percent = 50

  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = 1
  }

  network_configuration {
    subnets = data.aws_subnets.default.ids
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
}

resource "aws_ecs_service" "placed" {
  name            = "placed"
  cluster         = var.ready
  task_definition = aws_ecs_task_definition.bridge.arn
  launch_type     = "EC2"
  desired_count   = 0

  ordered_placement_strategy {
    type  = "spread"
    field = "attribute:ecs.availability-zone"
  }

  ordered_placement_strategy {
    type  = "binpack"
    field = "memory"
  }

  placement_constraints {
    type = "distinctInstance"
  }
}

resource "aws_ecs_service" "daemon" {
  name                = "daemon"
  cluster             = var.ready
  task_definition     = aws_ecs_task_definition.bridge.arn
  launch_type         = "EC2"
  scheduling_strategy = "DAEMON"
}

resource "aws_ecs_service" "external" {
  name          = "external"
  cluster       = var.ready
  desired_count = 0

  deployment_controller {
    type = "EXTERNAL"
  }
}

resource "aws_ecs_task_set" "blue" {
  service         = aws_ecs_service.external.id
  cluster         = var.ready
  task_definition = aws_ecs_task_definition.fargate.arn
  launch_type     = "FARGATE"
  external_id     = "blue"

  network_configuration {
    subnets = data.aws_subnets.default.ids
  }

  scale {
    value = 25
  }
}

data "aws_ecs_cluster" "main" {
  cluster_name = "ready"
}

output "revision" { value = aws_ecs_task_definition.fargate.revision }
output "status" { value = data.aws_ecs_cluster.main.status }
