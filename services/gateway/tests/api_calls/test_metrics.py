"""What the API counts, and that no caller can add to what is counted."""

from collections.abc import Callable

from services.gateway.promises import KEPT_MAX, Promises
from services.gateway.tests.api_calls.conftest import Api
from shared.identifiers import RequestId, new_id
from shared.metrics import exposition, value
from shared.testing import Rise

CALL = "parley_http_seconds_count"


async def test_a_call_is_timed_by_its_route_and_class_of_status(api: Api) -> None:
    accepted = Rise(CALL, method="POST", route="/api/v1/match/request", status="2xx")
    await api.call("POST", "/match/request")
    assert accepted.by == 1
    refused = Rise(CALL, method="GET", route="/api/v1/match/request/{request_id}", status="4xx")
    for _ in range(3):
        await api.call("GET", f"/match/request/{new_id()}x")
    assert refused.by == 3


async def test_what_callers_make_up_adds_no_series(api: Api) -> None:
    """Paths, methods and origins are theirs to choose; labels are not."""
    elsewhere = Rise(CALL, method="GET", route="none", status="4xx")
    brewed = Rise(CALL, method="other", route="none", status="4xx")
    foreign = Rise(CALL, method="GET", route="none", status="4xx")
    for name in ("a", "b", "c"):
        await api.client.get(f"/api/v1/{name}-made-up")
        await api.client.request(f"BREW{name.upper()}", "/api/v1/nothing-made-up")
    assert (elsewhere.by, brewed.by) == (3, 3)
    await api.client.get("/api/v1/languages", headers={"origin": "https://made-up.example"})
    assert foreign.by == 4
    assert b"made-up" not in exposition()
    assert b"BREW" not in exposition()


async def test_files_of_the_web_client_are_one_route(api: Api) -> None:
    served = Rise(CALL, method="GET", route="web client", status="2xx")
    await api.client.get("/parley.js")
    assert served.by == 1


async def test_a_limit_that_refuses_counts_by_its_name(make_api: Callable[..., Api]) -> None:
    api = make_api(limit_user_per_minute=1)
    refused = Rise("parley_limited_total", limit="user")
    for _ in range(3):
        await api.call("GET", "/users/me")
    assert refused.by == 2


async def test_whether_an_estimate_could_be_given_counts(api: Api) -> None:
    without = Rise("parley_estimates_total", given="no")
    await api.call("POST", "/match/request")
    assert without.by == 1


def test_a_promised_wait_is_compared_with_the_real_one() -> None:
    now_s = 100.0
    promises = Promises(lambda: now_s)
    promised = Rise("parley_wait_estimated_seconds_sum")
    real = Rise("parley_wait_real_seconds_sum")
    later = Rise("parley_wait_error_seconds_sum", matched="later")
    sooner = Rise("parley_wait_error_seconds_count", matched="sooner")
    slow, quick, never = (RequestId(new_id()) for _ in range(3))
    promises.give(slow, 10.0)
    promises.give(quick, 8.0)
    promises.give(never, None)
    now_s += 5
    promises.matched(quick)
    now_s += 25
    for request_id in (slow, slow, quick, never):
        promises.matched(request_id)
    assert (promised.by, real.by, later.by, sooner.by) == (18, 35, 20, 1)


def test_no_more_promises_are_kept_than_the_latest() -> None:
    promises = Promises()
    oldest = RequestId(new_id())
    promises.give(oldest, 1.0)
    for _ in range(KEPT_MAX):
        promises.give(RequestId(new_id()), 1.0)
    compared = value("parley_wait_real_seconds_count")
    promises.matched(oldest)
    assert value("parley_wait_real_seconds_count") == compared
