/** *hot* What is kept of clients that may continue their connection elsewhere. */
export interface HandoverConfig {
  /** How long presence, the place among the user's connections and the client id outlive a lost socket; 0: not at all. Default 5. */
  readonly resumeSeconds?: number;
}
