import { maskUrl } from '../../core/config/problem.ts';
import type { Secret } from '../../core/cloud/settings.ts';
import type { Configuration } from '../../core/settings.ts';
import type { Machinetype } from '../../core/machinetype.ts';
import { timeText } from './codec.ts';

const mask = '***';

const plain = (value: unknown): unknown => {
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === 'string') return maskUrl(value);
  if (isSecretText(value)) return { ...value, text: mask };
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)])) : value;
};
/** A secret of a cloud that stands in the configuration itself. */
const isSecretText = (value: unknown): value is Secret => typeof value === 'object' && value !== null && 'from' in value && value.from === 'text';
const maskedValues = (map: ReadonlyMap<string, string>): ReadonlyMap<string, string> => new Map([...map.keys()].map((key) => [key, mask]));

const machinetypeJson = (m: Machinetype): Record<string, unknown> =>
  plain({ ...m, userDataOptions: maskedValues(m.userDataOptions) }) as Record<string, unknown>;

/** A configuration as JSON for people: maps are objects, times ISO strings, secrets `***` (spec/factory.md §7 step 2). */
export function maskedConfiguration(configuration: Configuration | undefined): {
  readonly digest?: string;
  readonly settings?: Record<string, unknown>;
  readonly machinetypes: Record<string, Record<string, unknown>>;
} {
  if (configuration === undefined) return { machinetypes: {} };
  const { settings, machinetypes, digest } = configuration;
  return {
    digest,
    settings: plain({
      ...settings,
      userDataOptions: maskedValues(settings.userDataOptions),
      ...(settings.shutdownTime === undefined ? {} : { shutdownTime: timeText(settings.shutdownTime) }),
    }) as Record<string, unknown>,
    machinetypes: Object.fromEntries([...machinetypes].map(([name, m]) => [name, machinetypeJson(m)])),
  };
}
