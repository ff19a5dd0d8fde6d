/** TLS on the client port. */
export interface TlsConfig {
  /** *hot* PEM files with the certificate (and its chain) and its key; both or none. Read again when they change. */
  readonly certFile?: string;
  /** *hot* Its key. */
  readonly keyFile?: string;
  /** *hot* Plain text is refused, unless a trusted proxy says https (`proxies.forwardedFrom`). Default: whether there is a certificate. */
  readonly requireTLS?: boolean;
  /** Default `1.2`. */
  readonly minVersion?: "1.2" | "1.3";
}
