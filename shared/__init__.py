"""What the services share: events and requests, the bus, settings, logging, the runner."""
