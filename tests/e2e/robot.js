/** The life of a robot partner in its page; `robot.py` opens it and prints what it tells. */

import { MemoryStorage, Parley } from "/parley.js";

/** As long as a request may wait; the robot asks again afterwards. */
const TIMEOUT = "30m";
const AGAIN_MS = 5_000;
const LISTEN_MS = 1_000;

const parley = new Parley({ storage: new MemoryStorage() });
const sound = new Audio();
let asking = false;
let heard = false;
let met = null;

/** Registers and begins; throws what the server refuses. */
export async function begin(profile) {
  await parley.register(profile);
  parley.addEventListener("change", ask);
  parley.addEventListener("change", meet);
  parley.addEventListener("call", listen);
  for (const [type, tell] of Object.entries(TOLD)) parley.addEventListener(type, tell);
  parley.connect();
}

/** Leaves nothing behind that people could wait for. */
export async function end() {
  say("goes");
  parley.removeEventListener("change", ask);
  parley.removeEventListener("change", meet);
  for (const [type, tell] of Object.entries(TOLD)) parley.removeEventListener(type, tell);
  await parley.erase();
}

const TOLD = {
  "match.requeued": () => say("waits again, no later than before"),
  "match.expired": () => say("nobody came, the time is up"),
  "match.cancelled": ({ detail }) => say(`no longer waits (${detail.reason})`),
  "session.connecting": ({ detail }) => say(`both joined, connecting (${detail.generation})`),
  "session.active": ({ detail }) => say(`talks; it is the turn of ${detail.turn.language}`),
  "session.turn": ({ detail }) => say(`the turn of ${detail.turn.language} begins`),
  "session.ended": ({ detail }) => {
    say(`the talk is over after ${detail.duration_s} s: ${detail.reason}`);
  },
  "peer.away": () => say("the partner is away"),
  "peer.back": () => say("the partner is back"),
  "chat": ({ detail }) => {
    if (detail.sender === parley.user?.id) return;
    say(`reads “${detail.text}” and answers the same`);
    parley.sendChat(detail.text);
  },
  "problem": ({ detail }) => say(`is told: ${detail.code} ${detail.message}`),
  "link": ({ detail }) => {
    if (detail.link === "waiting") say("lost the server, comes back");
    if (detail.link === "stopped" || detail.link === "replaced") {
      window.robotStopped(detail.reason ?? detail.link);
    }
  },
};

/** Whoever is found, told by a frame or by the welcome of a socket that broke meanwhile. */
function meet() {
  const { session } = parley.state;
  if (!session || session.session_id === met) return;
  met = session.session_id;
  heard = false;
  const { partner, you_practise, partner_practises } = session;
  say(`meets ${partner.display_name}: practises ${you_practise}, gives ${partner_practises}`);
  parley.join(tone());
}

/** Whenever nothing is open. */
async function ask() {
  const { request, session } = parley.state;
  if (parley.link !== "open" || asking || request || session) return;
  asking = true;
  try {
    await parley.ask({ timeout: TIMEOUT });
    say("asks for a partner and waits");
    asking = false;
  } catch (problem) {
    say(`cannot ask: ${problem.detail || problem.code}`);
    setTimeout(() => {
      asking = false;
      ask();
    }, AGAIN_MS);
  }
}

/** Play what comes, and tell once that there is a voice in it. */
async function listen() {
  const { remoteStream } = parley.call;
  if (remoteStream === null || sound.srcObject === remoteStream) return;
  sound.srcObject = remoteStream;
  await sound.play().catch(() => {});
  while (!heard && sound.srcObject === remoteStream && parley.call.phase !== "idle") {
    await new Promise((resolve) => setTimeout(resolve, LISTEN_MS));
    const reports = (await parley.call.stats()) ?? new Map();
    const energies = [...reports.values()].map((report) => report.totalAudioEnergy ?? 0);
    if (Math.max(0, ...energies) > 0 && !heard) {
      heard = true;
      say("hears the partner");
    }
  }
}

/** A microphone without a microphone: soft beeps, so that one hears whether the line is steady. */
function tone() {
  const context = new AudioContext();
  const [voice, beep] = [context.createOscillator(), context.createOscillator()];
  const [volume, swell] = [context.createGain(), context.createGain()];
  const microphone = context.createMediaStreamDestination();
  voice.frequency.value = 330;
  volume.gain.value = 0.15;
  beep.frequency.value = 0.8;
  swell.gain.value = 0.15;
  beep.connect(swell).connect(volume.gain);
  voice.connect(volume).connect(microphone);
  voice.start();
  beep.start();
  parley.addEventListener("session.ended", () => context.close(), { once: true });
  return microphone.stream;
}

function say(/** @type {string} */ text) {
  window.robotSays(text);
}
