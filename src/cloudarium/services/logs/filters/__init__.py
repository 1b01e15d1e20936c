"""What acts on events as they come in: metric filters, subscriptions, live tails."""
