data "aws_elb_service_account" "here" {}

resource "aws_s3_bucket" "logs" {
  bucket        = "scenario-logs-${var.account}"
  force_destroy = true
}

resource "aws_s3_bucket_policy" "logs" {
  bucket = aws_s3_bucket.logs.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { AWS = data.aws_elb_service_account.here.arn }
      Action    = "s3:PutObject"
      Resource  = "${aws_s3_bucket.logs.arn}/alb/AWSLogs/${var.account}/*"
    }]
  })
}

resource "aws_lb" "main" {
  name               = "scenario"
  load_balancer_type = "application"
  security_groups    = [aws_security_group.front.id]
  subnets            = aws_subnet.public[*].id
  idle_timeout       = 30

  access_logs {
    bucket  = aws_s3_bucket_policy.logs.bucket
    prefix  = "alb"
    enabled = true
  }
}

resource "aws_lb_target_group" "colour" {
  for_each             = toset(["blue", "green"])
  name                 = each.key
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = 80
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 30

  health_check {
    path                = "/health"
    matcher             = "200-299"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_target_group" "sticky" {
  name        = "sticky"
  target_type = "ip"
  protocol    = "HTTP"
  port        = 80
  vpc_id      = aws_vpc.main.id

  stickiness {
    type            = "lb_cookie"
    cookie_duration = 3600
    enabled         = true
  }

  health_check {
    path     = "/health"
    interval = 10
  }
}

resource "aws_lb_target_group_attachment" "blue" {
  count            = length(var.blue)
  target_group_arn = aws_lb_target_group.colour["blue"].arn
  target_id        = var.blue[count.index]
  port             = 80
}

resource "aws_lb_target_group_attachment" "green" {
  count            = length(var.green)
  target_group_arn = aws_lb_target_group.colour["green"].arn
  target_id        = var.green[count.index]
  port             = 80
}

resource "aws_lb_target_group_attachment" "sticky" {
  count            = length(var.blue) + length(var.green)
  target_group_arn = aws_lb_target_group.sticky.arn
  target_id        = concat(var.blue, var.green)[count.index]
}

resource "aws_lb_listener" "main" {
  load_balancer_arn = aws_lb.main.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.colour["blue"].arn
        weight = 3
      }
      target_group {
        arn    = aws_lb_target_group.colour["green"].arn
        weight = 1
      }
    }
  }
}

# The notebook's first example: whatever comes to the plain port is sent to the encrypted one.
resource "aws_lb_listener" "redirect" {
  load_balancer_arn = aws_lb.main.arn
  protocol          = "HTTP"
  port              = 81

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      host        = "#{host}"
      port        = "443"
      path        = "/#{path}"
      query       = "#{query}"
      status_code = "HTTP_301"
    }
  }
}
