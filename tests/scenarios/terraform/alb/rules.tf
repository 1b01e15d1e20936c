resource "aws_lb_listener_rule" "host" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 10

  condition {
    host_header {
      values = ["green.example.com", "*.green.example.com"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.colour["green"].arn
  }
}

resource "aws_lb_listener_rule" "path" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 20

  condition {
    path_pattern {
      values = ["/green/*", "/img/???.png"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.colour["green"].arn
  }
}

resource "aws_lb_listener_rule" "header" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 30

  condition {
    http_header {
      http_header_name = "X-Colour-Wanted"
      values           = ["gr*n"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.colour["green"].arn
  }
}

resource "aws_lb_listener_rule" "query" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 40

  condition {
    query_string {
      key   = "colour"
      value = "green"
    }
    query_string {
      value = "*verdant*"
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.colour["green"].arn
  }
}

resource "aws_lb_listener_rule" "method" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 50

  condition {
    http_request_method {
      values = ["DELETE", "PURGE"]
    }
  }

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "application/json"
      message_body = "{\"refused\": true}"
      status_code  = "403"
    }
  }
}

resource "aws_lb_listener_rule" "source" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 60

  condition {
    source_ip {
      values = ["127.0.0.64/26"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.colour["green"].arn
  }
}

resource "aws_lb_listener_rule" "both" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 70

  condition {
    path_pattern {
      values = ["/old/*"]
    }
  }

  condition {
    host_header {
      values = ["www.example.com"]
    }
  }

  action {
    type = "redirect"

    redirect {
      host        = "new.#{host}"
      path        = "/moved/#{path}"
      query       = "from=#{port}&#{query}"
      status_code = "HTTP_302"
    }
  }
}

resource "aws_lb_listener_rule" "sticky" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 80

  condition {
    path_pattern {
      values = ["/sticky", "/sticky/*"]
    }
  }

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.sticky.arn
  }
}

# Only one group of the two is chosen, and kept by a cookie of its own.
resource "aws_lb_listener_rule" "sticky_groups" {
  listener_arn = aws_lb_listener.main.arn
  priority     = 90

  condition {
    path_pattern {
      values = ["/groups"]
    }
  }

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.colour["blue"].arn
        weight = 1
      }
      target_group {
        arn    = aws_lb_target_group.colour["green"].arn
        weight = 1
      }
      stickiness {
        enabled  = true
        duration = 600
      }
    }
  }
}
