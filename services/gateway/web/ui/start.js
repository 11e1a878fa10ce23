/** Puts the parts of the page together and sets it going. */

import { MatchAlert } from "./alert.js";
import { announceFrames } from "./announcements.js";
import { Awake } from "./awake.js";
import { Hearing } from "./hearing.js";
import { preferred, speak } from "./i18n.js";
import { Joining } from "./joining.js";
import { Journey } from "./journey.js";
import { loadLanguages } from "./languages.js";
import { Microphone } from "./microphone.js";
import { Shell } from "./shell.js";

const AGAIN_MS = 3_000;

/** Show the journey of `parley`'s user, whatever state it is in. */
export async function start(parley) {
  const microphone = new Microphone();
  const journey = new Journey(parley, microphone);
  const app = { parley, microphone, journey };
  app.joining = new Joining(app);
  app.alert = new MatchAlert(app);
  app.hearing = new Hearing(app, document.querySelector("#partner-sound"));
  app.awake = new Awake();
  // A call that was reloaded goes on before there is anything to read.
  journey.addEventListener("change", () => app.joining.follow(journey.step));
  app.joining.follow(journey.step);
  if (parley.signedIn) parley.connect();
  await Promise.all([persist(() => speak(preferred())), persist(() => loadLanguages(parley))]);
  app.shell = new Shell(app);
  announceFrames(app);
}

/** Without its texts and its languages the page is nothing: ask until they are there. */
async function persist(work) {
  for (;;) {
    try {
      return await work();
    } catch (problem) {
      console.warn(problem);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}
