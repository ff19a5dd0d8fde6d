import type { GatewayAccess } from "@belay/testkit";
import type { PythonDriver } from "./python-driver.ts";
import type { Arguments, SdkClient } from "./sdk.ts";

/** A library that calls the server API. */
export interface ServerLibrary {
  /** Rejects with SdkCallError. */
  call(method: string, args?: Arguments): Promise<Readonly<Record<string, unknown>>>;
  close(): Promise<void>;
}

/** cent, as a server of the application would use it. */
export async function openCent(driver: PythonDriver, { httpUrl, apiKey }: GatewayAccess): Promise<ServerLibrary> {
  const client: SdkClient = await driver.open(
    { url: `${httpUrl}/api`, key: apiKey, timeoutMs: 30_000 },
    "disconnect_client",
  );
  return {
    call: async (method, args = {}) => (await client.call(method, args)) as Readonly<Record<string, unknown>>,
    close: () => client.close(),
  };
}
