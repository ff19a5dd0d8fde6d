/** Schema of what is kept of clients that may continue their connection elsewhere. */
import { z } from "zod";
import type { HandoverSpec } from "./gen/types.ts";

export const handover: z.ZodType<HandoverSpec> = z
  .strictObject({
    resumeSeconds: z
      .int32()
      .min(0)
      .max(60)
      .default(5)
      .describe(
        "How long a client of Belay's SDK whose connection was lost stays in presence and keeps its place; 0: not at all.",
      ),
  })
  .meta({ typeName: "HandoverSpec" });
