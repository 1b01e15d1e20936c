"""What resources are made of: networks, sockets, HTTP, processes."""
