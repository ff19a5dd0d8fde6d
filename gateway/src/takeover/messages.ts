/** What pods tell each other of a connection that goes from one to the other. Fields that a version does not know are ignored. */

/** Asks for the snapshot. */
export const TAKEOVER = "takeover";
export const COMMITTED = "takeover-committed";
export const ABORTED = "takeover-aborted";
/** An order of the server API that came to the pod that the connection left. */
export const ORDER = "takeover-order";
