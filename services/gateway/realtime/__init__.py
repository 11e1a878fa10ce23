"""The WebSocket interface: cards, doorbells, presence and frames."""
