"""The gateway: owns the HTTP and WebSocket connections of clients."""
