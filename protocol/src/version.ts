/** What the connect reply names as the server. */
export const SERVER_VERSION = "belay 0.1.0";
