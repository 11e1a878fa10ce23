"""What the WebSocket half of the gateway reads from the environment, each limit with its reason."""

from services.gateway.api.settings import ApiSettings
from shared.config import Seconds


class RealtimeSettings(ApiSettings, frozen=True, kw_only=True):
    """Sockets, cards, doorbell, presence."""

    redis_url: str = "redis://localhost:6379"
    # Long enough for a Redis that saves to disk, short enough to answer a caller's 503 in time.
    redis_timeout_s: Seconds = Seconds(2)
    # As many round trips at once as handlers are prefetched, within reason for one event loop.
    redis_connections_max: int = 64

    # A socket costs about 24 KiB and two tasks: a quarter of a gigabyte per process.
    connections_max: int = 10_000
    # A token comes with the first packet; who says nothing holds a task for nothing.
    hello_timeout_s: Seconds = Seconds(5)
    # The card stands in when sessions is silent; people look at a blank screen meanwhile.
    hello_state_timeout_s: Seconds = Seconds(1)
    # The largest frame is an SDP offer with its candidates, about 6 KiB.
    frame_bytes_max: int = 16 * 1024
    # Trickled candidates come a few dozen at once; nobody needs more on average.
    frames_per_s_max: int = 20
    frames_burst_max: int = 100
    # What one user did in a session and the bus has not confirmed: people click a few times.
    participations_waiting_max: int = 16
    # Frames waiting for one socket: a client that is this far behind reads too slowly.
    frames_waiting_max: int = 256
    # Gathering candidates makes a few dozen signals in a second, an ICE restart as many again.
    signals_per_s_max: int = 10
    signals_burst_max: int = 80
    # Faster than anybody types, beside signals so that neither uses up what the other may.
    chats_per_s_max: int = 1
    chats_burst_max: int = 10
    # Said by one socket while Redis answers what it said before: a dozen offers.
    relay_waiting_bytes_max: int = 64 * 1024
    # Read for one socket at once, up to 16 KiB each: with the buffers below a client that does not
    # read holds some 200 KiB. The rest waits in the stream.
    relay_batch: int = 3
    # What a page that was reloaded can still read: an hour's chat, and some negotiations.
    relay_length_max: int = 500
    # Messages whose repetition is noticed: as many as two people say in a long talk.
    relay_names_max: int = 1_000
    # Streams go when the session ends; should nobody be told of that, then after its longest.
    relay_lifetime_s: Seconds = Seconds(2 * 3600)
    # A phone in a tunnel may stall this long; longer and it had better come back.
    send_timeout_s: Seconds = Seconds(10)
    # Bytes of one socket in the kernel: a dozen of the largest frames.
    send_buffer_bytes: int = 64 * 1024
    # WebSocket-level pings find dead sockets, and readers that stalled, within this plus the time
    # for an answer: 15 s at most are promised.
    heartbeat_s: Seconds = Seconds(10)
    heartbeat_timeout_s: Seconds = Seconds(4)
    # How often somebody who waits is told so.
    waiting_interval_s: Seconds = Seconds(10)

    # Outlives what a card may show: a wait of half an hour, then a session of an hour.
    card_lifetime_s: Seconds = Seconds(2 * 3600)
    # Lost doorbells, replaced sockets and an emptied Redis are noticed within this.
    refresh_interval_s: Seconds = Seconds(5)
    # An owner counts as connected this long without a refresh: three missed rounds.
    owner_lifetime_s: Seconds = Seconds(15)
    # One pipeline or one question to sessions; Redis is busy for about 5 ms with it.
    refresh_batch: int = 500
    # States loaded from sessions at once after something was lost.
    loads_max: int = 32
    # Entries in a doorbell; what falls out is made up for by the next refresh.
    doorbell_length_max: int = 10_000
    # A gateway that does not refresh its doorbell for this long is gone.
    doorbell_lifetime_s: Seconds = Seconds(60)
    # The blocking read returns after this, to see whether the stream began anew.
    doorbell_block_s: Seconds = Seconds(2)

    # Who is silent longer is taken to have gone.
    presence_grace_s: Seconds = Seconds(30)
    presence_sweep_interval_s: Seconds = Seconds(1)
    # A sweep older than this means Redis or every gateway paused: signs of life were lost with it.
    presence_pause_s: Seconds = Seconds(5)
    # Announced again until the state says it is over.
    presence_again_s: Seconds = Seconds(10)
    # Users in one `user.offline`, as that event promises.
    presence_batch: int = 500

    # At a stop: sockets hear goodbye over this long, and come back over as long again.
    drain_s: Seconds = Seconds(4)
    # Goodbyes go out in this many batches, so that reconnects do not come all at once.
    drain_batches: int = 20

    @property
    def refresh_every_s(self) -> float:
        """Three signs of life in a grace at least: who is connected must never look silent."""
        return min(self.refresh_interval_s, self.presence_grace_s / 3)

    @property
    def away_after_s(self) -> float:
        """Who is connected shows a sign of life every refresh: to miss two is no accident.

        Ends nothing, as the grace does; but no new partner is sought for whoever is away.
        """
        return 2 * self.refresh_every_s
