import { cloudPipeTable, documentedCloudMachinetype } from './cloud-machinetype-options.ts';
import { commandTable, ec2Table, openstackTable, spaceTable } from './cloud-options.ts';
import { environmentTable } from './environment-options.ts';
import { machinetypeFamilies, ownMachinetype, pipeTable, vacMachinetype } from './machinetype-options.ts';
import type { Table } from './option.ts';
import { queueTable, tenantTable } from './queue-options.ts';
import { ownSettings, settingsFamilies, vacSettings } from './settings-options.ts';

/** The tables of docs/configuration.md by their name there, in Markdown, made from the tables that the reader uses. */
export const documentedTables = (): ReadonlyMap<string, string> =>
  new Map([
    ['settings', `${optionTable(vacSettings, false)}\n${familyRows(settingsFamilies, 3)}`],
    ['settings-own', optionTable(ownSettings, false)],
    ['machinetype', `${optionTable(vacMachinetype, true)}\n${familyRows(machinetypeFamilies, 4)}`],
    ['machinetype-own', optionTable(ownMachinetype, true)],
    ['vacuum-pipe', optionTable(pipeTable, false)],
    ['environment', optionTable(environmentTable, false)],
    ['queue', optionTable(queueTable, false)],
    ['tenant', optionTable(tenantTable, false)],
    ['space', optionTable(spaceTable, false)],
    ['space-openstack', optionTable(openstackTable, false)],
    ['space-ec2', optionTable(ec2Table, false)],
    ['space-command', optionTable(commandTable, false)],
    ['space-machinetype', optionTable(documentedCloudMachinetype, true)],
    ['space-pipe', optionTable(cloudPipeTable, false)],
  ]);

function optionTable(table: Table, pipes: boolean): string {
  const head = pipes ? ['Option', 'Valid', 'Default', 'From a pipe', 'Effect'] : ['Option', 'Valid', 'Default', 'Effect'];
  const rows = Object.entries(table).map(([name, row]) => {
    const old = [...(row.old ?? []), ...(row.overridden ?? [])];
    const about = old.length === 0 ? row.about : `${row.about} Old: ${old.map((o) => `\`${o}\``).join(', ')}.`;
    const start = [`\`${name}\``, row.valid, row.otherwise];
    return pipes ? [...start, row.pipe?.allows ?? (name === 'target_share' ? 'a number; divided' : 'no'), about] : [...start, about];
  });
  return [head, head.map(() => '---'), ...rows].map(line).join('\n');
}

function familyRows(families: Readonly<Record<string, string>>, columns: number): string {
  const rows = Object.entries(families).map(([prefix, about]) => {
    const valid = prefix === 'user_data_file_' ? 'a file' : 'any text';
    const fromPipe = prefix === 'user_data_file_' ? 'a file name without /' : 'printable ASCII characters on one line';
    return [`\`${prefix}XXX\``, `${valid}; XXX of a-z, 0-9, _`, 'none', ...(columns === 4 ? [fromPipe] : []), about];
  });
  return rows.map(line).join('\n');
}

const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
