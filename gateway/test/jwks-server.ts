import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";

/** A key pair under a name, as an identity provider holds it. */
export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly publicJwk: object;
  sign(claims: JWTPayload, header?: object): Promise<string>;
}

export async function signingKey(kid: string, alg = "RS256"): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return {
    kid,
    alg,
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" },
    sign: (claims, header = {}) => new SignJWT(claims).setProtectedHeader({ alg, kid, ...header }).sign(privateKey),
  };
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server that publishes keys, well or badly. */
export class JwksServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #scheme: "http" | "https";
  /** Paths asked for, with the time. */
  readonly requests: { readonly path: string; readonly atMs: number }[] = [];
  answer: Answer = (_request, response) => void response.writeHead(404).end();
  /** Most requests that were under way at a time. */
  mostAtOnce = 0;
  #underWay = 0;

  private constructor(certificate?: { readonly cert: string; readonly key: string }) {
    const serve = (request: IncomingMessage, response: ServerResponse): void => {
      this.requests.push({ path: request.url ?? "", atMs: performance.now() });
      this.#underWay += 1;
      this.mostAtOnce = Math.max(this.mostAtOnce, this.#underWay);
      response.on("close", () => (this.#underWay -= 1));
      this.answer(request, response);
    };
    this.#scheme = certificate === undefined ? "http" : "https";
    this.#server = certificate === undefined ? createServer(serve) : createSecureServer(certificate, serve);
  }

  /** With a certificate it speaks https. */
  static async start(certificate?: { readonly cert: string; readonly key: string }): Promise<JwksServer> {
    const server = new JwksServer(certificate);
    await server.listen(0);
    return server;
  }

  get origin(): string {
    return `${this.#scheme}://${this.#scheme === "http" ? "127.0.0.1" : "localhost"}:${this.port}`;
  }

  get url(): string {
    return `${this.origin}/keys`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
  }

  publish(...keys: readonly SigningKey[]): void {
    this.answer = json({ keys: keys.map(({ publicJwk }) => publicJwk) });
  }

  /** As an OpenID Connect provider whose issuer is `issuer`. */
  publishOpenId(issuer: string, ...keys: readonly SigningKey[]): void {
    this.answer = (request, response) => {
      const isDiscovery = request.url?.endsWith("/.well-known/openid-configuration") === true;
      const body = isDiscovery ? { issuer, jwks_uri: this.url } : { keys: keys.map(({ publicJwk }) => publicJwk) };
      json(body)(request, response);
    };
  }

  /** Nobody listens any more. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop();
  }
}

export function json(body: unknown, status = 200): Answer {
  return (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  };
}
