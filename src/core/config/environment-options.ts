import { environmentStates, type Range, unlimited } from '../environment/environment.ts';
import { option, type Type } from './option.ts';
import { decimal, fileOrUrl, list, matching, wholeNumber, word, yesNo } from './option-types.ts';
import { nameRule, validName } from './sections.ts';

/** `4`, or `2-8`. */
function range(unit: string): Type<Range> {
  const number = wholeNumber(unit, 1, unlimited);
  return {
    valid: `${number.valid}, or two of them as LEAST-MOST`,
    read: (text) => {
      const [low = '', high = low] = text.split(/\s*-\s*/, 2);
      const [least, most] = [number.read(low), number.read(high)];
      if ('wrong' in least || text.split('-').length > 2) return { wrong: `${JSON.stringify(text.slice(0, 80))} is not such a number or range` };
      if ('wrong' in most) return { wrong: most.wrong };
      return least.value > most.value ? { wrong: `the range ${least.value}-${most.value} is empty` } : { value: { min: least.value, max: most.value } };
    },
  };
}

/** Printable ASCII: attributes of GLUE 2 that describe hardware and systems hold nothing else in LDAP. */
const plainText = matching('text', /^[ -~]{1,128}$/, 'printable ASCII text of at most 128 characters');
const tag = /^[!#-[\]-~]{1,255}$/;
const voPattern = /^(\/[A-Za-z0-9._+-]+(\/[A-Za-z0-9._+=-]+)*(\/\*)?|[A-Za-z0-9._+-]+)$/;

/** `[environment NAME]` (spec/environments.md §1). */
export const environmentTable = {
  machinetypes: option(list(validName, `machinetypes (${nameRule})`), 'none', 'Machinetypes whose machines are this environment.'),
  image: option(fileOrUrl, 'none', 'Instead of naming them: all machinetypes with this `root_image`.'),
  tags: option(
    list(tag, 'tags of printable ASCII characters except " and \\'),
    'none',
    'Further tags that it satisfies, such as those of software on its image.',
  ),
  app_name: option(plainText, 'NAME up to its last hyphen', 'Name of the application environment in GLUE 2.'),
  app_version: option(plainText, 'the rest of NAME', 'Version of it.'),
  os_family: option(plainText, 'linux', 'Family of the operating system.'),
  os_name: option(plainText, 'unknown', 'Operating system, such as scientificlinux.'),
  os_version: option(plainText, 'unknown', 'Its version.'),
  platform: option(matching('platform', /^[a-z0-9_]{1,64}$/, 'letters a-z, digits and underscores, such as amd64, arm64'), 'amd64', 'Processor architecture.'),
  processors: option(range(''), '1', 'Processors of one machine.'),
  memory_mb: option(range('MiB'), '2048', 'Memory of one machine.'),
  disk_gb: option(range('10^9 bytes'), '10', 'Disk of one machine.'),
  cost: option(decimal('', { least: 0 }), '1', 'Order of preference among the environments that suit a job: cheapest first.'),
  max_instances: option(wholeNumber('machines', 0, unlimited), 'as many as fit', 'Most machines at a time. 0: it takes no jobs.'),
  max_wall_seconds: option(wholeNumber('seconds', 1, unlimited), '86400', 'Greatest wall time of a job.'),
  vos: option(
    list(voPattern, 'VO names, FQANs, and groups with everything below as /GROUP/*'),
    'everyone',
    'Who may ask for it: `atlas` is the whole VO, `/atlas/Role=production` that role alone.',
  ),
  native: option(yesNo, 'no', 'The plain node without a virtual machine. It is preferred to all others.'),
  state: option(word(...environmentStates), 'follows from what its machines do', 'State to publish whatever happens: `pendingremoval` drains it.'),
};
