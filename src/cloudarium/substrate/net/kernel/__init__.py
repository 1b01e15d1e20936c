"""The Linux side: namespaces, netlink, nftables. Nothing here knows what a VPC is."""
