import { type Environment, type Range, unlimited } from '../environment/environment.ts';
import type { environmentTable } from './environment-options.ts';

type Shown = Readonly<Record<keyof typeof environmentTable, string | number | undefined>>;

const words = (values: readonly string[]): string | undefined => (values.length === 0 ? undefined : values.join(' '));
const range = ({ min, max }: Range): string => (min === max ? String(min) : `${min}-${max}`);

/** `[environment NAME]` as text that could stand in a file, in the order of the table; options without a value are left out. An `image` is shown as the machinetypes that have it. */
export function environmentText(e: Environment): ReadonlyMap<string, string> {
  const shown: Shown = {
    machinetypes: words(e.machinetypes),
    image: undefined,
    tags: words(e.tags),
    app_name: e.appName,
    app_version: e.appVersion || undefined,
    os_family: e.os.family,
    os_name: e.os.name || undefined,
    os_version: e.os.version || undefined,
    platform: e.platform,
    processors: range(e.processors),
    memory_mb: range(e.memoryMb),
    disk_gb: range(e.diskGb),
    cost: e.cost,
    max_instances: e.maxInstances === unlimited ? undefined : e.maxInstances,
    max_wall_seconds: e.maxWall,
    vos: words(e.vos),
    native: e.native ? 'yes' : 'no',
    state: e.state,
  };
  return new Map(Object.entries(shown).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}
