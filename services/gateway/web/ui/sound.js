/** The short sounds of the page, made on the spot. */

import { audioContext } from "./level.js";

// A rising fifth, as of two small bells: hertz, and seconds after the beginning.
const BELLS = [
  [660, 0],
  [990, 0.16],
];
const LOUDNESS = 0.18;
const FADE_S = 0.7;

/** The sound of a match. Silent in a page that nobody has touched yet. */
export function chime() {
  const context = audioContext();
  if (context.state !== "running") return;
  for (const [hertz, after] of BELLS) ring(context, hertz, context.currentTime + after);
}

function ring(context, hertz, at) {
  const tone = new OscillatorNode(context, { frequency: hertz, type: "sine" });
  const volume = new GainNode(context, { gain: 0 });
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(LOUDNESS, at + 0.01);
  volume.gain.exponentialRampToValueAtTime(0.001, at + FADE_S);
  tone.connect(volume).connect(context.destination);
  tone.start(at);
  tone.stop(at + FADE_S);
}
