import { z } from "zod";

/** The section `tls` with its defaults. */
export interface TlsSettings {
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly requireTLS: boolean;
  readonly minVersion: "1.2" | "1.3";
}

const file = z.string("must be a path").min(1, "must be a path");

export const tlsSchema: z.ZodType<TlsSettings> = z
  .strictObject({
    certFile: file.optional(),
    keyFile: file.optional(),
    requireTLS: z.boolean("must be true or false").optional(),
    minVersion: z.enum(["1.2", "1.3"], 'must be "1.2" or "1.3"').default("1.2"),
  })
  .refine(({ certFile, keyFile }) => keyFile !== undefined || certFile === undefined, {
    path: ["keyFile"],
    error: "must be given with certFile",
  })
  .refine(({ certFile, keyFile }) => certFile !== undefined || keyFile === undefined, {
    path: ["certFile"],
    error: "must be given with keyFile",
  })
  .transform((tls) => ({ ...tls, requireTLS: tls.requireTLS ?? tls.certFile !== undefined }));
