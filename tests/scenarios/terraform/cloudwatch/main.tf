terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "endpoint" { type = string }
variable "account" { type = string }

provider "aws" {
  region                      = "us-east-1"
  access_key                  = var.account
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    cloudwatch = var.endpoint
    sns        = var.endpoint
    sts        = var.endpoint
  }
}

resource "aws_sns_topic" "alerts" {
  name = "alerts"
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  alarm_name          = "errors"
  alarm_description   = "Too many errors"
  namespace           = "Shop"
  metric_name         = "Errors"
  statistic           = "Sum"
  period              = 60
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  threshold           = 5
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
  ok_actions          = [aws_sns_topic.alerts.arn]
  dimensions          = { Shop = "north", Stage = "live" }
  tags                = { team = "web" }
}

resource "aws_cloudwatch_metric_alarm" "slow" {
  alarm_name                            = "slow"
  namespace                             = "Shop"
  metric_name                           = "Latency"
  extended_statistic                    = "p99.9"
  evaluate_low_sample_count_percentiles = "ignore"
  period                                = 300
  evaluation_periods                    = 1
  threshold                             = 0.5
  unit                                  = "Seconds"
  comparison_operator                   = "GreaterThanThreshold"
}

resource "aws_cloudwatch_metric_alarm" "rate" {
  alarm_name          = "rate"
  comparison_operator = "GreaterThanThreshold"
  evaluation_periods  = 2
  threshold           = 10

  metric_query {
    id          = "rate"
    expression  = "100 * FILL(errors, 0) / orders"
    label       = "Error rate"
    return_data = true
  }

  metric_query {
    id = "errors"

    metric {
      namespace   = "Shop"
      metric_name = "Errors"
      period      = 60
      stat        = "Sum"
      unit        = "Count"
      dimensions  = { Shop = "north" }
    }
  }

  metric_query {
    id = "orders"

    metric {
      namespace   = "Shop"
      metric_name = "Orders"
      period      = 60
      stat        = "Sum"
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "odd" {
  alarm_name          = "odd"
  comparison_operator = "LessThanLowerOrGreaterThanUpperThreshold"
  evaluation_periods  = 2
  threshold_metric_id = "band"

  metric_query {
    id          = "band"
    expression  = "ANOMALY_DETECTION_BAND(visits, 3)"
    label       = "Visits (expected)"
    return_data = true
  }

  metric_query {
    id          = "visits"
    return_data = true

    metric {
      namespace   = "Shop"
      metric_name = "Visits"
      period      = 120
      stat        = "Average"
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "shop" {
  alarm_name        = "shop"
  alarm_description = "The shop is in trouble"
  alarm_actions     = [aws_sns_topic.alerts.arn]
  alarm_rule        = "ALARM(${aws_cloudwatch_metric_alarm.errors.alarm_name}) OR (ALARM(${aws_cloudwatch_metric_alarm.rate.alarm_name}) AND NOT ALARM(${aws_cloudwatch_metric_alarm.slow.alarm_name}))"

  actions_suppressor {
    alarm            = aws_cloudwatch_metric_alarm.slow.alarm_name
    extension_period = 10
    wait_period      = 20
  }
}

resource "aws_cloudwatch_dashboard" "shop" {
  dashboard_name = "shop"

  dashboard_body = jsonencode({
    widgets = [
      {
        type       = "metric"
        x          = 0
        y          = 0
        width      = 12
        height     = 6
        properties = {
          metrics = [["Shop", "Orders", "Shop", "north", { stat = "Sum" }], ["...", "south"]]
          period  = 60
          region  = "us-east-1"
          title   = "Orders"
          view    = "timeSeries"
          stacked = true
        }
      },
      {
        type       = "alarm"
        properties = { alarms = [aws_cloudwatch_metric_alarm.errors.arn], title = "Alarms" }
      },
    ]
  })
}

output "dashboard" { value = aws_cloudwatch_dashboard.shop.dashboard_arn }
