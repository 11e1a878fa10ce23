/** The microphone: asked for, listened to, lost. */

import { Level } from "./level.js";

const KEPT = "parley.microphone";
const STATUS_BY_ERROR = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
  NotReadableError: "busy",
  AbortError: "busy",
};

/**
 * `status`: off, asking, live, denied, missing, busy, lost, insecure or failed.
 * Says "change" when that, the stream or the devices are others.
 */
export class Microphone extends EventTarget {
  status = "off";
  stream = null;
  devices = [];
  #level = null;
  #serial = 0;

  constructor({ media = navigator.mediaDevices, storage = localStorage } = {}) {
    super();
    this.media = media;
    this.storage = storage;
    if (!media?.getUserMedia) this.status = "insecure";
    media?.addEventListener?.("devicechange", () => this.#list());
  }

  get live() {
    return this.status === "live";
  }

  get deviceId() {
    return this.#track()?.getSettings().deviceId ?? "";
  }

  /** The system (a key of the headset, a switch) silences it, not this page. */
  get silenced() {
    return this.live && this.#track().muted;
  }

  /** Loudness from 0 to 1; null if it cannot be measured. */
  get level() {
    return this.#level?.read() ?? null;
  }

  /** True if it may be opened without asking anybody. */
  async granted() {
    try {
      return (await navigator.permissions.query({ name: "microphone" })).state === "granted";
    } catch {
      return false; // a browser that does not tell
    }
  }

  /** Ask for it; never throws, the status tells. Call it on a gesture. */
  async open(deviceId = this.storage.getItem(KEPT)) {
    if (!this.media?.getUserMedia) return this.#become("insecure");
    this.#serial += 1;
    const serial = this.#serial;
    if (!this.live) this.#become("asking");
    try {
      const stream = await this.media.getUserMedia({ audio: wanted(deviceId) });
      if (serial !== this.#serial) return stopped(stream);
      this.#take(stream);
    } catch (error) {
      if (serial === this.#serial) this.#fail(error);
    }
  }

  /** Another device, remembered for the next time. */
  async choose(deviceId) {
    this.storage.setItem(KEPT, deviceId);
    await this.open(deviceId);
  }

  close() {
    this.#serial += 1;
    this.#drop();
    if (this.media?.getUserMedia) this.#become("off");
  }

  #take(stream) {
    this.#drop();
    this.stream = stream;
    const track = this.#track();
    track.addEventListener("ended", () => track === this.#track() && this.#lose());
    track.addEventListener("mute", () => this.#become(this.status));
    track.addEventListener("unmute", () => this.#become(this.status));
    this.#level = new Level(stream);
    this.#become("live");
    this.#list();
  }

  #fail(error) {
    this.#drop();
    this.#become(STATUS_BY_ERROR[error.name] ?? "failed");
  }

  #lose() {
    this.#drop();
    this.#become("lost");
  }

  #drop() {
    this.#level?.close();
    this.#level = null;
    if (this.stream) stopped(this.stream);
    this.stream = null;
  }

  #track() {
    return this.stream?.getAudioTracks()[0];
  }

  async #list() {
    const all = await this.media.enumerateDevices();
    this.devices = all.filter((device) => device.kind === "audioinput" && device.deviceId);
    this.#become(this.status);
  }

  #become(status) {
    this.status = status;
    this.dispatchEvent(new Event("change"));
  }
}

/** `ideal`: a device that is gone is replaced by the one there is. */
function wanted(deviceId) {
  const chosen = deviceId ? { deviceId: { ideal: deviceId } } : {};
  return { echoCancellation: true, noiseSuppression: true, autoGainControl: true, ...chosen };
}

function stopped(stream) {
  for (const track of stream.getTracks()) track.stop();
}
