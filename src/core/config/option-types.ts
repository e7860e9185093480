import type { CodeRange, HostService, Ipv4Network } from '../settings.ts';
import type { Reading, Type } from './option.ts';
import { quoted } from './problem.ts';
import { didYouMean } from './suggest.ts';

const wrong = (text: string, what: string): Reading<never> => ({ wrong: text === '' ? 'no value is given' : `${quoted(text)} is not ${what}` });

/** Decimal digits with an optional sign, as far as a double holds them exactly. */
export function wholeNumber(unit: string, least = 0, greatest = Number.MAX_SAFE_INTEGER): Type<number> {
  const of = unit === '' ? 'a whole number' : `a whole number of ${unit}`;
  const valid = `${of}${rangeText(least, greatest)}`;
  return {
    valid,
    read: (text) => {
      if (!/^[+-]?\d{1,16}$/.test(text)) return wrong(text, 'a whole number');
      const value = Number(text);
      return value >= least && value <= greatest ? { value } : { wrong: `${text} is out of range` };
    },
  };
}

const rangeText = (least: number, greatest: number): string => {
  if (least === Number.MIN_SAFE_INTEGER) return '';
  return greatest === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${greatest}`;
};

/** A decimal number, fractions and exponents allowed. `above`: it must be greater than that. */
export function decimal(unit: string, bound: { readonly above?: number; readonly least?: number; readonly most?: number } = {}): Type<number> {
  const low = bound.above === undefined ? (bound.least === undefined ? '' : `, ${bound.least} or more`) : ` greater than ${bound.above}`;
  const range = bound.most === undefined ? low : `${low}, at most ${bound.most}`;
  return {
    valid: `a number${unit === '' ? '' : ` of ${unit}`}${range}`,
    read: (text) => {
      if (!/^[+-]?(\d{1,20}(\.\d{0,20})?|\.\d{1,20})(e[+-]?\d{1,2})?$/i.test(text)) return wrong(text, 'a number');
      const value = Number(text);
      const inRange = value > (bound.above ?? -Infinity) && value >= (bound.least ?? -Infinity) && value <= (bound.most ?? Infinity);
      if (!inRange) return { wrong: `${text} is out of range` };
      return { value };
    },
  };
}

/** Greater than 0 and less than 1. */
export const fraction: Type<number> = {
  valid: 'a number greater than 0 and less than 1',
  read: (text) => {
    const reading = decimal('').read(text);
    return 'value' in reading && (reading.value <= 0 || reading.value >= 1) ? { wrong: `${text} is out of range` } : reading;
  },
};

/** One of a few words, in any case of letters. */
export function word<const T extends string>(...words: readonly T[]): Type<T> {
  return {
    valid: words.join(', '),
    read: (text) => {
      const value = words.find((candidate) => candidate === text.toLowerCase());
      return value === undefined ? { wrong: `${quoted(text)} is not one of the words${didYouMean(text, words)}` } : { value };
    },
  };
}

/** An option of our own: strict. */
export const yesNo: Type<boolean> = {
  valid: 'yes, no',
  read: (text) => {
    const lower = text.toLowerCase();
    if (['yes', 'true', 'on'].includes(lower)) return { value: true };
    if (['no', 'false', 'off'].includes(lower)) return { value: false };
    return { wrong: `${quoted(text)} is neither yes nor no${didYouMean(text, ['yes', 'no'])}` };
  },
};

/** Vac's way: one word switches, every other text is the opposite (spec/factory.md §3.2, §3.3). Texts that look like a slip are told. */
export function wordOrOther(switching: 'true' | 'false' | 'yes'): Type<boolean> {
  const value = switching !== 'false';
  const opposite = { true: 'false', false: 'true', yes: 'no' }[switching];
  return {
    valid: `${switching}, ${opposite}`,
    read: (text) => {
      const lower = text.toLowerCase();
      if (lower === switching) return { value };
      if (switching === 'yes' && (lower === 'true' || lower === 'on')) return { value: true, note: `${lower} is read as yes here; Vac 3.1 reads it as no` };
      const plain: readonly string[] = value ? ['false', 'no', 'off', '0', ''] : ['true', 'yes', 'on', '1', ''];
      if (plain.includes(lower)) return { value: !value };
      return { value: !value, note: `${quoted(text)} is read as ${opposite}; valid: ${switching}, ${opposite}${didYouMean(text, [switching, opposite])}` };
    },
  };
}

/** A text that a pattern describes, in `words`. */
export const matching = (type: string, pattern: RegExp, words: string): Type<string> => ({
  valid: words,
  read: (text) => (pattern.test(text) ? { value: text } : wrong(text, type === 'text' ? 'usable' : `a ${type}`)),
});

/** The same, folded to lower case first. */
export const lowerCase = (type: Type<string>): Type<string> => ({ ...type, read: (text) => type.read(text.toLowerCase()) });

export const anyText: Type<string> = { valid: 'any text', read: (text) => ({ value: text }) };
export const oneLine: Type<string> = matching('text', /^[^\n]+$/, 'text of one line');
export const absolutePath: Type<string> = matching('path', /^\/[^\n]*$/, 'an absolute path, beginning with /');
export const fileOrUrl: Type<string> = matching(
  'file or URL',
  /^[^\s]+$/,
  'a URL, an absolute path, or a file name below the files directory of the machinetype, without blanks',
);
export const file: Type<string> = matching(
  'file',
  /^(?!https?:)[^\s]+$/,
  'an absolute path, or a file name below the files directory of the machinetype, without blanks',
);
export const sha256: Type<string> = lowerCase(matching('SHA-256', /^[0-9a-f]{64}$/, '64 hexadecimal digits'));

/** Words between blanks, each of which a pattern describes. */
export function list(pattern: RegExp, words: string, fold = false): Type<readonly string[]> {
  return {
    valid: `${words}, separated by blanks`,
    read: (text) => {
      const value: string[] = [];
      for (const { 0: found, index } of text.matchAll(/\S+/g)) {
        const folded = fold ? found.toLowerCase() : found;
        if (!pattern.test(folded)) return { wrong: `${quoted(found)} cannot stand in this list`, at: index };
        value.push(folded);
      }
      return { value };
    },
  };
}

/** `300-399 500-699 704`: ranges of three-digit codes. */
export const codeRanges: Type<readonly CodeRange[]> = {
  valid: 'codes and ranges of codes from 300 to 999, separated by blanks, such as 300-699 704',
  read: (text) => {
    const value: CodeRange[] = [];
    for (const { 0: found, index } of text.matchAll(/\S+/g)) {
      const [, from, to = from] = /^([3-9]\d\d)(?:-([3-9]\d\d))?$/.exec(found) ?? [];
      if (from === undefined || Number(from) > Number(to)) return { wrong: `${quoted(found)} is not a range of such codes`, at: index };
      value.push({ from: Number(from), to: Number(to) });
    }
    return value.length === 0 ? wrong('', '') : { value };
  },
};

export const codeRangesText = (ranges: readonly CodeRange[]): string => ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(' ');

/** `PORT=HOST:PORT …`. Port 80 is the guest service itself. */
export const hostServices: Type<readonly HostService[]> = {
  valid: 'PORT=HOST:PORT, separated by blanks; ports from 1 to 65535, the first not 80 and given once',
  read: (text) => {
    const services: HostService[] = [];
    for (const { 0: found, index } of text.matchAll(/\S+/g)) {
      const [, port, name, six, target] = /^(\d{1,5})=(?:([a-z0-9][a-z0-9.-]*)|\[([0-9a-f:.]+)\]):(\d{1,5})$/i.exec(found) ?? [];
      const service = { port: Number(port), host: name ?? six ?? '', targetPort: Number(target) };
      if (!isPort(service.port) || !isPort(service.targetPort)) return { wrong: `${quoted(found)} is not of the form PORT=HOST:PORT`, at: index };
      if (service.port === 80) return { wrong: 'port 80 belongs to the guest service', at: index };
      if (services.some((other) => other.port === service.port)) return { wrong: `port ${service.port} is given twice`, at: index };
      services.push(service);
    }
    return { value: services };
  },
};

const ipv4 = /^(25[0-5]|2[0-4]\d|1?\d?\d)(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/;
export const ipv4Address: Type<string> = matching('IPv4 address', ipv4, 'an IPv4 address such as 10.0.0.7');

/** The 32 bits of an IPv4 address; undefined: it is none. */
export const ipv4Number = (text: string): number | undefined =>
  ipv4.test(text) ? text.split('.').reduce((sum, part) => sum * 256 + Number(part), 0) : undefined;

/** `ADDRESS` or `ADDRESS/BITS`, several. */
export const ipv4Networks: Type<readonly Ipv4Network[]> = {
  valid: 'IPv4 networks such as 10.1.0.0/16, or addresses, separated by blanks',
  read: (text) => {
    const value: Ipv4Network[] = [];
    for (const { 0: found, index } of text.matchAll(/\S+/g)) {
      const [, base = '', bits = '32'] = /^([0-9.]+)(?:\/([0-9]{1,2}))?$/.exec(found) ?? [];
      const address = ipv4Number(base);
      if (address === undefined || Number(bits) > 32) return { wrong: `${quoted(found)} is not a network of the form ADDRESS/BITS`, at: index };
      value.push({ address, bits: Number(bits) });
    }
    return { value };
  },
};

const isPort = (n: number): boolean => n >= 1 && n <= 65_535;

/** An unanchored regular expression. */
export const regularExpression: Type<string> = {
  valid: 'a regular expression for a DN such as /CN=cvm-sign01\\.cern\\.ch$',
  read: (text) => {
    try {
      return text === '' || text.includes('\n') ? wrong(text, 'a regular expression') : { value: new RegExp(text).source && text };
    } catch {
      return wrong(text, 'a regular expression');
    }
  },
};
