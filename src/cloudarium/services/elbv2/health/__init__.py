"""Health of targets: settings, matching, the thresholds, and what is known of each target now."""
