/** Which view shows which step. A view is `{heading, node, update?, close?}`. */

import { callView } from "./callview.js";
import { connecting, found, rejoin } from "./meeting.js";
import { ended, talk } from "./ended.js";
import { expired } from "./expired.js";
import { history } from "./history.js";
import { home } from "./home.js";
import { microphone } from "./microphoneview.js";
import { away, declined, erased, loading, missed, replaced, signedOut, stopped } from "./plain.js";
import { relayUnavailable } from "./relay.js";
import { settings } from "./settings.js";
import { signup } from "./signup.js";
import { requeued, waiting } from "./waiting.js";

export const VIEWS = {
  "loading": loading,
  "signup": signup,
  "home": home,
  "history": history,
  "talk": talk,
  "settings": settings,
  "microphone": microphone,
  "relay-unavailable": relayUnavailable,
  "waiting": waiting,
  "requeued": requeued,
  "found": found,
  "connecting": connecting,
  "rejoin": rejoin,
  "call": callView,
  "ended": ended,
  "declined": declined,
  "missed": missed,
  "away": away,
  "expired": expired,
  "replaced": replaced,
  "stopped": stopped,
  "signed-out": signedOut,
  "erased": erased,
};
