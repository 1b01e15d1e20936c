"""ECR's operations, by what they are about.

Not here, and so refused by name: StartImageScan (nothing scans images yet), image signing (nothing signs), and the
replication backfills.
"""
