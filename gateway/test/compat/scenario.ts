import type { ServerLibrary } from "./cent-library.ts";
import type { Feature } from "./sdk.ts";
import type { Place, Stage } from "./stage.ts";

/** One row of the table. What it does throws where an expectation fails. */
export interface Scenario {
  readonly name: string;
  /** What is seen, for the table. */
  readonly shows: string;
  /** SDKs without it are told apart in the table. */
  readonly needs?: Feature;
  readonly client?: (stage: Stage) => Promise<void>;
  /** Done once, when the clients of all SDKs have come to `stage.everybodyIsHere()`. */
  readonly once?: (place: Place) => Promise<void>;
  /** With a client library for servers; `stage` opens clients of centrifuge-js. */
  readonly server?: (server: ServerLibrary, stage: Stage) => Promise<void>;
}
