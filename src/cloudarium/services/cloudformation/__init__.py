"""CloudFormation: stacks of resources, made by AWS's own API in the order in which they need each other."""
