import type { Power } from '../../core/observed.ts';

/**
 * State of a server, tests in order (spec/cloud.md §7.2 with its project rules): the task is compared without case, soft-deleted servers
 * are on their way out, and those that somebody put to sleep are `paused`, which the factory bears for a while.
 */
export function powerOf(status: string, task: string | null, power: number | null): Power {
  const doing = task?.toLowerCase() ?? '';
  const is = status.toUpperCase();
  if (doing === 'deleting' || doing === 'soft-deleting' || is === 'DELETED' || is === 'SOFT_DELETED') return 'deleting';
  if (is === 'ACTIVE' && power === 1) return 'running';
  if (is === 'ACTIVE' || is === 'BUILD') return 'starting';
  if (is === 'SHUTOFF') return 'off';
  if (is === 'ERROR') return 'failed';
  if (is === 'SUSPENDED' || is === 'PAUSED' || is === 'RESCUE' || is.startsWith('SHELVED')) return 'paused';
  return 'unknown';
}
