import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type Said } from '../../src/demo/queue/program.ts';
import { DaemonProcess } from '../daemon/process.ts';
import type { Project } from './project.ts';
import { freePort, spaceText } from './space-text.ts';

const vacua = join(import.meta.dirname, '..', '..', 'bin', 'vacua');

export interface ManagerText {
  /** First part of its factory name. */
  readonly manager: string;
  readonly machinesLimit: number;
  /** User data of the only machinetype, `work`. */
  readonly userData: string;
  /** Further lines for `[space]`, and others for `[machinetype]` that count instead of the usual ones. */
  readonly space?: readonly string[];
  readonly machinetype?: Readonly<Record<string, string>>;
}

/** One manager of a space with one machinetype, on a host without machines of its own. */
export class CloudSite {
  readonly project: Project;
  readonly space: string;
  readonly directory = mkdtempSync(join(tmpdir(), 'vacua-cloud-site-'));
  readonly name: string;
  #daemon: DaemonProcess | undefined;

  private constructor(project: Project, manager: string) {
    this.project = project;
    this.space = `${project.name}.example.com`;
    this.name = `${manager}.${this.space}`;
  }

  static async write(project: Project, text: ManagerText): Promise<CloudSite> {
    const site = new CloudSite(project, text.manager);
    await site.#write(text);
    return site;
  }

  get config(): string {
    return join(this.directory, 'vac.conf');
  }
  get passwordFile(): string {
    return join(this.directory, 'password');
  }
  get daemon(): DaemonProcess {
    if (this.#daemon === undefined) throw new TypeError('no daemon has been started');
    return this.#daemon;
  }

  async #write({ machinesLimit, userData, space = [], machinetype = {} }: ManagerText): Promise<void> {
    const file = (name: string): string => join(this.directory, name);
    writeFileSync(this.passwordFile, `${this.project.password}\n`, { mode: 0o600 });
    writeFileSync(file('user_data'), userData);
    mkdirSync(file('state'));
    const options = {
      target_share: '1',
      root_image: 'image:tiny',
      flavor_names: 't1.nano',
      mb_per_processor: '96',
      user_data: file('user_data'),
      backoff_seconds: '0',
      fizzle_seconds: '0',
      max_wallclock_seconds: '3600',
      ...machinetype,
    };
    const section = spaceText({
      project: this.project,
      space: this.space,
      passwordFile: this.passwordFile,
      guestPort: await freePort(),
      machinesLimit,
      more: space,
    });
    const text = [
      `[settings]\nfactory_name = ${this.name}\nstate_dir = ${file('state')}\ncycle_seconds = 2\nmin_free_disk_gb = 0\n`,
      section,
      `[machinetype ${this.space} work]`,
      ...Object.entries(options).map(([option, value]) => `${option} = ${value}`),
      '',
    ];
    writeFileSync(this.config, text.join('\n'), { mode: 0o600 });
  }

  start(): void {
    this.#daemon = new DaemonProcess('--config', this.config, 'factory');
  }

  /** `vacua` on this site, to its end. */
  vacua(...args: readonly string[]): Promise<Said> {
    return run(vacua, ['--config', this.config, ...args]);
  }

  async close(): Promise<void> {
    await this.#daemon?.end('SIGKILL');
    rmSync(this.directory, { recursive: true, force: true });
  }
}
