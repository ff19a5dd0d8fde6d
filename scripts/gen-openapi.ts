import { openApiText } from "@belay/gateway/internal";
import type { Generated } from "./generated.ts";

/** The description of the server API, as a gateway serves it. */
export function genOpenApi(): readonly Generated[] {
  return [{ path: "docs/reference/openapi.json", text: openApiText() }];
}
