"""What sessions answers: every request of `shared/requests.py` with its answerer."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from services.sessions.config import Settings
from services.sessions.outbox import Outbox
from services.sessions.requests import (
    feedback,
    matching,
    past,
    reports,
    safety,
    tokens,
    users,
)
from services.sessions.requests.batching import Openings
from services.sessions.store.database import Database
from shared.messaging import Answerer
from shared.requests import (
    BlockUser,
    CancelRequest,
    ChangeProfile,
    EraseUser,
    FileReport,
    GetProfile,
    GetRequest,
    GetSession,
    GetState,
    GetVersions,
    GiveFeedback,
    ListBlocks,
    ListSessions,
    OpenRequest,
    RegisterUser,
    RotateToken,
    UnblockUser,
)


def answerers(
    database: Database, outbox: Outbox, openings: Openings, settings: Settings
) -> Mapping[type[Any], Answerer]:
    """Every request with what answers it, dependencies bound."""
    return {
        RegisterUser: partial(users.register_user, outbox),
        GetProfile: partial(users.get_profile, database),
        ChangeProfile: partial(users.change_profile, outbox),
        EraseUser: partial(users.erase_user, outbox, settings),
        RotateToken: partial(tokens.rotate_token, outbox),
        OpenRequest: openings.open_request,
        CancelRequest: partial(matching.cancel_request, outbox),
        GetRequest: partial(matching.get_request, database),
        GetState: partial(users.get_state, database),
        GetVersions: partial(users.get_versions, database),
        ListSessions: partial(past.list_sessions, database, settings),
        GetSession: partial(past.get_session, database),
        GiveFeedback: partial(feedback.give_feedback, outbox, settings),
        FileReport: partial(reports.file_report, outbox, settings),
        ListBlocks: partial(safety.list_blocks, database),
        BlockUser: partial(safety.block_user, outbox, settings),
        UnblockUser: partial(safety.unblock_user, outbox),
    }
