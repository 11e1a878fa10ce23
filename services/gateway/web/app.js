/** The entry: one client, one journey, one page around it. */

import { Parley } from "./parley.js";
import { start } from "./ui/start.js";

start(new Parley());
