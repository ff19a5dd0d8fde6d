import type { CommandConnection, ServerCommands } from "./command-connection.ts";
import { redirectOf } from "./redirect.ts";

export interface Performed<T> {
  readonly server: ServerCommands;
  readonly result: T;
}

/**
 * Performs a task on the one server that holds a key; where that says that another one does, nothing was done there, and the task is
 * performed on the other. Rejects with BrokerUnavailableError, also while the slot of the key is half moved.
 */
export async function performAt<T>(
  commands: Pick<CommandConnection, "serverOf">,
  key: string,
  task: (server: ServerCommands) => Promise<T>,
): Promise<Performed<T>> {
  const server = commands.serverOf(key);
  try {
    return { server, result: await task(server) };
  } catch (error) {
    const other = commands.serverOf(key, error);
    if (other === server || redirectOf(error)?.kind !== "MOVED") throw error;
    return { server: other, result: await task(other) };
  }
}
