output "dns_name" {
  value = aws_lb.main.dns_name
}

output "load_balancer" {
  value = aws_lb.main.arn_suffix
}

output "load_balancer_arn" {
  value = aws_lb.main.arn
}

output "target_groups" {
  value = { for name, group in aws_lb_target_group.colour : name => group.arn }
}

output "target_group_suffixes" {
  value = { for name, group in aws_lb_target_group.colour : name => group.arn_suffix }
}

output "subnets" {
  value = aws_subnet.public[*].id
}

output "zones" {
  value = aws_subnet.public[*].availability_zone
}

output "targets_group" {
  value = aws_security_group.back.id
}

output "vpc" {
  value = aws_vpc.main.id
}

output "bucket" {
  value = aws_s3_bucket.logs.bucket
}
