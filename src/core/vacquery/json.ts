export type JsonObject = Readonly<Record<string, unknown>>;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The object in a datagram; undefined for anything else, however broken. Never throws. Of equal keys the last counts. */
export function parseObject(payload: Uint8Array): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(payload));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined; // not UTF-8, not JSON, or nested too deeply for the parser
  }
}

/** Own properties only: a datagram may name anything that every object inherits. */
export const at = (object: JsonObject, key: string): unknown => (Object.hasOwn(object, key) ? object[key] : undefined);

type Reviver = (this: unknown, key: string, value: unknown, context?: { readonly source?: string }) => unknown;
const rawJson = (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON;

/**
 * One member of the object as JSON text, digits of numbers as they were written: a cookie goes back unchanged, whatever it is
 * (spec/vacquery.md §5). Undefined when it cannot be had.
 */
export function memberText(payload: Uint8Array, key: string): string | undefined {
  try {
    const keepDigits: Reviver = (_key, value, context) => (typeof value === 'number' && context?.source !== undefined ? rawJson(context.source) : value);
    const object = JSON.parse(utf8.decode(payload), keepDigits as (key: string, value: unknown) => unknown) as JsonObject;
    return JSON.stringify(object[key]).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  } catch {
    return undefined;
  }
}
