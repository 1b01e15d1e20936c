"""AWS on the wire: parse, identify, authorize, dispatch, audit, serialize."""
