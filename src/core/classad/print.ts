import { type Ad, type Expression, precedence } from './expression.ts';
import { reserved, sides } from './parser.ts';
import { AdValue, ErrorValue, ListValue, type Value } from './value.ts';

const escapes: Readonly<Record<string, string>> = { '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r', '\\': '\\\\', '"': '\\"', "'": "\\'" };
const control = /\p{Cc}|[\\"]/gu;
const controlOrSingle = /\p{Cc}|[\\']/gu;
const escaped = (char: string): string => escapes[char] ?? `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`;

/** A string literal. Text of a parsed string holds no NUL; one that does all the same loses it. */
export const printString = (text: string): string => `"${text.replaceAll('\0', '').replace(control, escaped)}"`;
const quotedName = (name: string): string => `'${name.replaceAll('\0', '').replace(controlOrSingle, escaped)}'`;
const plainName = (name: string): boolean => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !reserved.has(name.toLowerCase());
const printName = (name: string): string => (plainName(name) ? name : quotedName(name));

function printReal(value: number): string {
  if (!Number.isFinite(value)) return `real("${Number.isNaN(value) ? 'NaN' : value > 0 ? 'INF' : '-INF'}")`;
  if (Object.is(value, -0)) return '-0.0';
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** How tightly an expression holds together; an operand in a looser place needs brackets. */
const tightness = (e: Expression): number => {
  if (e.kind === 'choice' || e.kind === 'default') return -1;
  if (e.kind === 'chain') return e.level;
  const number = e.kind === 'literal' && (typeof e.value === 'number' || typeof e.value === 'bigint');
  return e.kind === 'unary' || number ? precedence.length : base;
};
/** In front of a point or an index: a number there would take the point for its own. */
const base = precedence.length + 1;

/** Text from which parseExpression makes the same expression again. */
export function printExpression(e: Expression): string {
  switch (e.kind) {
    case 'literal':
      return printSimple(e.value);
    case 'error':
      return 'error';
    case 'name':
      return e.absolute ? `.${printName(e.name)}` : Object.hasOwn(sides, e.key) ? quotedName(e.name) : printName(e.name);
    case 'side':
      return e.side;
    case 'select':
      return `${within(e.base, base)}.${printName(e.name)}`;
    case 'index':
      return `${within(e.base, base)}[${printExpression(e.index)}]`;
    case 'unary': {
      // A minus directly in front of a number would become part of it.
      const number = e.operand.kind === 'literal' && (typeof e.operand.value === 'number' || typeof e.operand.value === 'bigint');
      return `${e.operator}${number ? `(${printExpression(e.operand)})` : within(e.operand, precedence.length)}`;
    }
    case 'chain':
      return [within(e.first, e.level + 1), ...e.rest.map((r) => `${r.operator} ${within(r.operand, e.level + 1)}`)].join(' ');
    case 'choice':
      return `${within(e.condition, 0)} ? ${printExpression(e.yes)} : ${printExpression(e.no)}`;
    case 'default':
      return `${within(e.first, 0)} ?: ${printExpression(e.second)}`;
    case 'call':
      return `${e.name}(${e.args.map(printExpression).join(', ')})`;
    case 'list':
      return `{ ${e.items.map(printExpression).join(', ')} }`.replace(/^\{ {2}\}$/, '{}');
    case 'ad':
      return printAd(e.ad);
  }
}

/** One line from which parseAd makes the same ad again. */
export function printAd(ad: Ad): string {
  if (ad.size === 0) return '[]';
  return `[ ${[...ad.values()].map((a) => `${printName(a.name)} = ${printExpression(a.value)}`).join('; ')} ]`;
}

const within = (e: Expression, least: number): string => (tightness(e) >= least ? printExpression(e) : `(${printExpression(e)})`);

function printSimple(value: bigint | number | boolean | string | undefined): string {
  if (typeof value === 'string') return printString(value);
  return typeof value === 'number' ? printReal(value) : String(value);
}

/** A value as people read it, cut at about `limit` characters. */
export function printValue(value: Value, limit = 200): string {
  if (value instanceof ErrorValue) return value.reason === '' ? 'error' : `error (${value.reason})`;
  if (value instanceof AdValue) return cut(printAd(value.ad), limit);
  if (!(value instanceof ListValue)) return cut(printSimple(value), limit);
  const parts: string[] = [];
  let length = 4;
  for (const item of value.items) {
    if (length > limit) {
      parts.push('…');
      break;
    }
    const text = printValue(item, limit - length);
    parts.push(text);
    length += text.length + 2;
  }
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`;
}

const cut = (text: string, limit: number): string => (text.length > limit ? `${text.slice(0, limit)}…` : text);
