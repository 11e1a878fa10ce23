"""What the dashboards show, a module each."""

from deploy.grafana.boards import bus, matching, overview, realtime, stores

BOARDS = (overview.BOARD, matching.BOARD, realtime.BOARD, bus.BOARD, stores.BOARD)
