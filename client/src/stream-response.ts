import type { StreamFraming } from "./stream-framing.ts";
import type { Frame } from "./transport.ts";

export interface StreamEvents {
  /** The first bytes have come: nobody on the way holds the stream back. */
  readonly onOpen: () => void;
  readonly onFrame: (frame: Frame) => void;
}

/** Reads a response to its end; answers why it ended. Rejects where the connection breaks or is aborted. */
export async function readStream(response: Response, framing: StreamFraming, events: StreamEvents): Promise<string> {
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    return `HTTP status ${response.status}`;
  }
  const reader = response.body.getReader();
  let isOpen = false;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return "the stream has ended";
    if (!isOpen) events.onOpen();
    isOpen = true;
    for (const frame of framing.push(value)) events.onFrame(frame);
  }
}
