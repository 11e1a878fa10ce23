/** What stands in for the world around parley.js: sockets, calls, and a server for two. */

export const ME = "01935000-0000-7000-8000-00000000000a";
export const YOU = "01935000-0000-7000-8000-00000000000b";
export const SESSION = "s1";
export const NO_ICE = { ice_servers: [], ice_transport_policy: "all", expires_at: null };

/** Tests of the link take each socket as it is made and speak for the server. */
export function sockets() {
  const made = [];
  class FakeSocket {
    readyState = 0;
    sent = [];

    constructor(url, protocols) {
      Object.assign(this, { url, protocols });
      made.push(this);
    }

    open() {
      this.readyState = 1;
      this.onopen?.({});
    }

    send(text) {
      this.sent.push(JSON.parse(text));
      this.heard?.(this.sent.at(-1));
    }

    say(frame) {
      this.onmessage?.({ data: JSON.stringify(frame) });
    }

    close() {
      this.readyState = 3;
      this.closed?.();
    }

    /** The server closes, or the network does. */
    end(code = 1006) {
      this.readyState = 3;
      this.onclose?.({ code });
    }

    saidOf(type) {
      return this.sent.filter((frame) => frame.type === type);
    }
  }
  return { made, FakeSocket };
}

export function profile(id = ME) {
  return {
    id,
    display_name: id === ME ? "Ana" : "Ben",
    native_languages: ["es"],
    practice_languages: [{ language: "en", level: "B1" }],
    interests: [],
    relay_only: false,
    created_at: "2026-11-22T12:00:00Z",
  };
}

export function welcome(more = {}) {
  return {
    type: "welcome",
    user: profile(),
    version: 1,
    heartbeat_s: 10,
    limits: { frame_bytes_max: 16384, frames_per_s_max: 20 },
    request: null,
    session: null,
    last_request: null,
    last_session: null,
    offset: "0-0",
    recovered: true,
    id: null,
    ...more,
  };
}

export function session(more = {}) {
  return {
    session_id: SESSION,
    request_id: "r1",
    status: "waiting",
    partner: { id: YOU, display_name: "Ben" },
    you_practise: "en",
    partner_practises: "es",
    polite: true,
    join_by: "2026-11-22T12:00:30Z",
    generation: 0,
    joined: false,
    partner_joined: false,
    relay_only: false,
    connect_by: null,
    active_at: null,
    ends_at: null,
    turn: null,
    ice: NO_ICE,
    topics: null,
    peer_away: false,
    ...more,
  };
}

export function storage(items = {}) {
  const kept = new Map(Object.entries(items));
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
}

export function signedIn({ token = "t1", id = ME, leftMs = 600_000 } = {}) {
  const expires_at_ms = Date.now() + leftMs;
  const held = { access_token: token, refresh_token: "f1", expires_at_ms, user: profile(id) };
  return storage({ "parley.tokens": JSON.stringify(held) });
}

/** A `fetch` that answers with what `answer` gives: [status, body, headers] or an error. */
export function fetching(answer) {
  const calls = [];
  const fetch = async (url, { method, headers, body }) => {
    const call = { method, path: new URL(url).pathname.replace("/api/v1", ""), headers, body };
    calls.push({ ...call, body: body === undefined ? undefined : JSON.parse(body) });
    const given = answer(calls.at(-1), calls.length);
    if (given instanceof Error) throw given;
    const [status, document, more = {}] = given;
    return new Response(status === 204 ? null : JSON.stringify(document), { status, headers: more });
  };
  return { calls, fetch };
}

/** Silence that a peer connection can send. */
export function microphone() {
  const context = new AudioContext();
  return context.createMediaStreamDestination().stream;
}

export async function until(met, what = String(met)) {
  const end = performance.now() + 15_000;
  while (!met()) {
    if (performance.now() > end) throw new Error(`it never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** A server just able to bring two together, which passes on what they say; it can lose it. */
export class Server {
  sides = {};
  status = "waiting";
  generation = 0;
  losing = () => false;
  #offset = 0;

  /** The class of sockets that user `id` opens here. */
  socketOf(id, polite) {
    const server = this;
    const side = (this.sides[id] ??= { id, polite, socket: null, stream: [], joined: null });
    return class extends sockets().FakeSocket {
      constructor(...given) {
        super(...given);
        setTimeout(() => this.open());
      }

      heard(frame) {
        setTimeout(() => server.hear(side, this, frame));
      }
    };
  }

  hear(side, socket, frame) {
    if (frame.type === "hello") {
      if (side.socket?.readyState === 1) side.socket.end(4509);
      side.socket = socket;
      const from = Number(frame.last_offset.split("-")[0]);
      const offset = frame.last_offset;
      socket.say(welcome({ user: profile(side.id), session: this.view(side), offset }));
      for (const one of side.stream) if (Number.parseInt(one.offset) > from) socket.say(one);
    } else if (side.socket !== socket || socket.readyState !== 1) return;
    else if (frame.type === "session.join") this.join(side, socket);
    else if (frame.type === "session.connected") this.connected(side);
    else if (frame.type === "ice.refresh") socket.say({ type: "ice", session_id: SESSION, ice: NO_ICE });
    else if (frame.type === "signal" && frame.generation === this.generation) this.relay(side, frame);
    else if (frame.type === "chat") this.relay(side, { ...frame, sender: side.id }, true);
  }

  view(side) {
    const { status, generation } = this;
    return session({ status, generation, polite: side.polite, joined: side.joined !== null });
  }

  join(side, socket) {
    if (side.joined === socket) return;
    side.joined = socket;
    this.generation += 1;
    const both = Object.values(this.sides).every((one) => one.joined !== null);
    if (both && this.status === "waiting") this.status = "connecting";
    if (both) this.tell();
  }

  connected(side) {
    side.connected = true;
    if (this.status !== "connecting") return;
    if (!Object.values(this.sides).every((one) => one.connected)) return;
    this.status = "active";
    this.tell();
  }

  tell() {
    const { status, generation } = this;
    const frame = { type: `session.${status}`, version: 2, session_id: SESSION, generation };
    for (const side of Object.values(this.sides)) side.socket?.say(frame);
  }

  relay(side, frame, both = false) {
    if (this.losing(side, frame)) return;
    const offset = `${(this.#offset += 1)}-0`;
    for (const other of Object.values(this.sides)) {
      if (other === side && !both) continue;
      const relayed = { ...frame, offset, sent_at: "2026-11-22T12:00:00Z" };
      other.stream.push(relayed);
      other.socket?.say(relayed);
    }
  }
}
