"""Configuration: JSON documents of the CloudWatch agent, and the ini file of the older logs agent, as plans."""
