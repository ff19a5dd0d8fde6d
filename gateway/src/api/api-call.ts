import { ERROR, type ErrorReply, rawElements, rawMember } from "@belay/protocol";
import { type ApiBackend, type ApiResult, badRequest, problemsOf } from "./api-method.ts";
import { type ApiScope, isInScope } from "./api-key.ts";
import { withoutNulls } from "./fields.ts";
import { API_METHODS } from "./methods.ts";

/** Commands of one batch. */
const MAX_BATCH_COMMANDS = 1000;

export type ApiFields = Readonly<Record<string, unknown>>;

export interface ApiCall {
  readonly method: string;
  readonly fields: ApiFields;
  /** The request's JSON text. */
  readonly text: string;
}

/** Carries out one call within the key's scope. Rejections are bugs. */
export async function callApi(
  backend: ApiBackend,
  scope: ApiScope,
  { method: name, fields, text }: ApiCall,
): Promise<ApiResult> {
  const method = API_METHODS.get(name);
  if (method === undefined) return { error: ERROR.methodNotFound };
  const parsed = method.request.safeParse(withoutNulls(fields), { reportInput: true });
  if (!parsed.success) return badRequest(problemsOf(parsed.error));
  if (!isInScope(scope, name, method.channelsOf(parsed.data))) return { error: ERROR.permissionDenied };
  return method.run(backend, parsed.data, text);
}

/**
 * `{"commands": [{"publish": {…}}, …], "parallel": true}`: each command has an answer under its own name, in the order of the
 * request. One after the other unless `parallel` is set.
 */
export async function callBatch(
  backend: ApiBackend,
  scope: ApiScope,
  { fields, text }: Omit<ApiCall, "method">,
): Promise<ApiResult> {
  const commands = rawElements(rawMember(text, ["commands"]) ?? "");
  if (commands === undefined) return badRequest("commands must be a list of objects");
  if (commands.length > MAX_BATCH_COMMANDS) return badRequest(`commands must have at most ${MAX_BATCH_COMMANDS} items`);
  const calls = commands.map((command) => parseCommand(command));
  const answers =
    fields["parallel"] === true ? await Promise.all(calls.map((call) => answer(backend, scope, call))) : [];
  if (answers.length === 0) for (const call of calls) answers.push(await answer(backend, scope, call));
  return { result: `[${answers.join(",")}]` };
}

function parseCommand(text: string): ApiCall | { readonly error: ErrorReply } {
  const command: unknown = JSON.parse(text);
  const [method, second] = isObject(command) ? Object.keys(command) : [];
  const fields = isObject(command) && method !== undefined ? command[method] : undefined;
  if (method === undefined || second !== undefined || !isObject(fields)) {
    return badRequest("commands must be objects with one method each");
  }
  return { method, fields, text: rawMember(text, [method]) ?? "{}" };
}

async function answer(backend: ApiBackend, scope: ApiScope, call: ReturnType<typeof parseCommand>): Promise<string> {
  const answered = "error" in call ? call : await callApi(backend, scope, call);
  if ("error" in answered) return JSON.stringify({ error: answered.error });
  return `{${JSON.stringify("method" in call ? call.method : "")}:${answered.result}}`;
}

function isObject(value: unknown): value is ApiFields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
