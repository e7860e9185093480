import type { Environment } from './environment.ts';
import type { IniValue } from './ini.ts';
import type { Place, ProblemList } from './problem.ts';
import type { Section, Sections } from './sections.ts';

/** Files of the early releases (spec/factory.md §23). */
export const earlyFiles = ['vac-virtualmachines.conf', 'vac-factories.conf', 'vac-targetshares.conf'] as const;

/** Whether a section stands in one of them, where it still means what it meant; in the present files it does not (spec/factory.md §3.2). */
export const isEarly = ({ file }: Place): boolean => earlyFiles.some((name) => file === name || file.endsWith(`/${name}`));

/**
 * `[factories] names` and `[targetshares]` of the early files as the present options, unless those are given themselves. Each is told
 * with the line to write. What is not from an early file stays where it is.
 */
export function honourEarly(sections: Sections, problems: ProblemList): Sections {
  const names = sections.factories?.options.get('names');
  let { settings } = sections;
  if (names && isEarly(names.name) && !settings?.options.has('factories') && !sections.defaults?.options.has('factories')) {
    problems.warn(names.name, 'names', `the early form; write factories = ${line(names)} in [settings]`, 'factories');
    settings ??= { title: 'settings', place: names.name, options: new Map() };
    settings.options.set('factories', { ...detached(names), writtenAs: 'names' });
    sections.factories?.options.delete('names');
  }
  for (const [name, share] of sections.targetShares?.options ?? []) {
    const options = sections.machinetypes.get(name)?.options;
    if (!isEarly(share.name) || !options || options.has('target_share')) continue;
    problems.warn(share.name, name, `the early form; write target_share = ${line(share)} in [machinetype ${name}]`, 'targetshares');
    options.set('target_share', { ...detached(share), writtenAs: name });
    sections.targetShares?.options.delete(name);
  }
  return { ...sections, settings };
}

const detached = ({ text, name, place, lines }: IniValue): IniValue => ({ text, name, place, lines });
const line = ({ text }: IniValue): string => (text.length > 200 ? '…' : text.split(/\s+/).join(' '));

/**
 * Processors that follow from the `[virtualmachine NAME]` sections of the early files: each is one machine of this factory, unless its
 * name is that of a machine of another one. Undefined: there are none, or `total_processors` is given. Never more than the host has.
 */
export function earlyProcessors(
  sections: ReadonlyMap<string, Section>,
  about: { readonly factoryName: string; readonly perMachine: number; readonly given: boolean; readonly environment: Environment },
  problems: ProblemList,
): number | undefined {
  const [first] = sections.values();
  if (!first) return undefined;
  if (about.given) {
    problems.warn(first.place, undefined, 'ignored: total_processors in [settings] counts', first.title);
    return undefined;
  }
  const own = [...sections.keys()].filter((name) => {
    const [, label, domain] = /^([^.]+)-\d{2,}(\..+)$/.exec(name) ?? [];
    return label === undefined || `${label}${domain}` === about.factoryName;
  });
  const wanted = own.length * about.perMachine;
  const processors = Math.min(wanted, about.environment.processors);
  const capped = processors < wanted ? ` (${wanted} are asked for, the host has ${processors})` : '';
  problems.warn(first.place, undefined, `the early form; write total_processors = ${processors} in [settings]${capped}`, first.title);
  return processors;
}
