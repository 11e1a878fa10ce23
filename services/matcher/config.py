"""The matcher's settings: every limit with its reason."""

from shared.config import CommonSettings, Seconds


class PoolSettings(CommonSettings, frozen=True, kw_only=True):
    """How the pool is reached and read."""

    redis_url: str = "redis://localhost:6379"
    redis_timeout_s: Seconds = Seconds(2)
    """A script takes well under a millisecond; longer means Redis hangs and the message waits."""
    redis_connections_max: int = 32
    """Each carries one script at a time; Redis runs them one by one anyway."""
    pool_page_size: int = 20
    """Longest-waiting candidates read per bucket: scoring them costs about 0.3 ms."""
    pool_page_total_max: int = 200
    """All candidates of one page: a ticket of many languages reads fewer per bucket."""
    pool_pages_max: int = 50
    """Pages read when the hard filter leaves nobody: 1,000 who avoid one, beyond any real list."""
    pool_waits_kept: int = 20
    """Recent waits per bucket: enough for an honest estimate."""
    pool_waits_expire_s: Seconds = Seconds(900)
    """Waits of a quarter of an hour ago say nothing about now."""
    pool_met_kept: int = 20
    """Recent partners per user: more are not met within the hour."""
    pool_met_expire_s: Seconds = Seconds(3600)
    """How long a fresh face is preferred to a recent partner."""


class Settings(PoolSettings, frozen=True, kw_only=True):
    matching_interval_s: Seconds = Seconds(2)
    """Between two sweeps, and so the longest a pair stands that has just become good enough."""
    matcher_ops_port: int = 0
    matcher_prefetch: int = 100
    """Messages in hand: enough to keep Redis and the broker busy, few enough to hand over."""
    claim_rounds_max: int = 10
    """Times candidates are read again because all were claimed meanwhile; a round lost means that
    others were paired. Then it is the sweep's turn."""
    sweep_page_size: int = 100
    """Tickets read per step of a sweep: a step stays under a few milliseconds."""
    unpublished_after_s: Seconds = Seconds(5)
    """A match older than this was claimed by a process that did not live to publish it."""
    measured_pairs_max: int = 500
    """Language pairs in one `pool.measured`, the fullest first: about 100 KB."""

    @property
    def urgent_s(self) -> float:
        """With less time left than this any legal partner will do; two sweeps fall into it."""
        return 2.5 * self.matching_interval_s
