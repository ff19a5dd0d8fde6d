/** Fields that several parts of the API share: every string and list has a bound, so that CEL rules stay within their cost. */
import { z } from "zod";

/** The key under which a CRD carries CEL rules. */
export const CEL_RULES = "x-kubernetes-validations";

interface CelRule {
  readonly rule: string;
  readonly message: string;
}

/** CEL rules for `.meta()`. */
export function rules(...list: readonly (readonly [rule: string, message: string])[]): Record<string, CelRule[]> {
  return { [CEL_RULES]: list.map(([rule, message]) => ({ rule, message })) };
}

const qualifiedName = "^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$";
/** What the operator and the gateways speak by: a person who sets it would break a selector. */
const reserved = "!k.startsWith('belay.dev/') && !k.startsWith('app.kubernetes.io/')";

export const objectName: z.ZodString = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/);

export const dataKey: z.ZodString = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[-._a-zA-Z0-9]+$/);

type StringMap = z.ZodRecord<z.ZodString, z.ZodString>;

const labelValue = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/);

/** A map whose keys are label keys outside the project's own. */
function keyedMap(value: z.ZodString, field: string): StringMap {
  return z.record(z.string(), value).meta({
    maxProperties: 32,
    ...rules(
      [
        `self.all(k, ${reserved})`,
        `${field}: keys under belay.dev/ and app.kubernetes.io/ are reserved for the operator`,
      ],
      [
        `self.all(k, size(k) <= 317 && k.matches('${qualifiedName}'))`,
        `${field}: a key must be a qualified name such as team or example.com/team`,
      ],
    ),
  });
}

export function labelMap(field: string): StringMap {
  return keyedMap(labelValue, field);
}

export function annotationMap(field: string): StringMap {
  return keyedMap(z.string().max(8192), field);
}

export function nodeSelectorMap(): StringMap {
  return z.record(z.string(), labelValue).meta({ maxProperties: 32 });
}

type Quantity = z.ZodUnion<readonly [z.ZodString, z.ZodInt]>;

export function quantity(): Quantity {
  return z.union([
    z
      .string()
      .max(32)
      .regex(/^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$/),
    z.int(),
  ]);
}
