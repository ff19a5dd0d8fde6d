import type { ObservedReference } from "./observed.ts";

/** What to say of a Secret that the spec names and that is not there, with the command that makes it. */
export function missingSecret({ field, name, key, state }: ObservedReference, namespace: string): string {
  const isCertificate = field === "spec.tls.secretRef";
  const kind = isCertificate ? `tls ${name} --cert=… --key=…` : `generic ${name} --from-literal=${key}=…`;
  const create = `kubectl -n ${namespace} create secret ${kind}`;
  return state === "no secret"
    ? `${field}: Secret "${name}" does not exist in namespace "${namespace}": create it with \`${create}\`, or name another one`
    : `${field}: Secret "${name}" has no key "${key}": add the key, or name another one in ${field}.key`;
}
