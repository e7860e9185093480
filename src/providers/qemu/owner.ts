import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

/** The account that a machine's processes run under: its own when the daemon is root, otherwise the daemon's. */
export type Owner = { readonly uid: number } | undefined;

/** First of the user ids for machines: above all that systemd and distributions assign, below 2^31. */
const firstUid = 2_000_000_000;

/**
 * Account of a machine, its user id equal to its group id: no two live machines of a factory share one, nor do, but for a chance of 1 in
 * 100,000, machines of two factories on one host (docs/networking.md). Slots repeat after 1000.
 */
export function machineOwner(stateDir: string, slot: number): { readonly uid: number } {
  const factory = createHash('sha256').update(stateDir).digest().readUInt32BE(0) % 100_000;
  return { uid: firstUid + factory * 1000 + slotNumber(slot) };
}

/** Slots of one number share an account. */
export const slotNumber = (slot: number): number => slot % 1000;

/** Whether this process may give machines ids of their own: real root, not the root of a small user namespace. */
export function canSwitchUser(): boolean {
  if (process.getuid?.() !== 0) return false;
  return readFileSync('/proc/self/uid_map', 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/ +/).map(Number))
    .some(([first = 0, , count = 0]) => first <= firstUid && first + count >= firstUid + 100_000_000);
}

/** Argument of `setpriv`: what of our groups the machine keeps. KVM's, when its device is open to a group only. */
export function groupsArgument(accelerator: 'kvm' | 'tcg'): string {
  if (accelerator === 'tcg') return '--clear-groups';
  const { mode, gid } = statSync('/dev/kvm');
  return (mode & 0o006) === 0o006 ? '--clear-groups' : `--groups=${gid}`;
}
