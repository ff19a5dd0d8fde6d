/** Who is believed about the addresses of clients. Networks are CIDRs (`10.0.0.0/8`) or single addresses; default none. */
export interface ProxiesConfig {
  /** *hot* Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. */
  readonly forwardedFrom?: readonly string[];
  /** *hot* Load balancers that begin every connection with a PROXY header, version 1 or 2. A connection of theirs without one is cut. */
  readonly proxyProtocolFrom?: readonly string[];
}
