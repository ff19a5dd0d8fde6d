/** What is agreed on with a client that offers permessage-deflate (WSX2). */
import type { PerMessageDeflateOptions } from "ws";

/** 2¹⁰ bytes: with zlib's state about 10 KB a socket, and not 40. */
const CLIENT_WINDOW_BITS = 10;

/** The compressor is ours (deflate-framing.ts); ws only decompresses what the client sends. */
export const DEFLATE_AGREEMENT: PerMessageDeflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: false as unknown as number,
  clientMaxWindowBits: CLIENT_WINDOW_BITS,
  // The first piece of output; larger messages get more pieces.
  zlibInflateOptions: { chunkSize: 1024 },
  concurrencyLimit: 4,
};

/**
 * Whether some offer keeps to the bounds: a client that cannot shrink its window, or wants ours smaller, is served without
 * compression instead of being turned away.
 */
export function canAgreeOnDeflate(extensions: string | undefined): boolean {
  return (extensions ?? "").split(",").some((offer) => {
    const [name, ...parameters] = offer.split(";").map((part) => part.trim());
    const names = parameters.map((parameter) => parameter.split("=")[0]?.trim());
    return (
      name === "permessage-deflate" &&
      !names.includes("server_max_window_bits") &&
      parameters.some((parameter) => isWideWindow(parameter))
    );
  });
}

/** Without a number the client takes whatever it is given. */
function isWideWindow(parameter: string): boolean {
  const [, bits] = /^client_max_window_bits(?:\s*=\s*"?(\d+)"?)?$/.exec(parameter) ?? [undefined, "0"];
  return bits === undefined || Number(bits) >= CLIENT_WINDOW_BITS;
}
