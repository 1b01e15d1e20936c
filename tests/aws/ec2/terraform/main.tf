# Everything of a VPC that Terraform's AWS provider manages; `changed` changes most of it in place.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 5.0" }
  }
}

variable "endpoint" { type = string }
variable "account" { type = string }
variable "changed" {
  type    = bool
  default = false
}

provider "aws" {
  region                  = "us-east-1"
  access_key              = var.account
  secret_key              = "test"
  skip_metadata_api_check = true
  endpoints {
    ec2 = var.endpoint
    sts = var.endpoint
  }
  default_tags {
    tags = { Stack = var.changed ? "changed" : "first" }
  }
}

data "aws_availability_zones" "here" { state = "available" }
data "aws_vpc" "default" { default = true }
data "aws_subnets" "default" {
  filter {
    name   = "vpc-id"
    values = [data.aws_vpc.default.id]
  }
}
data "aws_region" "current" {}

resource "aws_vpc" "main" {
  cidr_block           = "10.0.0.0/16"
  enable_dns_hostnames = true
  tags                 = { Name = var.changed ? "renamed" : "main" }
}
resource "aws_vpc_ipv4_cidr_block_association" "more" {
  vpc_id     = aws_vpc.main.id
  cidr_block = "10.1.0.0/16"
}
resource "aws_subnet" "public" {
  count                   = 2
  vpc_id                  = aws_vpc.main.id
  cidr_block              = cidrsubnet(aws_vpc.main.cidr_block, 8, count.index)
  availability_zone       = data.aws_availability_zones.here.names[count.index]
  map_public_ip_on_launch = !var.changed
  tags                    = { Name = "public-${count.index}" }
}
resource "aws_subnet" "private" {
  count                                       = 2
  vpc_id                                      = aws_vpc.main.id
  cidr_block                                  = cidrsubnet(aws_vpc.main.cidr_block, 8, 10 + count.index)
  availability_zone                           = data.aws_availability_zones.here.names[count.index]
  private_dns_hostname_type_on_launch         = "resource-name"
  enable_resource_name_dns_a_record_on_launch = true
}
resource "aws_subnet" "secondary" {
  vpc_id     = aws_vpc_ipv4_cidr_block_association.more.vpc_id
  cidr_block = "10.1.0.0/24"
  depends_on = [aws_vpc_ipv4_cidr_block_association.more]
}
resource "aws_internet_gateway" "igw" { vpc_id = aws_vpc.main.id }
resource "aws_eip" "nat" {
  count      = 2
  domain     = "vpc"
  depends_on = [aws_internet_gateway.igw]
}
resource "aws_nat_gateway" "nat" {
  allocation_id            = aws_eip.nat[0].id
  subnet_id                = aws_subnet.public[0].id
  secondary_allocation_ids = [aws_eip.nat[1].id]
}
resource "aws_nat_gateway" "private" {
  connectivity_type = "private"
  subnet_id         = aws_subnet.private[1].id
}
resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id
  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.igw.id
  }
}
resource "aws_route_table_association" "public" {
  count          = 2
  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}
