/** Sizes of the wire, with the PROTOCOL.md rule each belongs to. Limits an operator can set are in the gateway's config. */

/** Bytes of a channel name in UTF-8 (LIM2). */
export const MAX_CHANNEL_BYTES = 255;
/** Commands of one frame (LIM3): far above what SDKs batch after a reconnect, far below what a 64 KiB frame of `{}` holds. */
export const MAX_COMMANDS_PER_FRAME = 1024;
/** Levels of objects and arrays in one command (LIM4): parsers of several SDKs recurse. */
export const MAX_NESTING = 64;
/** Largest id of a command (CMD3): the field is an unsigned 32-bit number in the Protobuf form. */
export const MAX_COMMAND_ID = 0xffff_ffff;
/** Replies the server joins in one frame (ORD4). */
export const MAX_REPLIES_PER_FRAME = 16;
/** Bytes the server joins in one frame (ORD4); a single larger reply goes alone. */
export const MAX_REPLY_FRAME_BYTES = 65_536;
/** Channels that a handover names, in connect and in the barrier (LIM24); 64 KiB of a frame hold about as many. */
export const MAX_POSITIONS = 1024;
/** Characters of a session's name and of its secret (LIM24). */
export const MAX_SESSION_LENGTH = 128;
/** Characters of a publication's key (PKY1). */
export const MAX_PUBLISH_KEY_LENGTH = 64;

/** LIM24 in words, as the refusal says it. */
export const CONTINUATION_RULE: string = `at most ${MAX_POSITIONS} positions and texts of ${MAX_SESSION_LENGTH} characters`;
