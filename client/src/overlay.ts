/** The door `@belay/client/overlay`: a corner of the page that shows a developer what a client does. */
import type { Client } from "./client.ts";
import type { Inspection } from "./inspect.ts";
import { EMPTY_TALLY, type Tally, tallied } from "./overlay-tally.ts";
import type { TraceEvent } from "./trace.ts";

const REFRESH_MS = 500;

export interface Overlay {
  /** Goes into the client's options. */
  readonly trace: (event: TraceEvent) => void;
  /** Shows the client; the answer takes the overlay away. */
  show<Names extends object>(client: Client<Names>, parent?: HTMLElement): () => void;
}

/**
 * ```ts
 * const overlay = createOverlay();
 * const client = createClient({ endpoint, trace: overlay.trace });
 * overlay.show(client);
 * ```
 */
export function createOverlay(): Overlay {
  let tally = EMPTY_TALLY;
  return {
    trace: (event) => {
      tally = tallied(tally, event);
    },
    show: (client, parent = document.body) => {
      const host = document.createElement("belay-overlay");
      const root = host.attachShadow({ mode: "open" });
      const box = document.createElement("details");
      const title = document.createElement("summary");
      const list = document.createElement("dl");
      box.open = true;
      box.append(title, list);
      box.style.cssText = STYLE;
      root.append(box);
      parent.append(host);
      const draw = (): void => {
        const inspection = client.inspect();
        title.textContent = inspection.state.name;
        list.replaceChildren(...rowsOf(inspection, tally).flatMap(([name, value]) => entry(name, value)));
      };
      draw();
      const unlisten = client.on("state", draw);
      const timer = setInterval(draw, REFRESH_MS);
      return () => {
        clearInterval(timer);
        unlisten();
        host.remove();
      };
    },
  };
}

const STYLE =
  "position:fixed;right:8px;bottom:8px;z-index:2147483647;padding:6px 10px;border-radius:6px;background:#111d;color:#eee;" +
  "font:12px/1.5 ui-monospace,monospace;max-width:40ch;overflow-wrap:anywhere";

type Row = readonly [name: string, value: string];

function rowsOf({ node, connection, channels, publishes }: Inspection, tally: Tally): readonly Row[] {
  const subscribed = channels.filter(({ state }) => state === "subscribed").length;
  return [
    ["pod", node ?? "–"],
    ["transport", connection?.transport ?? "–"],
    ["connect, reply", `${milliseconds(tally.connectMs)}, ${milliseconds(tally.replyMs)}`],
    ["connections", `${tally.connections}, ${tally.continued} without a break`],
    ["channels", `${subscribed} of ${channels.length} subscribed`],
    ["gaps, resets", `${tally.gaps}, ${tally.resets}`],
    ["frames in, out", `${tally.framesIn}, ${tally.framesOut}`],
    ["publishes", `${publishes.unacknowledged} unacknowledged, ${publishes.waiting} waiting`],
    ["buffered", `${connection?.bufferedAmount ?? 0} bytes, ${connection?.pending ?? 0} commands`],
  ];
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? "–" : `${Math.round(value)} ms`;
}

function entry(name: string, value: string): readonly HTMLElement[] {
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = name;
  term.style.opacity = "0.6";
  description.textContent = value;
  description.style.margin = "0";
  return [term, description];
}