resource "aws_route_table" "private" { vpc_id = aws_vpc.main.id }
resource "aws_route" "nat" {
  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.nat.id
}
resource "aws_main_route_table_association" "main" {
  vpc_id         = aws_vpc.main.id
  route_table_id = aws_route_table.private.id
}
resource "aws_default_security_group" "default" { vpc_id = aws_vpc.main.id }
resource "aws_default_network_acl" "default" {
  default_network_acl_id = aws_vpc.main.default_network_acl_id
  ingress {
    protocol   = "-1"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
  egress {
    protocol   = "-1"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
  lifecycle { ignore_changes = [subnet_ids] }
}
resource "aws_security_group" "web" {
  name        = "web"
  description = "web"
  vpc_id      = aws_vpc.main.id
  ingress {
    from_port        = 80
    to_port          = 80
    protocol         = "tcp"
    cidr_blocks      = ["0.0.0.0/0"]
    ipv6_cidr_blocks = ["::/0"]
    description      = var.changed ? "web traffic" : "http"
  }
  ingress {
    from_port = 8
    to_port   = -1
    protocol  = "icmp"
    self      = true
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_security_group" "app" {
  name_prefix = "app-"
  vpc_id      = aws_vpc.main.id
}
resource "aws_vpc_security_group_ingress_rule" "app" {
  security_group_id            = aws_security_group.app.id
  referenced_security_group_id = aws_security_group.web.id
  ip_protocol                  = "tcp"
  from_port                    = var.changed ? 8000 : 8080
  to_port                      = 8080
  tags                         = { a = "b" }
}
resource "aws_vpc_security_group_ingress_rule" "pl" {
  security_group_id = aws_security_group.app.id
  prefix_list_id    = aws_ec2_managed_prefix_list.offices.id
  ip_protocol       = "-1"
}
resource "aws_vpc_security_group_egress_rule" "app" {
  security_group_id = aws_security_group.app.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}
resource "aws_security_group_rule" "old" {
  type              = "ingress"
  security_group_id = aws_security_group.app.id
  protocol          = "udp"
  from_port         = 53
  to_port           = 53
  cidr_blocks       = var.changed ? ["10.0.0.0/8"] : ["10.0.0.0/8", "192.168.0.0/16"]
}
resource "aws_ec2_managed_prefix_list" "offices" {
  name           = "offices"
  address_family = "IPv4"
  max_entries    = var.changed ? 6 : 5
  entry {
    cidr        = "192.0.2.0/24"
    description = "head"
  }
}
resource "aws_ec2_managed_prefix_list_entry" "more" {
  prefix_list_id = aws_ec2_managed_prefix_list.second.id
  cidr           = "198.51.100.0/24"
}
resource "aws_ec2_managed_prefix_list" "second" {
  name           = "second"
  address_family = "IPv4"
  max_entries    = var.changed ? 6 : 5
}
resource "aws_network_acl" "private" {
  vpc_id     = aws_vpc.main.id
  subnet_ids = aws_subnet.private[*].id
  ingress {
    protocol   = "tcp"
    rule_no    = 100
    action     = "allow"
    cidr_block = "10.0.0.0/16"
    from_port  = 0
    to_port    = var.changed ? 1024 : 65535
  }
  egress {
    protocol   = "-1"
    rule_no    = 100
    action     = "allow"
    cidr_block = "0.0.0.0/0"
    from_port  = 0
    to_port    = 0
  }
}
resource "aws_network_acl_rule" "icmp" {
  network_acl_id = aws_network_acl.extra.id
  rule_number    = 200
  egress         = false
  protocol       = "icmp"
  rule_action    = "allow"
  cidr_block     = "0.0.0.0/0"
  icmp_type      = -1
  icmp_code      = -1
}
resource "aws_network_acl" "extra" { vpc_id = aws_vpc.main.id }
resource "aws_network_acl_association" "sec" {
  network_acl_id = aws_network_acl.extra.id
  subnet_id      = aws_subnet.secondary.id
}
resource "aws_vpc_endpoint" "s3" {
  vpc_id          = aws_vpc.main.id
  service_name    = "com.amazonaws.${data.aws_region.current.name}.s3"
  route_table_ids = [aws_route_table.private.id]
}
resource "aws_vpc_endpoint" "ssm" {
  vpc_id              = aws_vpc.main.id
  service_name        = "com.amazonaws.us-east-1.ssm"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = slice(aws_subnet.private[*].id, 0, var.changed ? 1 : 2)
  security_group_ids  = [aws_security_group.app.id]
  private_dns_enabled = !var.changed
}
data "aws_vpc_endpoint_service" "s3" {
  service      = "s3"
  service_type = "Gateway"
}
data "aws_prefix_list" "s3" { name = "com.amazonaws.us-east-1.s3" }
data "aws_ec2_managed_prefix_list" "ddb" { name = "com.amazonaws.us-east-1.dynamodb" }
resource "aws_vpc" "peer" {
  cidr_block           = "10.2.0.0/16"
  enable_dns_hostnames = true
}
resource "aws_vpc_peering_connection" "peer" {
  vpc_id      = aws_vpc.main.id
  peer_vpc_id = aws_vpc.peer.id
  auto_accept = true
  accepter { allow_remote_vpc_dns_resolution = !var.changed }
  requester { allow_remote_vpc_dns_resolution = !var.changed }
}
resource "aws_route" "peer" {
  route_table_id            = aws_route_table.private.id
  destination_cidr_block    = "10.2.0.0/16"
  vpc_peering_connection_id = aws_vpc_peering_connection.peer.id

}
resource "aws_vpc_dhcp_options" "corp" {
  domain_name         = "corp.example"
  domain_name_servers = ["AmazonProvidedDNS"]
  ntp_servers         = ["169.254.169.123"]
}
resource "aws_vpc_dhcp_options_association" "corp" {
  vpc_id          = aws_vpc.peer.id
  dhcp_options_id = aws_vpc_dhcp_options.corp.id
}
resource "aws_network_interface" "eni" {
  subnet_id         = aws_subnet.public[0].id
  security_groups   = [aws_security_group.web.id]
  private_ips       = var.changed ? ["10.0.0.50", "10.0.0.51", "10.0.0.52"] : ["10.0.0.50", "10.0.0.51"]
  source_dest_check = var.changed
  description       = "an interface"
}
resource "aws_eip" "eni" {
  domain                    = "vpc"
  network_interface         = aws_network_interface.eni.id
  associate_with_private_ip = "10.0.0.50"
  depends_on                = [aws_internet_gateway.igw]
}
resource "aws_eip" "other" { domain = "vpc" }
resource "aws_eip_association" "other" {
  allocation_id        = aws_eip.other.id
  network_interface_id = aws_network_interface.eni.id
  private_ip_address   = "10.0.0.51"
  depends_on           = [aws_internet_gateway.igw]
}
resource "aws_default_vpc" "d" {}
resource "aws_default_subnet" "d" { availability_zone = "us-east-1a" }

output "vpc" { value = aws_vpc.main.id }
output "default_subnets" { value = length(data.aws_subnets.default.ids) }
output "s3_blocks" { value = data.aws_prefix_list.s3.cidr_blocks }
output "nat_address" { value = aws_nat_gateway.nat.public_ip }
