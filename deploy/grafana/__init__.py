"""Grafana's dashboards as code: `boards/` says what they show, `build` writes the JSON."""
