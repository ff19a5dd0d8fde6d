import { openApiText } from "../gateway/src/api/openapi.ts";
import type { Generated } from "./generated.ts";

/** The description of the server API, as a gateway serves it. */
export function genOpenApi(): readonly Generated[] {
  return [{ path: "docs/reference/openapi.json", text: openApiText() }];
}
