terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "account" { type = string }
variable "sink" { type = string }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = var.account
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true

  endpoints {
    logs = var.endpoint
    sts  = var.endpoint
  }
}

resource "aws_cloudwatch_log_group" "app" {
  name              = "/app/web"
  retention_in_days = 30
  tags              = { team = "web" }
}

resource "aws_cloudwatch_log_group" "rare" {
  name_prefix     = "/rare/"
  log_group_class = "INFREQUENT_ACCESS"
}

resource "aws_cloudwatch_log_stream" "one" {
  name           = "web/one"
  log_group_name = aws_cloudwatch_log_group.app.name
}

resource "aws_cloudwatch_log_index_policy" "app" {
  log_group_name  = aws_cloudwatch_log_group.app.name
  policy_document = jsonencode({ Fields = ["requestId"] })
}

resource "aws_cloudwatch_log_account_policy" "indexes" {
  policy_name        = "indexes"
  policy_type        = "FIELD_INDEX_POLICY"
  policy_document    = jsonencode({ Fields = ["userId"] })
  selection_criteria = "LogGroupNamePrefix IN [\"/other/\"]"
}

resource "aws_cloudwatch_log_account_policy" "addresses" {
  policy_name = "addresses"
  policy_type = "DATA_PROTECTION_POLICY"
  policy_document = jsonencode({
    Name    = "addresses"
    Version = "2021-06-01"
    Statement = [
      {
        Sid            = "Audit"
        DataIdentifier = ["arn:aws:dataprotection::aws:data-identifier/IpAddress"]
        Operation      = { Audit = { FindingsDestination = {} } }
      },
      {
        Sid            = "Mask"
        DataIdentifier = ["arn:aws:dataprotection::aws:data-identifier/IpAddress"]
        Operation      = { Deidentify = { MaskConfig = {} } }
      }
    ]
  })
}

resource "aws_cloudwatch_log_account_policy" "stream" {
  policy_name = "stream"
  policy_type = "SUBSCRIPTION_FILTER_POLICY"
  policy_document = jsonencode({
    DestinationArn = var.sink
    RoleArn        = "arn:aws:iam::${var.account}:role/logs"
    FilterPattern  = "ERROR"
    Distribution   = "Random"
  })
  selection_criteria = "LogGroupName NOT IN [\"/app/web\"]"
}

resource "aws_cloudwatch_log_metric_filter" "errors" {
  name           = "errors"
  log_group_name = aws_cloudwatch_log_group.app.name
  pattern        = "?\"ERROR:\" ?\"Error:\""

  metric_transformation {
    name          = "Errors"
    namespace     = "App"
    value         = "1"
    default_value = "0"
    unit          = "Count"
  }
}

resource "aws_cloudwatch_log_metric_filter" "latency" {
  name           = "latency"
  log_group_name = aws_cloudwatch_log_group.app.name
  pattern        = "{ $.latency = * }"

  metric_transformation {
    name       = "Latency"
    namespace  = "App"
    value      = "$.latency"
    dimensions = { Path = "$.path" }
  }
}

resource "aws_cloudwatch_log_subscription_filter" "all" {
  name            = "all"
  log_group_name  = aws_cloudwatch_log_group.app.name
  filter_pattern  = ""
  destination_arn = var.sink
  role_arn        = "arn:aws:iam::${var.account}:role/logs"
  distribution    = "Random"
}

resource "aws_cloudwatch_log_destination" "door" {
  name       = "door"
  role_arn   = "arn:aws:iam::${var.account}:role/logs"
  target_arn = var.sink
}

resource "aws_cloudwatch_log_destination_policy" "door" {
  destination_name = aws_cloudwatch_log_destination.door.name
  access_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = "123456789012" }
      Action    = "logs:PutSubscriptionFilter"
      Resource  = aws_cloudwatch_log_destination.door.arn
    }]
  })
}

resource "aws_cloudwatch_query_definition" "errors" {
  name            = "errors"
  log_group_names = [aws_cloudwatch_log_group.app.name]
  query_string    = "fields @timestamp, @message | filter @message like /(?i)(Warning|Error)/ | limit 100"
}

resource "aws_cloudwatch_log_resource_policy" "route53" {
  policy_name = "route53"
  policy_document = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "route53.amazonaws.com" }
      Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
      Resource  = "arn:aws:logs:*:*:log-group:/aws/route53/*"
    }]
  })
}

resource "aws_cloudwatch_log_data_protection_policy" "mails" {
  log_group_name = aws_cloudwatch_log_group.app.name
  policy_document = jsonencode({
    Name    = "mails"
    Version = "2021-06-01"
    Statement = [
      {
        Sid            = "Audit"
        DataIdentifier = ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"]
        Operation      = { Audit = { FindingsDestination = { S3 = { Bucket = "findings" } } } }
      },
      {
        Sid            = "Mask"
        DataIdentifier = ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"]
        Operation      = { Deidentify = { MaskConfig = {} } }
      }
    ]
  })
}

output "stream_arn" {
  value = aws_cloudwatch_log_stream.one.arn
}
