/** How loud a stream is, and the one audio context all sounds of the page share. */

let context = null;

/** The context, made on first use; until a gesture wakes it, it stays silent. */
export function audioContext() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume().catch(() => {});
  return context;
}

for (const gesture of ["pointerdown", "keydown"])
  addEventListener(gesture, () => context?.state === "suspended" && audioContext());

export class Level {
  #source;
  #analyser;
  #samples;

  constructor(stream) {
    const shared = audioContext();
    this.#source = shared.createMediaStreamSource(stream);
    this.#analyser = shared.createAnalyser();
    this.#analyser.fftSize = 512;
    this.#samples = new Float32Array(this.#analyser.fftSize);
    this.#source.connect(this.#analyser);
  }

  /** From 0 (silence, -60 dB) to 1 (full); null while the context sleeps. */
  read() {
    if (context.state !== "running") return null;
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, sample) => sum + sample * sample, 0);
    const decibels = 10 * Math.log10(power / this.#samples.length + 1e-9);
    return Math.min(1, Math.max(0, 1 + decibels / 60));
  }

  close() {
    this.#source.disconnect();
  }
}
