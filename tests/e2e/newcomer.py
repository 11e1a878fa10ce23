"""How schemathesis signs in: as somebody new whenever the one before has been erased."""

import os
from typing import Any

import httpx2
import schemathesis

API = os.environ.get("PARLEY_URL", "http://127.0.0.1:8080") + "/api/v1"
PROFILE = {
    "display_name": "Ana",
    "native_languages": ["es"],
    "practice_languages": [{"language": "en", "level": "B1"}],
}


@schemathesis.auth(refresh_interval=None)
class Newcomer:
    def __init__(self) -> None:
        self._http = httpx2.Client(trust_env=False)
        self._token = ""

    def get(self, case: Any, context: Any) -> str:
        if not self._token or not self._is_known():
            answer = self._http.post(f"{API}/users", json=PROFILE)
            self._token = answer.raise_for_status().json()["access_token"]
        return self._token

    def set(self, case: Any, token: str, context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {token}"

    def _is_known(self) -> bool:
        headers = {"Authorization": f"Bearer {self._token}"}
        return self._http.get(f"{API}/users/me", headers=headers).status_code == 200
