/** What parley.js must do. Run by test_parley.py, each case in a page of its own. */

import { Parley, Problem } from "/parley.js";
import { BackOff } from "/parley/backoff.js";
import { after } from "/parley/offsets.js";
import { Tokens } from "/parley/tokens.js";
import * as fakes from "/fakes.js";

const { ME, SESSION, YOU, fetching, microphone, session, signedIn, until, welcome } = fakes;
export const cases = {};

function test(sentence, run) {
  cases[sentence] = run;
}

function equal(actual, expected, what = "") {
  const [one, other] = [actual, expected].map((value) => JSON.stringify(value));
  if (one !== other) throw new Error(`${what} ${one} is not ${other}`);
}

/** Turns of the event loop, for promises to settle. */
async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => queueMicrotask(resolve));
}

/** A client that is signed in, and the sockets it makes. */
function client(more = {}) {
  const { made, FakeSocket } = fakes.sockets();
  const parts = { baseUrl: "https://parley.test", storage: signedIn(), WebSocket: FakeSocket };
  const parley = new Parley({ ...parts, random: () => 0.5, ...more });
  return { parley, made, last: () => made.at(-1) };
}

/** One that is connected. */
async function connected(more = {}, frame = welcome()) {
  const one = client(more);
  one.parley.connect();
  await settled();
  one.last().open();
  one.last().say(frame);
  return one;
}

/** Lose the socket and come back. */
async function comeBack({ parley, last }, frame) {
  const before = last();
  if (before.readyState === 1) before.end();
  await advance(600);
  await until(() => last() !== before, "another socket");
  last().open();
  last().say(frame);
}

const { fetch: unreachable } = fetching(() => new TypeError("no network"));

