"""Settings of sessions, each limit with its reason."""

from shared.config import CommonSettings, Seconds


class DatabaseSettings(CommonSettings, frozen=True, kw_only=True):
    """How Postgres is spoken to."""

    database_url: str
    database_connections_first: int = 2
    """Opened at the start, so that a wrong address shows at once; more when they are needed."""
    database_connections_max: int = 10
    """Transactions take 1 to 3 ms: ten keep a 4-core Postgres busy, more only queue inside it.
    Ten replicas stay within Postgres' default of 100."""
    database_connect_timeout_s: Seconds = Seconds(3)
    """A healthy Postgres accepts in milliseconds; askers give up after 3 s."""
    database_acquire_timeout_s: Seconds = Seconds(2)
    """Who waits this long for a connection is told 503 while the asker still listens."""
    database_statement_timeout_s: Seconds = Seconds(2)
    """No statement takes 100 ms; what does hangs on a lock or a disk."""
    database_idle_in_transaction_timeout_s: Seconds = Seconds(15)
    """A replica that froze inside a transaction must free its users; the relay of the outbox
    holds one open for as long as a publish may take (5 s)."""
    database_close_timeout_s: Seconds = Seconds(2)
    """What is in hand at a stop commits within this, or its asker tries again."""
    database_tries_max: int = 6
    """Deadlocks and overtaken transactions; two in a row are already rare."""


class Settings(DatabaseSettings, frozen=True, kw_only=True):
    """Everything sessions reads from its environment."""

    sessions_ops_port: int = 0
    session_join_timeout_s: Seconds = Seconds(30)
    """Both must answer the ring within this."""
    session_connect_timeout_s: Seconds = Seconds(30)
    """Negotiating takes a second, through a relay three: whoever is not connected after this (a
    reload and a change of networks included) will not be, and another partner may wait."""
    session_turn_s: Seconds = Seconds(600)
    """Long enough to get into a language, short enough that both get their turn in a short talk."""
    session_maximum_s: Seconds = Seconds(3600)
    """Three turns of each language. A talk that nobody ends, two forgotten tabs, must not go on
    for ever."""
    session_minimum_s: Seconds = Seconds(300)
    """Who talked for this long completed the session: shorter is a greeting, not practice."""

    outbox_batch: int = 200
    """Six thousand a second; larger batches gain nothing and hold their rows longer."""
    outbox_interval_s: Seconds = Seconds(1)
    """How often the relay looks for rows that their process could not publish."""
    outbox_delete_interval_s: Seconds = Seconds(0.2)
    """Confirmed rows are deleted in batches, well before the relay would take them."""
    figures_interval_s: Seconds = Seconds(10)
    """How often what is open is counted: oftener than figures are usually read, for a few
    milliseconds of Postgres."""
    outbox_finish_timeout_s: Seconds = Seconds(2)
    """At a stop; what is not confirmed by then another replica relays."""
    outbox_in_flight_max: int = 5_000
    """Events of this process awaiting their confirm; beyond it those that no handler waits for are
    left to the relay."""

    requests_prefetch: int = 200
    """Questions in hand: enough to fill batches of opens, few enough to answer within 3 s."""
    events_prefetch: int = 100
    """Events in hand: ten connections are busy with a tenth of them."""

    open_batch_max: int = 200
    """Opens that share a transaction: its statements stay under some tens of milliseconds."""
    open_batches_in_flight: int = 2
    """A batch gathers while others commit; a second one keeps a slow commit from stopping all."""
    request_timeout_max_s: Seconds = Seconds(1800)
    """Nobody waits longer than half an hour; the gateway checks what people ask for."""
    idempotency_retention_s: Seconds = Seconds(86_400)
    """A client that retries for a day is answered the same; later it is a new wish."""
    blocks_max: int = 1_000
    """All of a user's own blocks travel in every ticket of theirs: 1,000 ids are 40 KB."""
    reports_max: int = 20
    """A person who means it has nothing more to say; every report is read by somebody."""
    reports_period_s: Seconds = Seconds(86_400)
    """The day over which those are counted."""
    ticket_avoid_max: int = 2_000
    """80 KB, far below what the bus carries, however many have blocked the user. It holds all own
    blocks and a thousand partners of the line, which nobody else's ticket names; whoever blocked
    the user and is left out carries that block in a ticket of their own."""

    sweep_interval_s: Seconds = Seconds(1)
    """Longest sleep between looks at deadlines, which are kept within 1 s."""
    sweep_batch: int = 500
    """Users locked in one transaction of a sweep, and rows repeated or pruned at a time."""
    repeat_first_s: Seconds = Seconds(30)
    """An open request or session is told again after this, then after twice as long, …"""
    repeat_max_s: Seconds = Seconds(240)
    """… at most this: what was lost without notice is repaired within four minutes."""
    repeat_lease_s: Seconds = Seconds(10)
    """A replica that dies while it repeats: the others take its rows after this."""
    offline_age_max_s: Seconds = Seconds(15)
    """What was read longer ago says nothing about now."""
    prune_interval_s: Seconds = Seconds(60)
    """How often what has expired is deleted."""

    page_max: int = 100
    """Sessions in one answer: some 50 KB."""

    pulse_interval_s: Seconds = Seconds(1)
    pulse_gap_max_s: Seconds = Seconds(3)
    """Two pulses further apart: Postgres or every sessions was away."""
    pulse_late_max_s: Seconds = Seconds(5)
    """A later return: RabbitMQ, Redis or every gateway was away."""
    pulse_forgotten_s: Seconds = Seconds(60)
    """A pulse still out after this is taken for lost, not late."""
    outage_quiet_s: Seconds = Seconds(10)
    """No session's deadline passes within this of an outage: people need it to come back."""
