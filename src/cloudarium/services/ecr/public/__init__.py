"""ECR Public: the same records as ECR in a scope of their own, with galleries' catalogue data instead of settings."""
