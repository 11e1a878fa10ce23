"""The sessions service: owns Postgres, the truth about users, requests and chat sessions."""
