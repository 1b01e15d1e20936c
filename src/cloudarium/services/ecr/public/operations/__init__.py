"""ECR Public's operations. Images are kept and layers uploaded exactly as in ECR, whose functions do it."""
