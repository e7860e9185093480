import { option } from '../../core/config/option.ts';
import { decimal, matching, oneLine, wholeNumber, word } from '../../core/config/option-types.ts';
import { duration, jobLength, moment, part, rate, signedDuration, timeOfDay, waiting } from './value-types.ts';
import { faultKinds, networkKinds } from './types.ts';

/** `[simulation]`. */
export const simulationTable = {
  title: option(oneLine, 'the name of the file', 'Heading of summary and report.'),
  duration: option(duration(1), '24h', 'How long is simulated.'),
  begin: option(timeOfDay, '00:00', 'Time of day at the start.'),
  seed: option(wholeNumber(''), '1', 'The same seed gives the same result, to the last machine.'),
  report_interval: option(duration(1), '1/288 of the duration, at least 10 s', 'Time between two points of the plots.'),
  network: option(
    word(...networkKinds),
    'auto',
    '`members`: every datagram, with the real codec; `shared`: messages are counted only; `auto` chooses by size.',
  ),
  delay: option(duration(), '50ms', 'Time that a datagram takes.'),
  loss: option(part, '0', 'Part of the datagrams that is lost.'),
  rule: option(word('vacua', 'vac31'), 'vacua', 'How all factories choose; `vac31`: as Vac 3.1, one start per minute.'),
};

/** `[hosts NAME]`: hosts NAME-1, NAME-2, … */
export const hostsTable = {
  count: option(wholeNumber('', 1, 100_000), '1', 'Number of hosts. Each runs a factory.'),
  processors: option(wholeNumber('', 1, 1024), '8', 'Processors, which is the number of slots, of each.'),
  boot: option(duration(), '60s', 'Time from the start of a machine to the first request of its agent.'),
  boot_spread: option(part, '10%', 'By how much single boots are shorter or longer.'),
  boot_concurrency: option(wholeNumber('', 1), 'as in [settings]', 'Machines of a host that may be booting at the same time.'),
  hs06_per_processor: option(decimal('HS06', { above: 0 }), 'as in [settings]', 'Power per processor.'),
  joins: option(moment, '0s', 'When the hosts of this group appear, empty.'),
  joins_within: option(duration(), '10s', 'They appear one after another within this time.'),
  leaves: option(moment, 'never', 'When they are taken away.'),
  notice: option(duration(), '0s', 'How long before that they know it, as a global shutdown time.'),
};

/** `[work MACHINETYPE]`: the task queue of a tenant, and its agents. */
export const workTable = {
  waiting: option(waiting, '0', 'Jobs in the queue at the start; `endless`: there is always another one.'),
  rate: option(rate, 'nothing arrives', 'Jobs arriving at random, on average so many; steps by time of day.'),
  batch: option(wholeNumber('', 1), '1', 'Jobs that arrive together.'),
  job_length: option(jobLength, '1h', 'Run time of a job.'),
  idle: option(duration(1), '300s', 'An agent that finds no job for so long ends with 300.'),
  jobs_per_machine: option(wholeNumber(''), '0', 'After so many an agent ends with 200. 0: as many as fit into the lifetime.'),
  fails: option(part, '0', 'Part of the machines that fail after their boot.'),
  failure: option(matching('message', /^\d{3} [^\n]+$/, 'a code and a text such as 700 Transient problem'), '700 Transient problem', 'What they say.'),
};

/** `[fault NAME]`. */
export const faultTable = {
  kind: option(
    word(...faultKinds),
    'required',
    '`crash`: hosts are down, machines lost; `daemon`: factories away, machines run on; `reboot`: a crash with notice; `partition`: hosts hear only each other; ' +
      '`clock`: clocks step; `loss`: datagrams of the hosts are lost; `black_hole`: machines fail after their boot.',
  ),
  hosts: option(oneLine, 'all', 'Names of hosts or groups, ranges such as wn-001..wn-010, or all.'),
  at: option(moment, 'required', 'When it begins.'),
  lasts: option(duration(1), 'until the end', 'How long each host has it.'),
  stagger: option(duration(), '0s', 'Pause between one host and the next: 0 hits all at once.'),
  together: option(wholeNumber('', 1), '1', 'With `stagger`: so many hosts at a time.'),
  notice: option(duration(), '0s', 'Kind `reboot`: how long before it the hosts know.'),
  skew: option(signedDuration, '1h', 'Kind `clock`: by how much clocks are set forward.'),
  loss: option(part, '20%', 'Kind `loss`: part of the datagrams.'),
  after: option(duration(), '5s', 'Kind `black_hole`: time from boot to failure.'),
  message: option(
    matching('message', /^\d{3} [^\n]+$/, 'a code and a text such as 500 Disk broken'),
    'none: they just end',
    'Kind `black_hole`: what the machines say.',
  ),
};
