import type { Layer } from './build-machinetype.ts';
import type { IniValue } from './ini.ts';
import type { PipeRule, Table } from './option.ts';
import { pipeRules } from './pipe-rules.ts';
import { type Disables, type Place, type ProblemList, quoted } from './problem.ts';
import { nameRule, scoped, validName } from './sections.ts';

/** A document that has the shape of a vacuum pipe; its entries are not yet trusted (spec/factory.md §4). */
export interface PipeDocument {
  /** How long a copy is used before the pipe is asked again. */
  readonly cacheSeconds: number;
  readonly entries: readonly unknown[];
}

const defaultCacheSeconds = 3600;
const leastCacheSeconds = 1;
const greatestCacheSeconds = 7 * 86_400;
const mostEntries = 1000;
/** Beyond it, sums of shares would lose the small ones or overflow. */
const greatestShare = 1e12;

/** Reads the text that a pipe's server sent. Never throws. */
export function parsePipe(text: string): PipeDocument | { readonly wrong: string } {
  let json: unknown;
  try {
    json = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    const what = /^\s*</.test(text) ? 'a web page or other markup' : text.trim() === '' ? 'empty' : 'not JSON';
    return { wrong: `the document is ${what}; valid: a JSON object with a list machinetypes` };
  }
  if (!isObject(json)) return { wrong: 'the document is JSON but not an object; valid: an object with a list machinetypes' };
  const { machinetypes, cache_seconds: cache } = json;
  if (!Array.isArray(machinetypes)) return { wrong: 'the document has no list machinetypes; valid: {"machinetypes": [{"suffix": …}, …]}' };
  if (machinetypes.length > mostEntries) return { wrong: `the document has ${machinetypes.length} machinetypes; valid: at most ${mostEntries}` };
  const seconds = typeof cache === 'number' || typeof cache === 'string' ? Number(cache) : Number.NaN;
  const cacheSeconds = Number.isFinite(seconds) ? Math.min(greatestCacheSeconds, Math.max(leastCacheSeconds, seconds)) : defaultCacheSeconds;
  return { cacheSeconds, entries: machinetypes };
}

/** One machinetype as a pipe describes it, every value checked. */
export interface PipeEntry {
  readonly name: string;
  readonly layer: Layer;
  /** As the document says it, negative ones as 0. */
  readonly weight: number;
  /** Of the pipe's share, by the weights of all entries. */
  readonly share: number;
  readonly place: Place;
}

/** The section `[vacuum_pipe PREFIX]`, as far as its document is concerned. */
export interface PipeSection {
  readonly prefix: string;
  readonly targetShare: number;
  /** For messages. */
  readonly url: string;
  /** Of the space at a cloud that it belongs to; absent: of the host. */
  readonly space?: string;
  /** Options of machinetypes, with what a pipe may say of each. */
  readonly table: Table;
  readonly acceptance?: Acceptance;
}

/** How a space at a cloud differs in what it takes from a pipe (spec/cloud.md §1.5, project rule). */
export interface Acceptance {
  /** Values of `machine_model`; an entry with another is skipped. */
  readonly models: readonly string[];
  /** Shares are divided over the entries that became machinetypes, not over all. */
  readonly sharesOfAccepted: true;
}

/**
 * Machinetypes of a document. An option that breaks a rule is dropped with a warning; where going on without it would be less
 * safe, the machinetype is disabled. Shares: S × t / T over all entries, negative ones counted as 0 so that none exceeds the pipe's.
 */
