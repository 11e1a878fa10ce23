"""What the three services have in common: the events and requests they meet in, the bus, settings, logging, the runner."""