test("backing off doubles from half a second to thirty, with full jitter", () => {
  const [most, none] = [new BackOff(() => 1), new BackOff(() => 0)];
  const caps = Array.from({ length: 9 }, () => most.next());
  equal(caps, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  equal([none.next(), none.next()], [0, 0]);
  most.reset();
  equal(most.next(), 500);
});

test("offsets compare by milliseconds, then by count", () => {
  equal([after("10-0", "9-5"), after("9-10", "9-9"), after("9-9", "9-9")], [true, true, false]);
});

test("hello says token and offset, and the welcome opens the link", async () => {
  const { parley, last } = client();
  parley.connect();
  equal(parley.link, "connecting");
  await settled();
  last().open();
  equal([last().url, last().protocols], ["wss://parley.test/api/v1/ws", ["parley.v1"]]);
  equal(last().sent, [{ type: "hello", token: "t1", last_offset: "0-0", last_version: 0 }]);
  equal(parley.link, "connecting");
  last().say(welcome({ version: 7 }));
  equal([parley.link, parley.state.version, parley.user.display_name], ["open", 7, "Ana"]);
});

test("a lost socket is opened again after backing off", async () => {
  const { parley, made, last } = await connected();
  last().end();
  equal([parley.link, parley.retryAtMs !== null, made.length], ["waiting", true, 1]);
  await advance(300);
  await until(() => made.length === 2, "another socket");
});

test("a socket without a welcome is given up", async () => {
  const { parley, made } = client();
  parley.connect();
  await settled();
  made[0].open();
  await advance(10_100);
  equal([parley.link, made[0].readyState], ["waiting", 3]);
});

test("a silent socket is asked, and given up when it does not answer", async () => {
  const { parley, last } = await connected();
  await advance(10_100);
  equal(last().saidOf("ping").length, 1);
  last().say({ type: "pong" });
  await advance(9_000);
  equal([last().saidOf("ping").length, parley.link], [1, "open"]);
  await advance(6_500);
  equal(last().saidOf("ping").length, 2);
  await advance(5_100);
  equal(parley.link === "open", false);
});

test("goodbye says when to come back", async () => {
  const { parley, made, last } = await connected();
  last().say({ type: "goodbye", action: "resume", after_ms: 4000 });
  last().end(4000);
  equal(parley.link, "waiting");
  await advance(3_000);
  equal(made.length, 1);
  await advance(1_500);
  await until(() => made.length === 2, "another socket");
});

test("goodbye may say to stay away", async () => {
  const { parley, made, last } = await connected();
  last().say({ type: "goodbye", action: "stop", after_ms: 0 });
  await advance(120_000);
  equal([parley.link, parley.stopReason, made.length], ["stopped", "goodbye", 1]);
});

test("who is replaced never comes back by itself, but when told to", async () => {
  const { parley, made, last } = await connected();
  last().say({ type: "goodbye", action: "stop", after_ms: 0 });
  last().end(4509);
  dispatchEvent(new Event("online"));
  await advance(300_000);
  equal([parley.link, made.length], ["replaced", 1]);
  parley.useHere();
  await until(() => made.length === 2, "another socket");
});

test("a refused token is refreshed once", async () => {
  const pair = { access_token: "t2", refresh_token: "f2", expires_in: 900 };
  const { calls, fetch } = fetching(() => [200, pair]);
  const { parley, made, last } = client({ fetch });
  parley.connect();
  await settled();
  last().open();
  last().say({ type: "error", code: "expired-token", message: "" });
  last().end(4501);
  await until(() => made.length === 2, "another socket");
  equal(calls.map(({ path, body }) => [path, body]), [["/tokens", { refresh_token: "f1" }]]);
  last().open();
  equal(last().sent[0].token, "t2");
  last().end(4501);
  await advance(60_000);
  equal([parley.link, parley.stopReason, made.length], ["stopped", "not-authenticated", 2]);
});

test("who is erased is signed out", async () => {
  const { parley, last } = await connected();
  last().say({ type: "error", code: "unknown-user", message: "" });
  last().end(4501);
  equal([parley.link, parley.stopReason, parley.signedIn], ["stopped", "erased", false]);
  equal([parley.user, parley.state.user], [null, null]);
});

test("a dead refresh token signs out, a dead network does not", async () => {
  const storage = signedIn({ leftMs: 0 });
  const { parley } = client({ storage, fetch: unreachable });
  parley.connect();
  await until(() => ["waiting", "offline"].includes(parley.link), "backing off");
  equal(parley.signedIn, true);
  const { fetch } = fetching(() => [401, { type: "/problems/token-revoked" }]);
  const other = client({ storage, fetch }).parley;
  other.connect();
  await until(() => other.link === "stopped", "stopped");
  equal([other.stopReason, other.signedIn], ["signed-out", false]);
});

test("close codes from 4500 on stop", async () => {
  const { parley, last } = await connected();
  last().end(4513);
  equal([parley.link, parley.stopReason], ["stopped", "too-large"]);
});

test("the network coming back ends the wait", async () => {
  const { parley, made, last } = await connected({ random: () => 1 });
  last().end();
  equal(parley.link, "waiting");
  dispatchEvent(new Event("online"));
  await until(() => made.length === 2, "another socket");
});

test("tabs that share tokens refresh them once", async () => {
  const storage = signedIn({ leftMs: 0 });
  let renewed = 0;
  const renew = async () => {
    renewed += 1;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { access_token: `t${renewed + 1}`, refresh_token: "f2", expires_in: 900 };
  };
  const tab = () => new Tokens({ storage, locks: navigator.locks, renew });
  const [one, other] = [tab(), tab()];
  equal(await Promise.all([one.access(), other.access(), one.access()]), ["t2", "t2", "t2"]);
  equal([renewed, await other.access("t1"), renewed], [1, "t2", 1]);
});

test("an expired token is refreshed and the call made again", async () => {
  const { calls, fetch } = fetching(({ path, headers }) => {
    if (path === "/tokens") {
      return [200, { access_token: "t2", refresh_token: "f2", expires_in: 900 }];
    }
    if (headers.Authorization === "Bearer t1") return [401, { type: "/problems/expired-token" }];
    return [200, { user_ids: ["u1"] }];
  });
  equal(await client({ fetch }).parley.blocks(), ["u1"]);
  equal(calls.map(({ path }) => path), ["/blocks", "/tokens", "/blocks"]);
});

test("a problem says what, about what and when to come back", async () => {
  const document = {
    type: "/problems/request-pending",
    title: "",
    status: 409,
    detail: "You wait already.",
    correlation_id: "c1",
    request_id: "r1",
    errors: [{ detail: "so", pointer: "/x" }],
  };
  const { fetch } = fetching(() => [409, document, { "Retry-After": "3" }]);
  const { parley } = client({ fetch });
  const problem = await parley.ask().catch((error) => error);
  equal(problem instanceof Problem, true);
  const { code, status, detail, about, errors, retryAfterS } = problem;
  equal([code, status, detail, about], ["request-pending", 409, document.detail, { request_id: "r1" }]);
  equal([errors, retryAfterS], [document.errors, 3]);
});

test("what nobody answered is asked again under the same key", async () => {
  const { calls, fetch } = fetching((_, count) =>
    count < 3 ? new TypeError("no network") : [201, { report_id: "p1" }],
  );
  const { parley } = client({ fetch, random: () => 0 });
  equal(await parley.report({ session_id: SESSION, reason: "spam" }), { report_id: "p1" });
  const keys = new Set(calls.map(({ headers }) => headers["Idempotency-Key"]));
  equal([calls.length, keys.size, keys.has(undefined)], [3, 1, false]);
});

test("nobody there is a problem of its own, and nothing is registered twice", async () => {
  const { calls, fetch } = fetching(() => new TypeError("no network"));
  const { parley } = client({ fetch });
  const problem = await parley.register({ display_name: "Ana" }).catch((error) => error);
  equal([problem.code, problem.status, calls.length], ["offline", 0, 1]);
});

test("registering signs in", async () => {
  const user = fakes.profile(YOU);
  const pair = { access_token: "t9", refresh_token: "f9", expires_in: 900 };
  const { fetch } = fetching(() => [201, { user, ...pair }]);
  const { parley } = client({ fetch, storage: fakes.storage() });
  equal([parley.signedIn, parley.user], [false, null]);
  await parley.register({ display_name: "Ben" });
  equal([parley.signedIn, parley.user.id], [true, YOU]);
  parley.signOut();
  equal([parley.signedIn, parley.user], [false, null]);
});

test("a request is shown once accepted, unless its fate was told before", async () => {
  const accepted = { request_id: "r1", status: "pending", expires_at: "x", estimated_wait_s: 4 };
  let before = () => {};
  const { fetch } = fetching(() => {
    before();
    return [202, accepted];
  });
  const { parley, last } = await connected({ fetch });
  await parley.ask({ timeout: "3m" });
  const { request, waiting } = parley.state;
  equal([request.request_id, request.native_languages, waiting.estimated_wait_s], ["r1", ["es"], 4]);
  last().say({ type: "match.waiting", request_id: "r1", waited_s: 10, estimated_wait_s: null });
  equal(parley.state.waiting, { waited_s: 10, estimated_wait_s: null });
  last().say({ type: "match.expired", version: 2, request_id: "r1" });
  equal([parley.state.request, parley.state.lastRequest.status], [null, "expired"]);
  accepted.request_id = "r2";
  before = () => last().say({ type: "match.found", ...session({ request_id: "r2" }), version: 3 });
  await parley.ask();
  equal([parley.state.request, parley.state.session.request_id], [null, "r2"]);
});

test("frames lead from a request through a talk to its end", async () => {
  const { parley, last } = await connected();
  const heard = [];
  for (const type of ["match.found", "session.ended"]) {
    parley.addEventListener(type, ({ detail }) => heard.push(detail.type));
  }
  const about = { session_id: SESSION };
  last().say({ type: "match.found", ...session(), version: 2 });
  equal([parley.state.session.status, parley.state.session.partner.display_name], ["waiting", "Ben"]);
  last().say({ type: "session.connecting", ...about, version: 3, generation: 2, connect_by: "x" });
  equal([parley.state.session.status, parley.state.session.generation], ["connecting", 2]);
  const turn = { number: 0, language: "es" };
  const topics = { language: "es", prompts: ["…"] };
  last().say({ type: "session.active", ...about, version: 4, generation: 2, turn, topics });
  equal([parley.state.session.status, parley.state.topics], ["active", topics]);
  last().say({ type: "peer.away", ...about });
  equal(parley.state.peerAway, true);
  last().say({ type: "peer.back", ...about });
  last().say({ type: "session.turn", ...about, version: 5, turn: { number: 1 }, topics });
  equal([parley.state.peerAway, parley.state.session.turn.number], [false, 1]);
  const end = { request_id: "r1", reason: "left", duration_s: 9, by_you: false };
  last().say({ type: "session.ended", ...about, ...end, version: 6 });
  equal([parley.state.session, parley.state.topics], [null, null]);
  equal([parley.state.lastSession.reason, parley.state.version], ["left", 6]);
  const requeued = { request_id: "r2", session_id: SESSION, since: "s", expires_at: "e" };
  last().say({ type: "match.requeued", ...requeued, version: 7 });
  equal([parley.state.request.request_id, parley.state.request.requeued_from], ["r2", SESSION]);
  equal(heard, ["match.found", "session.ended"]);
});

test("frames and types that are not known change nothing", async () => {
  const { parley, last } = await connected();
  const { state } = parley;
  last().onmessage({ data: "no json" });
  last().onmessage({ data: "7" });
  last().say({ type: "dance", more: 1 });
  equal([parley.state === state, parley.link], [true, "open"]);
});

const talking = () => session({ status: "active", generation: 2, joined: true });
const chat = (id, sender, text, offset) => ({
  type: "chat",
  session_id: SESSION,
  id,
  sender,
  text,
  sent_at: "2026-11-22T12:00:00Z",
  offset,
});
const texts = (parley) => parley.chat.map(({ text, mine, pending }) => [text, mine, pending]);

test("a message is pending until it comes back, and said again after a lost socket", async () => {
  const one = await connected({}, welcome({ session: talking() }));
  const { parley, last } = one;
  const id = parley.sendChat("hola");
  equal(texts(parley), [["hola", true, true]]);
  equal(last().saidOf("chat"), [{ type: "chat", session_id: SESSION, id, text: "hola" }]);
  await comeBack(one, welcome({ session: talking() }));
  equal(last().saidOf("chat").map((frame) => frame.id), [id]);
  last().say(chat("9", YOU, "hi", "5-0"));
  last().say(chat(id, ME, "hola", "6-0"));
  last().say(chat(id, ME, "hola", "7-0"));
  equal(texts(parley), [["hi", false, false], ["hola", true, false]]);
});

test("the chat goes with its session", async () => {
  const { parley, last } = await connected({}, welcome({ session: talking() }));
  last().say(chat("9", YOU, "hi", "5-0"));
  const end = { session_id: SESSION, request_id: "r1", reason: "left", version: 3 };
  last().say({ type: "session.ended", ...end });
  equal(parley.chat, []);
  last().say(chat("10", YOU, "still here?", "6-0"));
  equal(parley.chat, []);
});

test("what is written before both have joined is said then", async () => {
  const { parley, last } = await connected({}, welcome({ session: session() }));
  parley.sendChat("hola");
  equal(last().saidOf("chat"), []);
  last().say({ type: "session.connecting", session_id: SESSION, generation: 2, version: 2 });
  equal(last().saidOf("chat").length, 1);
});

test("a message that was too many is said again, one that is no message is not", async () => {
  const { parley, last } = await connected({}, welcome({ session: talking() }));
  const [first, second] = [parley.sendChat("hola"), parley.sendChat("…")];
  last().say({ type: "error", code: "invalid-frame", message: "", id: second });
  last().say({ type: "error", code: "too-many-messages", message: "", id: first });
  await advance(2_100);
  equal(last().saidOf("chat").map(({ id }) => id), [first, second, first]);
  equal(parley.chat.map(({ failed = false }) => failed), [false, true]);
});

test("what is written after a message that was too many does not overtake it", async () => {
  const { parley, last } = await connected({}, welcome({ session: talking() }));
  const first = parley.sendChat("1");
  last().say({ type: "error", code: "too-many-messages", message: "", id: first });
  const second = parley.sendChat("2");
  equal(last().saidOf("chat").map(({ id }) => id), [first]);
  await advance(2_100);
  equal(last().saidOf("chat").map(({ id }) => id), [first, first, second]);
  const third = parley.sendChat("3");
  last().say(chat(first, ME, "1", "5-0"));
  last().say(chat(second, ME, "2", "6-0"));
  equal(last().saidOf("chat").length, 3, "the third still waits");
  await advance(2_100);
  last().say(chat(third, ME, "3", "7-0"));
  const fourth = parley.sendChat("4");
  equal(last().saidOf("chat").slice(3).map(({ id }) => id), [third, fourth]);
});

test("resuming says the offset of the last relayed frame, and each counts once", async () => {
  const one = await connected({}, welcome({ session: talking(), offset: "3-0" }));
  const { parley, last } = one;
  let heard = 0;
  parley.addEventListener("chat", () => (heard += 1));
  last().say(chat("9", YOU, "hi", "5-0"));
  last().say(chat("9", YOU, "hi", "5-0"));
  await comeBack(one, welcome({ session: talking(), offset: "5-0" }));
  equal([last().sent[0].last_offset, heard], ["5-0", 1]);
  const end = { session_id: SESSION, request_id: "r1", reason: "left", version: 3 };
  last().say({ type: "session.ended", ...end });
  last().say({ type: "match.found", ...session({ session_id: "s2" }), version: 4 });
  await comeBack(one, welcome({ session: session({ session_id: "s2" }) }));
  equal(last().sent[0].last_offset, "0-0", "offsets are those of one session");
});

test("joining is said until the state shows it", async () => {
  const one = await connected({}, welcome({ session: session() }));
  const { parley, last } = one;
  parley.join(microphone());
  equal([parley.call.phase, last().saidOf("session.join").length], ["joining", 1]);
  await advance(3_100);
  equal(last().saidOf("session.join").length, 2);
  await comeBack(one, welcome({ session: session() }));
  equal(last().saidOf("session.join").length, 1);
  last().say(welcome({ session: session({ joined: true }), version: 2 }));
  await advance(10_000);
  equal(last().saidOf("session.join").length, 1);
});

test("hanging up is said until the session is over", async () => {
  const one = await connected({}, welcome({ session: talking() }));
  const { parley, last } = one;
  parley.leave();
  equal(parley.call.parting, "leave");
  await comeBack(one, welcome({ session: talking() }));
  equal(last().saidOf("session.leave").length, 1);
  const end = { session_id: SESSION, request_id: "r1", reason: "left", version: 3 };
  last().say({ type: "session.ended", ...end });
  await advance(10_000);
  equal([last().saidOf("session.leave").length, parley.call.parting], [1, null]);
});

test("without a session there is nothing to join", async () => {
  const { parley } = await connected();
  for (const act of [() => parley.join(microphone()), () => parley.leave()]) {
    try {
      act();
    } catch (problem) {
      equal(problem.code, "no-session");
      continue;
    }
    throw new Error("nothing was thrown");
  }
});

test("a call that only relays could carry fails at once where there are none", async () => {
  const ice = { ...fakes.NO_ICE, ice_transport_policy: "relay" };
  const { parley, last } = await connected({}, welcome({ session: session({ ice }) }));
  parley.join(microphone());
  last().say({ type: "session.connecting", session_id: SESSION, generation: 2, version: 2 });
  equal([parley.call.phase, parley.call.failure], ["failed", "relay-impossible"]);
  equal(last().saidOf("session.failed").map(({ reason }) => reason), ["network"]);
});

test("fresh ICE servers are asked for before the old ones expire", async () => {
  const expires_at = new Date(Date.now() + 10 * 60_000).toISOString();
  const ice = { ...fakes.NO_ICE, expires_at };
  const { parley, last } = await connected({}, welcome({ session: session({ ice }) }));
  parley.join(microphone());
  const alive = setInterval(() => last().say({ type: "pong" }), 4_000);
  await advance(8 * 60_000);
  equal(last().saidOf("ice.refresh").length, 0);
  await advance(90_000);
  equal(last().saidOf("ice.refresh").length, 1);
  last().say({ type: "ice", session_id: SESSION, ice: fakes.NO_ICE });
  equal(parley.state.session.ice, fakes.NO_ICE);
  clearInterval(alive);
});

test("when frames were lost on the way, joining again begins anew", async () => {
  const one = await connected({}, welcome({ session: session() }));
  const { parley, last } = one;
  parley.join(microphone());
  last().say({ type: "session.connecting", session_id: SESSION, generation: 2, version: 2 });
  equal(parley.call.phase, "negotiating");
  const later = session({ status: "connecting", generation: 2, joined: true });
  await comeBack(one, welcome({ session: later, recovered: true }));
  equal(last().saidOf("session.join").length, 0);
  await comeBack(one, welcome({ session: later, recovered: false }));
  equal([last().saidOf("session.join").length, parley.call.phase], [1, "joining"]);
});

/** Ana and Ben, each with the real thing to call with, at a server for two. */
async function two() {
  const server = new fakes.Server();
  const enter = async (id, polite) => {
    const WebSocket = server.socketOf(id, polite);
    const storage = signedIn({ id });
    const parley = new Parley({ baseUrl: "https://parley.test", storage, WebSocket });
    parley.connect();
    await until(() => parley.state.session !== null, "a session");
    return parley;
  };
  return { server, enter, ana: await enter(ME, true), ben: await enter(YOU, false) };
}

const inCall = (...all) => until(() => all.every(({ call }) => call.phase === "connected"), "a call");

test("two who join are connected, and the session is active", async () => {
  const { server, ana, ben } = await two();
  ana.join(microphone());
  ben.join(microphone());
  await inCall(ana, ben);
  await until(() => server.status === "active", "both said so");
  const tracks = [ana, ben].map(({ call }) => call.remoteStream.getAudioTracks().length);
  equal(tracks, [1, 1]);
  ana.setMuted(true);
  equal([ana.call.muted, ben.call.muted], [true, false]);
});

test("a lost socket does not end the call", async () => {
  const { server, ana, ben } = await two();
  ana.join(microphone());
  ben.join(microphone());
  await inCall(ana, ben);
  const { remoteStream } = ana.call;
  server.sides[ME].socket.end();
  await until(() => ana.link !== "open", "the loss");
  await until(() => ana.link === "open", "the link");
  equal([ana.call.phase, ana.call.remoteStream === remoteStream, server.generation], ["connected", true, 2]);
});

test("being connected is said for the present generation only", async () => {
  const { server, ana, ben } = await two();
  server.connected = (side) => (side.connected = true); // Nobody hears that both are.
  ana.join(microphone());
  ben.join(microphone());
  await inCall(ana, ben);
  await until(() => server.sides[ME].connected, "said so");
  server.losing = (_, { type }) => type === "signal";
  server.generation += 1;
  server.sides[ME].connected = false;
  server.tell();
  equal(ana.call.phase, "recovering");
  await advance(4_000);
  equal(server.sides[ME].connected, false);
  server.losing = () => false;
  await advance(9_000);
  await until(() => server.sides[ME].connected, "said again");
});

test("signals lost with a socket are said again", async () => {
  const { server, ana, ben } = await two();
  let lost = 0;
  server.losing = (side, { type }) => type === "signal" && lost < 3 && (lost += 1) > 0;
  ana.join(microphone());
  ben.join(microphone());
  await until(() => lost === 3, "losses");
  server.sides[YOU].socket.end();
  server.sides[ME].socket.end();
  await inCall(ana, ben);
  equal(server.generation, 2);
});

test("signals nobody heard of are made up for by trying again", async () => {
  const { server, ana, ben } = await two();
  let lost = 0;
  server.losing = (_, { type }) => type === "signal" && (lost += 1) > 0;
  ana.join(microphone());
  ben.join(microphone());
  await until(() => lost > 0, "losses");
  server.losing = () => false;
  await advance(12_000);
  await inCall(ana, ben);
});

test("a reloaded page joins again, and both begin a new generation", async () => {
  const { server, enter, ana, ben } = await two();
  ana.join(microphone());
  ben.join(microphone());
  await inCall(ana, ben);
  await until(() => server.status === "active", "both said so");
  const before = ben.call.remoteStream;
  ana.disconnect();
  const again = await enter(ME, true);
  equal([again.call.phase, again.state.session.status], ["idle", "active"]);
  again.join(microphone());
  await until(() => server.generation === 3, "a generation");
  await inCall(again, ben);
  await until(() => ben.call.remoteStream !== before, "another stream");
});

test("using the first page again takes the call over", async () => {
  const { server, enter, ana, ben } = await two();
  ana.join(microphone());
  ben.join(microphone());
  await inCall(ana, ben);
  const other = await enter(ME, true);
  equal([ana.link, ana.call.phase], ["replaced", "connected"]);
  other.join(microphone());
  await inCall(other, ben);
  ana.useHere();
  await until(() => server.generation === 4, "a generation");
  await inCall(ana, ben);
  equal([ana.state.session.generation, other.link], [4, "replaced"]);
});

test("signals that were too many are said again", async () => {
  const { server, ana, ben } = await two();
  ana.join(microphone());
  ben.join(microphone());
  await inCall(ana, ben);
  const restarts = () => server.sides[YOU].stream.filter(({ description }) => description?.type);
  const before = restarts().length;
  server.sides[ME].socket.say({ type: "error", code: "too-many-signals", message: "" });
  await advance(1_100);
  await until(() => restarts().length > before, "the description said again");
  equal([ana.call.phase, ben.call.phase], ["connected", "connected"]);
});

test("hanging up ends the call here, and the session there", async () => {
  const { server, ana, ben } = await two();
  ana.join(microphone());
  ben.join(microphone());
  await inCall(ana, ben);
  ana.leave();
  equal([ana.call.phase, ana.call.remoteStream], ["idle", null]);
  const end = { type: "session.ended", session_id: SESSION, request_id: "r1", reason: "left" };
  server.sides[YOU].socket.say({ ...end, version: 9 });
  equal([ben.call.phase, ben.state.lastSession.reason], ["idle", "left"]);
});