export function readPipe(document: PipeDocument, section: PipeSection, problems: ProblemList): PipeEntry[] {
  const { prefix, targetShare, url, space, acceptance } = section;
  const title = `vacuum_pipe ${scoped(space, prefix)}`;
  const place: Place = { file: url, line: 0, column: 0 };
  const shares = document.entries.map((entry) => (isObject(entry) ? shareOf(entry['target_share']) : 0));
  const total = shares.reduce((sum, share) => sum + share, 0);
  const read = new Map<string, PipeEntry>();
  for (const [i, entry] of document.entries.entries()) {
    const suffix = isObject(entry) ? textOf(entry['suffix'])?.toLowerCase() : undefined;
    if (!isObject(entry) || suffix === undefined || suffix === '') {
      problems.warn(place, 'suffix', `entry ${i + 1} of the pipe has no suffix and is skipped`, title);
      continue;
    }
    const name = `${prefix}-${suffix}`;
    if (!validName.test(suffix) || suffix.length > 100) {
      problems.warn(place, 'suffix', `entry ${i + 1} of the pipe has the suffix ${quoted(suffix)} and is skipped; valid: ${nameRule}`, title);
    } else if (read.has(name)) {
      problems.warn(place, 'suffix', `entry ${i + 1} of the pipe repeats the suffix ${suffix} and is skipped`, title);
    } else if (acceptance && !acceptance.models.includes(textOf(entry['machine_model']) ?? acceptance.models[0] ?? '')) {
      const valid = acceptance.models.join(', ');
      problems.warn(place, 'machine_model', `${name} has another than this space can use and is skipped; valid: ${valid}`, title);
    } else {
      const weight = shares[i] ?? 0;
      const share = total > 0 ? (targetShare * weight) / total : 0;
      read.set(name, { name, weight, share, place, layer: readEntry(entry, name, place, section, problems) });
    }
  }
  return [...read.values()];
}

function readEntry(entry: Readonly<Record<string, unknown>>, machinetype: string, place: Place, { space, table }: PipeSection, problems: ProblemList): Layer {
  const name = scoped(space, machinetype);
  const section = `machinetype ${name}`;
  const disables: Disables = { kind: 'machinetype', name };
  const options = new Map<string, IniValue>();
  const userData = { options: new Map<string, string>(), files: new Map<string, string>() };
  for (const [key, raw] of Object.entries(entry)) {
    if (key === 'suffix' || key === 'target_share') continue;
    const [, family, own] = /^(user_data_option_|user_data_file_)([a-z0-9_]{1,100})$/.exec(key) ?? [];
    const rule = family === undefined ? ruleOf(key, table) : family === 'user_data_file_' ? pipeRules.file : pipeRules.text;
    const shown = rule ? key : quoted(key.slice(0, 40));
    if (!rule) {
      problems.warn(place, shown, 'a pipe may not set this; ignored', section);
      continue;
    }
    const text = textOf(raw);
    if (text === undefined || !rule.pattern.test(text)) {
      const what =
        text === undefined
          ? 'neither text nor a number nor a truth value'
          : family === 'user_data_option_'
            ? 'not allowed from a pipe'
            : `${quoted(text)} is not allowed from a pipe`;
      if (rule.failClosed) problems.error(place, shown, `${what}; valid: ${rule.allows}; the machinetype is left out`, disables, section);
      else problems.warn(place, shown, `${what} and dropped; valid: ${rule.allows}`, section);
    } else if (own === undefined) options.set(key, { text, name: place, place, lines: [place] });
    else (family === 'user_data_file_' ? userData.files : userData.options).set(own, text);
  }
  for (const own of userData.options.keys()) userData.files.delete(own);
  return { options, userData };
}

const ruleOf = (key: string, table: Table): PipeRule | undefined => (Object.hasOwn(table, key) ? table[key]?.pipe : undefined);

/** Strings, numbers and truth values as the text that a configuration file would hold; anything else is undefined. */
function textOf(raw: unknown): string | undefined {
  if (typeof raw === 'boolean') return raw ? 'True' : 'False';
  if (typeof raw === 'number') return String(raw);
  return typeof raw === 'string' ? raw : undefined;
}

function shareOf(raw: unknown): number {
  const share = typeof raw === 'string' && raw.trim() === '' ? Number.NaN : typeof raw === 'string' || typeof raw === 'number' ? Number(raw) : Number.NaN;
  return share > 0 && share <= greatestShare ? share : 0;
}

const isObject = (json: unknown): json is Readonly<Record<string, unknown>> => typeof json === 'object' && json !== null && !Array.isArray(json);
