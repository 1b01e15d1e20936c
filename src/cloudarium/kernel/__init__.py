"""What everything else stands on: clock, store, context, controllers, events, metrics, supervision."""
